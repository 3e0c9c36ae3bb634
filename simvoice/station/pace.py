"""How long the preparation of a patient still takes, told from how long it took here before.

The same computer needs the same time for the same steps, so each whole preparation is kept as a
curve: how far it was, and after how many seconds. The next one is compared with it as it goes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, TypeAdapter, ValidationError

from simvoice.record.files import read_regular, replace_file

_log = logging.getLogger(__name__)

FILE: Final = "pace.json"
_LARGEST: Final = 200_000
_MOST_CURVES: Final = 200
_MOST_POINTS: Final = 16
"""Of a curve; between them it is taken for straight."""

_COMPARED_AFTER_S: Final = 1.0
"""Earlier a comparison with the time before says more about chance than about the computer."""
_STEADY_S: Final = 3.0
"""So long a first preparation is watched before its speed is told."""
_STEADY_FROM: Final = 0.35
"""From this share on, clauses of similar length follow one another (`Simulator.make_ready`)."""

Share = Annotated[float, Field(ge=0, le=1)]
Curve = tuple[tuple[Share, float], ...]
"""Share that was done, 0..1, and the seconds since the beginning; both grow."""

_CURVES: TypeAdapter[dict[str, Curve]] = TypeAdapter(dict[str, Curve])


class PaceFile:
    """The curves of whole preparations, by what was prepared. They hold times and nothing else."""

    def __init__(self, folder: Path) -> None:
        """folder: the data folder of the station."""
        self._path = folder / FILE
        self._curves: dict[str, Curve] | None = None

    def curve(self, key: str) -> Curve:
        """Return how the last preparation went; empty when there was none."""
        return self._loaded().get(key, ())

    def keep(self, key: str, curve: Sequence[tuple[float, float]]) -> None:
        """Keep how a whole preparation went. What cannot be written costs an estimate alone."""
        step = max(1, len(curve) // _MOST_POINTS + 1)
        thinned = tuple(curve[:-1][::step]) + tuple(curve[-1:])
        curves = self._loaded()
        curves.pop(key, None)
        curves[key] = thinned
        while len(curves) > _MOST_CURVES:
            del curves[next(iter(curves))]
        try:
            replace_file(self._path, _CURVES.dump_json(curves))
        except OSError as error:
            _log.warning("the pace of a preparation is not kept (%s)", error.strerror)

    def _loaded(self) -> dict[str, Curve]:
        if self._curves is None:
            try:
                self._curves = _CURVES.validate_json(read_regular(self._path, _LARGEST))
            except (OSError, ValidationError):  # there is none yet, or it is damaged
                self._curves = {}
        return self._curves


class PreparationPace:
    """One preparation while it goes on. Times are seconds of one clock that does not jump."""

    def __init__(self, before: Curve, began_s: float) -> None:
        """before: how the last one went; empty for the first."""
        self._before = before
        self._began_s = began_s
        self.curve: list[tuple[float, float]] = [(0.0, 0.0)]
        """As it went so far."""

    @property
    def share(self) -> float:
        """How much is done, 0..1."""
        return self.curve[-1][0]

    def note(self, share: float, now_s: float) -> None:
        """Note that so much is done."""
        if share > self.share:
            self.curve.append((min(1.0, share), now_s - self._began_s))

    def left_s(self, now_s: float) -> float | None:
        """Return the seconds that are left, 0 when it takes longer than expected.

        None while nothing is known.
        """
        share, noted_s = self.curve[-1]
        since_s = now_s - self._began_s - noted_s
        if self._before:
            then_s, whole_s = _seconds_at(self._before, share), self._before[-1][1]
            compared = then_s >= _COMPARED_AFTER_S
            slower = noted_s / then_s if compared else 1.0
            return max(0.0, (whole_s - then_s) * slower - since_s)
        steady = [point for point in self.curve if point[0] >= _STEADY_FROM]
        if not steady or noted_s - steady[0][1] < _STEADY_S:
            return None
        speed = (share - steady[0][0]) / (noted_s - steady[0][1])
        return max(0.0, (1.0 - share) / speed - since_s)


def _seconds_at(curve: Curve, share: float) -> float:
    """Return after how many seconds so much was done; between two points on a straight line."""
    last_share, last_s = 0.0, 0.0
    for each_share, each_s in curve:
        if each_share >= share:
            width = each_share - last_share
            part = (share - last_share) / width if width > 0 else 1.0
            return last_s + part * (each_s - last_s)
        last_share, last_s = each_share, each_s
    return last_s
