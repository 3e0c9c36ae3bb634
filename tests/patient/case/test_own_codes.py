"""The codes of one case: the patterns of its news, and codes that only it has."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simvoice.patient.case.schema import Case


def names(case: Case, text: str) -> set[str]:
    return {each.name for each in case.coder.code(text)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The biopsy shows that you have breast cancer.", "headline"),
        ("I'm sorry, it is cancer.", "headline"),
        ("It's cancer", "headline"),
        ("the lump we found is cancer", "headline"),
        ("It's an invasive ductal carcinoma.", "headline_jargon"),
        ("Some of the cells were abnormal.", "euphemism"),
        ("It might be cancer.", "hedged_news"),
        ("It isn't cancer.", "good_news"),
        ("It's benign.", "good_news"),
    ],
)
def test_the_news_of_a_case_is_found_by_its_own_patterns(
    case: Case, text: str, expected: str
) -> None:
    assert expected in names(case, text)


@pytest.mark.parametrize(
    "text",
    [
        "Has anyone in your family had cancer?",
        "It isn't cancer.",
        "Are you worried that it is cancer?",
        "We don't know whether it is cancer.",
        "It could be cancer.",
        "The cancer nurse will call you.",
        "Most breast cancers can be treated.",
        "You don't have cancer.",
        "You thought the lump might be cancer.",
    ],
)
def test_talk_of_cancer_that_is_not_the_news_is_no_headline(case: Case, text: str) -> None:
    assert "headline" not in names(case, text)


def test_a_code_has_the_speakers_words(case: Case) -> None:
    (news,) = [
        each
        for each in case.coder.code("Well. It's breast cancer, Noreen.")
        if each.name == "headline"
    ]
    assert news.words == "It's breast cancer"


def altered(case: Case, **fields: Any) -> Case:
    data = json.loads(case.model_dump_json(exclude={"sha256"}))
    return Case.model_validate_json(json.dumps({**data, **fields}))


def test_a_case_may_add_codes_and_technical_words(case: Case) -> None:
    codes = {"offers_tea": {"means": "Offers tea.", "any": [r"\bcup of tea\b"]}}
    other = altered(case, codes=codes, jargon={"biscuit index": "how many biscuits"})
    assert names(other, "Would you like a cup of tea?") >= {"offers_tea", "small_talk"}
    assert "jargon" in names(other, "The biscuit index is high.")
    assert "jargon" not in names(case, "The biscuit index is high.")


def test_a_code_replaces_the_shared_code_of_the_same_name(case: Case) -> None:
    other = altered(case, codes={"greeting": {"any": ["^ahoy"]}})
    assert "greeting" in names(other, "Ahoy there.")
    assert "greeting" not in names(other, "Hello, Mrs. Tully.")


def test_a_code_may_drop_another_code(case: Case) -> None:
    assert "cancer_mentioned" not in names(case, "I'm sorry, it is cancer.")
    assert "cancer_mentioned" in names(case, "The cancer nurse will call you.")
