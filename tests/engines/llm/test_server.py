"""The address of a language model's server, as a user types it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simvoice.engines.llm.remote import Remote
from simvoice.engines.llm.server import Server, parse_server
from simvoice.errors import SettingError


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://lab:8000", "http://lab:8000/v1"),
        ("http://lab:8000/", "http://lab:8000/v1"),
        ("https://lab/v1/", "https://lab/v1"),
        (" http://[::1]:8080/v1/chat/completions", "http://[::1]:8080/v1"),
        ("http://lab/models/v1", "http://lab/models/v1"),
    ],
)
def test_an_address_is_completed(given: str, used: str) -> None:
    assert parse_server(given).url == used


@pytest.mark.parametrize(
    "given",
    ["", "lab:8000", "ftp://lab", "http://", "http://lab:99999", "http://me:pw@lab/v1",
     "http://lab/v1?key=1", "http://lab/v1#x", "http://[::1", "http://a b"],
)  # fmt: skip
def test_an_invalid_address_is_refused_and_not_repeated(given: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse_server(given)
    assert "pw" not in str(caught.value)


def test_a_server_knows_whether_speech_leaves_the_machine() -> None:
    near, far = parse_server("http://127.0.0.1:1"), parse_server("http://lab:8000")
    assert (near.is_local, near.is_private) == (True, True)
    assert parse_server("http://localhost:1").is_local
    assert (far.is_local, far.is_private, far.name) == (False, False, "lab:8000")
    assert replace(far, url="https://lab/v1").is_private
    with pytest.raises(SettingError, match=r"0\.1 to 30 seconds"):
        parse_server("http://lab", first_s=0.0)
    with pytest.raises(SettingError, match="SIMVOICE_LLM_KEY"):
        parse_server("http://lab", key="k\ney")
    with pytest.raises(SettingError, match="cannot be used"):
        Remote(Server("http://a\x01b/v1"))
    with pytest.raises(SettingError, match="forms are"):
        parse_server("http://lab", form="poem")
