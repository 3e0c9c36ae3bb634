"""Pictures are valid, reproducible files that are readable without colour."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as etree
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from simvoice.errors import SettingError, SimvoiceError, UsageError
from simvoice.reading.reading import read
from simvoice.research.analysis.attempts import analyse_attempt
from simvoice.research.analysis.conversation import Conversation
from simvoice.research.pictures.change import change
from simvoice.research.pictures.strip import strip
from simvoice.research.pictures.style import LEARNER, PATIENT, render, save
from simvoice.research.pictures.turns import talking, turns
from simvoice.scoring.metrics.interval import ErrorTable
from tests.planted.talk import record

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Conversation:
    folder = tmp_path_factory.mktemp("attempts")
    made = record(folder, attempt="20261122-101530-planted-talk-abcd")
    return analyse_attempt(made, read(made))


def words(sheet: Figure) -> list[str]:
    return [str(found.get_text()) for found in sheet.findobj(Text) if found.get_text()]


def twice(one: Conversation) -> Figure:
    return change(one, one)


@pytest.mark.parametrize("draw", [strip, turns, twice])
@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_the_same_conversation_gives_the_same_bytes(
    talk: Conversation, draw: Callable[[Conversation], Figure], ending: str
) -> None:
    first, second = (render(draw(talk), ending, "A title") for _ in range(2))
    assert first == second
    starts = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    assert first.startswith(starts[ending])
    assert len(first) > 5_000


def test_an_svg_is_well_formed_and_contains_its_title(talk: Conversation) -> None:
    root = etree.fromstring(render(strip(talk), "svg", "The planted talk"))
    assert root.tag.endswith("svg")
    assert b"The planted talk" in etree.tostring(root)


def test_the_strip_labels_speakers_silences_and_words_lost_to_interruptions(
    talk: Conversation,
) -> None:
    texts = words(strip(talk))
    for text in (
        "A planted talk",
        "Ines",
        "6.0 s after hard news, let stand",
        "3.0 s after a statement",
        "interrupted, 3 words lost",
        "trust",
        "silence of 2 s or more",
        "both speak",
    ):
        assert text in texts, text


def test_the_legend_lists_only_what_occurs(talk: Conversation) -> None:
    bare = talk.model_copy(update={"events": (), "ledger": ()})
    texts = words(strip(bare))
    for text in ("both speak", "trust", "the patient is interrupted", "silence of 2 s or more"):
        assert text not in texts


def grey(colour: str) -> float:
    """Return the grey value of a colour, 0 black to 1 white (Rec. 709)."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_two_speakers_differ_in_grey_and_in_pattern() -> None:
    assert abs(grey(LEARNER["facecolor"]) - grey(PATIENT["facecolor"])) > 0.5
    assert "hatch" in PATIENT
    assert "hatch" not in LEARNER


def test_the_lanes_differ_in_a_grey_copy(talk: Conversation) -> None:
    """The learner's pixels are darker than nearly all of the patient's."""
    image = mpl.image.imread(io.BytesIO(render(strip(talk), "png", "x")))[..., :3]
    light = image @ np.array([0.2126, 0.7152, 0.0722])
    learner = np.isclose(light, grey(LEARNER["facecolor"]), atol=0.02)
    patient = np.isclose(light, grey(PATIENT["facecolor"]), atol=0.02)
    assert learner.sum() > 5_000
    assert patient.sum() > 5_000


@pytest.mark.parametrize("length_s", [0.0, 0.5, 29.9, 3_600.0, 36_000.0])
def test_a_picture_of_any_length_fits_a_page(talk: Conversation, length_s: float) -> None:
    long = talk.model_copy(update={"length_s": length_s})
    for draw in (strip, turns):
        sheet = draw(long)
        _, tall = sheet.get_size_inches()
        assert tall < 14.0
        assert render(sheet, "png", "x")


def test_a_conversation_without_speech_can_be_drawn(talk: Conversation) -> None:
    empty = talk.model_copy(
        update={"stretches": (), "turns": (), "events": (), "ledger": (), "metrics": ()}
    )
    for draw in (strip, turns):
        assert render(draw(empty), "svg", "x")


def test_talking_in_a_window_over_everything_is_the_metric(talk: Conversation) -> None:
    _, spoken = talking(talk, 1_000.0)
    whole = {v.key: v.value for v in talk.metrics}
    for who, seconds in spoken.items():
        # The planted backchannels count as talking, and overlap no speech of the learner.
        assert seconds == pytest.approx(
            np.full(seconds.shape, whole[f"{who}_speech"] or 0.0), abs=0.5
        )


def test_no_percentage_is_drawn_without_its_interval(talk: Conversation) -> None:
    bare = tuple(v.model_copy(update={"low": None, "high": None}) for v in talk.metrics)
    alone = talk.model_copy(update={"metrics": bare})
    drawn = [words(strip(talk)), words(turns(talk)), words(turns(alone))]
    assert any(re.search(r"47 % \(\d+–\d+\) of the talking", text) for text in drawn[0])
    assert not [text for found in drawn[1:] for text in found if "%" in text or "percent" in text]
    assert any("47 % (error not known) of the talking" in text for text in words(strip(alone)))
    assert not [text for text in words(change(alone, alone)) if "%" in text]
    assert [text for text in words(change(talk, talk)) if "%" in text]


# -- before and after -----------------------------------------------------------------------


def moved(talk: Conversation, key: str, value: float) -> Conversation:
    metrics = tuple(
        v.model_copy(update={"value": value}) if v.key == key else v for v in talk.metrics
    )
    return talk.model_copy(update={"metrics": metrics})


def test_change_shows_both_numbers_and_no_verdict_without_known_errors(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "simvoice.scoring.metrics.change.shipped_errors", lambda: ErrorTable({}, {}, {})
    )
    texts = words(change(talk, moved(talk, "interruptions", 4.0)))
    assert "1  →  4" in texts
    assert "47  →  47 %" in texts
    assert any("The changes may be chance" in text for text in texts)
    assert not [text for text in texts if "improved" in text]


def test_a_verdict_appears_only_beyond_measurement_error(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = ErrorTable({}, {}, {"interruptions": 1.0, "talk_share": 5.0})
    monkeypatch.setattr("simvoice.scoring.metrics.change.shipped_errors", lambda: table)
    much = words(change(moved(talk, "interruptions", 9.0), talk))
    assert "within the error" in much  # the talk share
    beyond = [text for text in much if text in ("improved", "worse", "higher", "lower")]
    little = words(change(moved(talk, "interruptions", 2.0), talk))
    assert len(beyond) == 1
    assert not [text for text in little if text in ("improved", "worse", "higher", "lower")]
    assert little.count("within the error") == 2


def test_conversations_without_a_common_number_are_refused(talk: Conversation) -> None:
    with pytest.raises(UsageError, match="no number was measured in both"):
        change(talk, talk.model_copy(update={"metrics": ()}))


# -- saving ---------------------------------------------------------------------------------


def test_an_unknown_ending_and_a_missing_folder_are_refused(
    talk: Conversation, tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match=r"must end in \.svg, \.png or \.pdf"):
        save(strip(talk), tmp_path / "strip.gif", "x")
    with pytest.raises(SimvoiceError, match="cannot be written"):
        save(strip(talk), tmp_path / "gone" / "strip.svg", "x")
    save(strip(talk), tmp_path / "Bild, größer.svg", "x")
    assert [p.name for p in tmp_path.iterdir()] == ["Bild, größer.svg"]
