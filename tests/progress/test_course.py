"""What is said of a learner's attempts over time, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvoice.errors import UsageError
from simvoice.progress.brief import NUMBERS, Brief
from simvoice.progress.brief_store import Looked, Skipped
from simvoice.progress.compare import NO_CHANGE, compare_agreed, compare_headings, compare_metric
from simvoice.progress.course import known, of_learner, progress_of
from simvoice.progress.model import CaseProgress
from simvoice.record.store import AttemptSummary
from simvoice.scoring.metrics.change import minimal_detectable_change
from simvoice.scoring.metrics.interval import shipped_errors
from simvoice.scoring.raters.human_range import human_agreements
from tests.progress.attempts import another_go, brief, heading, number


def course(*briefs: Brief) -> CaseProgress:
    (found,) = progress_of("Kim", briefs).courses
    return found


def test_attempts_stand_in_order_of_time_whatever_order_they_come_in() -> None:
    found = course(brief(9), brief(2), brief(5))
    assert [(went.number, went.when[8:10]) for went in found.attempts] == [
        (1, "02"),
        (2, "05"),
        (3, "09"),
    ]


def test_each_heading_has_its_share_and_interval_in_every_attempt() -> None:
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
    assert first.shown == "50 % (17 to 83; 2 of 5 items)"


def test_changed_is_said_beyond_chance_only() -> None:
    little = course(brief(1, met=2), brief(2, met=4)).headings[0].first_to_last
    much = course(brief(1, met=0), brief(2, met=5)).headings[0].first_to_last
    assert little is not None
    assert (little.verdict, little.better) == (NO_CHANGE, None)
    assert little.said.startswith("no change that can be told from chance: 33 points higher (95 %")
    assert much is not None
    assert (much.verdict, much.better) == ("changed", True)
    assert much.said.startswith("changed: 100 points higher (95 % interval +")


def test_the_first_the_last_but_one_and_the_last_are_compared() -> None:
    one, two, three = brief(1, met=0), brief(2, met=5), brief(3, met=5)
    listening = course(one, two, three).headings[0]
    assert listening.first_to_last is not None
    assert listening.previous_to_last is not None
    assert (listening.first_to_last.earlier, listening.first_to_last.later) == (
        one.attempt,
        three.attempt,
    )
    assert listening.previous_to_last.earlier == two.attempt
    assert listening.previous_to_last.said.startswith(f"{NO_CHANGE}: the same")
    assert course(one, two).headings[0].previous_to_last is None


def test_one_attempt_says_nothing_of_change() -> None:
    found = course(brief(1))
    assert all(series.first_to_last is None for series in (*found.headings, *found.metrics))
    assert any("one attempt" in note for note in found.notes)


def test_another_version_of_the_case_is_shown_and_not_compared() -> None:
    older = brief(1, met=0, case_sha256="1" * 64)
    found = course(older, brief(2, met=5), brief(3, met=5))
    assert [went.comparable for went in found.attempts] == [False, True, True]
    compared = found.headings[0].first_to_last
    assert compared is not None
    assert compared.earlier != older.attempt
    assert compared.verdict == NO_CHANGE
    assert any("another version" in note for note in found.notes)


def test_other_goes_are_no_attempts_of_the_course() -> None:
    first = brief(1)
    found = course(first, another_go(2, first, 3, 60.0))
    assert (len(found.attempts), found.goes) == (1, 1)
    orphan = course(another_go(2, first, 3, 60.0))
    assert (orphan.attempts, orphan.headings) == ((), ())
    assert "none of the attempts they began in" in orphan.notes[0]


def test_a_heading_that_could_not_be_judged_is_not_compared() -> None:
    sparse = brief(1, headings=(heading("listening", 1, judged=1),))
    listening, clarity, _ = course(sparse, brief(2)).headings
    assert listening.points[0].value is None
    for series in (listening, clarity):
        assert series.first_to_last is not None
        assert series.first_to_last.verdict == "not comparable"


def test_items_judged_in_one_of_two_are_named() -> None:
    some = brief(1, headings=(heading("listening", 2, judged=4),))
    found = course(some, brief(2))
    compared = found.headings[0].first_to_last
    assert compared is not None
    assert compared.only_in_one == ("listening 5",)
    assert any("may stand on different items" in note for note in found.notes)


def test_what_people_disagree_on_changes_only_beyond_their_disagreement() -> None:
    ratio = human_agreements()["reflections_to_questions"]

    def with_reflections(day: int, many: int) -> Brief:
        return brief(day, counts={"question_open": 5, "question_closed": 5, "reflection": many})

    one, two, three = with_reflections(1, 5), with_reflections(2, 23), with_reflections(3, 24)
    assert compare_agreed(one, two, ratio).verdict == NO_CHANGE
    changed = compare_agreed(one, three, ratio)
    assert (changed.verdict, changed.detectable) == ("changed", pytest.approx(1.864, abs=0.01))
    assert "the least that can be told is 1.86" in changed.said
    none = compare_agreed(brief(1, counts={}), two, ratio)
    assert none.said == "not comparable: in the earlier attempt no question was recognised"
    share = human_agreements()["open_questions"]
    said = compare_agreed(brief(1), brief(2, counts={"question_open": 9}), share).said
    assert said == f"{NO_CHANGE}: 50 points higher; the least that can be told is 62 points"


def test_metrics_use_the_minimal_detectable_change_that_calibration_found() -> None:
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
    assert [key for key in NUMBERS if minimal_detectable_change(key, table) is None] == []


def test_how_many_comparisons_were_made_is_said() -> None:
    found = course(brief(1), brief(2))
    # three headings, two numbers of how they asked, and two of the metrics were measured
    assert any(note.startswith("7 comparisons are made here") for note in found.notes)


def test_different_recognisers_and_broken_off_attempts_are_pointed_out() -> None:
    found = course(brief(1, recogniser="a"), brief(2, recogniser="b", reason="fault"))
    assert any("different recognisers" in note for note in found.notes)
    assert any("broken off" in note for note in found.notes)


@given(st.integers(0, 5), st.integers(0, 5))
def test_swapping_two_attempts_turns_the_sign_and_keeps_the_verdict(one: int, other: int) -> None:
    a, b = brief(1, met=one), brief(2, met=other)
    there, back = compare_headings(a, b, "clarity"), compare_headings(b, a, "clarity")
    assert there.verdict == back.verdict
    assert there.difference == pytest.approx(-(back.difference or 0.0))
    assert there.low == pytest.approx(-(back.high or 0.0))


@given(st.floats(0.0, 100.0), st.floats(0.0, 100.0))
def test_swapping_turns_a_metric_s_change_too(one: float, other: float) -> None:
    a, b = (brief(d, numbers=(number("talk_share", v),)) for d, v in ((1, one), (2, other)))
    there, back = compare_metric(a, b, "talk_share"), compare_metric(b, a, "talk_share")
    assert there.verdict == back.verdict
    assert there.difference == pytest.approx(-(back.difference or 0.0))


def test_the_case_that_was_last_talked_comes_first() -> None:
    briefs = [brief(1), brief(2, case_id="other-talk"), brief(3, case_id="third-talk")]
    assert [c.case_id for c in progress_of("Kim", briefs).courses] == [
        "third-talk",
        "other-talk",
        "planted-talk",
    ]


# -- who there is ---------------------------------------------------------------------------


def looked() -> Looked:
    waits = AttemptSummary(
        id="w", state="complete", case_id="c", learner="Robin", when="2026-11-04"
    )
    return Looked(
        briefs=(brief(1), brief(3), brief(2, learner="")),
        waiting=(waits,),
        skipped=(
            ("Kim", Skipped(attempt="x", why="it was cut off")),
            (None, Skipped(attempt="y", why="its header is broken")),
        ),
    )


def test_learners_are_listed_by_name_and_the_nameless_last() -> None:
    assert [(k.learner, k.attempts, k.last[:10]) for k in known(looked())] == [
        ("Kim", 3, "2026-11-03"),
        ("Robin", 1, "2026-11-04"),
        ("", 1, "2026-11-02"),
    ]


def test_a_learner_s_own_are_taken_and_what_is_nobody_s_stays_in() -> None:
    own = of_learner(looked(), " Kim ")
    assert [each.when[8:10] for each in own.briefs] == ["01", "03"]
    assert own.waiting == ()
    assert [each.attempt for _, each in own.skipped] == ["x", "y"]
    assert [each.when[8:10] for each in of_learner(looked(), "-").briefs] == ["02"]


def test_an_unknown_learner_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'Robin'"):
        of_learner(looked(), "Robyn")
    with pytest.raises(UsageError, match="no attempt without a name"):
        of_learner(Looked((brief(1),), (), ()), "-")


def test_attempts_without_a_name_are_said_to_be_taken_for_one_person_s() -> None:
    assert "one person's" in progress_of("-", [brief(1, learner="")]).notes[0]


def test_one_case_can_be_asked_for_and_an_unknown_one_names_those_there_are() -> None:
    waits = AttemptSummary(id="w", state="complete", case_id="other-talk", learner="Kim")
    both = Looked((brief(1),), (waits,), ())
    own = of_learner(both, "Kim", "planted-talk")
    assert ([each.case_id for each in own.briefs], own.waiting) == (["planted-talk"], ())
    assert of_learner(both, "Kim", "other-talk").waiting == (waits,)
    with pytest.raises(UsageError, match="there are: other-talk, planted-talk"):
        of_learner(both, "Kim", "third-talk")
