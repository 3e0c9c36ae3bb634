"""Whatever a browser or a program sends: a sentence within a second, and no error in the log.

The searches are bounded in time (`BUDGET_S` in total), so that they look at something new in each
run of the tests and never take longer. `scripts/fuzz` searches for ten minutes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.search import Target, search
from tests.fuzz.web import FIRST_MESSAGE, HEADS, LATER_MESSAGES, REQUESTS, web_targets

pytestmark = pytest.mark.slow

BUDGET_S = float(os.environ.get("SIMVOICE_FUZZ_S", "20"))
"""Seconds for all searches of this file together."""


@pytest.fixture
def targets(tmp_path: Path) -> Iterator[dict[str, Target]]:
    with web_targets(tmp_path) as found:
        yield {target.name: target for target in found}


@pytest.mark.parametrize(
    ("name", "share"),
    [(FIRST_MESSAGE, 0.2), (LATER_MESSAGES, 0.3), (REQUESTS, 0.35), (HEADS, 0.15)],
)
def test_anything_gets_an_answer_or_a_sentence(
    targets: dict[str, Target], name: str, share: float
) -> None:
    found = search(targets[name], share * BUDGET_S, is_busy=True)
    if found.failure is not None:
        raise found.failure
    assert found.count > 0
