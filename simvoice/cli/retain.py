"""`simvoice retain`: erase the attempts of a hub that are older than its setting."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from simvoice.cli.common import AsJson, answers, notes, print_json
from simvoice.cli.hub import DataOption
from simvoice.cli.hub_folder import open_hub_at
from simvoice.errors import UsageError

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.orm import Session

    from simvoice.hub.storage.retention import DueAttempt, RetentionPlan


def retain(
    data: DataOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be erased, and erase nothing.")
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", "-y", help="Erase even more than half, and even if the clock seems wrong."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Erase the attempts of a hub that are older than its setting. Let a timer run it once a day.

    The settings are retain_days, retain_released_days and retain_days_of in hub.toml. The audit
    trail and the log say what was erased, without a name and without a word of it.
    """
    from simvoice.hub import attempts, audit
    from simvoice.hub.storage.retention import Retention, plan_retention

    hub = open_hub_at(data)
    settings = hub.settings
    retention = Retention(
        settings.retain_days,
        settings.retain_released_days,
        {str(origin): days for origin, days in settings.retain_days_of.items()},
    )
    is_complete = True
    with closing(hub.database):
        plan = plan_retention(hub.database, retention, datetime.now().astimezone())
        if plan.due and plan.objection and not yes and not dry_run:
            raise UsageError(f"nothing was erased: {plan.objection}; to erase anyway, add --yes")
        if plan.due and not dry_run:
            days = {each.id: each.days for each in plan.due}

            def report(session: Session, attempt_id: UUID) -> None:
                detail = f"after {days[attempt_id]} days"
                audit.record(session, audit.COMMAND_LINE, "erase attempt", attempt_id, detail)

            erased = attempts.erase(hub, list(days), reason="retention", report=report)
            is_complete = erased.is_complete
    if as_json:
        print_json(_as_json(plan, dry_run=dry_run, is_complete=is_complete))
    else:
        _print(plan, dry_run=dry_run, has_setting=retention.is_on)
    if plan.objection and (plan.due or dry_run):
        notes.print(f"Look before you erase: {plan.objection}.")
    if not is_complete:
        notes.print(
            "The store did not answer. Nobody can open these attempts any more; their files are "
            "removed by the hub when it does."
        )


def _print(plan: RetentionPlan, *, dry_run: bool, has_setting: bool) -> None:
    if not has_setting:
        answers.print("No attempt is ever erased: set retain_days in hub.toml.")
        return
    done = "would be erased" if dry_run else "erased"
    for each in plan.due:
        answers.print(Text(f"{each.id}  {_facts(each)}: {done}"))
    answers.print(f"{len(plan.due)} {done} ({plan.size / 1e6:.1f} MB), {plan.kept} kept.")


def _facts(each: DueAttempt) -> str:
    state = "released" if each.is_released else "not released"
    return f"received {each.received_at:%Y-%m-%d} from {each.origin}, {state}, {each.days} days"


def _as_json(plan: RetentionPlan, *, dry_run: bool, is_complete: bool) -> dict[str, Any]:
    return {
        "at": plan.at.isoformat(timespec="seconds"),
        "dry_run": dry_run,
        "due": [
            {
                "attempt": str(each.id),
                "received_at": each.received_at.isoformat(timespec="seconds"),
                "origin": each.origin,
                "released": each.is_released,
                "days": each.days,
                "bytes": each.size,
            }
            for each in plan.due
        ],
        "kept": plan.kept,
        "objection": plan.objection,
        "complete": is_complete,
    }
