"""What the commands that analyse and take away need put together: cases and the recogniser."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from simvoice import models, paths
from simvoice.engines import threads
from simvoice.errors import CaseError
from simvoice.patient.load import find_cases, load_case
from simvoice.scoring.norms import visit_of

if TYPE_CHECKING:
    from simvoice.engines.whisper import Whisper


def case_visits() -> dict[str, tuple[str, ...]]:
    """What kinds of visit the cases at hand are, by case, for norms; broken cases are left out."""
    found: dict[str, tuple[str, ...]] = {}
    for case_id, path in find_cases(paths.scenarios_dir()).items():
        with contextlib.suppress(CaseError):
            found[case_id] = tuple(sorted(visit_of(load_case(path).instruments)))
    return found


def check_word_ear() -> None:
    """Raises ModelMissing or ModelAltered when the recogniser cannot be used."""
    models.locate(_recogniser())


def word_ear() -> Whisper:
    """A recogniser of its own, for words with their times; made in the process that uses it."""
    threads.set_environment()
    # Imports the heavy library, which reads the environment that was set above.
    from simvoice.engines.whisper import Whisper

    return Whisper(models.locate(_recogniser()))


def _recogniser() -> str:
    return models.profile(models.DEFAULT_PROFILE)["stt"]
