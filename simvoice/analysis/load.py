"""What a command line names as conversations to take away: results, attempts, folders of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from simvoice.analysis.attempts import of_attempt
from simvoice.analysis.conversation import Conversation
from simvoice.analysis.gather import Kept, gather
from simvoice.analysis.results import is_result, load, results_in
from simvoice.errors import UsageError
from simvoice.record.store import Store
from simvoice.recordings.names import Names


def conversations_at(
    given: Sequence[str],
    attempts: Path,
    case_visits: Mapping[str, tuple[str, ...]],
) -> list[Conversation]:
    """In order of their ids, each once; without a path, every attempt under `attempts`.

    Raises UsageError for a path that is not there or is not analysed yet, AttemptError for an
    attempt that cannot be read.
    """
    found: dict[str, Conversation] = {}
    for text in given or [str(attempts)]:
        for conversation in _at(text, attempts, case_visits):
            found[conversation.id] = conversation
    if not found:
        raise UsageError("there is nothing to take away; make an attempt with: simvoice demo")
    return [found[key] for key in sorted(found)]


def _at(
    text: str, attempts: Path, case_visits: Mapping[str, tuple[str, ...]]
) -> list[Conversation]:
    path = Path(text)
    if path == attempts and not path.exists():
        return []
    if path.is_file() and is_result(path):
        return [load(path)]
    results = results_in(path) if path.is_dir() else []
    if results:
        return [load(result) for result in results]
    made = []
    for item in gather([text], attempts, Names()):
        if not isinstance(item, Kept):
            raise UsageError(
                f"{item.name!r} is a recording; analyse it first, then take the results away: "
                f"simvoice analyze {text!r}"
            )
        attempt = Store(item.root).open(item.id)
        made.append(of_attempt(attempt, case_visits.get(attempt.header.case_id, ())))
    return made
