from pathlib import Path

import numpy as np
import pytest

from simvoice.audio import FRAME, RATE, Pcm, Pcm16, to_int16
from simvoice.engines.tts.piper import Piper
from simvoice.engines.turn.vad import Silero, Vad, WebrtcGate
from simvoice.errors import ModelMissing
from simvoice.ports import VoiceStyle


class _Gate:
    """Open when a frame is not silent."""

    def push(self, frame: Pcm16) -> bool:
        return bool(frame.any())

    def reset(self) -> None:
        pass


class _Judge:
    """Records its windows."""

    def __init__(self) -> None:
        self.windows: list[Pcm] = []
        self.resets = 0

    def push(self, window: Pcm) -> float:
        self.windows.append(window)
        return 0.7

    def reset(self) -> None:
        self.resets += 1


def _push_all(vad: Vad, pcm: Pcm) -> np.ndarray:
    frames = to_int16(pcm)[: pcm.size // FRAME * FRAME].reshape(-1, FRAME)
    return np.array([vad.push(frame) for frame in frames])


def test_the_judge_does_not_run_while_the_gate_is_closed() -> None:
    judge = _Judge()
    probs = _push_all(Vad(_Gate(), judge), np.zeros(RATE, np.float32))
    assert judge.windows == []
    assert not probs.any()


def test_the_judge_receives_the_sound_before_the_gate_opened() -> None:
    judge = _Judge()
    vad = Vad(_Gate(), judge)
    _push_all(vad, np.zeros(RATE, np.float32))
    _push_all(vad, np.full(2 * FRAME, 0.5, np.float32))
    assert 8 <= len(judge.windows) <= 10
    assert not judge.windows[0].any()
    assert judge.windows[-1].any()


def test_every_sample_of_an_open_stretch_is_judged_once_and_in_order() -> None:
    judge = _Judge()
    ramp = np.linspace(0.01, 0.9, 40 * FRAME, dtype=np.float32)
    _push_all(Vad(_Gate(), judge), ramp)
    judged = np.concatenate(judge.windows)
    assert np.abs(judged - ramp[: judged.size]).max() <= 1 / 32768
    assert ramp.size - judged.size < 512


def test_closing_the_gate_resets_the_judge() -> None:
    judge = _Judge()
    vad = Vad(_Gate(), judge)
    resets = judge.resets
    _push_all(vad, np.full(10 * FRAME, 0.5, np.float32))
    _push_all(vad, np.zeros(FRAME, np.float32))
    assert judge.resets == resets + 1


def test_a_frame_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="320 samples"):
        WebrtcGate().push(np.zeros(160, np.int16))


@pytest.mark.engine
def test_speech_is_detected_and_silence_noise_and_hum_are_not(piper: Piper) -> None:
    vad = Vad(WebrtcGate(), Silero())
    said = piper.speak("Before we begin, tell me how you have been sleeping.", VoiceStyle()).pcm
    assert np.mean(_push_all(vad, said) > 0.5) > 0.8
    random = np.random.default_rng(0)
    seconds = np.arange(2 * RATE) / RATE
    for other in (
        np.zeros(2 * RATE),
        0.02 * random.standard_normal(2 * RATE),
        0.1 * np.sin(2 * np.pi * 120 * seconds),
    ):
        vad.reset()
        assert np.mean(_push_all(vad, other.astype(np.float32)) > 0.5) < 0.02


@pytest.mark.engine
def test_the_end_of_speech_is_detected_within_a_fifth_of_a_second(piper: Piper) -> None:
    said = piper.speak("Take your time.", VoiceStyle())
    pcm = np.concatenate([said.pcm, np.zeros(RATE, np.float32)])
    voiced = np.flatnonzero(_push_all(Vad(WebrtcGate(), Silero()), pcm) > 0.5)
    assert voiced[-1] * FRAME / RATE < said.words[-1].end_s + 0.2


def test_after_a_reset_equal_sound_gives_equal_probabilities() -> None:
    noise = np.random.default_rng(3).standard_normal(RATE).astype(np.float32) * 0.3
    vad = Vad(WebrtcGate(), Silero())
    first = _push_all(vad, noise)
    vad.reset()
    assert np.array_equal(_push_all(vad, noise), first)


def test_a_missing_judge_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="silero"):
        Silero(tmp_path / "none.onnx")
