"""Analyse an attempt: turn its record into a conversation."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from simvoice import __version__
from simvoice.audio import RATE
from simvoice.display import count_noun
from simvoice.errors import AttemptError
from simvoice.reading.reading import Reading
from simvoice.record.answers import ANSWERS, OwnAnswer, read_answers
from simvoice.record.events import LearnerTurn, PatientMove, PatientSpeech
from simvoice.record.files import JOURNAL
from simvoice.record.reflection import REFLECTION, LearnerReflection, read_reflection
from simvoice.record.store import Attempt
from simvoice.research.analysis.conversation import (
    Conversation,
    ConversationAnswer,
    ConversationUtterance,
    ConversationWord,
    InputFile,
    LedgerPoint,
)
from simvoice.research.analysis.results import fingerprint
from simvoice.research.analysis.tables import events_of, stretches_of, turns_of, values_of


def _part_notes(attempt: Attempt) -> Iterator[str]:
    """Yield notes for readers of the numbers of a part of a conversation; none for a whole one."""
    header = attempt.header
    if header.again is not None:
        again = header.again
        yield (
            f"a retry of attempt {again.attempt} from {again.at_s:.1f} s on; it begins with a line "
            "of the patient from that attempt, so it has no opening"
        )
    if header.moment is not None:
        yield (
            f"a drill from the moment {header.moment.id} of its case; what was said before it was "
            "played in advance, so it has no opening"
        )
    if header.continues is not None:
        first = header.continues
        yield (
            f"goes on from attempt {first.attempt}, which was cut off at {first.at_s:.1f} s, so it "
            "has no opening"
        )


def _typed_note(reading: Reading) -> str:
    typed = sum(turn.is_typed for turn in reading.of(LearnerTurn))
    if not typed:
        return ""
    return f"{count_noun(typed, 'turn')} of the learner typed, and left out of all that is timed"


def attempt_fingerprint(attempt: Attempt, visit: Collection[str] | None = None) -> str:
    """Return the fingerprint that `analyse_attempt` would give. Raises AttemptError."""
    kinds = _visit(attempt, visit)
    return fingerprint([f.sha256 for f in _inputs(attempt)], {"visit": list(kinds)})


def analyse_attempt(
    attempt: Attempt, reading: Reading, visit: Collection[str] | None = None
) -> Conversation:
    """Return the conversation of an attempt. Raises AttemptError when the journal is unreadable.

    visit: the kinds of visit (`scoring.metrics.norms`); None uses those in the record.
    """
    utterances = _utterances(reading)
    inputs = _inputs(attempt)
    return Conversation(
        id=attempt.id,
        kind="attempt",
        title=attempt.header.case_title,
        learner=attempt.header.learner,
        patient=attempt.header.patient_name,
        when=attempt.started.wall_time if attempt.started else "",
        case_id=attempt.header.case_id,
        visit=_visit(attempt, visit),
        length_s=reading.speech_times.end_s,
        learner_channel="left",
        words_from="journal",
        inputs=tuple(inputs),
        simvoice=__version__,
        fingerprint=attempt_fingerprint(attempt, visit),
        notes=tuple(
            note
            for note in (
                attempt.problem,
                *_part_notes(attempt),
                _typed_note(reading),
                _answers_note(attempt),
                _reflection_note(attempt),
            )
            if note
        ),
        stretches=stretches_of(reading),
        utterances=utterances,
        words=tuple(
            ConversationWord(who="patient", start_s=word.start_s, end_s=word.end_s, text=word.text)
            for speech in reading.of(PatientSpeech)
            for word in speech.words
        ),
        turns=turns_of(reading, utterances),
        events=events_of(reading),
        metrics=values_of(reading),
        ledger=tuple(
            LedgerPoint(at_s=move.at_s, values=move.ledger)
            for move in reading.of(PatientMove)
            if move.ledger
        ),
        answers=tuple(
            ConversationAnswer(question=one.question, answer=one.answer, written_at=one.written_at)
            for one in _answers(attempt)
        ),
        reflection=_reflection(attempt),
    )


def _answers(attempt: Attempt) -> tuple[OwnAnswer, ...]:
    try:
        found = read_answers(attempt.folder)
    except AttemptError:  # a note says so
        return ()
    return () if found is None else found.answers


def _answers_note(attempt: Attempt) -> str:
    """Return a note when the learner's answers cannot be read; empty when they can."""
    try:
        read_answers(attempt.folder)
    except AttemptError:
        return "the learner's answers after the encounter cannot be read"
    return ""


def _reflection(attempt: Attempt) -> LearnerReflection | None:
    try:
        return read_reflection(attempt.folder)
    except AttemptError:  # a note says so
        return None


def _reflection_note(attempt: Attempt) -> str:
    """Return a note when the learner's reflection cannot be read; empty when it can."""
    try:
        read_reflection(attempt.folder)
    except AttemptError:
        return "what the learner wrote before the debrief cannot be read"
    return ""


def _visit(attempt: Attempt, given: Collection[str] | None) -> tuple[str, ...]:
    return tuple(sorted(attempt.header.visit if given is None else given))


def _inputs(attempt: Attempt) -> list[InputFile]:
    journal = attempt.folder / JOURNAL
    found = [InputFile(name=JOURNAL, sha256=_sha256(attempt, journal), role="journal")]
    if attempt.audio_path is not None:
        sound = InputFile(
            name=attempt.audio_path.name,
            sha256=_sha256(attempt, attempt.audio_path),
            role="sound",
            rate=RATE,
            channels=2,
            subtype="PCM_16",
            length_s=attempt.duration_s,
        )
        found.append(sound)
    written: tuple[tuple[str, Literal["answers", "reflection"]], ...] = (
        (ANSWERS, "answers"),
        (REFLECTION, "reflection"),
    )
    for name, role in written:
        path = attempt.folder / name
        if path.is_file():
            found.append(InputFile(name=name, sha256=_sha256(attempt, path), role=role))
    return found


def _sha256(attempt: Attempt, path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AttemptError(f"{path.name} of attempt {attempt.id} cannot be read") from error


def _utterances(reading: Reading) -> tuple[ConversationUtterance, ...]:
    found = [
        ConversationUtterance(who="learner", start_s=turn.start_s, end_s=turn.end_s, text=turn.text)
        for turn in reading.of(LearnerTurn)
    ]
    found += [
        ConversationUtterance(
            who="patient",
            start_s=speech.start_s,
            end_s=speech.end_s,
            text=speech.heard,
            unsaid=speech.unsaid,
        )
        for speech in reading.of(PatientSpeech)
        if speech.end_s > speech.start_s
    ]
    return tuple(sorted(found, key=lambda u: (u.start_s, u.end_s)))
