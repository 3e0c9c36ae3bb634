"""Speech to text: faster-whisper with an encoder window that depends on the utterance's length.

The stock path pads every utterance to 30 s of log-mel frames and costs as much as 30 s of speech.
This module pads to 12 s, with the same zeros (padding with silence, which is not zero in log-mel,
is worse). Shorter windows are faster but wrong: the decoder does not see that the speech has ended
and repeats the text (200 short utterances, tiny.en: at 10 s one in a hundred, at 8 s one in eight,
at speech + 1 s more than half). Utterances of 2.5 s and more are safe at 9 s. A result that looks
wrong is recognised again with a longer window, and then by the stock path.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel  # type: ignore[import-untyped]
from faster_whisper.feature_extractor import FeatureExtractor  # type: ignore[import-untyped]
from faster_whisper.tokenizer import Tokenizer  # type: ignore[import-untyped]
from faster_whisper.transcribe import get_suppressed_tokens  # type: ignore[import-untyped]
from numpy.typing import NDArray

from simvoice.audio import RATE, Pcm
from simvoice.engines.model_folder import REMEDY, need_file
from simvoice.engines.threads import STT_THREADS
from simvoice.errors import ModelAltered, StageFailed
from simvoice.ports import Cancelled, TranscribedWord, Transcript, never

SHORT_WINDOW_S = 12.0
"""Shortest encoder window, in seconds, for an utterance below `LONG_FROM_S`."""

LONG_WINDOW_S = 9.0
LONG_FROM_S = 2.5
"""Shortest encoder window for an utterance of at least `LONG_FROM_S`, in seconds."""

SECOND_WINDOW_S = 20.0
"""Window of the second try, before the stock path."""

TAIL_S = 3.0
"""Least padding after the speech."""

FRAMES_PER_S = 100
LONGEST_S = 30.0

TOKENS_PER_S = 7
"""English is spoken at up to 5 words a second (Yuan et al. 2006), which is 6.5 tokens."""

SPARE_TOKENS = 12
"""For punctuation and for words that take several tokens."""

MAX_TOKENS = 200
"""Below half of Whisper's context, which is the limit beside a prompt."""

HINT_TOKENS = 60

REPEATS_ABOVE = 2.4
UNSURE_BELOW = -1.0
"""The thresholds of the Whisper paper (Radford et al. 2022, section 4.5)."""

NOTHING = Transcript("", 0.0, 1.0, 0.0)
"""The transcript of no sound."""

SILENT_ABOVE = 0.6
"""Above this probability of silence an unsure text is noise, and a longer window does not help."""

_REPEATED = re.compile(r"^(?P<said>.{2,}?)(?:[\s.,!?]+(?P=said)){3,}", re.IGNORECASE)


class Whisper:
    """One English Whisper model. Fulfils `ports.SpeechToText`.

    As many threads may use it at once as it has workers.
    """

    def __init__(self, folder: Path, threads: int = STT_THREADS, workers: int = 1) -> None:
        """folder: model.bin, config.json, tokenizer.json, vocabulary.txt in CTranslate2's format.
        threads: of one utterance. workers: utterances that are transcribed at once.

        Raises ModelMissing when a file is missing, ModelAltered when it cannot be read.
        """
        for name in ("model.bin", "config.json", "tokenizer.json"):
            need_file(f"whisper ({folder.name})", folder / name)
        try:
            self._model = WhisperModel(
                str(folder),
                device="cpu",
                compute_type="int8",
                cpu_threads=threads,
                num_workers=workers,
                local_files_only=True,
            )
        except (RuntimeError, ValueError) as error:
            raise ModelAltered(f"{folder.name} cannot be read as a model; {REMEDY}") from error
        multilingual = self._model.model.is_multilingual
        self._tokens = Tokenizer(
            self._model.hf_tokenizer, multilingual, task="transcribe", language="en"
        )
        self._suppressed = get_suppressed_tokens(self._tokens, [-1])
        self.warm()

    def warm(self) -> None:
        """Run once, so that the first utterance does not pay for memory allocation."""
        self._transcribe_window(np.zeros(RATE, np.float32), "", SHORT_WINDOW_S)

    def transcribe(
        self, pcm: Pcm, *, hint: str = "", once: bool = False, cancelled: Cancelled = never
    ) -> Transcript:
        """Return the transcript of one utterance; an empty one when cancelled.

        pcm: up to 30 s; of a longer one the last 30 s. hint: text said before. once: return the
        first result even when it looks wrong, because it is needed now. cancelled: asked before
        each step; a learner who goes on speaking cancels half of all work. Raises StageFailed when
        the model cannot run.
        """
        pcm = pcm[-round(LONGEST_S * RATE) :].astype(np.float32, copy=False)
        if pcm.size == 0:
            return NOTHING
        try:
            for window_s in (_first_window_s(pcm), SECOND_WINDOW_S):
                transcript, cut = self._transcribe_window(pcm, hint, window_s, cancelled)
                if cancelled():
                    return NOTHING
                # "No, no" may be what was said: a doubled text is accepted in the second window.
                doubtful = window_s < SECOND_WINDOW_S and doubled(transcript.text)
                if once or not (cut or doubtful or looks_wrong(transcript)):
                    return transcript
            return self._transcribe_stock(pcm)
        except RuntimeError as error:
            raise StageFailed("whisper could not transcribe; start the encounter again") from error

    def transcribe_stock(self, pcm: Pcm, beam_size: int = 1) -> str:
        """Return faster-whisper's own text with its 30 s window, for comparison in the benches."""
        segments, _ = self._model.transcribe(
            pcm, language="en", beam_size=beam_size, without_timestamps=True
        )
        return " ".join(segment.text.strip() for segment in segments)

    def words(self, pcm: Pcm) -> list[TranscribedWord]:
        """Return the words of a piece of speech, in order, with their times.

        pcm: up to 30 s. The times come from Whisper's cross-attention and are accurate to about
        0.1 s. Raises StageFailed.
        """
        if pcm.size == 0:
            return []
        try:
            segments, _ = self._model.transcribe(
                pcm.astype(np.float32, copy=False),
                **(STOCK | {"without_timestamps": False}),
                word_timestamps=True,
            )
            words = [word for segment in segments for word in segment.words or ()]
        except RuntimeError as error:
            raise StageFailed("whisper could not time the words; run the analysis again") from error
        return [
            TranscribedWord(
                word.word.strip(), float(word.start), float(word.end), float(word.probability)
            )
            for word in words
            if word.word.strip() and word.end >= word.start
        ]

    def _transcribe_window(
        self, pcm: Pcm, hint: str, window_s: float, cancelled: Cancelled = never
    ) -> tuple[Transcript, bool]:
        """Return the transcript, and whether the token limit cut it off."""
        prompt = self._prompt(hint)
        limit = min(MAX_TOKENS, SPARE_TOKENS + int(TOKENS_PER_S * pcm.size / RATE))
        encoded = self._model.encode(self._features(pcm, window_s))
        if cancelled():
            return NOTHING, False
        result = self._model.model.generate(
            encoded,
            [prompt],
            beam_size=1,
            # CTranslate2 generates at most half of this, or what the prompt leaves of it.
            max_length=max(2 * limit, len(prompt) + limit),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=self._suppressed,
        )[0]
        ids = result.sequences_ids[0]
        text = self._tokens.decode(ids).strip()
        # CTranslate2 gives the mean over the tokens; Whisper's own mean counts the end token too.
        logprob = float(result.scores[0]) * len(ids) / (len(ids) + 1)
        transcript = Transcript(text, logprob, float(result.no_speech_prob), compression(text))
        return transcript, len(ids) >= limit

    def _features(self, pcm: Pcm, window_s: float) -> NDArray[np.float32]:
        """Return float32 [80, frames]: the log-mel, padded with zeros as in the stock path."""
        log_mel = self._model.feature_extractor(pcm)
        seconds = min(LONGEST_S, max(window_s, pcm.size / RATE + TAIL_S))
        frames = 2 * round(seconds * FRAMES_PER_S / 2)  # even, because the encoder halves it
        padded = np.zeros((log_mel.shape[0], frames), np.float32)
        used = min(frames, log_mel.shape[1])
        padded[:, :used] = log_mel[:, :used]
        return padded

    def _prompt(self, hint: str) -> list[int]:
        before = self._tokens.encode(" " + hint.strip())[-HINT_TOKENS:] if hint.strip() else []
        prompt: list[int] = self._model.get_prompt(self._tokens, before, without_timestamps=True)
        return prompt

    def _transcribe_stock(self, pcm: Pcm) -> Transcript:
        """Return the transcript of the library's own 30 s path, with its temperature fallback."""
        found, _ = self._model.transcribe(pcm, **STOCK)
        segments = list(found)
        if not segments:
            return Transcript("", UNSURE_BELOW, 1.0, 0.0, path="stock")
        text = " ".join(segment.text.strip() for segment in segments).strip()
        return Transcript(
            text,
            float(np.mean([segment.avg_logprob for segment in segments])),
            float(np.mean([segment.no_speech_prob for segment in segments])),
            compression(text),
            path="stock",
        )


STOCK: dict[str, Any] = {
    "language": "en",
    "beam_size": 1,
    "without_timestamps": True,
    "condition_on_previous_text": False,
    # Two temperatures instead of six: the learner is waiting, and speech that needs more is noise.
    "temperature": (0.0, 0.4),
}


def _first_window_s(pcm: Pcm) -> float:
    return LONG_WINDOW_S if pcm.size >= LONG_FROM_S * RATE else SHORT_WINDOW_S


def log_mel(pcm: Pcm) -> NDArray[np.float32]:
    """Return Whisper's log-mel, float32 [80, n // 160], of float32 [n] at 16 kHz, unpadded."""
    mel: NDArray[np.float32] = _EXTRACTOR(pcm, padding=0)
    return mel


_EXTRACTOR = FeatureExtractor()


def compression(text: str) -> float:
    """Return length over zlib length; 0 for an empty text. Above 2.4 the text repeats itself."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def repeats(text: str) -> bool:
    """Return True when the text says one phrase at least four times, which few people do."""
    return compression(text) > REPEATS_ABOVE or _REPEATED.match(text) is not None


def doubled(text: str) -> bool:
    """Return True when the second half of the words equals the first."""
    words = re.findall(r"[\w']+", text.lower())
    half = len(words) // 2
    return half > 0 and words[:half] == words[half:]


def looks_wrong(transcript: Transcript) -> bool:
    """Return True when a longer window may give a better text."""
    if transcript.no_speech_prob > SILENT_ABOVE:
        return False
    return repeats(transcript.text) or transcript.avg_logprob < UNSURE_BELOW
