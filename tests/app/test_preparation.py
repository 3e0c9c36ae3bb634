"""The preparation of a case in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from simvoice.app.preparation import PreparationProgress, Preparations
from simvoice.errors import ModelMissing
from tests.log_file import LogFile


def test_a_preparation_and_its_seconds_are_logged(logged: LogFile) -> None:
    is_ready = threading.Event()
    preparations = Preparations()
    preparations.begin(
        "wrist", "Ben is ready", lambda _progress, _stop: None, lambda _stop: is_ready.set()
    )
    assert is_ready.wait(60)
    preparations.stop()
    text = logged.text()
    assert "INFO simvoice.app.preparation" in text
    assert "prepared case=wrist seconds=0.0" in text


@pytest.mark.parametrize("error", [MemoryError(), ValueError("no chunk")])
def test_an_unexpected_error_of_a_preparation_is_said_and_the_next_one_begins(
    logged: LogFile, error: Exception
) -> None:
    def fail(_progress: PreparationProgress, _stop: Callable[[], bool]) -> None:
        raise error

    preparations = Preparations()
    preparations.begin("wrist", "Ben is ready", fail, lambda _stop: None)
    preparations.stop()
    assert not preparations.readiness.ready
    assert "could not be prepared; load the page again" in (preparations.readiness.fault or "")
    assert not preparations.serves("wrist")
    preparations.begin("wrist", "Ben is ready", lambda _progress, _stop: None, lambda _stop: None)
    until_s = time.monotonic() + 60.0
    while not preparations.readiness.ready and time.monotonic() < until_s:
        time.sleep(0.01)
    assert preparations.readiness.sentence == "Ben is ready"
    assert "The preparation of wrist ended with an error." in logged.text()


def test_a_preparation_that_fails_is_a_warning_with_its_place(logged: LogFile) -> None:
    def fail(_progress: PreparationProgress, _stop: Callable[[], bool]) -> None:
        raise ModelMissing("the model of Quincy is not here; run: simvoice models pull")

    preparations = Preparations()
    preparations.begin("wrist", "Ben is ready", fail, lambda _stop: None)
    preparations.stop()
    assert preparations.readiness.fault is not None
    text = logged.text_without_secrets()
    assert "WARNING simvoice.app.preparation" in text
    assert "preparation failed case=wrist simvoice.errors.ModelMissing at test_prep" in text
