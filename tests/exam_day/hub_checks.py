"""Compare what a hub keeps after an exam day with what the learners did, and who may open it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import httpx

from simvoice.audio import to_float
from simvoice.hub import attempts, releases
from simvoice.hub.hub import Hub
from simvoice.hub.storage.tables import Release, StoredAttempt
from simvoice.record.events import LearnerTurn
from simvoice.record.store import Attempt
from tests.exam_day.lab import Kind, Lab, Learner
from tests.exam_day.marks import Marks, text_of_others
from tests.exam_day.search import heard_in
from tests.exam_day.visit import Begun, Visit

MOST_LOST_S = 1.0
"""Of an encounter that was cut off, counted from what the page had been told."""


@dataclass
class Kept:
    """What was found on the hub."""

    attempts: int = 0
    seconds: float = 0.0
    most_lost_s: float = 0.0
    opened: int = 0
    """Pages of attempts that accounts tried to open."""
    faults: list[str] = field(default_factory=list)


def check_kept(hub: Hub, lab: Lab, visits: Sequence[Visit], kept: Kept) -> None:
    """Compare every attempt that began under a code with what is kept, by its identifier."""
    say = kept.faults.append
    with hub.database.read() as session:
        rows = list(session.query(StoredAttempt))
        released: dict[UUID, list[UUID]] = {}
        for each in session.query(Release).filter(Release.revoked_at.is_(None)):
            released.setdefault(each.attempt_id, []).append(each.course_id)
    by_record: dict[str, list[StoredAttempt]] = {}
    for row in rows:
        by_record.setdefault(row.record_id, []).append(row)
    kept.attempts, kept.seconds = len(rows), sum(row.duration_s for row in rows)
    for record_id, times in Counter(row.record_id for row in rows).items():
        if times > 1:
            say(f"{record_id} is kept {times} times")
    known: set[str] = set()
    for visit in visits:
        for begun in visit.begun:
            known.add(begun.attempt)
            found = by_record.get(begun.attempt, [])
            if visit.learner.kind is Kind.NO_CODE:
                if found:
                    say(f"{begun.attempt} was made without a code, and the hub has it")
                continue
            if not found:
                if begun.at_s > MOST_LOST_S:
                    say(f"{_named(visit, begun)} is lost")
                continue
            _check_one(found[0], visit, begun, lab, released, kept)
    untold = sum(1 for visit in visits for begun in visit.begun if not begun.attempt)
    more = [row for row in rows if row.record_id not in known]
    if len(more) > untold:
        say(f"the hub has {len(more)} attempts that no page was told of; {untold} can be right")
    for row in rows:
        _check_contents(hub, row, lab.learners, kept)
    with hub.database.read() as session:
        told = {each.label for each in releases.codes_used_twice(session, lab.exam)}
    pairs = [each for each in visits if each.together is not None and each.begun]
    if told != {f"Candidate {each.learner.number}" for each in pairs}:
        say(f"the educator is told that {sorted(told)} were used twice, not what {len(pairs)} did")


def _named(visit: Visit, begun: Begun) -> str:
    return (
        f"{begun.attempt} of learner {visit.learner.number} at {visit.station} "
        f"({begun.at_s:.1f} s, {visit.learner.kind})"
    )


def _check_one(
    row: StoredAttempt,
    visit: Visit,
    begun: Begun,
    lab: Lab,
    released: dict[UUID, list[UUID]],
    kept: Kept,
) -> None:
    learner, name, say = visit.learner, _named(visit, begun), kept.faults.append
    lost_s = max(0.0, begun.at_s - row.duration_s)
    kept.most_lost_s = max(kept.most_lost_s, lost_s)
    if lost_s > MOST_LOST_S:
        say(f"{name} lacks {lost_s:.1f} s of its end")
    if row.origin != "station":
        say(f"{name} is kept as one of a {row.origin}")
    owner = (row.code_id, row.owner_id)
    if owner != ((None, learner.person) if learner.kind.has_account else (learner.code, None)):
        say(f"{name} is kept for someone else: {owner}")
    expected = [lab.course] if learner.kind.is_exam else []
    if released.get(row.id, []) != expected:
        say(f"{name} is released to {len(released.get(row.id, []))} courses, not {len(expected)}")


def _check_contents(hub: Hub, row: StoredAttempt, learners: Sequence[Learner], kept: Kept) -> None:
    """Look whose words and sound are in a record."""
    whose = [
        each
        for each in learners
        if (row.code_id or row.owner_id) in (each.code, each.person) and each.code is not None
    ]
    if len(whose) != 1:
        kept.faults.append(f"{row.record_id} belongs to {len(whose)} learners")
        return
    others = [each.marks for each in learners if each is not whose[0]]
    with attempts.opened(hub, row.id) as attempt:
        if attempt.state != "complete":
            kept.faults.append(f"{row.record_id} is {attempt.state} on the hub")
        for found in marks_in(attempt, [*others, whose[0].marks]):
            if found != whose[0].number:
                kept.faults.append(f"{row.record_id} holds learner {found}, and is of another")


def marks_in(attempt: Attempt, marks: Sequence[Marks]) -> set[int]:
    """Return the numbers of the learners whose words or sound a record holds."""
    turns = [each.text.lower() for each in attempt.entries if isinstance(each, LearnerTurn)]
    said = {
        one.number for one in marks if any(word in text for word in one.words for text in turns)
    }
    if attempt.audio_path is None:
        return said
    learner, patient = attempt.audio()
    heard = heard_in(to_float(learner), marks) + heard_in(to_float(patient), marks)
    return said | set(heard)


def check_access(hub: Hub, lab: Lab, port: int, kept: Kept) -> None:
    """Let every account open every attempt, and every list; compare with who may."""
    with hub.database.read() as session:
        rows = list(session.query(StoredAttempt))
    marks = {each.number: each.marks for each in lab.learners}
    for login, cookie in lab.cookies.items():
        own = lab.accounts[login]
        number = int(login.removeprefix("learner-")) if login.startswith("learner-") else None
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            cookies=cookie,
            headers={"accept": "text/html"},
            timeout=60.0,
        ) as browser:
            for row in rows:
                _try_to_open(browser, login, own, row, lab, kept)
            for path in ("/", "/attempts", f"/courses/{lab.course}", "/stations", "/operations"):
                page = browser.get(path).text
                seen = [one for one in marks.values() if one.number != number]
                if login in ("educator", "tech"):  # who are told names, as lists of people
                    seen = [_without_name(one) for one in seen]
                for found in text_of_others(page, seen):
                    kept.faults.append(f"{path} shows {login} {found}")


def _try_to_open(
    browser: httpx.Client, login: str, own: UUID, row: StoredAttempt, lab: Lab, kept: Kept
) -> None:
    """Let an account open the page and the sound of an attempt.

    The educator opens exams, and a learner the own practice. Who did an exam with an account gets a
    page that says it is saved, and nothing of it.
    """
    is_exam, is_own = row.assignment_id == lab.exam, row.owner_id == own
    may_hear = is_exam if login == "educator" else is_own and not is_exam
    page = browser.get(f"/attempts/{row.id}", follow_redirects=True)
    sound = browser.get(f"/attempts/{row.id}/audio", headers={"range": "bytes=0-99"})
    kept.opened += 2
    answers = (page.status_code == 200, sound.status_code in (200, 206))
    if answers != (may_hear or is_own, may_hear):
        kept.faults.append(
            f"{login} gets {page.status_code} and {sound.status_code} for {row.record_id}, and "
            f"{'may' if may_hear else 'may not'} hear it"
        )
    if not may_hear:
        for found in text_of_others(page.text, [_without_name(one.marks) for one in lab.learners]):
            kept.faults.append(f"the page of {row.record_id} shows {login} {found}")


def _without_name(marks: Marks) -> Marks:
    return replace(marks, name="")
