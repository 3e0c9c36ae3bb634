"""The sound of the patient's voice: affect first, then the mood from trust and distress."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simvoice import markup
from simvoice.patient.case.fields import Condition, VoiceBends, VoiceKnobs
from simvoice.patient.case.schema import Case, CaseLine, Person, Variant
from simvoice.patient.checking.text_conversation import TextConversation
from simvoice.patient.decisions import Affect, Mood, PatientState
from simvoice.patient.mind import Patient
from simvoice.patient.voice import (
    BENDS,
    HIGH_DISTRESS,
    HIGH_TRUST,
    LOW_TRUST,
    MOODS,
    marked_wording,
    mood_of,
    spoken,
    style_of,
)

NEUTRAL: Affect = "neutral"


def person(bends: VoiceBends | None = None, voice: VoiceKnobs | None = None) -> Person:
    return Person(
        name="Ada Moss",
        short="Ada",
        age=40,
        voice=voice or VoiceKnobs(pitch_hz=200.0),
        bends=bends or VoiceBends(),
        history="x",
        family="x",
        manner="x",
    )


def feeling(trust: float, distress: float) -> PatientState:
    return PatientState(ledger=(("trust", trust), ("distress", distress), ("understanding", 0.5)))


@pytest.mark.parametrize(
    ("trust", "distress", "mood"),
    [
        (0.4, 0.4, "even"),
        (0.6, 0.4, "open"),
        (0.34, 0.69, "guarded"),
        (0.35, 0.7, "shaken"),
        (0.9, 0.9, "shaken"),
        (0.1, 0.9, "strained"),
    ],
)
def test_trust_and_distress_make_a_mood(trust: float, distress: float, mood: Mood) -> None:
    assert mood_of(feeling(trust, distress)) == mood


def test_an_even_mood_leaves_the_affect_as_it_is() -> None:
    for affect, bend in BENDS.items():
        style = style_of(person(), affect)
        assert style.pitch_hz == pytest.approx(200.0 * bend.pitch, abs=0.1)
        assert (style.duration, style.stretch) == (pytest.approx(bend.duration), 1.0)


def test_each_mood_changes_the_voice_as_its_source_says() -> None:
    even = style_of(person(), NEUTRAL, "even")
    shaken = style_of(person(), NEUTRAL, "shaken")
    strained = style_of(person(), NEUTRAL, "strained")
    open_ = style_of(person(), NEUTRAL, "open")
    guarded = style_of(person(), NEUTRAL, "guarded")
    assert even.pitch_hz is not None
    assert shaken.pitch_hz is not None
    assert strained.pitch_hz is not None
    assert shaken.stretch > 1.0 > strained.stretch
    assert shaken.gain_db < even.gain_db < strained.gain_db
    assert even.pitch_hz < shaken.pitch_hz < strained.pitch_hz
    assert guarded.pitch_range < even.pitch_range < open_.pitch_range
    assert open_.stretch > 1.0 > guarded.stretch


@pytest.mark.parametrize("mood", MOODS)
def test_a_mood_changes_the_voice_only_a_little(mood: Mood) -> None:
    bend = MOODS[mood]
    assert 0.94 <= bend.pitch <= 1.06
    assert 0.93 <= bend.duration <= 1.08
    assert 0.8 <= bend.pitch_range <= 1.2
    assert abs(bend.gain_db) <= 1.5


def test_a_case_sets_how_far_its_voice_changes() -> None:
    still = person(VoiceBends(affect=0.0, ledger=0.0))
    assert {style_of(still, affect, mood) for affect in BENDS for mood in MOODS} == {
        style_of(still, NEUTRAL)
    }
    far = style_of(person(VoiceBends(ledger=2.0)), NEUTRAL, "strained")
    assert far.pitch_hz == pytest.approx(200.0 * MOODS["strained"].pitch ** 2, abs=0.1)


def test_every_change_stays_within_the_limits_of_a_voice() -> None:
    edge = VoiceKnobs(pitch_hz=345.0, pitch_range=1.9, duration=1.55, gain_db=5.5)
    for affect in BENDS:
        for mood in MOODS:
            style = style_of(person(VoiceBends(affect=2.0, ledger=2.0), edge), affect, mood)
            assert style.pitch_hz is not None
            assert 60.0 <= style.pitch_hz <= 350.0
            assert 0.3 <= style.pitch_range <= 2.0
            assert 0.7 <= style.duration <= 1.6
            assert -12.0 <= style.gain_db <= 6.0


LINE = "Well, I found it in March, and it was <break> cancer."


def test_distress_pauses_at_commas_and_breaks_before_the_hard_word() -> None:
    said = markup.parse(spoken(LINE, NEUTRAL, "shaken", VoiceBends()))
    assert [(mark.kind, mark.at) for mark in said.marks] == [
        ("pause", 1),
        ("pause", 6),
        ("break", 9),
    ]
    assert said.text == markup.plain(LINE)


def test_in_an_even_mood_only_tears_break_the_voice() -> None:
    assert spoken(LINE, NEUTRAL, "even", VoiceBends()) == markup.plain(LINE)
    assert "<break>" in spoken(LINE, "tearful", "even", VoiceBends())
    assert "<pause" not in spoken(LINE, "tearful", "even", VoiceBends())


def test_a_voice_without_moods_keeps_only_the_authors_pauses() -> None:
    line = "Well, I <pause 0.6> know."
    assert spoken(line, NEUTRAL, "shaken", VoiceBends(ledger=0.0)) == line


def test_a_wording_keeps_its_own_marks_and_affect() -> None:
    told = CaseLine(
        id="told",
        text="I <pause 0.5> told you.",
        affect="flat",
        again="I <breath> said so.",
        variants=(
            Variant(
                when=Condition(at_least={"trust": 0.6}), text="I told <pause 1> you.", affect="warm"
            ),
        ),
    )
    low, high = feeling(0.4, 0.2), feeling(0.7, 0.2)
    assert told.text == told.variants[0].text == "I told you."
    assert marked_wording(told, low, "I told you.") == ("I <pause 0.5> told you.", "flat")
    assert marked_wording(told, high, "I told you.") == ("I told <pause 1> you.", "warm")
    assert marked_wording(told, low, "I said so.") == ("I <breath> said so.", "flat")
    assert marked_wording(told, low, "Something else.") == ("Something else.", "flat")


def test_a_line_has_the_mood_of_the_present_ledger(patient: Patient) -> None:
    talk = TextConversation(patient, seed=1)
    assert talk.open().move.mood == "even"
    after = talk.say("The biopsy shows that you have breast cancer.")
    assert after.move.mood == mood_of(after.state) != "even"


def test_the_text_has_no_marks_and_the_voice_says_the_same_words(case: Case) -> None:
    for line in case.lines:
        assert not any("<" in text or ">" in text for text, _ in line.texts)
        for marked, affect in line.wordings:
            for mood in MOODS:
                said = spoken(marked, affect, mood, case.person.bends)
                assert markup.plain(said) == markup.plain(marked)


def test_a_case_can_reach_the_limits_of_the_moods(case: Case) -> None:
    assert LOW_TRUST < case.ledger["trust"].start < HIGH_TRUST
    assert case.ledger["distress"].start < HIGH_DISTRESS
    state = replace(feeling(0.5, 0.5), ledger=())
    assert mood_of(state) == "even"
