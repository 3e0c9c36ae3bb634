"""The queue before the encounters, and its estimates."""

from __future__ import annotations

import pytest

from simvoice.hub.encounters.queue import (
    CHANGE_S,
    MeasuredLengths,
    WaitingList,
    estimate_wait_s,
    wait_in_words,
)


def waiting(*people: str) -> WaitingList[str]:
    made: WaitingList[str] = WaitingList()
    for number, who in enumerate(people):
        made.join(who, "biopsy", float(number))
    return made


def ahead(of: str, queue: WaitingList[str]) -> list[str]:
    return [place.who for place in queue.ahead_of(of)]


def test_people_are_offered_places_in_the_order_in_which_they_came() -> None:
    queue = waiting("ada", "ben", "cem")
    assert queue.offer(2, 10.0) == ["ada", "ben"]
    assert queue.offer(2, 11.0) == []
    queue.leave("ada")  # her encounter begins and has one of the two places
    assert queue.offer(1, 12.0) == []
    assert queue.offer(2, 13.0) == ["cem"]


def test_joining_again_keeps_the_place_and_takes_the_new_case() -> None:
    queue = waiting("ada", "ben")
    queue.join("ada", "sudden-death", 5.0)
    assert ahead("ben", queue) == ["ada"]
    place = queue.find("ada")
    assert place is not None
    assert place.case_id == "sudden-death"


def test_a_reload_keeps_the_place_and_a_closed_page_loses_it_after_the_grace() -> None:
    queue = waiting("ada", "ben")
    queue.see("ben", 15.0)
    assert queue.sweep(20.0) == []
    assert queue.sweep(20.1) == ["ada"]
    assert ahead("ben", queue) == []
    queue.see("ben", 34.9)  # the page was loaded again in time
    assert queue.sweep(54.0) == []


def test_an_offer_that_is_not_taken_goes_to_the_next() -> None:
    queue = waiting("ada", "ben")
    assert queue.offer(1, 0.0) == ["ada"]
    for second in range(0, 61, 5):
        queue.see("ada", float(second))
        queue.see("ben", float(second))
    assert queue.sweep(60.0) == []
    assert queue.sweep(60.5) == ["ada"]
    assert queue.offer(1, 60.5) == ["ben"]


def test_a_withdrawn_offer_keeps_the_place() -> None:
    queue = waiting("ada", "ben")
    queue.offer(1, 0.0)
    queue.withdraw_offers()
    assert ahead("ben", queue) == ["ada"]
    assert queue.offer(1, 500.0) == ["ada"]


@pytest.mark.parametrize(
    ("left_s", "ahead_s", "places", "expected_s"),
    [
        ([], [], 1, 0.0),
        ([], [300.0], 2, 0.0),
        ([120.0], [], 1, 120.0 + CHANGE_S),
        # the first before me gets the place at 60 s, I the one at 200 s
        ([200.0, 60.0], [400.0], 2, 200.0 + CHANGE_S),
        # both before me take their whole time in one place
        ([60.0], [100.0, 100.0], 1, 260.0 + 3 * CHANGE_S),
        # the pool shrank from three places to one: only the last encounter gives a place back
        ([10.0, 20.0, 30.0], [], 1, 30.0 + CHANGE_S),
    ],
)
def test_the_estimate_plays_the_places_that_become_free(
    left_s: list[float], ahead_s: list[float], places: int, expected_s: float
) -> None:
    assert estimate_wait_s(left_s, ahead_s, places) == pytest.approx(expected_s)


def test_without_places_there_is_no_estimate() -> None:
    assert estimate_wait_s([], [], 0) is None


def test_lengths_come_from_the_limit_until_enough_were_measured() -> None:
    lengths = MeasuredLengths()
    assert lengths.expected_s("biopsy", 480.0) == 480.0
    assert lengths.left_s("biopsy", 100.0, 480.0) == 380.0
    for length_s in (200.0, 240.0, 300.0):
        lengths.add("biopsy", length_s)
    assert lengths.expected_s("biopsy", 480.0) == 240.0
    assert lengths.left_s("biopsy", 100.0, 480.0) == 140.0
    # only one measured encounter took longer than this one has
    assert lengths.left_s("biopsy", 290.0, 480.0) == 190.0
    assert lengths.left_s("biopsy", 500.0, 480.0) == 0.0


def test_the_sentence_rounds_up_to_minutes() -> None:
    assert wait_in_words(2, 301.0) == "2 before you, about 6 minutes."
    assert wait_in_words(0, 20.0) == "You are next, about 1 minute."
    assert wait_in_words(3, None) == "3 before you."
