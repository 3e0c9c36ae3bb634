"""Files of a case in and out of the workbench: what changes, and what stays as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest

from simvoice import paths
from simvoice.criteria import rule_kinds
from simvoice.errors import CaseError
from simvoice.patient.case.course_plan import COURSE_FILE, CoursePlan
from simvoice.patient.case.load import CASE_FILE, SUITE_FILE, load_case
from simvoice.patient.case.schema import Case
from simvoice.workbench.cards import CaseDraft
from simvoice.workbench.changes import added, moved, removed, saved, with_exemplar
from simvoice.workbench.fields import KINDS, RULE_KINDS, Field, fields_of, value_at, value_of
from simvoice.workbench.note import case_from_note, read_note
from simvoice.workbench.problems import read_draft
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


def other_values(draft: CaseDraft) -> Iterator[tuple[str, str, str, str]]:
    """Yield a field of each part that is made of parts itself, with another value."""
    lines = draft.cards("lines")
    varied = next((each for each in lines if each.value.get("variants")), None)
    if varied is not None:
        yield "lines", varied.id, "variants.0.text", "In other words, for now."
    asking = next((e for e in lines if value_at(e.value, "asks.replies.0")), None)
    if asking is not None:
        yield "lines", asking.id, "asks.replies.0.lines", lines[0].id
    item = next(each for each in draft.cards("critical_items") if each.value.get("rule"))
    yield "critical_items", item.id, "rule.kind", "stays"
    yield "turn_taking", "", "floor.prompt_after_s", "31"
    yield "plan", "", "first_try.task", "Another task, for now."
    yield "drills", "0", "why", "Another reason, for now."


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
    for part, card_id, path, value in other_values(draft):
        before = next(each for each in draft.cards(part) if each.id == card_id)
        field = next(each for each in fields_of(before.kind, before.value) if each.path == path)
        other = saved(CaseDraft(back), part, card_id, {path: value})
        assert other != back
        was = as_form(field, value_of(field, before.value))
        back = saved(CaseDraft(other), part, card_id, {path: was})
        if path == "rule.kind":  # the fields of the rule were those of another kind meanwhile
            given = {
                each.path: as_form(each, value_of(each, before.value))
                for each in fields_of(before.kind, before.value)
            }
            back = saved(CaseDraft(back), part, card_id, given)
    folder = tmp_path / case_id
    folder.mkdir()
    for name in (CASE_FILE, COURSE_FILE):
        (folder / name).write_text(back[name], encoding="utf-8")
    assert values_of(back[COURSE_FILE]) == values_of(files[COURSE_FILE])
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
        case "either":
            return {True: "yes", False: "no"}.get(value, "")
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


def test_a_card_has_a_field_for_every_kind_of_rule_and_all_that_an_author_writes_in_it() -> None:
    assert set(RULE_KINDS) == set(rule_kinds())
    for name, kind in rule_kinds().items():
        fields = {each.path for each in RULE_KINDS[name].shown}
        written_by_record = {"lines"} if name == "beat" else set()
        assert fields == set(kind.model_fields) - {"kind"} - written_by_record, name


def sentences(draft: CaseDraft) -> dict[tuple[str, str], str]:
    """What is to do, by part and field."""
    return {(each.part, each.path): each.sentence for each in read_draft(draft).problems}


@pytest.mark.slow
def test_parts_of_parts_are_made_and_taken_out_and_the_check_says_what_is_missing() -> None:
    draft = CaseDraft(case_from_note(read_note("Mr. Al Bo, 40, waits."), "a-case"))
    first = draft.files

    def put(part: str, card: str, path: str, value: Any) -> dict[tuple[str, str], str]:
        nonlocal draft
        draft = CaseDraft(saved(draft, part, card, {path: value}))
        return sentences(draft)

    assert sentences(draft) == {}
    # another wording for another state
    todo = put("lines", "feeling", "variants.0.text", "Fine. Next question.")
    assert "is missing" in todo["lines", "variants.0.when.at_least"]
    assert put("lines", "feeling", "variants.0.when.at_most", {"trust": "0.2"}) == {}
    # a reply to an answer
    todo = put("lines", "q_next", "asks.replies.1.on", ["plan"])
    assert "is missing" in todo["lines", "asks.replies.1.lines"]
    assert put("lines", "q_next", "asks.replies.1.lines", ["next_told"]) == {}
    # the rule of an item: its kind, its fields, several in one, and a human rater again
    todo = put("critical_items", "silence", "rule.kind", "order")
    assert "is missing" in todo["critical_items", "rule.steps.0"]
    put("critical_items", "silence", "rule.steps.0", ["empathy_name"])
    assert put("critical_items", "silence", "rule.steps.1", ["plan"]) == {}
    todo = put("critical_items", "silence", "rule.kind", "any")
    assert "is missing" in todo["critical_items", "rule.rules.0.kind"]
    todo = put("critical_items", "silence", "rule.rules.0.kind", "says")
    assert todo["critical_items", "rule.rules.0.kind"].startswith("There must be 2 or more")
    put("critical_items", "silence", "rule.rules.1.kind", "stays")
    todo = put("critical_items", "silence", "rule.rules.0.at_least", "0")
    assert {"rule.rules.0.codes", "rule.rules.0.at_least"} <= {path for _, path in todo}
    put("critical_items", "silence", "rule.rules.0.at_least", "")
    put("critical_items", "silence", "rule.rules.2.kind", "stays")
    put("critical_items", "silence", "rule.rules.2.kind", "")
    assert put("critical_items", "silence", "rule.rules.0.codes", ["empathy_name"]) == {}
    item = draft.card("critical_items", "silence").value
    assert item["rule"] == {
        "kind": "any", "rules": [{"kind": "says", "codes": ["empathy_name"]}, {"kind": "stays"}],
    }  # fmt: skip
    assert put("critical_items", "silence", "rule.kind", "") == {}
    assert draft.card("critical_items", "silence").value["human"] is True
    # when the patient speaks
    todo = put("turn_taking", "", "floor.prompt_after_s", "500")
    assert "120" in todo["turn_taking", "floor.prompt_after_s"]
    assert put("turn_taking", "", "floor.prompt_after_s", "12") == {}
    # the course of the case, which it has not yet
    draft = CaseDraft(added(draft, "moments", "Before the message")[0])
    put("moments", "before_message", "skill", "Ask first.")
    todo = put("plan", "", "objectives", "ask first")
    assert "is missing" in todo["plan", "model_encounter.listen_for"]
    put("plan", "", "model_encounter.listen_for", "The first question.")
    put("plan", "", "first_try.task", "Ask.")
    put("plan", "", "another_try.task", "Ask again.")
    todo = put("plan", "", "reflection", "What did you hear?")
    assert list(todo) == [("drills", "")]
    draft = CaseDraft(added(draft, "drills", "no_such_moment")[0])
    assert "“Why it is worth the practice”" in sentences(draft)["drills", "why"]
    todo = put("drills", "0", "why", "It is forgotten.")
    assert "the case has no moment" in todo["drills", "moment"].lower()
    assert put("drills", "0", "moment", "before_message") == {}
    plan = CoursePlan.model_validate(values_of(draft.files[COURSE_FILE]), strict=False)
    assert [each.moment for each in plan.drills] == ["before_message"]
    # and all of it out again
    draft = CaseDraft(removed(draft, "drills", "0"))
    for path in ("objectives", "model_encounter.listen_for", "reflection"):
        put("plan", "", path, "")
    put("plan", "", "first_try.task", "")
    put("plan", "", "another_try.task", "")
    assert COURSE_FILE not in draft.files
    put("lines", "feeling", "variants.0.text", "")
    put("lines", "q_next", "asks.replies.1.on", [])
    put("turn_taking", "", "floor.prompt_after_s", "")
    put("critical_items", "silence", "rule.kind", "silence")
    put("critical_items", "silence", "rule.after", ["main_message"])
    draft = CaseDraft(removed(draft, "moments", "before_message"))
    assert values_of(draft.files[CASE_FILE]) | {"moments": []} == values_of(first[CASE_FILE]) | {
        "moments": []
    }


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


def test_a_card_is_saved_beside_a_part_that_is_empty() -> None:
    files = case_from_note(read_note("Mr. Al Bo, 40, waits."), "a-case")
    draft = CaseDraft(files)
    line = draft.cards("lines")[-1]
    values = deepcopy(draft.case)
    values["lines"].insert(0, None)
    beside = CaseDraft({**files, CASE_FILE: json.dumps(values)})
    after = CaseDraft(saved(beside, "lines", line.id, {"text": "I am still here."}))
    assert after.card("lines", line.id).value["text"] == "I am still here."
