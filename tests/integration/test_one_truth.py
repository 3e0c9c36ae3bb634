"""One truth: every figure of an attempt or a recording is the same wherever it is shown.

For an attempt of each case, and for two recordings: the page, its timeline, the terminal, the
items, the rater's sheet, progress, the analysis and the export. Sound and journal differ on
purpose, as they do in a real record: a reader of the wrong one shows other figures.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from simvoice import display
from simvoice.app.attempt_header import build_header, turn_taking_of
from simvoice.audio import RATE, Pcm16, samples
from simvoice.cli import app
from simvoice.debrief.build import build_debrief
from simvoice.debrief.model import Debrief
from simvoice.debrief.rater_sheet import blind_sheet, blind_timeline
from simvoice.patient.mind import Patient
from simvoice.progress.brief import build_brief
from simvoice.reading.reading import Reading, read
from simvoice.record.events import LearnerVoice, PatientSpeech
from simvoice.record.store import Attempt, Store
from simvoice.scoring.instruments.instrument import items as every_item
from simvoice.scoring.metrics.definitions import definitions
from simvoice.scoring.metrics.registry import measure_reading
from simvoice.simulate.demo import load_demo
from simvoice.web.app import create_app
from simvoice.web.security import StartKey
from tests.conversation.world import World
from tests.planted.builder import add_voice, record, speech_like
from tests.shipped_cases import CASE_IDS, FILES, shipped_case
from tests.web.stand_in import HOST, StandIn

pytestmark = pytest.mark.slow

LATE_S = 0.06
"""Seconds by which the live detector hears the end of the learner's voice late."""
TAIL_S = 0.2
"""Seconds by which a line of the patient goes on in the journal after its last sound."""

Row = dict[str, str]


# -- attempts -------------------------------------------------------------------------------------


def play(case_id: str, manner: str) -> World:
    """Play the simulated learner of a case to its real patient, in virtual time.

    The poor learner speaks every 4 s, into the patient's lines and silences, the skilled one
    every 9 s.
    """
    world = World(mind=Patient(shipped_case(case_id), None))  # type: ignore[arg-type]
    each_s = 4.0 if manner == "poor" else 9.0
    at_s = 3.0
    for number, step in enumerate(load_demo(FILES[case_id], manner).steps):  # type: ignore[arg-type]
        if step.say is None:  # the learner waits
            at_s += each_s
            continue
        length_s = 0.35 * len(step.say.split())
        world.learner(at_s, at_s + length_s, step.say)
        at_s += length_s + each_s
        if number == 1:
            world.learner(at_s - each_s + 2.2, at_s - each_s + 2.6, "Mm-hm.")
    return world.end(at_s + 4.0).run(at_s + 6.0)


def sound_of(world: World) -> tuple[Pcm16, Pcm16]:
    """Sound for a journal: the learner's voice ends before the live detector says so, and each line
    of the patient before its entry does."""
    quiet = np.random.default_rng(5).normal(0.0, 3e-4, samples(world.now_s))
    own = [(v.start_s, v.end_s - LATE_S) for v in world.entries(LearnerVoice)]
    lines = [(s.start_s, max(s.start_s + 0.2, s.end_s - TAIL_S)) for s in world.speeches]
    channels = (add_voice(quiet, spans, speech_like) for spans in (own, lines))
    learner, patient = (np.round(32_000 * each).clip(-32_768, 32_767) for each in channels)
    return learner.astype(np.int16), patient.astype(np.int16)


@cache
def played(case_id: str) -> World:
    return play(case_id, "poor" if CASE_IDS.index(case_id) % 2 else "skilled")


def plant(root: Path, case_id: str) -> Attempt:
    world, case = played(case_id), shipped_case(case_id)
    header = build_header(
        case,
        attempt=f"20261129-1000{CASE_IDS.index(case_id):02}-{case_id}-test",
        line=world.line.facts,
        turn_taking=turn_taking_of(case),
        models={},
        seed=1,
        learner="Robin",
    )
    return record(root, header, world.notes, sound_of(world))


@dataclass(frozen=True)
class Shown:
    """An attempt, and what each place shows of it."""

    attempt: Attempt
    reading: Reading
    debrief: Debrief
    page: str
    timeline: dict[str, Any]
    tables: dict[str, list[Row]]
    """Of the export, by name."""
    home: Path

    def command(self, *words: str) -> str:
        return run(self.home, *words)


def run(home: Path, *words: str) -> str:
    environment = {"SIMVOICE_HOME": str(home), "COLUMNS": "100"}
    done = CliRunner().invoke(app, words, env=environment, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def export(home: Path, *what: str) -> dict[str, list[Row]]:
    folder = home / "export"
    run(home, "export", *what, "--only", "csv,rttm", "--out", str(folder), "--replace")
    found = {}
    for path in (folder / "tables").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            found[path.stem] = list(csv.DictReader(file))
    return found


@pytest.fixture(scope="module", params=CASE_IDS)
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    home = tmp_path_factory.mktemp("home")
    attempt = plant(home / "attempts", request.param)
    reading = read(attempt)
    start_key = StartKey()
    cookies = {start_key.cookie_name(HOST): start_key.cookie}
    served = create_app(StandIn(home / "attempts"), start_key)
    with TestClient(served, base_url=f"http://{HOST}", cookies=cookies) as client:
        page = client.get(f"/attempts/{attempt.id}").text
        timeline = client.get(f"/attempts/{attempt.id}/timeline").json()
    debrief = build_debrief(attempt, reading)
    return Shown(attempt, reading, debrief, page, timeline, export(home, attempt.id), home)


def test_the_encounters_have_what_there_is_to_compare() -> None:
    """Without these kinds of events, the comparison would be of little."""
    kinds: Counter[str] = Counter()
    for case_id in CASE_IDS:
        kinds.update(entry.type for entry in played(case_id).notes)
    for kind in ("interruption", "backchannel", "hold", "delay", "patient_move"):
        assert kinds[kind] >= 2, kinds


def test_sound_and_journal_differ_and_the_sound_counts(shown: Shown) -> None:
    assert shown.reading.sound is not None
    before = [e.end_s for e in shown.attempt.entries if isinstance(e, PatientSpeech)]
    after = [e.end_s for e in shown.reading.of(PatientSpeech)]
    assert np.median(np.array(before) - np.array(after)) == pytest.approx(TAIL_S, abs=0.05)


# -- numbers --------------------------------------------------------------------------------------


def number(cell: str) -> float | None:
    return float(cell) if cell else None


def same(one: float | None, other: float | None) -> bool:
    return one == other if one is None or other is None else one == pytest.approx(other, abs=2e-6)


def test_every_number_is_the_same_everywhere(shown: Shown) -> None:
    truth = {m.key: (m.value, m.low, m.high) for m in measure_reading(shown.reading)}
    assert truth.keys() == {entry.key for entry in definitions()}
    brief = build_brief(shown.attempt, shown.reading, shown.debrief)
    (analysed,) = json.loads(
        shown.command("analyze", shown.attempt.id, "--out", str(shown.home / "results"), "--json")
    )["conversations"]
    wide = next(iter(shown.tables["metrics_wide"]))
    places: dict[str, Iterable[tuple[str, float | None, float | None, float | None]]] = {
        "debrief": ((n.key, n.value, n.low, n.high) for n in shown.debrief.numbers),
        "progress": ((n.key, n.value, n.low, n.high) for n in brief.numbers),
        "metrics_long": (
            (r["metric"], number(r["value"]), number(r["low"]), number(r["high"]))
            for r in shown.tables["metrics_long"]
        ),
        "metrics_wide": (
            (key, *(number(wide[f"{key}{end}"]) for end in ("", "_low", "_high")))  # type: ignore[misc]
            for key in truth
            if f"{key}_low" in wide
        ),
        "analyze": (
            (key, each["value"], each.get("low"), each.get("high"))
            for key, each in analysed["metrics"].items()
        ),
    }
    for place, found in places.items():
        seen = 0
        for key, *values in found:
            seen += 1
            assert all(map(same, truth[key], values)), (place, key, truth[key], values)
        assert seen >= 7, place


def test_numbers_of_counts_and_sums_are_those_of_the_listed_events(shown: Shown) -> None:
    truth = {m.key: m.value for m in measure_reading(shown.reading)}
    events = shown.tables["events"]

    def of(kind: str, owner: str = "", **also: str) -> list[Row]:
        found = [e for e in events if e["kind"] == kind and owner in ("", e["owner"])]
        return [e for e in found if all(e[name] == value for name, value in also.items())]

    def total(found: list[Row], column: str = "length_s") -> float:
        return sum(float(e[column] or 0) for e in found)

    cuts = of("interruption", "learner")
    silences = of("silence")
    overlaps = of("overlap_between") + of("overlap_within")
    counts = {
        "interruptions": len(cuts),
        "interruption_attempts": len(of("interruption_attempt", "learner")),
        "early_starts": len(of("early_start", "learner")),
        "patient_interruptions": len(of("interruption", "patient")),
        "backchannels": len(of("backchannel", "learner")),
        "overlap_time": total(overlaps),
        "words_lost": total(cuts, "words_lost"),
        "seconds_lost": total(cuts, "seconds_lost"),
        "silences": len(silences),
        "silence_time": total(silences),
        "silences_after_question": len(of("silence", silence="after_question")),
        "holds_held": len(of("hold", outcome="held")),
        "holds_filled": len(of("hold", outcome="filled")),
        "learner_turns": sum(t["who"] == "learner" for t in shown.tables["turns"]),
    }
    if cuts:
        counts["interruption_depth"] = float(np.median([float(e["length_s"]) for e in cuts]))
        counts["first_interruption"] = min(float(e["start_s"]) for e in cuts)
    if silences:
        counts["longest_silence"] = max(float(e["length_s"]) for e in silences)
    known = {key: value for key, value in counts.items() if truth[key] is not None}
    assert len(known) >= 10
    assert {key: truth[key] for key in known} == pytest.approx(known, abs=2e-5)


def test_an_item_with_a_metric_shows_that_metric(shown: Shown) -> None:
    truth = {m.key: m.value for m in measure_reading(shown.reading)}
    rules = {key: item.rule for key, item in every_item().items()}
    judged = [
        item
        for scored in (*shown.debrief.headings, *shown.debrief.instruments)
        for item in scored.items
        if item.rule_kind == "metric" and item.outcome != "not judged"
    ]
    assert judged
    for item in judged:
        assert same(item.value, truth[rules[item.id].metric]), item.id  # type: ignore[union-attr]


# -- events and rows ------------------------------------------------------------------------------

KIND_OF_EVENT = {"together": "simultaneous_start"}
ALWAYS_MARKED = ("hold", "interruption", "overlap")


def test_every_mark_of_the_page_is_an_event_of_the_export(shown: Shown) -> None:
    events = shown.tables["events"]

    def key(kind: str, *times: float) -> tuple[str, ...]:
        kind = kind.removesuffix("_between").removesuffix("_within")
        return kind, *(f"{each:.4f}" for each in times)

    listed = Counter(
        key(e["kind"], float(e["start_s"]), float(e["end_s"]), float(e["length_s"])) for e in events
    )
    marks = Counter(
        key(KIND_OF_EVENT.get(m.kind, m.kind), m.start_s, m.end_s, m.length_s)
        for m in shown.debrief.marks
    )
    assert marks
    assert not marks - listed
    for kind in ALWAYS_MARKED:
        assert {k: n for k, n in marks.items() if k[0] == kind} == {
            k: n for k, n in listed.items() if k[0] == kind
        }
    assert shown.timeline["marks"] == [
        mark.model_dump(mode="json") | {"length": display.duration(mark.length_s)}
        for mark in shown.debrief.marks
    ]


def test_rows_and_lanes_are_the_export_s_and_the_rater_s(shown: Shown) -> None:
    exported = [
        (u["who"], float(u["start_s"]), float(u["end_s"]), u["text"])
        for u in shown.tables["utterances"]
    ]
    rows = [
        (r.who, r.start_s, r.end_s, r.text) for r in shown.debrief.rows if r.kind != "backchannel"
    ]
    assert sorted(rows) == sorted(exported)
    sheet = blind_sheet(shown.attempt, shown.reading, "kim")
    spoken = [(r.who, r.start_s, r.text) for r in shown.debrief.rows if r.text]
    assert sorted((line.who, line.start_s, line.text) for line in sheet.lines) == sorted(spoken)
    assert sheet.duration_s == shown.debrief.duration_s == shown.timeline["duration_s"]
    stretches = sorted(
        (s["who"], s["kind"], float(s["start_s"]), float(s["end_s"]))
        for s in shown.tables["speech"]
    )
    lanes = sorted(
        (lane.who, s.kind, s.start_s, s.end_s)
        for lane in shown.debrief.lanes
        for s in lane.segments
    )
    assert [each[:2] for each in lanes] == [each[:2] for each in stretches]
    assert np.array([each[2:] for each in lanes]) == pytest.approx(
        np.array([each[2:] for each in stretches]), abs=1e-5
    )
    blind = blind_timeline(shown.attempt, shown.reading)
    for lane in blind["lanes"]:
        own = [(s["start_s"], s["end_s"]) for s in lane["segments"]]
        speech = [each[2:] for each in stretches if each[:2] == (lane["who"], "speech")]
        assert np.array(own) == pytest.approx(np.array(speech), abs=1e-5)


def test_rttm_has_the_speech_of_the_tables(shown: Shown) -> None:
    (path,) = (shown.home / "export").rglob("*.rttm")
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    times = sorted((float(x[3]), float(x[3]) + float(x[4])) for x in lines if x[0] == "SPEAKER")
    speech = [s for s in shown.tables["speech"] if s["kind"] != "noise"]
    table = sorted((float(s["start_s"]), float(s["end_s"])) for s in speech)
    assert np.array(times) == pytest.approx(np.array(table), abs=2e-3)


def test_moments_of_items_cues_advice_and_turning_points_are_in_the_transcript(
    shown: Shown,
) -> None:
    debrief = shown.debrief
    rows = {t for r in debrief.rows for t in (r.start_s, r.end_s)}
    events = {t for e in shown.reading.events for t in (e.start_s, e.end_s)}
    moves = {point.at_s for point in debrief.ledger}
    known = np.array(sorted(rows | events | moves | {0.0}))
    sheets = (*debrief.headings, *debrief.instruments)
    moments = [e.at_s for s in sheets for item in s.items for e in item.evidence]
    moments += [cue.at_s for cue in debrief.cues]
    moments += [s.moment.at_s for s in debrief.suggestions if s.moment]
    moments += [p.moment.at_s for p in debrief.turning_points]
    moments += [each.at_s for each in debrief.told]
    brief = build_brief(shown.attempt, shown.reading, debrief)
    moments += [each.at_s for each in brief.did]
    assert len(moments) > 10
    strays = [at for at in moments if np.abs(known - at).min() > 0.0011]
    assert strays == []


# -- text -----------------------------------------------------------------------------------------

FIGURE = re.compile(r"(?<![\d.:])(\d+(?:\.\d+)?) (s|words? per minute|words?|%)(?![\w/])")
LONG = re.compile(r"(\d+) min(?:utes?)?(?: (\d+) s(?:econds)?)?(?![\w/])")


def figures(text: str) -> Iterator[tuple[str, str]]:
    """(number, unit) of every figure in a text; "1 min 22 s" is one of 82 s."""
    text = LONG.sub(lambda found: f"{60 * int(found[1]) + int(found[2] or 0)} s", text)
    for found in FIGURE.finditer(text):
        yield found[1], "word" if found[2] in ("word", "words") else found[2]


def is_known(figure: str, pool: np.ndarray) -> bool:
    """Whether a number of the pool is shown as this figure, rounded or cut at its last decimal."""
    decimals = len(figure.partition(".")[2])
    unit = 10.0**-decimals
    return bool(np.any(np.abs(pool - float(figure)) < unit * (1.0 + 1e-6)))


def pool_of(shown: Shown) -> dict[str, np.ndarray]:
    """All values of the reading and the debrief, by unit."""
    numbers = shown.debrief.numbers
    ends = {
        unit: [e for n in numbers if n.unit == unit for e in (n.value, n.low, n.high)]
        for unit in ("seconds", "percent", "count", "words", "words per minute")
    }
    lengths = [length for e in shown.reading.events for length in (e.length_s, e.seconds_lost)]
    sheets = (*shown.debrief.headings, *shown.debrief.instruments)
    shares = [share for s in sheets for share in (s.share, *(s.interval or ()))]
    shares += [x for s in sheets for i in s.items for x in (i.value, *(i.interval or ()))]
    pools = {
        "s": [*ends["seconds"], *lengths, shown.debrief.duration_s],
        "%": [*ends["percent"], *(100.0 * s for s in shares if s is not None)],
        "words per minute": ends["words per minute"],
        "word": [*ends["words"], *ends["count"], *(e.words_lost for e in shown.reading.events)],
    }
    share = next((n.value for n in numbers if n.key == "talk_share"), None)
    if share is not None:
        pools["%"].append(100.0 - share)
    return {u: np.array([v for v in values if v is not None]) for u, values in pools.items()}


def fixed_texts(shown: Shown) -> set[str]:
    """Texts whose numbers are no figures of this attempt: definitions, rules, sources, words."""
    debrief = shown.debrief
    sheets = (*debrief.headings, *debrief.instruments)
    fixed = {t for n in debrief.numbers for t in (n.definition, n.source, *n.norms)}
    fixed |= {t for s in sheets for i in s.items for t in (i.text, i.rule, i.reason, i.note)}
    fixed |= {i.interval_note for s in sheets for i in s.items}
    fixed |= {t for s in sheets for i in s.items for e in i.evidence for t in (e.quote, e.shows)}
    fixed |= {t for r in debrief.rows for t in (r.text, r.unsaid, r.move)}
    fixed |= {t for s in debrief.suggestions for t in (s.sentence, s.words)}
    fixed |= {t for u in debrief.unsaid for t in (u.words, u.before)}
    fixed |= {debrief.norms_note, *(f.text for f in debrief.felt), *(t.text for t in debrief.told)}
    fixed |= {text for sheet in sheets for text in (sheet.source, sheet.about)}
    fixed |= {words for p in debrief.turning_points for words in (p.words, p.answer)}
    return {" ".join(text.split()) for text in fixed if text}


def without(text: str, fixed: Iterable[str]) -> str:
    text = " ".join(text.split())
    for each in sorted(fixed, key=len, reverse=True):
        text = text.replace(each, " … ")
    return text


NOT_OF_THE_ATTEMPT = re.compile(
    r"silences? of 2 s|2 s (?:and|or) more|90 % interval|95 % interval"
    r"|[\d.]+ s of the (?:conversation|sound)"
)


@pytest.mark.parametrize("place", ["page", "terminal", "numbers", "items"])
def test_every_figure_in_a_text_is_one_of_the_reading(shown: Shown, place: str) -> None:
    if place == "page":
        body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", shown.page, flags=re.S)
        text = unescape(re.sub(r"<[^>]+>", " ", body))
    else:
        options = [] if place == "terminal" else [f"--{place}"]
        text = shown.command("debrief", shown.attempt.id, *options)
    text = NOT_OF_THE_ATTEMPT.sub(" ", without(text, fixed_texts(shown)))
    pools = pool_of(shown)
    found = [(figure, unit) for figure, unit in figures(text)]
    assert found or place == "items"  # evidence is fixed, and counts of items have no unit
    assert [each for each in found if not is_known(each[0], pools[each[1]])] == []


# -- recordings -----------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["with a transcript", "without"])
def analysed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """(home, what `analyze --json` says, the stored result) of one recording."""
    home = tmp_path_factory.mktemp("recordings")
    folder = home / "visits"
    if request.param == "without":
        folder.mkdir()
        sound = np.column_stack(sound_of(played(CASE_IDS[1])))
        soundfile.write(folder / "visit2.wav", sound, RATE, subtype="PCM_16")
    else:
        kept = Path(__file__).parents[1] / "kept" / "release-0.1" / "recordings"
        shutil.copytree(kept, folder)
    out = home / "results"
    said = json.loads(run(home, "analyze", str(folder), "--out", str(out), "--json"))
    (conversation,) = said["conversations"]
    (path,) = out.glob("*.json")
    return home, conversation, json.loads(path.read_bytes())


def test_a_recording_has_the_same_figures_everywhere(
    analysed: tuple[Path, dict[str, Any], dict[str, Any]],
) -> None:
    home, said, stored = analysed
    tables = export(home, str(home / "results"))
    truth = {m["key"]: (m["value"], m["low"], m["high"]) for m in stored["metrics"]}
    for row in tables["metrics_long"]:
        values = (number(row["value"]), number(row["low"]), number(row["high"]))
        assert all(map(same, truth[row["metric"]], values)), row
    for key, each in said["metrics"].items():
        assert same(truth[key][0], each["value"]), key
    for name in ("events", "turns"):
        own = [(e["start_s"], e["end_s"]) for e in stored[name]]
        listed = [(float(e["start_s"]), float(e["end_s"])) for e in tables[name]]
        assert np.array(listed) == pytest.approx(np.array(own), abs=1e-5)
    kinds = Counter(e["kind"] for e in tables["events"] if e["owner"] == "learner")
    assert truth["interruptions"][0] in (None, kinds["interruption"])
    assert truth["backchannels"][0] in (None, kinds["backchannel"])
    printed = run(home, "analyze", str(home / "visits"), "--out", str(home / "results"))
    printed = without(printed, {" ".join(m["reason"].split()) for m in stored["metrics"]} - {""})
    for figure, _ in figures(printed):
        pool = np.array([v for values in truth.values() for v in values if v is not None])
        assert is_known(figure, np.append(pool, [stored["length_s"], stored["length_s"] % 60])), (
            figure
        )


def test_an_attempt_without_sound_has_one_truth_too(tmp_path: Path) -> None:
    attempt = plant(tmp_path / "attempts", CASE_IDS[0])
    for path in attempt.folder.glob("audio.*"):
        path.unlink()
    silent = Store(tmp_path / "attempts").open(attempt.id)
    reading = read(silent)
    assert reading.sound is None
    debrief = build_debrief(silent, reading)
    tables = export(tmp_path, attempt.id)
    truth = {n.key: n.value for n in debrief.numbers}
    for row in tables["metrics_long"]:
        assert same(truth[row["metric"]], number(row["value"])), row
    cuts = [m.start_s for m in debrief.marks if m.kind == "interruption"]
    listed = [float(e["start_s"]) for e in tables["events"] if e["kind"] == "interruption"]
    assert cuts == pytest.approx(listed, abs=1e-5)
