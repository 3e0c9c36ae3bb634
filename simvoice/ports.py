"""What the runtime asks of engines and devices. Each is fulfilled by one file at the edge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import Pcm, Pcm16

Vectors = NDArray[np.float32]
"""float32 [n, d], each row of unit length."""

Cancelled = Callable[[], bool]
"""Asked between steps of long work; True means: stop, nobody wants the result."""


def never() -> bool:
    """A `Cancelled` for work that nobody interrupts."""
    return False


# -- engines ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transcript:
    """What speech-to-text made of one utterance, with what a gate needs to doubt it."""

    text: str
    avg_logprob: float
    """Mean log-probability of the tokens; below about -1 the text is a guess."""
    no_speech_prob: float
    """0..1, Whisper's own probability that nobody spoke."""
    compression: float
    """Length of the text over its zlib length; above 2.4 the text repeats itself."""
    path: Literal["window", "stock"] = "window"
    """Which path gave it: the short encoder window, or the stock 30 s fallback."""


class SpeechToText(Protocol):
    """Utterance in, words out."""

    def transcribe(self, pcm: Pcm, *, hint: str = "", once: bool = False) -> Transcript:
        """pcm: one utterance, up to 30 s. hint: text said before, for context.

        once: no second try when the result looks wrong, because it is wanted now.
        """
        ...


@dataclass(frozen=True, slots=True)
class TranscribedWord:
    """One word with its times, as speech-to-text heard it in a piece of sound."""

    text: str
    start_s: float
    """Seconds from the start of the piece."""
    end_s: float
    prob: float
    """0..1, the recogniser's own."""


class VoiceActivity(Protocol):
    """Is this frame speech? Keeps its own state across frames."""

    def push(self, frame: Pcm16) -> float:
        """frame: int16 [320]. Returns the probability of speech, 0..1, as known so far."""
        ...

    def reset(self) -> None:
        """Forget all frames."""
        ...


class EndOfTurn(Protocol):
    """Does it sound as if the speaker has finished?"""

    def complete_prob(self, pcm: Pcm) -> float:
        """pcm: the turn so far; only the last 8 s count. Returns 0..1."""
        ...


class SentenceEnd(Protocol):
    """Do these words, by themselves, sound finished?"""

    def over_prob(self, text: str) -> float:
        """text: the turn so far, as recognised. Returns 0..1; what it ends with is left out."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a conversation for a model that is spoken to in its own chat template."""

    role: Literal["system", "user", "assistant"]
    text: str


class LanguageModel(Protocol):
    """Says what the patient says next. One prompt family per instance, so that its cache holds.

    A small model continues the screenplay in `prompt`; a stronger one is given the same scene as
    `messages`, where there are any.
    """

    @property
    def strong(self) -> bool:
        """Whether what it gave last came from a model that may be given more room."""
        ...

    def warm(
        self, prefix: str, *, messages: Sequence[Message] = (), cancelled: Cancelled = never
    ) -> None:
        """Evaluate `prefix` now, so that a prompt that begins with it starts at once."""
        ...

    def complete(
        self,
        prompt: str,
        *,
        messages: Sequence[Message] = (),
        max_tokens: int = 48,
        stop: Sequence[str] = ("\n",),
        temperature: float = 0.6,
        seed: int = 0,
        cancelled: Cancelled = never,
    ) -> Iterator[str]:
        """Yield pieces of the continuation as they come."""
        ...

    def rank(
        self,
        prompt: str,
        candidates: Sequence[str],
        *,
        messages: Sequence[Message] = (),
        cancelled: Cancelled = never,
    ) -> list[float]:
        """Mean log-probability a token of each candidate as the continuation of `prompt`.

        Empty when it cannot tell.
        """
        ...


class Embedder(Protocol):
    """Sentences to vectors of meaning."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), d], unit rows."""
        ...


@dataclass(frozen=True, slots=True)
class VoiceStyle:
    """Who speaks and how. The neutral style is the recorded voice as it is."""

    formant_shift: float = 1.0
    """Ratio; above 1 a shorter vocal tract (a woman, a child), below 1 a longer one."""
    pitch_hz: float | None = None
    """Median pitch, Hz; None leaves it."""
    pitch_range: float = 1.0
    """Ratio of the pitch range around the median; below 1 is flatter."""
    duration: float = 1.0
    """Ratio of durations; above 1 is slower."""
    gain_db: float = 0.0
    stretch: float = 1.0
    """A second ratio of durations, put on the finished clip: cheaper than saying it anew."""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word and where it lies in its clip."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Speech:
    """One synthesised clause."""

    pcm: Pcm
    words: tuple[SpokenWord, ...]
    syllable_ends_s: tuple[float, ...] = field(default=())
    """Seconds into the clip where it may be cut without breaking a syllable, rising."""


class Voice(Protocol):
    """Text to speech, with word times."""

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        """One clause or sentence; an empty text gives an empty clip."""
        ...


class PreparedVoice(Voice, Protocol):
    """A voice that keeps what it has said, so that an authored line costs nothing live."""

    def recall(self, text: str, style: VoiceStyle) -> Speech | None:
        """The clip if it was made before, within a millisecond or two; else None."""
        ...

    def prepare(
        self,
        lines: Iterable[tuple[str, VoiceStyle]],
        progress: Callable[[int, int], None] | None = None,
        cancelled: Cancelled = never,
    ) -> bool:
        """Make what is not there yet; False when cancelled on the way."""
        ...


# -- devices ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineFacts:
    """What the record says of the devices."""

    kind: Literal["sound-card", "browser", "file", "simulated"]
    microphone: str
    speaker: str
    native_rate: int
    """Hertz at the device."""
    echo: Literal["headphones", "canceller", "half-duplex", "none"]
    """How the patient's own voice is kept out of the microphone."""
    block_s: float = 0.02


@dataclass(frozen=True, slots=True)
class MicFrame:
    """20 ms from the learner's microphone."""

    pcm: Pcm16
    """int16 [320]."""
    lost: int = 0
    """Frames lost before this one (overflow, a stalled tab); they count in session time."""
    output_delay_s: float = 0.05
    """Seconds from writing a frame to hearing it, on the microphone's clock, as of now."""
    underruns: int = 0
    """Frames of silence the speaker had to play so far because none was there in time."""


class AudioLine(Protocol):
    """One microphone and one speaker on one clock, in lock-step frames of 20 ms.

    The runtime reads one frame and writes one frame in turn, so that a frame written after
    reading frame k is heard `output_delay_s` after frame k was heard.
    """

    @property
    def facts(self) -> LineFacts:
        """Known once started."""
        ...

    def start(self) -> None:
        """Open both directions. Raises DeviceMissing or LibraryMissing."""
        ...

    def read(self, timeout_s: float = 2.0) -> MicFrame | None:
        """The next frame; None when the line has ended (file over, tab closed).

        Raises DeviceLost when nothing arrives within `timeout_s`.
        """
        ...

    def write(self, frame: Pcm16) -> None:
        """int16 [320] for the speaker; never blocks."""
        ...

    def stop(self) -> None:
        """Close both directions; may be called twice."""
        ...
