"""Measure the speed of each engine, and check that Whisper understands the voice."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from simvoice.audio import RATE, Pcm
from simvoice.checkup.checks import Check, Detail, fail, ok, warn
from simvoice.engines import threads
from simvoice.errors import NeedsError, SimvoiceError
from simvoice.models import manifest
from simvoice.ports import VoiceStyle

SENTENCE = "I would like to talk with you about the results today."
CLAUSE = "They said you would have it."
WOMAN = VoiceStyle(formant_shift=1.17, pitch_hz=200.0)
"""A shaped voice, because shaping takes time too."""
SILENT_INPUT_S = 3.0
"""Length of the silence that the engines receive when there is no voice to speak the sentence."""

SCENE = (
    "A conversation in a quiet room of a clinic. The doctor has the result of a test; the patient "
    "has come alone and is afraid of it. She answers in short, plain sentences.\n\n"
    "Doctor: Good morning, please sit down.\nMargaret: Thank you.\n"
)
NEXT = "Doctor: How have you been since the test?\nMargaret:"
TOKENS = 24

COMMIT_MS = 400.0
LISTEN_MS = 200.0
"""Silence after which recognition starts; after `COMMIT_MS` of silence the turn is over."""
QUICK_MS = 900.0
SLOW_MS = 1500.0
"""Gaps between speakers are 200 ms on average, and a gap above a second suggests trouble to the
listener (Levinson & Torreira 2015; Jefferson 1989)."""

Stopwatch = Callable[[], float]
Measure = Callable[[Path], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Pace:
    """Milliseconds that each engine needs; None when its model is missing."""

    hear_ms: float | None = None
    """Speech recognition."""
    judge_ms: float | None = None
    """End of turn, from the sound."""
    end_ms: float | None = None
    """End of turn, from the words."""
    mean_ms: float | None = None
    """Sentence embedding."""
    think_ms: float | None = None
    """Language model: to the first token after a new line of the prompt."""
    tokens_per_s: float | None = None
    say_ms: float | None = None
    """Synthesis of the first clause."""


class SpeedCheck:
    """Loads and runs each engine whose model is installed, which takes some seconds."""

    def __init__(
        self, profile: str = manifest.DEFAULT_PROFILE, clock: Stopwatch = time.perf_counter
    ) -> None:
        """clock: returns seconds. Raises SettingError for an unknown profile."""
        self._names = manifest.profile(profile)
        self._clock = clock
        self._speech: Pcm = np.zeros(round(SILENT_INPUT_S * RATE), np.float32)
        self._transcript: str | None = None
        """What was recognised of `SENTENCE`; None when the voice did not speak it."""

    def run(self) -> list[Check]:
        """Return the checks of the engines, and last the check of the response time."""
        threads.set_environment()
        measured: dict[str, float] = {}
        checks: list[Check] = []
        measures: tuple[tuple[manifest.Role, Measure], ...] = (
            ("voice", self._measure_voice),
            ("stt", self._measure_recognition),
            ("end_of_turn", self._measure_end_of_turn),
            ("last_words", self._measure_sentence_end),
            ("embedding", self._measure_embedding),
            ("llm", self._measure_language_model),
        )
        for role, measure in measures:
            try:
                folder = manifest.locate(self._names[role])
            except NeedsError:
                continue  # `check_models` reports it
            try:
                measured |= measure(folder)
            except SimvoiceError as error:
                checks.append(fail(f"engine {role}", str(error), "run: simvoice models verify"))
        if self._transcript is not None:
            checks.append(judge_understanding(self._transcript))
        return [*checks, judge_pace(Pace(**measured))]

    def _ms(self, work: Callable[[], object]) -> float:
        """Return the shorter time of two runs, because the first may allocate memory."""
        took_ms = []
        for _ in range(2):
            start_s = self._clock()
            work()
            took_ms.append(1000.0 * (self._clock() - start_s))
        return min(took_ms)

    # Import the heavy libraries only in these methods, so that other commands start at once.

    def _measure_voice(self, folder: Path) -> dict[str, float]:
        from simvoice.engines.tts.piper import Piper
        from simvoice.engines.tts.praat_voice import ShapedVoice

        voice = ShapedVoice(Piper(folder))
        try:
            self._speech = voice.speak(SENTENCE, VoiceStyle()).pcm
            self._transcript = ""
            return {"say_ms": self._ms(lambda: voice.speak(CLAUSE, WOMAN))}
        finally:
            voice.close()

    def _measure_recognition(self, folder: Path) -> dict[str, float]:
        from simvoice.engines.stt.whisper import Whisper

        whisper = Whisper(folder)
        took_ms = self._ms(lambda: whisper.transcribe(self._speech))
        if self._transcript is not None:
            self._transcript = whisper.transcribe(self._speech).text
        return {"hear_ms": took_ms}

    def _measure_end_of_turn(self, folder: Path) -> dict[str, float]:
        from simvoice.engines.turn.end_of_turn import SmartTurn

        smart_turn = SmartTurn(folder)
        return {"judge_ms": self._ms(lambda: smart_turn.complete_prob(self._speech))}

    def _measure_sentence_end(self, folder: Path) -> dict[str, float]:
        from simvoice.engines.turn.end_of_turn import SentenceEndByLlm

        sentence_end = SentenceEndByLlm(folder)
        # Alternate between two turns: the same prompt twice would be in the model's cache.
        took_ms = []
        for turn in (SENTENCE, CLAUSE, SENTENCE):
            start_s = self._clock()
            sentence_end.over_prob(turn)
            took_ms.append(1000.0 * (self._clock() - start_s))
        return {"end_ms": min(took_ms)}

    def _measure_embedding(self, folder: Path) -> dict[str, float]:
        from simvoice.engines.embed.minilm import MiniLM

        minilm = MiniLM(folder)
        return {"mean_ms": self._ms(lambda: minilm.embed([SENTENCE]))}

    def _measure_language_model(self, folder: Path) -> dict[str, float]:
        from simvoice.engines.llm.llama import Llama

        llama = Llama(folder)
        try:
            llama.warm(SCENE)
            start_s = self._clock()
            pieces = llama.complete(SCENE + NEXT, max_tokens=TOKENS, stop=(), temperature=0.0)
            next(pieces, "")
            first_s = self._clock() - start_s
            rest = sum(1 for _ in pieces)
            rest_s = self._clock() - start_s - first_s
            return {"think_ms": 1000.0 * first_s, "tokens_per_s": rest / max(rest_s, 1e-6)}
        finally:
            llama.close()


def judge_understanding(text: str) -> Check:
    """Judge whether the voice is understood. text: the transcript of `SENTENCE`."""
    spoken, recognised = _words(SENTENCE), _words(text)
    share = len(spoken & recognised) / len(spoken)
    facts: dict[str, Detail] = {"said": SENTENCE, "heard": text, "words_heard": round(share, 2)}
    if share < 0.7:
        return fail(
            "voice and ear",
            f"the voice said {SENTENCE!r}, but speech recognition understood {text!r}",
            "run: simvoice models verify",
            **facts,
        )
    return ok("voice and ear", "speech recognition understands the voice", **facts)


def judge_pace(pace: Pace) -> Check:
    """Judge how quickly the patient will answer on this machine."""
    facts: dict[str, Detail] = {
        name: None if number is None else round(number, 1) for name, number in asdict(pace).items()
    }
    needed = (pace.hear_ms, pace.judge_ms, pace.end_ms, pace.mean_ms, pace.say_ms)
    if any(number is None for number in needed):
        return warn(
            "speed",
            "the response time of the patient cannot be measured without the models",
            "run: simvoice models pull",
            **facts,
        )
    hear, judge, end, mean, say = (number or 0.0 for number in needed)
    written = max(COMMIT_MS, LISTEN_MS + judge + hear + end + mean)
    free = written + (pace.think_ms or 0.0) + say
    facts |= {"written_line_ms": round(written), "free_line_ms": round(free)}
    times = (
        f"written lines begin about {written / 1000:.1f} s after your last word, lines of the "
        f"language model after about {free / 1000:.1f} s"
    )
    if written > SLOW_MS:
        return warn("speed", f"the patient answers slowly: {times}", _FASTER, **facts)
    if written > QUICK_MS:
        return warn("speed", f"the patient answers a little slowly: {times}", _FASTER, **facts)
    return ok("speed", f"the patient answers quickly: {times}", **facts)


_FASTER = "close other programs, or use a faster machine"


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z']+", text.lower()))
