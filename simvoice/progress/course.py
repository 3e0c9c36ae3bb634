"""Build a learner's progress: attempts over time, case by case, and what changed.

Only attempts at one version of a case are compared. Retries are left out, because they are parts of
encounters, and a changed case counts as another patient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Literal

from simvoice.errors import UsageError
from simvoice.progress.advice import follow_advice
from simvoice.progress.brief import Brief
from simvoice.progress.brief_store import Skipped, StoreScan, count_learners, normalize_name
from simvoice.progress.compare import (
    TOO_LITTLE,
    ComparedNumber,
    compare_agreed,
    compare_headings,
    compare_metric,
    count_heading,
    find_heading,
    find_number,
    heading_share,
)
from simvoice.progress.model import (
    CaseProgress,
    CourseAttempt,
    KnownLearner,
    NumberSeries,
    ProgressReport,
    SeriesPoint,
)
from simvoice.record.endings import end_words
from simvoice.scoring.instruments.instrument import headings
from simvoice.scoring.metrics.change import minimal_detectable_change
from simvoice.scoring.metrics.definitions import Definition, definitions
from simvoice.scoring.metrics.interval import shipped_errors
from simvoice.scoring.metrics.quantities import quantity, reason_clause, with_interval
from simvoice.scoring.raters.human_range import HumanAgreement, format_value, human_agreements


def list_learners(looked: StoreScan) -> tuple[KnownLearner, ...]:
    """Return all learners with attempts, by name; those without a name come last."""
    found = [(normalize_name(b.learner), b.when) for b in looked.briefs]
    found += [(normalize_name(each.learner), each.when) for each in looked.waiting]
    found += [(normalize_name(name), "") for name, _ in looked.skipped if name is not None]
    last: dict[str, str] = {}
    for name, when in found:
        last[name] = max(last.get(name, ""), when, key=lambda text: _moment(text, ""))
    counted = count_learners(name for name, _ in found)
    return tuple(
        KnownLearner(learner=n, attempts=many, last=last[n]) for n, many in counted.items()
    )


def select_learner(looked: StoreScan, learner: str, case: str | None = None) -> StoreScan:
    """Select the attempts of one learner. Raises UsageError without any.

    learner: the pseudonym; "-" or "" for attempts without one. case: id of the only case to select.
    Skipped attempts of unknown learners stay included.
    """
    name = normalize_name(learner)
    names = [each.learner for each in list_learners(looked)]
    if name not in names:
        near = get_close_matches(name, [each for each in names if each], n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        who = f"by {name!r}" if name else "without a name"
        raise UsageError(
            f"there is no attempt {who}; {hint}to see all learners run: simvoice progress"
        )
    briefs = [each for each in looked.briefs if normalize_name(each.learner) == name]
    waiting = [each for each in looked.waiting if normalize_name(each.learner) == name]
    cases = {b.case_id for b in briefs} | {w.case_id for w in waiting}
    if case is not None and case not in cases:
        known = ", ".join(sorted(cases)) or "none"
        raise UsageError(
            f"there is no finished attempt at the case {case!r}; cases with attempts: {known}"
        )
    return StoreScan(
        tuple(each for each in briefs if case in (None, each.case_id)),
        tuple(each for each in waiting if case in (None, each.case_id)),
        tuple(
            each for each in looked.skipped if each[0] is None or normalize_name(each[0]) == name
        ),
    )


def build_progress(
    learner: str,
    briefs: Sequence[Brief],
    skipped: Iterable[Skipped] = (),
    waiting: int = 0,
) -> ProgressReport:
    """Build the progress of one learner.

    briefs: attempts of this learner, in any order. waiting: number of attempts not read yet.
    """
    by_case: dict[str, list[Brief]] = {}
    unread = [each for each in briefs if each.awaits_reflection]
    for each in sorted(briefs, key=start_of):
        if each.awaits_reflection:
            continue
        by_case.setdefault(each.case_id, []).append(each)
    courses = sorted(
        (_course(found) for found in by_case.values()),
        key=lambda each: max((_moment(w.when, w.attempt) for w in each.attempts), default=0.0),
        reverse=True,
    )
    name = normalize_name(learner)
    notes = []
    if not name:
        notes.append("Attempts without a name count as attempts by one person.")
    if courses:
        notes.append(
            "You meet the same patient each time, so you may do better because you know this "
            "patient. Another case shows whether it carries over."
        )
    return ProgressReport(
        learner=name,
        courses=tuple(courses),
        skipped=(*skipped, *(_unread(each) for each in unread)),
        notes=tuple(notes),
        waiting=waiting,
    )


def _unread(brief: Brief) -> Skipped:
    why = (
        f"{brief.case_title}, {brief.when[:10]}: open its debrief first; you are asked for your "
        "own view before you see that of the record"
    )
    return Skipped(attempt=brief.attempt, why=why)


def start_of(brief: Brief) -> tuple[float, str]:
    """Return what attempts are put in order by: the start in seconds, and the identifier."""
    return _moment(brief.when, brief.attempt), brief.attempt


def _moment(when: str, attempt: str) -> float:
    """Return seconds since the epoch, from `when` or else from the id of the attempt."""
    try:
        found = datetime.fromisoformat(when)
    except ValueError:
        try:
            found = datetime.strptime(attempt[:15], "%Y%m%d-%H%M%S")
        except ValueError:
            return 0.0
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _course(briefs: Sequence[Brief]) -> CaseProgress:
    """Build the course of one case. briefs: attempts at it, in order of time."""
    whole = [each for each in briefs if not each.is_part]
    version = whole[-1].case_sha256 if whole else ""
    same = [each for each in whole if each.case_sha256 == version]
    series = _SeriesBuilder(whole, same)
    course = CaseProgress(
        case_id=briefs[-1].case_id,
        title=briefs[-1].case_title,
        patient_name=briefs[-1].patient_name,
        attempts=tuple(
            CourseAttempt(
                attempt=each.attempt,
                number=number,
                when=each.when,
                length_s=each.length_s,
                reason=each.reason,
                comparable=each.case_sha256 == version,
            )
            for number, each in enumerate(whole, 1)
        ),
        headings=tuple(series.heading(h.id, h.name) for h in headings()) if whole else (),
        agreed=tuple(series.agreed(number) for number in human_agreements().values())
        if whole
        else (),
        metrics=tuple(series.metric(entry) for entry in _followed()) if whole else (),
        tried=follow_advice(briefs),
        goes=sum(each.again is not None for each in briefs),
        notes=(),
    )
    return course.model_copy(update={"notes": tuple(_notes(course, whole, same))})


def _followed() -> tuple[Definition, ...]:
    """Return the metrics followed over time whose minimal detectable change is known."""
    table = shipped_errors()
    return tuple(
        entry
        for entry in definitions()
        if entry.followed
        and table is not None
        and minimal_detectable_change(entry.key, table) is not None
    )


class _SeriesBuilder:
    """Build the series of one case.

    whole: attempts that are not retries. same: those at the same version of the case, to compare.
    """

    def __init__(self, whole: Sequence[Brief], same: Sequence[Brief]) -> None:
        self._whole = whole
        self._same = same
        self._ids = frozenset(each.attempt for each in same)

    def heading(self, key: str, name: str) -> NumberSeries:
        def point(brief: Brief) -> SeriesPoint:
            found = find_heading(brief, key)
            if found is None:
                return self._none(brief, TOO_LITTLE)
            share = heading_share(found)
            shown = count_heading(found)
            point = self._none(brief, shown)
            if share is not None:
                point = self._point(brief, share.value, (share.low, share.high), shown)
            met, not_met = len(found.met), len(found.not_met)
            counts = {"met": met, "judged": met + not_met, "not_judged": len(found.not_judged)}
            return point.model_copy(update=counts)

        return self._series(
            (key, name, "heading", "share"),
            "of the share in JSON: 95 %, from the small number of items",
            point,
            lambda before, after: compare_headings(before, after, key),
        )

    def agreed(self, number: HumanAgreement) -> NumberSeries:
        def point(brief: Brief) -> SeriesPoint:
            value = number.value(brief.counts)
            if value is None:
                return self._none(brief, "no question was recognised")
            low, high = number.interval(value)
            ends = " to ".join(format_value(number, end).removesuffix(" %") for end in (low, high))
            return self._point(brief, value, (low, high), f"{format_value(number, value)} ({ends})")

        return self._series(
            (number.key, number.name, "agreed", number.unit),
            "95 %, from the disagreement of people who code the same encounter",
            point,
            lambda before, after: compare_agreed(before, after, number),
        )

    def metric(self, entry: Definition) -> NumberSeries:
        def point(brief: Brief) -> SeriesPoint:
            found = find_number(brief, entry.key)
            if found is None or found.value is None:
                why = "not measured" if found is None else found.reason
                return self._none(brief, reason_clause(why))
            shown = quantity(entry.unit, found.value)
            if found.low is None or found.high is None:
                alone = with_interval(entry.unit, found.value, None, None)
                return self._point(brief, found.value, None, alone)
            if entry.unit == "percent":
                both = with_interval(entry.unit, found.value, found.low, found.high)
                return self._point(brief, found.value, (found.low, found.high), both)
            ends = _ends(entry, found.low, found.high, shown)
            return self._point(brief, found.value, (found.low, found.high), f"{shown} ({ends})")

        return self._series(
            (entry.key, entry.name, "metric", entry.unit),
            "90 %, measurement error under the conditions of that recording, if known; known bias "
            "is removed",
            point,
            lambda before, after: compare_metric(before, after, entry.key),
        )

    def _point(
        self, brief: Brief, value: float, ends: tuple[float, float] | None, shown: str
    ) -> SeriesPoint:
        low, high = ends or (None, None)
        return SeriesPoint(
            attempt=brief.attempt,
            value=value,
            low=low,
            high=high,
            shown=shown,
            comparable=brief.attempt in self._ids,
        )

    def _none(self, brief: Brief, why: str) -> SeriesPoint:
        return SeriesPoint(
            attempt=brief.attempt, value=None, shown=why, comparable=brief.attempt in self._ids
        )

    def _series(
        self,
        what: tuple[str, str, Literal["heading", "agreed", "metric"], str],
        interval: str,
        point: Callable[[Brief], SeriesPoint],
        compare: Callable[[Brief, Brief], ComparedNumber],
    ) -> NumberSeries:
        key, name, kind, unit = what
        same = self._same
        return NumberSeries(
            key=key,
            name=name,
            kind=kind,
            unit=unit,
            interval=interval,
            points=tuple(point(each) for each in self._whole),
            first_to_last=compare(same[0], same[-1]) if len(same) > 1 else None,
            previous_to_last=compare(same[-2], same[-1]) if len(same) > 2 else None,
        )


def _ends(entry: Definition, low: float, high: float, shown: str) -> str:
    """Format both ends of an interval, without a unit that equals that of the shown value."""
    unit = shown.partition(" ")[2]
    ends = [quantity(entry.unit, end) for end in (low, high)]
    if unit and all(end.partition(" ")[2] == unit for end in ends):
        ends = [end.partition(" ")[0] for end in ends]
    return " to ".join(ends)


def _notes(course: CaseProgress, whole: Sequence[Brief], same: Sequence[Brief]) -> list[str]:
    notes = []
    if not whole:
        return ["Only retries are left. The attempts that they began from do not exist any more."]
    others = len(whole) - len(same)
    if others:
        are = "1 attempt is" if others == 1 else f"{others} attempts are"
        notes.append(
            f"{are} at another version of the case. They are shown but not compared, because a "
            "changed case is another patient."
        )
    if len(same) == 1:
        notes.append("There is only one attempt so far, so change cannot be measured.")
    if len({(each.simvoice, each.recogniser) for each in same}) > 1:
        notes.append(
            "The attempts were recorded with different versions of simvoice or of speech "
            "recognition, which may code the same words differently."
        )
    if any(end_words(each.reason).is_cut_short for each in same):
        notes.append("An attempt that stopped early had less time for everything.")
    compared = [
        each
        for series in (*course.headings, *course.agreed, *course.metrics)
        for each in (series.first_to_last, series.previous_to_last)
        if each is not None and each.verdict != "not comparable"
    ]
    if compared:
        notes.append(
            f"{len(compared)} comparisons are made here. Without any real change, one in twenty "
            "such comparisons says “changed” by chance."
        )
    if any(each.only_in_one for each in compared):
        notes.append(
            "Not every item could be judged in every attempt, because an item needs an occasion. "
            "So two counts of one heading may be based on different items."
        )
    return notes
