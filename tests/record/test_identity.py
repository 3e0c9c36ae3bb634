"""The UUID of an attempt, stated or derived."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest

from simvoice.record.events import Header
from simvoice.record.identity import attempt_uuid, new_uuid
from simvoice.record.store import Store

KEPT = Path(__file__).parents[1] / "kept" / "release-0.1" / "home" / "attempts"

DERIVED = {
    "20261128-223225-breast-biopsy-2j6s": "f8ecc5f0-6b30-5b97-a80b-6de432e07697",
    "20261128-223358-breast-biopsy-7daa": "13831597-d28d-5fb3-a37d-71d31a5ac20f",
    "20261128-223517-breast-biopsy-zfwv": "cc612215-6062-56f9-8329-92a522ff9ebe",
    "20261128-223552-breast-biopsy-jhst": "07e0cb32-f101-57dd-babb-aef1ab39ca61",
    "20261128-223713-breast-biopsy-e4sa": "2a9a999b-989d-5cff-b1e0-98946bab6fc6",
    "20261128-224022-sudden-death-ubn8": "21390943-b2c1-5f40-aa55-d10126ac7df4",
}
"""What attempts of release 0.1 have, for ever: hubs know them by it."""


def header(**changed: object) -> Header:
    return Header.model_validate(
        {
            "attempt": "20260101-090000-breast-biopsy-aaaa",
            "simvoice": "0.1.0",
            "case_id": "breast-biopsy",
            "case_title": "A result",
            "case_sha256": "0" * 64,
            "patient_name": "Ines",
            "seed": 7,
            **changed,
        }
    )


def test_a_stated_uuid_is_the_identity_and_survives_the_file() -> None:
    stated = header(uuid=new_uuid())
    read = Header.model_validate_json(stated.model_dump_json())
    assert attempt_uuid(read) == stated.uuid
    assert new_uuid() != new_uuid()


@pytest.mark.parametrize("attempt", DERIVED)
def test_an_older_record_has_the_uuid_that_is_derived_from_it(attempt: str) -> None:
    found = Store(KEPT).open(attempt).header
    assert found.uuid is None
    assert attempt_uuid(found) == UUID(DERIVED[attempt])
    assert attempt_uuid(found).version == 5


def test_what_a_later_version_adds_to_a_header_does_not_change_it() -> None:
    first = attempt_uuid(header())
    assert attempt_uuid(header(learner="kim", simvoice="0.9", asks=["open"])) == first
    dumped = json.loads(header().model_dump_json())
    assert attempt_uuid(Header.model_validate(dumped)) == first


@pytest.mark.parametrize(
    "changed",
    [
        {"attempt": "20260101-090000-breast-biopsy-aaab"},
        {"case_sha256": "1" * 64},
        {"seed": 8},
        {"machine": "Linux x86_64, 4 cores"},
    ],
)
def test_another_record_has_another_identity(changed: dict[str, object]) -> None:
    assert attempt_uuid(header(**changed)) != attempt_uuid(header())
