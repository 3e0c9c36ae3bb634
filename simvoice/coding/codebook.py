"""The codes that an utterance can carry, and what each of them means."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

# -- codes ------------------------------------------------------------------------------------
# The codes an utterance can carry.


@dataclass(frozen=True, slots=True)
class Code:
    """One thing an utterance does."""

    name: str
    """From the codebook: question_open, question_closed, empathy_name, warning_shot …"""
    words: str
    """The learner's words that show it."""
    confidence: float = 1.0
    """0..1."""


# -- codebook ---------------------------------------------------------------------------------
# What each code means, once, for people; the rules that find them are in `data/rules.toml`.


CODEBOOK: Final = MappingProxyType(
    {
        "question_open": "A question or invitation that leaves the answer to the patient.",
        "question_closed": "A question that yes, no, a name or a number answers.",
        "question_leading": "A question that holds the answer it wants.",
        "question_multiple": "Several questions at once, with no room for an answer between them.",
        "ask_perception": "Asks what the patient knows, thinks or expects (SPIKES: perception).",
        "ask_permission": "Asks whether or how much she wants to hear (SPIKES: invitation).",
        "ask_concerns": "Asks what worries the patient or what she needs.",
        "elicit": "Invites her to go on, without a subject of its own.",
        "warning_shot": "Says that serious news is coming, before the news.",
        "headline": "The news itself, in plain words. Its words come with the case.",
        "headline_jargon": "The news itself, in words that only clinicians use (by the case).",
        "good_news": "Says that there is no bad news (by the case).",
        "euphemism": "Circles the news without the word (by the case).",
        "hedged_news": "Says that the news may or might be so (by the case).",
        "reflection": "Gives back what the patient said or meant, as a statement.",
        "fixing": "Tells the patient what to do, or offers a solution.",
        "autonomy": "Says that the choice is the patient's.",
        "confront": "Argues, warns or holds the patient's own words against them.",
        "empathy_name": "Names a feeling (NURSE: name).",
        "empathy_understand": "Says the feeling makes sense (NURSE: understand).",
        "empathy_respect": "Credits what she does or is (NURSE: respect).",
        "empathy_support": "Says that she will not be left alone with it (NURSE: support).",
        "empathy_explore": "Asks to hear more about the feeling (NURSE: explore).",
        "normalising": "Says that others in her place feel, think or do the same.",
        "affirmation": "Praises an effort, a step or a strength; no feeling need be there.",
        "shared_feeling": "Says that the speaker has felt or lived through the same.",
        "i_wish": "Wishes that it were otherwise.",
        "silence_offer": "Gives her time.",
        "reassurance": "Comforts before the concern is known, or promises what nobody knows.",
        "reassurance_premature": "Comforts before what troubles her was asked, named or told.",
        "reassurance_earned": "Comforts after what troubles her was asked, named or told.",
        "honest_limits": "Says what is not known yet.",
        "hope": "Tells truly what can be hoped for, without a promise.",
        "jargon": "A technical word left unexplained.",
        "jargon_explained": "A technical word with what it means.",
        "filler": "Sounds and words that only hold the floor: um, you know.",
        "hedge": "Words that take certainty from a statement: maybe, sort of.",
        "apology": "Says sorry for something the speaker did.",
        "sorry_for": "Says sorry for what happens to her.",
        "check_understanding": "Asks what she took from it, or whether it was clear.",
        "chunk_check": "After a piece of news, asks whether it was clear so far.",
        "teach_back": "Asks her to say in her own words what she took from it.",
        "invite_questions": "Asks whether she has questions.",
        "signpost": "Says what the conversation will come to, or in which order.",
        "safety_net": "Says what to do, and whom to call, if it gets worse or she is worried.",
        "plan": "Says what happens next.",
        "summary": "Puts together what was said.",
        "greeting": "Hello.",
        "introduction": "Says a name or a role.",
        "small_talk": "Talks of the weather or the way here.",
        "minimising": "Makes it smaller than it is for her.",
        "blaming": "Says or implies that it is her doing.",
        "hostility": "Is rude or threatens.",
        "subject_change": "Leaves the subject for another one.",
        "postponing": "Puts off what the patient has raised.",
        "closing": "Ends the conversation.",
        "machine": "Speaks to a machine, its instructions or its role, not to a patient.",
        "repeat_request": "Asks her to say it again.",
        "affirm": "Yes.",
        "deny": "No.",
        "acknowledge": "Shows listening and no more.",
        "thanks": "Thanks her.",
    }
)
"""Code name to one-sentence definition; sources are in `SOURCES`, and SPIKES, Baile 2000
(doi 10.1634/theoncologist.5-4-302); NURSE, Back 2005 (doi 10.3322/canjclin.55.3.164)."""

SOURCES: Final = MappingProxyType(
    {
        "question_leading": "Calgary-Cambridge guide: avoids leading questions",
        "question_multiple": "Calgary-Cambridge guide: one question at a time",
        "chunk_check": "Calgary-Cambridge guide: chunks and checks; SPIKES: knowledge",
        "teach_back": "AHRQ health literacy toolkit: teach-back",
        "signpost": "Calgary-Cambridge guide: signposting",
        "safety_net": "Calgary-Cambridge guide: safety netting; Neighbour, The Inner Consultation",
        "normalising": "VR-CoDES-P: content acknowledgement; named apart for simvoice",
        "affirmation": "MITI 4.2: affirm",
        "shared_feeling": "ECCS level 6: shared feeling or experience",
        "jargon_explained": "Charpentier 2021 and Links 2019: jargon defined or not",
        "filler": "Clark and Fox Tree 2002: uh and um; a count, not a fault",
        "hedge": "Prince, Frader and Bosk 1982: hedging among physicians",
        "postponing": "VR-CoDES-P: post-ponement",
        "reflection": "MITI 4.2: reflections, simple and complex as one",
        "reassurance_premature": "Calgary-Cambridge guide: avoids premature reassurance",
        "reassurance_earned": "Calgary-Cambridge guide: the counterpart, named for simvoice",
    }
)
"""Code name to where its meaning comes from, for those that SPIKES and NURSE do not name. Named
from memory of the published instruments; no threshold rests on them."""

EMPATHY: Final = frozenset(
    {
        "empathy_name",
        "empathy_understand",
        "empathy_respect",
        "empathy_support",
        "empathy_explore",
        "i_wish",
        "sorry_for",
        "silence_offer",
    }
)
"""The codes that answer a feeling."""

QUESTIONS: Final = frozenset({"question_open", "question_closed"})


# -- eccs -------------------------------------------------------------------------------------
# How far a response goes toward a feeling, 0..6, as the levels in `data/eccs.toml` have it.


DENIAL = 0


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the scale."""

    grade: int
    name: str
    means: str
    codes: frozenset[str]
    """Codes that put a response here."""


@dataclass(frozen=True, slots=True)
class Graded:
    """The level of one response and the code that shows it."""

    level: Level
    by: Code


@cache
def levels() -> tuple[Level, ...]:
    """All levels, lowest first."""
    return tuple(
        Level(each["grade"], each["name"], each["means"], frozenset(each["codes"]))
        for each in _data()["level"]
    )


def is_verified() -> bool:
    """Whether the levels were read in their source; until then no page may call them ECCS."""
    return bool(_data()["verified"])


def graded(response: Sequence[Code]) -> Graded | None:
    """The highest level that the response reaches, None where no code speaks for any.

    response: codes of the turn that follows a patient's cue; elsewhere the grade means nothing.
    A denial weighs more than a routine answer beside it: "Okay, calm down" is a denial.
    """
    found = [
        Graded(level, each) for level in levels() for each in response if each.name in level.codes
    ]
    if not found:
        return None
    best = max(found, key=lambda each: each.level.grade)
    denials = [each for each in found if each.level.grade == DENIAL]
    return denials[0] if denials and best.level.grade <= DENIAL + 1 else best


@cache
def _data() -> dict[str, Any]:
    text = (files("simvoice.coding") / "data" / "eccs.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
