"""Find the attempts, recordings and results that the paths on a command line name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from simvoice.errors import AttemptError, UsageError
from simvoice.reading.reading import read
from simvoice.record.files import HEADER, is_id
from simvoice.record.store import Store
from simvoice.research.analysis.attempts import analyse_attempt
from simvoice.research.analysis.conversation import Conversation
from simvoice.research.analysis.recording import Recording
from simvoice.research.analysis.results import id_of, is_result, load, results_in
from simvoice.research.recordings.match import SpeakerNames
from simvoice.research.recordings.sound import SOUND_ENDINGS, channels_of
from simvoice.research.recordings.transcript import TRANSCRIPT_ENDINGS

# -- sources of conversations to export -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class ResultSource:
    """A saved result of an analysis."""

    path: Path

    @property
    def id(self) -> str:
        """The conversation's id."""
        return id_of(self.path)

    def load(self) -> Conversation:
        """Return the conversation. Raises UsageError when the file is broken."""
        return load(self.path)

    def sound(self) -> Path | None:
        """Return None: results do not store the path of the recording."""
        return None


@dataclass(frozen=True, slots=True)
class AttemptSource:
    """An attempt, which is analysed when it is loaded."""

    attempt: OwnAttempt

    @property
    def id(self) -> str:
        """The attempt's id."""
        return self.attempt.id

    def load(self) -> Conversation:
        """Return the conversation. Raises AttemptError when it cannot be read."""
        attempt = Store(self.attempt.root).open(self.attempt.id)
        return analyse_attempt(attempt, read(attempt))

    def sound(self) -> Path | None:
        """Return the path of its sound; None when none is stored. Raises AttemptError."""
        return Store(self.attempt.root).open(self.attempt.id).audio_path


ConversationSource = ResultSource | AttemptSource
"""Where a conversation comes from. There can be thousands, so each is loaded when needed."""


def sources_at(given: Sequence[str], attempts: Path) -> list[ConversationSource]:
    """Return the sources in order of their ids, each once; without paths, all of `attempts`.

    Raises UsageError for a path that does not exist or is not analysed yet, or when nothing is
    found.
    """
    found: dict[str, ConversationSource] = {}
    for text in given or [str(attempts)]:
        for source in _sources(text, attempts):
            found[source.id] = source
    if not found:
        raise UsageError("there is nothing to export; make an attempt with: simvoice demo")
    return [found[key] for key in sorted(found)]


def _sources(text: str, attempts: Path) -> list[ConversationSource]:
    path = Path(text)
    if path == attempts and not path.exists():
        return []
    if path.is_file() and is_result(path):
        return [ResultSource(path)]
    results = results_in(path) if path.is_dir() else []
    if results:
        return [ResultSource(result) for result in results]
    made: list[ConversationSource] = []
    for item in gather([text], attempts, SpeakerNames()):
        if not isinstance(item, OwnAttempt):
            raise UsageError(
                f"{item.name!r} is a recording; analyse it first, then export the results: "
                f"simvoice analyze {text!r}"
            )
        made.append(AttemptSource(item))
    return made


# -- inputs to analyse ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OwnAttempt:
    """An attempt that simvoice recorded."""

    id: str
    root: Path
    """The folder of attempts that contains it."""

    @property
    def name(self) -> str:
        """The displayed name."""
        return self.id


InputItem = Recording | OwnAttempt


def gather(paths: Sequence[str], attempts: Path, names: SpeakerNames) -> list[InputItem]:
    """Return everything that the paths name, each once, in a fixed order.

    paths: ids of attempts, their folders, sound files, or folders to search. attempts: the folder
    that ids refer to. Raises UsageError when a path does not exist or nothing is found.
    """
    found: list[InputItem] = []
    loose: list[Path] = []
    for text in paths:
        path = Path(text)
        if is_id(text) and not path.exists():
            found.append(_attempt_at(attempts / text))
        elif not path.exists():
            raise UsageError(
                f"{text!r} is neither the id of an attempt nor an existing path; to list attempts: "
                "simvoice attempts list"
            )
        elif (path / HEADER).is_file():
            found.append(_attempt_at(path.resolve()))
        elif path.is_dir():
            found += _search(path, names)
        else:
            loose.append(path)
    found += _recordings(sorted(_without_transcripts(loose)), names, None)
    unique = list(dict.fromkeys(found))
    if not unique:
        raise UsageError(
            f"there is no attempt and no recording in {', '.join(paths)}; sound files end in "
            f"{', '.join(sorted(SOUND_ENDINGS))}"
        )
    return unique


def _without_transcripts(loose: Sequence[Path]) -> list[Path]:
    """Return the sound files. Raises UsageError for a transcript without its sound.

    A transcript given with its sound, as `visits/*` does, is found beside the sound anyway.
    """
    sounds = [path for path in loose if path.suffix.casefold() not in TRANSCRIPT_ENDINGS]
    beside = {text for path in sounds for text in _beside(path)}
    alone = [path for path in loose if path not in sounds and path not in beside]
    if alone and not sounds:
        raise UsageError(
            f"{alone[0].name!r} is a transcript; give the sound file: its transcript is found "
            "beside it under the same name"
        )
    return sounds


def pair(learner: Path, patient: Path) -> Recording:
    """Return the recording of two files with one channel each. Raises UsageError."""
    for path in (learner, patient):
        if not path.is_file():
            raise UsageError(f"the sound file {str(path)!r} does not exist; check the name")
    texts = [text for path in (learner, patient) for text in _beside(path)]
    return Recording(f"{learner.stem}+{patient.stem}", (learner, patient), tuple(texts))


def _attempt_at(folder: Path) -> OwnAttempt:
    if not folder.is_dir():
        raise AttemptError(
            f"there is no attempt {folder.name}; to list all attempts, run: simvoice attempts list"
        )
    return OwnAttempt(folder.name, folder.parent)


def _search(root: Path, names: SpeakerNames) -> Iterator[InputItem]:
    """Yield attempts and recordings below a folder; hidden ones are skipped."""
    sounds: list[Path] = []
    for folder, below, files in _walk(root):
        if HEADER in files and is_id(folder.name):
            below.clear()
            yield _attempt_at(folder.resolve())
        else:
            sounds += [folder / file for file in files if _is_sound(folder / file)]
    yield from _recordings(sounds, names, root)


def _walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Like os.walk, sorted and without hidden files and folders."""
    for folder, below, files in os.walk(root):
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield Path(folder), below, sorted(name for name in files if not name.startswith("."))


def _is_sound(path: Path) -> bool:
    return path.suffix.casefold() in SOUND_ENDINGS


def _recordings(paths: Sequence[Path], names: SpeakerNames, root: Path | None) -> list[Recording]:
    """Return the recordings; files whose names differ only in the speaker are one recording."""
    groups: dict[tuple[Path, str], list[Path]] = {}
    for path in paths:
        who = names.speaker_of(path.stem)
        key = names.without_names(path.stem) if who else path.name
        groups.setdefault((path.parent, f"{'pair' if who else 'file'} {key}"), []).append(path)
    found: list[Recording] = []
    for (folder, _), group in groups.items():
        found += _grouped(folder, group, names, root)
    return sorted(found, key=lambda recording: recording.name)


def _grouped(
    folder: Path, group: Sequence[Path], names: SpeakerNames, root: Path | None
) -> Iterator[Recording]:
    sides = {names.speaker_of(path.stem): path for path in group}
    # Two files of two channels are two visits; 0 channels (a broken file) still count as a half.
    are_halves = all(channels_of(path) <= 1 for path in group)
    if len(group) == 2 and set(sides) == {"learner", "patient"} and are_halves:
        files = (sides["learner"], sides["patient"])
        shared = names.without_names(files[0].stem)
        texts = _first_kind([*_beside(files[0]), *_beside(files[1])]) or (
            _beside(folder / f"{shared}.wav") if shared else []
        )
        yield Recording(_name(folder / (shared or files[0].stem), root), files, tuple(texts))
        return
    for path in group:
        yield Recording(_name(path.with_suffix(""), root), (path,), tuple(_beside(path)))


def _name(path: Path, root: Path | None) -> str:
    return (path.relative_to(root) if root is not None else Path(path.name)).as_posix()


def _beside(sound: Path) -> list[Path]:
    """Return the transcripts beside a sound file, of the most informative format only.

    Beside `x.wav` these are `x.srt`, or one for each speaker, such as `x.doctor.srt`.
    """
    try:
        siblings = sorted(sound.parent.iterdir())
    except OSError:
        return []
    own = [
        path
        for path in siblings
        if path.suffix.casefold() in TRANSCRIPT_ENDINGS
        and (path.stem == sound.stem or path.stem.startswith(sound.stem + "."))
    ]
    return _first_kind(own)


def _first_kind(paths: Iterable[Path]) -> list[Path]:
    given = list(paths)
    for kind in TRANSCRIPT_ENDINGS:
        if chosen := [path for path in given if path.suffix.casefold() == kind]:
            return chosen
    return []
