"""How an encounter can end, and the words for it on pages and in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from simvoice.display import clock

EndReason = Literal[
    "learner", "patient", "time", "technician", "device", "closed", "stopped", "fault"
]
"""Who or what ended an encounter: the learner; the patient, with an ending of the case; the time
limit; a technician of the lab; a device that was lost; the page, or the sound file in place of a
microphone; a signal to the program, or its closed terminal; an error."""

RequestedEnd = Literal["learner", "time", "technician", "device", "closed", "stopped", "fault"]
"""Reasons that reach the conversation from outside. "time": of a drill, or of a station."""


@dataclass(frozen=True, slots=True)
class EndWords:
    """One way to end, in words."""

    clause: str
    """It fits after a comma: "4 minutes, time was up"."""
    at: str
    """A sentence with its time left out: "Time was up at"."""
    is_cut_short: bool = False
    """Whether no speaker chose the end and no time limit set it."""

    def sentence(self, at_s: float) -> str:
        """Return the sentence. at_s: session seconds of the end."""
        return f"{self.at} {clock(at_s)}."


END_WORDS: Final[Mapping[str, EndWords]] = MappingProxyType(
    {
        "learner": EndWords("you ended it", "You ended the conversation at"),
        "patient": EndWords("the conversation ended", "The conversation ended at"),
        "time": EndWords("time was up", "Time was up at"),
        "technician": EndWords("a technician ended it", "A technician ended the conversation at"),
        "device": EndWords(
            "the microphone or the loudspeaker was disconnected",
            "The microphone or the loudspeaker was disconnected at",
            is_cut_short=True,
        ),
        "closed": EndWords("the page was closed", "The page was closed at", is_cut_short=True),
        "stopped": EndWords(
            "the program was stopped", "The program was stopped at", is_cut_short=True
        ),
        "fault": EndWords(
            "an error ended it", "An error ended the conversation at", is_cut_short=True
        ),
    }
)

_FILE_ENDED: Final = EndWords(
    "the sound file ended",
    "The sound file that replaced the microphone ended at",
    is_cut_short=True,
)

_NOT_RECORDED: Final = EndWords("the end was not recorded", "The end was not recorded")


def end_words(reason: str, devices: Mapping[str, object] = MappingProxyType({})) -> EndWords:
    """Return the words for an end. reason: an EndReason, or empty for a journal without an end.

    devices: those of the attempt's header, where they are known.
    """
    if reason == "closed" and devices.get("kind") == "file":
        return _FILE_ENDED
    return END_WORDS[reason] if reason else _NOT_RECORDED
