"""The debrief of the planted conversation, and of attempts with something missing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simvoice.debrief.build import build_debrief
from simvoice.debrief.layout import peaks
from simvoice.debrief.model import Debrief, TimingMark
from simvoice.reading.reading import read
from simvoice.record.events import (
    ConcernShown,
    Ended,
    Interruption,
    LearnerTurn,
    LearnerVoice,
    LossCounts,
    PatientSpeech,
    Started,
    Trouble,
)
from simvoice.record.recorder import Recorder
from simvoice.record.store import Attempt, Store
from simvoice.scoring.metrics.definitions import definition_of, definitions
from simvoice.scoring.metrics.norms import no_norm_note, norms
from simvoice.scoring.metrics.registry import DECIDED, FROM_JOURNAL
from tests.planted.builder import debrief_of, learner_turn, patient_move, patient_speech
from tests.planted.talk import NUMBERS, VOICES, header, record

FRAMES_S = 0.05
"""Seconds. The detector works in steps of 10 ms and averages over five; a length has two ends."""


def lengths_s(debrief: Debrief, kind: str) -> list[float]:
    return [mark.length_s for mark in marks(debrief, kind)]


def marks(debrief: Debrief, kind: str) -> list[TimingMark]:
    return [mark for mark in debrief.marks if mark.kind == kind]


@pytest.mark.slow
def test_a_debrief_goes_to_json_and_back_unchanged(attempt: Attempt) -> None:
    debrief = build_debrief(attempt, read(attempt))
    assert Debrief.model_validate(json.loads(debrief.model_dump_json())) == debrief


def test_the_numbers_are_the_metrics(attempt: Attempt) -> None:
    debrief = build_debrief(attempt, read(attempt), with_peaks=False)
    found = {n.key: n.value for n in debrief.numbers}
    assert list(found) == list(definition_of())
    known = [key for key in NUMBERS if key not in (*VOICES, "word_rate")]
    # Measured in the sound, where each edge of a tone is found up to a frame early or late.
    assert [found[key] for key in known] == pytest.approx([NUMBERS[key] for key in known], abs=0.15)
    shown = {n.key: n.shown for n in debrief.numbers}
    assert shown["talk_share"] == "47 %"
    assert shown["words_lost"] == "3 words"
    assert shown["speech_rate"].endswith(" syllables per second")


def test_without_sound_an_attempt_is_measured_from_the_journal(attempt: Attempt) -> None:
    silent = replace(attempt, audio_path=None, _sound=[])
    found = {n.key: n for n in build_debrief(silent, read(silent), with_peaks=False).numbers}
    assert {key: n.value for key, n in found.items()} == pytest.approx(NUMBERS, abs=1e-6)
    assert found["response_latency"].shown == "0.10 s"
    assert found["talk_share"].error == FROM_JOURNAL
    assert found["words_lost"].error == DECIDED


@pytest.mark.slow
def test_a_norm_is_shown_only_for_a_visit_of_its_kind(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    silences = next(entry for entry in definitions() if entry.key == "silences")
    known = next(norm for norm in norms() if norm.metric == "silences")
    planted = known.model_copy(
        update={
            "visits": ("bad-news",),
            "spread": "SD 4",
            "for_definition": silences.definition,
        }
    )
    monkeypatch.setattr("simvoice.scoring.metrics.norms.norms", lambda: (planted,))
    bad_news = replace(attempt, header=attempt.header.model_copy(update={"visit": ("bad-news",)}))
    debrief = build_debrief(bad_news, read(bad_news))
    found = {n.key: n.norms for n in debrief.numbers}
    assert found.pop("silences") == (planted.sentence,)
    assert set(found.values()) == {()}
    assert debrief.norms_note == ""
    without = build_debrief(attempt, read(attempt))
    assert {n.norms for n in without.numbers} == {()}
    assert without.norms_note == no_norm_note(attempt.header.case_id)


def test_the_transcript_is_in_order_and_has_the_unsaid_words(attempt: Attempt) -> None:
    rows = build_debrief(attempt, read(attempt), with_peaks=False).rows
    assert [row.start_s for row in rows] == sorted(row.start_s for row in rows)
    assert [row.kind for row in rows].count("backchannel") == 1
    (cut,) = [row for row in rows if row.unsaid]
    assert (cut.who, cut.text, cut.unsaid) == ("patient", "My mother died of", "it last spring.")
    assert rows[1].does == ("empathy_name",)
    assert rows[2].move == "Her fear was named."


def test_the_lanes_have_words_and_separate_noise(attempt: Attempt) -> None:
    learner, patient = build_debrief(attempt, read(attempt), with_peaks=False).lanes
    kinds = [segment.kind for segment in learner.segments]
    assert (kinds.count("speech"), kinds.count("backchannel"), kinds.count("noise")) == (5, 1, 1)
    assert learner.segments[0].text == "that is frightening i know"
    assert patient.segments[4].text == "My mother died of"
    assert [segment.start_s for segment in learner.segments] == sorted(
        segment.start_s for segment in learner.segments
    )


def test_each_silence_has_one_mark_with_owner_kind_and_breaker(attempt: Attempt) -> None:
    debrief = build_debrief(attempt, read(attempt), with_peaks=False)
    assert [(m.owner, m.silence, m.breaker) for m in marks(debrief, "silence")] == [
        ("learner", "after_statement", "learner"),
        ("patient", "chosen", "patient"),
        ("learner", "unanswered", "patient"),
    ]
    times = [(m.start_s, m.length_s) for m in marks(debrief, "silence")]
    assert np.array(times) == pytest.approx(np.array([(22, 3), (27, 3.5), (40, 6)]), abs=FRAMES_S)
    (hold,) = marks(debrief, "hold")
    assert (hold.start_s, hold.length_s) == pytest.approx((14.0, 6.0), abs=FRAMES_S)
    assert hold.outcome == "held"
    assert hold.label == "Ines fell silent, and you let the silence last 6.0 s."


def test_interruptions_backchannels_overlaps_and_pauses_have_own_marks(attempt: Attempt) -> None:
    debrief = build_debrief(attempt, read(attempt), with_peaks=False)
    (interruption,) = marks(debrief, "interruption")
    assert interruption.label == "You interrupted Ines, who had 3 words (1.2 s) left to say."
    assert (interruption.words_lost, interruption.seconds_lost) == (3, 1.2)
    assert len(marks(debrief, "backchannel")) == 1
    assert lengths_s(debrief, "overlap") == pytest.approx([0.2, 0.5], abs=FRAMES_S)
    assert lengths_s(debrief, "pause") == pytest.approx([0.6], abs=FRAMES_S)
    assert interruption.length_s == lengths_s(debrief, "overlap")[1]


def test_an_interruption_without_a_lost_word_does_not_count_words(attempt: Attempt) -> None:
    cut = [e for e in attempt.entries if isinstance(e, Interruption)]
    changed = [e.model_copy(update={"lost_words": 0}) if e in cut else e for e in attempt.entries]
    (mark,) = marks(debrief_of(attempt, *changed), "interruption")
    assert mark.label == "You interrupted Ines in the middle of the last word."


@pytest.mark.slow
def test_the_machine_s_delay_is_marked_apart_from_gaps(attempt: Attempt) -> None:
    debrief = build_debrief(attempt, read(attempt), with_peaks=False)
    assert lengths_s(debrief, "machine") == pytest.approx([0.6, 0.5, 0.5, 3.0], abs=FRAMES_S)
    assert {m.owner for m in marks(debrief, "machine")} == {None}
    assert not [m for m in marks(debrief, "gap") if 35.9 < m.start_s < 36.1]


def test_unsaid_words_come_with_the_delivered_words_before(attempt: Attempt) -> None:
    (unsaid,) = build_debrief(attempt, read(attempt), with_peaks=False).unsaid
    assert (unsaid.before, unsaid.words) == ("My mother died of", "it last spring.")


def test_words_continued_after_a_backchannel_are_not_lost(attempt: Attempt) -> None:
    first = patient_speech(1, 1.0, "I am", "so scared.", line_id="a", end_s=2.0)
    rest = patient_speech(2, 3.0, "so scared.", line_id="a", end_s=4.0)
    move = patient_move(1, 1.0, kind="feel", line_id="a", disclosed=("fear",))
    debrief = debrief_of(attempt, move, first, rest)
    assert debrief.unsaid == ()
    assert [row.unsaid for row in debrief.rows] == ["", ""]
    assert [told.whole for told in debrief.told] == [True]


def test_a_line_that_is_repeated_completely_is_not_lost(attempt: Attempt) -> None:
    cut = patient_speech(1, 1.0, "I am", "so scared.", line_id="a", end_s=2.0)
    other = patient_speech(2, 3.0, "It's nothing.", line_id="b", end_s=4.0)
    repeated = cut.model_copy(
        update={"turn": 3, "start_s": 6.0, "end_s": 8.0, "heard": cut.text, "unsaid": ""}
    )
    assert len(debrief_of(attempt, cut, other).unsaid) == 1
    assert debrief_of(attempt, cut, other, repeated).unsaid == ()


def test_a_fact_whose_line_was_not_played_was_not_told(attempt: Attempt) -> None:
    debrief = build_debrief(attempt, read(attempt), with_peaks=False)
    assert [(t.fact, t.at_s, t.whole) for t in debrief.told] == [
        ("lump", 8.0, True),
        ("mother", 31.0, False),
    ]
    move = patient_move(1, 1.0, line_id="a", disclosed=("fear",))
    assert debrief_of(attempt, move).told == ()


def test_a_record_without_facts_counts_no_untold_ones(attempt: Attempt) -> None:
    debrief = build_debrief(attempt, read(attempt), with_peaks=False)
    assert debrief.not_told is None
    assert debrief.kept == ()


def test_changes_of_the_ledger_have_causes(attempt: Attempt) -> None:
    debrief = build_debrief(attempt, read(attempt), with_peaks=False)
    assert [point.at_s for point in debrief.ledger] == [8.0, 31.0]
    (change,) = debrief.changes
    assert (change.name, change.before, change.after) == ("trust", 0.4, 0.55)
    assert (change.cause, change.words) == ("named a feeling", "that is frightening")


# -- when something is missing --------------------------------------------------------------


def test_an_empty_encounter_has_a_note(attempt: Attempt) -> None:
    debrief = debrief_of(attempt)
    assert debrief.rows == debrief.marks == debrief.ledger == ()
    assert "No one spoke, so there is nothing to report about this conversation." in debrief.notes
    assert debrief.ended == "The end was not recorded."


def test_a_closing_line_of_the_patient_does_not_name_who_ended_it(attempt: Attempt) -> None:
    # the record has the same reason when the learner said goodbye first
    debrief = debrief_of(attempt, Started(wall_time=""), Ended(at_s=8.0, reason="patient"))
    assert debrief.ended == "The conversation ended at 0:08."


def test_a_learner_without_voice_is_told_to_run_the_doctor(attempt: Attempt) -> None:
    spoken = tuple(e for e in attempt.entries if not isinstance(e, LearnerVoice | LearnerTurn))
    spoken = tuple(e for e in spoken if e.type != "backchannel")
    notes = debrief_of(attempt, *spoken).notes
    assert any("Your voice was not heard" in note for note in notes)


def test_a_patient_who_did_not_speak_is_noted(attempt: Attempt) -> None:
    spoken = tuple(e for e in attempt.entries if not isinstance(e, PatientSpeech))
    assert any("Ines did not speak" in note for note in debrief_of(attempt, *spoken).notes)


def test_losses_unsure_turns_and_troubles_are_noted(attempt: Attempt) -> None:
    unsure = learner_turn(1, 1.0, "uh", end_s=2.0, avg_logprob=-1.4, no_speech_prob=0.5)
    said = patient_speech(1, 3.0, "Oh.", line_id=None, end_s=4.0)
    debrief = debrief_of(
        attempt,
        unsure,
        said,
        Trouble(at_s=65.0, what="the microphone was unplugged"),
        LossCounts(at_s=9.0, lost_frames=50, speaker_underruns=1),
        Ended(at_s=10.0, reason="device"),
    )
    assert debrief.notes == (
        "You had fewer than 4 turns, so what did not happen is not judged.",
        "The sound of this attempt was not stored.",
        "1.0 s of 10.0 s of the microphone's sound was lost, so response times and pauses are not "
        "shown.",
        "Ines's voice stuttered: 0.02 s of sound came too late.",
        "Speech recognition was unsure in 1 turn of yours. The words there may be wrong; the times "
        "are right.",
        "1:05: the microphone was unplugged",
    )
    assert not debrief.rows[0].sure
    assert debrief.ended == "The microphone or the loudspeaker was disconnected at 0:10."


def test_a_crashed_attempt_is_shown_with_the_command_to_recover_it(tmp_path: Path) -> None:
    recorder = Recorder.create(tmp_path, header())
    recorder.add(Started(wall_time="2026-11-22T10:15:30+01:00"))
    recorder.sound(np.ones(16_000, np.int16), np.ones(16_000, np.int16))
    recorder.abandon()
    store = Store(tmp_path)
    crashed = store.open(recorder.attempt)
    debrief = build_debrief(crashed, read(crashed))
    assert debrief.state == "crashed"
    assert f"simvoice attempts recover {recorder.attempt}" in debrief.notes[0]
    assert debrief.duration_s == 1.0
    whole = store.recover(recorder.attempt)
    recovered = build_debrief(whole, read(whole))
    assert recovered.state == "complete"
    assert recovered.ended == "An error ended the conversation at 0:01."


def test_unreadable_sound_removes_only_the_outline(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    (attempt.folder / "audio.flac").write_bytes(b"fLaC but no more")
    debrief = build_debrief(attempt, read(attempt))
    assert debrief.peaks is None
    assert not debrief.has_sound
    assert any("is not readable" in note for note in debrief.notes)
    assert len(debrief.rows) == 12


# -- the outline ----------------------------------------------------------------------------


def test_the_outline_has_minimum_and_maximum_of_each_bin() -> None:
    learner = np.zeros(16_000, np.int16)
    learner[330] = 32767
    learner[400] = -32768
    outline = peaks(learner, np.zeros(100, np.int16))
    assert len(outline.learner) == 2 * 50
    assert outline.learner[2:4] == (-127, 127)
    assert set(outline.learner[:2] + outline.learner[4:]) == {0}
    assert outline.patient == (0, 0)


def test_no_sound_has_an_empty_outline() -> None:
    none = np.zeros(0, np.int16)
    assert peaks(none, none).learner == ()


def test_the_outline_is_loud_during_speech(attempt: Attempt) -> None:
    outline = build_debrief(attempt, read(attempt)).peaks
    assert outline is not None
    loud = np.array(outline.patient).reshape(-1, 2)[:, 1] > 10
    assert loud[50:150].all()
    assert not loud[:49].any()
    assert len(loud) == 50 * outline.per_s


def test_a_silence_after_a_cue_of_the_case_is_one_in_the_numbers_too(attempt: Attempt) -> None:
    shown = ConcernShown(line="line1", concern="kin", text="Who raises her girls", kind="cue")

    def counted(words: str) -> tuple[float | None, float | None]:
        entries = (
            learner_turn(1, 1.0, "How are you?"),
            patient_move(1, 3.5),
            patient_speech(1, 4.0, words),
            learner_turn(2, 14.0, "And your scan?"),
            patient_speech(2, 17.0, "Well."),
        )
        made = debrief_of(attempt, *entries, shows=(shown,)).numbers
        values = {number.key: number.value for number in made}
        return values["silences_after_cue"], values["silences_after_question"]

    assert counted("My girls are small.") == (1.0, 0.0)
    assert counted("Who takes my girls?") == (0.0, 1.0)
