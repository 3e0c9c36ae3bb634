"""Save and load results: one JSON file for each conversation, with a fingerprint of its inputs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simvoice import __version__
from simvoice.errors import UsageError
from simvoice.record.files import replace_file, storage_error, sync_folder
from simvoice.research.analysis.conversation import FORMAT, Conversation
from simvoice.research.analysis.work_folder import work_folder

_ENDING = ".conversation.json"


def fingerprint(inputs: Iterable[str], options: dict[str, Any]) -> str:
    """Return a SHA-256 in hex over all that a result depends on: it changes when the result may.

    inputs: digests of the files. options: everything else that changes the result, as JSON data.
    """
    whole = {
        "format": FORMAT,
        "inputs": list(inputs),
        "options": options,
        "simvoice": __version__,
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def result_path(folder: Path, conversation_id: str) -> Path:
    """Return the path of a result."""
    return folder / f"{conversation_id}{_ENDING}"


def is_current(folder: Path, conversation_id: str, fingerprint: str) -> bool:
    """Return whether a complete result of the same input and version exists."""
    try:
        found = json.loads(result_path(folder, conversation_id).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("fingerprint") == fingerprint


def save(folder: Path, conversation: Conversation) -> Path:
    """Write the result completely or not at all, whoever else writes it at the same time.

    Raises StorageFull or SimvoiceError.
    """
    path = result_path(folder, conversation.id)
    text = json.dumps(conversation.model_dump(mode="json"), ensure_ascii=False, indent=1)
    try:
        with work_folder(folder) as work:
            replace_file(work / path.name, (text + "\n").encode("utf-8"))
            os.replace(work / path.name, path)
        sync_folder(folder)
    except OSError as error:
        raise storage_error(error, f"writing {path.name}") from error
    return path


def load(path: Path) -> Conversation:
    """Return the conversation. Raises UsageError for another file or another format."""
    try:
        raw = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _not_a_result(path) from error
    if isinstance(raw, dict) and raw.get("format", FORMAT) != FORMAT:
        raise UsageError(
            f"{path.name!r} was written by another version of simvoice; analyse it again"
        )
    try:
        return Conversation.model_validate(raw)
    except ValidationError as error:
        raise _not_a_result(path) from error


def results_in(folder: Path) -> list[Path]:
    """Return the results in a folder, in order of their names."""
    return sorted(path for path in folder.glob(f"*{_ENDING}") if path.is_file())


def id_of(path: Path) -> str:
    """Return the conversation's id from the name of its result file."""
    return path.name.removesuffix(_ENDING)


def is_result(path: Path) -> bool:
    """Return whether a file has the name of a result."""
    return path.name.endswith(_ENDING)


def _not_a_result(path: Path) -> UsageError:
    return UsageError(
        f"{path.name!r} is not a result of `simvoice analyze`, or it is damaged; analyse it again"
    )
