"""Figures of a cohort: those of an independent count, and none that tells about a few learners."""

from __future__ import annotations

import csv
import io
import statistics
from collections import Counter
from dataclasses import replace
from math import comb, sqrt
from random import Random
from uuid import UUID

import pytest

from simvoice.criteria.encounter import RuleVerdict
from simvoice.hub import cohort
from simvoice.hub.cohort import LEAST, Cohort, CohortChoice, CohortRow
from simvoice.hub.cohort_view import COLUMNS, csv_lines, learners_met, strip
from simvoice.record.ratings import Rating
from simvoice.scoring.instruments.instrument import items
from simvoice.scoring.raters.item_agreement import RatedAttempt, agreement
from tests.hub.cohorts import CASE, ITEMS, OWN, VERSION, figures, planted, row

CHOICE = CohortChoice(CASE, VERSION)


def built(rows: list[CohortRow], choice: CohortChoice = CHOICE) -> Cohort:
    return cohort.build(cohort.whole_attempts(rows), choice, {})


def table(found: Cohort) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(csv_lines(found)), newline="")))


def test_the_planted_weak_items_are_found_and_every_figure_is_that_of_another_count() -> None:
    weak = (ITEMS[2], ITEMS[5], OWN.id)
    rows = planted(90, 6, weak)
    found = built(rows)
    assert {each.id for each in found.weak} == set(weak)
    assert found.learners == 90
    last = {each.learner: each.figures for each in sorted(rows, key=lambda e: e.started_at)}
    cells = {(each["kind"], each["key"]): each for each in table(found)}
    assert len(cells) == len(found.numbers) + len(found.headings) + len(found.items)
    for (kind, key), cell in cells.items():
        if kind == "item":
            outcomes = Counter((each.items or {})[key] for each in last.values())
            n = outcomes["met"] + outcomes["not met"]
            n = 90 if 0 < 90 - n < LEAST else n  # they count with those who missed it
            assert (int(cell["met"]), int(cell["learners"])) == (outcomes["met"], n)
            p, z = outcomes["met"] / n, statistics.NormalDist().inv_cdf(0.975)
            middle, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
            ends = ((middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n))
            assert (float(cell["met_low"]), float(cell["met_high"])) == pytest.approx(ends)
            continue
        if kind == "number":
            values = [each.numbers[key] for each in last.values() if key in each.numbers]
        else:
            values = [float(each.lists[key].met) for each in last.values()]
        assert int(cell["learners"]) == len(values)
        assert float(cell["median"]) == pytest.approx(statistics.median(values))
        cuts = statistics.quantiles(values, n=20, method="inclusive")
        given = [float(cell[name]) for name in ("p10", "p25", "p75", "p90")]
        assert given == pytest.approx([cuts[1], cuts[4], cuts[14], cuts[17]])
        assert float(cell["median_low"]) <= statistics.median(values) <= float(cell["median_high"])


def test_the_interval_of_a_median_is_the_narrowest_that_covers_it_in_95_of_100() -> None:
    assert cohort.median_interval(range(5)) is None
    for n in range(6, 120):
        low, high = cohort.median_interval(list(range(1, n + 1))) or (0, 0)
        assert low + high == n + 1  # the k-th smallest and the k-th largest
        outside = [2 * sum(comb(n, i) for i in range(int(k))) / 2**n for k in (low, low + 1)]
        assert outside[0] <= 0.05 < outside[1]


def test_no_choice_tells_about_fewer_than_five_learners_nor_do_two_of_them() -> None:
    for seed in range(40):
        random = Random(seed)
        tasks = [UUID(int=9000 + number) for number in range(4)] + [None]
        rows = [
            replace(
                each,
                assignment_id=random.choices(tasks, (8, 5, 3, 1, 1))[0],
                holds_words=random.random() < 0.9,
            )
            for each in planted(random.randrange(3, 40), random.randrange(1, 3), ITEMS[:1], seed)
        ]
        whole = cohort.whole_attempts(rows)
        offered = cohort.choices(whole, CASE, VERSION)
        cells = Counter(each.assignment_id for each in cohort.chosen(whole, CHOICE))
        rest = sum(cells.values()) - sum(cells[key] for key in offered.assignments)
        assert all(cells[key] >= LEAST for key in offered.assignments)
        assert rest == 0 or rest >= LEAST or not offered.assignments
        for key in (None, *offered.assignments):
            _check_hides_few(built(rows, replace(CHOICE, assignment_id=key)))
            asked = cohort.choices(whole, CASE, VERSION, str(key))
            assert asked.assignment_id == key
            made = Counter(e.learner for e in whole if key in (None, e.assignment_id))
            repeated = [learner for learner, n in made.items() if n > 1]
            assert asked.first_attempts == (len(repeated) >= LEAST)


def _check_hides_few(found: Cohort) -> None:
    assert found.learners == 0 or found.learners >= LEAST
    for cell in table(found):
        learners = int(cell["learners"] or LEAST)
        assert learners >= LEAST
        if cell["kind"] != "item":
            assert bool(cell["median"]) is not bool(cell["suppressed"])
            continue
        if cell["met"]:
            assert LEAST <= int(cell["met"]) <= learners - LEAST
        else:
            assert cell["suppressed"]
    for item in found.items:
        said = learners_met(item)
        if item.met is not None:
            assert f"{item.met} of {item.of} learners" in said
        unknown = found.learners_with_words - item.of
        if item.of:
            assert unknown == 0 or unknown >= LEAST


@pytest.mark.parametrize(
    ("outcomes", "hidden", "of", "met", "said"),
    [
        ({"met": 8, "not met": 12}, "", 20, 8, "8 of 20 learners met it."),
        ({"met": 0, "not met": 20}, "met", 20, None, "Fewer than 5 of 20 learners met it."),
        ({"met": 17, "not met": 3}, "not met", 20, None, "Fewer than 5 of 20 learners missed it."),
        ({"met": 4, "not met": 4, "not judged": 9}, "all", 0, None, "Hidden: fewer than 5"),
        ({"met": 9, "not met": 9, "open": 2}, "", 20, 9, "9 of 20 learners met it (the others"),
        ({"met": 9, "not met": 6, "not judged": 5}, "", 15, 9, "9 of 15 learners met it."),
    ],
)
def test_a_small_group_is_hidden_with_the_one_that_gives_it_away(
    outcomes: dict[str, int], hidden: str, of: int, met: int | None, said: str
) -> None:
    every = [said for said, n in outcomes.items() for _ in range(n)]
    rows = [row(n, 0, figures({ITEMS[0]: outcome})) for n, outcome in enumerate(every, 1)]
    (item,) = built(rows).items
    assert (item.hidden, item.of, item.met) == (hidden, of, met)
    assert said in learners_met(item)
    if hidden == "met":  # it is found all the same, whatever the number below five is
        assert item.is_weak
        other = [row(n, 0, figures({ITEMS[0]: "met" if n < 4 else "not met"})) for n in range(20)]
        assert built(other).items[0].missed_at_least == item.missed_at_least


def test_one_learner_counts_once_at_one_version_and_drills_do_not_count() -> None:
    rows = planted(6, 3, ())
    assert built(rows).learners == 6
    changed = [
        replace(each, figures=each.figures.model_copy(update={"case_sha256": "b" * 64}))
        for each in rows
        if each.learner.int <= 4
    ]
    rest = [each for each in rows if each.learner.int > 4]
    assert built([*changed, *rest]).learners == 0  # 4 and 2 learners are not put together
    drills = [
        replace(each, figures=each.figures.model_copy(update={"part": "drill"})) for each in rows
    ]
    assert cohort.whole_attempts(drills) == []
    first, last = (built(rows, replace(CHOICE, which=which)) for which in ("first", "last"))
    assert first != last
    assert cohort.choices(cohort.whole_attempts(rows), CASE, VERSION).first_attempts
    few = [*planted(6, 1, ()), *[e for e in planted(4, 2, ()) if e.attempt_id.int % 1000 == 1]]
    assert not cohort.choices(cohort.whole_attempts(few), CASE, VERSION).first_attempts


def test_parts_of_an_attempt_that_was_cut_off_count_as_one_without_numbers() -> None:
    begun = row(1, 0, figures({ITEMS[0]: "not met", ITEMS[1]: "met"}, {"silences": 3.0}))
    gone_on = figures(
        {ITEMS[0]: "met", ITEMS[1]: "not judged"}, part="continued", continues=begun.attempt_id
    )
    whole = cohort.whole_attempts([row(1, 1, gone_on), begun, row(2, 0, figures({}))])
    assert [each.learner.int for each in whole] == [1, 2]
    together = whole[0].figures
    assert together.items == {
        ITEMS[0]: "met",
        ITEMS[1]: "met",
    }
    assert together.numbers == {}
    # what goes on from an attempt of another learner, or from one that is not here, is none
    assert len(cohort.whole_attempts([begun, row(3, 1, gone_on)])) == 1
    assert cohort.whole_attempts([row(1, 1, gone_on)]) == []


def test_an_item_that_raters_contradict_has_no_figure_and_others_say_what_is_known() -> None:
    rows = planted(30, 1, ITEMS[:2])
    rated = [
        RatedAttempt(
            str(number),
            {ITEMS[0]: RuleVerdict("met"), ITEMS[1]: RuleVerdict("not met")},
            tuple(
                Rating(rater="7", item=key, value="not met", wall_time="", blind=True)
                for key in ITEMS[:2]
            ),
            (),
        )
        for number in range(60)
    ]
    trust = {each.item.id: each for each in agreement(rated)}
    assert trust[ITEMS[0]].trust == "do not trust"
    found = {each.id: each for each in cohort.build(rows, CHOICE, trust).items}
    lost = found[ITEMS[0]]
    assert (lost.hidden, lost.of) == ("not trusted", 0)
    assert lost.met is lost.low is lost.high is None
    assert not lost.is_weak
    assert "do not agree enough" in learners_met(lost)
    assert found[ITEMS[1]].ratings == 60
    assert found[ITEMS[2]].trust == cohort.NOT_COMPARED
    human = [key for key, item in items().items() if item.human]
    assert not set(human) & found.keys()


def test_examples_are_played_only_where_their_learner_agrees() -> None:
    rows = planted(40, 1, ITEMS[:1])
    (weak,) = built(rows).weak
    assert weak.examples == ()
    agreed = [replace(each, may_play=each.learner.int in (2, 3)) for each in rows]
    (weak,) = built(agreed).weak
    assert {each.attempt_id.int // 1000 for each in weak.examples} <= {2, 3}
    assert weak.examples


def test_a_drawing_shows_points_of_a_few_and_quantiles_of_many() -> None:
    few, many = (strip(built(planted(n, 1, ())).numbers[0]) for n in (12, 60))
    assert few.points
    assert few.box is None
    assert many.points == ()
    assert many.box is not None
    assert strip(built(planted(12, 1, ())).headings[0].met, 7.0).said.startswith("Median ")


def test_a_cell_of_the_table_is_no_formula() -> None:
    bad = OWN.model_copy(update={"text": "=HYPERLINK(1)"})
    rows = [
        row(n, 0, figures({OWN.id: "met" if n % 2 else "not met"}, own_items=(bad,)))
        for n in range(12)
    ]
    (cell,) = [each for each in table(built(rows)) if each["kind"] == "item"]
    assert cell["name"] == "'=HYPERLINK(1)"
    assert tuple(cell) == COLUMNS
