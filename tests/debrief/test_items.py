"""The items of a debrief, and how a terminal shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from simvoice.criteria import CriticalItem, SaysRule
from simvoice.debrief.build import build_debrief
from simvoice.debrief.model import Debrief, Scored
from simvoice.debrief.render_text import render, render_items
from simvoice.debrief.wording import tally
from simvoice.reading.reading import read
from simvoice.record.events import ConcernShown, LearnerTurn
from simvoice.record.ratings import OBJECTIONS
from simvoice.record.store import Attempt
from tests.planted.builder import learner_turn
from tests.planted.talk import record

CUE = ConcernShown(line="line1", concern="lump", text="That she waited too long", kind="concern")
CHILDREN = ConcernShown(line="line3", concern="children", text="Who cares for them", kind="cue")


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    return record(tmp_path, shows=(CUE, CHILDREN), instruments=("SPIKES", "Nonesuch"))


def debrief(attempt: Attempt) -> Debrief:
    return build_debrief(attempt, read(attempt), with_peaks=False)


def printed(made: Debrief, width: int = 80, ratings: Mapping[str, int] | None = None) -> str:
    return as_text(render_items(made, ratings), width)


def as_text(what: RenderableType, width: int = 80) -> str:
    console = Console(width=width, no_color=True, highlight=False)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


def by_id(scored: Scored) -> dict[str, str]:
    return {item.id: item.outcome for item in scored.items}


@pytest.mark.slow
def test_headings_instruments_of_the_case_and_cues_are_there(attempt: Attempt) -> None:
    made = debrief(attempt)
    assert [each.name for each in made.headings] == [
        "Active listening",
        "Clarity",
        "Empathy under pressure",
    ]
    assert [each.name for each in made.instruments] == ["SPIKES", "VR-CoDES"]
    assert [(c.kind, c.response, c.at_s) for c in made.cues] == [
        ("concern", "ignoring", 8.0),
        ("cue", "ignoring", 20.0),
    ]
    assert "The case names the instrument Nonesuch, which simvoice does not have." in made.notes


@pytest.mark.slow
def test_an_item_has_words_time_rule_and_certainty(attempt: Attempt) -> None:
    empathy = next(each for each in debrief(attempt).headings if each.id == "empathy")
    item = next(each for each in empathy.items if each.id == "empathy-answered")
    assert (item.outcome, item.certainty) == ("met", "high")
    (evidence,) = item.evidence
    assert evidence.quote == "that is frightening i know"
    assert evidence.at_s == pytest.approx(3.4, abs=0.03)
    assert item.rule.startswith("heard a feeling named, a feeling said to make sense, ")


@pytest.mark.slow
def test_a_heading_has_the_weighted_share_of_the_judged_items(attempt: Attempt) -> None:
    heading = next(each for each in debrief(attempt).headings if each.share is not None)
    judged = [each for each in heading.items if each.outcome in {"met", "not met"}]
    met = sum(each.weight for each in judged if each.outcome == "met")
    assert heading.share == pytest.approx(met / sum(each.weight for each in judged))
    assert all(each.share is None for each in debrief(attempt).instruments)


def test_an_old_record_has_only_headings(tmp_path: Path) -> None:
    made = debrief(record(tmp_path))
    assert made.instruments == made.cues == ()
    listening = next(each for each in made.headings if each.id == "listening")
    assert by_id(listening)["listening-cues"] == "not judged"


@pytest.mark.slow
def test_the_terminal_shows_evidence_and_fits_80_columns(attempt: Attempt) -> None:
    text = printed(debrief(attempt))
    for line in (
        "Cues and concerns, and your answers",
        "0:20 cue by the case: “My children are small.”",
        "+ Put empathy into words, or asked about the feeling [empathy-answered]",
        "0:03 “that is frightening i know” (a feeling named)",
        "not judged: The room cannot be heard",
    ):
        assert line in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.slow
def test_a_learner_who_never_spoke_is_not_judged(attempt: Attempt) -> None:
    silent = replace(
        attempt, entries=tuple(e for e in attempt.entries if not isinstance(e, LearnerTurn))
    )
    made = debrief(silent)
    outcomes = {i.outcome for s in (*made.headings, *made.instruments) for i in s.items}
    assert outcomes == {"not judged"}
    assert "+ " not in printed(made).replace(" + ", "").split("+ met")[0]


@pytest.mark.slow
def test_spoken_text_is_not_read_as_markup(attempt: Attempt) -> None:
    said = replace(
        attempt,
        entries=tuple(
            e.model_copy(update={"text": e.text.replace("frightening", "frightening [bold]x[/]")})
            if isinstance(e, LearnerTurn)
            else e
            for e in attempt.entries
        ),
    )
    assert "[bold]x[/]" in printed(debrief(said))


@pytest.mark.slow
def test_unreadable_objections_do_not_hide_the_debrief(attempt: Attempt) -> None:
    (attempt.folder / OBJECTIONS).write_text("{nonsense\n")
    assert any("Your objections cannot be shown" in note for note in debrief(attempt).notes)


def critical(item_id: str, text: str, *codes: str) -> CriticalItem:
    rule = SaysRule(kind="says", codes=codes) if codes else None
    return CriticalItem(id=item_id, text=text, why="So it is.", rule=rule, human=not codes)


@pytest.mark.slow
def test_critical_items_come_first_and_missed_ones_are_named(
    attempt: Attempt,
) -> None:
    given = (
        critical("named", "Name what she feels.", "empathy_name"),
        critical("cite", "Say what happens next.", "safety_net"),
        critical("sits", "Sit down."),
    )
    head = attempt.header.model_copy(update={"critical": given})
    made = debrief(replace(attempt, header=head))
    first = made.instruments[0]
    assert (first.name, first.kind) == ("Critical for this case", "instrument")
    assert list(by_id(first).values()) == ["met", "not met", "not judged"]
    assert first.about.endswith("Missed: Say what happens next.")
    assert [each.note for each in first.items] == ["So it is."] * 3
    shown = " ".join(printed(made).split())
    assert "Critical for this case: 1 of 2 met, 1 for a human" in shown
    assert "Missed: Say what happens next." in shown


def test_a_case_without_critical_items_shows_none(attempt: Attempt) -> None:
    assert "critical" not in [each.id for each in debrief(attempt).instruments]


@pytest.mark.slow
def test_an_interval_is_as_wide_as_people_disagree(tmp_path: Path) -> None:
    asked = learner_turn(9, 42.0, "so it was hard what was it like", "reflection", "question_open")
    made = debrief(record(tmp_path, (asked,), instruments=("MITI",)))
    (miti,) = made.instruments
    items = {item.id: item for item in miti.items}
    assert {key for key, item in items.items() if item.interval} <= {
        "miti-open-share",
        "miti-ratio-fair",
        "miti-ratio-good",
    }
    share, ratio = items["miti-open-share"], items["miti-ratio-fair"]
    assert share.value is not None
    assert share.interval is not None
    assert share.interval[1] - share.interval[0] >= 0.44
    assert ratio.interval is not None
    assert ratio.value is not None
    assert ratio.interval[1] - ratio.value == pytest.approx(1.32, abs=0.01)
    assert share.interval_note in printed(made, 400)
    assert "ICC .64" in ratio.interval_note
    assert "The threshold is inside the interval" in ratio.interval_note
    assert "The threshold" not in share.interval_note


@pytest.mark.slow
def test_the_share_of_a_heading_has_the_interval_of_few_items(attempt: Attempt) -> None:
    made = debrief(attempt)
    told = [each for each in made.headings if each.share is not None]
    assert told
    for each in told:
        assert each.share is not None
        assert each.interval is not None
        assert 0.0 <= each.interval[0] <= each.share <= each.interval[1] <= 1.0
        assert each.interval[1] - each.interval[0] > 0.3
    assert all(each.interval is None for each in made.instruments)


@pytest.mark.slow
def test_a_heading_is_shown_as_counts_and_never_as_a_percentage(attempt: Attempt) -> None:
    made = debrief(attempt)
    for text in (printed(made), as_text(render(made))):
        titles = [line for line in text.splitlines() if line.strip().startswith("Clarity:")]
        assert titles
        for line in titles:
            assert re.search(r": (\d of \d met|\d not judged)", line), line
            assert "%" not in line
    for heading in made.headings:
        judged = [item for item in heading.items if item.outcome in {"met", "not met"}]
        met = sum(item.outcome == "met" for item in judged)
        unsure = sum(item.outcome == "open" for item in heading.items)
        left = len(heading.items) - len(judged) - unsure
        expected = (
            f"{heading.name}: {met} of {len(judged) + unsure} met" if judged else heading.name
        )
        assert expected in printed(made)
        assert (f"{left} not judged" in tally(heading)) == bool(left)


@pytest.mark.slow
def test_what_no_one_has_rated_says_so_in_three_words(attempt: Attempt) -> None:
    made = debrief(attempt)
    item = made.headings[0].items[0].id
    known, unknown, some = (printed(made, ratings=r) for r in (None, {}, {item: 3}))
    assert "compared" not in known
    lists = (*made.headings, *made.instruments)
    assert unknown.count("not yet compared") == len(lists)
    assert "3 human ratings; how well they agree: simvoice agree" in some
    listening = some.partition("Active listening")[2].partition("Clarity")[0]
    title, items = listening.split("\n", 1)
    assert "compared" not in title
    assert items.count("not yet compared") == len(made.headings[0].items) - 1
