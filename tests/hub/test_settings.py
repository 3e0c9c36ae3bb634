"""The settings of a hub, from its options, the environment and `hub.toml`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simvoice.errors import SettingError
from simvoice.hub.keys import load_keys
from simvoice.hub.roles import Role
from simvoice.hub.settings import FILE, HubSettings, load_settings

WHOLE = """
title = "Skills lab"
host = "0.0.0.0"
port = 443
public_url = "https://Hub.Example.edu/"
proxies = ["10.0.0.0/8", "192.0.2.1"]

[openid]
issuer = "https://login.example.edu/realms/skills/"
client_id = "hub"
roles = { teachers = ["educator"], staff = ["technician", "educator"] }
everyone = ["learner"]
"""


def load(tmp_path: Path, text: str = "", environment: Any = None, **options: Any) -> HubSettings:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    return load_settings(tmp_path, options, environment or {})


def test_without_a_file_a_hub_serves_this_machine(tmp_path: Path) -> None:
    found = load_settings(tmp_path / "none", environment={})
    assert (found.host, found.port, found.is_secure) == ("127.0.0.1", 8766, False)
    assert found.database == f"sqlite:///{tmp_path / 'none' / 'hub.sqlite3'}"


def test_the_file_is_read(tmp_path: Path) -> None:
    found = load(tmp_path, WHOLE)
    assert found.public_url == "https://hub.example.edu"
    assert found.is_secure
    assert found.openid is not None
    assert found.openid.issuer == "https://login.example.edu/realms/skills"
    assert found.openid.roles["staff"] == (Role.TECHNICIAN, Role.EDUCATOR)


def test_an_option_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    environment = {"SIMVOICE_HUB_PORT": "2", "SIMVOICE_HUB_HOST": "::1"}
    found = load(tmp_path, "port = 1\nhost = '127.0.0.2'\ntitle = 'T'", environment, port=3)
    assert (found.port, found.host, found.title) == (3, "::1", "T")


def test_secrets_come_from_the_environment_and_are_not_shown(tmp_path: Path) -> None:
    environment = {
        "SIMVOICE_HUB_OPENID_SECRET": "s3cret",
        "SIMVOICE_DATABASE_URL": "postgresql://hub:pass@db/hub",
    }
    found = load(tmp_path, WHOLE, environment)
    assert found.openid is not None
    assert found.openid.client_secret == "s3cret"
    assert found.database == "postgresql://hub:pass@db/hub"
    assert "s3cret" not in repr(found)
    assert "pass@" not in repr(found)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ports = 1", "hub.toml has a setting 'ports' that this version does not know"),
        ("port = 99999", "the hub's setting 'port' cannot be used"),
        ("proxies = ['here']", "'here' does not appear to be an IPv4 or IPv6 network"),
        ("public_url = 'hub'", "an address such as https://hub.example.edu is needed"),
        ("public_url = 'https://a/b'", "an address such as https://hub.example.edu is needed"),
        ("[openid]\nissuer = 'http://x'\nclient_id = 'a'", "an address with https:// is needed"),
        ("[openid]\nclient_id = 'a'", "'openid.issuer' cannot be used: field required"),
        ("port = ", "hub.toml cannot be read"),
        ("title = ''", "'title' cannot be used"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingError) as raised:
        load(tmp_path, text)
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_file_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with suppress(SettingError):
        load_settings(tmp_path, environment={})


def test_two_processes_that_start_together_have_one_secret(tmp_path: Path) -> None:
    first, second = load_keys(tmp_path), load_keys(tmp_path)
    assert first.sign("a", "text") == second.sign("a", "text")
    assert first.sign("a", "text") != first.sign("b", "text")
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_damaged_secret_is_one_sentence(tmp_path: Path) -> None:
    from simvoice.errors import StorageRefused

    (tmp_path / "secret.key").write_text("half")
    with pytest.raises(StorageRefused, match="is damaged; restore it from a backup"):
        load_keys(tmp_path)
