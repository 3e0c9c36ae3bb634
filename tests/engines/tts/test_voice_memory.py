"""The voice gives back the memory that a long sentence needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.engine

MOST_MB = 60.0
"""Without giving it back, the voice kept 150 MB after these sentences."""

PROGRAM = """
import os
import psutil
from simvoice.engines.threads import set_environment
set_environment()
from simvoice.engines.tts.piper import Piper
from simvoice.machine import release_memory
from simvoice.models import manifest
from simvoice.ports import VoiceStyle

def resident():
    release_memory()
    return psutil.Process().memory_info().rss / 2**20

voice = Piper(manifest.locate(manifest.profile()["voice"]))
voice.speak("Yes, I know.", VoiceStyle())
before = resident()
for _ in range(3):
    voice.speak("I slipped on the wet floor at the bakery, and I fell on my left hand, and it has "
                "been sore since then, and nobody at the counter has said one word about it to "
                "anyone at all.", VoiceStyle())
print(resident() - before)
"""


def test_a_long_sentence_leaves_no_memory_in_use() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=120
    )
    assert float(done.stdout) < MOST_MB
