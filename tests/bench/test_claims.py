"""Every claim of a debrief is listed once, with questions marked as such."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvoice.bench import claims
from simvoice.debrief.build import build_debrief
from simvoice.errors import UsageError
from simvoice.reading.reading import read
from tests.planted.talk import record


def test_a_debrief_is_listed_section_by_section(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    found = list(claims.claims_of(build_debrief(attempt, read(attempt), with_peaks=False)))
    texts = [each.text for each in found]
    assert len(found) >= 50
    assert len({(c.section, c.text) for c in found if c.section == "Timing"}) == sum(
        c.section == "Timing" for c in found
    )
    assert any("You interrupted Ines" in text for text in texts)
    assert any("taken as “named a feeling”" in text for text in texts)
    asked = [each.text for each in found if each.grade == "possible"]
    assert all("?" in text or ": open." in text for text in asked)


@pytest.mark.parametrize("wrong", [{"cases": ["nowhere"]}, {"kinds": ["nobody"]}])
def test_an_unknown_case_or_kind_is_refused(wrong: dict[str, list[str]], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no scripted learners; known:"):
        claims.run(tmp_path / "pages", **wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "pages").exists()
