"""What happens to the patient besides words: names that rules and reactions may use like codes."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

STIMULI: Final = MappingProxyType(
    {
        "turn": "Any turn of the learner's.",
        "statement": "A turn without a question.",
        "interruption": "The learner cut the patient off.",
        "talked_over_tears": "The learner cut the patient off in a tearful line.",
        "hold_filled": "The learner filled a silence that the patient kept.",
        "hold_spared": "The learner broke it, but with care.",
        "hold_held": "The learner let it stand.",
        "monologue": "The learner talked on for long.",
        "jargon_run": "Several technical words in one turn.",
        "empathy": "Any empathic statement.",
        "cue_met": "The patient let a concern show, and the learner took it up.",
        "cue_missed": "The patient let a concern show, and the learner went past it.",
        "premature_reassurance": "Comfort before any of the patient's concerns was told.",
        "earned_reassurance": "Comfort after one of the patient's concerns was told.",
        "dodge": "The patient asked something and got no answer.",
        "answered": "The patient asked something and got an answer.",
        "blunt_news": "The news without a warning before it.",
        "empty_silence": "Nobody spoke, and the patient had to.",
        "froze": "The patient had asked something, and the learner said nothing.",
    }
)
"""Name to one-sentence definition."""

MONOLOGUE_WORDS: Final = 90
"""About 40 s of talk at 135 words a minute."""
MONOLOGUE_S: Final = 40.0
JARGON_RUN: Final = 3
"""Unexplained technical words in one turn."""
