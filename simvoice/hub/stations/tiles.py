"""Stations as technicians see them: states, times and faults, and never what somebody says.

A tile is made from memory alone, once a second for each page that shows it. Its fields are the
words that the page writes; `static/stations.js` and the templates use the same names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from simvoice import __version__
from simvoice.display import clock, count_noun, duration_in_words
from simvoice.hub.page_words import local, size_words
from simvoice.hub.stations.board import LabFacts, SentCommand, StationNow
from simvoice.hub.stations.visits import from_unix
from simvoice.hub.storage.tables import Device
from simvoice.hub_client.station_messages import (
    Light,
    Phase,
    StationReport,
    Verb,
)
from simvoice.safe_text import for_terminal, one_line

PHASE_WORDS: Final[Mapping[Phase, str]] = {
    Phase.WELCOME: "Nobody is there",
    Phase.CONSENT: "Reads what is recorded",
    Phase.CODE: "Types a code",
    Phase.TERMS: "Reads the terms",
    Phase.MICROPHONE: "Tries the microphone",
    Phase.DOOR: "Reads the door note",
    Phase.ENCOUNTER: "Talks with the patient",
    Phase.QUESTIONS: "Answers questions",
    Phase.DEBRIEF: "Reads the debrief",
    Phase.THANKS: "Has finished",
    Phase.RESET: "Is being cleared",
    Phase.TEST: "Is being tested",
}

LIGHT_WORDS: Final = {
    Light.GREEN: "Free",
    Light.WAITING: "Waiting",
    Light.TALKING: "Talking",
    Light.RED: "Fault",
}
AWAY: Final = "away"
"""The light of a station that does not report."""


@dataclass(frozen=True, slots=True)
class VerbWords:
    """A command as a technician reads it."""

    button: str
    effect: str
    """What it does, in sentences; asked before a press that cannot be taken back."""
    action: str
    """How the audit trail names it."""


VERBS: Final[Mapping[Verb, VerbWords]] = {
    Verb.HOLD: VerbWords("Hold the clock", "The time of the phase stops.", "hold station"),
    Verb.RESUME: VerbWords("Go on", "The time of the phase runs again.", "resume station"),
    Verb.ADVANCE: VerbWords(
        "Next phase",
        "The station goes to the next phase. An encounter ends with this, and its record is kept.",
        "advance station",
    ),
    Verb.END: VerbWords(
        "End now",
        "The encounter ends at once, and its record is kept. The learner's questions follow.",
        "end encounter at station",
    ),
    Verb.START_AGAIN: VerbWords(
        "Start again",
        "The encounter begins from its beginning, as another attempt under the same code. What was "
        "recorded until now is kept.",
        "start station again",
    ),
    Verb.RESET: VerbWords(
        "Reset",
        "Whatever runs ends. A record under a code is kept; everything else of the learner is "
        "removed from the station, and it shows the welcome page.",
        "reset station",
    ),
    Verb.CLEAR: VerbWords(
        "Clear",
        "What was set for the next learner is forgotten: the sign-in from afar and the "
        "accommodations. A learner who has not begun goes back to the welcome page.",
        "clear station",
    ),
    Verb.TEST: VerbWords(
        "Test encounter",
        "The station plays a test encounter through loudspeaker and microphone. Nothing of it is "
        "kept.",
        "test station",
    ),
    Verb.LOOP_BACK: VerbWords(
        "Loop-back test",
        "The station plays a tone and measures it at the microphone.",
        "test sound of station",
    ),
    Verb.SIGN_IN: VerbWords(
        "Sign in",
        "The visit of the candidate begins, as if the code had been typed.",
        "sign in at station",
    ),
}

_ASKS_ALWAYS = frozenset({Verb.RESET, Verb.END, Verb.START_AGAIN})
_BEFORE = frozenset({Phase.CONSENT, Phase.CODE, Phase.TERMS, Phase.MICROPHONE, Phase.DOOR})
"""A learner is there who has not begun. Clearing the station ends such a visit."""
_AFTER = frozenset({Phase.ENCOUNTER, Phase.QUESTIONS, Phase.DEBRIEF, Phase.THANKS})
_ADVANCED = frozenset({Phase.MICROPHONE, Phase.DOOR, *_AFTER, Phase.TEST})
"""Where a technician can go on for the learner. Only the learner agrees, and types a code."""

_CLOCK_OFF_S = 60.0
_MOST_CLOCK_S = 1e10
_LITTLE_BYTES = 2_000_000_000
"""Free space under which a technician is told: an hour of encounters with what surrounds it."""
_OLD_ROSTER = timedelta(seconds=30)
_MOST_ERRORS = 10


def asks_first(verb: Verb, report: StationReport) -> bool:
    """Return whether a press asks once more: what it ends cannot be begun again."""
    if verb is Verb.CLEAR:
        return report.phase in _BEFORE
    ends_encounter = report.phase is Phase.ENCOUNTER and not report.asks_code
    return verb in _ASKS_ALWAYS or (verb is Verb.ADVANCE and ends_encounter)


@dataclass(frozen=True, slots=True)
class StationTile:
    """One station, in words."""

    id: UUID
    name: str
    light: str
    """`green`, `waiting`, `talking`, `red` or `away`."""
    light_words: str
    state: str
    """What the learner does now."""
    reason: str = ""
    """Why the light is red, or since when the station is away."""
    doing: str = ""
    """Mode, case and whose code."""
    left: str = ""
    """The time that is left: "7:42"; empty without a limit."""
    is_held: bool = False
    level: float | None = None
    """Of the microphone, 0 (-60 dBFS) to 1; None while it is closed."""
    notes: tuple[str, ...] = ()
    """What a technician should know, though the station works."""
    command: str = ""
    """What became of the last command."""
    verbs: tuple[str, ...] = ()
    """Names of the verbs that can be pressed now."""
    facts: tuple[tuple[str, str], ...] = ()
    errors: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    """The last commands, the newest first."""


def tile(device: Device, now: StationNow | None, facts: LabFacts, at: datetime) -> StationTile:
    """Return a station as it is at a moment. now: None when it has not reported yet."""
    if now is None or now.is_silent:
        heard = device.last_seen_at if now is None else now.heard_at
        since = (
            "It has never reported." if heard is None else f"Not reachable since {local(heard)}."
        )
        return StationTile(
            id=device.id,
            name=device.name,
            light=AWAY,
            light_words="Not reachable",
            state="",
            reason=since,
            commands=() if now is None else tuple(_command_words(each) for each in now.commands),
        )
    report = now.report
    is_red = bool(now.trouble) or report.light is Light.RED
    verbs = _verbs(report)
    light = Light.RED if is_red else report.light
    return StationTile(
        id=device.id,
        name=report.name,
        light=str(light),
        light_words=LIGHT_WORDS[light],
        state=_state(report),
        reason=now.trouble or (_text(report.reason) if is_red else ""),
        doing=_doing(report, facts),
        left=_left(report, now, at),
        is_held=report.is_held,
        level=None if report.level_dbfs is None else _share(report.level_dbfs),
        notes=tuple(_notes(now, facts, at)),
        command=_command_words(now.commands[0]) if now.commands else "",
        verbs=tuple(str(each) for each in verbs),
        facts=tuple(_facts(now, facts, at)),
        errors=tuple(_text(each) for each in report.errors[:_MOST_ERRORS]),
        commands=tuple(_command_words(each) for each in now.commands),
    )


def by_name(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts A2 before A10."""
    parts = re.findall(r"\d+|\D+", name.casefold())
    return tuple((0, int(each), "") if each.isdecimal() else (1, 0, each) for each in parts)


def _state(report: StationReport) -> str:
    if report.asks_code:
        return "Asks for the code again"
    is_waiting = report.light is not Light.TALKING and bool(report.preparing)
    if report.phase is Phase.ENCOUNTER and is_waiting:
        return "Waits for the patient"
    return PHASE_WORDS[report.phase]


def _verbs(report: StationReport) -> list[Verb]:
    phase = report.phase
    can = {
        Verb.HOLD: report.left_s is not None and not report.is_held,
        Verb.RESUME: report.is_held,
        Verb.ADVANCE: phase in _ADVANCED or report.asks_code,
        Verb.END: phase in (Phase.ENCOUNTER, Phase.TEST),
        Verb.START_AGAIN: phase in _AFTER,
        Verb.RESET: True,
        Verb.CLEAR: phase is Phase.WELCOME or phase in _BEFORE,
        Verb.TEST: phase is Phase.WELCOME,
        Verb.LOOP_BACK: phase in (Phase.WELCOME, Phase.MICROPHONE),
    }
    return [verb for verb, is_possible in can.items() if is_possible]


def _share(level_dbfs: float) -> float:
    return round(min(1.0, max(0.0, 1.0 + level_dbfs / 60.0)), 2)


def _left(report: StationReport, now: StationNow, at: datetime) -> str:
    if report.left_s is None or not math.isfinite(report.left_s):
        return ""
    passed_s = 0.0 if report.is_held else (at - now.heard_at).total_seconds()
    return clock(max(0.0, report.left_s - passed_s))


def _doing(report: StationReport, facts: LabFacts) -> str:
    label = ""
    if report.code is not None:
        label = facts.labels.get(report.code, "")
        label = f"Candidate {label}" if label else "A learner's card"
    elif report.session is not None and report.phase is not Phase.CONSENT:
        label = "No code"
    parts = ((report.mode or "").capitalize(), _text(report.case), label)
    return " · ".join(part for part in parts if part)


def _notes(now: StationNow, facts: LabFacts, at: datetime) -> list[str]:
    report = now.report
    notes = [_text(report.preparing)] if report.preparing else []
    if report.asks_code:
        notes.append(
            "It was off in a visit; the learner enters the code again. For one whom you know, "
            f"press “{VERBS[Verb.ADVANCE].button}”."
        )
    wanted = facts.wanted_version or __version__
    if report.version != wanted:
        notes.append(f"Runs simvoice {report.version}; {wanted} is wanted.")
    if abs(now.clock_ahead_s) > _CLOCK_OFF_S:
        off = duration_in_words(min(abs(now.clock_ahead_s), _MOST_CLOCK_S))
        notes.append(f"Its clock is {off} {'ahead' if now.clock_ahead_s > 0 else 'behind'}.")
    if not report.roster:
        notes.append("It has no list of codes yet.")
    elif report.roster != facts.roster.version and at - facts.changed_at > _OLD_ROSTER:
        notes.append("It works with an older list of codes.")
    if report.models:
        named = ", ".join(_text(each) for each in report.models[:5])
        notes.append(f"Models are missing or altered: {named}.")
    if report.free_bytes < _LITTLE_BYTES:
        notes.append(f"Only {size_words(report.free_bytes)} of its disk are free.")
    if report.waiting:
        notes.append(f"{count_noun(report.waiting, 'record')} still to send.")
    if report.loop_back is not None and not report.loop_back.is_good:
        notes.append("The last loop-back test failed.")
    return notes


def _facts(now: StationNow, facts: LabFacts, at: datetime) -> list[tuple[str, str]]:
    report = now.report
    wanted = facts.wanted_version
    version = report.version
    ahead_s = now.clock_ahead_s
    found = [
        ("Version of simvoice", version if not wanted else f"{version}, wanted {wanted}"),
        ("Models", "in order" if not report.models else ", ".join(map(_text, report.models))),
        ("Free space", size_words(report.free_bytes)),
        ("Records still to send", str(report.waiting)),
        ("Loop-back test", _loop_back_words(report, at)),
        ("Clock", "as this server's" if abs(ahead_s) < 2 else f"{ahead_s:+.0f} s"),
        ("List of codes", "up to date" if report.roster == facts.roster.version else "older"),
        ("Last report", local(now.heard_at)),
    ]
    return found


def _loop_back_words(report: StationReport, at: datetime) -> str:
    test = report.loop_back
    if test is None:
        return "not made yet"
    level = "no tone heard" if test.level_dbfs is None else f"{test.level_dbfs:.0f} dBFS"
    delay = "" if test.delay_s is None else f", {1000 * test.delay_s:.0f} ms"
    result = "in order" if test.is_good else "failed"
    return f"{result}: {level}{delay}, {local(from_unix(test.at, at))}"


def _command_words(sent: SentCommand) -> str:
    button = VERBS[sent.command.verb].button
    if sent.result is None:
        return f"{button}: {'no answer from the station.' if sent.is_given_up else 'sent…'}"
    said = _text(sent.result.sentence)
    if said:
        return f"{button}: {said}"
    return f"{button}: {'done.' if sent.result.done else 'not possible now.'}"


def _text(given: str) -> str:
    """Return what a station says as one line that cannot change how the rest is read."""
    return for_terminal(one_line(given))
