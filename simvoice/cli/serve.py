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

from simvoice import paths
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
    orderly_end,
    server_of,
)

PORT = 8765
"""The default port, fixed so that bookmarks keep working."""


def serve(
    host: Annotated[
        str, typer.Option(help="Loopback address to serve on: 127.0.0.1, ::1 or localhost.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port. 0 takes a free one.")] = PORT,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Also open the page in the browser.")
    ] = False,
    every_case: Annotated[
        bool,
        typer.Option("--every-case", help="Also offer cases that have not passed their check."),
    ] = False,
    reflects: Annotated[
        bool,
        typer.Option(
            "--reflect/--no-reflect",
            help="Before a debrief, ask learners what they think of some of their moments.",
        ),
    ] = True,
    profile: ProfileOption = DEFAULT_PROFILE,
    llm_url: LlmUrl = "",
    llm_model: LlmModel = "",
    llm_form: LlmForm = DEFAULT_FORM,
    llm_wait: LlmWait = DEFAULT_WAIT_S,
) -> None:
    """Serve the web pages to this machine until Ctrl+C."""
    # imported here: these take seconds, and other commands do not need them
    from simvoice.app.simulator import Simulator
    from simvoice.hub_client.link import HubLink
    from simvoice.web.open_files import check_file_limit
    from simvoice.web.server import loopback_socket
    from simvoice.web.server import serve as serve_pages

    def show_address(address: str) -> None:
        # soft_wrap: a narrow terminal must not cut the key
        answers.print(f"simvoice is at {address}", markup=False, soft_wrap=True)
        notes.print(
            "The address ends with your key; only you can open it. Ctrl+C stops the server."
        )
        if open_browser:
            open_page(address)

    check_file_limit()
    server = server_of(llm_url, llm_model, llm_form, llm_wait)
    with orderly_end(), loopback_socket(host, port) as made, _browser() as open_page:
        simulator = Simulator(profile, every_case=every_case, server=server)
        try:
            lacking = simulator.shortage()
            if lacking:
                notes.print(f"No encounter can begin now: {lacking}.", markup=False)
            simulator.warm_up()
            link = HubLink(paths.pairing_dir())
            serve_pages(simulator, made, hub_link=link, reflects=reflects, on_address=show_address)
        finally:
            simulator.close()


@contextmanager
def _browser() -> Iterator[Callable[[str], None]]:
    """Give a function that opens an address in the browser through a private file.

    Other accounts of the machine can read the browser's command line. So the browser opens a file
    that only this account can read, and the file redirects to the address with the key.
    """
    with tempfile.TemporaryDirectory(prefix="simvoice-") as folder:

        def open_page(address: str) -> None:
            page = Path(folder, "open.html")
            page.write_text(
                '<!doctype html><meta charset="utf-8"><title>simvoice</title>'
                f'<meta http-equiv="refresh" content="0; url={escape(address)}">'
                f'<a href="{escape(address)}">Open simvoice</a>',
                encoding="utf-8",
            )
            webbrowser.open(page.as_uri())

        yield open_page
