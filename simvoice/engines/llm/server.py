"""Where a lab's language model is, and how long one waits for it. No network here."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from simvoice.errors import SettingError

PromptForm = Literal["chat", "screenplay"]
"""chat: its chat endpoint, for models made to be talked with. screenplay: its completions
endpoint, which goes on with the text, for base models."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the server is waited for, in seconds, before another way is taken."""

    connect_s: float = 1.0
    """A machine in the same house answers within milliseconds."""
    first_s: float = 1.2
    """From the question to its first word: together with the turn's own end about two seconds of
    silence, which is still a pause for thought."""
    next_s: float = 0.6
    """Between two pieces: even a slow server speaks faster than she does."""
    whole_s: float = 2.5
    """For the whole line."""
    read_s: float = 20.0
    """To read what the next question begins with, while nobody waits; a question breaks it off."""
    list_s: float = 5.0
    """For the list of its models, which nobody waits for in an encounter."""


UNHURRIED = Patience(connect_s=5.0, first_s=60.0, next_s=30.0, whole_s=120.0, read_s=120.0)
"""Where no learner waits: checks, and conversations in text."""


@dataclass(frozen=True, slots=True)
class Server:
    """An OpenAI-compatible server: llama.cpp's, vLLM, and others."""

    url: str
    """The base, ending in /v1; see `server_at`."""
    model: str = ""
    """Empty: the first of those that it offers."""
    key: str = field(default="", repr=False)
    """Never shown, recorded or logged."""
    form: PromptForm = "chat"
    patience: Patience = Patience()

    @property
    def name(self) -> str:
        """Where it is, for people and records: host and port, and nothing secret."""
        return urlsplit(self.url).netloc

    @property
    def is_near(self) -> bool:
        """On this very machine, so that what is said does not leave it."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def is_private(self) -> bool:
        """Nobody on the way can read what is said."""
        return self.is_near or urlsplit(self.url).scheme == "https"


def server_at(
    url: str, model: str = "", *, key: str = "", form: str = "chat", first_s: float | None = None
) -> Server:
    """A server by its address: "http://lab:8000" or "http://lab:8000/v1".

    first_s: seconds to wait for a first word. Raises SettingError for what cannot be an address.
    """
    parts = _parts(url.strip())
    if parts.username or parts.password:
        raise SettingError(
            "the language model's address has a password in it, which would be shown and "
            "recorded; put the key into SIMVOICE_LLM_KEY instead"
        )
    if parts.query or parts.fragment:
        raise SettingError(f"the language model's address ends in a query; {_LIKE}")
    if not key.isascii() or not key.isprintable():
        raise SettingError("SIMVOICE_LLM_KEY holds what no key holds; copy it again")
    if form not in ("chat", "screenplay"):
        raise SettingError(f"there is no form {form!r} to ask in; the forms are chat, screenplay")
    path = parts.path.rstrip("/") or "/v1"
    for ending in ("/chat/completions", "/completions", "/models"):
        path = path.removesuffix(ending)
    patience = Patience()
    if first_s is not None:
        if not 0.1 <= first_s <= 30.0:
            raise SettingError("a first word can be waited for between 0.1 and 30 seconds")
        patience = Patience(first_s=first_s, whole_s=first_s + patience.whole_s - patience.first_s)
    base = f"{parts.scheme}://{parts.netloc}{path}"
    return Server(base, model.strip(), key, "chat" if form == "chat" else "screenplay", patience)


_LIKE = "give it like http://127.0.0.1:8000/v1"


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
        raise SettingError(f"the language model's address cannot be used; {_LIKE}")
    return parts
