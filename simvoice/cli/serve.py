"""`simvoice serve`: the learner's pages in the browser."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer

from simvoice.cli.choices import (
    DEFAULT_FORM,
    DEFAULT_PROFILE,
    DEFAULT_WAIT_S,
    LlmForm,
    LlmModel,
    LlmUrl,
    LlmWait,
    Profile,
    server_of,
)
from simvoice.cli.out import answers, notes

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
    profile: Profile = DEFAULT_PROFILE,
    llm_url: LlmUrl = "",
    llm_model: LlmModel = "",
    llm_form: LlmForm = DEFAULT_FORM,
    llm_wait: LlmWait = DEFAULT_WAIT_S,
) -> None:
    """Serve the learner's pages to this machine until Ctrl+C."""
    # the pages and the engines take seconds to import; the other commands should not wait
    from simvoice.app import Simulator
    from simvoice.web.server import loopback_socket
    from simvoice.web.server import serve as serve_pages

    def tell(address: str) -> None:
        answers.print(f"simvoice is at {address}")
        notes.print("Ctrl+C ends it.")
        if open_browser:
            webbrowser.open(address)

    server = server_of(llm_url, llm_model, llm_form, llm_wait)
    made = loopback_socket(host, port)
    try:
        simulator = Simulator(profile, every_case=every_case, server=server)
    except BaseException:
        made.close()
        raise
    simulator.warm_up()
    try:
        serve_pages(simulator, made, on_address=tell)
    finally:
        simulator.close()
