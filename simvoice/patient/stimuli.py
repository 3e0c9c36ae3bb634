"""What happens to the patient besides words: names that rules and reactions may use like codes."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

STIMULI: Final = MappingProxyType(
    {
        "turn": "Any turn of the learner's.",
        "statement": "A turn without a question.",
        "interruption": "The learner cut her off.",
        "hold_filled": "The learner filled the silence after a blow.",
        "hold_spared": "The learner broke it, but with care for her.",
        "hold_held": "The learner let it stand.",
        "monologue": "The learner talked on for long.",
        "jargon_run": "Several technical words in one turn.",
        "empathy": "Any empathic statement.",
        "dodge": "She asked something and got no answer.",
        "answered": "She asked something and got an answer.",
        "blunt_news": "The news without a warning before it.",
        "empty_silence": "Nobody spoke, and she had to.",
    }
)
"""Name to one-sentence definition."""

MONOLOGUE_WORDS: Final = 90
"""About 40 s of talk at 135 words a minute."""
MONOLOGUE_S: Final = 40.0
JARGON_RUN: Final = 3
"""Unexplained technical words in one turn."""
