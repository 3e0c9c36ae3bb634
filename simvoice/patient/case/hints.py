"""What the debrief says whatever was told may hint at nothing that is kept back.

Causes of the ledger, names of beats and endings are shown to a learner who never heard the fact.
Three signs give it away: its own `mentions`, a name that nobody has told the learner, and several
words that only the fact has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from simvoice.criteria import codes_of
from simvoice.patient.case.schema import Case, Fact
from simvoice.patient.case.validate import Fault
from simvoice.patient.words import content, everyday

TOGETHER = 2
"""Words of a fact that together hint at it; one alone ("door", "gave") is chance."""

_NAME = re.compile(r"(?<=[\w,;:] )[A-Z][a-z]+")
"""A capital that does not begin a sentence."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A sentence of the debrief."""

    where: tuple[int | str, ...]
    text: str
    told: tuple[str, ...]
    """Facts that have been told whenever it is shown."""
    on: tuple[str, ...] = ()
    """Codes that bring it about: what their patterns name, the learner said."""


def hints(case: Case) -> Iterator[Fault]:
    """Sentences that would betray a gated fact, or hint at it, to whoever was not told it."""
    note = " ".join(
        (case.title, case.summary, case.setting, case.door_note, case.person.name, *case.objectives)
    )
    known = set(content(note)) | everyday("feeling")
    for each in _shown(case):
        own = " ".join(pattern for name in each.on if name in case.codes
                       for pattern in case.codes[name].any)  # fmt: skip
        for fact in case.facts:
            if fact.gate.when == "volunteered" or fact.id in each.told:
                continue
            found = _sign(fact, each.text, known)
            if found:
                reason = f"it hints at {fact.id!r} ({found!r}) to whoever was not told"
                yield Fault(each.where, f"{reason}; word it differently, or add it to `when.told`")
        for name in _NAME.findall(each.text):
            if name not in note and name.lower() not in own:
                reason = f"it names {name!r}, of whom the learner may not have heard"
                yield Fault(each.where, f"{reason}; leave the name out, or put it on the door note")


def _shown(case: Case) -> Iterator[_Shown]:
    for number, rule in enumerate(case.rules):
        yield _Shown(("rules", number, "cause"), rule.cause, rule.when.told, rule.on)
    for number, beat in enumerate(case.beats):
        yield _Shown(("beats", number, "label"), beat.label, beat.when.told, beat.on)
    # a critical item says its rule in words, with what the case's own codes mean
    judged = {name for item in case.critical_items if item.rule for name in codes_of(item.rule)}
    for name, code in case.codes.items():
        if name in judged and code.means:
            yield _Shown(("codes", name, "means"), code.means, (), (name,))
    for number, ending in enumerate(case.endings):
        for field, text in (("title", ending.title), ("meaning", ending.meaning)):
            yield _Shown(("endings", number, field), text, ending.when.told)


def _sign(fact: Fact, text: str, known: set[str]) -> str:
    """The words of the text that give the fact away; empty when none do."""
    mention = re.search("|".join(fact.mentions), text, re.IGNORECASE)
    if mention:
        return mention.group()
    told = set(content(text)) - known
    both = [word for word in content(fact.text) if word in told]
    return ", ".join(both) if len(set(both)) >= TOGETHER else ""
