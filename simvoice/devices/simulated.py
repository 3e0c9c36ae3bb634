"""A learner made of prepared clips, who hears what the speaker plays and answers by a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simvoice.audio import FRAME, FRAME_S, RATE, Pcm, Pcm16, level_dbfs, samples, to_float, to_int16
from simvoice.devices.pacing import Pacer
from simvoice.errors import SimvoiceError
from simvoice.ports import LineFacts, MicFrame
from simvoice.simulate.learner import KeptSilence, LearnerScript, PlantedUtterance, ScriptedLearner
from simvoice.simulate.signals import pink_noise

SOUNDS_DBFS = -50.0
"""A frame of the patient's louder than this is heard as speech."""
SILENT = 33
"""int16, about -60 dBFS: samples below are silence in the truth of what was heard."""
NOISE_PERIOD_S = 10.0


def _at_once() -> None:
    """Waits for nobody."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What really happened at the learner's mouth and ear, in session seconds."""

    said: tuple[PlantedUtterance, ...]
    kept: tuple[KeptSilence, ...]
    skipped: tuple[int, ...]
    """Steps of the script whose moment never came."""
    heard: Pcm16
    """int16 [n]: all that sounded at the learner's ear, from session second 0."""

    def sounds(self, *, gap_s: float = 0.1) -> list[tuple[float, float]]:
        """Stretches (start, end) in which the patient sounded; silences under `gap_s` are not
        told apart."""
        loud = np.flatnonzero(np.abs(self.heard.astype(np.int32)) > SILENT)
        if loud.size == 0:
            return []
        breaks = np.flatnonzero(np.diff(loud) > samples(gap_s))
        starts = loud[np.concatenate([[0], breaks + 1])]
        ends = loud[np.concatenate([breaks, [loud.size - 1]])] + 1
        return [(a / RATE, b / RATE) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]

    def first_sound_after(self, at_s: float) -> float | None:
        """When the patient first sounded at or after `at_s`; None when she never did."""
        tail = self.heard[samples(at_s) :].astype(np.int32)
        loud = np.flatnonzero(np.abs(tail) > SILENT)
        return None if loud.size == 0 else (samples(at_s) + int(loud[0])) / RATE

    def silent_from(self, at_s: float, *, gap_s: float = 0.3) -> float:
        """When the patient, sounding at `at_s`, fell silent for at least `gap_s`."""
        for start, end in self.sounds(gap_s=gap_s):
            if start <= at_s < end:
                return end
        return at_s


class SimulatedLine:
    """An `AudioLine` with a simulated learner at its end.

    The learner hears each written frame `delay_s` after the frame it was written after, decides
    by the script's policy and speaks into a room with a little noise. The line ends once the
    script is over and nobody has sounded for `tail_s`.
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
        level at which the microphone hears the speaker; None for headphones. echo: what the
        facts say of it, when not what follows from echo_db. limit_s: the line ends then at the
        latest. leaves: the line ends `tail_s` after the learner's last word, even while the
        patient is speaking.
        """
        if delay_s < FRAME_S:
            raise ValueError(f"delay_s is at least one frame ({FRAME_S} s), not {delay_s}")
        self._script = script
        self._policy = ScriptedLearner(script)
        self._pacer = Pacer(paced)
        self._delay = samples(delay_s)
        self._noise = self._room(noise_dbfs, seed)
        self._echo_gain = 0.0 if echo_db is None else 10.0 ** (echo_db / 20.0)
        said_of_echo = echo or ("headphones" if echo_db is None else "none")
        self._facts = LineFacts("simulated", "simulated learner", "its ear", RATE, said_of_echo)
        self._tail_s = tail_s
        self._limit_s = limit_s
        self._leaves = leaves
        self._heard = np.zeros(60 * RATE, np.int16)
        self._voice: Pcm = np.zeros(0, np.float32)
        self._said: list[PlantedUtterance] = []
        self._frames = 0
        self._started = False
        self._stopped = False
        self.hold: Callable[[], None] = _at_once
        """Called before each frame: in virtual time the clock stands still until it returns."""

    @property
    def facts(self) -> LineFacts:
        """Always known."""
        return self._facts

    @property
    def truth(self) -> Truth:
        """What has happened so far; complete once `read` gave None."""
        heard = self._heard[: self._frames * FRAME].copy()
        kept, skipped = tuple(self._policy.kept), tuple(self._policy.skipped)
        return Truth(tuple(self._said), kept, skipped, heard)

    @property
    def at_s(self) -> float:
        """Session seconds: the end of the newest frame read."""
        return self._frames * FRAME_S

    def start(self) -> None:
        """Nothing has to be opened."""
        self._started = True

    def read(self, timeout_s: float = 2.0) -> MicFrame | None:
        """The next frame; None when the script is over and all is quiet."""
        if not self._started:
            raise SimvoiceError("the line was not started yet; call start() first")
        if self._over():
            return None
        self.hold()
        self._pacer.wait()
        begin = self._frames * FRAME
        self._speak(begin)
        pcm = self._microphone(begin)
        self._frames += 1
        return MicFrame(pcm, output_delay_s=self._delay / RATE)

    def write(self, frame: Pcm16) -> None:
        """int16 [320] for the learner's ear."""
        if frame.shape != (FRAME,) or frame.dtype != np.int16:
            raise ValueError(f"a frame is int16 [{FRAME}], not {frame.dtype} {frame.shape}")
        start = max(0, (self._frames - 1) * FRAME + self._delay)
        self._reserve(start + FRAME)
        self._heard[start : start + FRAME] = frame

    def stop(self) -> None:
        """`read` gives None from now on; the truth stays."""
        self._stopped = True

    def _over(self) -> bool:
        if self._stopped or self.at_s >= self._limit_s:
            return True
        quiet_s = self._policy.silent_for_s(self.at_s)
        if self._leaves and self._said:
            quiet_s = self.at_s - self._said[-1].offset_s
        return self._policy.done and len(self._voice) == 0 and quiet_s >= self._tail_s

    def _speak(self, begin: int) -> None:
        ear = self._heard[max(0, begin - FRAME) : begin]
        said = self._policy.tick(begin / RATE, level_dbfs(ear) > SOUNDS_DBFS)
        if said is None:
            return
        clip = self._script.steps[said.step].clip
        assert clip is not None
        self._said.append(said)
        self._voice = clip.pcm

    def _microphone(self, begin: int) -> Pcm16:
        mix = np.take(self._noise, np.arange(begin, begin + FRAME), mode="wrap").astype(np.float32)
        voice, self._voice = self._voice[:FRAME], self._voice[FRAME:]
        mix[: len(voice)] += voice
        if self._echo_gain > 0.0:
            self._reserve(begin + FRAME)
            mix += to_float(self._heard[begin : begin + FRAME]) * np.float32(self._echo_gain)
        return to_int16(mix)

    def _reserve(self, end: int) -> None:
        if end > len(self._heard):
            self._heard = np.concatenate([self._heard, np.zeros_like(self._heard)])

    @staticmethod
    def _room(noise_dbfs: float | None, seed: int) -> Pcm:
        if noise_dbfs is None:
            return np.zeros(FRAME, np.float32)
        return pink_noise(NOISE_PERIOD_S, noise_dbfs, seed)
