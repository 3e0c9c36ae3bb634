"""The settings of a hub: options of the command, then the environment, then `hub.toml`."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator

from simvoice import paths
from simvoice.errors import SettingError
from simvoice.hub.roles import Role
from simvoice.hub.storage.encryption import EncryptionSettings
from simvoice.safe_text import field_place, shortened
from simvoice.strict_model import StrictModel

PORT = 8766
"""The default port, one after that of `simvoice serve`."""

FILE = "hub.toml"

MOST_ENCOUNTERS = 64
"""Encounters at once: the sound of all of them goes through one interpreter."""

_FROM_ENVIRONMENT = {
    "SIMVOICE_DATABASE_URL": "database_url",
    "SIMVOICE_STORE_URL": "store_url",
    "SIMVOICE_HUB_HOST": "host",
    "SIMVOICE_HUB_PORT": "port",
    "SIMVOICE_HUB_CERTIFICATE": "certificate",
    "SIMVOICE_HUB_KEY": "key",
    "SIMVOICE_HUB_PUBLIC_URL": "public_url",
    "SIMVOICE_HUB_ENCOUNTERS": "encounters",
    "SIMVOICE_HUB_ANSWER_LIMIT_S": "answer_limit_s",
}
_OPENID_SECRET = "SIMVOICE_HUB_OPENID_SECRET"


Days = Annotated[int, Field(ge=1)]


class OpenIdSettings(StrictModel):
    """A provider of OpenID Connect at which people of the hub can sign in."""

    issuer: str
    """Its address, as it names itself: "https://login.example.edu/realms/skills"."""
    client_id: str
    client_secret: str = Field(default="", repr=False)
    """Empty for a public client. `SIMVOICE_HUB_OPENID_SECRET` keeps it out of the file."""
    button: str = "Sign in with your institution"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    authorities: Path | None = None
    """PEM file of the authorities to trust, for a provider within an institution."""
    groups_claim: str = "groups"
    """The claim of the ID token that lists a person's groups."""
    roles: dict[str, tuple[Role, ...]] = Field(default_factory=dict)
    """Group to the roles that its members have here."""
    everyone: tuple[Role, ...] = ()
    """Roles of each person whom the provider lets in; without any, only members of `roles`."""

    @field_validator("issuer")
    @classmethod
    def _is_address(cls, given: str) -> str:
        parts = urlsplit(given)
        loopback = parts.hostname in {"127.0.0.1", "localhost", "::1"}
        if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
            raise ValueError("an address with https:// is needed")
        return given.rstrip("/")


class HubSettings(StrictModel):
    """How a hub runs. Every field but `data` can be in `hub.toml` in the data folder."""

    data: Path
    """The folder of the hub: database, stored attempts, keys."""
    title: str = Field(default="simvoice hub", min_length=1, max_length=80)
    """The name that the pages show, so that people see which server they are connected to."""
    database_url: str = Field(default="", repr=False)
    """SQLAlchemy's form; empty for SQLite in the data folder."""
    store_url: str = Field(default="", repr=False)
    """Where the files of attempts are kept; empty for a folder in the data folder."""
    host: str = "127.0.0.1"
    port: int = Field(default=PORT, ge=0, le=65_535)
    certificate: Path | None = None
    """PEM file of the server's certificate and of those between it and its authority."""
    key: Path | None = None
    """PEM file of the certificate's key."""
    proxies: tuple[str, ...] = ()
    """Addresses or networks of the proxies whose X-Forwarded headers are believed."""
    public_url: str = ""
    """The address that people type; needed behind a proxy."""
    names: tuple[str, ...] = ()
    """Further host names under which the hub answers."""
    openid: OpenIdSettings | None = None
    idle_minutes: int = Field(default=120, ge=5, le=10_080)
    """A person who does nothing for so long is signed out."""
    longest_hours: int = Field(default=12, ge=1, le=720)
    """After so long everyone signs in again."""
    encounters: int | None = Field(default=None, ge=0, le=MOST_ENCOUNTERS)
    """Encounters at once; 0 for none. None measures at the start how many this machine can hold."""
    answer_limit_s: float = Field(default=1.3, gt=0, le=60)
    """While 95 of 100 answers of the last minute take longer than this, no new encounter begins."""
    retain_days: int | None = Field(default=None, ge=1)
    """Days after receiving an attempt after which `simvoice retain` erases it; None keeps all."""
    retain_released_days: int | None = Field(default=None, ge=1)
    """The same for attempts that are released to a course now; None: as all others."""
    retain_days_of: dict[Literal["hub", "laptop", "station"], Days] = Field(default_factory=dict)
    """The same for unreleased attempts by where they were made; others: `retain_days`."""
    encryption: EncryptionSettings = EncryptionSettings()
    """How the files of attempts are encrypted in the store; by default they are not."""
    cache: Path | None = None
    """The folder of copies of attempts that are open, which are not encrypted; by default in the
    data folder. A folder on a disk in memory leaves no trace on the machine."""

    @field_validator("proxies")
    @classmethod
    def _are_networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            ipaddress.ip_network(one, strict=False)
        return given

    @field_validator("public_url")
    @classmethod
    def _is_origin(cls, given: str) -> str:
        if not given:
            return given
        parts = urlsplit(given)
        extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username
        if parts.scheme not in {"http", "https"} or not parts.hostname or extra:
            raise ValueError("an address such as https://hub.example.edu is needed")
        return f"{parts.scheme}://{parts.netloc}".lower()

    @property
    def database(self) -> str:
        """The URL of the database."""
        return self.database_url or f"sqlite:///{self.data.resolve() / 'hub.sqlite3'}"

    @property
    def store(self) -> str:
        """Where the files of attempts are kept: a folder or `s3://bucket/prefix`."""
        return self.store_url or str(self.data.resolve() / "store")

    @property
    def has_tls(self) -> bool:
        """True when the hub itself speaks TLS."""
        return self.certificate is not None

    @property
    def is_secure(self) -> bool:
        """True when browsers reach the hub over HTTPS: its own, or that of its proxy."""
        return self.has_tls or bool(self.proxies)


def default_data() -> Path:
    """Return the data folder of a hub that was given none."""
    given = os.environ.get("SIMVOICE_HUB_DATA")
    return Path(given) if given else paths.home() / "hub"


def load_settings(
    data: Path,
    options: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> HubSettings:
    """Return the settings of the hub in a data folder.

    options: values of the command line; None counts as not given. environment: default the
    process's. Raises SettingError for a value or a file that cannot be used.
    """
    found: dict[str, Any] = _read(data / FILE)
    environ = os.environ if environment is None else environment
    for variable, name in _FROM_ENVIRONMENT.items():
        if environ.get(variable):
            found[name] = environ[variable]
    if environ.get(_OPENID_SECRET) and isinstance(found.get("openid"), dict):
        found["openid"] = {**found["openid"], "client_secret": environ[_OPENID_SECRET]}
    found |= {name: value for name, value in (options or {}).items() if value not in (None, ())}
    found["data"] = data
    try:
        settings = HubSettings.model_validate(found)
    except ValidationError as error:
        raise SettingError(_sentence(data / FILE, error)) from error
    if (settings.certificate is None) != (settings.key is None):
        raise SettingError("a certificate needs its key; give both, --certificate and --key")
    return settings


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise SettingError(f"{file} cannot be read: {shortened(str(error))}") from error


def _sentence(file: Path, error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    where = field_place(first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{file} has a setting {where!r} that this version does not know"
    reason = first["msg"].removeprefix("Value error, ")
    return f"the hub's setting {where!r} cannot be used: {reason[:1].lower()}{reason[1:]}"
