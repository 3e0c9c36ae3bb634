"""The codebook: the codes of utterances, with their definitions and sources."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Code:
    """One thing that an utterance does."""

    name: str
    """A name of the codebook or of a case's own code: question_open, empathy_name, warning_shot
    …"""
    words: str
    """The words of the utterance that show it."""
    confidence: float = 1.0
    """0..1."""


# -- codebook ---------------------------------------------------------------------------------
# The definitions of the codes. The rules that find them are in `data/rules.toml`.


CODEBOOK: Final = MappingProxyType(
    {
        "question_open": "A question or invitation that leaves the answer to the patient.",
        "question_closed": "A question that yes, no, a name or a number answers.",
        "question_leading": "A question that suggests its answer.",
        "question_multiple": "Several questions at once, without time for an answer between them.",
        "ask_perception": "Asks what the patient knows, thinks or expects (SPIKES: perception).",
        "ask_permission": "Asks if or how much the patient wants to hear (SPIKES: invitation).",
        "ask_concerns": "Asks what worries the patient or what the patient needs.",
        "elicit": "Invites the patient to go on, without naming a subject.",
        "warning_shot": "Says that serious news is coming, before the news.",
        "headline": "The news itself, in plain words (patterns: the case).",
        "headline_jargon": "The news itself, in words of clinicians only (patterns: the case).",
        "good_news": "Says that there is no bad news (patterns: the case).",
        "euphemism": "Talks around the news without the word for it (patterns: the case).",
        "hedged_news": "Says that the news may be true (patterns: the case).",
        "reflection": "Gives back what the patient said or meant, as a statement.",
        "fixing": "Tells the patient what to do, or offers a solution.",
        "autonomy": "Says that the choice is the patient's.",
        "confront": "Argues, warns, or uses the patient's own words against the patient.",
        "empathy_name": "Names a feeling (NURSE: name).",
        "empathy_understand": "Says that the feeling makes sense (NURSE: understand).",
        "empathy_respect": "Gives credit for what the patient does or is (NURSE: respect).",
        "empathy_support": "Says that the patient will not be left alone with it (NURSE: support).",
        "empathy_explore": "Asks to hear more about the feeling (NURSE: explore).",
        "normalising": "Says that others in the patient's situation feel, think or do the same.",
        "affirmation": "Praises an effort, a step or a strength, with or without a feeling.",
        "shared_feeling": "Says that the speaker has felt or experienced the same.",
        "i_wish": "Wishes that it were otherwise.",
        "silence_offer": "Offers the patient time.",
        "reassurance": "Comforts before the concern is known, or promises what no one can know.",
        "reassurance_premature": "Comforts before a concern was asked about, named or told.",
        "reassurance_earned": "Comforts after a concern was asked about, named or told.",
        "honest_limits": "Says what is not known yet.",
        "hope": "Says truthfully what can be hoped for, without a promise.",
        "jargon": "A technical word left unexplained.",
        "jargon_explained": "A technical word with what it means.",
        "filler": "Sounds and words that only hold the turn: um, you know.",
        "hedge": "Words that make a statement less certain: maybe, sort of.",
        "apology": "Apologises for something that the speaker did.",
        "sorry_for": "Expresses sorrow for what happens to the patient.",
        "check_understanding": "Asks what the patient understood, or whether it was clear.",
        "chunk_check": "Asks after a piece of information whether it was clear so far.",
        "teach_back": "Asks the patient to say in their own words what they understood.",
        "invite_questions": "Asks whether the patient has questions.",
        "signpost": "Says what the conversation will cover, or in which order.",
        "safety_net": "Says what to do and whom to call if it gets worse or worries the patient.",
        "plan": "Says what happens next.",
        "summary": "Summarises what was said.",
        "greeting": "Hello.",
        "introduction": "Says a name or a role.",
        "small_talk": "Talks about the weather or the way here.",
        "minimising": "Makes the problem smaller than it is for the patient.",
        "blaming": "Says or implies that the patient is to blame.",
        "hostility": "Is rude or threatens.",
        "subject_change": "Leaves the subject for another one.",
        "postponing": "Puts off what the patient has raised.",
        "closing": "Ends the conversation.",
        "machine": "Addresses a machine, its instructions or its role instead of a patient.",
        "repeat_request": "Asks the patient to say it again.",
        "affirm": "Yes.",
        "deny": "No.",
        "acknowledge": "Shows listening and nothing more.",
        "thanks": "Thanks the patient.",
    }
)
"""Code name to one-sentence definition. Sources: `SOURCES`; SPIKES, Baile 2000 (doi
10.1634/theoncologist.5-4-302); NURSE, Back 2005 (doi 10.3322/canjclin.55.3.164)."""

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
"""Code name to the source of its definition, for codes that SPIKES and NURSE do not name. The
sources are named from memory of the published instruments; no threshold depends on them."""

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
"""The codes of empathic responses."""

QUESTIONS: Final = frozenset({"question_open", "question_closed"})
"""The codes of questions by their form."""
