"""Speech to text: faster-whisper with an encoder window that follows the utterance.

The stock path pads every utterance to 30 s of log-mel frames and so pays for 30 s. This one pads
to 12 s, with the same zeros (silence, which is not zero in log-mel, is worse). Shorter is quicker
still but wrong: the decoder then does not see that the speech is over and says it again (200
short utterances, tiny.en: at 10 s one in a hundred, at 8 s one in eight, at speech + 1 s more
than half). Utterances of 2.5 s and more are safe at 9 s. What looks wrong is heard again with a
longer window, and then by the stock path.
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
from simvoice.engines import threads as budget
from simvoice.engines.model_folder import REMEDY, need_file
from simvoice.errors import ModelAltered, StageFailed
from simvoice.ports import TranscribedWord, Transcript

WINDOW_S = 12.0
"""The least the encoder is given for a short utterance."""

LONGER_WINDOW_S = 9.0
LONGER_FROM_S = 2.5
"""The least for an utterance from this length on."""

AGAIN_WINDOW_S = 20.0
"""Before the stock path is tried."""

TAIL_S = 3.0
"""Padding after the speech, however long that is."""

FRAMES_PER_S = 100
LONGEST_S = 30.0

TOKENS_PER_S = 7
"""English is spoken at up to 5 words a second (Yuan et al. 2006), which is 6.5 tokens."""

SPARE_TOKENS = 12
"""For punctuation and for words that are shorter than their tokens."""

MOST_TOKENS = 200
"""Below half of Whisper's context, which is what it may generate beside a prompt."""

HINT_TOKENS = 60

REPEATS_ABOVE = 2.4
UNSURE_BELOW = -1.0
"""The thresholds of the Whisper paper (Radford et al. 2022, section 4.5)."""

SILENT_ABOVE = 0.6
"""An unsure text over a probable silence is noise; a longer window would not hear more."""

_AGAIN = re.compile(r"^(?P<said>.{2,}?)(?:[\s.,!?]+(?P=said)){3,}", re.IGNORECASE)


class Whisper:
    """One Whisper model, English. Fulfils `ports.SpeechToText`. Not for two threads at once."""

    def __init__(self, folder: Path, threads: int = budget.WHISPER) -> None:
        """folder: model.bin, config.json, tokenizer.json, vocabulary.txt as CTranslate2 has them.

        Raises ModelMissing when a file is not there, ModelAltered when it cannot be read.
        """
        for name in ("model.bin", "config.json", "tokenizer.json"):
            need_file(f"whisper ({folder.name})", folder / name)
        try:
            self._model = WhisperModel(
                str(folder),
                device="cpu",
                compute_type="int8",
                cpu_threads=threads,
                num_workers=1,
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
        """Run once, so that the first utterance does not pay for allocations."""
        self._window(np.zeros(RATE, np.float32), "", WINDOW_S)

    def transcribe(self, pcm: Pcm, *, hint: str = "", once: bool = False) -> Transcript:
        """pcm: one utterance, up to 30 s (the last 30 s count). hint: text said before.

        once: take the first result, however doubtful, because it is wanted now.

        Raises StageFailed when the model cannot run.
        """
        pcm = pcm[-round(LONGEST_S * RATE) :].astype(np.float32, copy=False)
        if pcm.size == 0:
            return Transcript("", 0.0, 1.0, 0.0)
        try:
            for least_s in (_least_s(pcm), AGAIN_WINDOW_S):
                found, cut = self._window(pcm, hint, least_s)
                # "No, no" may be what was said; the longer window is believed.
                doubtful = least_s < AGAIN_WINDOW_S and doubled(found.text)
                if once or not (cut or doubtful or looks_wrong(found)):
                    return found
            return self._stock(pcm)
        except RuntimeError as error:
            raise StageFailed("whisper could not transcribe; start the encounter again") from error

    def transcribe_stock(self, pcm: Pcm, beam_size: int = 1) -> str:
        """What faster-whisper makes of it by itself: 30 s window; the measure for the benches."""
        segments, _ = self._model.transcribe(
            pcm, language="en", beam_size=beam_size, without_timestamps=True
        )
        return " ".join(segment.text.strip() for segment in segments)

    def words(self, pcm: Pcm) -> list[TranscribedWord]:
        """pcm: one piece of speech, up to 30 s. Its words, in order, with their times.

        Whisper's cross-attention gives the times, to about 0.1 s. Raises StageFailed.
        """
        if pcm.size == 0:
            return []
        try:
            segments, _ = self._model.transcribe(
                pcm.astype(np.float32, copy=False),
                **(STOCK | {"without_timestamps": False}),
                word_timestamps=True,
            )
            found = [word for segment in segments for word in segment.words or ()]
        except RuntimeError as error:
            raise StageFailed("whisper could not find the words; analyse it again") from error
        return [
            TranscribedWord(
                word.word.strip(), float(word.start), float(word.end), float(word.probability)
            )
            for word in found
            if word.word.strip() and word.end >= word.start
        ]

    def _window(self, pcm: Pcm, hint: str, least_s: float) -> tuple[Transcript, bool]:
        """The short path; also whether the text was cut off by the token bound."""
        prompt = self._prompt(hint)
        bound = min(MOST_TOKENS, SPARE_TOKENS + int(TOKENS_PER_S * pcm.size / RATE))
        encoded = self._model.encode(self._features(pcm, least_s))
        result = self._model.model.generate(
            encoded,
            [prompt],
            beam_size=1,
            # CTranslate2 generates up to half of this, or what the prompt leaves of it.
            max_length=max(2 * bound, len(prompt) + bound),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=self._suppressed,
        )[0]
        ids = result.sequences_ids[0]
        text = self._tokens.decode(ids).strip()
        # CTranslate2 gives the mean over the tokens; Whisper's own mean counts the end token.
        logprob = float(result.scores[0]) * len(ids) / (len(ids) + 1)
        found = Transcript(text, logprob, float(result.no_speech_prob), compression(text))
        return found, len(ids) >= bound

    def _features(self, pcm: Pcm, least_s: float) -> NDArray[np.float32]:
        """float32 [80, frames]: the utterance's log-mel, padded with zeros as the stock path's."""
        heard = self._model.feature_extractor(pcm)
        seconds = min(LONGEST_S, max(least_s, pcm.size / RATE + TAIL_S))
        frames = 2 * round(seconds * FRAMES_PER_S / 2)  # the encoder halves them
        padded = np.zeros((heard.shape[0], frames), np.float32)
        used = min(frames, heard.shape[1])
        padded[:, :used] = heard[:, :used]
        return padded

    def _prompt(self, hint: str) -> list[int]:
        before = self._tokens.encode(" " + hint.strip())[-HINT_TOKENS:] if hint.strip() else []
        prompt: list[int] = self._model.get_prompt(self._tokens, before, without_timestamps=True)
        return prompt

    def _stock(self, pcm: Pcm) -> Transcript:
        """The library's own path over 30 s, with its temperature fallback."""
        segments, _ = self._model.transcribe(pcm, **STOCK)
        found = list(segments)
        text = " ".join(segment.text.strip() for segment in found).strip()
        if not found:
            return Transcript("", UNSURE_BELOW, 1.0, 0.0, path="stock")
        return Transcript(
            text,
            float(np.mean([segment.avg_logprob for segment in found])),
            float(np.mean([segment.no_speech_prob for segment in found])),
            compression(text),
            path="stock",
        )


STOCK: dict[str, Any] = {
    "language": "en",
    "beam_size": 1,
    "without_timestamps": True,
    "condition_on_previous_text": False,
    # Two steps instead of six: a learner is waiting, and what six do not mend is noise.
    "temperature": (0.0, 0.4),
}


def _least_s(pcm: Pcm) -> float:
    return LONGER_WINDOW_S if pcm.size >= LONGER_FROM_S * RATE else WINDOW_S


def log_mel(pcm: Pcm) -> NDArray[np.float32]:
    """float32 [n] at 16 kHz to Whisper's log-mel, float32 [80, n // 160], without padding."""
    mel: NDArray[np.float32] = _EXTRACTOR(pcm, padding=0)
    return mel


_EXTRACTOR = FeatureExtractor()


def compression(text: str) -> float:
    """Length over zlib length; 0 for an empty text. Above 2.4 it repeats itself."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def repeats(text: str) -> bool:
    """True when the text is one thing four times over, which few people say."""
    return compression(text) > REPEATS_ABOVE or _AGAIN.match(text) is not None


def doubled(text: str) -> bool:
    """True when the second half of the words says the first again."""
    words = re.findall(r"[\w']+", text.lower())
    half = len(words) // 2
    return half > 0 and words[:half] == words[half:]


def looks_wrong(found: Transcript) -> bool:
    """Would a longer window perhaps hear it better?"""
    if found.no_speech_prob > SILENT_ABOVE:
        return False
    return repeats(found.text) or found.avg_logprob < UNSURE_BELOW
