"""What is wrong with a draft, each problem at the card that it concerns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from pydantic import ValidationError

from simvoice.coding.text import plain
from simvoice.conversation.settings import TurnTakingSettings
from simvoice.patient.case.course_plan import COURSE_FILE, CoursePlan, drill_faults
from simvoice.patient.case.load import CASE_FILE, SUITE_FILE
from simvoice.patient.case.schema import COMPLETE, Case
from simvoice.patient.case.suite import Suite
from simvoice.patient.case.validate import faults, hints, unsafe
from simvoice.patient.retrieval import exemplars
from simvoice.safe_text import shortened
from simvoice.workbench.cards import CaseDraft
from simvoice.workbench.fields import KINDS, RULE_KINDS, CardKind, fields_of

MOST_PROBLEMS: Final = 100
"""Problems that are shown at once."""

FEW_EXEMPLARS: Final = 6
"""Fewer different questions than this do not find a line reliably."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a draft."""

    part: str
    """The kind of card (`CardKind.part`)."""
    card_id: str
    """The card; empty for the whole part."""
    path: str
    """The field (`Field.path`); empty for the whole card."""
    sentence: str
    is_advice: bool = False
    """The case can be certified with it."""


@dataclass(frozen=True, slots=True)
class DraftReading:
    """A draft as a case, as far as it is one."""

    case: Case | None
    """None while a part has a fault that no patient can be made with."""
    suite: Suite | None
    problems: tuple[Problem, ...]

    @property
    def can_be_checked(self) -> bool:
        """Whether nothing stands in the way of the whole check."""
        is_sound = all(each.is_advice for each in self.problems)
        return self.case is not None and self.suite is not None and is_sound


def read_draft(draft: CaseDraft, sha256: str = "") -> DraftReading:
    """Return a draft as a case, with everything that is wrong with it.

    sha256: the hash that the case carries.
    """
    found: list[Problem] = []
    case = suite = None
    try:
        case = Case.model_validate_json(draft.yaml[CASE_FILE].json)
        case = case.model_copy(update={"sha256": sha256})
    except ValidationError as error:
        found += _of_schema(draft, CASE_FILE, error)
    try:
        suite = Suite.model_validate_json(draft.yaml[SUITE_FILE].json)
    except ValidationError as error:
        found += _of_schema(draft, SUITE_FILE, error)
    if case is not None:
        found += _of_case(draft, case)
        found += _advice(draft)
    if case is not None and suite is not None:
        found += _of_suite(case, suite)
    if COURSE_FILE in draft.files:
        found += _of_plan(draft)
    usable = case if case is not None and _is_usable(case) else None
    return DraftReading(usable, suite, tuple(_unique(found)[:MOST_PROBLEMS]))


def _is_usable(case: Case) -> bool:
    """Whether a patient can be made of it: its patterns are safe, and what it names is there."""
    if any(unsafe(case)):
        return False
    return not any("which does not exist" in each.reason for each in faults(case))


def _unique(found: Sequence[Problem]) -> list[Problem]:
    return list(dict.fromkeys(found))


# -- from the schema --------------------------------------------------------------------------

_SAID: Final = {
    "missing": "is missing; fill it in",
    "string_too_short": "is empty; fill it in",
    "string_pattern_mismatch": "has signs that it may not have",
    "too_short": "is empty; add at least one",
    "extra_forbidden": "is a field that a case does not have; remove it from the file",
}


def _of_schema(draft: CaseDraft, file: str, error: ValidationError) -> Iterator[Problem]:
    for each in islice(error.errors(include_url=False), MOST_PROBLEMS):
        kind = str(each["type"])
        given = each.get("input")
        is_empty = given in ("", None) and kind == "string_pattern_mismatch"
        said = _SAID["string_too_short" if is_empty else kind] if kind in _SAID else ""
        message = said or f"{str(each['msg']).removeprefix('Value error, ')}"
        part, card_id, path = place_of(draft, file, _without_rule_kinds(each["loc"]))
        label = _label(draft, part, card_id, path)
        sentence = f"{label} {message}" if said else f"{label}: {message}"
        if kind == "too_short" and (least := each.get("ctx", {}).get("min_length", 1)) > 1:
            sentence = f"There must be {least} or more here; add another one"
        yield Problem(part, card_id, path, shortened(sentence, 400))


def _without_rule_kinds(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return a place without the kinds that pydantic names after each rule."""
    found: list[int | str] = []
    for number, part in enumerate(location):
        before = location[max(0, number - 2) : number]
        is_rule = before[-1:] == ("rule",) or (before[:1] == ("rules",) and len(before) == 2)
        if not (is_rule and part in RULE_KINDS):
            found.append(part)
    return tuple(found)


def place_of(draft: CaseDraft, file: str, location: tuple[int | str, ...]) -> tuple[str, str, str]:
    """Return the card and the field of a place in a file: part, id, path."""
    values: Any = draft.values[file]
    best: tuple[str, str, str] = ("files", "", ".".join(map(str, location)))
    for kind in KINDS:
        if kind.file != file:
            continue
        if kind.shape == "single":
            path = _field_at(kind, values, location)
            if path:
                return kind.part, "", path
            continue
        if location[: len(kind.place)] != kind.place:
            continue
        rest = location[len(kind.place) :]
        if not rest:
            return kind.part, "", ""
        card_id, value = _item(kind, values, rest[0])
        return kind.part, card_id, _field_at(kind, value, rest[1:]) or ".".join(map(str, rest[1:]))
    return best


def _item(kind: CardKind, values: Any, number: int | str) -> tuple[str, Any]:
    for key in kind.place:
        values = values.get(key) if isinstance(values, dict) else None
    if kind.shape == "mapping":
        value = values.get(number) if isinstance(values, dict) else None
        return str(number), value or {}
    value = values[number] if isinstance(values, list) and isinstance(number, int) else {}
    if not isinstance(value, dict):
        return str(number), {}
    return (str(value.get(kind.key, number)) if kind.key else str(number)), value


def _field_at(kind: CardKind, value: Any, rest: tuple[int | str, ...]) -> str:
    """Return the field that holds a place of a part; empty without one."""
    path = ".".join(map(str, rest))
    known = [each.path for each in fields_of(kind, value if isinstance(value, dict) else {})]
    inside = [each for each in known if path == each or path.startswith(f"{each}.")]
    around = [each for each in known if path and each.startswith(f"{path}.")]
    return max(inside, key=len, default=around[0] if around else "")


def _label(draft: CaseDraft, part: str, card_id: str, path: str) -> str:
    kind = next((each for each in KINDS if each.part == part), None)
    if kind is None:
        return f"In the file, {path or 'this'}"
    value = next((each.value for each in draft.cards(part) if each.id == card_id), {})
    for field in fields_of(kind, value):
        if field.path == path:
            return f"“{field.label}”"
    return f"“{path}” of this {kind.one}" if path else f"“{kind.title}”"


# -- from the check of a case -----------------------------------------------------------------


_OLD = "The case is written for release 0.1; add `format: 2` below its id in the file."


def _of_case(draft: CaseDraft, case: Case) -> Iterator[Problem]:
    if case.format < COMPLETE:
        yield Problem("more", "", "", _OLD)
    # nothing may look with a pattern that could take for ever
    found = [*unsafe(case)] or [*faults(case), *hints(case)]
    for each in found[:MOST_PROBLEMS]:
        part, card_id, path = place_of(draft, CASE_FILE, each.location)
        yield Problem(part, card_id, path, in_plain_words(draft, each.reason))
    yield from _of_settings(draft, case)


def _of_settings(draft: CaseDraft, case: Case) -> Iterator[Problem]:
    """Yield what is wrong with the turn-taking settings: an encounter would not begin with it."""
    try:
        TurnTakingSettings.model_validate({**TurnTakingSettings().model_dump(), **case.floor})
    except ValidationError as error:
        for each in error.errors(include_url=False):
            part, card_id, path = place_of(draft, CASE_FILE, ("floor", *each["loc"]))
            if each["type"] == "extra_forbidden":
                said = f"simvoice has no setting {shortened(str(each['loc'][0]))!r}; remove it."
            else:
                said = f"{_label(draft, part, card_id, path)}: {each['msg']}; change it."
            yield Problem(part, card_id, path, said)


def _of_plan(draft: CaseDraft) -> Iterator[Problem]:
    try:
        plan = CoursePlan.model_validate_json(draft.yaml[COURSE_FILE].json)
    except ValidationError as error:
        yield from _of_schema(draft, COURSE_FILE, error)
        return
    for number, reason in drill_faults(plan, [card.id for card in draft.cards("moments")]):
        yield Problem("drills", str(number), "moment", f"{reason[:1].upper()}{reason[1:]}.")


_FIELD_NAMES: Final = {
    "tells": "Facts that it tells",
    "when.told": "Only when these facts are told",
    "when": "Only …",
    "instead": "A sentence to try instead",
    "suggests": "What the debrief suggests",
    "means": "What the learner does with them",
    "mentions": "Words that would give it away",
    "trust": "Trust that it takes",
    "after": "Only after these moments",
    "before": "Only before these moments",
    "hold": "Then the patient is silent",
}
"""Field of the file to its label on a card."""

_QUOTED = re.compile(r"'([a-z][a-z0-9_]*)'")
_OWN_ID = re.compile(r"^[a-z][a-z0-9_]* (?=(?:reveals|lowers|suggests)\b)")
_FIELD = re.compile(r"`([a-z.]+)`")


def in_plain_words(draft: CaseDraft, reason: str) -> str:
    """Return the sentence of a fault with the labels and the words of the page."""
    known = draft.words
    reason = _OWN_ID.sub("This ", reason)
    text = _FIELD.sub(lambda f: f"“{_FIELD_NAMES.get(f[1], f[1])}”", reason)
    text = _QUOTED.sub(
        lambda found: f"“{shortened(known[found[1]], 60)}”" if found[1] in known else found[0],
        text,
    )
    text = shortened(text, 500).strip()
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


def _advice(draft: CaseDraft) -> Iterator[Problem]:
    for card in draft.cards("lines"):
        count = len(card.value.get("exemplars") or [])
        if 0 < count < FEW_EXEMPLARS:
            yield Problem(
                "lines", card.id, "exemplars",
                f"{FEW_EXEMPLARS} or more different questions find a line better than {count}.",
                is_advice=True,
            )  # fmt: skip


def _of_suite(case: Case, suite: Suite) -> Iterator[Problem]:
    lines = {line.id for line in case.lines}
    endings = {ending.id for ending in case.endings}
    known = {plain(text) for _, text in exemplars(case)}
    for number, probe in enumerate(suite.probes):
        gone = [name for name in probe.expect if name not in lines]
        if gone:
            said = f"The line {gone[0]!r} is not in the case any more; choose another one."
            yield Problem("probes", str(number), "expect", said)
        if plain(probe.ask) in known:
            said = "These words are already on a line; ask the same in other words."
            yield Problem("probes", str(number), "ask", said)
    for learner in suite.learners:
        if any(name not in endings for name in learner.ends):
            said = "An ending of this learner is not in the case any more; choose others."
            yield Problem("learners", learner.kind, "ends", said)
    kinds = {learner.kind for learner in suite.learners}
    if not {"skilled", "poor"} <= kinds:
        yield Problem(
            "learners", "", "", "The check needs a learner “skilled” and a learner “poor”."
        )
