"""What commands share: how they print, and options for models and servers."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

from simvoice.engines.llm.server import Server, server_at
from simvoice.errors import UsageError
from simvoice.models import manifest

# -- output -----------------------------------------------------------------------------------
# How commands speak: answers on stdout, everything else on stderr.


answers = Console(highlight=False, soft_wrap=True)
"""Answers for people."""

notes = Console(stderr=True, highlight=False, soft_wrap=True)
"""Progress and diagnostics."""


def print_json(value: Any) -> None:
    """The whole answer as one JSON document on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


# -- options ----------------------------------------------------------------------------------
# Options that several commands share: which models, and which server.


ProfileOption = Annotated[
    str,
    typer.Option(
        envvar="SIMVOICE_PROFILE",
        help="embedded, workstation or studio: which set of models.",
    ),
]
DEFAULT_PROFILE = manifest.DEFAULT_PROFILE

LlmUrl = Annotated[
    str,
    typer.Option(
        envvar="SIMVOICE_LLM_URL",
        help="A server with a stronger language model, like http://lab:8000/v1 (llama.cpp's, "
        "vLLM's or another that speaks OpenAI's protocol). The learner's words go there. A key, "
        "if it wants one, is taken from SIMVOICE_LLM_KEY.",
    ),
]
LlmModel = Annotated[
    str,
    typer.Option(
        envvar="SIMVOICE_LLM_MODEL", help="Its name on that server; the first one without it."
    ),
]
LlmForm = Annotated[
    str,
    typer.Option(
        envvar="SIMVOICE_LLM_FORM",
        help="How that server is asked: chat, or screenplay for a base model.",
    ),
]
LlmWait = Annotated[
    float,
    typer.Option(
        envvar="SIMVOICE_LLM_WAIT",
        help="Seconds that its first word is waited for before the embedded model speaks.",
    ),
]
DEFAULT_FORM = "chat"
DEFAULT_WAIT_S = 1.2


def server_of(url: str, model: str, form: str, wait_s: float) -> Server | None:
    """The server that was chosen; None when none was. Raises UsageError or SettingError."""
    if not url.strip():
        if model.strip():
            raise UsageError(
                "a model was named and no server that has it; give --llm-url (or set "
                "SIMVOICE_LLM_URL), or leave --llm-model (SIMVOICE_LLM_MODEL) out"
            )
        return None
    key = os.environ.get("SIMVOICE_LLM_KEY", "").strip()
    return server_at(url, model, key=key, form=form, first_s=wait_s)
