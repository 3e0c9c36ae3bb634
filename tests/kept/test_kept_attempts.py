"""Attempts that release 0.1 recorded, opened with the code at hand.

In `release-0.1`, `home` is a folder as `SIMVOICE_HOME` names one: six attempts and a case. The
attempts are one that two people rated and its learner objected to, a later one of the same learner
without its sound, another go at a moment of the first, one whose process was killed (its sound is
cut to 4 s, its last line half written), one in Spanish, and one that came to its end, without its
sound. Beside it lies a recording made elsewhere, with its transcript: a doctor in sentences of a
LibriVox reading (public domain), a patient by eSpeak NG. `expected` is what release 0.1 said of
them.

Later versions changed some of it on purpose, and `expected` follows: since one reading serves all,
times are those at which the voices are heard, so times, lengths and what is computed from them
moved a little (`docs/for-researchers.md` lists how); the attempt whose sound is cut is measured
from its journal; the table of errors was fitted anew; a suggestion without a kind in the record is
called "Try another way". Headings over time have counts beside their share. Where the learner had
fewer than four turns, or the encounter broke off, what did not happen is not judged. A debrief
asserts only what is certain: other items are open, and a change has the cause that the case names
only where the words are certain to be that. It asks about no words that only a broad sign speaks
for, and quotes words from several places with gaps. An invitation or a warning is open where words
of its kind may stand before the news; where it is open whether the learner left early, so is the
reason for what is not judged, and no evidence stands below it.

Whatever else a later version moves or renames inside itself, it says the same of them:

- Numbers are equal up to a millionth, for libraries of other versions round differently.
- Strings without a space are names and not prose: ids, states, codes, keys, dates. They are equal.
- Strings that stand in the record itself (what was said, by whom, and why she moved) are what was
  recorded, and not what simvoice says of it today. They are equal.
- `TERMS` are values of the format although they have a space. They are equal.
- Every other string with a space is prose, for people. It may be reworded, but not be lost: where
  there was one there is one.
- `PLACES_AND_MAKERS` are keys whose value is where something lies or what made it. The value only
  has to be there.
- Metrics that the release did not measure are left out.

Keys, the order of everything, and what is null, true or false are equal.
"""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from simvoice.cli import app
from simvoice.errors import CaseError
from simvoice.record.events import RecordedOptions
from simvoice.scoring.metrics.definitions import definition_of

HERE = Path(__file__).resolve().parent
RELEASE = HERE / "release-0.1"
EXPECTED = HERE / "expected"

RATED = "20261128-223225-breast-biopsy-2j6s"
SECOND = "20261128-223713-breast-biopsy-e4sa"
AGAIN = "20261128-223358-breast-biopsy-7daa"
CRASHED = "20261128-223517-breast-biopsy-zfwv"
SPANISH = "20261128-223552-breast-biopsy-jhst"
ENDED = "20261128-224022-sudden-death-ubn8"
ATTEMPTS = (RATED, SECOND, AGAIN, CRASHED, SPANISH, ENDED)

CASE = "breast-biopsy-early"

TABLES = ("conversations", "metrics_wide", "metrics_long", "turns", "events", "speech")
"""Those of an export that are made from attempts."""

TERMS = frozenset(
    {
        *("not met", "not judged", "may be trusted", "not yet known", "do not trust"),
        *("left to humans", "no change that can be told from chance", "not comparable"),
        *("amiss by the ledger", "yes or no", "first file", "second file"),
    }
)
ADDED = {"suggests": "", "after_you": False, "is_typed": False}
"""Fields of journal entries that release 0.1 did not write, with the value for not stated."""
ADDED_SHOWN = {
    "is_typed": False,
    "own_views": [],
    "continues": "",
    "continues_at_s": 0.0,
    "moment_title": "",
}
"""The same of lists and debriefs."""
PLACES_AND_MAKERS = frozenset({"folder", "result", "simvoice", "fingerprint"})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the release left behind, since opening an attempt may write into it."""
    copy = tmp_path / "home"
    shutil.copytree(RELEASE / "home", copy)
    shutil.copytree(RELEASE / "recordings", tmp_path / "recordings")
    monkeypatch.setenv("SIMVOICE_HOME", str(copy))
    return copy


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def answer(*arguments: str | Path) -> Any:
    return json.loads(run(*arguments, "--json"))


# -- what is compared -----------------------------------------------------------------------


def differences(expected: Any, found: Any, at: str = "") -> Iterator[str]:
    """A sentence for each place where what was found is not what the release said."""
    match expected, found:
        case dict(), dict():
            if list(expected) != list(found):
                yield f"{at} has the keys {list(found)} and not {list(expected)}"
                return
            for key, value in expected.items():
                if key in PLACES_AND_MAKERS:
                    if bool(value) != bool(found[key]):
                        yield f"{at}.{key} is {found[key]!r}"
                else:
                    yield from differences(value, found[key], f"{at}.{key}")
        case list(), list():
            if len(expected) != len(found):
                yield f"{at} has {len(found)} entries and not {len(expected)}"
                return
            for number, (one, other) in enumerate(zip(expected, found, strict=True)):
                yield from differences(one, other, f"{at}[{number}]")
        case str(), str() if is_prose(expected):
            if not found.strip():
                yield f"{at} says nothing any more; it said {expected!r}"
        case _:
            if not is_same(expected, found):
                yield f"{at} is {found!r} and not {expected!r}"


def is_prose(text: str) -> bool:
    return " " in text.strip() and text not in TERMS and text not in recorded()


def is_same(expected: Any, found: Any) -> bool:
    numbers = (int, float)
    if isinstance(expected, numbers) and isinstance(found, numbers):
        is_truth = isinstance(expected, bool)
        if is_truth != isinstance(found, bool):
            return False
        return math.isclose(expected, found, rel_tol=1e-6, abs_tol=1e-6)
    return type(expected) is type(found) and bool(expected == found)


@cache
def recorded() -> frozenset[str]:
    """Every string in the headers, journals and remarks of the kept attempts."""
    found: set[str] = set()
    for attempt in ATTEMPTS:
        folder = RELEASE / "home" / "attempts" / attempt
        found |= set(strings(json.loads((folder / "header.json").read_bytes())))
        for path in folder.glob("*.jsonl"):
            found |= set(strings(lines_of(path)))
    return frozenset(found)


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def lines_of(path: Path) -> list[Any]:
    """The lines of a file of JSON lines; a last one that was cut off is left out."""
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def as_said(name: str, found: Any) -> None:
    """Hold an answer against the one in `expected`."""
    expected = json.loads((EXPECTED / f"{name}.json").read_bytes())
    shown = without_added(without_later_metrics(found), ADDED_SHOWN)
    assert list(differences(expected, shown, name)) == []


@cache
def later_metrics() -> frozenset[str]:
    """Names of metrics, and of their columns, that the release did not measure."""
    debrief = json.loads((EXPECTED / f"debrief-{RATED}.json").read_bytes())
    later = definition_of().keys() - {number["key"] for number in debrief["numbers"]}
    return frozenset(f"{key}{end}" for key in later for end in ("", "_low", "_high"))


def without_later_metrics(value: Any) -> Any:
    """An answer without the metrics that the release did not measure."""
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if key not in later_metrics()}
        return {key: without_later_metrics(each) for key, each in kept.items()}
    if isinstance(value, list):
        return [without_later_metrics(each) for each in value if not is_later(each)]
    return value


def is_later(entry: Any) -> bool:
    """Whether an entry of a list or a row of a table is about such a metric."""
    names = (entry.get("key"), entry.get("metric")) if isinstance(entry, dict) else ()
    return any(name in later_metrics() for name in names)


def without_added(value: Any, added: dict[str, Any] = ADDED) -> Any:
    """A value without the fields of `added`, each of which has to say that nothing is known."""
    if isinstance(value, dict):
        assert all(value.get(key, empty) == empty for key, empty in added.items())
        return {key: without_added(each, added) for key, each in value.items() if key not in added}
    return [without_added(each, added) for each in value] if isinstance(value, list) else value


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cells_of(rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Rows of a CSV file, with numbers as numbers."""
    return [{key: cell_of(text) for key, text in row.items()} for row in rows]


def cell_of(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


# -- attempts -------------------------------------------------------------------------------


def test_every_attempt_is_listed_with_its_state(home: Path) -> None:
    as_said("attempts", answer("attempts", "list"))


def test_the_one_that_was_cut_off_is_recovered(home: Path) -> None:
    as_said("recovered", answer("attempts", "recover"))
    states = {each["id"]: each["state"] for each in answer("attempts", "list")["attempts"]}
    assert states == dict.fromkeys(ATTEMPTS, "complete")


@pytest.mark.slow
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_nothing_in_its_journal_or_header_is_lost(home: Path, attempt: str) -> None:
    shown = answer("attempts", "show", attempt)
    folder = RELEASE / "home" / "attempts" / attempt
    entries = without_added(shown["entries"])
    assert list(differences(lines_of(folder / "journal.jsonl"), entries)) == []
    header = json.loads((folder / "header.json").read_bytes())
    assert shown["header"].pop("options") == RecordedOptions().model_dump()
    for younger in ("asks", "uuid", "continues", "moment", "time_s"):
        assert shown["header"].pop(younger) is None  # the release did not state it
    assert list(differences(header, without_later_fields(shown["header"]))) == []


def without_later_fields(value: Any) -> Any:
    """A header without what is younger, and empty: `before` of rules about what to avoid, and what
    would open a fact."""
    if isinstance(value, dict):
        later = {"before"} if value.get("kind") == "avoids" and value.get("before") == [] else set()
        if "trust" in value and "when" in value:
            later |= {"asked_by", "earned_by", "needs"}
        return {k: without_later_fields(each) for k, each in value.items() if k not in later}
    if isinstance(value, list):
        return [without_later_fields(each) for each in value]
    return value


@pytest.mark.slow
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_its_debrief_is_what_it_was(home: Path, attempt: str) -> None:
    as_said(f"debrief-{attempt}", answer("debrief", attempt))
    assert run("debrief", attempt).strip()
    assert run("debrief", attempt, "--items").strip()


# -- what is made of several ----------------------------------------------------------------


@pytest.mark.slow
def test_progress_is_what_it_was(home: Path) -> None:
    as_said("learners", answer("progress"))
    as_said("progress-kim", answer("progress", "kim"))


def test_raters_and_machine_agree_as_they_did(home: Path) -> None:
    as_said("agree", answer("agree"))


@pytest.mark.slow
def test_attempts_measure_as_they_did(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "results"
    given = [each for each in ATTEMPTS if each != CRASHED]
    as_said("analyze-attempts", answer("analyze", *given, "--out", out, "--jobs", "1"))


def test_a_recording_made_elsewhere_measures_as_it_did(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "results"
    found = answer("analyze", tmp_path / "recordings", "--out", out, "--jobs", "1")
    as_said("analyze-recording", found)
    (result,) = out.glob("*.json")
    measured = json.loads(result.read_bytes())
    # the learner's own words, for which release 0.1 did not ask
    assert measured.pop("answers") == []
    assert measured.pop("reflection") is None
    as_said("result", measured)


@pytest.mark.slow
def test_a_voice_free_export_is_what_it_was(home: Path, tmp_path: Path) -> None:
    run("attempts", "recover")
    tables = voice_free(tmp_path)
    for name in TABLES:
        expected = cells_of(rows_of(EXPECTED / "export" / f"{name}.csv"))
        found = without_later_metrics(cells_of(tables[name]))
        assert list(differences(expected, found, name)) == []


def voice_free(folder: Path) -> dict[str, list[dict[str, str]]]:
    """The tables of a voice-free export, with the attempts' ids for their pseudonyms, in order.

    The pseudonyms are numbered by a digest of all that is known of an attempt, prose and version
    and all, so that they are others in another version.
    """
    key, out = folder / "key.csv", folder / "export"
    run("export", "--voice-free", "--only", "csv", "--out", out, "--key", key)
    whose = {row["pseudonym"]: row["conversation"] for row in rows_of(key)}
    found = {}
    for name in TABLES:
        rows = rows_of(out / "tables" / f"{name}.csv")
        own = [{**row, "conversation": whose[row["conversation"]]} for row in rows]
        found[name] = sorted(own, key=lambda row: row["conversation"])
    return found


# -- a case of before -----------------------------------------------------------------------


@pytest.mark.slow
def test_a_case_of_before_is_read(home: Path) -> None:
    as_said("case", outline(answer("cases", "show", CASE)))


def test_a_case_of_before_is_checked_anew_only_when_it_is_completed(home: Path) -> None:
    with pytest.raises(CaseError, match="add `format: 2` below its id"):
        CliRunner().invoke(app, ["cases", "check", CASE], catch_exceptions=False)


def outline(value: Any) -> Any:
    """A case without its prose: names and numbers, and of what is only prose how much there is."""
    if isinstance(value, dict):
        outlined = {key: outline(each) for key, each in value.items()}
        return {key: each for key, each in outlined.items() if each not in (None, "", [], {})}
    if isinstance(value, list):
        if value and all(isinstance(each, str) and " " in each for each in value):
            return len(value)
        return [outline(each) for each in value]
    return "prose" if isinstance(value, str) and " " in value else value
