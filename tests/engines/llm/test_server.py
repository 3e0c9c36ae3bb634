"""Where a language model's server is, by what somebody typed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simvoice.engines.llm.remote import Remote
from simvoice.engines.llm.server import Server, server_at
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
def test_an_address_is_understood(given: str, used: str) -> None:
    assert server_at(given).url == used


@pytest.mark.parametrize(
    "given",
    ["", "lab:8000", "ftp://lab", "http://", "http://lab:99999", "http://me:pw@lab/v1",
     "http://lab/v1?key=1", "http://lab/v1#x", "http://[::1", "http://a b"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(SettingError) as caught:
        server_at(given)
    assert "pw" not in str(caught.value)


def test_whether_words_leave_the_machine_is_known() -> None:
    near, far = server_at("http://127.0.0.1:1"), server_at("http://lab:8000")
    assert (near.is_near, near.is_private) == (True, True)
    assert server_at("http://localhost:1").is_near
    assert (far.is_near, far.is_private, far.name) == (False, False, "lab:8000")
    assert replace(far, url="https://lab/v1").is_private
    with pytest.raises(SettingError, match="between"):
        server_at("http://lab", first_s=0.0)
    with pytest.raises(SettingError, match="SIMVOICE_LLM_KEY"):
        server_at("http://lab", key="k\ney")
    with pytest.raises(SettingError, match="cannot be used"):
        Remote(Server("http://a\x01b/v1"))
    with pytest.raises(SettingError, match="forms are"):
        server_at("http://lab", form="poem")
