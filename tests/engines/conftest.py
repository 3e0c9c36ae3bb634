"""Real engines, loaded once a session. Tests that use them are marked `engine`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simvoice.engines.threads import set_environment
from simvoice.models import manifest

set_environment()

from simvoice.engines.embed.minilm import MiniLM  # noqa: E402
from simvoice.engines.llm.llama import Llama  # noqa: E402
from simvoice.engines.stt.whisper import Whisper  # noqa: E402
from simvoice.engines.tts.piper import Piper  # noqa: E402
from simvoice.engines.tts.praat_voice import ShapedVoice, Shaper  # noqa: E402
from simvoice.engines.turn.end_of_turn import SmartTurn  # noqa: E402


@pytest.fixture(scope="session")
def piper() -> Piper:
    return Piper(manifest.locate("piper-joe"))


@pytest.fixture(scope="session")
def shaper() -> Iterator[Shaper]:
    shaper = Shaper()
    yield shaper
    shaper.close()


@pytest.fixture(scope="session")
def people(piper: Piper, shaper: Shaper) -> ShapedVoice:
    return ShapedVoice(piper, shaper)


@pytest.fixture(scope="session")
def tiny() -> Whisper:
    return Whisper(manifest.locate("whisper-tiny.en"))


@pytest.fixture(scope="session")
def base() -> Whisper:
    return Whisper(manifest.locate("whisper-base"))


@pytest.fixture(scope="session")
def smart_turn() -> SmartTurn:
    return SmartTurn(manifest.locate("smart-turn-v3.2"))


@pytest.fixture(scope="session")
def minilm() -> MiniLM:
    return MiniLM(manifest.locate("minilm-l6-v2"))


@pytest.fixture(scope="session")
def llama() -> Iterator[Llama]:
    llama = Llama(manifest.locate("smollm2-135m"), n_ctx=1024)
    yield llama
    llama.close()
