"""The list of kinds of suggestions: complete, and the same in the guide for authors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simvoice.suggestion_kinds import (
    GENERAL,
    NOTHING,
    SuggestionKind,
    find_kind,
    kind_for_item,
    kind_seen_in,
    suggestible,
    suggestion_kinds,
)

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "writing-a-case.md"


def test_ids_are_unique_and_can_be_written_in_a_case() -> None:
    ids = suggestible()
    assert len(set(ids)) == len(ids)
    assert ids[-1] == NOTHING
    assert all(re.fullmatch(r"[a-z][a-z_]*", each) for each in ids)
    assert find_kind(GENERAL) is not None
    assert find_kind(NOTHING) is None


def test_no_item_belongs_to_two_kinds() -> None:
    items = [item for each in suggestion_kinds() for item in each.items]
    assert len(set(items)) == len(items)
    for item in items:
        kind = kind_for_item(item)
        assert kind is not None
        assert item in kind.items


def test_one_kind_each_is_seen_in_silences_and_in_cues() -> None:
    seen = [each for each in suggestion_kinds() if each.seen_in]
    assert [kind_seen_in("silences"), kind_seen_in("cues")] == seen


def test_a_sentence_with_a_quote_has_a_plain_one() -> None:
    for each in suggestion_kinds():
        assert ("{quote}" in each.sentence) == bool(each.plain), each.id


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match="causes"):
        SuggestionKind.model_validate(
            {"id": "x", "title": "X", "sentence": "X.", "causes": ["cut her off"]}
        )


def test_the_guide_for_authors_lists_every_kind_with_its_title() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    begin = [name for name, _ in rows].index(suggestible()[0])
    listed = rows[begin : begin + len(suggestible())]
    titles = [(each.id, each.title_for("the patient")) for each in suggestion_kinds()]
    assert listed == [*titles, (NOTHING, "(no suggestion)")]
