"""What commands fetch from the hub with which this computer is paired."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from simvoice import paths
from simvoice.cli.common import AsJson, answers, notes, orderly_end, print_json
from simvoice.display import count_noun
from simvoice.errors import HubError, SettingError
from simvoice.models.fetch import LabSource

if TYPE_CHECKING:
    from simvoice.hub_client.pairing import Pairing


def paired_hub() -> Pairing:
    """Return the pairing of this computer. Raises SettingError without one."""
    found = _pairing()
    if found is None:
        raise SettingError(
            "this computer is not paired with a hub; start `simvoice serve` and open “Connect to "
            "a hub”"
        )
    return found


def models_of_hub(stack: ExitStack, *, required: bool) -> Callable[[Path], LabSource] | None:
    """Return the paired hub as a source of models; None without a hub.

    stack: closes the connection. required: raise SettingError without a hub.
    """
    from simvoice.hub_client.supply_line import LabModels, SupplyLine

    pairing = paired_hub() if required else _pairing()
    if pairing is None:
        return None
    line = stack.enter_context(SupplyLine(pairing.address, pairing.token))
    return lambda work: LabModels(line, work)


def pull_cases(
    voices: Annotated[
        bool,
        typer.Option("--voices/--no-voices", help="Also fetch rendered voices, or do not."),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Fetch the cases of the paired hub. Continues what was interrupted.

    With rendered voices, a patient is ready at once. What the hub no longer offers is removed.
    """
    from simvoice.app.standalone import clip_key
    from simvoice.engines.tts.speech_cache import voice_key
    from simvoice.hub_client.supplies import DeviceSupplies, Wanted
    from simvoice.hub_client.supply_line import SupplyLine

    pairing = paired_hub()
    wanted = Wanted(voice_key(clip_key()) if voices else "")
    bar = Progress(
        *(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()),
        console=notes,
        transient=True,
    )
    with orderly_end(), SupplyLine(pairing.address, pairing.token) as line, bar:
        task = bar.add_task("supplies of the hub", total=None)
        done = DeviceSupplies(paths.from_hub_dir()).bring(
            line,
            wanted,
            lambda count: bar.advance(task, count),
            lambda total: bar.update(task, total=total),
        )
        line.report(done.report)
    for sentence in (*done.faults, _end_of_certificate(pairing)):
        if sentence:
            notes.print(sentence, markup=False, soft_wrap=True)
    if as_json:
        print_json(
            {
                "hub": pairing.name,
                "folder": str(paths.from_hub_dir()),
                "received_bytes": done.received_bytes,
                "cases": list(done.cases),
                "voices": list(done.voices),
                "faults": list(done.faults),
            }
        )
        return
    told = f"{count_noun(len(done.cases), 'case')} of {pairing.name}"
    rendered = count_noun(len(done.voices), "rendered voice")
    answers.print(f"{told} and {rendered} are here and whole.", markup=False, soft_wrap=True)


def _pairing() -> Pairing | None:
    from simvoice.hub_client.pairing import Pairings

    return Pairings(paths.pairing_dir()).pairing()


def _end_of_certificate(pairing: Pairing) -> str:
    """Return a sentence when the certificate of the hub ends soon; empty otherwise."""
    from simvoice.hub_client.trust import certificate_end, end_notice

    if not pairing.url.startswith("https://"):
        return ""
    try:
        end = certificate_end(pairing.url, pairing.trust)
    except HubError:
        return ""  # what was fetched is here, and the next time says it
    return end_notice(pairing.url, end, datetime.now(UTC))
