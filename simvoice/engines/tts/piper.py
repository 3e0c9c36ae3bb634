"""Text to speech with word times: Piper (VITS), whose alignments say when each phoneme sounds."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
from piper import PiperVoice, SynthesisConfig
from piper.config import PiperConfig
from piper.patch_voice_with_alignment import add_alignment_output
from piper.voice import AudioChunk

from simvoice.audio import RATE, Pcm
from simvoice.engines import threads as budget
from simvoice.engines.model_folder import REMEDY, need_file, need_one
from simvoice.engines.onnx_graph import load_graph
from simvoice.engines.onnx_session import open_session
from simvoice.engines.tts.alignment import Phoneme, is_segment, syllable_ends, word_spans
from simvoice.engines.tts.clips import limited, to_rate
from simvoice.engines.tts.pronounce import PhraseStretch, stretches
from simvoice.errors import ModelAltered, StageFailed
from simvoice.ports import Speech, SpokenWord, VoiceStyle

GAIN = 1.25
"""Joe's raw sentences peak at 0.30 to 0.75. One gain for all keeps one clause as loud as the
next; Piper's own normalising would make "mm-hm" as loud as a shout."""

EDGE_S = 0.03
"""Silence kept before the first and after the last sound of a clip."""

FADE_S = 0.005
"""Short enough to leave a plosive whole, long enough not to click."""

QUIET = 0.004
"""-48 dBFS: below it Joe's breath noise, above it the weakest fricative."""

SENTENCE_PAUSE_S = 0.32
HESITATION_S = 0.45
"""Between two sentences, and at dots or a dash, inside one clip: as long as
`encounter.clauses.pause_after_s` has it between clips."""

EMPTY = Speech(np.zeros(0, np.float32), (), ())


class Piper:
    """One recorded voice. Fulfils `ports.Voice`; of the style it takes duration and gain, the
    rest is `praat_voice.ShapedVoice`'s."""

    def __init__(self, folder: Path, threads: int = budget.VOICE) -> None:
        """folder: holds one `*.onnx` voice and its `.onnx.json`.

        Raises ModelMissing when a file is not there, ModelAltered when it cannot be read.
        """
        model = need_one("the voice", folder, "*.onnx")
        described = need_file("the voice", model.with_name(model.name + ".json"))
        try:
            config = PiperConfig.from_dict(json.loads(described.read_text(encoding="utf-8")))
        except (ValueError, KeyError) as error:
            raise ModelAltered(
                f"{described.name} is not a voice's description; {REMEDY}"
            ) from error
        graph = load_graph(f"the voice {model.name}", model)
        try:
            add_alignment_output(graph)
        except ValueError as error:
            raise ModelAltered(f"the voice {model.name} has no alignments; {REMEDY}") from error
        session = open_session(f"the voice {model.name}", graph.SerializeToString(), threads)
        self._voice = PiperVoice(config=config, session=session)
        self._symbols = lru_cache(maxsize=4096)(self._phonemize_alone)
        self.speak("Ready.", VoiceStyle())

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        """One clause or sentence; a text without words gives an empty clip.

        Silence around it is trimmed to `EDGE_S`; `encounter.clauses.pause_after_s` says how much
        belongs between it and what follows. Raises StageFailed when the voice cannot say it.
        """
        pieces: list[Pcm] = []
        words: list[SpokenWord] = []
        ends_s: list[float] = []
        pause_s = 0.0
        for stretch in stretches(text):
            phonemes: list[Phoneme] = []
            for chunk in self._synthesize(stretch, style):
                pieces.append(np.zeros(round(pause_s * RATE), np.float32))
                start_s = sum(piece.size for piece in pieces) / RATE
                pcm, found = _trimmed(chunk, start_s)
                pieces.append(pcm)
                phonemes.extend(found)
                pause_s = SENTENCE_PAUSE_S
            spans = word_spans(phonemes, [self._symbols(word) for word in stretch.spoken])
            words.extend(
                SpokenWord(word, *span) for word, span in zip(stretch.words, spans, strict=True)
            )
            ends_s.extend(syllable_ends(phonemes))
            pause_s = HESITATION_S
        if not words:
            return EMPTY
        gain = np.float32(10.0 ** (style.gain_db / 20.0) * GAIN)
        return Speech(limited(np.concatenate(pieces) * gain), tuple(words), tuple(ends_s))

    def _synthesize(self, stretch: PhraseStretch, style: VoiceStyle) -> list[AudioChunk]:
        """One chunk a sentence; a word that espeak cannot say gives none."""
        scale = self._voice.config.length_scale * style.duration
        config = SynthesisConfig(length_scale=scale, normalize_audio=False)
        text = " ".join(stretch.spoken)
        try:
            chunks = list(self._voice.synthesize(text, config, include_alignments=True))
        except RuntimeError as error:
            raise StageFailed(f"the voice could not say {text!r}; try other words") from error
        return [chunk for chunk in chunks if chunk.audio_float_array.size]

    def _phonemize_alone(self, word: str) -> tuple[str, ...]:
        return tuple(s for part in self._voice.phonemize(word) for s in part if is_segment(s))


def _trimmed(chunk: AudioChunk, start_s: float) -> tuple[Pcm, list[Phoneme]]:
    """The chunk at 16 kHz without the silence around it, faded, and its phonemes' times when it
    is placed at `start_s`."""
    pcm = to_rate(chunk.audio_float_array, chunk.sample_rate)
    loud = np.flatnonzero(np.abs(pcm) > QUIET)
    edge = round(EDGE_S * RATE)
    first, last = (int(loud[0]), int(loud[-1])) if loud.size else (0, pcm.size)
    first, last = max(0, first - edge), min(pcm.size, last + edge)
    kept = pcm[first:last].copy()
    fade = min(round(FADE_S * RATE), kept.size // 2)
    ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
    kept[:fade] *= ramp
    kept[kept.size - fade :] *= ramp[::-1]
    moved = start_s - first / RATE
    end_s = start_s + kept.size / RATE
    phonemes = [
        Phoneme(p.symbol, *(min(max(t + moved, start_s), end_s) for t in (p.start_s, p.end_s)))
        for p in _phonemes(chunk)
    ]
    # Sentences are runs of their own even where no pause phoneme ends them.
    return kept, [*phonemes, Phoneme(" ", end_s, end_s)]


def _phonemes(chunk: AudioChunk) -> list[Phoneme]:
    """With times in the untrimmed chunk; spread evenly when the alignment did not work out."""
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
