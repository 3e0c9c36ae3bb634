"""The attempt that most tests of the debrief read."""

from __future__ import annotations

import pytest

from simvoice.record.store import Attempt
from tests.planted.talk import record


@pytest.fixture(scope="module")
def attempt(tmp_path_factory: pytest.TempPathFactory) -> Attempt:
    """The planted talk, recorded once for each file of tests. Tests do not change its folder."""
    return record(tmp_path_factory.mktemp("attempts"))
