"""`simvoice bench debrief --claims FOLDER`: every claim of chosen debriefs beside its record.

A reader who did not write the code judges each numbered claim: true, false, or cannot be told from
the record. A claim is all that a debrief says about one encounter, on the page and in the terminal:
the outcome of an item, the label of a quoted moment, a count, a remark, the reason of a suggestion,
a number. What the debrief asks the learner is listed as a question: it is wrong only where its
quote, its time or a fact in it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from simvoice import paths
from simvoice.bench.discrimination import FIRST_SEED, embedder, patient_of
from simvoice.bench.scripted_learners import KINDS, LearnerKind, load_learners
from simvoice.bench.virtual_encounter import play
from simvoice.coding.grade import Grade
from simvoice.debrief.build import build_debrief
from simvoice.debrief.layout import PageView, view
from simvoice.debrief.model import Debrief, ItemResult, Scored
from simvoice.debrief.wording import (
    cannot_tell,
    cause_named,
    cue_answer,
    moved,
    not_told,
    outcome_words,
    tally_cues,
)
from simvoice.display import clock, duration, points, signed_points
from simvoice.errors import UsageError
from simvoice.reading.reading import Reading, read
from simvoice.record.events import (
    Backchannel,
    Ended,
    Hold,
    Interruption,
    LearnerTurn,
    PatientMove,
    PatientSpeech,
)

_MARKS: Final = frozenset({"silence", "hold", "interruption", "together", "overlap", "backchannel"})
"""Marks that page or terminal put in words; pauses and gaps are only drawn."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim, or one question to the learner."""

    section: str
    text: str
    grade: Grade = "certain"
    """possible: a question."""


def run(
    folder: Path,
    cases: Sequence[str] = (),
    kinds: Sequence[str] = (),
    numbers: Sequence[int] = (),
) -> dict[str, int]:
    """Write one page for each chosen encounter below `folder`; return (page: number of claims).

    cases: ids; all with learners when empty. kinds: all when empty. numbers: of the encounters of
    one kind, from 0; the first when empty. Raises UsageError for an unknown case or kind.
    """
    files = {
        file.parent.name: file
        for each in paths.case_dirs()
        for file in sorted(each.glob("*/learners.yaml"))
    }
    asked = [(name, list(files)) for name in cases] + [(name, list(KINDS)) for name in kinds]
    for name, known in asked:
        if name not in known:
            raise UsageError(f"{name[:60]!r} has no scripted learners; known: {', '.join(known)}")
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for case in cases or files:
        for kind in KINDS:
            for number in numbers or (0,) if not kinds or kind in kinds else ():
                page, count = _page(files[case], kind, number)
                name = f"{case}-{kind.replace('_', '-')}-{number}"
                (folder / f"{name}.md").write_text(page, encoding="utf-8")
                found[name] = count
    return found


def _page(file: Path, kind: LearnerKind, number: int) -> tuple[str, int]:
    """The page of one encounter, and its number of claims."""
    scripts = load_learners(file).learners[kind]
    script = scripts[number % len(scripts)]
    patient = patient_of(file.with_name("case.yaml"))
    with TemporaryDirectory(prefix="simvoice-bench-") as folder:
        attempt = play(patient, embedder(), script, kind, FIRST_SEED + number, Path(folder))
        reading = read(attempt)
        debrief = build_debrief(attempt, reading, with_peaks=False)
    claims = tuple(claims_of(debrief))
    lines = [f"# {debrief.title}: {kind}, encounter {number}", "", "## The record", ""]
    lines += _record(reading, debrief)
    lines += ["", "## The debrief, claim by claim", ""]
    section = ""
    for n, claim in enumerate(claims, 1):
        if claim.section != section:
            section = claim.section
            lines += ["", f"### {section}", ""]
        asks = "(question) " if claim.grade == "possible" else ""
        lines.append(f"{n}. {asks}{claim.text}")
    return "\n".join([*lines, ""]), len(claims)


# -- the record -------------------------------------------------------------------------------


def _record(reading: Reading, debrief: Debrief) -> list[str]:
    """Words, silences and changes of the patient's state, in order of time."""
    rows: list[tuple[float, str]] = []
    name = debrief.patient_name
    for entry in reading.entries:
        match entry:
            case LearnerTurn():
                rows.append((entry.start_s, f"LEARNER (to {_s(entry.end_s)}): {entry.text}"))
            case PatientSpeech() if entry.heard:
                cut = f" [not said: {entry.unsaid}]" if entry.unsaid else ""
                rows.append((entry.start_s, f"{name} (to {_s(entry.end_s)}): {entry.heard}{cut}"))
            case Backchannel():
                rows.append((entry.start_s, f"LEARNER, acknowledging: {entry.text}"))
            case Hold():
                rows.append((entry.start_s, f"[silence until {_s(entry.end_s)}: {entry.outcome}]"))
            case Interruption():
                rows.append(
                    (entry.start_s, f"[the learner takes the turn: {entry.lost_words} lost]")
                )
            case PatientMove():
                steps = "; ".join(
                    f"{s.name} {signed_points(s.after - s.before)} ({s.cause})" for s in entry.steps
                )
                now = ", ".join(f"{k} {points(v)}" for k, v in entry.ledger.items())
                why = f"chosen because: {entry.reason}"
                rows.append((entry.at_s, f"[{why}; state: {steps or 'no change'}; now {now}]"))
            case Ended():
                rows.append((entry.at_s, f"[ended: {entry.reason}]"))
            case _:
                continue
    return [f"- {_s(at_s)} {text}" for at_s, text in sorted(rows, key=lambda row: row[0])]


def _s(at_s: float) -> str:
    return f"{int(at_s // 60)}:{at_s % 60:04.1f}"


# -- the claims -------------------------------------------------------------------------------


def claims_of(debrief: Debrief) -> Iterator[Claim]:
    """Every claim of a debrief, in the order of the page."""
    page = view(debrief)
    titles = page.titles
    yield Claim("Head", f"It lasted {duration(debrief.duration_s)}. {debrief.ended}")
    for note in debrief.notes:
        yield Claim("Notes", note)
    for felt in debrief.felt:
        quote = f" “{felt.words}”" if felt.words else ""
        at = f"{clock(felt.at_s)}: " if felt.at_s is not None else ""
        yield Claim(titles.felt, f"{at}“{felt.text}” {felt.why}{quote}")
    for point in debrief.turning_points:
        yield Claim(
            titles.turning_points,
            f"{clock(point.moment.at_s)}: trust {moved(point.before, point.after)}"
            f"{cause_named(point.causes, point.grade)}. You: “{point.words}” "
            f"{debrief.patient_name}: “{point.answer}”",
        )
    for each in debrief.suggestions:
        said = f" You said: “{each.words}”" if each.words else ""
        yield Claim(titles.suggestions, f"{each.title}: {each.why}{said}", each.grade)
    if debrief.keep:
        yield Claim(titles.keep, debrief.keep)
    yield from _items(page)
    if debrief.cues:
        yield Claim("Cues", f"{tally_cues(debrief.cues)}.")
    for cue in debrief.cues:
        yield Claim(
            "Cues",
            f"{clock(cue.at_s)}: {cue.kind} by the case: “{cue.words}” → {cue_answer(cue)}",
            cue.grade,
        )
    for mark in debrief.marks:
        if mark.kind in _MARKS:
            yield Claim("Timing", f"{clock(mark.start_s)}: {mark.label}")
    for unsaid in debrief.unsaid:
        yield Claim(titles.unsaid, f"{clock(unsaid.at_s)}: “{unsaid.before} — {unsaid.words}”")
    if not debrief.unsaid and debrief.rows and not debrief.half_page:
        yield Claim(titles.unsaid, f"{debrief.patient_name} finished every line.")
    yield from _state(page)
    for number in debrief.numbers:
        if number.value is not None:
            yield Claim(titles.numbers, f"{number.name}: {number.shown}. ({number.definition})")
    for row in debrief.rows:
        if row.move:
            yield Claim("Codes", f"{clock(row.start_s)}: chosen by the simulation: {row.move}")
        if row.does:
            codes = ", ".join(code.replace("_", " ") for code in row.does)
            yield Claim("Codes", f"{clock(row.start_s)}: “{row.text}”: {codes}")


def _items(page: PageView) -> Iterator[Claim]:
    for sheet in page.sheets:
        yield Claim(sheet.scored.name, f"{sheet.tally}.")
        for item in sheet.scored.items:
            if not item.human:
                yield from _item(sheet.scored, item)
        if left := [item.text for item in sheet.scored.items if item.human]:
            yield Claim(sheet.scored.name, f"For a human: {'; '.join(left)}.")


def _item(scored: Scored, item: ItemResult) -> Iterator[Claim]:
    outcome = outcome_words(item)
    reason = f" {item.reason}." if item.outcome == "not judged" and item.reason else ""
    reason += f" {why}." if (why := cannot_tell(item)) else ""
    grade: Grade = "possible" if outcome == "open" else "certain"
    yield Claim(scored.name, f"{item.text}: {outcome}.{reason}", grade)
    for each in item.evidence:
        quote = f"“{each.quote}” " if each.quote else ""
        yield Claim(scored.name, f"  for it: {clock(each.at_s)} {quote}({each.shows})", each.grade)


def _state(page: PageView) -> Iterator[Claim]:
    debrief, titles = page.debrief, page.titles
    for curve in page.curves:
        yield Claim(titles.ledger, f"{curve.name} ended at {points(curve.last)}.")
    for change in debrief.changes:
        way = "rose" if change.after > change.before else "fell"
        said = f" “{change.words}”" if change.words else ""
        yield Claim(
            titles.ledger,
            f"{clock(change.at_s)}: {change.name} {way} to {points(change.after)}"
            f"{cause_named([change.cause], change.grade)}{said}",
        )
    for told in debrief.told:
        cut = "" if told.whole else " (cut off)"
        yield Claim(titles.told, f"{clock(told.at_s)}: “{told.words}”{cut} {told.why}")
    if debrief.not_told is not None:
        yield Claim(titles.told, f"{not_told(debrief.not_told)}.")
    for untold in debrief.kept:
        at = f"{clock(untold.at_s)}: " if untold.at_s is not None else ""
        yield Claim(titles.told, f"{at}{untold.why}")
