"""The progress of a learner: courses, comparisons and notes."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvoice.errors import UsageError
from simvoice.progress.brief import Brief, BriefHeading
from simvoice.progress.brief_store import Skipped, StoreScan
from simvoice.progress.compare import NO_CHANGE, compare_agreed, compare_headings, compare_metric
from simvoice.progress.course import build_progress, list_learners, select_learner
from simvoice.progress.model import CaseProgress
from simvoice.record.store import AttemptSummary
from simvoice.scoring.metrics.change import minimal_detectable_change
from simvoice.scoring.metrics.definitions import followed
from simvoice.scoring.metrics.interval import shipped_errors
from simvoice.scoring.raters.human_range import human_agreements
from tests.progress.attempts import WEIGHTS, brief, heading, number, retry


def course(*briefs: Brief) -> CaseProgress:
    (found,) = build_progress("Kim", briefs).courses
    return found


def test_attempts_are_sorted_by_time() -> None:
    found = course(brief(9), brief(2), brief(5))
    assert [(each.number, each.when[8:10]) for each in found.attempts] == [
        (1, "02"),
        (2, "05"),
        (3, "09"),
    ]


def test_each_heading_has_counts_and_in_json_a_share_with_its_interval() -> None:
    found = course(brief(1, met=2), brief(2, met=5))
    assert [series.name for series in found.headings] == [
        "Active listening",
        "Clarity",
        "Empathy under pressure",
    ]
    first, last = found.headings[0].points
    assert (first.value, last.value) == (0.5, 1.0)
    for point in (first, last):
        assert point.low is not None
        assert point.high is not None
        assert point.high - point.low > 0.4
    assert [(p.shown, p.met, p.judged, p.not_judged) for p in (first, last)] == [
        ("2 of 5 met", 2, 5, 0),
        ("5 of 5 met", 5, 5, 0),
    ]


def test_changed_appears_only_beyond_measurement_error() -> None:
    little = course(brief(1, met=2), brief(2, met=4)).headings[0].first_to_last
    much = course(brief(1, met=0), brief(2, met=5)).headings[0].first_to_last
    assert little is not None
    assert (little.verdict, little.better) == (NO_CHANGE, None)
    assert little.said == "no change that can be told from chance: 2 of 5 met, then 4 of 5 met"
    assert much is not None
    assert (much.verdict, much.better) == ("changed", True)
    assert much.said == "changed: 0 of 5 met, then 5 of 5 met"
    assert much.low is not None
    assert 0.0 < much.low < 1.0


def test_first_previous_and_last_are_compared() -> None:
    one, two, three = brief(1, met=0), brief(2, met=5), brief(3, met=5)
    listening = course(one, two, three).headings[0]
    assert listening.first_to_last is not None
    assert listening.previous_to_last is not None
    assert (listening.first_to_last.earlier, listening.first_to_last.later) == (
        one.attempt,
        three.attempt,
    )
    assert listening.previous_to_last.earlier == two.attempt
    assert listening.previous_to_last.said == f"{NO_CHANGE}: 5 of 5 met both times"
    assert course(one, two).headings[0].previous_to_last is None


def test_one_attempt_has_no_change() -> None:
    found = course(brief(1))
    assert all(series.first_to_last is None for series in (*found.headings, *found.metrics))
    assert any("only one attempt" in note for note in found.notes)


def test_another_version_of_the_case_is_shown_and_not_compared() -> None:
    older = brief(1, met=0, case_sha256="1" * 64)
    found = course(older, brief(2, met=5), brief(3, met=5))
    assert [each.comparable for each in found.attempts] == [False, True, True]
    compared = found.headings[0].first_to_last
    assert compared is not None
    assert compared.earlier != older.attempt
    assert compared.verdict == NO_CHANGE
    assert any("another version" in note for note in found.notes)


def test_retries_are_not_attempts_of_the_course() -> None:
    first = brief(1)
    found = course(first, retry(2, first, 3, 60.0))
    assert (len(found.attempts), found.goes) == (1, 1)
    orphan = course(retry(2, first, 3, 60.0))
    assert (orphan.attempts, orphan.headings) == ((), ())
    assert "Only retries are left." in orphan.notes[0]


def test_a_heading_that_could_not_be_judged_is_not_compared() -> None:
    sparse = brief(1, headings=(heading("listening", 1, judged=1),))
    listening, clarity, _ = course(sparse, brief(2)).headings
    assert listening.points[0].value is None
    assert listening.points[0].shown == "1 of 1 met, 4 not judged"
    for series in (listening, clarity):
        assert series.first_to_last is not None
        assert series.first_to_last.verdict == "not comparable"


def test_items_judged_in_one_of_two_are_named() -> None:
    some = brief(1, headings=(heading("listening", 2, judged=4),))
    found = course(some, brief(2))
    compared = found.headings[0].first_to_last
    assert compared is not None
    assert compared.only_in_one == ("listening 5",)
    assert any("may be based on different items" in note for note in found.notes)


def test_a_coded_number_changes_only_beyond_human_disagreement() -> None:
    ratio = human_agreements()["reflections_to_questions"]

    def with_reflections(day: int, many: int) -> Brief:
        return brief(day, counts={"question_open": 5, "question_closed": 5, "reflection": many})

    one, two, three = with_reflections(1, 5), with_reflections(2, 23), with_reflections(3, 24)
    assert compare_agreed(one, two, ratio).verdict == NO_CHANGE
    changed = compare_agreed(one, three, ratio)
    assert (changed.verdict, changed.detectable) == ("changed", pytest.approx(1.864, abs=0.01))
    assert "the smallest detectable change is 1.86" in changed.said
    none = compare_agreed(brief(1, counts={}), two, ratio)
    assert none.said == "not comparable: in the earlier attempt no question was recognised"
    share = human_agreements()["open_questions"]
    said = compare_agreed(brief(1), brief(2, counts={"question_open": 9}), share).said
    assert said == f"{NO_CHANGE}: 50 points higher; the smallest detectable change is 62 points"


def test_metrics_use_the_minimal_detectable_change_from_calibration() -> None:
    table = shipped_errors()
    assert table is not None
    known_change = minimal_detectable_change("interruptions", table)
    assert known_change is not None

    def with_cuts(day: int, many: float | None) -> Brief:
        return brief(day, numbers=(number("interruptions", many),))

    below = compare_metric(
        with_cuts(1, 9.0), with_cuts(2, 9.0 - known_change + 0.1), "interruptions"
    )
    beyond = compare_metric(
        with_cuts(1, 9.0), with_cuts(2, 9.0 - known_change - 0.1), "interruptions"
    )
    assert (below.verdict, below.better) == (NO_CHANGE, None)
    assert (beyond.verdict, beyond.better) == ("changed", True)
    noisy = compare_metric(with_cuts(1, None), with_cuts(2, 3.0), "interruptions")
    assert noisy.said == "not comparable: noise 6 dB"


def test_every_metric_followed_has_a_minimal_detectable_change() -> None:
    table = shipped_errors()
    assert table is not None
    assert [key for key in followed() if minimal_detectable_change(key, table) is None] == []


def test_the_number_of_comparisons_is_noted() -> None:
    found = course(brief(1), brief(2))
    # three headings, two coded numbers, and two of the metrics
    assert any(note.startswith("7 comparisons are made here") for note in found.notes)


def test_different_recognition_and_early_ends_are_noted() -> None:
    found = course(brief(1, recogniser="a"), brief(2, recogniser="b", reason="fault"))
    assert any("of speech recognition" in note for note in found.notes)
    assert any("stopped early" in note for note in found.notes)


@given(st.integers(0, 5), st.integers(0, 5))
def test_swapping_two_attempts_inverts_the_sign_and_not_the_verdict(one: int, other: int) -> None:
    a, b = brief(1, met=one), brief(2, met=other)
    there, back = compare_headings(a, b, "clarity"), compare_headings(b, a, "clarity")
    assert there.verdict == back.verdict
    assert there.difference == pytest.approx(-(back.difference or 0.0))
    assert there.low == pytest.approx(-(back.high or 0.0))


OUTCOMES = tuple(product(("met", "not met", "not judged"), repeat=len(WEIGHTS)))


def of(outcomes: tuple[str, ...]) -> BriefHeading:
    def items(outcome: str) -> tuple[tuple[str, float], ...]:
        found = zip(outcomes, WEIGHTS, strict=True)
        return tuple((f"item {n}", w) for n, (o, w) in enumerate(found) if o == outcome)

    judged = sum(w for o, w in zip(outcomes, WEIGHTS, strict=True) if o != "not judged")
    return BriefHeading(
        id="clarity",
        name="Clarity",
        has_share=2 * judged >= sum(WEIGHTS),
        met=items("met"),
        not_met=items("not met"),
        not_judged=items("not judged"),
    )


@pytest.mark.slow
def test_a_change_never_contradicts_the_counts_that_are_shown() -> None:
    changed = 0
    sides = [(o, brief(1, headings=(of(o),))) for o in OUTCOMES]
    for one, before in sides:
        for other, after in sides:
            found = compare_headings(before, after, "clarity")
            if found.verdict != "changed":
                continue
            first, second = (
                each.count("met") / (len(each) - each.count("not judged")) for each in (one, other)
            )
            assert (second > first) == found.better
            changed += 1
    assert changed


@given(st.floats(0.0, 100.0), st.floats(0.0, 100.0))
def test_swapping_inverts_the_change_of_a_metric(one: float, other: float) -> None:
    a, b = (brief(d, numbers=(number("talk_share", v),)) for d, v in ((1, one), (2, other)))
    there, back = compare_metric(a, b, "talk_share"), compare_metric(b, a, "talk_share")
    assert there.verdict == back.verdict
    assert there.difference == pytest.approx(-(back.difference or 0.0))


def test_the_case_with_the_latest_attempt_comes_first() -> None:
    briefs = [brief(1), brief(2, case_id="other-talk"), brief(3, case_id="third-talk")]
    assert [c.case_id for c in build_progress("Kim", briefs).courses] == [
        "third-talk",
        "other-talk",
        "planted-talk",
    ]


# -- learners ------------------------------------------------------------------------------


def scan() -> StoreScan:
    waits = AttemptSummary(
        id="w", state="complete", case_id="c", learner="Robin", when="2026-11-04"
    )
    return StoreScan(
        briefs=(brief(1), brief(3), brief(2, learner="")),
        waiting=(waits,),
        skipped=(
            ("Kim", Skipped(attempt="x", why="it was cut off")),
            (None, Skipped(attempt="y", why="its header is broken")),
        ),
    )


def test_learners_are_sorted_by_name_and_unnamed_ones_last() -> None:
    assert [(k.learner, k.attempts, k.last[:10]) for k in list_learners(scan())] == [
        ("Kim", 3, "2026-11-03"),
        ("Robin", 1, "2026-11-04"),
        ("", 1, "2026-11-02"),
    ]


def test_a_learner_s_attempts_and_unknown_skipped_ones_are_selected() -> None:
    own = select_learner(scan(), " Kim ")
    assert [each.when[8:10] for each in own.briefs] == ["01", "03"]
    assert own.waiting == ()
    assert [each.attempt for _, each in own.skipped] == ["x", "y"]
    assert [each.when[8:10] for each in select_learner(scan(), "-").briefs] == ["02"]


def test_an_unknown_learner_gives_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'Robin'"):
        select_learner(scan(), "Robyn")
    with pytest.raises(UsageError, match="no attempt without a name"):
        select_learner(StoreScan((brief(1),), (), ()), "-")


def test_attempts_without_a_name_count_as_one_person() -> None:
    assert "one person" in build_progress("-", [brief(1, learner="")]).notes[0]


def test_one_case_can_be_selected_and_an_unknown_one_lists_the_known() -> None:
    waits = AttemptSummary(id="w", state="complete", case_id="other-talk", learner="Kim")
    both = StoreScan((brief(1),), (waits,), ())
    own = select_learner(both, "Kim", "planted-talk")
    assert ([each.case_id for each in own.briefs], own.waiting) == (["planted-talk"], ())
    assert select_learner(both, "Kim", "other-talk").waiting == (waits,)
    with pytest.raises(UsageError, match="with attempts: other-talk, planted-talk"):
        select_learner(both, "Kim", "third-talk")
