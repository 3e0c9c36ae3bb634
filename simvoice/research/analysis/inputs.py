"""What the paths on a command line mean: attempts, recordings, results, folders of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from simvoice.errors import AttemptError, UsageError
from simvoice.record.files import HEADER, is_id
from simvoice.record.store import Store
from simvoice.research.analysis.attempts import of_attempt
from simvoice.research.analysis.conversation import Conversation
from simvoice.research.analysis.recording import Recording
from simvoice.research.analysis.results import id_of, is_result, load, results_in
from simvoice.research.recordings.match import SpeakerNames
from simvoice.research.recordings.sound import ENDINGS, channels_of
from simvoice.research.recordings.transcript import KINDS

# -- load -------------------------------------------------------------------------------------
# What a command line names as conversations to take away: results, attempts, folders of both.


@dataclass(frozen=True, slots=True)
class Result:
    """A conversation that was analysed and saved."""

    path: Path

    @property
    def id(self) -> str:
        """The conversation's."""
        return id_of(self.path)

    def load(self) -> Conversation:
        """Raises UsageError when the file is broken."""
        return load(self.path)

    def sound(self) -> Path | None:
        """None: where a recording lay is not kept."""
        return None


@dataclass(frozen=True, slots=True)
class Own:
    """An attempt, analysed when it is asked for."""

    kept: OwnAttempt

    @property
    def id(self) -> str:
        """The attempt's."""
        return self.kept.id

    def load(self) -> Conversation:
        """Raises AttemptError when it cannot be read."""
        return of_attempt(Store(self.kept.root).open(self.kept.id))

    def sound(self) -> Path | None:
        """Where its sound is; None when it was not kept. Raises AttemptError."""
        return Store(self.kept.root).open(self.kept.id).audio_path


ConversationSource = Result | Own
"""Where a conversation comes from: thousands are named at once and loaded one by one."""


def sources_at(given: Sequence[str], attempts: Path) -> list[ConversationSource]:
    """In order of their ids, each once; without a path, every attempt under `attempts`.

    Raises UsageError for a path that is not there or is not analysed yet, or when there is
    nothing.
    """
    found: dict[str, ConversationSource] = {}
    for text in given or [str(attempts)]:
        for source in _at(text, attempts):
            found[source.id] = source
    if not found:
        raise UsageError("there is nothing to take away; make an attempt with: simvoice demo")
    return [found[key] for key in sorted(found)]


def _at(text: str, attempts: Path) -> list[ConversationSource]:
    path = Path(text)
    if path == attempts and not path.exists():
        return []
    if path.is_file() and is_result(path):
        return [Result(path)]
    results = results_in(path) if path.is_dir() else []
    if results:
        return [Result(result) for result in results]
    made: list[ConversationSource] = []
    for item in gather([text], attempts, SpeakerNames()):
        if not isinstance(item, OwnAttempt):
            raise UsageError(
                f"{item.name!r} is a recording; analyse it first, then take the results away: "
                f"simvoice analyze {text!r}"
            )
        made.append(Own(item))
    return made


# -- inputs -----------------------------------------------------------------------------------
# What a command line's paths mean: attempts, recordings, pairs of files, folders of them.


@dataclass(frozen=True, slots=True)
class OwnAttempt:
    """One of our own attempts."""

    id: str
    root: Path
    """The folder of attempts it lies in."""

    @property
    def name(self) -> str:
        """As people know it."""
        return self.id


InputItem = Recording | OwnAttempt


def gather(paths: Sequence[str], attempts: Path, names: SpeakerNames) -> list[InputItem]:
    """Everything the paths name, each once, in a fixed order.

    paths: ids of attempts, their folders, sound files, or folders to be searched through.
    attempts: where ids are looked up. Raises UsageError when a path is not there or nothing was
    found.
    """
    found: list[InputItem] = []
    loose: list[Path] = []
    for text in paths:
        path = Path(text)
        if is_id(text) and not path.exists():
            found.append(_kept(attempts / text))
        elif not path.exists():
            raise UsageError(
                f"{text!r} is neither an attempt's id nor a path that is there; see: "
                "simvoice attempts list"
            )
        elif (path / HEADER).is_file():
            found.append(_kept(path.resolve()))
        elif path.is_dir():
            found += _searched(path, names)
        else:
            loose.append(path)
    found += _recordings(sorted(_without_transcripts(loose)), names, None)
    unique = list(dict.fromkeys(found))
    if not unique:
        raise UsageError(
            f"there is no attempt and no recording in {', '.join(paths)}; sound files end in "
            f"{', '.join(sorted(ENDINGS))}"
        )
    return unique


def _without_transcripts(loose: Sequence[Path]) -> list[Path]:
    """Transcripts that come along with their sound, as `visits/*` names them, are found beside it
    anyway; one that comes alone is refused."""
    sounds = [path for path in loose if path.suffix.casefold() not in KINDS]
    beside = {text for path in sounds for text in _beside(path)}
    alone = [path for path in loose if path not in sounds and path not in beside]
    if alone and not sounds:
        raise UsageError(
            f"{alone[0].name!r} is a transcript; give the sound that it belongs to: it is found "
            "beside it under the same name"
        )
    return sounds


def pair(learner: Path, patient: Path) -> Recording:
    """Two files of one channel each, whatever they are called. Raises UsageError."""
    for path in (learner, patient):
        if not path.is_file():
            raise UsageError(f"the sound file {str(path)!r} is not there; check the name")
    texts = [text for path in (learner, patient) for text in _beside(path)]
    return Recording(f"{learner.stem}+{patient.stem}", (learner, patient), tuple(texts))


def _kept(folder: Path) -> OwnAttempt:
    if not folder.is_dir():
        raise AttemptError(
            f"there is no attempt {folder.name}; run: simvoice attempts list, to see the ones "
            "there are"
        )
    return OwnAttempt(folder.name, folder.parent)


def _searched(root: Path, names: SpeakerNames) -> Iterator[InputItem]:
    """Attempts and recordings below a folder; hidden ones are left alone."""
    sounds: list[Path] = []
    for folder, below, files in _walk(root):
        if HEADER in files and is_id(folder.name):
            below.clear()
            yield _kept(folder.resolve())
        else:
            sounds += [folder / file for file in files if _is_sound(folder / file)]
    yield from _recordings(sounds, names, root)


def _walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Like os.walk, sorted, without what is hidden."""
    for folder, below, files in os.walk(root):
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield Path(folder), below, sorted(name for name in files if not name.startswith("."))


def _is_sound(path: Path) -> bool:
    return path.suffix.casefold() in ENDINGS


def _recordings(paths: Sequence[Path], names: SpeakerNames, root: Path | None) -> list[Recording]:
    """Files whose names differ only in who speaks are one recording."""
    groups: dict[tuple[Path, str], list[Path]] = {}
    for path in paths:
        who = names.who(path.stem)
        key = names.without(path.stem) if who else path.name
        groups.setdefault((path.parent, f"{'pair' if who else 'file'} {key}"), []).append(path)
    found: list[Recording] = []
    for (folder, _), group in groups.items():
        found += _grouped(folder, group, names, root)
    return sorted(found, key=lambda recording: recording.name)


def _grouped(
    folder: Path, group: Sequence[Path], names: SpeakerNames, root: Path | None
) -> Iterator[Recording]:
    sides = {names.who(path.stem): path for path in group}
    # Two that are two-channel files themselves are two visits; one that is broken is no visit.
    are_halves = all(channels_of(path) <= 1 for path in group)
    if len(group) == 2 and set(sides) == {"learner", "patient"} and are_halves:
        files = (sides["learner"], sides["patient"])
        shared = names.without(files[0].stem)
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
    """The transcripts of a sound file: `x.srt`, or one a speaker, `x.doctor.srt`, beside `x.wav`;
    of the most telling kind that is there."""
    try:
        near = sorted(sound.parent.iterdir())
    except OSError:
        return []
    own = [
        path
        for path in near
        if path.suffix.casefold() in KINDS
        and (path.stem == sound.stem or path.stem.startswith(sound.stem + "."))
    ]
    return _first_kind(own)


def _first_kind(paths: Iterable[Path]) -> list[Path]:
    given = list(paths)
    for kind in KINDS:
        if chosen := [path for path in given if path.suffix.casefold() == kind]:
            return chosen
    return []
