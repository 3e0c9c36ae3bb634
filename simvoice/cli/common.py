"""What commands share: printing, and the options for JSON, models and servers."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from simvoice.engines.llm.server import Server, parse_server
from simvoice.errors import UsageError
from simvoice.models import manifest
from simvoice.safe_text import for_terminal, json_text

# -- output: answers on stdout, everything else on stderr


class TextConsole(Console):
    """A console that prints text as it is: no markup in it, no emoji codes, no commands.

    Names of files and people, titles and comments can hold control characters. They are replaced
    after the layout, so that no caller has to remember it (`safe_text.for_terminal`).
    """

    def __init__(self, *, stderr: bool = False) -> None:
        """stderr: print there and not to stdout."""
        super().__init__(stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Return the segments of what is printed, without commands of anyone but rich."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else for_terminal(text), style, control)


answers = TextConsole()
"""Prints answers, to stdout."""

notes = TextConsole(stderr=True)
"""Prints progress and diagnostics, to stderr."""

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


def print_json(value: Any) -> None:
    """Print the whole answer as one JSON document on stdout."""
    sys.stdout.write(json_text(value) + "\n")


# -- the end by a signal

STOPPED = 128 + signal.SIGTERM
"""Exit code of a command that SIGTERM or a closed terminal ended, as a shell gives it: 143."""

_AGAIN_S = 0.05


@contextmanager
def orderly_end() -> Iterator[None]:
    """Let SIGTERM end the body like an exception, so that every `finally` of it runs.

    A terminal that is closed (SIGHUP) acts like SIGTERM, unless `nohup` started the process. The
    exit code is `STOPPED`. Only for the main thread.

    A library may call Python where no exception gets through, as llama.cpp does to log. The signal
    is then raised again a moment later, when Python code runs that can be left.
    """
    shown = [stream for stream in (1, 2) if os.isatty(stream)]
    show_unraisable = sys.unraisablehook

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        sys.exit(STOPPED)

    def leave_again(unraisable: sys.UnraisableHookArgs) -> None:
        error = unraisable.exc_value
        if isinstance(error, SystemExit) and error.code == STOPPED:
            again = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), signal.SIGTERM))
            again.daemon = True
            again.start()
        else:
            show_unraisable(unraisable)

    def hang_up(_number: int, _frame: FrameType | None) -> None:
        discard_output(shown)
        signal.raise_signal(signal.SIGTERM)  # whichever handler the body has set for it

    sys.unraisablehook = leave_again
    before = signal.signal(signal.SIGTERM, leave)
    hung_up = signal.getsignal(signal.SIGHUP)
    if hung_up != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, hang_up)
    try:
        yield
    finally:
        sys.unraisablehook = show_unraisable
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGHUP, hung_up)


def discard_output(streams: Iterable[int]) -> None:
    """Send what is printed nowhere, because no one can read it any more. streams: 1, 2."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream)
    os.close(nowhere)


# -- options for models and servers


ProfileOption = Annotated[
    str,
    typer.Option(
        envvar="SIMVOICE_PROFILE",
        help="The set of models: embedded, workstation or studio.",
    ),
]
DEFAULT_PROFILE = manifest.DEFAULT_PROFILE

LlmUrl = Annotated[
    str,
    typer.Option(
        envvar="SIMVOICE_LLM_URL",
        help="A server with a stronger language model, such as http://lab:8000/v1 (llama.cpp, "
        "vLLM or another with OpenAI's protocol). simvoice sends the learner's words there. If "
        "the server needs a key, set SIMVOICE_LLM_KEY.",
    ),
]
LlmModel = Annotated[
    str,
    typer.Option(
        envvar="SIMVOICE_LLM_MODEL", help="The model's name on that server; default: its first."
    ),
]
LlmForm = Annotated[
    str,
    typer.Option(
        envvar="SIMVOICE_LLM_FORM",
        help="The form of the requests: chat, or screenplay for a base model.",
    ),
]
LlmWait = Annotated[
    float,
    typer.Option(
        envvar="SIMVOICE_LLM_WAIT",
        help="Seconds to wait for the server's first word; then the embedded model answers.",
    ),
]
DEFAULT_FORM = "chat"
DEFAULT_WAIT_S = 1.2


def server_of(url: str, model: str, form: str, wait_s: float) -> Server | None:
    """Return the chosen server; None without one. Raises UsageError or SettingError."""
    if not url.strip():
        if model.strip():
            raise UsageError(
                "--llm-model (SIMVOICE_LLM_MODEL) needs a server; give --llm-url (or set "
                "SIMVOICE_LLM_URL), or leave the model out"
            )
        return None
    key = os.environ.get("SIMVOICE_LLM_KEY", "").strip()
    return parse_server(url, model, key=key, form=form, first_s=wait_s)
