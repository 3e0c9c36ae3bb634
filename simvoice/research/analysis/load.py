"""What a command line names as conversations to take away: results, attempts, folders of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simvoice.errors import UsageError
from simvoice.record.store import Store
from simvoice.research.analysis.attempts import of_attempt
from simvoice.research.analysis.conversation import Conversation
from simvoice.research.analysis.inputs import Kept, gather
from simvoice.research.analysis.results import id_of, is_result, load, results_in
from simvoice.research.recordings.names import Names


@dataclass(frozen=True, slots=True)
class Result:
    """A conversation that was analysed and saved."""

    path: Path

    @property
    def id(self) -> str:
        """The conversation's."""
        return id_of(self.path)

    def load(self) -> Conversation:
        """Raises UsageError when the file is broken."""
        return load(self.path)

    def sound(self) -> Path | None:
        """None: where a recording lay is not kept."""
        return None


@dataclass(frozen=True, slots=True)
class Own:
    """An attempt, analysed when it is asked for."""

    kept: Kept

    @property
    def id(self) -> str:
        """The attempt's."""
        return self.kept.id

    def load(self) -> Conversation:
        """Raises AttemptError when it cannot be read."""
        return of_attempt(Store(self.kept.root).open(self.kept.id))

    def sound(self) -> Path | None:
        """Where its sound is; None when it was not kept. Raises AttemptError."""
        return Store(self.kept.root).open(self.kept.id).audio_path


Source = Result | Own
"""Where a conversation comes from: thousands are named at once and loaded one by one."""


def sources_at(given: Sequence[str], attempts: Path) -> list[Source]:
    """In order of their ids, each once; without a path, every attempt under `attempts`.

    Raises UsageError for a path that is not there or is not analysed yet, or when there is
    nothing.
    """
    found: dict[str, Source] = {}
    for text in given or [str(attempts)]:
        for source in _at(text, attempts):
            found[source.id] = source
    if not found:
        raise UsageError("there is nothing to take away; make an attempt with: simvoice demo")
    return [found[key] for key in sorted(found)]


def _at(text: str, attempts: Path) -> list[Source]:
    path = Path(text)
    if path == attempts and not path.exists():
        return []
    if path.is_file() and is_result(path):
        return [Result(path)]
    results = results_in(path) if path.is_dir() else []
    if results:
        return [Result(result) for result in results]
    made: list[Source] = []
    for item in gather([text], attempts, Names()):
        if not isinstance(item, Kept):
            raise UsageError(
                f"{item.name!r} is a recording; analyse it first, then take the results away: "
                f"simvoice analyze {text!r}"
            )
        made.append(Own(item))
    return made
