"""How commands speak: answers on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console

answers = Console(highlight=False, soft_wrap=True)
"""Answers for people."""

notes = Console(stderr=True, highlight=False, soft_wrap=True)
"""Progress and diagnostics."""


def print_json(value: Any) -> None:
    """The whole answer as one JSON document on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
