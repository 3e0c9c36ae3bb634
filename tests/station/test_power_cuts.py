"""The power is cut at every change of a station's disk in turn: nothing is lost or doubled."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from simvoice.errors import UsageError
from simvoice.hub_client.station_messages import ModeName, Phase
from simvoice.station.view import (
    AcceptTerms,
    Action,
    Agree,
    Begin,
    Done,
    EnterCode,
    EnterRoom,
    GoOn,
    HandIn,
    MicrophonePassed,
)
from tests.station.desk import Desk, PowerCut, power_cut_at
from tests.station.visits import CODE, assignment, roster

pytestmark = [pytest.mark.usefixtures("inline"), pytest.mark.slow]

ONWARD: dict[Phase, Action] = {
    Phase.WELCOME: Begin(),
    Phase.CONSENT: Agree(),
    Phase.CODE: EnterCode(text=CODE),
    Phase.TERMS: AcceptTerms(),
    Phase.MICROPHONE: MicrophonePassed(),
    Phase.DOOR: EnterRoom(),
    Phase.QUESTIONS: HandIn(answers=("First answer", "Second answer")),
    Phase.DEBRIEF: Done(),
    Phase.THANKS: Done(),
}
MOST_STEPS = 60


def go_through(desk: Desk) -> None:
    """Press what comes next until the visit is over: the code is used, and nobody is here."""
    for _ in range(MOST_STEPS):
        view = desk.view
        if view.phase is Phase.WELCOME and desk.outbox.contents():
            return
        if view.phase is Phase.ENCOUNTER:
            if view.is_interrupted:
                desk.press(GoOn())
            desk.talk()
        elif view.phase is Phase.RESET:
            desk.wait(1.0)
        else:
            desk.press(ONWARD[view.phase])
    pytest.fail(f"the visit is not over after {MOST_STEPS} steps; it is at {desk.phase}")


def begin(folder: Path, mode: ModeName) -> Desk:
    options = {"questions": ("What went well?", "What next?")}
    return Desk(folder, roster(assignment(mode, **options)))


@pytest.mark.parametrize("mode", ["exam", "practice"])
def test_a_power_cut_at_any_change_of_the_disk_loses_and_doubles_nothing(
    mode: ModeName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = begin(tmp_path / "whole", mode)
    with power_cut_at(10_000, monkeypatch) as changes:
        go_through(desk)
    assert len(changes) > 30, "the cuts would hardly cut anything"
    for number in range(len(changes)):
        check_cut(tmp_path / f"cut{number}", mode, number, monkeypatch)


def check_cut(folder: Path, mode: ModeName, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = begin(folder, mode)
    with power_cut_at(number, monkeypatch), suppress(PowerCut):
        go_through(desk)
    recorded = {path.parent.name for path in folder.glob("attempts/*/header.json")}
    phase = desk.station.view().phase
    desk.restart(reboot=number % 2 == 0)
    assert desk.phase in _near(phase, mode), f"cut {number}: {phase} to {desk.phase}"
    go_through(desk)
    desk.wait(6.0)
    sealed = desk.outbox.contents()
    told = [one.record for one in sealed]
    assert len(told) == len(set(told)), f"cut {number} doubled a record"
    assert recorded <= {*told}, f"cut {number} lost a record"
    assert {one.owner.code for one in sealed} == {sealed[0].owner.code}
    assert all(one.owner.is_released == (mode == "exam") for one in sealed)
    given = [one.answers.answers[1].answer for one in sealed if one.answers is not None]
    assert given == ["Second answer"], f"cut {number} lost or doubled the answers"
    assert desk.left_on_disk() == [], f"cut {number} left something of the learner"
    desk.arrive()
    with pytest.raises(UsageError, match="used before"):
        desk.press(EnterCode(text=CODE))


def _near(phase: Phase, mode: ModeName) -> set[Phase]:
    """A cut before a state is saved goes back one phase; one in the reset may be its last step."""
    skipped = Phase.DEBRIEF if mode == "exam" else Phase.THANKS
    order = [each for each in ONWARD if each is not skipped] + [Phase.RESET]
    order.insert(order.index(Phase.QUESTIONS), Phase.ENCOUNTER)
    at = order.index(phase)
    near = {phase, order[max(0, at - 1)]}
    return near | {Phase.WELCOME} if phase is Phase.RESET else near
