"""What each code means, once, for people; the rules that find them are in `data/rules.toml`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

CODEBOOK: Final = MappingProxyType(
    {
        "question_open": "A question or invitation that leaves the answer to the patient.",
        "question_closed": "A question that yes, no, a name or a number answers.",
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
        "i_wish": "Wishes that it were otherwise.",
        "silence_offer": "Gives her time.",
        "reassurance": "Comforts before the concern is known, or promises what nobody knows.",
        "honest_limits": "Says what is not known yet.",
        "hope": "Tells truly what can be hoped for, without a promise.",
        "jargon": "A technical word left unexplained.",
        "apology": "Says sorry for something the speaker did.",
        "sorry_for": "Says sorry for what happens to her.",
        "check_understanding": "Asks what she took from it, or whether it was clear.",
        "invite_questions": "Asks whether she has questions.",
        "plan": "Says what happens next.",
        "summary": "Puts together what was said.",
        "greeting": "Hello.",
        "introduction": "Says a name or a role.",
        "small_talk": "Talks of the weather or the way here.",
        "minimising": "Makes it smaller than it is for her.",
        "blaming": "Says or implies that it is her doing.",
        "hostility": "Is rude or threatens.",
        "subject_change": "Leaves the subject for another one.",
        "closing": "Ends the conversation.",
        "machine": "Speaks to a machine, its instructions or its role, not to a patient.",
        "repeat_request": "Asks her to say it again.",
        "affirm": "Yes.",
        "deny": "No.",
        "acknowledge": "Shows listening and no more.",
        "thanks": "Thanks her.",
    }
)
"""Code name to one-sentence definition. Sources: SPIKES, Baile 2000
(doi 10.1634/theoncologist.5-4-302); NURSE, Back 2005 (doi 10.3322/canjclin.55.3.164)."""

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
