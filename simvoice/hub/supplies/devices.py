"""The wanted program version, what devices report, and both as a technician reads it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from simvoice.display import count_noun
from simvoice.errors import SettingError
from simvoice.hub import audit
from simvoice.hub.doors.access import Visitor
from simvoice.hub.storage.tables import Device, Setting, now
from simvoice.hub.storage.upsert import put
from simvoice.hub.supplies.offers import Offers
from simvoice.hub_client.catalogue import Catalogue, DeviceReport, ReportOfDevice, Version
from simvoice.safe_text import shortened

_WANTED = "supplies-program"

_VERSION: TypeAdapter[str] = TypeAdapter(Version)


def wanted_version(session: Session) -> str:
    """Return the program version that the lab wants on its devices; empty for none."""
    found = session.get(Setting, _WANTED)
    return "" if found is None else found.value


def want_version(session: Session, visitor: Visitor, version: str) -> None:
    """Set the wanted version; empty leaves it to each device. Raises SettingError."""
    version = version.strip()
    if version:
        try:
            _VERSION.validate_python(version)
        except ValidationError:
            raise SettingError(
                f"{shortened(version, 60)!r} is not a version of simvoice, such as 0.2.0"
            ) from None
    put(session, Setting(name=_WANTED, value=version))
    audit.record(session, visitor, "set wanted program", detail=version or "none")


def keep_report(session: Session, device_id: UUID, report: DeviceReport) -> None:
    """Store what a device reports, in place of its last report."""
    device = session.get(Device, device_id)
    if device is not None:
        device.report = report.model_dump(mode="json")
        device.reported_at = now()
        device.version = report.program


def reports(session: Session) -> tuple[ReportOfDevice, ...]:
    """Return the last report of each paired device that made one, by name of the device."""
    found = []
    asked = select(Device).where(Device.unpaired_at.is_(None), Device.reported_at.is_not(None))
    for device in session.scalars(asked.order_by(Device.name)):
        try:
            report = DeviceReport.model_validate(device.report, strict=False)
        except ValidationError:
            continue  # of another version of the hub; the device reports again
        assert device.reported_at is not None
        found.append(
            ReportOfDevice(
                device=device.name, kind=device.kind, at=device.reported_at, report=report
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class SuppliedDevice:
    """One device on the technician's page."""

    reported: ReportOfDevice
    lacks: tuple[str, ...]
    """What it does not have of what is offered, and why, a sentence each; empty when it has all."""


@dataclass(frozen=True, slots=True)
class SuppliesPage:
    """What a technician reads about supplies."""

    wanted: str
    offers: Offers
    devices: tuple[SuppliedDevice, ...]


def supplies_page(session: Session, offers: Offers) -> SuppliesPage:
    """Return what is offered, and what each device has of it."""
    devices = [
        SuppliedDevice(each, tuple(_lacks(each.report, offers.catalogue)))
        for each in reports(session)
    ]
    return SuppliesPage(wanted_version(session), offers, tuple(devices))


def _lacks(report: DeviceReport, catalogue: Catalogue) -> list[str]:
    sentences: list[str] = []
    wanted = catalogue.program.version if catalogue.program is not None else ""
    if wanted and report.program != wanted:
        state = "fetched and not installed yet" if report.fetched_program == wanted else "wanted"
        sentences.append(f"Runs version {report.program}; {wanted} is {state}.")
    models = [name for name, state in report.models.items() if state != "verified"]
    if models:
        sentences.append(f"Lacks {count_noun(len(models), 'model')}: {', '.join(models)}.")
    held = {each.name: each for each in report.cases}
    behind = [
        case.id
        for case in catalogue.cases
        if case.id not in held or held[case.id].sha256 != case.version
    ]
    if behind:
        named = ", ".join(behind[:5]) + (" …" if len(behind) > 5 else "")
        sentences.append(f"Lacks {count_noun(len(behind), 'case')}, or has an older one: {named}.")
    rendered = {each.name: each for each in report.voices if each.sha256}
    offered = {voice.case: voice.file.sha256 for voice in catalogue.voices}
    missing = [
        case
        for case, sha256 in offered.items()
        if case not in rendered or rendered[case].sha256 != sha256
    ]
    if missing:
        sentences.append(f"Lacks the rendered voice of {', '.join(missing[:5])}.")
    sentences += [each.fault for each in (*report.cases, *report.voices) if each.fault]
    return sentences
