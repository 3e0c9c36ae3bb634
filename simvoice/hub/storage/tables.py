"""The tables of the hub's database. Every change of them needs a migration in `migrations/`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    MetaData,
    String,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

_NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names of constraints, so that a migration can name them on every database."""


class UtcTime(TypeDecorator[datetime]):
    """A moment. It is stored in UTC and always read with its time zone, on SQLite too."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC. Raises ValueError for one without time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment with its time zone."""
        return value if value is None or value.tzinfo is not None else value.replace(tzinfo=UTC)


def now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


class Table(DeclarativeBase):
    """The base of all tables."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map: ClassVar = {datetime: UtcTime(), dict[str, Any]: JSON, str: String()}


# -- people


class Account(Table):
    """The account of a person."""

    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("issuer", "subject", name="uq_person_issuer"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    login: Mapped[str] = mapped_column(String(120), unique=True)
    """What the person types to sign in, in lower case."""
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str | None]
    """Argon2 in its text form; None for a person who signs in elsewhere."""
    issuer: Mapped[str | None]
    subject: Mapped[str | None]
    """The person at an OpenID provider; both or none."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    disabled_at: Mapped[datetime | None]
    """Since when the person cannot sign in; None while they can."""
    introduced_at: Mapped[datetime | None]
    """When the person has read the introduction for learners; None before."""
    roles: Mapped[list[AccountRole]] = relationship(
        cascade="all, delete-orphan", back_populates="person", lazy="selectin"
    )


class AccountRole(Table):
    """One role of a person (`hub.roles.Role`)."""

    __tablename__ = "person_role"

    person_id: Mapped[UUID] = mapped_column(
        ForeignKey("person.id", ondelete="CASCADE"), primary_key=True
    )
    role: Mapped[str] = mapped_column(String(20), primary_key=True)
    person: Mapped[Account] = relationship(back_populates="roles")


class SignIn(Table):
    """A browser that is signed in, as a person or with an exam code."""

    __tablename__ = "sign_in"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the cookie's value, in hex. The value itself is stored nowhere."""
    person_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("person.id", ondelete="CASCADE"), index=True
    )
    code_id: Mapped[UUID | None] = mapped_column(ForeignKey("code.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_seen_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


class OneTimeCode(Table):
    """A code that somebody types: once, but for the code of a learner's card."""

    __tablename__ = "code"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    station_hash: Mapped[str | None] = mapped_column(String(64))
    """By which a station without network knows it (`hub_client.code_hash`); None for codes that no
    station takes."""
    kind: Mapped[str] = mapped_column(String(20))
    """What it is for (`hub.codes.CodeKind`)."""
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    """For whom it is; None for an exam learner without account."""
    assignment_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("assignment.id", ondelete="CASCADE"), index=True
    )
    label: Mapped[str] = mapped_column(String(120), default="")
    """Whom an exam code is for, as the educator wrote it: a candidate's number."""
    accommodations: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What is changed for its learner (`hub_client.station_messages.Accommodations`)."""
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class DoorTries(Table):
    """Tries to sign in that failed, of an account, an address or a device."""

    __tablename__ = "door_tries"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    """What is counted, as a keyed hash: no login and no address is kept here."""
    failures: Mapped[int]
    last_at: Mapped[datetime]
    free_at: Mapped[datetime]
    """When the next try is allowed."""


# -- courses


class Course(Table):
    """A course: people, and what they are to practise."""

    __tablename__ = "course"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    archived_at: Mapped[datetime | None]


class Membership(Table):
    """A person in a course, as a learner or as one of its educators."""

    __tablename__ = "membership"

    course_id: Mapped[UUID] = mapped_column(
        ForeignKey("course.id", ondelete="CASCADE"), primary_key=True
    )
    person_id: Mapped[UUID] = mapped_column(
        ForeignKey("person.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    is_educator: Mapped[bool] = mapped_column(default=False)


class CourseUnit(Table):
    """The content of a course around one case: objectives, a model encounter, drills, tries."""

    __tablename__ = "course_unit"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"), index=True)
    case_id: Mapped[str] = mapped_column(String(100))
    title: Mapped[str] = mapped_column(String(200))
    plan: Mapped[dict[str, Any]]
    """As it was when it was added (`patient.case.course_plan.CoursePlan`)."""
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    withdrawn_at: Mapped[datetime | None]


class Assignment(Table):
    """A case that the learners of a course are to meet."""

    __tablename__ = "assignment"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(String(200))
    case_id: Mapped[str] = mapped_column(String(100))
    mode: Mapped[str] = mapped_column(String(20), default="practice")
    """`practice`, `exam` or `drill`."""
    attempts_allowed: Mapped[int | None]
    """None for any number."""
    opens_at: Mapped[datetime | None]
    closes_at: Mapped[datetime | None]
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """How it is done, beyond its mode (`hub_client.station_messages.AssignmentOptions`)."""
    unit_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("course_unit.id", ondelete="SET NULL"), index=True
    )
    """The unit of the course to which it belongs; None for one that stands alone."""
    step: Mapped[str] = mapped_column(String(20), default="")
    """Its step in that unit (`hub.course_units.UnitStep`); empty for one that stands alone."""
    debriefs_released_at: Mapped[datetime | None]
    """When an educator let the candidates of an exam open their debriefs; None before."""
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    withdrawn_at: Mapped[datetime | None]


# -- devices


class Device(Table):
    """A laptop or a station that is paired with this hub."""

    __tablename__ = "device"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    kind: Mapped[str] = mapped_column(String(20))
    """`laptop` or `station`."""
    name: Mapped[str] = mapped_column(String(120))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("person.id", ondelete="CASCADE"), index=True
    )
    """Whose laptop it is; None for a station."""
    version: Mapped[str] = mapped_column(String(60), default="")
    paired_at: Mapped[datetime] = mapped_column(default=now)
    last_seen_at: Mapped[datetime | None]
    unpaired_at: Mapped[datetime | None]
    report: Mapped[dict[str, Any] | None]
    """What it has of the hub's supplies (`hub_client.catalogue.DeviceReport`)."""
    reported_at: Mapped[datetime | None]


class StationVisit(Table):
    """A visit of a learner at a station under an exam code."""

    __tablename__ = "station_visit"

    code_id: Mapped[UUID] = mapped_column(
        ForeignKey("code.id", ondelete="CASCADE"), primary_key=True
    )
    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    """The visit, as the station names it."""
    device_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("device.id", ondelete="SET NULL"), index=True
    )
    claimed_at: Mapped[datetime] = mapped_column(default=now)
    took_code: Mapped[bool]
    """This visit has used the code, or reserved it; False when it had been used elsewhere."""
    begun_at: Mapped[datetime | None]
    """When an encounter began; from then on the code is used. None while the learner has not begun:
    a visit that ends so leaves the code open."""
    forgiven_at: Mapped[datetime | None]
    """When an educator decided that the encounter does not count. The code is open again then."""
    attempt_id: Mapped[UUID | None]
    """The first attempt that came of it. No foreign key: an erased one was made all the same."""


# -- attempts


class StoredAttempt(Table):
    """An attempt whose record is complete in the store."""

    __tablename__ = "attempt"
    __table_args__ = (Index("ix_attempt_owner", "owner_id", "started_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    """The UUID of the attempt (`record.identity`), the same on every machine."""
    record_id: Mapped[str] = mapped_column(String(130))
    """The attempt's readable identifier, which names its folder."""
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """Whose it is. Its recording is no row: the attempts of an account are erased first."""
    code_id: Mapped[UUID | None] = mapped_column(ForeignKey("code.id", ondelete="SET NULL"))
    """The exam code under which it was made; None for an attempt of an account."""
    device_id: Mapped[UUID | None] = mapped_column(ForeignKey("device.id", ondelete="SET NULL"))
    assignment_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("assignment.id", ondelete="SET NULL"), index=True
    )
    origin: Mapped[str] = mapped_column(String(20))
    """Where it was made: `hub`, `laptop` or `station`."""
    contents: Mapped[str] = mapped_column(String(20), default="sound")
    """How much of it is here (`release.contents.Contents`). A laptop sends what was released."""
    case_id: Mapped[str] = mapped_column(String(100))
    case_title: Mapped[str] = mapped_column(String(300))
    patient_name: Mapped[str] = mapped_column(String(200))
    started_at: Mapped[datetime]
    duration_s: Mapped[float]
    reason: Mapped[str] = mapped_column(String(20))
    """Why it ended (`record.events.Ended.reason`)."""
    again_of: Mapped[str | None] = mapped_column(String(130))
    """The readable identifier of the attempt that it retries; None when it is no retry."""
    again_at_s: Mapped[float | None]
    """Session second of the checkpoint in that attempt."""
    continues: Mapped[UUID | None] = mapped_column(index=True)
    """The attempt that was cut off and goes on here; None for any other. No foreign key: it can
    come later, or be erased."""
    received_at: Mapped[datetime] = mapped_column(default=now)
    forgiven_at: Mapped[datetime | None]
    """When an educator decided that it does not count for its assignment. For attempts that began
    on this hub, or under a code, that is in `BegunEncounter` and `StationVisit`."""
    files: Mapped[list[StoredFile]] = relationship(
        cascade="all, delete-orphan", back_populates="attempt", lazy="selectin"
    )


class StoredFile(Table):
    """One file of an attempt's folder, and where the store has it."""

    __tablename__ = "attempt_file"

    attempt_id: Mapped[UUID] = mapped_column(
        ForeignKey("attempt.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    """Bytes of the file, before encryption."""
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the file, before encryption, in hex."""
    object_key: Mapped[str] = mapped_column(String(300))
    attempt: Mapped[StoredAttempt] = relationship(back_populates="files")


class LooseObjects(Table):
    """Objects of the store that no attempt has: not yet, or no longer.

    The row is made before the first object of an attempt is written, and goes in the transaction
    that makes the attempt. It is made again in the transaction that erases the attempt, and goes
    after the last object. So what a killed hub leaves behind is known and can be removed.
    """

    __tablename__ = "loose_objects"

    prefix: Mapped[str] = mapped_column(String(120), primary_key=True)
    """The beginning of their keys."""
    since: Mapped[datetime] = mapped_column(default=now)
    removing_since: Mapped[datetime | None]
    """Since when they are being removed; no attempt can have them from then on."""


class Release(Table):
    """A learner's permission that the educators of a course open an attempt."""

    __tablename__ = "release"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    attempt_id: Mapped[UUID] = mapped_column(
        ForeignKey("attempt.id", ondelete="CASCADE"), index=True
    )
    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"), index=True)
    contents: Mapped[str] = mapped_column(String(20))
    """What is released: `sound` (with words and numbers), `words` (and numbers), or `numbers`."""
    released_at: Mapped[datetime] = mapped_column(default=now)
    revoked_at: Mapped[datetime | None]
    example_since: Mapped[datetime | None]
    """Since when the learner agrees that moments of it are played to the course as examples; None
    while they do not. It ends with the release."""


class AttemptBrief(Table):
    """What a page of many attempts needs of one, so that it opens no record (`hub.briefs`)."""

    __tablename__ = "attempt_brief"

    attempt_id: Mapped[UUID] = mapped_column(
        ForeignKey("attempt.id", ondelete="CASCADE"), primary_key=True
    )
    made_by: Mapped[str] = mapped_column(String(120))
    """The version of simvoice and of its rules (`progress.brief_store.code_fingerprint`)."""
    contents: Mapped[str] = mapped_column(String(20))
    """How much of the attempt was here then (`release.contents.Contents`)."""
    brief: Mapped[dict[str, Any] | None]
    """For its learner (`progress.brief.Brief`); None without words."""
    figures: Mapped[dict[str, Any]]
    """For a cohort (`hub.briefs.Figures`)."""
    made_at: Mapped[datetime] = mapped_column(default=now)


class ItemRating(Table):
    """An educator's answer to one item of a released attempt, given without the machine's."""

    __tablename__ = "item_rating"

    attempt_id: Mapped[UUID] = mapped_column(
        ForeignKey("attempt.id", ondelete="CASCADE"), primary_key=True
    )
    rater_id: Mapped[UUID] = mapped_column(primary_key=True)
    """The educator. No foreign key: what was rated counts longer than the account exists."""
    item: Mapped[str] = mapped_column(String(120), primary_key=True)
    value: Mapped[str] = mapped_column(String(40))
    """`met`, `not met`, `not judged`, or a number."""
    comment: Mapped[str] = mapped_column(default="")
    blind: Mapped[bool]
    """The rater had not opened the debrief of the attempt before."""
    rated_at: Mapped[datetime] = mapped_column(default=now)


class FinishedRating(Table):
    """An educator has finished rating an attempt: it counts, and shows the machine's judgement."""

    __tablename__ = "finished_rating"

    attempt_id: Mapped[UUID] = mapped_column(
        ForeignKey("attempt.id", ondelete="CASCADE"), primary_key=True
    )
    rater_id: Mapped[UUID] = mapped_column(primary_key=True)
    finished_at: Mapped[datetime] = mapped_column(default=now)


class Remark(Table):
    """What an educator writes to a learner at a second of a released attempt."""

    __tablename__ = "remark"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    attempt_id: Mapped[UUID] = mapped_column(
        ForeignKey("attempt.id", ondelete="CASCADE"), index=True
    )
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    """Who wrote it; None when the account was removed."""
    at_s: Mapped[float]
    """Session second of the moment."""
    text: Mapped[str]
    written_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime | None]
    """When the learner first saw it; None before."""


class Upload(Table):
    """An attempt that a device is sending. It becomes a `StoredAttempt` when it is complete."""

    __tablename__ = "upload"

    attempt_id: Mapped[UUID] = mapped_column(primary_key=True)
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"))
    manifest: Mapped[dict[str, Any]]
    """The files with size and hash, and what is released (`hub.sending.manifest`)."""
    begun_at: Mapped[datetime] = mapped_column(default=now)
    touched_at: Mapped[datetime] = mapped_column(default=now)


class BegunEncounter(Table):
    """An encounter of an assignment that has begun on this hub, whatever became of its record.

    It is written before the first word, so that a restart, an erasure or a lost record gives no
    second try.
    """

    __tablename__ = "begun_encounter"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    assignment_id: Mapped[UUID] = mapped_column(
        ForeignKey("assignment.id", ondelete="CASCADE"), index=True
    )
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    code_id: Mapped[UUID | None] = mapped_column(ForeignKey("code.id", ondelete="CASCADE"))
    """The exam code of a learner without account; one of the two is set."""
    begun_at: Mapped[datetime] = mapped_column(default=now)
    attempt_id: Mapped[UUID | None]
    """Its attempt, once that is kept. No foreign key: an erased attempt was made all the same."""
    forgiven_at: Mapped[datetime | None]
    """When an educator decided that it does not count, as after a technical failure."""


# -- cases of educators


class EducatorCase(Table):
    """A case that educators make on the workbench. Its text is in its revisions."""

    __tablename__ = "educator_case"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    case_id: Mapped[str] = mapped_column(String(100), unique=True)
    """The id of the case, which names its folder."""
    title: Mapped[str] = mapped_column(String(300))
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    revision: Mapped[int] = mapped_column(default=1)
    """The number of the newest revision: a change names the one that it was made on."""
    offered: Mapped[int | None]
    """The certified revision that learners meet; None while none is offered."""


class CaseRevision(Table):
    """One state of an educator's case. It is never changed; only a certificate is added."""

    __tablename__ = "case_revision"

    educator_case_id: Mapped[UUID] = mapped_column(
        ForeignKey("educator_case.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    """1, 2, 3 …"""
    before: Mapped[int | None]
    """The revision to which "Undo" leads back; None for the first."""
    files: Mapped[bytes]
    """The files of the case's folder by name, as JSON, compressed (`hub.educator_cases`)."""
    what: Mapped[str] = mapped_column(String(300))
    """What was changed, in words."""
    saved_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    saved_at: Mapped[datetime] = mapped_column(default=now)
    certificate: Mapped[str | None]
    """The content of its `certificate.json`; None without one."""


class CaseQuestion(Table):
    """A question to the patient of an educator's case that no line answered, or that is settled."""

    __tablename__ = "case_question"

    educator_case_id: Mapped[UUID] = mapped_column(
        ForeignKey("educator_case.id", ondelete="CASCADE"), primary_key=True
    )
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Of its words in plain form."""
    text: Mapped[str] = mapped_column(String(500), default="")
    """Its words, for one that an educator asked on the workbench. Those of learners stay in their
    attempts."""
    asked_at: Mapped[datetime] = mapped_column(default=now)
    settled_at: Mapped[datetime | None]
    """When an educator decided that it needs no answer; None before."""


# -- what happened


class AuditEntry(Table):
    """Who did or opened what, and when."""

    __tablename__ = "audit_entry"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    person_id: Mapped[UUID | None]
    """No foreign key: the entry outlives the account."""
    who: Mapped[str] = mapped_column(String(200))
    """The person's login, `code …`, `device …` or `command line`."""
    action: Mapped[str] = mapped_column(String(60), index=True)
    """A verb and its object: `open debrief`, `release attempt`, `erase attempt`."""
    object_id: Mapped[str] = mapped_column(String(130), default="", index=True)
    detail: Mapped[str] = mapped_column(String(300), default="")
    address: Mapped[str] = mapped_column(String(60), default="")


class Erasure(Table):
    """An attempt that was erased. The record of it holds no name and no word."""

    __tablename__ = "erasure"

    attempt_id: Mapped[UUID] = mapped_column(primary_key=True)
    """So that a device which sends it again is told that it was erased."""
    at: Mapped[datetime] = mapped_column(default=now)
    reason: Mapped[str] = mapped_column(String(60))
    """`learner`, `retention`, or `account`."""
    size: Mapped[int] = mapped_column(BigInteger)
    """Bytes that were erased."""


class Setting(Table):
    """A value that the hub itself keeps, such as its secret keys."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[str]
