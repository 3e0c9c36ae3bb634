"""What the schema cannot say of a case: references, gates, speakable lines, hints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from simvoice.coding.codebook import CODEBOOK
from simvoice.criteria import codes_of
from simvoice.patient.case.critical import refers_to
from simvoice.patient.case.fields import STIMULI, Condition
from simvoice.patient.case.schema import Case, CaseFact, CaseLine, HoldWindow, ReflectionLine
from simvoice.patient.retrieval import content, everyday

# -- validate ---------------------------------------------------------------------------------
# What one field of a case cannot say about another: references, gates, speakable lines.


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong, where it is, and the remedy in the reason."""

    location: tuple[int | str, ...]
    reason: str


def faults(case: Case) -> Iterator[Fault]:
    """All faults, in the order of the file's parts; none for a sound case."""
    yield from _duplicates(case)
    names = _Names(case)
    yield from _own_codes(case, names)
    yield from _line_references(case, names)
    yield from _part_references(case, names)
    yield from _gates(case)
    yield from _scene(case)
    yield from _betrayals(case)
    yield from _endings(case)
    yield from _afterwards(case, names)
    yield from _critical(case, names)


class _Named(Protocol):
    @property
    def id(self) -> str: ...


class _Names:
    """All ids of a case, to check references with."""

    def __init__(self, case: Case) -> None:
        self.known = {
            "line": {each.id for each in case.lines},
            "fact": {each.id for each in case.facts},
            "beat": {each.id for each in case.beats},
            "ledger value": set(case.ledger),
            "rule": {each.id for each in case.rules},
            "ending": {each.id for each in case.endings},
            "code": set(CODEBOOK) | set(STIMULI) | set(case.codes),
            "spoken code": set(CODEBOOK) | set(case.codes),
            "silence": set(case.windows),
        }
        # a silence gives two more moments
        for name in case.windows:
            self.known["beat"] |= {f"{name}_held", f"{name}_filled"}

    def check(
        self, kind: str, given: tuple[str, ...], where: tuple[int | str, ...]
    ) -> Iterator[Fault]:
        for name in given:
            if name not in self.known[kind]:
                remedy = "add it or correct the name"
                yield Fault(
                    where, f"{where[-1]} names the {kind} {name!r}, which is not there; {remedy}"
                )

    def hold(self, hold: HoldWindow | None, where: tuple[int | str, ...]) -> Iterator[Fault]:
        if hold is not None:
            yield from self.check("line", hold.held, (*where, "hold", "held"))
            yield from self.check("line", hold.filled, (*where, "hold", "filled"))
            yield from self.check("code", hold.spares, (*where, "hold", "spares"))

    def when(self, when: Condition, where: tuple[int | str, ...]) -> Iterator[Fault]:
        here = (*where, "when")
        yield from self.check("beat", (*when.after, *when.before), here)
        yield from self.check("fact", (*when.told, *when.untold), here)
        yield from self.check("line", (*when.said, *when.unsaid), here)
        yield from self.check("ledger value", (*when.at_least, *when.at_most), here)
        yield from self.check("rule", (*when.counted, *when.any_counted, *when.uncounted), here)
        if set(when.after) & set(when.before):
            yield Fault(here, "a beat is both in `after` and in `before`; it can never hold")


def _duplicates(case: Case) -> Iterator[Fault]:
    parts: dict[str, Sequence[_Named]] = {
        "lines": case.lines,
        "facts": case.facts,
        "beats": case.beats,
        "reactions": case.reactions,
        "rules": case.rules,
        "endings": case.endings,
        "concerns": case.concerns,
        "afterwards": case.afterwards,
        "critical_items": case.critical_items,
    }
    for part, items in parts.items():
        seen: set[str] = set()
        for number, item in enumerate(items):
            if item.id in seen:
                yield Fault((part, number, "id"), f"the id {item.id!r} is there twice; rename one")
            seen.add(item.id)
    said: dict[str, str] = {}
    for number, line in enumerate(case.lines):
        for text, _ in line.texts:
            if said.setdefault(text, line.id) != line.id:
                reason = f"{line.id} says the same as {said[text]}; word one of them differently"
                yield Fault(("lines", number, "text"), reason)


def _own_codes(case: Case, names: _Names) -> Iterator[Fault]:
    for name, own in case.codes.items():
        where = ("codes", name)
        if name in STIMULI:
            yield Fault(where, f"{name!r} is a stimulus, which no words make; rename the code")
        if name not in CODEBOOK and own.means is None:
            yield Fault(where, f"the code {name!r} is this case's own; say what it `means`")
        yield from names.check("code", own.instead_of, (*where, "instead_of"))
    silent = {beat.id for beat in case.beats if beat.hold} & {
        line.id for line in case.lines if line.hold
    }
    for number, line in enumerate(case.lines):
        if line.id in silent:
            reason = f"a beat and a line named {line.id!r} both leave a silence; rename one"
            yield Fault(("lines", number, "id"), reason)


def _line_references(case: Case, names: _Names) -> Iterator[Fault]:
    for number, line in enumerate(case.lines):
        where = ("lines", number)
        yield from names.check("fact", line.tells, (*where, "tells"))
        yield from names.check("line", line.follows, (*where, "follows"))
        yield from names.when(line.when, where)
        yield from names.hold(line.hold, where)
        if line.instead is not None:
            yield from names.check("line", (line.instead,), (*where, "instead"))
        for index, variant in enumerate(line.variants):
            yield from names.when(variant.when, (*where, "variants", index))
        if line.asks is not None:
            asks = (*where, "asks")
            yield from names.check("code", line.asks.answered_by, (*asks, "answered_by"))
            beats = tuple(each for each in (line.asks.yes, line.asks.no) if each)
            yield from names.check("beat", beats, (*asks, "yes"))
            for index, reply in enumerate(line.asks.replies):
                yield from names.check("code", reply.on, (*asks, "replies", index, "on"))
                yield from names.check("line", reply.lines, (*asks, "replies", index, "lines"))


def _part_references(case: Case, names: _Names) -> Iterator[Fault]:
    yield from names.check("line", (case.opening,), ("opening",))
    yield from names.check("line", case.must_ask, ("must_ask",))
    for number, concern in enumerate(case.concerns):
        yield from names.check("line", concern.cues, ("concerns", number, "cues"))
        facts = (concern.fact,) if concern.fact else ()
        yield from names.check("fact", facts, ("concerns", number, "fact"))
    for number, beat in enumerate(case.beats):
        where = ("beats", number)
        yield from names.check("code", beat.on, (*where, "on"))
        yield from names.when(beat.when, where)
        yield from names.check("line", beat.lines, (*where, "lines"))
        yield from names.hold(beat.hold, where)
    for number, reaction in enumerate(case.reactions):
        where = ("reactions", number)
        yield from names.check("code", reaction.on, (*where, "on"))
        yield from names.when(reaction.when, where)
        yield from names.check("line", reaction.lines, (*where, "lines"))
    for number, rule in enumerate(case.rules):
        where = ("rules", number)
        yield from names.check("code", (*rule.on, *rule.unless), (*where, "on"))
        yield from names.when(rule.when, where)
        yield from names.check("ledger value", tuple(rule.moves), (*where, "moves"))
    yield from names.check("line", case.prompts.asked, ("prompts", "asked"))
    for level, lines in enumerate(case.prompts.levels):
        yield from names.check("line", lines, ("prompts", "levels", level))
    for pool, lines in case.pools:
        yield from names.check("line", lines, ("pools", pool))
    for number, ending in enumerate(case.endings):
        where = ("endings", number)
        yield from names.when(ending.when, where)
        yield from names.check("line", ending.lines, (*where, "lines"))
    for number, never in enumerate(case.improvise.never):
        beats = (never.before,) if never.before else ()
        yield from names.check("beat", beats, ("improvise", "never", number, "before"))


def _gates(case: Case) -> Iterator[Fault]:
    beats = {each.id for each in case.beats}
    told = {fact for line in case.lines for fact in line.tells}
    rising = any(rule.moves.get("trust", 0.0) > 0.0 for rule in case.rules)
    for number, fact in enumerate(case.facts):
        where = ("facts", number, "gate")
        for beat in fact.gate.after:
            if beat not in beats:
                reason = f"the gate of {fact.id} can never open: no beat {beat!r}; add the beat"
                yield Fault(where, reason)
        wanted = fact.gate.trust
        if wanted is not None and wanted > case.ledger["trust"].start and not rising:
            reason = f"the gate of {fact.id} can never open: no rule raises trust; add one"
            yield Fault(where, reason)
        if fact.id not in told:
            yield Fault(("facts", number, "id"), f"no line tells {fact.id!r}; write one that does")


def _scene(case: Case) -> Iterator[Fault]:
    for number, fact in enumerate(case.facts):
        if fact.gate.when == "volunteered":
            continue
        open_facts = [each.text for each in case.facts if each.gate.when == "volunteered"]
        for mention in fact.mentions:
            pattern = re.compile(mention, re.IGNORECASE)
            if pattern.search(case.scene):
                reason = f"the scene betrays {fact.id!r} ({mention}); the model would see it"
                yield Fault(("scene",), f"{reason}: take it out")
            if any(pattern.search(text) for text in open_facts):
                reason = f"a volunteered fact betrays {fact.id!r} ({mention}); word it differently"
                yield Fault(("facts", number, "mentions"), reason)


def _betrayals(case: Case) -> Iterator[Fault]:
    """A line may only speak of a gated fact that it tells, or that she has told."""
    for number, line in enumerate(case.lines):
        for text, _ in line.texts:
            for fact, found in _betrayed(case, text, (*line.tells, *line.when.told)):
                if not _told_by_variant(line, text, fact):
                    reason = f"{line.id} betrays {fact!r} ({found!r})"
                    remedy = "add it to `tells`, or to `when.told`"
                    yield Fault(("lines", number, "text"), f"{reason}; {remedy}")


def _afterwards(case: Case, names: _Names) -> Iterator[Fault]:
    """References, and that nothing kept back is told after all."""
    for number, part in enumerate(case.afterwards):
        for index, remark in enumerate(part.remarks):
            where = ("afterwards", number, "remarks", index)
            yield from names.when(remark.when, where)
            yield from names.check("rule", remark.because, (*where, "because"))
            yield from names.check("ending", remark.endings, (*where, "endings"))
            for fact, found in _betrayed(case, remark.text, remark.when.told):
                reason = f"{part.id} betrays {fact!r} ({found!r}); add it to `when.told`"
                yield Fault((*where, "text"), reason)
    if case.afterwards and not any(_always(each.remarks[-1]) for each in case.afterwards):
        reason = (
            "no part ends with a remark without `when`; she may be left without a word: add one"
        )
        yield Fault(("afterwards",), reason)
    for number, rule in enumerate(case.rules):
        for fact, found in _betrayed(case, rule.instead or "", rule.when.told):
            reason = f"`instead` of {rule.id} betrays {fact!r} ({found!r}); word it differently"
            yield Fault(("rules", number, "instead"), reason)


def _always(remark: ReflectionLine) -> bool:
    return remark.when == Condition() and not remark.endings


def _betrayed(case: Case, text: str, told: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Gated facts that a text speaks of, with the words, but for those that were told."""
    for fact in case.facts:
        if fact.gate.when == "volunteered" or fact.id in told:
            continue
        found = re.search("|".join(fact.mentions), text, re.IGNORECASE)
        if found:
            yield fact.id, found.group()


def _told_by_variant(line: CaseLine, text: str, fact: str) -> bool:
    return any(each.text == text and fact in each.when.told for each in line.variants)


def _endings(case: Case) -> Iterator[Fault]:
    for trigger in ("closing", "time", "left"):
        if not any(trigger in each.on and each.when == Condition() for each in case.endings):
            reason = f"no ending catches {trigger!r} whatever has happened; add one without `when`"
            yield Fault(("endings",), reason)
    for number, ending in enumerate(case.endings):
        if not ending.lines and set(ending.on) != {"left"}:
            reason = f"the ending {ending.id!r} has no lines; write what she says"
            yield Fault(("endings", number, "lines"), reason)


def _critical(case: Case, names: _Names) -> Iterator[Fault]:
    """A critical item speaks of what is there, and betrays nothing to a learner who missed it."""
    gated = [each for each in case.facts if each.gate.when != "volunteered"]
    for number, item in enumerate(case.critical_items):
        where = ("critical_items", number)
        for kind, given in refers_to(item.rule):
            yield from names.check(kind, given, (*where, "rule"))
        for fact in gated:
            pattern = re.compile("|".join(fact.mentions), re.IGNORECASE)
            for field, text in (("text", item.text), ("why", item.why)):
                found = pattern.search(text)
                if found:
                    reason = f"it would betray {fact.id!r} ({found.group()!r}) to whoever missed it"
                    yield Fault((*where, field), f"{reason}; word it differently")


# -- hints ------------------------------------------------------------------------------------
# What the debrief says whatever was told may hint at nothing that is kept back.
#
# Causes of the ledger, names of beats and endings are shown to a learner who never heard the fact.
# Three signs give it away: its own `mentions`, a name that nobody has told the learner, and several
# words that only the fact has.


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


def _sign(fact: CaseFact, text: str, known: set[str]) -> str:
    """The words of the text that give the fact away; empty when none do."""
    mention = re.search("|".join(fact.mentions), text, re.IGNORECASE)
    if mention:
        return mention.group()
    told = set(content(text)) - known
    both = [word for word in content(fact.text) if word in told]
    return ", ".join(both) if len(set(both)) >= TOGETHER else ""
