"""What a station tells a learner about recording, modes, and who sees what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from simvoice.hub_client.station_messages import ModeName, StationAssignment, StationSettings
from simvoice.station.visit import Visit

CONSENT: Final = (
    "You are going to speak with a simulated patient. The voice is made by a computer, and the "
    "person does not exist.\n\n"
    "This station records your voice and what is said, so that the conversation can be looked at "
    "afterwards. It records only while you are in the conversation.\n\n"
    "If you practise without a code, the recording is erased when you leave. With a code, it goes "
    "encrypted to your lab's server, and this station keeps nothing. Before you begin, the next "
    "pages say who will see it.\n\n"
    "You can leave at any time: press “Leave”."
)
HONOUR: Final = (
    "I am the person to whom the code was given. I do this by myself, and I tell nobody before "
    "their turn what the case is about."
)

_MODE_WORDS: Final[dict[ModeName, str]] = {
    "practice": (
        "This is a practice. Afterwards you read a debrief, and you can try again from any moment."
    ),
    "exam": (
        "This is an exam: one attempt, timed, without help. You read the debrief when your "
        "educators release it."
    ),
    "drill": (
        "This is a drill: one moment, several short tries. After each try you see what happened."
    ),
}

_ERASED: Final = "Nobody else sees or hears it. It is erased when you leave this station."
_PRIVATE: Final = (
    "The recording goes encrypted to the lab's server and belongs to you alone. No educator opens "
    "it until you release it there."
)


HOW_TO_GET_IN: Final = (
    "Only the browser that the station itself has opened shows its pages. Use the screen of the "
    "station. If its browser does not open, restart the computer; `sudo simvoice-station check` "
    "says what is wrong."
)
"""What a browser reads that came without the key of this start."""

STORAGE_REMEDY: Final = (
    "a technician frees space: connect the network, so that waiting records are sent, and remove "
    "what does not belong to the station; `sudo simvoice-station check` says how much is free"
)
"""What helps when the disk of a station is full or cannot be written."""

_OWN_COMPUTER = re.compile(r"; [^;]*\bSIMVOICE_HOME\b[^;]*$")
"""The remedy for a full disk on a person's own computer."""
_COMMAND = re.compile(r"([.;]) [^.;]*\brun: simvoice [^.;]*\.?$")


def at_station(text: str) -> str:
    """Return a sentence whose remedy is one for a kiosk.

    A technician stands in place of a command, which no learner can run here.
    """
    text = _OWN_COMPUTER.sub(f"; {STORAGE_REMEDY}", text)
    return _COMMAND.sub(
        lambda found: "; ask a technician" if found[1] == ";" else ". Ask a technician.", text
    )


def consent(settings: StationSettings) -> str:
    """Return the text of the consent page: that of the lab, or that of simvoice."""
    return settings.consent.strip() or CONSENT


def honour(settings: StationSettings) -> str:
    """Return the honour code: that of the lab, or that of simvoice."""
    return settings.honour.strip() or HONOUR


def mode_words(visit: Visit) -> str:
    """Return what happens in the mode of a visit, in sentences."""
    words = _MODE_WORDS[visit.mode]
    if visit.drill is None:
        return words
    return f"{words} You do this: {visit.drill.skill}"


def who_sees(visit: Visit) -> str:
    """Return who will see what, in sentences."""
    if visit.mode == "exam" and visit.assignment is not None:
        return _released_to(visit.assignment)
    return _ERASED if visit.code is None else _PRIVATE


def _released_to(assignment: StationAssignment) -> str:
    named = _listed(assignment.educators) or "the educators of the course"
    return (
        f"When you begin, you release this attempt to {named} ({assignment.course}), and to nobody "
        "else: its sound, its words and its numbers. The recording goes to them encrypted."
    )


def _listed(names: Sequence[str]) -> str:
    """Return "A", "A and B" or "A, B and C"; empty for none."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
