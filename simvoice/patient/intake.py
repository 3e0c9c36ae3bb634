"""What the learner's turn is to her: stimuli, the answer to her own question, beats."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from simvoice.coding.codebook import EMPATHY, Code
from simvoice.coding.forms import form
from simvoice.coding.text import sentences
from simvoice.patient.case.fields import JARGON_RUN, MONOLOGUE_S, MONOLOGUE_WORDS
from simvoice.patient.case.schema import Beat, Case, CaseLine
from simvoice.patient.decisions import LearnerUtterance, PatientState
from simvoice.patient.ledger import holds
from simvoice.patient.retrieval import is_question

# -- intake -----------------------------------------------------------------------------------


_NEWS = frozenset({"headline", "headline_jargon"})
# VR-CoDES (doi 10.1016/j.pec.2010.02.024): what leaves a cue room, and what leaves it open whether
_TAKES_UP = EMPATHY | {"ask_concerns", "elicit", "reflection", "question_open", "summary"}
_LEAVES_OPEN = frozenset({"acknowledge", "question_closed", "repeat_request", "machine"})


@dataclass(frozen=True, slots=True)
class Intake:
    """One turn of the learner's, as she takes it."""

    state: PatientState
    """With beats that happened and her question settled; the ledger is as before."""
    stimuli: dict[str, str]
    """Name to the learner's words."""
    beats: tuple[Beat, ...]
    """Beats this turn brought about, in the case's order."""
    answered: CaseLine | None
    """Her question, when this answers it."""


def take_in(
    case: Case,
    lines: dict[str, CaseLine],
    state: PatientState,
    said: LearnerUtterance,
    codes: Sequence[Code],
) -> Intake:
    """The learner's turn; `state` already has it in its transcript."""
    stimuli = _stimuli(case, lines, state, said, codes)
    answered, brought = None, None
    if state.pending_question is not None:
        line = lines[state.pending_question]
        answered, brought = _answer(line, stimuli, said.text)
        state = _settle_question(state, line, answered is not None, stimuli)
    beats = tuple(
        beat
        for beat in case.beats
        if beat.id not in state.beats
        and (beat.id == brought or any(name in stimuli for name in beat.on))
        and holds(beat.when, state)
    )
    if brought is not None:
        _as_if_said(case, brought, stimuli, said.text)
    _mark_blunt(case, state, stimuli, said.text)
    state = replace(state, beats=state.beats | {beat.id for beat in beats})
    return Intake(state, stimuli, beats, answered)


def _stimuli(
    case: Case,
    lines: dict[str, CaseLine],
    state: PatientState,
    said: LearnerUtterance,
    codes: Sequence[Code],
) -> dict[str, str]:
    found: dict[str, str] = {}
    to_machine = any(each.name == "machine" for each in codes)
    for each in codes:
        # words to a machine move nothing in her but bewilderment
        if not to_machine or each.name in {"machine", "hostility"}:
            found.setdefault(each.name, each.words)
    found["turn"] = ""
    if not is_question(found) and not to_machine:
        found["statement"] = ""
    if not EMPATHY.isdisjoint(found):
        found["empathy"] = next(found[name] for name in found if name in EMPATHY)
    last = lines.get(state.last_line or "")
    if said.interrupted:
        found["interruption"] = said.text[:60]
        if last is not None and _tearful(last, state.spoken[-1]):
            found["talked_over_tears"] = said.text[:60]
    if any(last is not None and last.id in concern.cues for concern in case.concerns):
        _mark_cue(found)
    if "reassurance" in found:
        kind = "earned" if _any_concern_told(case, state) else "premature"
        found[f"{kind}_reassurance"] = found["reassurance"]
    if said.duration_s >= MONOLOGUE_S or len(said.text.split()) >= MONOLOGUE_WORDS:
        found["monologue"] = ""
    terms = [each.words for each in codes if each.name == "jargon"]
    if len(terms) >= JARGON_RUN and not to_machine:
        found["jargon_run"] = ", ".join(terms)
    if said.filled_hold is not None:
        window = case.windows.get(said.filled_hold)
        spared = window is not None and any(name in found for name in window.spares)
        found["hold_spared" if spared else "hold_filled"] = said.text[:60]
    return found


def _tearful(line: CaseLine, heard: str) -> bool:
    """Whether the words she was cut off in are said in tears."""
    return any(affect == "tearful" for text, affect in line.texts if text.startswith(heard))


def _mark_cue(found: dict[str, str]) -> None:
    """What became of the concern that her last line let show."""
    taken = next((name for name in found if name in _TAKES_UP), None)
    if taken is not None:
        found["cue_met"] = found[taken]
    elif _LEAVES_OPEN.isdisjoint(found):
        found["cue_missed"] = ""


def _any_concern_told(case: Case, state: PatientState) -> bool:
    facts = {concern.fact for concern in case.concerns if concern.fact}
    return not facts or not facts.isdisjoint(state.disclosed)


def _answer(
    line: CaseLine, stimuli: dict[str, str], text: str
) -> tuple[CaseLine | None, str | None]:
    """Her question when it is answered, and the beat that the answer brings about."""
    asks = line.asks
    if asks is None or "machine" in stimuli:
        return None, None
    if asks.yes and ("affirm" in stimuli or "headline" in stimuli):
        return line, asks.yes
    if asks.no and ("deny" in stimuli or "good_news" in stimuli):
        return line, asks.no
    # a question of the learner's own is no answer, whatever words are in it
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


def _as_if_said(case: Case, brought: str, stimuli: dict[str, str], text: str) -> None:
    """ "Yes", to "is it cancer?", says the headline."""
    beat = next(each for each in case.beats if each.id == brought)
    for name in beat.on:
        if name in {"headline", "good_news"}:
            stimuli.setdefault(name, text[:60])


def _mark_blunt(case: Case, state: PatientState, stimuli: dict[str, str], text: str) -> None:
    if _NEWS.isdisjoint(stimuli) or "warning_shot" in stimuli:
        return
    warned = {beat.id for beat in case.beats if "warning_shot" in beat.on}
    told = {beat.id for beat in case.beats if "headline" in beat.on}
    if state.beats.isdisjoint(warned) and state.beats.isdisjoint(told):
        stimuli["blunt_news"] = text[:60]
