"""Half a page: what an encounter shows in which little can be judged, and what it leaves out."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from simvoice.debrief.build import build_debrief
from simvoice.debrief.limits import is_laughter
from simvoice.debrief.model import Debrief, ItemResult
from simvoice.debrief.render_text import render_items, render_screen
from simvoice.reading.reading import read
from simvoice.record.events import Ended, Hold, JournalEntry
from simvoice.record.store import Attempt
from tests.planted.builder import debrief_of, hold, learner_turn, patient_speech
from tests.planted.odd_encounters import ODD, plant_odd
from tests.shipped_cases import CASE_IDS

WHOLE_PAGE = {"crashed"}
"""Of `ODD`: the learner said enough for a whole page until it broke off."""
WITHOUT_WORDS = ("no one spoke", "silence", "laughs", "laughs in brackets", "mumbles", "Spanish")
LINES = 33

NOTES = {
    "ten seconds": "You had fewer than 4 turns, so what did not happen is not judged.",
    "no one spoke": "No one spoke, so there is nothing to report about this conversation.",
    "silence": "Your voice was not heard. To check the microphone run: simvoice doctor",
    "Spanish": "Your recognised words do not look like English",
    "crashed": "The encounter broke off, so what had not happened by then is not judged.",
    "crashed at once": "You had fewer than 4 turns, so what did not happen is not judged.",
    "laughs": "Only laughter of yours was recognised, and no other words.",
    "laughs in brackets": "The microphone recorded a voice, but no words were recognised in it",
    "says only okay": "You had fewer than 4 turns, so what did not happen is not judged.",
    "mumbles": "The microphone recorded a voice, but no words were recognised in it",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("odd")


@cache
def made(root: Path, name: str) -> Debrief:
    attempt = plant_odd(root, name)
    return build_debrief(attempt, read(attempt), with_peaks=False)


def printed(what: RenderableType) -> str:
    console = Console(width=80, no_color=True, highlight=False, soft_wrap=True)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


def every_item(debrief: Debrief) -> list[ItemResult]:
    return [item for each in (*debrief.headings, *debrief.instruments) for item in each.items]


@pytest.mark.parametrize("name", ODD)
def test_it_is_half_a_page_that_says_once_why(root: Path, name: str) -> None:
    debrief = made(root, name)
    assert debrief.half_page == (name not in WHOLE_PAGE)
    text = printed(render_screen(debrief))
    assert len(text.splitlines()) <= LINES
    assert max(map(len, text.splitlines())) <= 80
    assert [note for note in debrief.notes if note.startswith(NOTES[name])]
    others = set(NOTES.values()) - {NOTES[name]}
    assert not [n for n in debrief.notes if n.startswith(tuple(others))]
    assert " ".join(text.split()).count(" ".join(NOTES[name].split())) == 1
    assert text.count("not judged") <= 1
    if debrief.half_page:
        assert "%" not in text
        assert "Keep doing that" not in text


@pytest.mark.parametrize("case_id", CASE_IDS)
@pytest.mark.parametrize("name", ["ten seconds", "silence", "Spanish", "laughs"])
def test_every_case_has_half_a_page(tmp_path: Path, case_id: str, name: str) -> None:
    attempt = plant_odd(tmp_path, name, case_id)
    debrief = build_debrief(attempt, read(attempt), with_peaks=False)
    text = printed(render_screen(debrief))
    assert len(text.splitlines()) <= LINES
    assert debrief.half_page
    assert debrief.suggestions == ()
    assert "%" not in text


@pytest.mark.parametrize("name", ODD)
def test_how_many_were_judged_is_true(root: Path, name: str) -> None:
    debrief = made(root, name)
    items = [i for i in every_item(debrief) if not i.human and i.outcome != "counted"]
    judged = [item for item in items if item.outcome not in {"not judged", "open"}]
    text = printed(render_screen(debrief))
    found = re.search(r"(\d+|None) of (?:the )?(\d+) items? (?:was|were) judged\.", text)
    assert (found is not None) == debrief.half_page
    if found is not None:
        said = 0 if found[1] == "None" else int(found[1])
        assert (said, int(found[2])) == (len(judged), len(items))
        listed = re.findall(r"^  [+-] (.+?) *$", text, re.MULTILINE)
        assert set(listed) <= {item.text for item in judged}
        assert bool(listed) == bool(judged)


@pytest.mark.parametrize("name", ODD)
def test_every_judgement_rests_on_something_that_happened(root: Path, name: str) -> None:
    for item in every_item(made(root, name)):
        if item.outcome in {"met", "not met"}:
            assert item.evidence, item.id
        elif item.outcome == "not judged":
            assert item.reason, item.id


@pytest.mark.parametrize("name", WITHOUT_WORDS)
def test_without_words_nothing_is_suggested_or_judged_by_words(root: Path, name: str) -> None:
    debrief = made(root, name)
    assert (debrief.suggestions, debrief.keep) == ((), "")
    by_words = [i for i in every_item(debrief) if i.rule_kind in {"says", "avoids", "order"}]
    assert by_words
    assert {item.outcome for item in by_words} == {"not judged"}


@pytest.mark.parametrize("name", ODD)
def test_a_list_of_items_says_a_shared_reason_once(root: Path, name: str) -> None:
    debrief = made(root, name)
    text = printed(render_items(debrief))
    for scored in (*debrief.headings, *debrief.instruments):
        reasons = Counter(i.reason for i in scored.items if i.outcome == "not judged")
        if reasons and max(reasons.values()) >= 2:
            part = text.partition(f"\n{scored.name}")[2].partition(scored.items[-1].text)[0]
            assert part.count("Not judged where no other reason is given: ") == 1
    assert "%" not in re.sub(r"\d+ % fair, \d+ % good|met \d+ %|\d+ % of", "", text)


def test_a_broken_off_encounter_suggests_nothing_that_there_was_no_time_for(tmp_path: Path) -> None:
    broken = plant_odd(tmp_path, "crashed")
    entries = tuple(
        e.model_copy(update={"reason": "learner"}) if isinstance(e, Ended) else e
        for e in broken.entries
    )
    ended = replace(broken, entries=entries)
    found, whole = (build_debrief(a, read(a), with_peaks=False) for a in (broken, ended))
    # the one silence was ended by words that raised trust, so whether it should have stood is open
    assert found.suggestions == ()
    assert "Let the silence after the news stand" not in {e.title for e in whole.suggestions}
    for outcome in ("not met", "open"):
        here, there = (
            {item.id for item in every_item(one) if item.outcome == outcome}
            for one in (found, whole)
        )
        assert here < there


def turns(*codes: str) -> list[JournalEntry]:
    said = [learner_turn(n, 5.0 * n, "it is the way it is with this", *codes) for n in range(1, 5)]
    return [patient_speech(1, 1.0, "What did you find?"), *said]


def outcome(debrief: Debrief, item: str) -> tuple[str, str]:
    found = next(each for each in every_item(debrief) if each.id == item)
    return found.outcome, found.reason


def test_what_happened_is_judged_also_when_it_broke_off(attempt: Attempt) -> None:
    filled: Hold = hold(30.0, 31.0, "filled")
    said = (*turns("minimising", "empathy_name"), filled)
    whole = debrief_of(attempt, *said, Ended(at_s=40.0, reason="learner"))
    for reason in ("fault", "device", "stopped"):
        broken = debrief_of(attempt, *said, Ended.model_validate({"at_s": 40.0, "reason": reason}))
        for item in ("empathy-not-smaller", "empathy-answered", "listening-silence"):
            assert outcome(broken, item) == outcome(whole, item)
        for item in ("listening-asked", "empathy-no-blame", "listening-gave-back"):
            assert outcome(broken, item) == ("not judged", "the encounter broke off")
        assert outcome(whole, "listening-asked")[0] == "not met"
        assert outcome(whole, "empathy-no-blame")[0] == "met"
        assert outcome(whole, "listening-gave-back")[0] == "open"
    assert outcome(debrief_of(attempt, *said, ends=False), "listening-asked")[0] == "not judged"


def test_laughter_is_told_from_words() -> None:
    for text in ("Ha ha.", "Haha!", "[laughs]", "(laughter)", "Ahaha, ha", "Heh."):
        assert is_laughter(text), text
    for text in ("", "...", "Hi.", "Ha, I see.", "Oh.", "Okay.", "She laughs."):
        assert not is_laughter(text), text


def test_one_word_beside_the_laughter_is_a_word(attempt: Attempt) -> None:
    laughs = [learner_turn(n, 5.0 * n, "Ha ha.") for n in range(1, 5)]
    assert debrief_of(attempt, *laughs).half_page
    said = learner_turn(5, 30.0, "I am sorry, ha ha.")
    assert not debrief_of(attempt, *laughs, said).half_page
