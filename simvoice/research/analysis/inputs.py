"""Find the attempts, recordings and results that the paths on a command line name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from simvoice.errors import AttemptError, UsageError
from simvoice.reading.reading import read
from simvoice.record.files import HEADER, is_id
from simvoice.record.store import Store
from simvoice.research.analysis.attempts import analyse_attempt
from simvoice.research.analysis.conversation import Conversation
from simvoice.research.analysis.folder_search import (
    LeftOut,
    Transcripts,
    explain,
    is_sound,
    search,
)
from simvoice.research.analysis.recording import Recording
from simvoice.research.analysis.results import id_of, is_result, load, results_in
from simvoice.research.recordings.file_names import is_unicode, shown_name
from simvoice.research.recordings.sound import SOUND_ENDINGS, channels_of, holds_one_sound
from simvoice.research.recordings.speaker_names import SpeakerNames
from simvoice.safe_text import shortened

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
    for item in gather([text], attempts, SpeakerNames()).items:
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


@dataclass(frozen=True, slots=True)
class Gathered:
    """What to analyse, and every other file with the reason why it is left out."""

    items: list[InputItem]
    left_out: list[LeftOut]


def gather(paths: Sequence[str], attempts: Path, names: SpeakerNames) -> Gathered:
    """Return everything that the paths name, each once, in a fixed order.

    paths: ids of attempts, their folders, sound files, or folders to search. attempts: the folder
    that ids refer to. Raises UsageError when a path does not exist or nothing is found.
    """
    found: list[InputItem] = []
    left_out: list[LeftOut] = []
    loose: list[Path] = []
    for text in paths:
        path = Path(text)
        if not is_unicode(path):
            left_out.append(LeftOut.not_unicode(path))
        elif is_id(text) and not os.path.exists(path):
            found.append(_attempt_at(attempts / text))
        elif not os.path.lexists(path):  # also a name that the system refuses
            raise UsageError(
                f"{shortened(text)!r} is neither the id of an attempt nor an existing path; "
                "to list attempts: simvoice attempts list"
            )
        elif os.path.isfile(path / HEADER):
            found.append(_attempt_at(path.resolve()))
        elif path.is_dir():
            items, others = _searched(path, names)
            found += items
            left_out += others
        elif not path.is_file():
            left_out.append(LeftOut.not_regular(path))
        else:
            loose.append(path)
    recordings, others = _given(loose, names)
    unique = list(dict.fromkeys([*found, *recordings]))
    left_out = list(dict.fromkeys([*left_out, *others]))
    if not unique:
        raise _nothing_found(paths, left_out)
    return Gathered(unique, left_out)


def _nothing_found(paths: Sequence[str], left_out: Sequence[LeftOut]) -> UsageError:
    where = ", ".join(shown_name(Path(path), whole=True) for path in paths)
    named = "; ".join(f"{each.name!r} was left out: {each.reason}" for each in left_out[:3])
    return UsageError(
        f"there is no attempt and no recording in {where}; sound files end in "
        f"{', '.join(sorted(SOUND_ENDINGS))}" + (f" ({named})" if named else "")
    )


def _given(loose: Sequence[Path], names: SpeakerNames) -> tuple[list[Recording], list[LeftOut]]:
    """Return the recordings among files that are named themselves, and the other files.

    Raises UsageError when only transcripts are named. A transcript given with its sound, as
    `visits/*` does, is found beside the sound anyway.
    """
    transcripts = Transcripts()
    sounds = [path for path in loose if is_sound(path)]
    others = [path for path in loose if path not in sounds]
    texts = [path for path in others if transcripts.is_one(path)]
    if texts and not sounds:
        raise UsageError(
            f"{texts[0].name!r} is a transcript; give the sound file: its transcript is found "
            "beside it under the same name"
        )
    if not sounds:
        sounds, others = others, []  # a file that is named alone is tried, whatever its ending
    found = _recordings(sorted(sounds), names, None, transcripts)
    return found, explain(others, sounds, _used(found), None)


def pair(learner: Path, patient: Path) -> Recording:
    """Return the recording of two files, each with one speaker. Raises UsageError."""
    for path in (learner, patient):
        if not is_unicode(path):
            raise UsageError(
                f"the name of {shown_name(path)!r} is not valid UTF-8, so no result can name it; "
                "rename the file"
            )
        if not path.exists():
            raise UsageError(f"the sound file {str(path)!r} does not exist; check the name")
    transcripts = Transcripts()
    texts = transcripts.first_kind(
        [text for path in (learner, patient) for text in transcripts.all_beside(path)]
    )
    return Recording(f"{learner.stem}+{patient.stem}", (learner, patient), tuple(texts))


def _attempt_at(folder: Path) -> OwnAttempt:
    if not folder.is_dir():
        raise AttemptError(
            f"there is no attempt {folder.name}; to list all attempts, run: simvoice attempts list"
        )
    return OwnAttempt(folder.name, folder.parent)


def _searched(root: Path, names: SpeakerNames) -> tuple[list[InputItem], list[LeftOut]]:
    """Return attempts and recordings below a folder, and every other file with its reason."""
    found = search(root)
    recordings = _recordings(found.sounds, names, root, Transcripts())
    items: list[InputItem] = [_attempt_at(folder.resolve()) for folder in found.attempts]
    explained = explain(found.others, found.sounds, _used(recordings), root)
    return [*items, *recordings], [*found.left_out, *explained]


def _used(recordings: Sequence[Recording]) -> frozenset[Path]:
    return frozenset(path for recording in recordings for path in recording.transcripts)


def _recordings(
    paths: Sequence[Path], names: SpeakerNames, root: Path | None, transcripts: Transcripts
) -> list[Recording]:
    """Return the recordings; files whose names differ only in the speaker are one recording."""
    groups: dict[tuple[Path, str], list[Path]] = {}
    for path in paths:
        who = names.speaker_of(path.stem)
        key = names.without_names(path.stem) if who else path.name
        groups.setdefault((path.parent, f"{'pair' if who else 'file'} {key}"), []).append(path)
    found: list[Recording] = []
    for (folder, _), group in groups.items():
        found += _grouped(folder, group, names, root, transcripts)
    return sorted(found, key=lambda recording: recording.name)


def _grouped(
    folder: Path,
    group: Sequence[Path],
    names: SpeakerNames,
    root: Path | None,
    transcripts: Transcripts,
) -> Iterator[Recording]:
    sides = {names.speaker_of(path.stem): path for path in group}
    remarks: tuple[str, ...] = ()
    if len(group) == 2 and set(sides) == {"learner", "patient"}:
        files = (sides["learner"], sides["patient"])
        if _are_halves(files):
            shared = names.without_names(files[0].stem)
            texts = transcripts.first_kind(
                [*transcripts.all_beside(files[0]), *transcripts.all_beside(files[1])]
            ) or (transcripts.beside(folder / f"{shared}.wav") if shared else [])
            yield Recording(_name(folder / (shared or files[0].stem), root), files, tuple(texts))
            return
        remarks = (
            f"{files[0].name!r} and {files[1].name!r} have two different channels each, so they "
            "were measured as two conversations; if each holds one speaker: "
            f"--two {files[0].name!r} {files[1].name!r}",
        )
    for path in group:
        texts = transcripts.beside(path)
        yield Recording(_name(path.with_suffix(""), root), (path,), tuple(texts), remarks)


def _are_halves(files: tuple[Path, Path]) -> bool:
    """Return whether two files are the two speakers of one conversation, by their channels.

    Two files of two channels are two conversations, unless both channels of each hold one sound. A
    broken file (0 channels) still counts as a half.
    """
    channels = [channels_of(path) for path in files]
    if min(channels) <= 1:
        return max(channels) <= 2
    return max(channels) == 2 and all(holds_one_sound(path) for path in files)


def _name(path: Path, root: Path | None) -> str:
    return (path.relative_to(root) if root is not None else Path(path.name)).as_posix()
