"""Receive the attempts that devices send: begin, append, finish, withdraw.

Each step can be repeated, and the answer to a repeated one is the same. So a device that lost an
answer, or a hub that was killed after any line of this file, goes on with the next request.

An upload belongs to the device that began it (the row `Upload`), and its bytes to `partial_files`.
It becomes an attempt in one step (`attempts.keep`), after every hash was compared and the record
was read. Until then no page of the hub shows anything of it.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from simvoice.errors import AttemptError, SimvoiceError, UsageError
from simvoice.hub import attempts, audit, releases
from simvoice.hub import courses as courses_of_hub
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub
from simvoice.hub.sending.partial_files import (
    Announced,
    PartialUpload,
    UploadInUse,
    has_space,
    stray_folders,
    wrong_file,
)
from simvoice.hub.sending.private_folders import private_folder
from simvoice.hub.storage.tables import Device, Erasure, StoredAttempt, Upload
from simvoice.hub_client.messages import Begun, KnownAttempt, KnownRelease
from simvoice.record.events import Ended, Started
from simvoice.record.identity import attempt_uuid
from simvoice.record.store import Attempt, Store
from simvoice.release.contents import Contents
from simvoice.release.manifest import ReleaseManifest
from simvoice.release.numbers import load_numbers

_log = logging.getLogger(__name__)

ABANDONED = timedelta(days=7)
"""An upload that got nothing for so long is removed. A laptop may be off for a weekend."""
TAKEN_OVER = timedelta(hours=1)
"""After so long without a byte, another device of its person may send the attempt instead."""
SWEEP_EVERY = timedelta(hours=1)
MOST_UPLOADS = 20
"""Uploads that one device may have open; the outbox sends one at a time."""


class Refusal(SimvoiceError):
    """A request of a device that is not done. `status`: of the answer (`hub_client.connection`)."""

    def __init__(self, status: int, sentence: str, retry_after_s: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.retry_after_s = retry_after_s


def gone() -> Refusal:
    """The upload is not there: the device begins again with its manifest."""
    return Refusal(404, "The hub has no such upload; begin again.")


def in_use() -> Refusal:
    """Another request of the same upload has not ended yet."""
    return Refusal(503, "Another request of this upload is not complete yet.", 2)


def full() -> Refusal:
    """The disk of the hub is full."""
    return Refusal(
        507,
        "The disk of the hub is full. What has arrived stays, and is continued later.",
        60,
    )


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """An upload that a device has begun."""

    manifest: ReleaseManifest
    files: PartialUpload


def uploads_folder(hub: Hub) -> Path:
    """Return the folder of all uploads that are not complete."""
    return hub.settings.data / "uploads"


def partial_upload(hub: Hub, uuid: UUID) -> PartialUpload:
    """Return the place of an upload's files. They are encrypted if the hub encrypts its store."""
    encryption = hub.recordings.encryption
    return PartialUpload(uploads_folder(hub), uuid, encryption if encryption.is_on else None)


# -- begin --------------------------------------------------------------------------------------


def begin(hub: Hub, visitor: Visitor, manifest: ReleaseManifest) -> Begun:
    """Accept a manifest and return how far its files are. Raises Refusal."""
    files = partial_upload(hub, manifest.uuid)
    try:
        with hub.database.begin() as session:
            _check_courses(session, visitor, manifest)
            if _is_kept(session, hub, visitor, manifest):
                _set_releases(session, visitor, manifest)
                drop_upload(session, manifest.uuid)
                is_kept, must_clear = True, False
            else:
                is_kept, must_clear = False, _begin_upload(session, hub, visitor, manifest, files)
    except IntegrityError as error:  # the same upload began twice at once
        raise in_use() from error
    if is_kept:
        files.remove()
        return Begun(kept=True)
    return begin_files(files, manifest, must_clear)


def begin_files(files: PartialUpload, announced: Announced, must_clear: bool) -> Begun:
    """Make room for the files of an upload and say how far they are. Raises Refusal."""
    try:
        with files.locked():
            if must_clear:
                shutil.rmtree(files.record(announced), ignore_errors=True)
            offsets = files.offsets(announced)
            left = sum(each.size for each in announced.files) - sum(offsets.values())
            if not has_space(files.root, left):
                raise full()
            files.make(announced)
    except UploadInUse as error:
        raise in_use() from error
    return Begun(kept=False, offsets=offsets)


def _check_courses(session: Session, visitor: Visitor, manifest: ReleaseManifest) -> None:
    assert visitor.person_id is not None
    if not manifest.courses:
        raise Refusal(422, "The release names no course.")
    taken = {each.id for each in courses_of_hub.courses_taken(session, visitor.person_id)}
    if not set(manifest.courses) <= taken:
        raise Refusal(
            403,
            "You do not learn in a course of this release any more, or it is closed. Choose the "
            "courses again.",
        )


def _is_kept(session: Session, hub: Hub, visitor: Visitor, manifest: ReleaseManifest) -> bool:
    """Return whether the hub has as much of the attempt as the manifest releases."""
    if session.get(Erasure, manifest.uuid) is not None:
        raise Refusal(409, "This attempt was erased on the hub, and is not taken again.")
    stored = session.get(StoredAttempt, manifest.uuid)
    if stored is None:
        return False
    if stored.owner_id != visitor.person_id:
        raise Refusal(409, "This attempt belongs to another account of the hub.")
    return level_of(stored).rank >= manifest.contents.rank


def level_of(stored: StoredAttempt) -> Contents:
    """Return how much of an attempt the hub has."""
    return Contents(stored.contents)


def _begin_upload(
    session: Session, hub: Hub, visitor: Visitor, manifest: ReleaseManifest, files: PartialUpload
) -> bool:
    """Make the row of an upload. Returns whether what has arrived is of another list of files."""
    given = manifest.model_dump(mode="json")
    earlier = _read_manifest(own_upload(session, hub, visitor, manifest.uuid, given, files))
    return earlier is None or not earlier.same_files(manifest)


def own_upload(
    session: Session,
    hub: Hub,
    visitor: Visitor,
    uuid: UUID,
    given: dict[str, Any],
    files: PartialUpload,
) -> dict[str, Any] | None:
    """Make the row of an upload for this device, or take over an earlier one.

    given: what is announced, as JSON. Returns what was announced before; None for a new upload.
    Raises Refusal.
    """
    assert visitor.device_id is not None
    found = session.get(Upload, uuid)
    if found is None:
        others = session.scalars(select(Upload).where(Upload.device_id == visitor.device_id)).all()
        if len(others) >= MOST_UPLOADS:
            raise Refusal(429, "This device has begun too many uploads. Finish them first.", 60)
        now = hub.now()
        session.add(
            Upload(
                attempt_id=uuid,
                device_id=visitor.device_id,
                manifest=given,
                begun_at=now,
                touched_at=now,
            )
        )
        return None
    if found.device_id != visitor.device_id:
        _check_taking_over(session, hub, visitor, found, files)
    earlier = found.manifest
    found.device_id, found.manifest, found.touched_at = visitor.device_id, given, hub.now()
    return earlier


def _check_taking_over(
    session: Session, hub: Hub, visitor: Visitor, found: Upload, files: PartialUpload
) -> None:
    other = session.get(Device, found.device_id)
    is_left = other is None or other.unpaired_at is not None
    is_own = other is not None and other.person_id == visitor.person_id
    silent_s = hub.now().timestamp() - max(files.touched_at(), found.touched_at.timestamp())
    if not is_left and not (is_own and silent_s > TAKEN_OVER.total_seconds()):
        raise Refusal(423, "Another device is sending this attempt now.")


def _read_manifest(given: dict[str, Any] | None) -> ReleaseManifest | None:
    try:
        return None if given is None else ReleaseManifest.model_validate(given, strict=False)
    except (ValidationError, UsageError):  # of another version of simvoice
        return None


def drop_upload(session: Session, uuid: UUID) -> None:
    """Remove the row of an upload; its files are for the caller."""
    session.execute(delete(Upload).where(Upload.attempt_id == uuid))


# -- append -------------------------------------------------------------------------------------


def open_upload(hub: Hub, visitor: Visitor, uuid: UUID) -> OpenUpload:
    """Return an upload that this device has begun. Raises Refusal."""
    with hub.database.read() as session:
        found = session.get(Upload, uuid)
    manifest = _read_manifest(found.manifest) if found is not None else None
    if found is None or manifest is None or found.device_id != visitor.device_id:
        raise gone()
    return OpenUpload(manifest, partial_upload(hub, uuid))


# -- finish -------------------------------------------------------------------------------------


def finish(hub: Hub, visitor: Visitor, uuid: UUID) -> None:
    """Verify an upload, keep it as an attempt, and release it. Raises Refusal."""
    try:
        upload = open_upload(hub, visitor, uuid)
    except Refusal:
        if _has_kept(hub, visitor, uuid):  # the answer to an earlier request was lost
            return
        raise
    manifest, files = upload.manifest, upload.files
    try:
        with files.locked():
            if not files.is_complete(manifest):
                raise Refusal(410, "Not all of the files have arrived; begin again.")
            with _readable(hub, upload) as folder:
                _keep(hub, visitor, upload, _verified(hub, upload, folder))
            files.remove()
    except UploadInUse as error:
        raise in_use() from error


def _has_kept(hub: Hub, visitor: Visitor, uuid: UUID) -> bool:
    with hub.database.read() as session:
        stored = session.get(StoredAttempt, uuid)
        return stored is not None and stored.owner_id == visitor.person_id


@contextmanager
def _readable(hub: Hub, upload: OpenUpload) -> Iterator[Path]:
    """Yield a folder with the record that has arrived, decrypted if need be. Raises StorageFull."""
    manifest, files = upload.manifest, upload.files
    if files.encryption is None:
        yield files.folder
        return
    with private_folder(hub) as folder:
        if not has_space(folder, manifest.size):
            raise full()
        files.decrypt(manifest, folder)
        yield folder


def _verified(hub: Hub, upload: OpenUpload, folder: Path) -> Attempt:
    """Return the attempt that has arrived, when it is what was announced. Raises Refusal.

    folder: has the record.
    """
    manifest = upload.manifest
    wrong = wrong_file(folder, manifest)
    if wrong:
        _discard(hub, upload)
        raise Refusal(
            460, f"What arrived of {wrong} is not what was announced. Nothing of it was kept."
        )
    try:
        attempt = Store(folder).open(manifest.record_id)
        problem = _problem(attempt, manifest)
    except SimvoiceError:
        problem = "its header cannot be read"
    if problem:
        _discard(hub, upload)
        raise Refusal(422, f"This is not the record of an attempt: {problem}. Nothing was kept.")
    return attempt


def _problem(attempt: Attempt, manifest: ReleaseManifest) -> str:
    """Return why a record does not belong to its manifest, as a clause; empty when it does."""
    if attempt.state != "complete" or attempt.started is None or attempt.ended is None:
        return "it is not complete"
    is_same = attempt.header.attempt == manifest.record_id
    if not is_same or attempt_uuid(attempt.header) != manifest.uuid:
        return "it is of another attempt"
    if manifest.contents.holds_sound and attempt.audio_path is None:
        return "its sound is missing"
    kinds = (Started, Ended)
    if not manifest.contents.holds_words and not all(isinstance(e, kinds) for e in attempt.entries):
        return "a release of numbers has no journal of what was said"
    try:
        numbers = load_numbers(attempt.folder)
    except AttemptError:
        return "its numbers cannot be read"
    if numbers is None or (numbers.uuid, numbers.contents) != (manifest.uuid, manifest.contents):
        return "its numbers are of another release"
    return ""


def _discard(hub: Hub, upload: OpenUpload) -> None:
    with hub.database.begin() as session:
        drop_upload(session, upload.manifest.uuid)
    upload.files.remove()


def _keep(hub: Hub, visitor: Visitor, upload: OpenUpload, attempt: Attempt) -> None:
    manifest = upload.manifest
    attempts.keep(
        hub,
        attempt.folder,
        owner_id=visitor.person_id,
        device_id=visitor.device_id,
        origin="laptop",
        contents=manifest.contents,
    )
    with hub.database.begin() as session:
        if session.get(StoredAttempt, manifest.uuid) is None:  # erased in this moment
            raise Refusal(409, "This attempt was erased on the hub, and is not taken again.")
        _check_courses(session, visitor, manifest)
        _set_releases(session, visitor, manifest)
        drop_upload(session, manifest.uuid)
        audit.record(session, visitor, "receive attempt", manifest.uuid, manifest.contents)
    _log.info("received attempt=%s bytes=%d", manifest.uuid, manifest.size)


def _set_releases(session: Session, visitor: Visitor, manifest: ReleaseManifest) -> None:
    """Release to exactly the courses of the manifest: the device says all that holds."""
    assert visitor.person_id is not None
    wanted = dict.fromkeys(manifest.courses, manifest.contents)
    for each in releases.present_releases(session, manifest.uuid):
        if wanted.get(each.course.id) == each.contents:
            del wanted[each.course.id]
        elif each.course.id not in wanted:
            releases.revoke(session, each.id, owner_id=visitor.person_id)
            audit.record(session, visitor, "withdraw release", manifest.uuid, str(each.course.id))
    for course, contents in wanted.items():
        releases.release(session, manifest.uuid, course, contents, owner_id=visitor.person_id)
        audit.record(session, visitor, "release attempt", manifest.uuid, f"{contents} {course}")


# -- withdraw and check -------------------------------------------------------------------------


def withdraw(hub: Hub, visitor: Visitor, uuid: UUID) -> float:
    """End all releases of an attempt and drop its upload. Returns the hub's Unix time."""
    assert visitor.person_id is not None
    files = partial_upload(hub, uuid)
    try:
        with files.locked():
            with hub.database.begin() as session:
                upload = session.get(Upload, uuid)
                is_own = upload is not None and upload.device_id == visitor.device_id
                if is_own:
                    drop_upload(session, uuid)
                stored = session.get(StoredAttempt, uuid)
                if stored is not None and stored.owner_id == visitor.person_id:
                    for each in releases.present_releases(session, uuid):
                        releases.revoke(session, each.id, owner_id=visitor.person_id)
                        detail = str(each.course.id)
                        audit.record(session, visitor, "withdraw release", uuid, detail)
            if is_own:
                files.remove()
    except UploadInUse as error:
        raise in_use() from error
    return hub.now().timestamp()


def check(hub: Hub, visitor: Visitor, uuids: tuple[UUID, ...]) -> tuple[KnownAttempt, ...]:
    """Return what the hub knows of attempts of the device's owner."""
    with hub.database.read() as session:
        return tuple(_known(session, visitor, uuid) for uuid in uuids)


def _known(session: Session, visitor: Visitor, uuid: UUID) -> KnownAttempt:
    if session.get(Erasure, uuid) is not None:
        return KnownAttempt(uuid=uuid, state="erased")
    stored = session.get(StoredAttempt, uuid)
    if stored is None or stored.owner_id != visitor.person_id:
        return KnownAttempt(uuid=uuid, state="unknown")
    found = releases.present_releases(session, uuid)
    return KnownAttempt(
        uuid=uuid,
        state="kept",
        releases=tuple(
            KnownRelease(
                course=each.course.id,
                contents=each.contents,
                released_at=each.released_at.timestamp(),
            )
            for each in found
        ),
    )


# -- upkeep -------------------------------------------------------------------------------------


def forget_device(session: Session, device_id: UUID) -> list[UUID]:
    """Drop the uploads of a device that is unpaired. Returns them; their files are swept."""
    found = list(session.scalars(select(Upload.attempt_id).where(Upload.device_id == device_id)))
    session.execute(delete(Upload).where(Upload.device_id == device_id))
    return found


def sweep(hub: Hub) -> int:
    """Remove uploads that were abandoned, and folders without a row. Returns how many."""
    now = hub.now()
    removed = 0
    with hub.database.read() as session:
        rows = list(session.scalars(select(Upload)))
    for row in rows:
        files = partial_upload(hub, row.attempt_id)
        touched_at = max(files.touched_at(), row.touched_at.timestamp())
        if now.timestamp() - touched_at > ABANDONED.total_seconds():
            removed += _remove_abandoned(hub, row)
    known = {row.attempt_id for row in rows}
    for folder in stray_folders(uploads_folder(hub), known, TAKEN_OVER.total_seconds()):
        shutil.rmtree(folder, ignore_errors=True)
        removed += 1
    if removed:
        _log.info("removed abandoned uploads count=%d", removed)
    return removed


def _remove_abandoned(hub: Hub, row: Upload) -> int:
    files = partial_upload(hub, row.attempt_id)
    try:
        with files.locked():
            with hub.database.begin() as session:
                drop_upload(session, row.attempt_id)
            files.remove()
    except UploadInUse:
        return 0
    return 1
