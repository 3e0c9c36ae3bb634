"""Build the debrief of an attempt from its record."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from simvoice.audio import FRAME_S
from simvoice.coding.grade import Grade
from simvoice.coding.text import texts_read_once
from simvoice.debrief.circumstances import clock_notes, moment_notes, part_notes, typed_note
from simvoice.debrief.items import judge_items
from simvoice.debrief.layout import peaks
from simvoice.debrief.limits import find_limits
from simvoice.debrief.marks import timing_marks
from simvoice.debrief.model import (
    Debrief,
    LedgerPoint,
    Number,
    Peaks,
    Segment,
    ShownLedgerStep,
    SpeakerLane,
    ToldFact,
    TranscriptRow,
    Unsaid,
)
from simvoice.debrief.moments import Exchange, find_exchanges
from simvoice.debrief.patient_view import shown_reflections, told_and_untold, turning_points
from simvoice.debrief.suggestions import make_suggestions, what_to_keep
from simvoice.debrief.wording import format_measured
from simvoice.display import clock, count_noun, duration
from simvoice.errors import AttemptError
from simvoice.reading.reading import Reading
from simvoice.record.endings import end_words
from simvoice.record.events import (
    Backchannel,
    Discarded,
    Ended,
    Header,
    LearnerTurn,
    LearnerVoice,
    LossCounts,
    PatientMove,
    PatientSpeech,
    Trouble,
)
from simvoice.record.store import Attempt
from simvoice.scoring.instruments.evidence import code_grade, words_before
from simvoice.scoring.metrics.measures import LOST_SHARE
from simvoice.scoring.metrics.norms import no_norm_note, norms_beside
from simvoice.scoring.metrics.registry import Measured, measure_reading

_GUESSING = -1.0
"""Mean log-probability of a token below which Whisper counts its text as a guess."""

_MENTIONED_WORDS = 3
"""Discarded sound with at least this many words is mentioned in the notes."""


@texts_read_once()
def build_debrief(attempt: Attempt, reading: Reading, *, with_peaks: bool = True) -> Debrief:
    """Build the debrief of an attempt, which may be empty, incomplete or without sound.

    reading: of the attempt; every number and time comes from it. with_peaks: also read the sound
    for the outline that the page draws.
    """
    header = attempt.header
    told, untold = told_and_untold(reading, header, told_facts(reading))
    outline, sound_problem = _outline(attempt) if with_peaks else (None, "")
    items = judge_items(reading, header, attempt.folder)
    exchanges = find_exchanges(reading)
    felt, felt_note = shown_reflections(attempt, reading, exchanges)
    limits = find_limits(reading)
    name = header.patient_name
    numbers = _numbers(reading, header.visit)
    judged = (items.cues, items.headings, items.instruments)
    suggestions = () if limits.words else make_suggestions(reading, name, exchanges, *judged)
    return Debrief(
        attempt=attempt.id,
        case_id=header.case_id,
        title=header.case_title,
        patient_name=header.patient_name,
        learner=header.learner,
        when=attempt.started.wall_time if attempt.started else "",
        duration_s=reading.speech_times.end_s,
        state=attempt.state,
        ended=_ended(attempt.ended, header),
        ending=attempt.ended.ending if attempt.ended else None,
        notes=(*_notes(attempt, reading, sound_problem), *items.notes),
        has_sound=attempt.audio_path is not None and not sound_problem,
        lanes=(_learner_lane(reading, header), _patient_lane(reading, header)),
        rows=tuple(_rows(reading)),
        marks=tuple(timing_marks(reading, header.patient_name)),
        numbers=numbers,
        norms_note="" if any(n.norms for n in numbers) else no_norm_note(header.case_id),
        ledger=tuple(
            LedgerPoint(at_s=move.at_s, values=move.ledger)
            for move in reading.of(PatientMove)
            if move.ledger
        ),
        changes=tuple(_changes(exchanges)),
        unsaid=tuple(
            Unsaid(at_s=speech.end_s, words=speech.unsaid, before=speech.heard)
            for speech in undelivered(reading.of(PatientSpeech))
        ),
        told=told,
        kept=untold,
        not_told=len(header.tellable) - len(told) if header.tellable else None,
        felt=felt,
        felt_note=felt_note,
        turning_points=turning_points(reading.entries, exchanges),
        suggestions=suggestions,
        keep="" if limits.words or suggestions else what_to_keep(reading, name, exchanges),
        half_page=limits.leaves_little and (bool(limits.words) or not header.is_part),
        headings=items.headings,
        instruments=items.instruments,
        cues=items.cues,
        peaks=outline,
    )


def _numbers(reading: Reading, visit: Collection[str]) -> tuple[Number, ...]:
    return tuple(
        Number(
            key=m.key,
            name=m.name,
            unit=m.unit,
            value=m.value,
            shown=format_measured(m),
            definition=m.definition,
            source=m.source,
            error=m.error,
            low=m.low,
            high=m.high,
            norms=_norms(m, visit),
        )
        for m in measure_reading(reading)
    )


def _norms(measured: Measured, visit: Collection[str]) -> tuple[str, ...]:
    if measured.value is None:
        return ()
    return tuple(norm.sentence for norm in norms_beside(measured.key, visit))


def undelivered(speeches: Sequence[PatientSpeech]) -> list[PatientSpeech]:
    """Return the utterances whose last words were lost.

    Nothing is lost if the patient continues with the remaining words, as after a backchannel, or
    says the whole line again later.
    """
    return [
        speech
        for number, speech in enumerate(speeches)
        if speech.unsaid
        and not _is_continued(speech, next(iter(speeches[number + 1 :]), None))
        and not any(_repeats(later, speech) for later in speeches[number + 1 :])
    ]


def _repeats(later: PatientSpeech, speech: PatientSpeech) -> bool:
    """Whether a later utterance delivers the whole line again."""
    return later.line_id == speech.line_id and later.heard.split() == speech.text.split()


def _is_continued(speech: PatientSpeech, following: PatientSpeech | None) -> bool:
    """Whether the next utterance consists of the words that were left."""
    return (
        following is not None
        and following.line_id == speech.line_id
        and following.text.split() == speech.unsaid.split()
    )


def _outline(attempt: Attempt) -> tuple[Peaks | None, str]:
    if attempt.audio_path is None:
        return None, ""
    try:
        return peaks(*attempt.audio()), ""
    except AttemptError as error:
        return None, str(error)


# -- lanes and transcript -------------------------------------------------------------------


def _learner_lane(reading: Reading, header: Header) -> SpeakerLane:
    said = reading.of(LearnerTurn)
    segments = [
        _segment(start, end, "speech", _whose_text(said, start, end))
        for start, end in reading.speech_times.learner
    ]
    segments += [
        _segment(b.start_s, b.end_s, "backchannel", b.text) for b in reading.of(Backchannel)
    ]
    segments += [_segment(d.start_s, d.end_s, "noise", "") for d in reading.of(Discarded)]
    return SpeakerLane(
        who="learner",
        name=header.learner or "You",
        segments=tuple(sorted(segments, key=lambda s: (s.start_s, s.end_s))),
    )


def _patient_lane(reading: Reading, header: Header) -> SpeakerLane:
    said = reading.of(PatientSpeech)
    return SpeakerLane(
        who="patient",
        name=header.patient_name,
        segments=tuple(
            _segment(start, end, "speech", _whose_words(said, start, end))
            for start, end in reading.speech_times.patient
        ),
    )


def _segment(
    start_s: float, end_s: float, kind: Literal["speech", "backchannel", "noise"], text: str
) -> Segment:
    return Segment(start_s=float(start_s), end_s=float(end_s), kind=kind, text=text)


def _whose_text(said: Sequence[LearnerTurn], start_s: float, end_s: float) -> str:
    """Return the text of the turn that overlaps a stretch of voice most; "" without one."""
    shared = [(min(end_s, t.end_s) - max(start_s, t.start_s), t.text) for t in said]
    best = max(shared, default=(0.0, ""))
    return best[1] if best[0] > 0.0 else ""


def _whose_words(said: Sequence[PatientSpeech], start_s: float, end_s: float) -> str:
    """Return the patient's words that were played in a stretch."""
    words = [
        word.text
        for speech in said
        for word in speech.words
        if start_s <= (word.start_s + word.end_s) / 2.0 <= end_s
    ]
    if words:
        return " ".join(words)
    whole = [s.heard for s in said if s.start_s < end_s and s.end_s > start_s]
    return " ".join(whole)


def _rows(reading: Reading) -> list[TranscriptRow]:
    lost = {id(speech) for speech in undelivered(reading.of(PatientSpeech))}
    moves = {move.turn: move for move in reading.of(PatientMove)}
    turns = sorted(reading.of(LearnerTurn), key=lambda turn: turn.start_s)
    said = reading.of(PatientSpeech)
    rows = [
        TranscriptRow(
            who="learner",
            start_s=turn.start_s,
            end_s=turn.end_s,
            text=turn.text,
            is_typed=turn.is_typed,
            sure=turn.avg_logprob >= _GUESSING,
            does=_codes(turn, before, "certain"),
            may=_codes(turn, before, "possible"),
        )
        for turn, before in zip(turns, words_before(turns, said), strict=True)
    ]
    rows += [
        TranscriptRow(
            who="learner", start_s=b.start_s, end_s=b.end_s, text=b.text, kind="backchannel"
        )
        for b in reading.of(Backchannel)
    ]
    rows += [
        TranscriptRow(
            who="patient",
            start_s=speech.start_s,
            end_s=speech.end_s,
            text=speech.heard,
            unsaid=speech.unsaid if id(speech) in lost else "",
            move=moves[speech.turn].reason if speech.turn in moves else "",
        )
        for speech in reading.of(PatientSpeech)
    ]
    return sorted(rows, key=lambda row: (row.start_s, row.end_s))


def _codes(turn: LearnerTurn, before: str, wanted: Grade) -> tuple[str, ...]:
    """The codes of a turn with a grade; what is certain once is not possible, too."""
    surely = dict.fromkeys(c.code for c in turn.codes if code_grade(turn, c, before) == "certain")
    if wanted == "certain":
        return tuple(surely)
    return tuple(dict.fromkeys(c.code for c in turn.codes if c.code not in surely))


# -- ledger and facts -----------------------------------------------------------------------


def _changes(exchanges: Sequence[Exchange]) -> list[ShownLedgerStep]:
    return [
        ShownLedgerStep(
            at_s=each.move.at_s,
            name=step.name,
            before=step.before,
            after=step.after,
            cause=step.cause,
            words=_quotable(step.words, each.turn.text if each.turn is not None else ""),
            grade=each.grade_of(step),
        )
        for each in exchanges
        for step in each.move.steps
    ]


def _quotable(words: str, text: str) -> str:
    """Words of a turn as they can be quoted: with gaps where they stand in several places."""
    return words if words in text else words.replace(", ", " … ")


def told_facts(reading: Reading) -> tuple[ToldFact, ...]:
    """Return the facts whose line was played. A gate opened for unplayed words tells nothing."""
    speeches = reading.of(PatientSpeech)
    lost = {id(speech) for speech in undelivered(speeches)}
    found: dict[str, ToldFact] = {}
    for move in reading.of(PatientMove):
        said = [s for s in speeches if s.turn == move.turn and s.heard]
        if not said:
            continue
        whole = not any(id(speech) in lost for speech in said)
        for fact in move.disclosed:
            if fact not in found or (whole and not found[fact].whole):
                words = " ".join(speech.heard for speech in said)
                found[fact] = ToldFact(fact=fact, at_s=said[0].start_s, whole=whole, words=words)
    return tuple(sorted(found.values(), key=lambda told: told.at_s))


# -- how it ended, and notes ----------------------------------------------------------------


def _ended(ended: Ended | None, header: Header) -> str:
    if ended is None:
        return end_words("").at + "."
    return end_words(ended.reason, header.devices).sentence(ended.at_s)


def _notes(attempt: Attempt, reading: Reading, sound_problem: str) -> list[str]:
    name = attempt.header.patient_name
    notes = [attempt.problem] if attempt.problem else []
    notes += part_notes(attempt.header)
    typed = sum(turn.is_typed for turn in reading.of(LearnerTurn))
    if attempt.state == "open":
        notes.append("This encounter is still running. You see it up to now.")
    learner_s, patient_s = (reading.timeline.speech_s(who) for who in ("learner", "patient"))
    if typed:
        notes.append(typed_note(typed, len(reading.of(LearnerTurn))))
    if typed and learner_s <= 0.0:
        pass  # the learner did not speak, and wished it so
    elif learner_s <= 0.0 and patient_s <= 0.0:
        notes.append("No one spoke, so there is nothing to report about this conversation.")
    elif learner_s <= 0.0 and reading.of(LearnerVoice):
        notes.append(
            "The microphone recorded a voice, but no words were recognised in it, so nothing that "
            "you said could be judged."
        )
    elif learner_s <= 0.0:
        notes.append("Your voice was not heard. To check the microphone run: simvoice doctor")
    elif patient_s <= 0.0:
        notes.append(f"{name} did not speak, so nothing between the two of you could be measured.")
    if limits := find_limits(reading).sentence(name):
        notes.append(limits)
    if sound_problem:
        notes.append(sound_problem)
    elif attempt.audio_path is None:
        notes.append("The sound of this attempt was not stored.")
    elif reading.sound_fault:
        notes.append(f"{reading.sound_fault} So times and numbers come from the journal.")
    if reading.lost_share > LOST_SHARE:
        notes.append(
            f"{_lost(reading)} of the microphone's sound was lost, so response times and pauses "
            "are not shown."
        )
    underruns = sum(counts.speaker_underruns for counts in reading.of(LossCounts)[-1:])
    if underruns:
        notes.append(
            f"{name}'s voice stuttered: {duration(underruns * FRAME_S)} of sound came too late."
        )
    unsure = sum(turn.avg_logprob < _GUESSING for turn in reading.of(LearnerTurn))
    if unsure:
        notes.append(
            f"Speech recognition was unsure in {count_noun(unsure, 'turn')} of yours. "
            "The words there may be wrong; the times are right."
        )
    notes += moment_notes(reading, name)
    notes += clock_notes(reading.entries, reading.speech_times.end_s)
    notes += [
        _not_counted(each)
        for each in reading.of(Discarded)
        if len(each.text.split()) >= _MENTIONED_WORDS
    ]
    notes += [f"{clock(trouble.at_s)}: {trouble.what}" for trouble in reading.of(Trouble)]
    return notes


def _lost(reading: Reading) -> str:
    """How much was lost, without a percentage: `1.0 s of 10.0 s`."""
    length_s = reading.speech_times.end_s
    return f"{duration(reading.lost_share * length_s)} of {duration(length_s)}"


def _not_counted(sound: Discarded) -> str:
    return (
        f"{clock(sound.start_s)}: “{sound.text}” was not counted as your speech ({sound.reason}), "
        "so it was not answered or judged."
    )
