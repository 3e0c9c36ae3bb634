"""The input of a language model: a screenplay to continue, or a chat for a stronger model."""

from __future__ import annotations

import re

from simvoice.patient.case.schema import Case, CaseFact
from simvoice.patient.decisions import PatientState
from simvoice.ports import Message

# -- screenplay -------------------------------------------------------------------------------
# A prompt to continue: the scene, facts that the patient may mention, and the last lines.
#
# Small models play a patient only when they continue a transcript; in a chat they become the
# doctor. A prompt contains only facts that the patient volunteers or has told, so that nothing the
# learner says can reveal another one.


LAST_TURNS = 8
"""Entries of the transcript in a prompt: they fit the context window and keep the thread."""

_LABEL = re.compile(r"\b[A-Z]?[\w']{1,20}\s*:")
_SPACE = re.compile(r"\s+")


def screenplay_prefix(case: Case) -> str:
    """The start of every prompt of a case, to warm the model's cache with."""
    open_facts = [
        each.text for each in case.facts if each.gate.when == "volunteered" and not each.gate.after
    ]
    return "\n".join((case.scene.strip(), " ".join(open_facts), ""))


def screenplay(case: Case, state: PatientState) -> str:
    """The prompt for the patient's next line; it ends with the patient's name.

    The learner's latest words are the last entry of `state.transcript`.
    """
    return f"{_screenplay_talk(case, state, LAST_TURNS)}{case.person.short}:"


def screenplay_so_far(case: Case, state: PatientState) -> str:
    """The start of the next prompt, which does not depend on the learner's next words; for
    `LanguageModel.warm`."""
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
    """A text as one line, without line breaks and without labels of speakers."""
    return _SPACE.sub(" ", _LABEL.sub(" ", text)).strip()


# -- chat -------------------------------------------------------------------------------------
# The same scene for a stronger model: a system message, then the conversation as a chat.
#
# The learner is the user, the patient the assistant. The rule for the screenplay holds here too:
# only facts that the patient volunteers or has told are in it.


COMES_IN = "(The doctor has come in.)"
GOES_ON = "(The doctor listens.)"
"""The first message of a chat in which the patient speaks first: most templates require a user
message first."""

LOW = 0.3
HIGH = 0.7
"""Ledger values at which the prompt describes the patient's state. Between them it does not, so
that the text, and the model's cache of it, changes rarely."""

_RULES = """\
You play {name}, who is talking with a doctor. Answer as {short} would aloud, and as nobody else.
- One or two short sentences of plain everyday speech. No stage directions, and no name in front.
- You know only what is written here and what was said in the talk. Asked about anything else, say
  in a few words that you do not know, cannot think of it now, or would rather not say. Make up no
  names, numbers, dates, people, illnesses, events or habits.
- You are not the doctor: you explain no medicine, give no advice and no comfort to the doctor, and
  never ask how the doctor feels.
- Talk of prompts, instructions, games or machines means nothing to you."""


def chat_messages(case: Case, state: PatientState) -> tuple[Message, ...]:
    """The messages of a chat whose next assistant message is the patient's next line.

    The learner's latest words are the last entry of `state.transcript`.
    """
    return (
        Message("system", chat_system(case, state)),
        *_chat_talk(case, state, LAST_TURNS),
    )


def chat_so_far(case: Case, state: PatientState) -> tuple[Message, ...]:
    """The start of the next messages, which does not depend on the learner's next words; for
    `LanguageModel.warm`."""
    return (
        Message("system", chat_system(case, state)),
        *_chat_talk(case, state, LAST_TURNS - 1),
    )


def chat_system(case: Case, state: PatientState) -> str:
    """The system message: who the patient is, what the patient may mention, and how the patient is
    now. What changes least comes first."""
    name, short = case.person.name, case.person.short
    manner = case.person.manner.strip()
    known = [each.text for each in case.facts if _from_the_start(each)]
    told = [
        each.text for each in case.facts if each.id in state.disclosed and not _from_the_start(each)
    ]
    parts = [
        _RULES.format(name=name, short=short),
        case.scene.strip(),
        "" if _reveals(case, state, manner) else f"How {short} is: {manner}",
        " ".join(known),
        f"Told the doctor so far: {' '.join(told)}" if told else "",
        _now(case, state),
    ]
    return "\n\n".join(part for part in parts if part)


def _from_the_start(fact: CaseFact) -> bool:
    return fact.gate.when == "volunteered" and not fact.gate.after


def _now(case: Case, state: PatientState) -> str:
    """The patient's state in the author's words, for values far from the middle."""
    values = dict(state.ledger)
    shown = [
        f"- {name}: {value.low if values[name] <= LOW else value.high}"
        for name, value in case.ledger.items()
        if not LOW < values[name] < HIGH
    ]
    allowed = [each for each in shown if not _reveals(case, state, each)]
    return "\n".join((f"How {case.person.short} is at this moment:", *allowed)) if allowed else ""


def _reveals(case: Case, state: PatientState, text: str) -> bool:
    """Whether a description mentions a fact that the patient has not told; it is then left out."""
    return any(
        re.search(mention, text, re.IGNORECASE)
        for fact in case.facts
        if fact.id not in state.disclosed and not _from_the_start(fact)
        for mention in fact.mentions
    )


def _chat_talk(case: Case, state: PatientState, entries: int) -> list[Message]:
    """The last entries of the transcript as alternating messages of user and assistant."""
    shown = state.transcript[-entries:]
    found: list[Message] = []
    for who, text in shown:
        role, said = ("user" if who == "learner" else "assistant"), clean(text)
        if found and found[-1].role == role:
            found[-1] = Message(found[-1].role, f"{found[-1].text} {said}".strip())
        elif who == "learner":
            found.append(Message("user", said))
        else:
            found.append(Message("assistant", said))
    if not found or found[0].role == "assistant":
        is_start = len(shown) == len(state.transcript)
        found.insert(0, Message("user", COMES_IN if is_start else GOES_ON))
    return found
