"""Checks of a case beyond its schema: references, gates, speakable lines and hints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from simvoice.coding.codebook import CODEBOOK
from simvoice.patient.case.fields import STIMULI, Condition
from simvoice.patient.case.patterns import examine
from simvoice.patient.case.schema import (
    COMPLETE,
    Case,
    CaseFact,
    CaseLine,
    HoldWindow,
    LedgerRule,
    ReflectionLine,
)
from simvoice.patient.retrieval import content, everyday
from simvoice.suggestion_kinds import NOTHING, suggestible

# -- faults -----------------------------------------------------------------------------------
# Parts of a case that contradict each other: references, gates, lines that reveal facts.


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a case: its location in the file, and a reason with the remedy."""

    location: tuple[int | str, ...]
    reason: str


def faults(case: Case) -> Iterator[Fault]:
    """All faults of a case: those that make the other checks slow first, then in the order of its
    parts."""
    yield from unsafe(case)
    yield from _duplicates(case)
    names = _Names(case)
    yield from _own_codes(case, names)
    yield from _line_references(case, names)
    yield from _part_references(case, names)
    yield from _gates(case)
    yield from _scene(case)
    yield from _revealing_lines(case)
    yield from _endings(case)
    yield from _reflection(case, names)
    yield from _suggestions(case)
    yield from _critical(case, names)


def unsafe(case: Case) -> Iterator[Fault]:
    """The faults of a case with which the other checks, or an encounter, could take for ever."""
    yield from _sizes(case)
    yield from _patterns(case)


_MOST: dict[str, int] = {
    **{"lines": 1_500, "facts": 100, "beats": 100, "reactions": 500, "rules": 500},
    **{"endings": 100, "concerns": 100, "critical_items": 100, "codes": 500},
    **{"moments": 30, "aliases": 500, "jargon": 2_000},
}
"""Entries of a part of a case: four times as many as the largest case of simvoice has, or more. The
checks compare each with each."""
_MOST_PATTERNS = 2_000
_MOST_SLOW_PATTERNS = 80
"""Patterns that take about 10 ms to examine. The shipped cases have up to 25."""


def _sizes(case: Case) -> Iterator[Fault]:
    for part, most in _MOST.items():
        if len(getattr(case, part)) > most:
            yield Fault((part,), f"{part} has more than {most:,} entries; remove some")


def _patterns(case: Case) -> Iterator[Fault]:
    """Patterns that an encounter cannot use; see `patterns`."""
    slow = 0
    for number, (where, pattern) in enumerate(_all_patterns(case)):
        if number >= _MOST_PATTERNS:
            yield Fault(where, f"a case has at most {_MOST_PATTERNS:,} patterns; remove some")
            return
        found = examine(pattern)
        if found.fault:
            yield Fault(where, f"the pattern “{_shown(pattern)}” is refused: {found.fault}")
        slow += not found.quick
        if slow > _MOST_SLOW_PATTERNS:
            reason = "the case has too many patterns with parts of any length, such as .*"
            yield Fault(where, f"{reason}; write some with parts such as (?: \\w+){{0,5}}")
            return


def _shown(pattern: str) -> str:
    text = " ".join(pattern.split())
    return text if len(text) <= 60 else f"{text[:60]}…"


def _all_patterns(case: Case) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Every pattern of a case with its location."""
    for name, code in case.codes.items():
        for index, pattern in enumerate(code.any):
            yield ("codes", name, "any", index), pattern
        for index, pattern in enumerate(code.unless):
            yield ("codes", name, "unless", index), pattern
    for number, fact in enumerate(case.facts):
        for index, pattern in enumerate(fact.mentions):
            yield ("facts", number, "mentions", index), pattern
    for number, line in enumerate(case.lines):
        for index, pattern in enumerate(line.asks.words if line.asks else ()):
            yield ("lines", number, "asks", "words", index), pattern
    for number, never in enumerate(case.improvise.never):
        yield ("improvise", "never", number, "pattern"), never.pattern


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


class _Names:
    """The ids of a case by kind, and checks of references to them."""

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
        # a hold adds two beats
        for name in case.windows:
            self.known["beat"] |= {f"{name}_held", f"{name}_filled"}

    def check(
        self, kind: str, given: tuple[str, ...], where: tuple[int | str, ...]
    ) -> Iterator[Fault]:
        for name in given:
            if name not in self.known[kind]:
                remedy = "add it or correct the name"
                yield Fault(
                    where, f"{where[-1]} names the {kind} {name!r}, which does not exist; {remedy}"
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
            yield Fault(
                here,
                "a beat in both `after` and `before` can never hold; remove it from one",
            )


def _duplicates(case: Case) -> Iterator[Fault]:
    parts: dict[str, Sequence[_HasId]] = {
        "lines": case.lines,
        "facts": case.facts,
        "beats": case.beats,
        "reactions": case.reactions,
        "rules": case.rules,
        "endings": case.endings,
        "concerns": case.concerns,
        "afterwards": case.afterwards,
        "critical_items": case.critical_items,
        "moments": case.moments,
    }
    for part, items in parts.items():
        seen: set[str] = set()
        for number, item in enumerate(items):
            if item.id in seen:
                yield Fault((part, number, "id"), f"the id {item.id!r} is used twice; rename one")
            seen.add(item.id)
    said: dict[str, str] = {}
    for number, line in enumerate(case.lines):
        for text, _ in line.texts:
            if said.setdefault(text, line.id) != line.id:
                reason = (
                    f"the text of {line.id} is the same as that of {said[text]}; change one of them"
                )
                yield Fault(("lines", number, "text"), reason)


def _own_codes(case: Case, names: _Names) -> Iterator[Fault]:
    for name, own in case.codes.items():
        where = ("codes", name)
        if name in STIMULI:
            yield Fault(where, f"{name!r} is the name of a stimulus; rename the code")
        if name not in CODEBOOK and own.means is None:
            yield Fault(where, f"the code {name!r} belongs to this case only; add `means`")
        yield from names.check("code", own.instead_of, (*where, "instead_of"))
    silent = {beat.id for beat in case.beats if beat.hold} & {
        line.id for line in case.lines if line.hold
    }
    for number, line in enumerate(case.lines):
        if line.id in silent:
            reason = (
                f"a beat and a line have the id {line.id!r}, and both have a `hold`; rename one"
            )
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
    for number, moment in enumerate(case.moments):
        yield from names.check("line", (moment.at,), ("moments", number, "at"))
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
                reason = f"the gate of {fact.id} can never open: there is no beat {beat!r}; add it"
                yield Fault(where, reason)
        wanted = fact.gate.trust
        if wanted is not None and wanted > case.ledger["trust"].start and not rising:
            reason = f"the gate of {fact.id} can never open: no rule raises trust; add such a rule"
            yield Fault(where, reason)
        if fact.id not in told:
            yield Fault(
                ("facts", number, "id"),
                f"no line tells {fact.id!r}; add one with this id in `tells`",
            )


def _scene(case: Case) -> Iterator[Fault]:
    for number, fact in enumerate(case.facts):
        if fact.gate.when == "volunteered":
            continue
        open_facts = [each.text for each in case.facts if each.gate.when == "volunteered"]
        for mention in fact.mentions:
            pattern = re.compile(mention, re.IGNORECASE)
            if pattern.search(case.scene):
                reason = f"the scene reveals {fact.id!r} ({mention}) to the language model"
                yield Fault(("scene",), f"{reason}; remove it")
            if any(pattern.search(text) for text in open_facts):
                reason = f"a volunteered fact reveals {fact.id!r} ({mention}); change its words"
                yield Fault(("facts", number, "mentions"), reason)


def _revealing_lines(case: Case) -> Iterator[Fault]:
    """Lines that mention a gated fact which they do not tell and the patient has not told."""
    for number, line in enumerate(case.lines):
        for text, _ in line.texts:
            for fact, found in _revealed(case, text, (*line.tells, *line.when.told)):
                if not _variant_requires(line, text, fact):
                    reason = f"{line.id} reveals {fact!r} ({found!r})"
                    remedy = "add the fact to `tells` or to `when.told`"
                    yield Fault(("lines", number, "text"), f"{reason}; {remedy}")


def _reflection(case: Case, names: _Names) -> Iterator[Fault]:
    """Faults of the reflection: references, and facts that were not told."""
    for number, part in enumerate(case.afterwards):
        for index, remark in enumerate(part.remarks):
            where = ("afterwards", number, "remarks", index)
            yield from names.when(remark.when, where)
            yield from names.check("rule", remark.because, (*where, "because"))
            yield from names.check("ending", remark.endings, (*where, "endings"))
            for fact, found in _revealed(case, remark.text, remark.when.told):
                reason = f"{part.id} reveals {fact!r} ({found!r}); add the fact to `when.told`"
                yield Fault((*where, "text"), reason)
    if case.afterwards and not any(_always_holds(each.remarks[-1]) for each in case.afterwards):
        reason = (
            "no topic ends with a remark without `when`, so the patient may say nothing; add one"
        )
        yield Fault(("afterwards",), reason)
    for number, rule in enumerate(case.rules):
        for fact, found in _revealed(case, rule.instead or "", rule.when.told):
            reason = f"`instead` of {rule.id} reveals {fact!r} ({found!r}); change its words"
            yield Fault(("rules", number, "instead"), reason)


_NOT_AFTER_YOU_WORDS = """
a an the this that these those such some any no not all both each every either neither another
several many much few more most less one two three four five half
i you he she it we they me him her us them my your his its our their
who whom whose what which when where while why how if whether though because since until unless
and or but so then than as at by for from in into of off on onto out over to under up with
without about after against before between during through too very just there here
nobody nothing somebody something everybody everything am are be been being were
"""
_NOT_AFTER_YOU = frozenset(_NOT_AFTER_YOU_WORDS.split())
"""Words with which what the learner did in the past tense does not begin. Words in -s and -ing do
not begin it either: no past tense ends so, except "was"."""


def _suggestions(case: Case) -> Iterator[Fault]:
    """Faults of what the debrief says of a rule: what to try instead, and the cause."""
    known = ", ".join(suggestible())
    for number, rule in enumerate(case.rules):
        where = ("rules", number)
        if rule.suggests is not None and rule.suggests not in suggestible():
            reason = f"suggests names {rule.suggests!r}, which is no kind of suggestion"
            yield Fault((*where, "suggests"), f"{reason}; choose one of: {known}")
        if rule.suggests == NOTHING and rule.instead:
            reason = f"{rule.id} suggests nothing and gives `instead`; remove one of them"
            yield Fault((*where, "suggests"), reason)
        if case.format < COMPLETE:
            continue
        if rule.moves.get("trust", 0.0) < 0.0 and not (rule.suggests or rule.instead):
            reason = f"{rule.id} lowers trust and does not say what the learner could try instead"
            remedy = f"add `instead`, or `suggests` with one of: {known}"
            yield Fault((*where, "id"), f"{reason}; {remedy}")
        yield from _cause(rule, (*where, "cause"))


def _cause(rule: LedgerRule, where: tuple[int | str, ...]) -> Iterator[Fault]:
    """A fault of a cause that cannot complete a sentence with "You"."""
    first = rule.cause.split()[0]
    unfit = first in _NOT_AFTER_YOU or first.endswith(("s", "ing")) or not first.islower()
    if unfit or rule.cause.endswith((".", "!", "?")):
        reason = f"the cause {rule.cause!r} does not complete a sentence that begins with “You”"
        remedy = 'say what the learner did, in the past tense: "cut her off"'
        yield Fault(where, f"{reason}; {remedy}")


def _always_holds(remark: ReflectionLine) -> bool:
    return remark.when == Condition() and not remark.endings


def _revealed(case: Case, text: str, told: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The gated facts that a text mentions, with the words; without the facts in `told`."""
    for fact in case.facts:
        if fact.gate.when == "volunteered" or fact.id in told:
            continue
        found = re.search("|".join(fact.mentions), text, re.IGNORECASE)
        if found:
            yield fact.id, found.group()


def _variant_requires(line: CaseLine, text: str, fact: str) -> bool:
    return any(each.text == text and fact in each.when.told for each in line.variants)


def _endings(case: Case) -> Iterator[Fault]:
    for trigger in ("closing", "time", "left"):
        if not any(trigger in each.on and each.when == Condition() for each in case.endings):
            reason = f"no ending covers {trigger!r} in every state; add one without `when`"
            yield Fault(("endings",), reason)
    for number, ending in enumerate(case.endings):
        if not ending.lines and set(ending.on) != {"left"}:
            reason = f"the ending {ending.id!r} has no lines; add what the patient says"
            yield Fault(("endings", number, "lines"), reason)


def _critical(case: Case, names: _Names) -> Iterator[Fault]:
    """Faults of critical items: references, and facts that they reveal to a learner."""
    gated = [each for each in case.facts if each.gate.when != "volunteered"]
    for number, item in enumerate(case.critical_items):
        where = ("critical_items", number)
        for reason in item.rule.problems(names.known) if item.rule else ():
            yield Fault((*where, "rule"), reason)
        for fact in gated:
            pattern = re.compile("|".join(fact.mentions), re.IGNORECASE)
            for field, text in (("text", item.text), ("why", item.why)):
                found = pattern.search(text)
                if found:
                    reason = (
                        f"it reveals {fact.id!r} ({found.group()!r}) to a learner who missed it"
                    )
                    yield Fault((*where, field), f"{reason}; change its words")


# -- hints ------------------------------------------------------------------------------------
# Sentences of the debrief that hint at a fact which the patient did not tell.
#
# The debrief shows causes of the ledger, labels of beats and endings to learners who may not know
# the fact. Three signs reveal it: one of its `mentions`, a name that the learner does not know, and
# several words that only the fact has.


HINT_WORDS = 2
"""Words of a fact that together hint at it. One alone ("door", "gave") may be chance."""

_NAME = re.compile(r"(?<=[\w,;:] )[A-Z][a-z]+")
"""A capitalised word that does not begin a sentence."""


@dataclass(frozen=True, slots=True)
class _ShownSentence:
    """A sentence that the debrief shows."""

    where: tuple[int | str, ...]
    text: str
    told: tuple[str, ...]
    """Facts that the patient has told whenever the sentence is shown."""
    on: tuple[str, ...] = ()
    """Codes that lead to it. The learner has said the words of their patterns."""


def hints(case: Case) -> Iterator[Fault]:
    """Sentences of the debrief that reveal a gated fact, or hint at it, to a learner who does not
    know it."""
    note = " ".join(
        (case.title, case.summary, case.setting, case.door_note, case.person.name, *case.objectives)
    )
    known = set(content(note)) | everyday("feeling")
    gated = [fact for fact in case.facts if fact.gate.when != "volunteered"]
    words = {fact.id: content(fact.text) for fact in gated}
    for each in _shown_sentences(case):
        shown = set(content(each.text)) - known
        own = " ".join(pattern for name in each.on if name in case.codes
                       for pattern in case.codes[name].any)  # fmt: skip
        for fact in gated:
            if fact.id in each.told:
                continue
            found = _revealing_words(fact, each.text, [w for w in words[fact.id] if w in shown])
            if found:
                reason = f"it hints at {fact.id!r} ({found!r}) to a learner who was not told"
                yield Fault(
                    each.where, f"{reason}; change its words, or add the fact to `when.told`"
                )
        for name in _NAME.findall(each.text):
            if name not in note and name.lower() not in own:
                reason = f"it names {name!r}, whom the learner may not know"
                yield Fault(each.where, f"{reason}; remove the name, or add it to the door note")


def _shown_sentences(case: Case) -> Iterator[_ShownSentence]:
    for number, rule in enumerate(case.rules):
        yield _ShownSentence(("rules", number, "cause"), rule.cause, rule.when.told, rule.on)
    for number, beat in enumerate(case.beats):
        yield _ShownSentence(("beats", number, "label"), beat.label, beat.when.told, beat.on)
    # the debrief explains the rule of a critical item with the meanings of the case's own codes
    rules = [item.rule for item in case.critical_items if item.rule]
    judged = {name for rule in rules for name in rule.named_codes()}
    for name, code in case.codes.items():
        if name in judged and code.means:
            yield _ShownSentence(("codes", name, "means"), code.means, (), (name,))
    for number, ending in enumerate(case.endings):
        for field, text in (("title", ending.title), ("meaning", ending.meaning)):
            yield _ShownSentence(("endings", number, field), text, ending.when.told)


def _revealing_words(fact: CaseFact, text: str, shared: Sequence[str]) -> str:
    """The words of the text that reveal the fact; empty if there are none.

    shared: the words that the text has from the fact, without those that the learner knows.
    """
    mention = re.search("|".join(fact.mentions), text, re.IGNORECASE)
    if mention:
        return mention.group()
    return ", ".join(shared) if len(set(shared)) >= HINT_WORDS else ""
