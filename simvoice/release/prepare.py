"""Make the files of a release beside the record of its attempt.

| level | header | journal | sound | objections, reflection | numbers |
|---|---|---|---|---|---|
| sound | as recorded | as recorded | as recorded | as they are | made from the debrief |
| words | as recorded | as recorded | none | as they are | made from the debrief |
| numbers | case, patient, version | start and end | none | none | made from the debrief |

A reflection is sent when it is over: nobody but the learner reads a draft.

Every level is a complete record, so that a hub reads all of them in one way. What is reduced is in
the folder `release` inside the attempt's own folder: erasing the attempt erases it at once. Files
that are sent as they are stay where they are, and are not copied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from simvoice import __version__
from simvoice.debrief.model import Debrief
from simvoice.errors import AttemptError
from simvoice.record.events import Ended, Header, Started
from simvoice.record.files import (
    CLOSED,
    FLAC,
    HEADER,
    JOURNAL,
    WAV,
    read_regular,
    replace_file,
    storage_error,
)
from simvoice.record.identity import attempt_uuid
from simvoice.record.journal import encode
from simvoice.record.ratings import OBJECTIONS
from simvoice.record.recorder import ClosedFacts, read_closed
from simvoice.record.reflection import REFLECTION, reflection_for_page
from simvoice.record.store import Attempt
from simvoice.release.contents import LARGEST_FILE, NUMBERS, Contents
from simvoice.release.manifest import FileFacts, ReleaseManifest
from simvoice.release.numbers import numbers_of

FOLDER = "release"
"""The folder of what is reduced, inside the folder of an attempt."""


@dataclass(frozen=True, slots=True)
class PreparedRelease:
    """The files of a release, ready to be sent."""

    manifest: ReleaseManifest
    paths: dict[str, Path]
    """File name to where its bytes are."""


def check_releasable(attempt: Attempt) -> None:
    """Check that an attempt can be released. Raises AttemptError with a sentence."""
    if attempt.state != "complete":
        raise AttemptError(
            f"attempt {attempt.id} is not complete, and only complete attempts can be released"
            + (f": {attempt.problem}" if attempt.problem else "")
        )


def prepare_release(
    attempt: Attempt, debrief: Debrief, contents: Contents, courses: Iterable[UUID] = ()
) -> PreparedRelease:
    """Make the files of a release and return them with size and hash. Can be repeated.

    Raises AttemptError for an attempt that is not complete or has no sound to release, and errors
    of `record.files.storage_error` when the disk fails.
    """
    check_releasable(attempt)
    uuid = attempt_uuid(attempt.header)
    try:
        paths = _make_files(attempt, debrief, contents, uuid)
        files = tuple(_facts(name, path) for name, path in sorted(paths.items()))
    except OSError as error:
        raise storage_error(error, f"preparing the release of attempt {attempt.id}") from error
    manifest = ReleaseManifest(
        uuid=uuid,
        record_id=attempt.id,
        contents=contents,
        courses=tuple(courses),
        files=files,
        simvoice=__version__,
    )
    return PreparedRelease(manifest, paths)


def discard_prepared(folder: Path) -> None:
    """Remove what was made for releases from the folder of an attempt. Never raises."""
    made = folder / FOLDER
    for contents in Contents:
        with suppress(OSError):
            for path in (made / contents).iterdir():
                path.unlink(missing_ok=True)
            (made / contents).rmdir()
    with suppress(OSError):
        made.rmdir()


def _make_files(
    attempt: Attempt, debrief: Debrief, contents: Contents, uuid: UUID
) -> dict[str, Path]:
    made = attempt.folder / FOLDER / contents
    made.mkdir(parents=True, exist_ok=True, mode=0o700)
    numbers = numbers_of(debrief, uuid, contents)
    replace_file(made / NUMBERS, numbers.model_dump_json(indent=1).encode() + b"\n")
    paths = {NUMBERS: made / NUMBERS}
    closed = read_closed(attempt.folder) or ClosedFacts()
    if contents.holds_words:
        paths |= {HEADER: attempt.folder / HEADER, JOURNAL: attempt.folder / JOURNAL}
        for name in _own_words(attempt.folder):
            if copy := _copy(attempt.folder, made, name):
                paths[name] = copy
    else:
        header = _header_without_words(attempt.header, uuid)
        replace_file(made / HEADER, header.model_dump_json(indent=2).encode() + b"\n")
        replace_file(made / JOURNAL, _journal_without_words(attempt))
        paths |= {HEADER: made / HEADER, JOURNAL: made / JOURNAL}
        closed = ClosedFacts(journal_bytes=paths[JOURNAL].stat().st_size)
    if contents.holds_sound:
        sound = attempt.audio_path
        if sound is None or sound.name not in {FLAC, WAV}:
            raise AttemptError(
                f"the sound of attempt {attempt.id} was not stored; release its words and numbers"
            )
        return {**paths, CLOSED: attempt.folder / CLOSED, sound.name: sound}
    # A reader compares the mark with the record, and would miss the sound.
    silent = closed.model_copy(update={"samples": 0})
    replace_file(made / CLOSED, silent.model_dump_json().encode() + b"\n")
    return {**paths, CLOSED: made / CLOSED}


def _own_words(folder: Path) -> Iterator[str]:
    """Yield the files of the learner's own words that are released."""
    yield OBJECTIONS
    if reflection_for_page(folder) is not None:
        yield REFLECTION


def _copy(folder: Path, made: Path, name: str) -> Path | None:
    """Return a copy of a file as it is now: a later objection changes it. None without the file."""
    try:
        data = read_regular(folder / name, LARGEST_FILE[name])
    except FileNotFoundError:
        return None
    if not data:
        return None
    replace_file(made / name, data)
    return made / name


def _header_without_words(header: Header, uuid: UUID) -> Header:
    """Return what an educator needs to know which case it was.

    Without the learner's pseudonym, the devices, and the facts and rules of the case.
    """
    return Header(
        attempt=header.attempt,
        uuid=uuid,
        simvoice=header.simvoice,
        case_id=header.case_id,
        case_title=header.case_title,
        case_sha256=header.case_sha256,
        patient_name=header.patient_name,
        seed=0,
        visit=header.visit,
        instruments=header.instruments,
        again=header.again,
        continues=header.continues,
        moment=header.moment,
    )


def _journal_without_words(attempt: Attempt) -> bytes:
    started, ended = attempt.started, attempt.ended
    if started is None or ended is None:
        raise AttemptError(f"the journal of attempt {attempt.id} has no start or no end")
    kept = (
        Started(at_s=started.at_s, wall_time=started.wall_time),
        Ended(at_s=max(ended.at_s, attempt.duration_s), reason=ended.reason),
    )
    return b"".join(encode(entry) for entry in kept)


def _facts(name: str, path: Path) -> FileFacts:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileFacts(name=name, size=file.tell(), sha256=digest)
