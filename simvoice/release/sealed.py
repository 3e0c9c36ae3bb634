"""Sealed records: an attempt in one file that only the hub can open.

A station seals each record that was made under a code, and cannot read it from then on. A sealed
file is a tar archive, encrypted with age for the hub's seal key:

    owner.json       `SealedManifest`: whose record it is, and each file with size and hash
    header.json …    the files of the record, in that order

Whoever has the key can open it without simvoice, too: `age -d -i seal.key FILE | tar -x`. Sealing
and opening are streams: memory does not grow with the record.

What arrives at a hub can be anything. So `unseal` reads no archive in general, but this one alone:
plain files with exactly the announced names, sizes and hashes, in the announced order.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, Field, ValidationError, model_validator

from simvoice import __version__
from simvoice.errors import AttemptError, RecordingLost, SimvoiceError, UsageError
from simvoice.record.answers import ANSWERS
from simvoice.record.files import (
    FLAC,
    HEADER,
    JOURNAL,
    REJECTED,
    WAV,
    AttemptLock,
    check_id,
    storage_error,
    sync_folder,
    write_all,
)
from simvoice.record.identity import attempt_uuid
from simvoice.record.ratings import OBJECTIONS, SET_ASIDE
from simvoice.record.store import Store
from simvoice.release.age import (
    Altered,
    NoKeyFits,
    decrypt_stream,
    encrypt_stream,
    read_recipient,
)
from simvoice.release.contents import LARGEST_FILE, NUMBERS
from simvoice.release.manifest import FileFacts, SealedFacts, SealedOwner
from simvoice.safe_text import field_place, shortened
from simvoice.strict_model import StrictModel

ENDING = ".age"
"""Ends the name of a sealed file: `UUID.age`."""
STICK_FOLDER = "simvoice-records"
"""The folder of sealed files on a USB stick."""
OWNER = "owner.json"
LARGEST_RECORD = 2_000_000_000
"""Bytes of all files of a record: eight hours of sound that is not packed."""
LARGEST_SEALED = LARGEST_RECORD + 1_000_000
"""Bytes of a sealed file. Encryption adds 16 bytes to each 65,536, the archive 512 to each file."""

_AGE = b"age-encryption.org/v1\n"
_LONGEST_HEADER = 8192
"""Bytes of the header of age. Ours has 400; each recipient in it costs a multiplication on a curve,
and a header of megabytes would cost minutes."""
_BLOCK = tarfile.BLOCKSIZE
_READ_BYTES = 1 << 18
_LARGEST_OWNER = 100_000
"""Bytes; it has 2,000."""
_MOST_FILES = 40

_LARGEST_OF = {
    **{name: most for name, most in LARGEST_FILE.items() if name != NUMBERS},
    WAV: LARGEST_RECORD,
    FLAC: LARGEST_RECORD,
    ANSWERS: LARGEST_FILE[OBJECTIONS],
    SET_ASIDE: LARGEST_FILE[OBJECTIONS],
    REJECTED: LARGEST_FILE[JOURNAL],
}
"""Every file that a record can have, and the most bytes of it."""
_REJECTED = re.compile(re.escape(REJECTED) + r"\.[0-9]{1,20}")
"""A journal that recovery set aside because it was no file of entries."""


class NotSealed(UsageError):
    """A file is no sealed record, or not one that this version can use."""


class SealedManifest(StrictModel):
    """The first file in a sealed record: whose it is, and what follows."""

    format: int = Field(1, ge=1, le=1)
    uuid: UUID
    """The attempt's UUID (`record.identity`)."""
    record_id: Annotated[str, AfterValidator(check_id)]
    """The attempt's identifier, which names its folder."""
    owner: SealedOwner
    files: tuple[FileFacts, ...] = Field(max_length=_MOST_FILES)
    simvoice: str = Field("", max_length=60)
    """The version that sealed it."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [file.name for file in self.files]
        if len(set(names)) != len(names):
            raise ValueError("it names a file twice")
        for file in self.files:
            most = _largest(file.name)
            if most is None:
                raise ValueError(f"a record has no file {file.name[:60]!r}")
            if file.size > most:
                raise ValueError(f"its {file.name} has {file.size} bytes and may have {most}")
        if HEADER not in names:
            raise ValueError(f"it has no {HEADER}")
        if sum(file.size for file in self.files) > LARGEST_RECORD:
            raise ValueError(f"its files have more than {LARGEST_RECORD} bytes")
        return self


def _largest(name: str) -> int | None:
    """Return the most bytes of a file of a record; None when a record has no such file."""
    return _LARGEST_OF.get(REJECTED if _REJECTED.fullmatch(name) else name)


def sealed_name(uuid: UUID) -> str:
    """Return the name of the sealed file of an attempt."""
    return f"{uuid}{ENDING}"


# -- seal ---------------------------------------------------------------------------------------


def seal(folder: Path, owner: SealedOwner, recipient: str, target: Path) -> SealedFacts:
    """Seal the record in a folder into a file, for the hub with this recipient ("age1…").

    When this returns, the file was read back from the disk and survives a power cut. The folder
    stays as it is. A record whose program died is completed first.

    target: replaced in one step. Raises AttemptError for a folder without a readable header or one
    that is in use, SettingError for a recipient that is none, StorageFull and SimvoiceError; then
    nothing is left of the new file.
    """
    to = read_recipient(recipient)
    attempt = Store(folder.parent).open_recovered(folder.name)
    partial = target.with_name(target.name + ".partial")
    try:
        with AttemptLock.held(folder, "sealing"):
            manifest = SealedManifest(
                uuid=attempt_uuid(attempt.header),
                record_id=attempt.id,
                owner=owner,
                files=tuple(_files_of(folder)),
                simvoice=__version__,
            )
            facts = _write(manifest, folder, to, partial)
        check_sealed(partial, facts)
        os.replace(partial, target)
        sync_folder(target.parent)
    except ValidationError as error:
        raise AttemptError(
            f"attempt {attempt.id} cannot be sealed: {_first_reason(error)}"
        ) from error
    except OSError as error:
        raise storage_error(error, f"sealing attempt {attempt.id}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return facts


def _files_of(folder: Path) -> Iterator[FileFacts]:
    """Yield the files of a record: those of its lock and of reserved space are none."""
    for path in sorted(folder.iterdir()):
        if _largest(path.name) is not None and path.is_file() and not path.is_symlink():
            size, sha256 = facts_of(path)
            if size > 0:
                yield FileFacts(name=path.name, size=size, sha256=sha256)


def facts_of(path: Path) -> tuple[int, str]:
    """Return the bytes of a file and its SHA-256 in hex. Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


class _Counted:
    """A file that is written, with its size and hash so far."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        write_all(self._fd, data, self.size)
        self.digest.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: each write goes to the operating system."""


def _write(manifest: SealedManifest, folder: Path, recipient: Any, partial: Path) -> SealedFacts:
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        out = _Counted(fd)
        encrypt_stream(_Archive(_blocks(manifest, folder)), out, [recipient])
        os.fsync(fd)
    finally:
        os.close(fd)
    return SealedFacts(uuid=manifest.uuid, size=out.size, sha256=out.digest.hexdigest())


class _Archive:
    """The bytes of the archive, to be read."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return b""
            self._rest = block
        found = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(found) :]
        return found


def _blocks(manifest: SealedManifest, folder: Path) -> Iterator[bytes]:
    owner = manifest.model_dump_json(indent=1).encode() + b"\n"
    yield _tar_header(OWNER, len(owner))
    yield owner + bytes(-len(owner) % _BLOCK)
    for facts in manifest.files:
        yield _tar_header(facts.name, facts.size)
        yield from _content(folder / facts.name, facts)
        yield bytes(-facts.size % _BLOCK)
    yield bytes(2 * _BLOCK)


def _tar_header(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def _content(path: Path, facts: FileFacts) -> Iterator[bytes]:
    digest, left = hashlib.sha256(), facts.size
    with path.open("rb") as file:
        while left and (data := file.read(min(_READ_BYTES, left))):
            digest.update(data)
            left -= len(data)
            yield data
    if left or digest.hexdigest() != facts.sha256:
        raise SimvoiceError(
            f"{facts.name} changed or could not be read while it was sealed; it is tried again"
        )


def check_sealed(path: Path, facts: SealedFacts) -> None:
    """Read a sealed file from the disk and compare it. Raises RecordingLost when it is another one.

    The copy in memory is dropped first where the system allows it, so that the disk is asked.
    """
    try:
        with path.open("rb") as file:
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            found = file.tell(), digest
    except OSError as error:
        raise RecordingLost(
            f"{path.name} cannot be read ({error.strerror}); check the disk"
        ) from error
    if found != (facts.size, facts.sha256):
        raise RecordingLost(f"{path.name} is not what was written; check the disk")


# -- unseal -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A record that was opened."""

    manifest: SealedManifest
    folder: Path
    """The folder of the record, named by its identifier."""

    @property
    def owner(self) -> SealedOwner:
        """Whose record it is."""
        return self.manifest.owner


def unseal(file: Path, identities: Sequence[Any], folder: Path) -> Unsealed:
    """Open a sealed file, and write its record into a new folder inside `folder`.

    identities: of `age.read_identities`. Raises NoKeyFits when it was sealed for another hub,
    Altered, NotSealed for anything that is no sealed record of ours, StorageFull and SimvoiceError.
    Then `folder` may hold a part, which the caller removes with it.
    """
    try:
        with _opened(file) as given, _Unpacker(folder) as unpacker:
            decrypt_stream(given, unpacker, identities)
            return unpacker.end()
    except NoKeyFits as error:
        raise NoKeyFits(
            f"{file.name} was sealed for another hub, or for a key that this hub has no more; take "
            "it to that hub, or restore the older seal.key"
        ) from error
    except Altered as error:
        raise Altered(
            f"{file.name} is damaged or incomplete; copy it from the station again"
        ) from error
    except OSError as error:
        raise storage_error(error, f"opening {file.name}") from error


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """Open a file of someone else: no pipe, no device, not too large."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise NotSealed(f"{file.name} cannot be read ({error.strerror})") from error
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise NotSealed(f"{file.name} is not a file")
        if status.st_size > LARGEST_SEALED:
            raise NotSealed(f"{file.name} is larger than any record, and is not opened")
        beginning = os.pread(fd, _LONGEST_HEADER, 0)
        if not beginning.startswith(_AGE) or b"\n---" not in beginning:
            raise NotSealed(
                f"{file.name} is no sealed record, or damaged; copy it from the station again"
            )
        with os.fdopen(fd, "rb", closefd=False) as opened:
            yield opened
    finally:
        os.close(fd)


class _Unpacker:
    """Writes the files of an archive as its bytes come. Raises NotSealed at the first wrong one."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._waiting = bytearray()
        self._manifest: SealedManifest | None = None
        self._owner = bytearray()
        self._expected: list[FileFacts] = []
        self._folder = root
        self._name = ""
        """The file that comes now; empty before a header."""
        self._left = 0
        """Bytes of it that have not come."""
        self._padding = 0
        """Bytes up to the next header."""
        self._out: int | None = None
        self._at = 0
        self._digest = hashlib.sha256()
        self._zeros = 0
        """Bytes of the end mark so far."""

    def __enter__(self) -> _Unpacker:
        return self

    def __exit__(self, *_: object) -> None:
        if self._out is not None:
            os.close(self._out)
            self._out = None

    def write(self, data: bytes) -> int:
        """Take the next bytes of the archive."""
        view = memoryview(data)
        while view:
            if self._left:
                part = view[: self._left]
                self._take(bytes(part))
                view = view[len(part) :]
            elif self._padding:
                part = view[: self._padding]
                self._padding -= len(part)
                view = view[len(part) :]
            else:
                part = view[: _BLOCK - len(self._waiting)]
                self._waiting += part
                view = view[len(part) :]
                if len(self._waiting) == _BLOCK:
                    block, self._waiting = bytes(self._waiting), bytearray()
                    self._begin(block)
        return len(data)

    def flush(self) -> None:
        """Do nothing: each write goes to the operating system."""

    def _begin(self, block: bytes) -> None:
        """Read the header of the next file."""
        if not any(block):
            self._zeros += _BLOCK
            if self._zeros > tarfile.RECORDSIZE:
                raise NotSealed("the sealed record goes on after its end; it is not opened")
            return
        try:
            entry = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.HeaderError, ValueError) as error:
            raise NotSealed("what was sealed is no record: it is no archive") from error
        if self._zeros or entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            raise NotSealed("the sealed record holds something else than files; it is not opened")
        if self._manifest is None:
            if entry.name != OWNER or not 0 < entry.size <= _LARGEST_OWNER:
                raise NotSealed("the sealed record does not say whose it is; it is not opened")
        else:
            wanted = self._expected[0] if self._expected else None
            if wanted is None or (entry.name, entry.size) != (wanted.name, wanted.size):
                raise NotSealed("the sealed record has other files than it says; it is not opened")
            path = self._folder / wanted.name
            self._out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._name, self._left, self._at = entry.name, entry.size, 0
        self._padding = -entry.size % _BLOCK
        self._digest = hashlib.sha256()

    def _take(self, data: bytes) -> None:
        if self._out is None:
            self._owner += data
        else:
            write_all(self._out, data, self._at)
            self._digest.update(data)
        self._at += len(data)
        self._left -= len(data)
        if self._left == 0:
            self._complete()

    def _complete(self) -> None:
        if self._out is None:
            self._manifest = read_sealed_manifest(bytes(self._owner))
            self._expected = list(self._manifest.files)
            self._folder = self._root / self._manifest.record_id
            self._folder.mkdir(mode=0o700)
            return
        os.close(self._out)
        self._out = None
        wanted = self._expected.pop(0)
        if self._digest.hexdigest() != wanted.sha256:
            raise NotSealed(f"{wanted.name} in the sealed record is not what it says")

    def end(self) -> Unsealed:
        """Return the record when all of it has come. Raises NotSealed."""
        if self._manifest is None or self._expected or self._left or self._waiting:
            raise NotSealed("the sealed record ends too early; it is not opened")
        return Unsealed(self._manifest, self._folder)


def read_sealed_manifest(data: bytes) -> SealedManifest:
    """Return the manifest in a JSON document. Raises NotSealed with a sentence."""
    try:
        return SealedManifest.model_validate_json(data)
    except UsageError as error:
        raise NotSealed(f"the sealed record cannot be used: {error}") from error
    except ValidationError as error:
        raise NotSealed(f"the sealed record cannot be used ({_first_reason(error)})") from error


def _first_reason(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    where = field_place(first["loc"])
    why = shortened(first["msg"].removeprefix("Value error, "))
    return f"{where}: {why}" if where else why
