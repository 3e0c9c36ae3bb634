"""How fast each engine is here, on a sentence that the voice says and the ear must understand."""

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
"""Shaping costs time too, so a shaped voice is measured."""
HEARD_S = 3.0

SCENE = (
    "A conversation in a quiet room of a clinic. The doctor has the result of a test; the patient "
    "has come alone and is afraid of it. She answers in short, plain sentences.\n\n"
    "Doctor: Good morning, please sit down.\nMargaret: Thank you.\n"
)
NEXT = "Doctor: How have you been since the test?\nMargaret:"
TOKENS = 24

COMMIT_MS = 400.0
LISTEN_MS = 200.0
"""After so much silence the transcription starts, and after `COMMIT_MS` the turn is over."""
QUICK_MS = 900.0
SLOW_MS = 1500.0
"""Gaps between speakers are 200 ms on average, and one above a second is felt as trouble
(Levinson & Torreira 2015; Jefferson 1989)."""

Stopwatch = Callable[[], float]
Measure = Callable[[Path], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Pace:
    """Milliseconds each engine took; None when its model is not here."""

    hear_ms: float | None = None
    judge_ms: float | None = None
    end_ms: float | None = None
    """To judge whether the words sound finished."""
    mean_ms: float | None = None
    think_ms: float | None = None
    """To the first token after a new line of the prompt."""
    tokens_per_s: float | None = None
    say_ms: float | None = None


class SpeedCheck:
    """Loads and runs each engine whose model is here; some seconds altogether."""

    def __init__(
        self, profile: str = manifest.DEFAULT_PROFILE, clock: Stopwatch = time.perf_counter
    ) -> None:
        """clock: seconds. Raises SettingError for an unknown profile."""
        self._names = manifest.profile(profile)
        self._clock = clock
        self._speech: Pcm = np.zeros(round(HEARD_S * RATE), np.float32)
        self._understood: str | None = None

    def run(self) -> list[Check]:
        """What is not as it should be, and last how quick an encounter will feel."""
        threads.set_environment()
        found: dict[str, float] = {}
        faults: list[Check] = []
        measures: tuple[tuple[manifest.Role, Measure], ...] = (
            ("voice", self._say),
            ("stt", self._hear),
            ("end_of_turn", self._judge),
            ("last_words", self._end),
            ("embedding", self._mean),
            ("llm", self._think),
        )
        for role, measure in measures:
            try:
                folder = manifest.locate(self._names[role])
            except NeedsError:
                continue  # the check of the models has said it
            try:
                found |= measure(folder)
            except SimvoiceError as error:
                faults.append(fail(f"engine {role}", str(error), "run: simvoice models verify"))
        if self._understood is not None:
            faults.append(judge_understanding(self._understood))
        return [*faults, judge_pace(Pace(**found))]

    def _ms(self, work: Callable[[], object]) -> float:
        """The better of two runs: the first may still allocate."""
        took = []
        for _ in range(2):
            start_s = self._clock()
            work()
            took.append(1000.0 * (self._clock() - start_s))
        return min(took)

    # The heavy libraries are loaded only here: every other command should start at once.

    def _say(self, folder: Path) -> dict[str, float]:
        from simvoice.engines.tts.piper import Piper
        from simvoice.engines.tts.praat_voice import ShapedVoice

        voice = ShapedVoice(Piper(folder))
        try:
            self._speech = voice.speak(SENTENCE, VoiceStyle()).pcm
            self._understood = ""
            return {"say_ms": self._ms(lambda: voice.speak(CLAUSE, WOMAN))}
        finally:
            voice.close()

    def _hear(self, folder: Path) -> dict[str, float]:
        from simvoice.engines.stt.whisper import Whisper

        ear = Whisper(folder)
        took = self._ms(lambda: ear.transcribe(self._speech))
        if self._understood is not None:
            self._understood = ear.transcribe(self._speech).text
        return {"hear_ms": took}

    def _judge(self, folder: Path) -> dict[str, float]:
        from simvoice.engines.turn.end_of_turn import SmartTurn

        turns = SmartTurn(folder)
        return {"judge_ms": self._ms(lambda: turns.complete_prob(self._speech))}

    def _end(self, folder: Path) -> dict[str, float]:
        from simvoice.engines.turn.end_of_turn import SentenceEndByLlm

        words = SentenceEndByLlm(folder)
        # The prompt's cache would make the second time free, so another turn comes between.
        took = []
        for turn in (SENTENCE, CLAUSE, SENTENCE):
            start_s = self._clock()
            words.over_prob(turn)
            took.append(1000.0 * (self._clock() - start_s))
        return {"end_ms": min(took)}

    def _mean(self, folder: Path) -> dict[str, float]:
        from simvoice.engines.embed.minilm import MiniLM

        meaning = MiniLM(folder)
        return {"mean_ms": self._ms(lambda: meaning.embed([SENTENCE]))}

    def _think(self, folder: Path) -> dict[str, float]:
        from simvoice.engines.llm.llama import Llama

        mind = Llama(folder)
        try:
            mind.warm(SCENE)
            start_s = self._clock()
            pieces = mind.complete(SCENE + NEXT, max_tokens=TOKENS, stop=(), temperature=0.0)
            next(pieces, "")
            first_s = self._clock() - start_s
            rest = sum(1 for _ in pieces)
            rest_s = self._clock() - start_s - first_s
            return {"think_ms": 1000.0 * first_s, "tokens_per_s": rest / max(rest_s, 1e-6)}
        finally:
            mind.close()


def judge_understanding(text: str) -> Check:
    """text: what the ear made of `SENTENCE`, said by the voice."""
    said, heard = _words(SENTENCE), _words(text)
    share = len(said & heard) / len(said)
    facts: dict[str, Detail] = {"said": SENTENCE, "heard": text, "words_heard": round(share, 2)}
    if share < 0.7:
        return fail(
            "voice and ear",
            f"the ear heard {text!r} when the voice said {SENTENCE!r}",
            "run: simvoice models verify",
            **facts,
        )
    return ok("voice and ear", "the ear understands what the voice says", **facts)


def judge_pace(pace: Pace) -> Check:
    """Will an encounter feel quick here?"""
    facts: dict[str, Detail] = {
        name: None if number is None else round(number, 1) for name, number in asdict(pace).items()
    }
    needed = (pace.hear_ms, pace.judge_ms, pace.end_ms, pace.mean_ms, pace.say_ms)
    if any(number is None for number in needed):
        return warn(
            "speed",
            "how quick an encounter will feel cannot be said without the models",
            "run: simvoice models pull",
            **facts,
        )
    hear, judge, end, mean, say = (number or 0.0 for number in needed)
    written = max(COMMIT_MS, LISTEN_MS + judge + hear + end + mean)
    free = written + (pace.think_ms or 0.0) + say
    facts |= {"written_line_ms": round(written), "free_line_ms": round(free)}
    said = (
        f"her written lines begin about {written / 1000:.1f} s after your last word, what she "
        f"makes up after about {free / 1000:.1f} s"
    )
    if written > SLOW_MS:
        return warn("speed", f"an encounter will feel slow: {said}", _SLOW, **facts)
    if written > QUICK_MS:
        return warn("speed", f"an encounter will feel a little slow: {said}", _SLOW, **facts)
    return ok("speed", f"an encounter will feel quick: {said}", **facts)


_SLOW = "end what else is running, or use a faster machine"


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z']+", text.lower()))
