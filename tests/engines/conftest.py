"""Real engines, loaded once; tests that need them are marked `engine`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simvoice import models
from simvoice.engines.threads import set_environment

set_environment()

from simvoice.engines.llama import Llama  # noqa: E402
from simvoice.engines.minilm import MiniLM  # noqa: E402
from simvoice.engines.piper import Piper  # noqa: E402
from simvoice.engines.praat_voice import ShapedVoice, Shaper  # noqa: E402
from simvoice.engines.smart_turn import SmartTurn  # noqa: E402
from simvoice.engines.whisper import Whisper  # noqa: E402


@pytest.fixture(scope="session")
def piper() -> Piper:
    return Piper(models.locate("piper-joe"))


@pytest.fixture(scope="session")
def shaper() -> Iterator[Shaper]:
    made = Shaper()
    yield made
    made.close()


@pytest.fixture(scope="session")
def people(piper: Piper, shaper: Shaper) -> ShapedVoice:
    return ShapedVoice(piper, shaper)


@pytest.fixture(scope="session")
def tiny() -> Whisper:
    return Whisper(models.locate("whisper-tiny.en"))


@pytest.fixture(scope="session")
def base() -> Whisper:
    return Whisper(models.locate("whisper-base"))


@pytest.fixture(scope="session")
def smart_turn() -> SmartTurn:
    return SmartTurn(models.locate("smart-turn-v3.2"))


@pytest.fixture(scope="session")
def minilm() -> MiniLM:
    return MiniLM(models.locate("minilm-l6-v2"))


@pytest.fixture(scope="session")
def llama() -> Iterator[Llama]:
    made = Llama(models.locate("smollm2-135m"), n_ctx=1024)
    yield made
    made.close()
