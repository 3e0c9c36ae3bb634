"""Text to speech with word times: Piper (VITS), whose alignments give the time of each phoneme."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from piper import PiperVoice, SynthesisConfig
from piper.config import PiperConfig
from piper.patch_voice_with_alignment import add_alignment_output
from piper.voice import AudioChunk

from simvoice.audio import RATE, Pcm
from simvoice.engines.model_folder import REMEDY, need_file, need_one
from simvoice.engines.onnx_session import open_frugal_session
from simvoice.engines.threads import VOICE_THREADS
from simvoice.engines.tts.alignment import Phoneme, is_segment, syllable_ends, word_spans
from simvoice.engines.tts.clips import soft_limit, to_rate
from simvoice.engines.tts.pronounce import Phrase, split_at_pauses
from simvoice.errors import ModelAltered, StageFailed
from simvoice.ports import Speech, SpokenWord, VoiceStyle

GAIN = 1.25
"""Applied to every sentence. Joe's raw sentences peak at 0.30 to 0.75, and one gain for all keeps
clauses equally loud; Piper's own normalisation would make "mm-hm" as loud as a shout."""

EDGE_S = 0.03
"""Silence kept before the first and after the last sound of a clip."""

FADE_S = 0.005
"""Short enough to leave a plosive intact, long enough not to click."""

QUIET = 0.004
"""-48 dBFS: Joe's breath noise is below it, the weakest fricative above it."""

SENTENCE_PAUSE_S = 0.32
HESITATION_S = 0.45
"""Silence between two sentences, and at dots or a dash, inside one clip. Equal to what
`conversation.clauses.pause_after_s` puts between clips."""

EMPTY = Speech(np.zeros(0, np.float32), (), ())


class Piper:
    """One recorded voice. Fulfils `ports.Voice`.

    It applies the style's duration and gain; `praat_voice.ShapedVoice` applies the rest.
    """

    def __init__(self, folder: Path, threads: int = VOICE_THREADS) -> None:
        """folder: holds one `*.onnx` voice and its `.onnx.json`.

        Raises ModelMissing when a file is missing, ModelAltered when it cannot be read.
        """
        model = need_one("the voice", folder, "*.onnx")
        description = need_file("the voice", model.with_name(model.name + ".json"))
        try:
            config = PiperConfig.from_dict(json.loads(description.read_text(encoding="utf-8")))
        except (ValueError, KeyError) as error:
            raise ModelAltered(
                f"{description.name} is not the description of a voice; {REMEDY}"
            ) from error
        try:
            graph = onnx.load(str(model))
            add_alignment_output(graph)
        except DecodeError as error:
            raise ModelAltered(
                f"the voice {model.name} cannot be read as a model; {REMEDY}"
            ) from error
        except ValueError as error:
            raise ModelAltered(f"the voice {model.name} has no alignments; {REMEDY}") from error
        what = f"the voice {model.name}"
        session = open_frugal_session(what, graph.SerializeToString(), threads)
        self._voice = PiperVoice(config=config, session=session)
        self._symbols = lru_cache(maxsize=4096)(self._phonemize_alone)
        self.speak("Ready.", VoiceStyle())

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        """Speak one clause or sentence; a text without words gives an empty clip.

        The silence around it is trimmed to `EDGE_S`; `conversation.clauses.pause_after_s` gives
        the pause after it. Raises StageFailed when the voice cannot say the text.
        """
        pieces: list[Pcm] = []
        words: list[SpokenWord] = []
        ends_s: list[float] = []
        pause_s = 0.0
        for phrase in split_at_pauses(text):
            phonemes: list[Phoneme] = []
            for chunk in self._synthesize(phrase, style):
                pieces.append(np.zeros(round(pause_s * RATE), np.float32))
                start_s = sum(piece.size for piece in pieces) / RATE
                pcm, found = _trim(chunk, start_s)
                pieces.append(pcm)
                phonemes.extend(found)
                pause_s = SENTENCE_PAUSE_S
            spans = word_spans(phonemes, [self._symbols(word) for word in phrase.spoken])
            words.extend(
                SpokenWord(word, *span) for word, span in zip(phrase.words, spans, strict=True)
            )
            ends_s.extend(syllable_ends(phonemes))
            pause_s = HESITATION_S
        if not words:
            return EMPTY
        if not pieces:
            raise StageFailed(f"the voice could not say {text!r}; try other words")
        gain = np.float32(10.0 ** (style.gain_db / 20.0) * GAIN)
        return Speech(soft_limit(np.concatenate(pieces) * gain), tuple(words), tuple(ends_s))

    def _synthesize(self, phrase: Phrase, style: VoiceStyle) -> list[AudioChunk]:
        """Return one chunk a sentence; a word that espeak cannot say gives none."""
        scale = self._voice.config.length_scale * style.duration
        config = SynthesisConfig(length_scale=scale, normalize_audio=False)
        text = " ".join(phrase.spoken)
        try:
            chunks = list(self._voice.synthesize(text, config, include_alignments=True))
        except RuntimeError as error:
            raise StageFailed(f"the voice could not say {text!r}; try other words") from error
        return [chunk for chunk in chunks if chunk.audio_float_array.size]

    def _phonemize_alone(self, word: str) -> tuple[str, ...]:
        return tuple(s for part in self._voice.phonemize(word) for s in part if is_segment(s))


def _trim(chunk: AudioChunk, start_s: float) -> tuple[Pcm, list[Phoneme]]:
    """Return the chunk at 16 kHz, trimmed and faded, and its phonemes.

    start_s: where the chunk is placed in the clip; the phonemes' times count from there.
    """
    pcm = to_rate(chunk.audio_float_array, chunk.sample_rate)
    loud = np.flatnonzero(np.abs(pcm) > QUIET)
    edge = round(EDGE_S * RATE)
    first, last = (int(loud[0]), int(loud[-1])) if loud.size else (0, pcm.size)
    first, last = max(0, first - edge), min(pcm.size, last + edge)
    trimmed = pcm[first:last].copy()
    fade = min(round(FADE_S * RATE), trimmed.size // 2)
    ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
    trimmed[:fade] *= ramp
    trimmed[trimmed.size - fade :] *= ramp[::-1]
    shift_s = start_s - first / RATE
    end_s = start_s + trimmed.size / RATE
    phonemes = [
        Phoneme(p.symbol, *(min(max(t + shift_s, start_s), end_s) for t in (p.start_s, p.end_s)))
        for p in _phonemes(chunk)
    ]
    # A word boundary separates the sentences where no pause phoneme ends one.
    return trimmed, [*phonemes, Phoneme(" ", end_s, end_s)]


def _phonemes(chunk: AudioChunk) -> list[Phoneme]:
    """Return the phonemes with times in the untrimmed chunk, evenly spaced without an alignment."""
    total = chunk.audio_float_array.size
    if chunk.phoneme_alignments:
        known = [(a.phoneme, int(a.num_samples)) for a in chunk.phoneme_alignments]
    else:
        known = [(symbol, total // max(1, len(chunk.phonemes))) for symbol in chunk.phonemes]
    found: list[Phoneme] = []
    at = 0
    for symbol, samples in known:
        found.append(Phoneme(symbol, at / chunk.sample_rate, (at + samples) / chunk.sample_rate))
        at += samples
    return found
