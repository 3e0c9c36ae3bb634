"""Real engines, loaded once a session. Tests that use them are marked `engine`.

Their libraries are imported when the first test needs them: the fast tier needs none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from simvoice.engines.threads import set_environment
from simvoice.models import manifest

if TYPE_CHECKING:
    from simvoice.engines.embed.minilm import MiniLM
    from simvoice.engines.llm.llama import Llama
    from simvoice.engines.stt.whisper import Whisper
    from simvoice.engines.tts.piper import Piper
    from simvoice.engines.tts.praat_voice import ShapedVoice, Shaper
    from simvoice.engines.turn.end_of_turn import SmartTurn

set_environment()


@pytest.fixture(scope="session")
def piper() -> Piper:
    from simvoice.engines.tts.piper import Piper

    return Piper(manifest.locate("piper-joe"))


@pytest.fixture(scope="session")
def shaper() -> Iterator[Shaper]:
    from simvoice.engines.tts.praat_voice import Shaper

    shaper = Shaper()
    yield shaper
    shaper.close()


@pytest.fixture(scope="session")
def people(piper: Piper, shaper: Shaper) -> ShapedVoice:
    from simvoice.engines.tts.praat_voice import ShapedVoice

    return ShapedVoice(piper, shaper)


@pytest.fixture(scope="session")
def tiny() -> Whisper:
    from simvoice.engines.stt.whisper import Whisper

    return Whisper(manifest.locate("whisper-tiny.en"))


@pytest.fixture(scope="session")
def base() -> Whisper:
    from simvoice.engines.stt.whisper import Whisper

    return Whisper(manifest.locate("whisper-base"))


@pytest.fixture(scope="session")
def smart_turn() -> SmartTurn:
    from simvoice.engines.turn.end_of_turn import SmartTurn

    return SmartTurn(manifest.locate("smart-turn-v3.2"))


@pytest.fixture(scope="session")
def minilm() -> MiniLM:
    from simvoice.engines.embed.minilm import MiniLM

    return MiniLM(manifest.locate("minilm-l6-v2"))


@pytest.fixture(scope="session")
def llama() -> Iterator[Llama]:
    from simvoice.engines.llm.llama import Llama

    llama = Llama(manifest.locate("smollm2-135m"), n_ctx=1024)
    yield llama
    llama.close()
