"""Engines, a line and workers that take no time, for an encounter in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from simvoice.audio import FRAME, FRAME_S, RATE, Pcm, Pcm16, samples
from simvoice.conversation.events import Key
from simvoice.errors import DeviceLost
from simvoice.ports import (
    Cancelled,
    LineFacts,
    MicFrame,
    Speech,
    SpokenWord,
    Transcript,
    Vectors,
    VoiceStyle,
    never,
)
from simvoice.runtime.scheduler import Job

WORD_S = 0.3
"""Seconds of each word of the fake voice."""


class InlineScheduler:
    """Runs each job at once on the caller's thread; its result is ready in the next frame."""

    def encounter(self) -> InlineJobs:
        return InlineJobs()

    def close(self) -> None:
        pass


class InlineJobs:
    """The jobs of an encounter, each run at once."""

    def __init__(self) -> None:
        self.dropped: set[Key] = set()

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def drop(self, key: Key) -> None:
        self.dropped.add(key)

    def put(self, job: Job) -> None:
        try:
            if job.key not in self.dropped:
                job.run(lambda: job.key in self.dropped)
        except Exception as error:
            job.failed(str(error))


@dataclass
class FakeRecogniser:
    """Returns the scripted texts in order, and repeats the last one."""

    texts: list[str]
    sounds: list[Pcm] = field(default_factory=list)

    def transcribe(
        self,
        pcm: Pcm,
        *,
        hint: str = "",
        once: bool = False,
        cancelled: Cancelled = never,
    ) -> Transcript:
        self.sounds.append(pcm)
        text = self.texts[min(len(self.sounds), len(self.texts)) - 1]
        return Transcript(text, -0.2, 0.02, 1.0)


@dataclass
class FakeEndOfTurn:
    prob: float = 0.95

    def complete_prob(self, pcm: Pcm) -> float:
        return self.prob


@dataclass
class FakeVoice:
    """Every word is 0.3 s of a tone; `known` texts are prepared; `broken` says what fails."""

    known: set[str] = field(default_factory=set)
    broken: str = ""
    made: list[str] = field(default_factory=list)

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        if self.broken:
            raise RuntimeError(self.broken)
        self.made.append(text)
        return tone(text)

    def recall(self, text: str, style: VoiceStyle) -> Speech | None:
        return tone(text) if text in self.known else None

    def prepare(
        self,
        lines: Iterable[tuple[str, VoiceStyle]],
        progress: Callable[[int, int], None] | None = None,
        cancelled: Cancelled = never,
    ) -> bool:
        self.known |= {text for text, _ in lines}
        return True


def tone(text: str) -> Speech:
    words = text.split()
    t = np.arange(samples(WORD_S * len(words))) / RATE
    pcm = (0.3 * np.sin(2 * np.pi * 220.0 * t)).astype(np.float32)
    times = [(i * WORD_S, (i + 1) * WORD_S) for i in range(len(words))]
    spoken = tuple(SpokenWord(w, *span) for w, span in zip(words, times, strict=True))
    return Speech(pcm, spoken, tuple(end for _, end in times))


class FakeEmbedder:
    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.array([[float(len(text)), 0.0] for text in texts], dtype=np.float32)


@dataclass
class FakeLanguageModel:
    """Completes with three pieces; ranks by length."""

    prompts: list[str] = field(default_factory=list)
    strong: bool = False

    def warm(self, prefix: str, **_: object) -> None:
        pass

    def complete(self, prompt: str, **_: object) -> Iterator[str]:
        self.prompts.append(prompt)
        yield from ("I ", "do ", "not know.")

    def rank(self, prompt: str, candidates: Sequence[str], **_: object) -> list[float]:
        return [-float(len(text)) for text in candidates]


class LoudIsVoice:
    """A voice detector that reports every sound as voice."""

    def push(self, frame: Pcm16) -> float:
        return 0.99 if np.abs(frame.astype(int)).max() > 500 else 0.01

    def reset(self) -> None:
        pass


@dataclass
class FakeLine:
    """A learner who makes noise in the given spans (session seconds), in virtual time."""

    spans: list[tuple[float, float]] = field(default_factory=list)
    ends_s: float = 30.0
    lost_at: dict[int, int] = field(default_factory=dict)
    """Frame number to frames lost before it."""
    unplugged_s: float | None = None
    echo: str = "headphones"
    delay_s: float = 0.06
    """From the start of a frame read to the sound of the one written next."""
    written: list[Pcm16] = field(default_factory=list)
    running: bool = False
    frames: int = 0

    @property
    def facts(self) -> LineFacts:
        return LineFacts("simulated", "a script", "a list", RATE, self.echo)  # type: ignore[arg-type]

    def start(self) -> None:
        self.running = True

    def read(self, timeout_s: float = 2.0) -> MicFrame | None:
        lost = self.lost_at.pop(self.frames, 0)
        self.frames += lost
        at_s = self.frames * FRAME_S
        if at_s >= self.ends_s:
            return None
        if self.unplugged_s is not None and at_s >= self.unplugged_s:
            raise DeviceLost("the microphone 'a script' stopped delivering sound; plug it in")
        self.frames += 1
        noise = np.random.default_rng(self.frames).integers(-4000, 4000, FRAME)
        voice = any(start <= at_s < end for start, end in self.spans)
        pcm = noise.astype(np.int16) if voice else np.zeros(FRAME, np.int16)
        return MicFrame(pcm, lost, self.delay_s)

    def write(self, frame: Pcm16) -> None:
        self.written.append(frame.copy())

    def stop(self) -> None:
        self.running = False
