"""A cohort of simulated learners of eight kinds: its page against a count of their debriefs."""

from __future__ import annotations

import csv
import io
from collections import Counter

import numpy as np
import pytest

from simvoice.hub.cohort import LEAST
from tests.hub.conftest import ClientAs
from tests.hub.pages.town import Town
from tests.hub.simulated_cohort import fill, mixed, play_kinds

# eight encounters are played: 20 s on a core that is free
pytestmark = [pytest.mark.slow, pytest.mark.engine, pytest.mark.timeout(1200)]


def test_the_table_of_90_simulated_learners_is_that_of_their_debriefs(
    town: Town, client_as: ClientAs
) -> None:
    if not town.hub.database.is_sqlite:
        pytest.skip("the figures are the same on every database; the encounters take long")
    played = play_kinds("breast-biopsy")
    with town.hub.database.begin() as session:
        last = fill(session, town.course, played, mixed(90, 6))
    assert len({each.debrief.attempt for each in last.values()}) > 2  # they differ
    sent = client_as(login="edo").get(f"/courses/{town.course}/cohort.csv")
    cells = {(c["kind"], c["key"]): c for c in csv.DictReader(io.StringIO(sent.text, newline=""))}
    debriefs = [each.debrief for each in last.values()]
    numbers = [{n.key: n.value for n in each.numbers} for each in debriefs]
    items = [
        {i.id: i.outcome for s in (*each.headings, *each.instruments) for i in s.items}
        for each in debriefs
    ]
    compared = 0
    for (kind, key), cell in cells.items():
        if kind == "number":
            values = [found for each in numbers if (found := each[key]) is not None]
        elif kind == "heading":
            lists = [next(h for h in each.headings if h.id == key) for each in debriefs]
            outcomes = [Counter(i.outcome for i in each.items) for each in lists]
            values = [float(o["met"]) for o in outcomes if o["met"] + o["not met"]]
        else:
            said = Counter(each[key] for each in items if key in each)
            n = said["met"] + said["not met"]
            n = said.total() if 0 < said.total() - n < LEAST else n
            met, missed = said["met"], n - said["met"]
            if cell["met"]:
                assert (int(cell["met"]), int(cell["learners"])) == (met, n)
                assert min(met, missed) >= LEAST
            elif cell["learners"]:
                assert int(cell["learners"]) == n
                assert min(met, missed) < LEAST
            else:
                assert n < LEAST or max(met, missed) < LEAST
            compared += 1
            continue
        if len(values) < LEAST:
            assert not cell["median"]
            continue
        given = [float(cell[name]) for name in ("p10", "p25", "median", "p75", "p90")]
        assert given == pytest.approx(np.percentile(values, (10, 25, 50, 75, 90)))
        assert int(cell["learners"]) == len(values)
        compared += 1
    assert compared > 30
