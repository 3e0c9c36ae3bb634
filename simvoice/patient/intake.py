"""Take in the learner's turn: stimuli, an answer to the patient's question, new beats."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from simvoice.coding.codebook import EMPATHY, NEWS, Code, group
from simvoice.coding.forms import form
from simvoice.coding.text import sentences
from simvoice.patient.case.fields import JARGON_RUN, MONOLOGUE_S, MONOLOGUE_WORDS
from simvoice.patient.case.schema import Beat, Case, CaseLine
from simvoice.patient.decisions import LearnerUtterance, PatientState
from simvoice.patient.ledger import holds
from simvoice.patient.retrieval import is_question

_MEETS_CUE: Final = group("meets_cue")
_UNDECIDED: Final = group("undecided_on_cue")


@dataclass(frozen=True, slots=True)
class Intake:
    """What the patient takes from one turn of the learner."""

    state: PatientState
    """The state with new beats, and with the patient's question answered or dropped. The ledger is
    unchanged."""
    stimuli: dict[str, str]
    """Name of each code and stimulus to the learner's words (may be empty)."""
    beats: tuple[Beat, ...]
    """Beats that this turn started, in the order of the case."""
    answered: CaseLine | None
    """The line with the patient's question, if this turn answers it."""


def take_in(
    case: Case,
    lines: dict[str, CaseLine],
    state: PatientState,
    utterance: LearnerUtterance,
    codes: Sequence[Code],
) -> Intake:
    """Take in the learner's turn. `state` already has it in its transcript."""
    stimuli = _stimuli(case, lines, state, utterance, codes)
    answered, started = None, None
    if state.pending_question is not None:
        line = lines[state.pending_question]
        answered, started = _answer(line, stimuli, utterance.text)
        state = _settle_question(state, line, answered is not None, stimuli)
    beats = tuple(
        beat
        for beat in case.beats
        if beat.id not in state.beats
        and (beat.id == started or any(name in stimuli for name in beat.on))
        and holds(beat.when, state)
    )
    if started is not None:
        _add_implied_news(case, started, stimuli, utterance.text)
    _mark_blunt(case, state, stimuli, utterance.text)
    state = replace(state, beats=state.beats | {beat.id for beat in beats})
    return Intake(state, stimuli, beats, answered)


def _stimuli(
    case: Case,
    lines: dict[str, CaseLine],
    state: PatientState,
    utterance: LearnerUtterance,
    codes: Sequence[Code],
) -> dict[str, str]:
    found: dict[str, str] = {}
    to_machine = any(each.name == "machine" for each in codes)
    for each in codes:
        # words to a machine only confuse the patient
        if not to_machine or each.name in {"machine", "hostility"}:
            found.setdefault(each.name, each.words)
    found["turn"] = ""
    if not is_question(found) and not to_machine:
        found["statement"] = ""
    if not EMPATHY.isdisjoint(found):
        found["empathy"] = next(found[name] for name in found if name in EMPATHY)
    last = lines.get(state.last_line or "")
    if utterance.interrupted:
        found["interruption"] = utterance.text[:60]
        if last is not None and _tearful(last, state.spoken[-1]):
            found["talked_over_tears"] = utterance.text[:60]
    if any(last is not None and last.id in concern.cues for concern in case.concerns):
        _mark_cue(found)
    if "reassurance" in found:
        kind = "earned" if _any_concern_told(case, state) else "premature"
        found[f"{kind}_reassurance"] = found["reassurance"]
    if utterance.duration_s >= MONOLOGUE_S or len(utterance.text.split()) >= MONOLOGUE_WORDS:
        found["monologue"] = ""
    terms = [each.words for each in codes if each.name == "jargon"]
    if len(terms) >= JARGON_RUN and not to_machine:
        found["jargon_run"] = ", ".join(terms)
    if utterance.filled_hold is not None:
        window = case.windows.get(utterance.filled_hold)
        spared = window is not None and any(name in found for name in window.spares)
        found["hold_spared" if spared else "hold_filled"] = utterance.text[:60]
    return found


def _tearful(line: CaseLine, delivered: str) -> bool:
    """Whether the interrupted words belong to a tearful wording of the line."""
    return any(affect == "tearful" for text, affect in line.texts if text.startswith(delivered))


def _mark_cue(found: dict[str, str]) -> None:
    """Whether the learner took up the concern that the patient's last line hinted at."""
    met = next((name for name in found if name in _MEETS_CUE), None)
    if met is not None:
        found["cue_met"] = found[met]
    elif _UNDECIDED.isdisjoint(found):
        found["cue_missed"] = ""


def _any_concern_told(case: Case, state: PatientState) -> bool:
    facts = {concern.fact for concern in case.concerns if concern.fact}
    return not facts or not facts.isdisjoint(state.disclosed)


def _answer(
    line: CaseLine, stimuli: dict[str, str], text: str
) -> tuple[CaseLine | None, str | None]:
    """The line with the question if it is answered (else None), and the beat that the answer
    starts."""
    asks = line.asks
    if asks is None or "machine" in stimuli:
        return None, None
    if asks.yes and ("affirm" in stimuli or "headline" in stimuli):
        return line, asks.yes
    if asks.no and ("deny" in stimuli or "good_news" in stimuli):
        return line, asks.no
    # a question from the learner is no answer, whatever words it has
    stated = [each.plain for each in sentences(text) if form(each) == "statement"]
    words = " ".join(stated)
    answers = any(name in stimuli for name in asks.answered_by)
    answers = answers or any(re.search(pattern, words) for pattern in asks.words)
    return (line, None) if answers else (None, None)


def _settle_question(
    state: PatientState, line: CaseLine, is_answered: bool, stimuli: dict[str, str]
) -> PatientState:
    if is_answered:
        stimuli["answered"] = ""
        return replace(state, pending_question=None, asked=state.asked | {line.id})
    if "empathy" in stimuli or "acknowledge" in stimuli or "repeat_request" in stimuli:
        return state
    stimuli["dodge"] = ""
    return replace(state, pending_question=None)


def _add_implied_news(case: Case, started: str, stimuli: dict[str, str], text: str) -> None:
    """Add the stimulus of the news when "yes" answers "is it cancer?"."""
    beat = next(each for each in case.beats if each.id == started)
    for name in beat.on:
        if name in {"headline", "good_news"}:
            stimuli.setdefault(name, text[:60])


def _mark_blunt(case: Case, state: PatientState, stimuli: dict[str, str], text: str) -> None:
    if NEWS.isdisjoint(stimuli) or "warning_shot" in stimuli:
        return
    warned = {beat.id for beat in case.beats if "warning_shot" in beat.on}
    told = {beat.id for beat in case.beats if "headline" in beat.on}
    if state.beats.isdisjoint(warned) and state.beats.isdisjoint(told):
        stimuli["blunt_news"] = text[:60]
