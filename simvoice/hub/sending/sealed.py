"""Take in sealed records: what stations send, and what comes on a stick.

A sealed file is opened in a private folder, which is removed at once. Its record becomes an attempt
of the account or the exam code under which it was made, exactly once by its UUID: whichever of the
two ways comes second changes nothing.

    begin, append, finish   a station sends the file (by tus, as laptops do)
    import_file             `simvoice hub import` reads it from a stick

A record whose code the hub does not know, as after the restoration of an older database, is kept
aside as it came, sealed, and tried again later. Nothing that could be opened is ever dropped.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from simvoice import log
from simvoice.display import count_noun
from simvoice.errors import AttemptError, RecordingLost, SimvoiceError, StorageFull
from simvoice.hub import attempts, audit, courses, erasing, releases
from simvoice.hub.attempts import AttemptErased
from simvoice.hub.codes import CodeKind
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub
from simvoice.hub.sending.partial_files import PartialUpload, UploadInUse, has_space, wrong_file
from simvoice.hub.sending.private_folders import private_folder, remove_left
from simvoice.hub.sending.receive import (
    Refusal,
    begin_files,
    drop_upload,
    gone,
    in_use,
    own_upload,
    uploads_folder,
)
from simvoice.hub.stations import visits
from simvoice.hub.storage.tables import Assignment, Erasure, OneTimeCode, StoredAttempt, Upload
from simvoice.hub.storage.upsert import put
from simvoice.hub_client.messages import Begun, KnownAttempt
from simvoice.hub_client.station_messages import SEALED_NAME
from simvoice.record.files import storage_error, sync_folder
from simvoice.record.identity import attempt_uuid
from simvoice.record.store import Attempt, Store
from simvoice.release.manifest import FileFacts, SealedFacts, SealedOwner
from simvoice.release.sealed import ENDING, LARGEST_SEALED, NotSealed, sealed_name, unseal

_log = logging.getLogger(__name__)

_ERASED = "This attempt was erased on the hub, and is not taken again."


class Outcome(StrEnum):
    """What became of a sealed record."""

    KEPT = "kept"
    """It is an attempt of the hub now."""
    WAS_HERE = "was here"
    """The hub had it before; nothing has changed."""
    ASIDE = "kept aside"
    """Its code is not known here; it waits, sealed."""
    ERASED = "erased"
    """The attempt was erased on the hub, and is not taken again."""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A sealed record that was opened, and what became of it."""

    uuid: UUID
    record_id: str
    outcome: Outcome


# -- from a station -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SealedUpload:
    """A sealed file that a station has begun to send. It is announced as one file in a folder."""

    facts: SealedFacts
    upload: PartialUpload

    @property
    def record_id(self) -> str:
        """Names the folder of the file inside that of the upload."""
        return SEALED_NAME

    @property
    def files(self) -> tuple[FileFacts, ...]:
        """The one file."""
        return (FileFacts(name=SEALED_NAME, size=self.facts.size, sha256=self.facts.sha256),)

    @property
    def path(self) -> Path:
        """Where it arrives."""
        return self.upload.record(self) / SEALED_NAME


def _files(hub: Hub, uuid: UUID) -> PartialUpload:
    """Return the place of an upload's file, which is encrypted for the seal key as it comes."""
    return PartialUpload(uploads_folder(hub), uuid)


def begin(hub: Hub, visitor: Visitor, facts: SealedFacts) -> Begun:
    """Accept the announcement of a sealed record and say how far it is. Raises Refusal."""
    if facts.size > LARGEST_SEALED:
        raise Refusal(422, f"A record has at most {LARGEST_SEALED} bytes.")
    announced = SealedUpload(facts, _files(hub, facts.uuid))
    is_aside = aside_file(hub, facts.uuid).exists()
    try:
        with hub.database.begin() as session:
            if session.get(Erasure, facts.uuid) is not None:
                raise Refusal(409, _ERASED)
            is_kept = is_aside or session.get(StoredAttempt, facts.uuid) is not None
            if is_kept:
                drop_upload(session, facts.uuid)
            else:
                given = facts.model_dump(mode="json")
                earlier = own_upload(session, hub, visitor, facts.uuid, given, announced.upload)
    except IntegrityError as error:  # the same upload began twice at once
        raise in_use() from error
    if is_kept:
        announced.upload.remove()
        return Begun(kept=True)
    return begin_files(announced.upload, announced, must_clear=_read_facts(earlier) != facts)


def _read_facts(given: dict[str, Any] | None) -> SealedFacts | None:
    try:
        return None if given is None else SealedFacts.model_validate(given, strict=False)
    except ValidationError:  # of another version of simvoice
        return None


def open_upload(hub: Hub, visitor: Visitor, uuid: UUID) -> SealedUpload:
    """Return an upload that this station has begun. Raises Refusal."""
    with hub.database.read() as session:
        found = session.get(Upload, uuid)
    facts = _read_facts(found.manifest) if found is not None else None
    if found is None or facts is None or found.device_id != visitor.device_id:
        raise gone()
    return SealedUpload(facts, _files(hub, uuid))


def finish(hub: Hub, visitor: Visitor, uuid: UUID) -> Outcome:
    """Verify a sealed record that has arrived, and take it in. Can be repeated. Raises Refusal.

    Raises StorageFull and StorageAway too: then what has arrived stays, to try again.
    """
    try:
        sent = open_upload(hub, visitor, uuid)
    except Refusal:
        known = _known(hub, [uuid])[uuid]
        if known == "kept":  # the answer to an earlier request was lost
            return Outcome.WAS_HERE
        raise
    try:
        with sent.upload.locked():
            if not sent.upload.is_complete(sent):
                raise Refusal(410, "Not all of the record has arrived; begin again.")
            if wrong_file(sent.upload.folder, sent):
                _discard(hub, sent)
                raise Refusal(460, "What arrived is not what was announced. Nothing was kept.")
            try:
                taken = take_in(hub, visitor, sent.path, expected=uuid)
            except (NotSealed, RecordingLost) as error:
                _discard(hub, sent)
                raise Refusal(422, _sentence(error)) from error
            _discard(hub, sent)
    except UploadInUse as error:
        raise in_use() from error
    if taken.outcome is Outcome.ERASED:
        raise Refusal(409, _ERASED)
    return taken.outcome


def _sentence(error: SimvoiceError) -> str:
    said = str(error).replace(SEALED_NAME + " ", "the record ", 1)
    return f"{said[:1].upper()}{said[1:]}."


def _discard(hub: Hub, sent: SealedUpload) -> None:
    with hub.database.begin() as session:
        drop_upload(session, sent.facts.uuid)
    sent.upload.remove()


def check(hub: Hub, uuids: Sequence[UUID]) -> tuple[KnownAttempt, ...]:
    """Return what the hub knows of attempts: a hub that was restored has lost some of them."""
    known = _known(hub, uuids)
    return tuple(KnownAttempt(uuid=uuid, state=known[uuid]) for uuid in uuids)


def _known(hub: Hub, uuids: Sequence[UUID]) -> dict[UUID, Any]:
    found: dict[UUID, Any] = {}
    with hub.database.read() as session:
        for uuid in uuids:
            if session.get(Erasure, uuid) is not None:
                found[uuid] = "erased"
            elif session.get(StoredAttempt, uuid) or aside_file(hub, uuid).exists():
                found[uuid] = "kept"
            else:
                found[uuid] = "unknown"
    return found


# -- from a stick -------------------------------------------------------------------------------


def import_file(hub: Hub, file: Path) -> TakenIn:
    """Take in a sealed file of a stick. The file stays as it is. Can be repeated.

    Raises NotSealed, RecordingLost when it is damaged or of another hub, StorageFull, StorageAway.
    """
    return take_in(hub, audit.COMMAND_LINE, file)


# -- take in ------------------------------------------------------------------------------------


def take_in(hub: Hub, visitor: Visitor, file: Path, expected: UUID | None = None) -> TakenIn:
    """Open a sealed file and keep its record, once. Raises as `import_file`.

    expected: UUID under which it was announced; another one is refused.
    """
    with private_folder(hub) as folder:
        size = file.stat().st_size if file.exists() else 0
        if not has_space(folder, size):
            raise StorageFull("the disk of the hub is full; free some space and try again")
        found = unseal(file, hub.seal_key.identities, folder)
        manifest = found.manifest
        attempt = _opened(found.folder, manifest.uuid)
        if expected is not None and manifest.uuid != expected:
            raise NotSealed("the sealed record is of another attempt than was announced")
        outcome = _keep(hub, visitor, attempt, manifest.owner)
    if outcome is Outcome.ASIDE:
        _set_aside(hub, file, manifest.uuid)
    else:
        aside_file(hub, manifest.uuid).unlink(missing_ok=True)
    _log.info("sealed record attempt=%s outcome=%s", manifest.uuid, outcome)
    return TakenIn(manifest.uuid, manifest.record_id, outcome)


def _opened(folder: Path, uuid: UUID) -> Attempt:
    """Return the attempt in a folder. Parts of it may be damaged: it is all that there is."""
    try:
        attempt = Store(folder.parent).open_recovered(folder.name)
    except AttemptError as error:
        raise NotSealed(f"the sealed record is no attempt: {error}") from error
    if attempt.header.attempt != attempt.id or attempt_uuid(attempt.header) != uuid:
        raise NotSealed("the sealed record is of another attempt than it says")
    return attempt


def _keep(hub: Hub, visitor: Visitor, attempt: Attempt, owner: SealedOwner) -> Outcome:
    uuid = attempt_uuid(attempt.header)
    with hub.database.read() as session:
        if session.get(Erasure, uuid) is not None:
            return Outcome.ERASED
        if session.get(StoredAttempt, uuid) is not None:
            return Outcome.WAS_HERE
        whose = _owner_on_hub(session, owner)
        is_gone = owner.code is not None and erasing.is_of_erased_account(session, owner.code)
    if whose is None and is_gone:
        with hub.database.begin() as session:  # so that it is not sent again either
            put(session, Erasure(attempt_id=uuid, at=hub.now(), reason="account", size=0))
        return Outcome.ERASED
    if whose is None:
        return Outcome.ASIDE
    is_new = False

    def report(session: Session, attempt_id: UUID) -> None:
        nonlocal is_new
        is_new = True
        _settle(session, hub, visitor, attempt_id, owner, whose)

    try:
        attempts.keep(
            hub,
            attempt.folder,
            origin="station",
            owner_id=whose.person_id,
            code_id=whose.exam_code_id,
            device_id=visitor.device_id,
            assignment_id=whose.assignment_id,
            report=report,
        )
    except AttemptErased:
        return Outcome.ERASED
    except AttemptError as error:  # its account was removed meanwhile, or it is someone else's
        _log.error("a sealed record cannot be kept: %s", log.place(error))
        return Outcome.ASIDE
    return Outcome.KEPT if is_new else Outcome.WAS_HERE


@dataclass(frozen=True, slots=True)
class _Whose:
    """To whom a record belongs, as this hub knows it."""

    person_id: UUID | None
    exam_code_id: UUID | None
    assignment_id: UUID | None


def _owner_on_hub(session: Session, owner: SealedOwner) -> _Whose | None:
    """Return whose record it is; None for a code that the hub does not know.

    What the station says of the assignment counts only for the code of a person.
    """
    code = session.get(OneTimeCode, owner.code) if owner.code is not None else None
    if code is None:
        return None
    if code.kind == CodeKind.EXAM:
        return _Whose(None, code.id, code.assignment_id)
    if code.kind != CodeKind.LEARNER or code.person_id is None:
        return None
    task = session.get(Assignment, owner.assignment) if owner.assignment is not None else None
    return _Whose(code.person_id, None, None if task is None else task.id)


def _settle(
    session: Session,
    hub: Hub,
    visitor: Visitor,
    attempt_id: UUID,
    owner: SealedOwner,
    whose: _Whose,
) -> None:
    """Do what must be true as soon as the attempt is kept, in the same transaction."""
    task = session.get(Assignment, whose.assignment_id) if whose.assignment_id else None
    if whose.exam_code_id is not None:
        at = visits.from_unix(owner.made_at, hub.now())
        code_id = whose.exam_code_id
        visits.note_begun(session, hub, visitor, code_id, owner.session, at, attempt_id)
    is_theirs = task is not None and (
        whose.person_id is None or courses.is_learner_of(session, whose.person_id, task.course_id)
    )
    audit.record(session, visitor, "receive attempt", attempt_id, owner.mode)
    if owner.is_released and task is not None and is_theirs:
        released = releases.release_exam(session, attempt_id, task.id)
        if released is not None:
            detail = f"{released.contents} {released.course_id}"
            audit.record(session, visitor, "release attempt", attempt_id, detail)


# -- what is kept aside -------------------------------------------------------------------------


def aside_folder(hub: Hub) -> Path:
    """Return the folder of sealed records whose code the hub does not know."""
    return hub.settings.data / "aside"


def aside_file(hub: Hub, uuid: UUID) -> Path:
    """Return where a record that is kept aside would be."""
    return aside_folder(hub) / sealed_name(uuid)


def kept_aside(hub: Hub) -> list[Path]:
    """Return the sealed records that are kept aside, the oldest first."""
    with suppress(OSError):
        found = [path for path in aside_folder(hub).iterdir() if path.name.endswith(ENDING)]
        return sorted(found, key=lambda path: (path.stat().st_mtime, path.name))
    return []


def _set_aside(hub: Hub, file: Path, uuid: UUID) -> None:
    """Keep a copy of a sealed file, which survives a power cut. Raises StorageFull."""
    target = aside_file(hub, uuid)
    if target.exists() and (file.resolve() == target.resolve() or _same_size(file, target)):
        return
    partial = target.with_name(f"{target.name}.{secrets.token_hex(4)}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with file.open("rb") as given, partial.open("xb") as out:
            partial.chmod(0o600)
            shutil.copyfileobj(given, out, 1 << 20)
            out.flush()
            os.fsync(out.fileno())
        os.replace(partial, target)
        sync_folder(target.parent)
    except OSError as error:
        raise storage_error(error, "keeping a sealed record aside") from error
    finally:
        partial.unlink(missing_ok=True)


def _same_size(one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size


def sweep(hub: Hub) -> None:
    """Try again what is kept aside, and remove what a killed hub had opened. Never raises."""
    remove_left(hub)
    for file in kept_aside(hub):
        try:
            take_in(hub, Visitor(login="hub"), file)
        except (SimvoiceError, OSError) as error:
            _log.warning("a sealed record stays aside: %s", log.place(error))


def start(hub: Hub) -> list[str]:
    """Clear up after a hub that was killed; return sentences for those who run the hub."""
    sweep(hub)
    count = len(kept_aside(hub))
    if not count:
        return []
    return [
        f"{count_noun(count, 'sealed record')} of stations waits in {aside_folder(hub)}: the hub "
        "does not know the code. Restore a newer database, or ask the station's learners."
    ]
