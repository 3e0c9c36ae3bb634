"""The prompt: a scene, what she may speak of, and the last lines, to be continued.

Small models play a patient only as a transcript to go on with; asked in chat form they become
the doctor. Nothing gated is ever in it, so nothing the learner says can draw it out.
"""

from __future__ import annotations

import re

from simvoice.patient.case.schema import Case
from simvoice.patient.decisions import PatientState

LAST_TURNS = 8
"""Entries of the transcript that fit the window and still hold a thread."""

_LABEL = re.compile(r"\b[A-Z]?[\w']{1,20}\s*:")
_SPACE = re.compile(r"\s+")


def screenplay_prefix(case: Case) -> str:
    """What every prompt of this case begins with; warm the model's cache with it."""
    open_facts = [
        each.text for each in case.facts if each.gate.when == "volunteered" and not each.gate.after
    ]
    return "\n".join((case.scene.strip(), " ".join(open_facts), ""))


def screenplay(case: Case, state: PatientState) -> str:
    """Ends with her name, so that the continuation is what she says.

    The learner's latest words are the last entry of `state.transcript`.
    """
    return f"{_screenplay_talk(case, state, LAST_TURNS)}{case.person.short}:"


def screenplay_so_far(case: Case, state: PatientState) -> str:
    """What the next prompt begins with, whatever the learner says; for `LanguageModel.warm`."""
    return _screenplay_talk(case, state, LAST_TURNS - 1)


def _screenplay_talk(case: Case, state: PatientState, entries: int) -> str:
    told = [
        each.text
        for each in case.facts
        if each.id in state.disclosed and each.gate.when != "volunteered"
    ]
    parts = [screenplay_prefix(case)]
    if told:
        parts.append(f"{case.person.short} has told the {case.learner.lower()}: {' '.join(told)}\n")
    parts.append("\n")
    for who, text in state.transcript[-entries:]:
        name = case.learner if who == "learner" else case.person.short
        parts.append(f"{name}: {clean(text)}\n")
    return "".join(parts)


def clean(text: str) -> str:
    """One line of plain talk: no line breaks or speakers' labels of the learner's making."""
    return _SPACE.sub(" ", _LABEL.sub(" ", text)).strip()
