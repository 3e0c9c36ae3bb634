"""The Protocols that engines and devices fulfil, and the data they exchange with the runtime.

Each Protocol is fulfilled by files in `engines` or `devices`: `SpeechToText` by
`engines.stt.whisper`, `VoiceActivity` and `EndOfTurn` by `engines.turn`, `LanguageModel` by
`engines.llm`, `Embedder` by `engines.embed.minilm`, the voices by `engines.tts`, and `AudioLine` by
`devices`. Sound is float32 [n], mono, 16 kHz (`audio.Pcm`) unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import Pcm, Pcm16, quietest_sample

Vectors = NDArray[np.float32]
"""float32 [n, d], each row of unit length."""

Cancelled = Callable[[], bool]
"""Asked between steps of long work. True means: stop, the result is no longer wanted."""


def never() -> bool:
    """A `Cancelled` for work that is never interrupted."""
    return False


# -- engines ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transcript:
    """The result of speech-to-text for one utterance, with the figures that speech gates check."""

    text: str
    avg_logprob: float
    """Mean log-probability of the tokens; below about -1 the text is a guess."""
    no_speech_prob: float
    """0..1, Whisper's own probability that no one spoke."""
    compression: float
    """Length of the text over its zlib length; above 2.4 the text repeats itself."""
    path: Literal["window", "stock"] = "window"
    """The path that gave it: the short encoder window, or the stock 30 s fallback."""


class SpeechToText(Protocol):
    """Speech-to-text for one utterance at a time."""

    def transcribe(
        self, pcm: Pcm, *, hint: str = "", once: bool = False, cancelled: Cancelled = never
    ) -> Transcript:
        """Return the words of an utterance; an empty transcript when cancelled.

        pcm: one utterance, up to 30 s. hint: text said before, for context. once: True makes no
        second attempt when the result looks wrong, because the caller cannot wait.
        """
        ...


@dataclass(frozen=True, slots=True)
class TranscribedWord:
    """One recognised word with its times in a piece of sound."""

    text: str
    start_s: float
    """Seconds from the start of the piece."""
    end_s: float
    prob: float
    """The recogniser's own probability, 0..1."""


class VoiceActivity(Protocol):
    """Speech activity, frame by frame. Keeps its own state across frames."""

    def push(self, frame: Pcm16) -> float:
        """Return the probability of speech, 0..1, as known so far. frame: int16 [320]."""
        ...

    def reset(self) -> None:
        """Forget all frames."""
        ...


class EndOfTurn(Protocol):
    """Judges from the sound whether the speaker has finished."""

    def complete_prob(self, pcm: Pcm) -> float:
        """Return the probability that the turn is complete, 0..1.

        pcm: the turn so far; only the last 8 s count.
        """
        ...


class SentenceEnd(Protocol):
    """Judges from the words alone whether a sentence is finished."""

    def over_prob(self, text: str) -> float:
        """Return the probability that the words are finished, 0..1.

        text: the turn so far, as recognised. Its final punctuation is ignored.
        """
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a conversation, for a model that is asked in its own chat template."""

    role: Literal["system", "user", "assistant"]
    text: str


class LanguageModel(Protocol):
    """Continues what the patient says. One prompt family per instance keeps its cache valid.

    A small model continues the screenplay in `prompt`. A stronger one gets the same scene as
    `messages`, if there are any.
    """

    @property
    def strong(self) -> bool:
        """True when the last answer came from a model that may have more latitude."""
        ...

    def warm(
        self, prefix: str, *, messages: Sequence[Message] = (), cancelled: Cancelled = never
    ) -> None:
        """Evaluate `prefix` now, so that a prompt that begins with it starts without delay.

        messages: the same start as a chat, for a stronger model.
        """
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
        """Yield pieces of the continuation as they come.

        It ends before the first string of `stop`, after `max_tokens`, or when `cancelled` returns
        True. A model on this machine gives the same text for the same prompt and seed.
        """
        ...

    def rank(
        self,
        prompt: str,
        candidates: Sequence[str],
        *,
        messages: Sequence[Message] = (),
        cancelled: Cancelled = never,
    ) -> list[float]:
        """Return the mean log-probability per token of each candidate as the continuation.

        Empty when the model gives no probabilities.
        """
        ...


class Embedder(Protocol):
    """Turns sentences into vectors of meaning."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return float32 [len(texts), d], each row of unit length."""
        ...


@dataclass(frozen=True, slots=True)
class VoiceStyle:
    """How a voice sounds. The default is the recorded voice unchanged."""

    formant_shift: float = 1.0
    """Ratio; above 1 a shorter vocal tract (a woman, a child), below 1 a longer one."""
    pitch_hz: float | None = None
    """Median pitch, Hz; None leaves it unchanged."""
    pitch_range: float = 1.0
    """Ratio of the pitch range around the median; below 1 is flatter."""
    duration: float = 1.0
    """Ratio of durations; above 1 is slower."""
    gain_db: float = 0.0
    """Change of loudness."""
    stretch: float = 1.0
    """A second ratio of durations, applied to the finished clip: cheaper than a new synthesis."""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word and its times, in seconds from the start of the clip."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Speech:
    """One synthesised clause."""

    pcm: Pcm
    words: tuple[SpokenWord, ...]
    """The words in order, with their times in the clip."""
    syllable_ends_s: tuple[float, ...] = field(default=())
    """Seconds into the clip where it may be cut without breaking a syllable, rising."""

    def cut_before(self, word: int) -> int:
        """Return the sample at which to cut before a word, by its number from 1, where it is heard
        least."""
        return quietest_sample(self.pcm, self.words[word - 1].end_s, self.words[word].start_s)


class Voice(Protocol):
    """Text to speech, with word times."""

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        """Return the sound of one clause or sentence; an empty text gives an empty clip."""
        ...


class PreparedVoice(Voice, Protocol):
    """A voice with a cache, so that a prepared line costs no time during an encounter."""

    def recall(self, text: str, style: VoiceStyle) -> Speech | None:
        """Return the clip if it is cached, within a millisecond or two; else None."""
        ...

    def prepare(
        self,
        lines: Iterable[tuple[str, VoiceStyle]],
        progress: Callable[[int, int], None] | None = None,
        cancelled: Cancelled = never,
    ) -> bool:
        """Synthesise the (text, style) lines that are not cached yet. Return False when cancelled.

        progress: called with the number of finished lines and of all lines.
        """
        ...


# -- devices ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineFacts:
    """The description of the devices for the record."""

    kind: Literal["sound-card", "browser", "file", "simulated"]
    microphone: str
    speaker: str
    native_rate: int
    """Hertz at the device."""
    echo: Literal["headphones", "canceller", "half-duplex", "none"]
    """How the patient's voice is kept out of the microphone."""


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
    """Frames of silence that the speaker played so far because no sound arrived in time."""


class AudioLine(Protocol):
    """One microphone and one speaker on one clock, in lock-step frames of 20 ms.

    The runtime reads one frame and writes one frame in turn. A frame written after frame k was
    read is heard `output_delay_s` after the start of frame k.
    """

    @property
    def facts(self) -> LineFacts:
        """The devices; known once the line has started."""
        ...

    def start(self) -> None:
        """Open both directions. Raises DeviceMissing or LibraryMissing."""
        ...

    def read(self, timeout_s: float = 2.0) -> MicFrame | None:
        """Return the next frame; None when the line has ended (end of the file, tab closed).

        Raises DeviceLost when nothing arrives within `timeout_s`.
        """
        ...

    def write(self, frame: Pcm16) -> None:
        """Queue int16 [320] for the speaker; never blocks."""
        ...

    def stop(self) -> None:
        """Close both directions; may be called twice."""
        ...
