"""`simvoice serve`: the learner's pages in the browser."""

from __future__ import annotations

import tempfile
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Annotated

import typer

from simvoice.cli.common import (
    DEFAULT_FORM,
    DEFAULT_PROFILE,
    DEFAULT_WAIT_S,
    LlmForm,
    LlmModel,
    LlmUrl,
    LlmWait,
    ProfileOption,
    answers,
    notes,
    server_of,
)

PORT = 8765
"""What a bookmark may count on."""


def serve(
    host: Annotated[
        str, typer.Option(help="Loopback address to serve on: 127.0.0.1, ::1 or localhost.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = PORT,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser as well.")
    ] = False,
    every_case: Annotated[
        bool, typer.Option("--every-case", help="Offer cases too that have not passed their check.")
    ] = False,
    profile: ProfileOption = DEFAULT_PROFILE,
    llm_url: LlmUrl = "",
    llm_model: LlmModel = "",
    llm_form: LlmForm = DEFAULT_FORM,
    llm_wait: LlmWait = DEFAULT_WAIT_S,
) -> None:
    """Serve the learner's pages to this machine until Ctrl+C."""
    # the pages and the engines take seconds to import; the other commands should not wait
    from simvoice.app.simulator import Simulator
    from simvoice.web.server import loopback_socket
    from simvoice.web.server import serve as serve_pages

    def tell(address: str) -> None:
        # whole: a terminal that is narrower than the address must not cut the key
        answers.print(f"simvoice is at {address}", markup=False, soft_wrap=True)
        notes.print("The key at its end lets in only you. Ctrl+C ends it.")
        if open_browser:
            show(address)

    server = server_of(llm_url, llm_model, llm_form, llm_wait)
    made = loopback_socket(host, port)
    try:
        simulator = Simulator(profile, every_case=every_case, server=server)
    except BaseException:
        made.close()
        raise
    simulator.warm_up()
    with _browser() as show:
        try:
            serve_pages(simulator, made, on_address=tell)
        finally:
            simulator.close()


@contextmanager
def _browser() -> Iterator[Callable[[str], None]]:
    """Opens addresses in the browser by way of a private file.

    Every account of the machine can read the command line of the browser. A file that only this
    account can read leads it to the address, so that the key is not on the command line.
    """
    with tempfile.TemporaryDirectory(prefix="simvoice-") as folder:

        def show(address: str) -> None:
            page = Path(folder, "open.html")
            page.write_text(
                '<!doctype html><meta charset="utf-8"><title>simvoice</title>'
                f'<meta http-equiv="refresh" content="0; url={escape(address)}">'
                f'<a href="{escape(address)}">Open simvoice</a>',
                encoding="utf-8",
            )
            webbrowser.open(page.as_uri())

        yield show
