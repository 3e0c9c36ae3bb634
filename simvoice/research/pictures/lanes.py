"""The two lanes of a conversation, drawn into axes whose x is seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import Patch, Rectangle

from simvoice.research.analysis.conversation import Conversation, Stretch, Turn, Who
from simvoice.research.pictures.style import FAINT, LEARNER, PATIENT

LANE = 0.40
"""Height of a lane; the learner's lies around `LEARNER_Y`, the patient's around `PATIENT_Y`."""
LEARNER_Y = 0.25
PATIENT_Y = -0.25

_ACKNOWLEDGED = 0.45
"""An acknowledgement's height, of a lane's."""

_LOOK: dict[Who, dict[str, Any]] = {"learner": LEARNER, "patient": PATIENT}


def lane_y(who: Who) -> float:
    """The middle of a speaker's lane."""
    return LEARNER_Y if who == "learner" else PATIENT_Y


def draw_lanes(axes: Axes, found: Conversation, start_s: float, end_s: float) -> None:
    """Speech between two moments: solid the learner's, hatched the patient's; acknowledgements
    are lower, turns have a thin line along which pauses show as gaps."""
    _draw_turns(axes, found.turns, start_s, end_s)
    for who, look in _LOOK.items():
        own = [s for s in found.stretches if s.who == who and s.kind != "noise"]
        boxes = list(_boxes(own, who, start_s, end_s))
        if boxes:
            axes.add_collection(PatchCollection(boxes, zorder=3, **look))


def _boxes(
    stretches: Iterable[Stretch], who: Who, start_s: float, end_s: float
) -> Iterable[Rectangle]:
    for stretch in stretches:
        begin, finish = max(stretch.start_s, start_s), min(stretch.end_s, end_s)
        if finish <= begin:
            continue
        height = LANE * (_ACKNOWLEDGED if stretch.kind == "backchannel" else 1.0)
        yield Rectangle((begin, lane_y(who) - height / 2), finish - begin, height)


def _draw_turns(axes: Axes, turns: Sequence[Turn], start_s: float, end_s: float) -> None:
    for turn in turns:
        begin, finish = max(turn.start_s, start_s), min(turn.end_s, end_s)
        if finish > begin:
            axes.plot(
                [begin, finish],
                [lane_y(turn.who)] * 2,
                color=FAINT,
                linewidth=0.7,
                zorder=2,
                solid_capstyle="butt",
            )


def keys(found: Conversation) -> list[tuple[Patch, str]]:
    """For a legend: the two speakers by name."""
    return [
        (Patch(**LEARNER), found.name_of("learner")),
        (Patch(**PATIENT), found.name_of("patient")),
    ]
