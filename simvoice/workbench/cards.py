"""The parts of a case as cards of a page.

A card shows some of the fields of one part. What it does not show stays in the file as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from simvoice import markup
from simvoice.coding.codebook import CODEBOOK
from simvoice.errors import CaseError
from simvoice.patient.case.course_plan import COURSE_FILE
from simvoice.patient.case.fields import STIMULI
from simvoice.patient.case.load import CASE_FILE, SUITE_FILE
from simvoice.safe_text import shortened
from simvoice.scoring.instruments.instrument import items
from simvoice.scoring.metrics.definitions import definitions
from simvoice.workbench.fields import CardKind, Values, kind_of, part_at
from simvoice.workbench.note import CaseFiles
from simvoice.yaml_file import parse_yaml

_ENDS_ON: Final = (
    ("closing", "the learner says goodbye"),
    ("time", "the time is over"),
    ("overwhelmed", "the patient cannot take more"),
    ("left", "the learner leaves without a word"),
)
"""What ends an encounter, with words."""


@dataclass(frozen=True, slots=True)
class Card:
    """One card of a case."""

    kind: CardKind
    id: str
    """What names it among those of its kind; empty for a single one."""
    value: Values
    label: str
    group: str = ""
    """For lines: what they are for."""


class CaseDraft:
    """The files of a case with their values."""

    def __init__(self, files: CaseFiles) -> None:
        """Raises CaseError for a file that is no YAML within the bounds, or no mapping."""
        self.files = dict(files)
        self._cards: dict[str, list[Card]] = {}
        self.yaml = {
            name: parse_yaml(files.get(name, "{}").encode(), Path(name))
            for name in (CASE_FILE, SUITE_FILE, COURSE_FILE)
        }
        self.values: dict[str, Values] = {
            name: json.loads(each.json) for name, each in self.yaml.items()
        }
        for name, values in self.values.items():
            if not isinstance(values, dict):
                raise CaseError(f"{name} must be a mapping of fields; see docs/writing-a-case.md")

    @cached_property
    def words(self) -> dict[str, str]:
        """The words of facts, endings and lines by their ids; of one id those of the fact."""
        return {
            name: said for of in ("lines", "endings", "facts") for name, said in self.names([of])
        }

    @property
    def case(self) -> Values:
        """The values of the case file."""
        return self.values[CASE_FILE]

    def cards(self, part: str) -> list[Card]:
        """Return all cards of a kind, in the order of the file."""
        if part not in self._cards:
            self._cards[part] = self._found(part)
        return self._cards[part]

    def _found(self, part: str) -> list[Card]:
        kind = kind_of(part)
        values = self.values[kind.file]
        if kind.shape == "single":
            return [Card(kind, "", values, kind.title)]
        found = part_at(values, kind.place)
        if kind.shape == "mapping":
            items = list(found.items()) if isinstance(found, dict) else []
            return [Card(kind, name, each, self._label(kind, name, each)) for name, each in items]
        rows = found if isinstance(found, list) else []
        groups = self._line_groups() if part == "lines" else {}
        cards = []
        for number, each in enumerate(rows):
            if isinstance(each, dict):
                name = str(each.get(kind.key, number)) if kind.key else str(number)
                label = self._label(kind, name, each)
                group = groups.get(name, LINE_GROUPS[-1]) if part == "lines" else ""
                cards.append(Card(kind, name, each, label, group))
        return cards

    def card(self, part: str, card_id: str) -> Card:
        """Return one card. Raises CaseError when it is not there (any more)."""
        found = next((each for each in self.cards(part) if each.id == card_id), None)
        if found is None:
            raise CaseError(f"this {kind_of(part).one} is not in the case any more")
        return found

    def _label(self, kind: CardKind, name: str, value: Any) -> str:
        shown = value.get(kind.label) if isinstance(value, dict) and kind.label else name
        if kind.part == "drills":
            shown = dict(self.names(["moments"])).get(str(shown), shown)
        if isinstance(shown, list):
            shown = ", ".join(code_words(str(each)) for each in shown[:3])
        text = str(shown or name)
        return plain_words(text)

    def names(self, of: Sequence[str]) -> list[tuple[str, str]]:
        """Return what a field can name: (value, words)."""
        found: list[tuple[str, str]] = []
        for each in of:
            match each:
                case "ends":
                    found += _ENDS_ON
                case "codes" | "triggers":
                    own = self.case.get("codes")
                    found += [
                        (one, code_words(one)) for one in (own if isinstance(own, dict) else {})
                    ]
                    found += [
                        (name, f"{code_words(name)}: {shortened(code.definition, 80)}")
                        for name, code in CODEBOOK.items()
                        if name not in dict(found)
                    ]
                    found += STIMULI.items() if each == "triggers" else ()
                case "beats":
                    found += self._beats()
                case "silences":
                    found += self._silences()
                case "metrics":
                    found += [(one.key, one.name) for one in definitions()]
                case "items":
                    found += [(one.id, shortened(one.text, 90)) for one in items().values()]
                case _:
                    found += [(card.id, shortened(card.label, 90)) for card in self.cards(each)]
        return found

    def _beats(self) -> Iterator[tuple[str, str]]:
        for card in self.cards("beats"):
            yield card.id, card.label
        for part in ("beats", "lines"):
            for card in self.cards(part):
                if card.value.get("hold"):
                    words = shortened(card.label, 60)
                    yield f"{card.id}_held", f"{words}: the silence was let stand"
                    yield f"{card.id}_filled", f"{words}: the silence was filled"

    def _silences(self) -> Iterator[tuple[str, str]]:
        for part in ("beats", "lines"):
            for card in self.cards(part):
                if card.value.get("hold"):
                    yield card.id, shortened(card.label, 90)

    def levels(self) -> list[str]:
        """Return the names of the ledger's values."""
        found = self.case.get("ledger")
        return list(found) if isinstance(found, dict) else []

    def _line_groups(self) -> dict[str, str]:
        """Return what each line is for, by its id; the last use that is found counts."""
        found: dict[str, str] = {}

        def note(group: str, ids: Any) -> None:
            for each in ids if isinstance(ids, list) else [ids]:
                if isinstance(each, str):
                    found.setdefault(each, group)

        case = self.case
        note(
            LINE_GROUPS[0], [c.get("id") for c in dicts_in(case.get("lines")) if c.get("exemplars")]
        )
        note(LINE_GROUPS[1], case.get("opening"))
        for beat in dicts_in(case.get("beats")):
            note(LINE_GROUPS[1], beat.get("lines"))
        for part in (*dicts_in(case.get("beats")), *dicts_in(case.get("lines"))):
            hold = part.get("hold") if isinstance(part.get("hold"), dict) else {}
            for key in ("held", "filled"):
                note(LINE_GROUPS[1], hold.get(key) if hold else None)
            note(LINE_GROUPS[0], part.get("instead"))
        note(LINE_GROUPS[2], case.get("must_ask"))
        for line in dicts_in(case.get("lines")):
            asks = line.get("asks")
            if isinstance(asks, dict):
                note(LINE_GROUPS[2], line.get("id"))
                for reply in dicts_in(asks.get("replies")):
                    note(LINE_GROUPS[2], reply.get("lines"))
        for reaction in dicts_in(case.get("reactions")):
            note(LINE_GROUPS[3], reaction.get("lines"))
        for name, group in (("prompts", 4), ("pools", 5)):
            for ids in _lists_in(case.get(name)):
                note(LINE_GROUPS[group], ids)
        for ending in dicts_in(case.get("endings")):
            note(LINE_GROUPS[6], ending.get("lines"))
        return found


LINE_GROUPS: Final = (
    "Answers to what learners ask",
    "The first line, moments and silences",
    "What the patient asks",
    "Reactions to what learners do",
    "When no one speaks",
    "For what no line foresees",
    "Endings",
    "Not used yet",
)
"""Headings of the lines by what they are for."""


def dicts_in(value: Any) -> list[Values]:
    """Return the mappings of a list; none of anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _lists_in(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, list):
        yield value
    inside = list(value.values()) if isinstance(value, dict) else value
    for each in inside if isinstance(inside, list) else ():
        yield from _lists_in(each)


def plain_words(text: str) -> str:
    """Return a text of the patient without the marks of speech; as it is when they are wrong."""
    try:
        return markup.plain(text)
    except ValueError:
        return text


@cache
def code_words(name: str) -> str:
    """Return a code of the learner's words: "empathy name"."""
    return name.replace("_", " ")
