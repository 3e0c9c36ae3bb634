"""Files of a case in and out of the workbench: what changes, and what stays as it was."""

from __future__ import annotations

import json
from copy import deepcopy
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest

from simvoice import paths
from simvoice.errors import CaseError
from simvoice.patient.case.load import CASE_FILE, SUITE_FILE, load_case
from simvoice.patient.case.schema import Case
from simvoice.workbench.cards import (
    KINDS,
    CaseDraft,
    Field,
    added,
    fields_of,
    moved,
    removed,
    saved,
    value_of,
    with_exemplar,
)
from simvoice.workbench.note import case_from_note, read_note
from simvoice.workbench.yaml_text import changed, written
from simvoice.yaml_file import parse_yaml

SHIPPED = sorted(each.parent.name for each in paths.scenarios_dir().glob(f"*/{CASE_FILE}"))


def files_of(case_id: str) -> dict[str, str]:
    folder = paths.scenarios_dir() / case_id
    return {each.name: each.read_text(encoding="utf-8") for each in folder.glob("*.yaml")}


def values_of(text: str) -> Any:
    return json.loads(parse_yaml(text.encode(), Path("x.yaml")).json)


def change(text: str, new: Any) -> tuple[str, list[str], list[str]]:
    """The changed text, and the lines that went and came."""
    after = changed(parse_yaml(text.encode(), Path("x.yaml")), new)
    assert values_of(after) == new
    rows = list(unified_diff(text.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    gone = [row[1:] for row in rows if row.startswith("-")]
    return after, gone, [row[1:] for row in rows if row.startswith("+")]


TEXT = """\
# A case. Ünïcødé before the places.
id: one
time: {limit_s: 480, kind: soft} # how long
note: |
  First.

  Second.

# -- lines
lines:
  # the first
  - id: a # stays
    text: "Hello."
    exemplars: &same
      - One?
      - Two?
  - {id: b, text: "It's “me”.", exemplars: *same}
  # the last
  - id: c
    text: End
"""


def test_a_change_touches_only_the_text_of_what_changed() -> None:
    new = values_of(TEXT)
    new["lines"][0]["text"] = 'He said: "no" #1'
    assert change(TEXT, new)[1:] == (['    text: "Hello."'], ['    text: "He said: \\"no\\" #1"'])
    new = values_of(TEXT)
    new["time"]["limit_s"], new["note"] = 600, "Only this.\n"
    after, gone, came = change(TEXT, new)
    assert "time: {limit_s: 600, kind: soft} # how long" in came
    assert "# -- lines" in after
    assert len(gone) == 5  # the time, and the note
    new = values_of(TEXT)
    new["lines"].append({"id": "d", "text": "More", "tells": ["x"]})
    new["lines"][1]["again"] = "Once more."
    _, gone, came = change(TEXT, new)
    assert gone == ["""  - {id: b, text: "It's “me”.", exemplars: *same}"""]
    assert came == [
        """  - {id: b, text: "It's “me”.", exemplars: *same, again: "Once more."}""",
        "  - {id: d, text: More, tells: [x]}",
    ]


def test_parts_that_move_or_go_leave_the_comments_of_others() -> None:
    new = values_of(TEXT)
    new["lines"] = [new["lines"][0], new["lines"][2], new["lines"][1]]
    after, _, _ = change(TEXT, new)
    assert after.count("#") == TEXT.count("#")
    del new["lines"][1]
    after, gone, _ = change(TEXT, new)
    assert gone == ["  - id: c", "    text: End"]
    assert "# the last" in after


def test_a_list_that_two_parts_share_is_changed_in_one_of_them() -> None:
    new = values_of(TEXT)
    new["lines"][1]["exemplars"] = ["Three?"]
    change(TEXT, new)
    new = values_of(TEXT)
    new["lines"][0]["exemplars"] = ["Three?"]
    change(TEXT, new)


@pytest.mark.parametrize(
    "text",
    ["plain", "yes", "- x", "a: b", "null", "1e3", "'", '"', "#", "{}", "é\u2028\x85", " x ",
     "a\nb",
     "a\n\n b\n", "\n", "@", "%", "*a", "&a", "?", "x" * 300, "\t", "a\\d+\\b", "~", "<<", "💬"],
)  # fmt: skip
def test_any_text_is_written_so_that_it_is_read_again(text: str) -> None:
    value = {"text": text, "list": [text, text], "inner": [{"a": text, "b": [[text]], "c": 0.05}]}
    assert values_of(written(value)) == value


@pytest.mark.slow
@pytest.mark.parametrize("case_id", SHIPPED)
def test_a_shipped_case_keeps_its_meaning_and_its_comments(case_id: str, tmp_path: Path) -> None:
    """Also after a change and back, and when the whole file is written anew."""
    files = files_of(case_id)
    draft = CaseDraft(files)
    assert draft.files == files
    line = next(each for each in draft.cards("lines") if each.value.get("exemplars"))
    other = saved(draft, "lines", line.id, {"text": "Another sentence, for now."})
    assert other[CASE_FILE] != files[CASE_FILE]
    assert other[CASE_FILE].count("#") >= files[CASE_FILE].count("#") * 0.99
    back = saved(CaseDraft(other), "lines", line.id, {"text": line.value["text"]})
    folder = tmp_path / case_id
    folder.mkdir()
    (folder / CASE_FILE).write_text(back[CASE_FILE], encoding="utf-8")
    same = load_case(paths.scenarios_dir() / case_id / CASE_FILE).model_copy(update={"sha256": ""})
    assert load_case(folder / CASE_FILE).model_copy(update={"sha256": ""}) == same
    anew = written(draft.case)  # without its comments
    assert Case.model_validate_json(parse_yaml(anew.encode(), Path("x")).json) == same


def as_form(field: Field, value: Any) -> Any:
    """What the form of a card sends for a value."""
    match field.kind:
        case "texts":
            return "\n".join(value or [])
        case "names":
            return value or []
        case "levels":
            return {name: str(number) for name, number in (value or {}).items()}
        case "pairs":
            return "\n".join(f"{word} = {means}" for word, means in (value or {}).items())
        case "yes":
            return "yes" if value else ""
        case _:
            return "" if value is None else str(value)


@pytest.mark.slow
@pytest.mark.parametrize("case_id", ["angry-relative", "breast-biopsy"])
def test_a_form_that_is_saved_as_it_is_changes_nothing(case_id: str) -> None:
    draft = CaseDraft(files_of(case_id))
    for kind in KINDS:
        cards = draft.cards(kind.part)
        assert cards, kind.part
        for card in cards[:: max(1, len(cards) // 5)]:
            given = {
                field.path: as_form(field, value_of(field, card.value))
                for field in fields_of(kind, card.value)
            }
            assert saved(draft, kind.part, card.id, given) == draft.files, (kind.part, card.id)


def test_parts_are_added_moved_and_removed_by_what_they_say() -> None:
    draft = CaseDraft(case_from_note(read_note("Mr. Al Bo, 40, waits."), "a-case"))
    for kind in (kind for kind in KINDS if kind.new and draft.cards(kind.part)):
        files, name = added(draft, kind.part, "blaming" if kind.new == "on" else "A new thing")
        made = CaseDraft(files)
        assert made.cards(kind.part)[-1].id == name
        assert len(made.cards(kind.part)) == len(draft.cards(kind.part)) + 1
        assert removed(made, kind.part, name)[kind.file].split() == draft.files[kind.file].split()
    first, second = (card.id for card in draft.cards("lines")[:2])
    swapped = CaseDraft(moved(draft, "lines", second, -1))
    assert [card.id for card in swapped.cards("lines")[:2]] == [second, first]
    line = with_exemplar(draft, first, "  What about   that? ")
    assert CaseDraft(line).card("lines", first).value["exemplars"][-1] == "What about that?"


def test_what_cannot_be_taken_is_a_sentence() -> None:
    draft = CaseDraft(files_of("breast-biopsy"))
    before = deepcopy(draft.values)
    for part, card_id, given in (
        ("facts", draft.cards("facts")[0].id, {"gate.trust": "a lot"}),
        ("about", "", {"time.limit_s": "1e99"}),
        ("more", "", {"aliases": "Pete"}),
        ("lines", "no such line", {"text": "x"}),
        ("nothing", "", {}),
    ):
        with pytest.raises(CaseError):
            saved(draft, part, card_id, given)
    for text in (b"lines: [", b"- 1", b"a: !!python/object:os.system x", b"\xff"):
        with pytest.raises(CaseError):
            CaseDraft({CASE_FILE: text.decode("latin-1"), SUITE_FILE: "probes: []"})
    assert draft.values == before
