"""The folder of results: one JSON file a conversation, and what it depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simvoice import __version__
from simvoice.errors import UsageError
from simvoice.record.files import replace_file, storage_error
from simvoice.research.analysis.conversation import FORMAT, Conversation

# -- fingerprint ------------------------------------------------------------------------------
# What a result depends on, as one number: when it has not changed, the work need not be done.


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


# -- results ----------------------------------------------------------------------------------
# The folder of results: one JSON file a conversation, written whole or not at all.


_ENDING = ".conversation.json"


def path_of(folder: Path, conversation_id: str) -> Path:
    """Where a result lies."""
    return folder / f"{conversation_id}{_ENDING}"


def is_current(folder: Path, conversation_id: str, fingerprint: str) -> bool:
    """Whether the result is there, whole, and made from the same input by the same version."""
    try:
        found = json.loads(path_of(folder, conversation_id).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("fingerprint") == fingerprint


def save(folder: Path, conversation: Conversation) -> Path:
    """Raises StorageFull or SimvoiceError when it cannot be written; then nothing is left."""
    path = path_of(folder, conversation.id)
    text = json.dumps(conversation.model_dump(mode="json"), ensure_ascii=False, indent=1)
    try:
        replace_file(path, (text + "\n").encode("utf-8"))
    except OSError as error:
        raise storage_error(error, f"writing {path.name}") from error
    return path


def load(path: Path) -> Conversation:
    """Raises UsageError when it is none of ours, or of another format."""
    try:
        raw = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _no_result(path) from error
    if isinstance(raw, dict) and raw.get("format", FORMAT) != FORMAT:
        raise UsageError(
            f"{path.name!r} was written by another version of simvoice; analyse it again"
        )
    try:
        return Conversation.model_validate(raw)
    except ValidationError as error:
        raise _no_result(path) from error


def results_in(folder: Path) -> list[Path]:
    """The results in a folder, in order of their names."""
    return sorted(path for path in folder.glob(f"*{_ENDING}") if path.is_file())


def id_of(path: Path) -> str:
    """The conversation whose result a file is, by its name."""
    return path.name.removesuffix(_ENDING)


def is_result(path: Path) -> bool:
    """Whether a file is called like a result."""
    return path.name.endswith(_ENDING)


def _no_result(path: Path) -> UsageError:
    return UsageError(
        f"{path.name!r} is no result of `simvoice analyze`, or it is broken; analyse it again"
    )
