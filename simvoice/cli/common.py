"""What commands share: printing, and the options for JSON, models and servers."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

from simvoice.engines.llm.server import Server, parse_server
from simvoice.errors import UsageError
from simvoice.models import manifest

# -- output: answers on stdout, everything else on stderr


answers = Console(highlight=False, soft_wrap=True)
"""Prints answers, to stdout."""

notes = Console(stderr=True, highlight=False, soft_wrap=True)
"""Prints progress and diagnostics, to stderr."""

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


def print_json(value: Any) -> None:
    """Print the whole answer as one JSON document on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


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
