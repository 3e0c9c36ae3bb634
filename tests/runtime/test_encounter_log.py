"""What the log says of an encounter."""

from __future__ import annotations

import threading

import pytest

from simvoice import log
from simvoice.conversation.events import Key
from simvoice.record.events import Delay
from simvoice.runtime.scheduler import Job, Lane, Scheduler
from tests.conversation.world import ScriptedMind, World
from tests.log_file import LogFile

ATTEMPT = "20261129-100000-wrist-abcd"


def test_an_encounter_ends_with_one_line_that_has_its_stage_times(logged: LogFile) -> None:
    mind = ScriptedMind(lines=["the marmalade is gone", "yes marmalade", "marmalade"])
    world = World(mind, breaks={"think"}).learner(0.5, 1.5, "Where is the zebra?")
    world.learner(5.0, 6.0, "And my zebra?")
    with log.of_attempt(ATTEMPT):
        world.run(12)
        world.session.close()
    (line,) = [each for each in logged.text().splitlines() if " encounter ended=" in each]
    delays = world.entries(Delay)
    sound = sorted(delay.stages_s["sound"] for delay in delays)
    assert len(delays) == 2
    assert f"sound_s={sum(sound) / 2:.2f}/{sound[-1]:.2f}" in line
    assert "learner_turns=2" in line
    assert f"attempt={ATTEMPT}" in line


def test_no_word_of_an_encounter_is_in_the_log(logged: LogFile) -> None:
    mind = ScriptedMind(lines=["the marmalade is gone"])
    world = World(mind, breaks={"say"}).learner(0.5, 1.5, "Where is the zebra?")
    world.run(12)
    world.session.close()
    assert "trouble at_s=" in logged.text_without_secrets()


def test_an_encounter_that_cannot_be_stored_has_its_line(
    logged: LogFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(ScriptedMind(lines=["one"])).learner(0.5, 1.5, "Hello?")
    world.run(4)

    def fail() -> None:
        raise ValueError("zebra")

    monkeypatch.setattr(world.session._recorder, "close", fail)
    with pytest.raises(ValueError, match="zebra"):
        world.session.close()
    assert " encounter ended=fault " in logged.text_without_secrets()


def test_a_failed_job_is_logged_with_its_attempt_its_place_and_no_words(logged: LogFile) -> None:
    told = threading.Event()

    def speak(_: object) -> None:
        raise ValueError("cannot say zebra")

    scheduler = Scheduler()
    jobs = scheduler.encounter()
    with log.of_attempt(ATTEMPT):
        jobs.start()
    jobs.put(Job(Key(1, 0), Lane.VOICE, speak, lambda _: told.set(), 0.1))
    assert told.wait(60)
    jobs.stop()
    scheduler.close()
    text = logged.text_without_secrets()
    assert f"attempt={ATTEMPT} request=- A job of the voice failed.\n  ValueError\n" in text
    assert "in speak" in text
