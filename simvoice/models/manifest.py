"""Read the manifest of models, and verify model files on disk.

`models/manifest.toml` lists the models, their roles, the sources of their files, and the size and
SHA-256 of every file. `simvoice.models.pull` downloads them. Every command asks `file_states`
what is on disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from simvoice import paths
from simvoice.errors import ModelAltered, ModelMissing, SettingError
from simvoice.safe_text import field_place, shortened
from simvoice.strict_model import StrictModel

Role = Literal["stt", "llm", "voice", "end_of_turn", "last_words", "embedding"]
"""The purpose of a model. Every profile names one model for each role."""

ROLES: tuple[Role, ...] = ("stt", "llm", "voice", "end_of_turn", "last_words", "embedding")

ModelState = Literal["verified", "missing", "altered"]
"""Of a file, or of a model: of its first file that is not verified."""

SourceKind = Literal["lab", "hub", "wheels", "npm"]
"""`lab`: the hub of a lab with which this computer is paired. `hub`: the model hub."""
ArchiveKind = Literal["wheels", "npm"]

SOURCE_KINDS: tuple[SourceKind, ...] = ("hub", "wheels", "npm")
"""Those that the manifest names, in the order in which they are asked: first the makers, then
packages of strangers, which can be withdrawn any day. The lab's own hub is asked before them."""

DEFAULT_PROFILE = "embedded"

STAMP = ".verified.json"
"""File in a model's folder: the files that were hashed, with size and times of change."""

_CHUNK = 1 << 20

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Wheel = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*==[0-9][0-9a-z.]*$")]
_NPM_NAME = r"[a-z0-9][a-z0-9._-]*"
Tarball = Annotated[str, Field(pattern=rf"^(@{_NPM_NAME}/)?{_NPM_NAME}@[0-9][0-9a-z.+-]*$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
"""A name without folders, so that a manifest cannot point outside a model's folder."""


class ArchivePart(StrictModel):
    """A file inside a package. Several parts, joined in order, give one file."""

    package: str
    member: str
    """Path inside the package."""


class WheelPart(ArchivePart):
    """A part from a wheel on the package index."""

    package: Wheel
    """`name==version`."""


class TarballPart(ArchivePart):
    """A part from a tarball on the npm registry."""

    package: Tarball
    """`name@version` or `@scope/name@version`."""


class HubPath(StrictModel):
    """A file on the model hub."""

    repo: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    revision: Annotated[str, Field(pattern=r"^([0-9a-f]{40}|v[0-9.]+)$")]
    """Commit or tag; the SHA-256 pins the content either way."""
    path: str


class ModelFile(StrictModel):
    """One file of a model. It has at least one source; all of them give the same bytes."""

    name: FileName
    bytes: Annotated[int, Field(gt=0)]
    sha256: Sha256
    hub: HubPath | None = None
    wheels: tuple[WheelPart, ...] = ()
    npm: tuple[TarballPart, ...] = ()

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if not self.sources:
            raise ValueError(f"{self.name} needs a source: hub, wheels or npm")
        return self

    @property
    def sources(self) -> tuple[SourceKind, ...]:
        """The sources of the file, in the order in which they are asked."""
        return tuple(kind for kind in SOURCE_KINDS if getattr(self, kind))

    def parts(self, kind: ArchiveKind) -> tuple[ArchivePart, ...]:
        """The parts of the file in packages of this kind; empty without such a source."""
        return self.wheels if kind == "wheels" else self.npm


class Model(StrictModel):
    """A model. Its files are in one folder, and the first file holds the weights."""

    role: Role
    also: tuple[Role, ...] = ()
    """Further roles of the same weights."""
    chat: bool = False
    """Whether it is a language model that is prompted with its own chat template."""
    licence: str
    upstream: str
    """The hub repository of its makers."""
    files: Annotated[tuple[ModelFile, ...], Field(min_length=1)]

    @property
    def roles(self) -> tuple[Role, ...]:
        """All roles of the model."""
        return (self.role, *self.also)

    @property
    def bytes(self) -> int:
        """Total size of the files."""
        return sum(file.bytes for file in self.files)


class Manifest(StrictModel):
    """The content of `manifest.toml`."""

    format: Literal[1]
    profiles: dict[str, dict[Role, str]]
    wheels: dict[Wheel, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)
    """Bytes to download for each wheel."""
    npm: dict[Tarball, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)
    """Bytes to download for each tarball of the npm registry."""
    models: dict[FileName, Model]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for profile_name, roles in self.profiles.items():
            if set(roles) != set(ROLES):
                raise ValueError(f"profile {profile_name} must name one model for each role")
            for role, name in roles.items():
                if name not in self.models or role not in self.models[name].roles:
                    raise ValueError(f"profile {profile_name}: {name} is no model for {role}")
        files = [file for entry in self.models.values() for file in entry.files]
        for kind in ("wheels", "npm"):
            used = {part.package for file in files for part in file.parts(kind)}
            if odd := used ^ set(self.package_bytes(kind)):
                raise ValueError(f"packages of files and sizes in [{kind}] differ: {sorted(odd)}")
        return self

    def package_bytes(self, kind: ArchiveKind) -> dict[str, int]:
        """Return package to bytes to download, for the packages of this kind."""
        return self.wheels if kind == "wheels" else self.npm


def manifest(path: Path | None = None) -> Manifest:
    """Return the manifest in use, or the one at `path`. Raises SettingError for a broken one."""
    return _read_manifest(path or paths.manifest_file())


@lru_cache(maxsize=8)
def _read_manifest(path: Path) -> Manifest:
    try:
        return Manifest.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise SettingError(f"{path} is missing; install simvoice again") from None
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{field_place(first['loc'], 'manifest')}: {shortened(first['msg'])}"
        raise SettingError(f"{path}: {what}; install simvoice again") from None
    except (ValueError, RecursionError) as error:  # tomllib lets those of a long number pass
        raise SettingError(f"{path} is not TOML ({error}); install simvoice again") from None


def model(name: str) -> Model:
    """Return the manifest's entry of a model. Raises SettingError for an unknown name."""
    known = manifest().models
    if name not in known:
        raise SettingError(f"there is no model {name!r}; the models are {', '.join(known)}")
    return known[name]


def profile(name: str = DEFAULT_PROFILE) -> dict[Role, str]:
    """Return role to model name, for every role. Raises SettingError for an unknown profile."""
    known = manifest().profiles
    if name not in known:
        raise SettingError(f"there is no profile {name!r}; the profiles are {', '.join(known)}")
    return dict(known[name])


def folder(name: str) -> Path:
    """Return the folder of a model's files. Raises SettingError for an unknown name."""
    model(name)
    return paths.models_dir() / name


def remedy(name: str) -> str:
    """Return the command that downloads a model."""
    for profile_name, roles in manifest().profiles.items():
        if name in roles.values():
            flag = "" if profile_name == DEFAULT_PROFILE else f" --profile {profile_name}"
            return f"simvoice models pull{flag}"
    return f"simvoice models pull {name}"


def locate(name: str) -> Path:
    """Return the folder of a model after its files were verified.

    A file is hashed once. Later calls compare only its size and times of change, and hash it again
    when these differ. Raises ModelMissing, ModelAltered (both name the file), or SettingError for
    an unknown name.
    """
    return _verified(name, file_states(name))


def verify(name: str) -> Path:
    """As `locate`, but hash every file."""
    return _verified(name, file_states(name, hash_all=True))


def state(name: str) -> ModelState:
    """Return whether the files of a model are verified, or else what the first other one is."""
    return worst(file_states(name))


def worst(states: Mapping[str, ModelState]) -> ModelState:
    """Return the state of a model from those of its files: the first that is not verified."""
    return next((found for found in states.values() if found != "verified"), "verified")


def file_states(name: str, *, hash_all: bool = False) -> dict[str, ModelState]:
    """Return the state of each file of a model, by its name.

    hash_all: hash each file, also one that did not change since it was hashed. Every command asks
    here. What one of them finds is what the next one says: a file that is not the pinned one loses
    its stamp. Raises SettingError for an unknown name.
    """
    model_folder = folder(name)
    stamps = _read_stamps(model_folder)
    verified: dict[str, _Stamp] = {}
    states: dict[str, ModelState] = {}
    for file in model(name).files:
        stamp = _stamp(model_folder / file.name, file.sha256)
        if stamp is None:
            states[file.name] = "missing"
        elif (not hash_all and stamps.get(file.name) == stamp) or is_pinned(
            model_folder / file.name, file
        ):
            states[file.name], verified[file.name] = "verified", stamp
        else:
            states[file.name] = "altered"
    if verified != stamps:
        _write_stamps(model_folder, verified)
    return states


def is_pinned(path: Path, file: ModelFile) -> bool:
    """Return whether a file is the pinned one, by size and SHA-256; False for an unreadable one."""
    try:
        return path.stat().st_size == file.bytes and sha256_of(path) == file.sha256
    except OSError:
        return False


def digests(names: Iterable[str]) -> dict[Role, str]:
    """Return role to the pinned SHA-256 of the weights, for the record's header."""
    entries = [model(name) for name in names]
    return {role: entry.files[0].sha256 for entry in entries for role in entry.roles}


def sha256_of(path: Path) -> str:
    """Return the hex digest of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _verified(name: str, states: dict[str, ModelState]) -> Path:
    model_folder = folder(name)
    for file, found in states.items():
        path = model_folder / file
        if found == "missing":
            raise ModelMissing(f"{name} is not installed ({path} is missing); run: {remedy(name)}")
        if found == "altered":
            raise ModelAltered(
                f"{path} differs from the file that is pinned for {name}; run: {remedy(name)}"
            )
    return model_folder


_Stamp = tuple[int, int, int, str]
"""Size, time of change of the content and of the entry in ns, SHA-256."""

_HEX = re.compile(r"[0-9a-f]{64}")


def _stamp(path: Path, sha256: str) -> _Stamp | None:
    """Return the stamp of a file with this hash; None when it is missing."""
    try:
        found = path.stat()
    except OSError:
        return None
    # A program can set the time of the content back, but not that of the entry.
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, sha256)


def _read_stamps(model_folder: Path) -> dict[str, _Stamp]:
    try:
        raw = json.loads((model_folder / STAMP).read_text(encoding="utf-8"))
        return {
            str(name): (int(size), int(mtime), int(ctime), str(sha256))
            for name, (size, mtime, ctime, sha256) in raw.items()
            if _HEX.fullmatch(sha256)
        }
    except (OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        # The stamps only save time. Without readable ones, the files are hashed.
        return {}


def _write_stamps(model_folder: Path, stamps: dict[str, _Stamp]) -> None:
    temporary = model_folder / f"{STAMP}.{os.getpid()}"
    with suppress(OSError):  # in a read-only folder the files are hashed at every start
        temporary.write_text(json.dumps(stamps), encoding="utf-8")
        temporary.replace(model_folder / STAMP)
