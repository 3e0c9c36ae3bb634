"""Cases that educators make on the hub: their revisions, certificates, and the one that is offered.

Every change is a new revision, so nothing is lost and "Undo" is another revision. A change names
the revision that its page showed. When someone else has changed the same part meanwhile, nothing is
written and both texts are shown; changes of different parts are joined.

Each function takes the session of a transaction as its first argument and raises an error of
`simvoice.errors`, with a sentence for the page.
"""

from __future__ import annotations

import json
import re
import unicodedata
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, defer

from simvoice.errors import SettingError, UsageError
from simvoice.hub.storage.tables import Account, CaseQuestion, CaseRevision, EducatorCase, now
from simvoice.safe_text import one_line, shortened
from simvoice.workbench.cards import CaseDraft
from simvoice.workbench.fields import fields_of, value_of
from simvoice.workbench.note import CaseFiles

MOST_CASES: Final = 500
"""Educators' cases on one hub."""
KEPT_REVISIONS: Final = 300
"""Revisions that stay of each case; those with a certificate always stay."""

_LONGEST_ID: Final = 60


class ChangedMeanwhile(UsageError):
    """Someone else has changed the same part since the page was loaded."""

    def __init__(self, sentence: str, now: CaseDraft, revision: int) -> None:
        super().__init__(sentence)
        self.now = now
        """The case as it is now."""
        self.revision = revision


@dataclass(frozen=True, slots=True)
class SavedRevision:
    """A revision of a list, without its files."""

    row: CaseRevision
    who: str
    """Who saved it; "someone" when the account is gone."""


# -- cases


def all_cases(session: Session) -> Sequence[EducatorCase]:
    """Return all cases of educators, by title."""
    return session.scalars(select(EducatorCase).order_by(EducatorCase.title, EducatorCase.id)).all()


def educator_case(session: Session, key: UUID) -> EducatorCase:
    """Return one case. Raises UsageError when there is none."""
    found = session.get(EducatorCase, key)
    if found is None:
        raise UsageError("There is no such case on the workbench.")
    return found


def by_case_id(session: Session, case_id: str) -> EducatorCase | None:
    """Return the educators' case with this id; None without one."""
    return session.scalar(select(EducatorCase).where(EducatorCase.case_id == case_id))


def free_case_id(session: Session, words: str, taken: set[str]) -> str:
    """Return an id for a new case from some words. taken: ids of cases that are elsewhere."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    base = "-".join(re.findall(r"[a-z0-9]+", plain))[:_LONGEST_ID].strip("-")
    base = base if base[:1].isalpha() else f"case-{base}".rstrip("-")
    known = taken | set(session.scalars(select(EducatorCase.case_id)))
    name, number = base, 2
    while name in known:
        name, number = f"{base}-{number}", number + 1
    return name


def create(session: Session, files: CaseFiles, what: str, person_id: UUID) -> EducatorCase:
    """Keep a new case. what: where it comes from, in words. Raises SettingError when it is full."""
    draft = CaseDraft(files)
    if len(session.scalars(select(EducatorCase.id)).all()) >= MOST_CASES:
        raise SettingError(f"There are {MOST_CASES} cases on this server; remove one first.")
    made = EducatorCase(
        case_id=str(draft.case.get("id", "")), title=_title(draft), created_by=person_id
    )
    session.add(made)
    session.flush()
    _add_revision(session, made, 1, None, files, what, person_id)
    return made


def remove(session: Session, case: EducatorCase) -> None:
    """Remove a case for ever. Raises UsageError while it is offered."""
    if case.offered is not None:
        raise UsageError("Learners are offered this case; stop that first.")
    session.delete(case)
    session.flush()


def _title(draft: CaseDraft) -> str:
    return shortened(str(draft.case.get("title", "")) or "Without a title", 290)


# -- revisions


def files_of(session: Session, case: EducatorCase, number: int | None = None) -> CaseFiles:
    """Return the files of a revision; of the newest when None. Raises UsageError for an old one."""
    row = session.get(CaseRevision, (case.id, case.revision if number is None else number))
    if row is None:
        raise UsageError("This revision of the case is not kept any more; load the page again.")
    found: CaseFiles = json.loads(zlib.decompress(row.files))
    return found


def revisions(session: Session, case: EducatorCase, most: int = 50) -> list[SavedRevision]:
    """Return the newest revisions without their files, and every one with a certificate."""
    rows = session.execute(
        select(CaseRevision, Account.name)
        .outerjoin(Account, Account.id == CaseRevision.saved_by)
        .where(CaseRevision.educator_case_id == case.id)
        .options(defer(CaseRevision.files))
        .order_by(CaseRevision.number.desc())
    ).all()
    found = [SavedRevision(row, name or "someone") for row, name in rows]
    return [each for n, each in enumerate(found) if n < most or each.row.certificate]


def revision(session: Session, case: EducatorCase, number: int) -> CaseRevision | None:
    """Return a revision; None when it is not kept."""
    return session.get(CaseRevision, (case.id, number))


def change_card(
    session: Session,
    case: EducatorCase,
    seen: int,
    part: str,
    card_id: str,
    change: Callable[[CaseDraft], CaseFiles],
    what: str,
    person_id: UUID,
) -> CaseFiles:
    """Save a change of one card, made on the revision `seen`. Returns the files.

    part: empty for a change that depends on no card, such as one more of them.
    Raises ChangedMeanwhile when another change of this card came first.
    """
    now = CaseDraft(files_of(session, case))
    if seen != case.revision and part:
        before = CaseDraft(files_of(session, case, seen))
        if _shown(before, part, card_id) != _shown(now, part, card_id):
            raise ChangedMeanwhile(_sentence(session, case), now, case.revision)
    return save(session, case, change(now), what, person_id)


def replace(
    session: Session, case: EducatorCase, seen: int, files: CaseFiles, what: str, person_id: UUID
) -> None:
    """Save all files anew. Raises ChangedMeanwhile when any change came first."""
    if seen != case.revision:
        raise ChangedMeanwhile(
            _sentence(session, case), CaseDraft(files_of(session, case)), case.revision
        )
    save(session, case, files, what, person_id)


def _shown(draft: CaseDraft, part: str, card_id: str) -> list[object] | None:
    """Return what a card shows; None when it is not there."""
    card = next((each for each in draft.cards(part) if each.id == card_id), None)
    if card is None:
        return None
    return [value_of(field, card.value) for field in fields_of(card.kind, card.value)]


def _sentence(session: Session, case: EducatorCase) -> str:
    row = session.get(CaseRevision, (case.id, case.revision))
    person = session.get(Account, row.saved_by) if row is not None and row.saved_by else None
    who = person.name if person is not None else "Someone else"
    return f"{who} has changed this meanwhile. Nothing is lost: compare both, and choose one."


def save(
    session: Session,
    case: EducatorCase,
    files: CaseFiles,
    what: str,
    person_id: UUID,
    before: int | None = None,
) -> CaseFiles:
    """Save files as the newest revision. before: to which "Undo" leads; the present one when None.

    Raises ChangedMeanwhile when another request has just saved one.
    """
    present = case.revision
    if files == files_of(session, case):
        return files
    draft = CaseDraft(files)
    taken = session.execute(
        update(EducatorCase)
        .where(EducatorCase.id == case.id, EducatorCase.revision == present)
        .values(revision=present + 1, title=_title(draft))
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        session.refresh(case)
        raise ChangedMeanwhile(_sentence(session, case), draft, case.revision)
    session.refresh(case)
    given = present if before is None else before
    _add_revision(session, case, case.revision, given or None, files, what, person_id)
    session.execute(
        delete(CaseRevision).where(
            CaseRevision.educator_case_id == case.id,
            CaseRevision.number <= case.revision - KEPT_REVISIONS,
            CaseRevision.certificate.is_(None),
        )
    )
    return files


def undo(session: Session, case: EducatorCase, seen: int, person_id: UUID) -> str:
    """Take back the last change, whoever made it; return what it was, in words.

    Raises ChangedMeanwhile when there is a newer change than the page shows, and UsageError when
    there is nothing to take back.
    """
    if seen != case.revision:
        raise ChangedMeanwhile(
            _sentence(session, case), CaseDraft(files_of(session, case)), case.revision
        )
    last = session.get(CaseRevision, (case.id, case.revision))
    goal = session.get(CaseRevision, (case.id, last.before)) if last and last.before else None
    if last is None or goal is None:
        raise UsageError("There is no change to take back.")
    files = files_of(session, case, goal.number)
    save(session, case, files, f"Undo: {last.what}", person_id, before=goal.before or 0)
    return last.what


def _add_revision(
    session: Session,
    case: EducatorCase,
    number: int,
    before: int | None,
    files: CaseFiles,
    what: str,
    person_id: UUID,
) -> None:
    session.add(
        CaseRevision(
            educator_case_id=case.id,
            number=number,
            before=before,
            files=zlib.compress(json.dumps(files, ensure_ascii=False).encode()),
            what=one_line(what)[:300],
            saved_by=person_id,
        )
    )
    session.flush()


def add_certificate(session: Session, key: UUID, number: int, text: str) -> None:
    """Keep the certificate of a revision."""
    row = session.get(CaseRevision, (key, number))
    if row is not None:
        row.certificate = text


# -- questions


def asked_questions(session: Session, key: UUID) -> Sequence[CaseQuestion]:
    """Return the questions that were asked on the workbench or settled, the newest first."""
    asked = select(CaseQuestion).where(CaseQuestion.educator_case_id == key)
    return session.scalars(asked.order_by(CaseQuestion.asked_at.desc()).limit(1_000)).all()


def note_question(session: Session, key: UUID, sha256: str, text: str) -> None:
    """Keep a question that no line answered; one that is known stays as it is."""
    if session.get(CaseQuestion, (key, sha256)) is None:
        made = CaseQuestion(educator_case_id=key, sha256=sha256, text=one_line(text)[:500])
        session.merge(made)
        session.flush()


def settle_question(session: Session, key: UUID, sha256: str) -> None:
    """Note that a question needs no answer. Words that are not known are not kept."""
    row = session.get(CaseQuestion, (key, sha256))
    if row is None:
        row = CaseQuestion(educator_case_id=key, sha256=sha256)
        session.add(row)

    row.settled_at = now()
    session.flush()
