"""An audio line with a simulated learner, who speaks prepared clips by a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simvoice.audio import (
    FRAME,
    FRAME_S,
    INAUDIBLE,
    RATE,
    Pcm,
    Pcm16,
    level_dbfs,
    samples,
    to_float,
    to_int16,
)
from simvoice.devices.pacing import Pacer
from simvoice.errors import SimvoiceError
from simvoice.ports import LineFacts, MicFrame
from simvoice.simulate.learner import KeptSilence, LearnerScript, PlantedUtterance, ScriptedLearner
from simvoice.simulate.signals import pink_noise

SOUNDS_DBFS = -50.0
"""The learner takes a louder frame as the patient's speech."""
NOISE_PERIOD_S = 10.0


@dataclass(frozen=True, slots=True)
class Truth:
    """What happened at the learner's mouth and ear, in session seconds."""

    spoken: tuple[PlantedUtterance, ...]
    """The learner's utterances."""
    kept: tuple[KeptSilence, ...]
    """The silences that the learner let stand."""
    skipped: tuple[int, ...]
    """Steps of the script that never came due."""
    delivered: Pcm16
    """int16 [n]: the sound at the learner's ear, from session second 0."""

    def sounds(self, *, gap_s: float = 0.1) -> list[tuple[float, float]]:
        """Return the stretches (start, end) of the patient's sound, joined over gaps to `gap_s`."""
        loud = np.flatnonzero(np.abs(self.delivered.astype(np.int32)) > INAUDIBLE)
        if loud.size == 0:
            return []
        breaks = np.flatnonzero(np.diff(loud) > samples(gap_s))
        starts = loud[np.concatenate([[0], breaks + 1])]
        ends = loud[np.concatenate([breaks, [loud.size - 1]])] + 1
        return [(a / RATE, b / RATE) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]

    def first_sound_after(self, at_s: float) -> float | None:
        """Return when the patient first sounds at or after `at_s`; None when there is no sound."""
        tail = self.delivered[samples(at_s) :].astype(np.int32)
        loud = np.flatnonzero(np.abs(tail) > INAUDIBLE)
        return None if loud.size == 0 else (samples(at_s) + int(loud[0])) / RATE

    def silent_from(self, at_s: float, *, gap_s: float = 0.3) -> float:
        """Return when the patient, who sounds at `at_s`, is next silent for at least `gap_s`."""
        for start, end in self.sounds(gap_s=gap_s):
            if start <= at_s < end:
                return end
        return at_s


class SimulatedLine:
    """An `AudioLine` with a simulated learner.

    Each written frame sounds at the learner's ear `delay_s` after the start of the frame read
    before it. The learner acts by the script and speaks into a room with a little noise. The line
    ends when the script is over and no one has spoken for `tail_s`.
    """

    def __init__(
        self,
        script: LearnerScript,
        paced: bool = True,
        *,
        delay_s: float = 0.06,
        noise_dbfs: float | None = -60.0,
        echo_db: float | None = None,
        echo: Literal["headphones", "canceller", "half-duplex", "none"] | None = None,
        seed: int = 0,
        tail_s: float = 4.0,
        limit_s: float = 3600.0,
        leaves: bool = False,
    ) -> None:
        """paced=False runs in virtual time, as fast as it is read.

        delay_s: from the start of a frame read to the sound of the one written next, at least
        one frame. noise_dbfs: RMS of the room's pink noise; None for digital silence. echo_db:
        level of the speaker's sound in the microphone; None for headphones. echo: the echo mode in
        the facts, when it does not follow from echo_db. limit_s: the latest end of the line.
        leaves: the line ends `tail_s` after the learner's last word, even while the patient speaks.
        """
        if delay_s < FRAME_S:
            raise ValueError(f"delay_s must be at least one frame ({FRAME_S} s), not {delay_s}")
        self._script = script
        self._learner = ScriptedLearner(script)
        self._pacer = Pacer(paced)
        self._delay = samples(delay_s)
        self._noise = self._room(noise_dbfs, seed)
        self._echo_gain = 0.0 if echo_db is None else 10.0 ** (echo_db / 20.0)
        echo_mode = echo or ("headphones" if echo_db is None else "none")
        self._facts = LineFacts("simulated", "simulated learner", "its ear", RATE, echo_mode)
        self._tail_s = tail_s
        self._limit_s = limit_s
        self._leaves = leaves
        self._delivered = np.zeros(60 * RATE, np.int16)
        self._voice: Pcm = np.zeros(0, np.float32)
        self._spoken: list[PlantedUtterance] = []
        self._frames = 0
        self._started = False
        self._stopped = False
        self.before_frame: Callable[[], None] = lambda: None
        """Called before each frame; in virtual time the clock stops until it returns."""

    @property
    def facts(self) -> LineFacts:
        """The facts of the line."""
        return self._facts

    @property
    def truth(self) -> Truth:
        """The truth so far; complete when `read` has returned None."""
        delivered = self._delivered[: self._frames * FRAME].copy()
        kept, skipped = tuple(self._learner.kept), tuple(self._learner.skipped)
        return Truth(tuple(self._spoken), kept, skipped, delivered)

    @property
    def at_s(self) -> float:
        """Session seconds: the end of the newest frame read."""
        return self._frames * FRAME_S

    def start(self) -> None:
        """Start the line; there is no device to open."""
        self._started = True

    def read(self, timeout_s: float = 2.0) -> MicFrame | None:
        """Return the next frame; None when the script is over and no one speaks."""
        if not self._started:
            raise SimvoiceError("the line is not started yet; call start() first")
        if self._over():
            return None
        self.before_frame()
        self._pacer.wait()
        begin = self._frames * FRAME
        self._speak(begin)
        pcm = self._microphone(begin)
        self._frames += 1
        return MicFrame(pcm, output_delay_s=self._delay / RATE)

    def write(self, frame: Pcm16) -> None:
        """Play int16 [320] at the learner's ear."""
        if frame.shape != (FRAME,) or frame.dtype != np.int16:
            raise ValueError(f"a frame is int16 [{FRAME}], not {frame.dtype} {frame.shape}")
        start = max(0, (self._frames - 1) * FRAME + self._delay)
        self._reserve(start + FRAME)
        self._delivered[start : start + FRAME] = frame

    def stop(self) -> None:
        """Stop: `read` returns None from now on; the truth stays available."""
        self._stopped = True

    def _over(self) -> bool:
        if self._stopped or self.at_s >= self._limit_s:
            return True
        quiet_s = self._learner.silent_for_s(self.at_s)
        if self._leaves and self._spoken:
            quiet_s = self.at_s - self._spoken[-1].offset_s
        return self._learner.done and len(self._voice) == 0 and quiet_s >= self._tail_s

    def _speak(self, begin: int) -> None:
        ear = self._delivered[max(0, begin - FRAME) : begin]
        utterance = self._learner.tick(begin / RATE, level_dbfs(ear) > SOUNDS_DBFS)
        if utterance is None:
            return
        clip = self._script.steps[utterance.step].clip
        assert clip is not None
        self._spoken.append(utterance)
        self._voice = clip.pcm

    def _microphone(self, begin: int) -> Pcm16:
        mix = np.take(self._noise, np.arange(begin, begin + FRAME), mode="wrap").astype(np.float32)
        voice, self._voice = self._voice[:FRAME], self._voice[FRAME:]
        mix[: len(voice)] += voice
        if self._echo_gain > 0.0:
            self._reserve(begin + FRAME)
            mix += to_float(self._delivered[begin : begin + FRAME]) * np.float32(self._echo_gain)
        return to_int16(mix)

    def _reserve(self, end: int) -> None:
        if end > len(self._delivered):
            self._delivered = np.concatenate([self._delivered, np.zeros_like(self._delivered)])

    @staticmethod
    def _room(noise_dbfs: float | None, seed: int) -> Pcm:
        if noise_dbfs is None:
            return np.zeros(FRAME, np.float32)
        return pink_noise(NOISE_PERIOD_S, noise_dbfs, seed)
