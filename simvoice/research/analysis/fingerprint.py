"""What a result depends on, as one number: when it has not changed, the work need not be done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from simvoice import __version__
from simvoice.research.analysis.conversation import FORMAT


def fingerprint(inputs: Iterable[str], options: dict[str, Any]) -> str:
    """SHA-256 in hex. inputs: digests of the files. options: everything else that changes the
    result, of types JSON knows."""
    whole = {
        "format": FORMAT,
        "inputs": list(inputs),
        "options": options,
        "simvoice": __version__,
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
