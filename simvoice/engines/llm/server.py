"""The address of a language model's server, and its timeouts. This module opens no connection."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from simvoice.errors import SettingError

PromptForm = Literal["chat", "screenplay"]
"""chat: the chat endpoint, for models trained for conversations. screenplay: the completions
endpoint, which continues a text, for base models."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds after which a request fails, and the embedded model answers instead."""

    connect_s: float = 1.0
    """To connect. A machine in the same building answers within milliseconds."""
    first_s: float = 1.2
    """From the request to the first word. Together with the end of the turn this gives about two
    seconds of silence, which still passes for a pause to think."""
    next_s: float = 0.6
    """Between two pieces. Even a slow server is faster than speech."""
    whole_s: float = 2.5
    """For the whole line."""
    read_s: float = 20.0
    """To read the beginning of the next prompt while the learner does not wait; a request cancels
    it."""
    list_s: float = 5.0
    """For the list of models, which no encounter waits for."""


LONG_TIMEOUTS = Timeouts(connect_s=5.0, first_s=60.0, next_s=30.0, whole_s=120.0, read_s=120.0)
"""For checks and conversations in text, where no learner waits."""


@dataclass(frozen=True, slots=True)
class Server:
    """An OpenAI-compatible server: llama.cpp's, vLLM, and others."""

    url: str
    """The base URL, ending in /v1; see `parse_server`."""
    model: str = ""
    """Empty: the first model that the server offers."""
    key: str = field(default="", repr=False)
    """Never shown, recorded or logged."""
    form: PromptForm = "chat"
    timeouts: Timeouts = Timeouts()

    @property
    def name(self) -> str:
        """Host and port, for messages and records; contains nothing secret."""
        return urlsplit(self.url).netloc

    @property
    def is_local(self) -> bool:
        """Whether the server runs on this machine, so that no speech leaves it."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def is_private(self) -> bool:
        """Whether no one on the network can read what is said."""
        return self.is_local or urlsplit(self.url).scheme == "https"


def parse_server(
    url: str, model: str = "", *, key: str = "", form: str = "chat", first_s: float | None = None
) -> Server:
    """Return the server at an address such as "http://lab:8000" or "http://lab:8000/v1".

    first_s: seconds to wait for a first word. Raises SettingError for a setting that cannot be
    used.
    """
    parts = _parts(url.strip())
    if parts.username or parts.password:
        raise SettingError(
            "the language model's address contains a password, which would be shown and "
            "recorded; put the key into SIMVOICE_LLM_KEY instead"
        )
    if parts.query or parts.fragment:
        raise SettingError(f"the language model's address ends in a query; {ADDRESS_EXAMPLE}")
    if not key.isascii() or not key.isprintable():
        raise SettingError(
            "SIMVOICE_LLM_KEY contains characters that no key contains; copy it again"
        )
    if form not in ("chat", "screenplay"):
        raise SettingError(f"there is no prompt form {form!r}; the forms are chat, screenplay")
    path = parts.path.rstrip("/") or "/v1"
    for ending in ("/chat/completions", "/completions", "/models"):
        path = path.removesuffix(ending)
    timeouts = Timeouts()
    if first_s is not None:
        if not 0.1 <= first_s <= 30.0:
            raise SettingError("the wait for the first word must be 0.1 to 30 seconds")
        timeouts = Timeouts(first_s=first_s, whole_s=first_s + timeouts.whole_s - timeouts.first_s)
    base = f"{parts.scheme}://{parts.netloc}{path}"
    return Server(base, model.strip(), key, "chat" if form == "chat" else "screenplay", timeouts)


ADDRESS_EXAMPLE = "write it like http://127.0.0.1:8000/v1"


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = (
            " " not in url
            and parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
        )
    except ValueError:
        usable = False
    if not usable:
        raise SettingError(f"the language model's address cannot be used; {ADDRESS_EXAMPLE}")
    return parts
