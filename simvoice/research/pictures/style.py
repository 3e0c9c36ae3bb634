"""The common style of all pictures, the speech lanes, and saving.

Nothing depends on colour alone: the learner is solid, the patient hatched; lines differ in their
dashes; important marks have labels. The greys of both fills differ enough for a black-and-white
copy.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from simvoice.errors import SettingError, SimvoiceError
from simvoice.research.analysis.conversation import (
    Conversation,
    ConversationTurn,
    SpeechStretch,
    Who,
)

INK = "#1b1f24"
FAINT = "#6b727a"
RULE = "#c9cdd2"

LEARNER: dict[str, Any] = {"facecolor": "#274c77", "edgecolor": "#274c77", "linewidth": 0.6}
PATIENT: dict[str, Any] = {
    "facecolor": "#f3ddb3",
    "edgecolor": "#6f4e16",
    "linewidth": 0.6,
    "hatch": "/////",
}
SILENCE: dict[str, Any] = {
    "facecolor": "#ffffff",
    "edgecolor": "#55606b",
    "linewidth": 0.8,
    "linestyle": (0, (1, 1.2)),
}
MACHINE: dict[str, Any] = {"facecolor": "#e4e7ea", "edgecolor": "#e4e7ea", "linewidth": 0.0}

DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.2, 1.6)), (0, (6, 2, 1.2, 2)))

WIDTH_IN = 10.0
"""Inches: an A4 page across, without margins; text stays readable at half this size."""

DOTS = 200
"""Dots per inch of a PNG: sharp in print at half size."""

_SETTINGS: Any = {
    "font.family": "DejaVu Sans",  # part of matplotlib, so pictures are alike on all machines
    "font.size": 8.0,
    "hatch.linewidth": 0.5,
    "svg.hashsalt": "simvoice",
    "svg.fonttype": "path",  # a viewer without the font would shift the text
    "axes.edgecolor": RULE,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "text.color": INK,
}

ENDINGS = ("svg", "png", "pdf")


def figure(height_in: float, width_in: float = WIDTH_IN) -> Figure:
    """Return an empty figure, sizes in inches."""
    with mpl.rc_context(_SETTINGS):
        made = Figure(figsize=(width_in, height_in), facecolor="white")
    FigureCanvasAgg(made)
    return made


def with_style() -> Any:
    """Return a context manager that applies the style while drawing."""
    return mpl.rc_context(_SETTINGS)


def check_ending(path: Path) -> str:
    """Return svg, png or pdf. Raises SettingError for another ending."""
    ending = path.suffix.casefold().lstrip(".")
    if ending not in ENDINGS:
        raise SettingError(
            f"{path.name!r} does not name a picture; it must end in .svg, .png or .pdf"
        )
    return ending


def render(made: Figure, ending: str, title: str) -> bytes:
    """Return the picture's bytes; the same picture gives the same bytes."""
    metadata: dict[str, dict[str, Any]] = {
        "svg": {"Title": title, "Creator": "simvoice", "Date": None},
        "png": {"Title": title, "Software": "simvoice"},
        "pdf": {"Title": title, "Creator": "simvoice", "CreationDate": None},
    }
    out = io.BytesIO()
    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        # a letter that the font lacks is drawn as an empty box
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        made.savefig(out, format=ending, dpi=DOTS, metadata=metadata[ending])
    return out.getvalue()


def save(made: Figure, path: Path, title: str) -> None:
    """Save in the format of the path's ending.

    Raises SettingError for an unknown ending, SimvoiceError when the file cannot be written.
    """
    data = render(made, check_ending(path), title)
    try:
        path.write_bytes(data)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise SimvoiceError(
            f"the picture {str(path)!r} cannot be written ({why}); check its folder"
        ) from error


def bare(axes: Axes) -> None:
    """Remove frame and ticks."""
    axes.set_frame_on(False)
    axes.set_xticks([])
    axes.set_yticks([])


# -- speech lanes, on axes whose x is seconds -----------------------------------------------

LANE = 0.40
"""Height of a lane; the learner's is centred at `LEARNER_Y`, the patient's at `PATIENT_Y`."""
LEARNER_Y = 0.25
PATIENT_Y = -0.25

_ACKNOWLEDGED = 0.45
"""Height of an acknowledgement, as a share of the lane's."""

_LOOK: dict[Who, dict[str, Any]] = {"learner": LEARNER, "patient": PATIENT}


def lane_y(who: Who) -> float:
    """Return the centre of a speaker's lane."""
    return LEARNER_Y if who == "learner" else PATIENT_Y


def draw_lanes(axes: Axes, found: Conversation, start_s: float, end_s: float) -> None:
    """Draw the speech between two moments: the learner's solid, the patient's hatched.

    Acknowledgements are lower. Each turn has a thin line, so that its pauses show as gaps.
    """
    _draw_turns(axes, found.turns, start_s, end_s)
    for who, look in _LOOK.items():
        own = [s for s in found.stretches if s.who == who and s.kind != "noise"]
        boxes = list(_boxes(own, who, start_s, end_s))
        if boxes:
            axes.add_collection(PatchCollection(boxes, zorder=3, **look))


def _boxes(
    stretches: Iterable[SpeechStretch], who: Who, start_s: float, end_s: float
) -> Iterable[Rectangle]:
    for stretch in stretches:
        begin, finish = max(stretch.start_s, start_s), min(stretch.end_s, end_s)
        if finish <= begin:
            continue
        height = LANE * (_ACKNOWLEDGED if stretch.kind == "backchannel" else 1.0)
        yield Rectangle((begin, lane_y(who) - height / 2), finish - begin, height)


def _draw_turns(
    axes: Axes, turns: Sequence[ConversationTurn], start_s: float, end_s: float
) -> None:
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
    """Return the legend entries of both speakers, by name."""
    return [
        (Patch(**LEARNER), found.name_of("learner")),
        (Patch(**PATIENT), found.name_of("patient")),
    ]
