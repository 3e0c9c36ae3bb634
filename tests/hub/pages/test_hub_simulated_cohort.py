"""A cohort of simulated learners of eight kinds: its page against pandas, from what is exported."""

from __future__ import annotations

import html
import io
import json
import re
import zipfile
from collections.abc import Callable
from functools import partial
from math import comb, sqrt
from statistics import NormalDist

import pandas as pd
import pytest
from fastapi.testclient import TestClient

from simvoice.display import count_noun, fixed
from simvoice.hub import people
from simvoice.hub.cohort import LEAST
from simvoice.hub.roles import Role
from simvoice.scoring.instruments.instrument import headings
from simvoice.scoring.metrics.definitions import definition_of, followed
from simvoice.scoring.metrics.quantities import quantity
from tests.hub.conftest import ClientAs
from tests.hub.pages.town import Town
from tests.hub.simulated_cohort import fill, mixed, play_kinds

# eight encounters are played, and 540 attempts exported: a minute on a core that is free
pytestmark = [pytest.mark.slow, pytest.mark.engine, pytest.mark.timeout(1200)]

LEARNERS, ATTEMPTS = 90, 6
QUANTILES = {"p10": 0.1, "p25": 0.25, "median": 0.5, "p75": 0.75, "p90": 0.9}


def test_every_figure_of_the_page_is_that_of_pandas_from_the_exports(
    town: Town, client_as: ClientAs
) -> None:
    if not town.hub.database.is_sqlite:
        pytest.skip("the figures are the same on every database; the encounters take long")
    plan = mixed(LEARNERS, ATTEMPTS)
    fill(town.hub, town.course, play_kinds("breast-biopsy"), plan)
    edo = client_as(login="edo")
    address = f"/courses/{town.course}/cohort"
    page = html.unescape(edo.get(address).text)
    table = pd.read_csv(io.StringIO(edo.get(f"{address}.csv").text)).set_index(["kind", "key"])
    assert f"{LEARNERS} learners, with one attempt each: the last one." in page

    last = last_attempts(client_as(login="rosa").get("/research/numbers.csv").text)
    drawn = dict(re.findall(r'<li class="multiple">\s*<h3>(.*?)</h3>(.*?)</li>', page, re.S))
    for key in followed():
        entry = definition_of()[key]
        values = last.loc[last.metric == key, "value"]
        said = distribution(values, table.loc[("number", key)], partial(quantity, entry.unit))
        name = entry.name.replace("your ", "learner's ", 1)
        assert said in drawn[name[:1].upper() + name[1:]]
    for heading in headings():
        counts = last[last.metric.str.startswith(f"{heading.id}.")]
        counts = counts.pivot(index="learner", columns="metric", values="value")
        judged = counts[f"{heading.id}.met"] + counts[f"{heading.id}.not_met"]
        met = counts.loc[judged > 0, f"{heading.id}.met"]
        cell = table.loc[("heading", heading.id)]
        said = distribution(met, cell, plain)
        if len(met) >= LEAST:
            middle = judged[judged > 0].median()
            assert cell.judged == middle
            of = f"Median {plain(met.median())} of {plain(middle)} judged items met"
            said = said.replace(f"Median {plain(met.median())}", of, 1)
        assert said in drawn[heading.name]

    outcomes = outcomes_of_last(town, client_as, [kinds[-1] for kinds in plan])
    rows = dict(
        re.findall(r'<tr><th scope="row">(.*?)</th>.*?data-label="Learners">(.*?)</td>', page)
    )
    weak = []
    for key, cell in table.loc["item"].iterrows():
        said, high = item(outcomes[key].dropna().value_counts(), cell)
        assert " ".join(re.sub("<.*?>", "", rows[cell["name"]]).split()) == said
        weak += [(high, cell["name"])] if high is not None and high < 0.5 else []
    listed = re.findall(
        r"<h3>(.*?)</h3>", page[page.index('<ol class="weak">') :].split("</ol>")[0]
    )
    assert listed == [name for _, name in sorted(weak)][:8]
    hidden = table.suppressed.fillna("")
    assert hidden.str.contains("fewer than 5").any()  # there was something to hide
    assert (hidden == "").sum() > 20
    assert outcomes.nunique().gt(1).any()  # and learners who differ


def plain(value: float) -> str:
    return fixed(value, 0 if value == int(value) else 1)


def last_attempts(text: str) -> pd.DataFrame:
    """Return what researchers get of the last attempt of each learner. The oldest come first."""
    table = pd.read_csv(io.StringIO(text))
    assert table.attempt.nunique() == LEARNERS * ATTEMPTS
    return table[table.attempt.isin(table.groupby("learner").attempt.last())]


def distribution(values: pd.Series, cell: pd.Series, shown: Callable[[float], str]) -> str:
    """Check a row of the educator's table, and return what the page says of these values."""
    if (n := len(values)) < LEAST:
        figures = ["learners", "median", "median_low", "median_high", *QUANTILES]
        assert cell[figures].isna().all()
        assert cell.suppressed == "fewer than 5 learners"
        return "Hidden: fewer than 5 learners have a value."
    found = {name: values.quantile(share) for name, share in QUANTILES.items()}
    below = pd.Series([comb(n, i) for i in range(n)]).cumsum() * 40 <= 2**n
    k, in_order = int(below.sum()), values.sort_values()
    found |= {"median_low": in_order.iloc[k - 1], "median_high": in_order.iloc[n - k]}
    assert cell.learners == n
    assert cell[list(found)].tolist() == pytest.approx(list(found.values()))
    q = {name: shown(value) for name, value in found.items()}
    return (
        f"Median {q['median']} (95 % interval {q['median_low']} to {q['median_high']}); "
        f"the middle half {q['p25']} to {q['p75']}; {count_noun(n, 'learner')}."
    )


def outcomes_of_last(town: Town, client_as: ClientAs, kinds: list[str]) -> pd.DataFrame:
    """Return the outcome of each item for each learner, from the learners' own copies.

    kinds: of the last attempt of each learner. Those of one kind did the same, so one copy of each
    is read.
    """
    of_kind = {}
    for learner, kind in enumerate(kinds):
        if kind not in of_kind:
            with town.hub.database.begin() as session:
                person = people.find(session, f"simulated-{learner}")
                assert person is not None
                people.set_roles(session, person, [Role.LEARNER])
            of_kind[kind] = outcomes_in(client_as(login=f"simulated-{learner}"))
    return pd.DataFrame([of_kind[kind] for kind in kinds])


def outcomes_in(browser: TestClient) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(browser.get("/own-data.zip").content)) as copy:
        found = sorted(name for name in copy.namelist() if name.endswith("/debrief.json"))
        assert len(found) == ATTEMPTS  # the newest is the last: their names begin with the day
        debrief = json.loads(copy.read(found[-1]))
    lists = (*debrief["instruments"], *debrief["headings"])
    return {item["id"]: item["outcome"] for each in lists for item in each["items"]}


def item(counts: pd.Series, cell: pd.Series) -> tuple[str, float | None]:
    """Check a row of the educator's table. Returns what the page says, and the interval's end."""
    met, missed = int(counts.get("met", 0)), int(counts.get("not met", 0))
    unknown = int(counts.get("not judged", 0) + counts.get("open", 0))
    joins = 0 < unknown < LEAST  # they would be told by subtraction
    missed += unknown if joins else 0
    n = met + missed
    assert cell[["met_low", "met_high"]].isna().tolist() == [
        met < LEAST or n < LEAST,
        missed < LEAST or n < LEAST,
    ]
    if n < LEAST or max(met, missed) < LEAST:
        assert cell[["learners", "met"]].isna().all()
        return "Hidden: fewer than 5 learners are in a group.", None
    assert cell.learners == n
    told = min(max(met, LEAST - 1), n - LEAST + 1)  # the count next to the one that is hidden
    z, share = NormalDist().inv_cdf(0.975), told / n
    middle, half = share + z * z / (2 * n), z * sqrt(share * (1 - share) / n + (z / n) ** 2 / 4)
    low, high = ((middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n))
    rest = " (the others missed it, or it could not be judged)" if joins else ""
    may = "In other learners like these it may be"
    if met < LEAST:
        assert pd.isna(cell.met)
        assert cell.met_high == pytest.approx(high)
        said = f"Fewer than 5 of {n} learners met it{rest}. {may} at most {fixed(100 * high, 0)}"
        return f"{said} of 100.", high
    if missed < LEAST:
        assert pd.isna(cell.met)
        assert cell.met_low == pytest.approx(low)
        it = "missed it, or it could not be judged" if joins else "missed it"
        said = f"Fewer than 5 of {n} learners {it}. {may} {fixed(100 * low, 0)} of 100 or more."
        return said, None
    assert cell.met == met
    assert cell[["met_low", "met_high"]].tolist() == pytest.approx([low, high])
    said = f"{met} of {n} learners met it{rest}. {may} {fixed(100 * low, 0)} to"
    return f"{said} {fixed(100 * high, 0)} of 100.", high
