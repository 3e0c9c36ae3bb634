"""`simvoice bench floor`: turn-taking, with planted audio, real engines and in real time.

It counts learners who are cut off in a pause, the delay until the patient yields to a barge-in, and
acknowledgements that wrongly stop the patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from simvoice import paths
from simvoice.app.simulator import Simulator
from simvoice.audio import RATE
from simvoice.bench.stage import Played, play, spread
from simvoice.coding import coder
from simvoice.coding.behaviour import ends_asking
from simvoice.conversation.clauses import pause_after_s, split_clauses
from simvoice.models import manifest
from simvoice.patient.decisions import (
    Answer,
    Decision,
    LearnerUtterance,
    Move,
    PatientState,
    Reflection,
)
from simvoice.ports import Message, VoiceStyle
from simvoice.record.events import Interruption, LearnerTurn, PatientSpeech
from simvoice.simulate.learner import (
    AfterPatient,
    At,
    BackchannelStep,
    BargeIn,
    LearnerClip,
    LearnerScript,
    PlantedUtterance,
    ScriptStep,
)
from simvoice.simulate.signals import mm_hm
from simvoice.simulate.speech import cached_clip

# -- the patient ----------------------------------------------------------------------------

SHORT = "I see."

LONG = (
    "Well it began in the spring, when I was out in the garden most of the day, and I noticed that "
    "my arm was heavy in the evening, heavier than it ought to be, so I told my sister about it, "
    "and she said that I should rest more, which I did for a week or two, and then we both forgot "
    "about it, because there was so much else to do that summer, with the house and the children.",
    "After that nothing happened for a long time, we had the neighbours over and we painted the "
    "kitchen, and my brother came to stay with his two dogs, who slept under the table, and in the "
    "morning we would all walk down to the water together, whatever the weather was, and come back "
    "for a late breakfast with eggs and bread and plenty of coffee, and nobody was in a hurry.",
    "My husband drives the school bus, he has done it for eleven years, and he knows all of the "
    "children by name, and they bring him drawings, which he puts up in the hall, so that when you "
    "come into our house you see horses and houses and rockets and a very large yellow sun, and he "
    "always says that it is the best gallery in the county, and that nobody ever has to pay.",
)


class ScriptedMind:
    """A mind (`conversation.state.Mind`) that answers each turn with the next of its lines."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = tuple(lines)

    def _next(self, state: PatientState, reason: str) -> Decision:
        text = self._lines[state.turns % len(self._lines)]
        after = replace(state, turns=state.turns + 1)
        return Decision(after, Move("answer", text, f"line-{state.turns}"), reason)

    def start(self, seed: int) -> PatientState:
        """Return the state at the start; the ledger never changes."""
        return PatientState(ledger=(("trust", 0.5),), seed=seed)

    def open(self, state: PatientState) -> Decision:
        """Return the next line."""
        return self._next(state, "no one spoke")

    def respond(self, state: PatientState, utterance: LearnerUtterance) -> Decision:
        """Return the next line; a question yields the turn."""
        asks = ends_asking(utterance.text, coder.code(utterance.text))
        return replace(self._next(state, "the learner spoke"), yields_turn=asks)

    def settle(self, state_before: PatientState, decision: Decision, answer: Answer) -> Decision:
        """Return the decision; no model is used."""
        return replace(decision, query=None)

    def silence_held(self, state: PatientState, name: str) -> Decision:
        """Return the next line."""
        return self._next(state, "silence")

    def break_silence(self, state: PatientState, silence_s: float) -> Decision:
        """Return the next line."""
        return self._next(state, "silence")

    def time_up(self, state: PatientState) -> Decision:
        """Return the next line."""
        return self._next(state, "time")

    def confused(self, state: PatientState) -> Decision:
        """Return the next line."""
        return self._next(state, "the learner was not understood")

    def ending(self, state: PatientState, trigger: Literal["left"]) -> str | None:
        """Return None: there are no endings."""
        return None

    def reflect(self, state: PatientState, ending: str | None) -> tuple[Reflection, ...]:
        """Return no reflections."""
        return ()

    def messages_so_far(self, state: PatientState) -> tuple[Message, ...]:
        """Return no messages: no model is used."""
        return ()

    def prompt_so_far(self, state: PatientState) -> str:
        """Return no prompt: no model is used."""
        return ""

    def record_delivery(
        self, state: PatientState, move: Move, delivered_text: str, complete: bool
    ) -> PatientState:
        """Return the state unchanged."""
        return state


# -- the learners ---------------------------------------------------------------------------

LEARNERS = (
    VoiceStyle(formant_shift=0.97, pitch_hz=112.0),
    VoiceStyle(formant_shift=1.17, pitch_hz=205.0),
)
PATIENT_STYLE = VoiceStyle(formant_shift=1.12, pitch_hz=175.0, pitch_range=0.9, duration=1.1)

HESITANT = (
    "What I wanted to say <pause 0.5> is that we have <pause 0.9> the results of your <pause "
    "1.2> biopsy.",
    "I was wondering whether <pause 0.7> you have had any trouble with <pause 0.4> sleeping "
    "or with <pause 1.0> your appetite.",
    "The test that we did <pause 0.8> in the week before <pause 0.3> Christmas has shown us a"
    " <pause 1.1> small change.",
    "When you came in last <pause 0.6> month you told the <pause 1.2> nurse that you were "
    "<pause 0.5> worried about the lump.",
    "So the next step is <pause 1.0> that we ask the <pause 0.4> surgeon to look at the "
    "<pause 0.8> pictures with us.",
    "Is there anybody at <pause 0.9> home who could <pause 0.6> come with you on <pause 1.2> "
    "Thursday morning?",
    "I would like to <pause 0.7> explain what the <pause 1.1> report means, and then <pause "
    "0.5> answer your questions.",
    "Before we go on <pause 0.4> can you tell me what <pause 0.9> the other doctors have "
    "<pause 1.2> told you?",
    "We think that the <pause 1.2> treatment could begin <pause 0.6> in about two <pause 0.8>"
    " weeks from now.",
    "If you feel that it is <pause 0.5> too much for you <pause 0.3> then we will just <pause"
    " 1.0> stop for today.",
    "It may be that <pause 1.1> you will lose some <pause 0.7> of your hair, but it <pause "
    "0.4> will grow back.",
    "My colleague said that <pause 0.8> your mother was also <pause 1.0> ill with the same "
    "<pause 0.6> disease.",
)
"""Turns with pauses of 0.3 to 1.2 s where people stop to think: after a function word, before an
important word (Goldman-Eisler 1968)."""

STATEMENTS = (
    "We have the results back. <pause 0.4> I am afraid that they are serious.",
    "That should never have happened. <pause 0.6> I am so sorry about it.",
    "My name is Doctor Lind. <pause 0.5> I work on this ward.",
    "We have medicine that eases the breath. <pause 0.4> It will be in the house.",
    "I can see how worried you are. <pause 0.8> Anybody would be.",
    "The operation was put off again. <pause 0.6> Nobody told you why.",
    "You have been waiting a long time. <pause 0.5> Thank you for that.",
    "It is not what we had hoped for. <pause 1.0> There is still a lot that we can do.",
)
"""Turns of two sentences with a pause between them; the first could be a complete turn."""

BIDS = (
    "Sorry, can I stop you there for a moment?",
    "Wait, what did your sister say about it?",
    "Let me ask you something about the arm.",
    "When exactly was that, do you remember?",
    "Hold on, I would like to understand this better.",
    "But did you see a doctor at that time?",
    "Can we come back to the spring again?",
    "I need to tell you about the result now.",
    "Excuse me, how long did the heaviness last?",
    "Did anybody else in your family have this?",
)
MM_HM = "Mm-hm."
ACKNOWLEDGEMENTS = (
    MM_HM, "Okay.", MM_HM, "I see.", "Right.", MM_HM, "Yeah.", "Uh-huh.", "Sure.", "Oh."
)  # fmt: skip
"""Acknowledgements. The most frequent one is hummed; `simulate.signals.mm_hm` makes it, because
synthetic voices cannot."""
HUM_HZ, HUM_S = (112.0, 205.0), (0.45, 0.6, 0.52, 0.4)
"""Pitch of both learners' hums, and the lengths of the hums."""

BARGE_AFTER_S = (1.4, 2.3, 3.1)
HALVES = 2
"""Number of learners; each turn is spoken by both."""


# -- the bench ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FloorBenchSize:
    """The number of trials of each kind."""

    hesitant: int
    statements: int
    bids: int
    acknowledgements: int


FULL = FloorBenchSize(
    hesitant=len(HESITANT) * HALVES,
    statements=len(STATEMENTS) * HALVES,
    bids=len(BIDS) * HALVES,
    acknowledgements=6 * len(ACKNOWLEDGEMENTS),
)
QUICK = FloorBenchSize(hesitant=1, statements=1, bids=2, acknowledgements=3)


def run(quick: bool) -> dict[str, Any]:
    """Return the figures as JSON data. quick: under 50 s; too few trials for the rates."""
    simulator = Simulator()
    size = QUICK if quick else FULL
    lines = [clause for line in (SHORT, *LONG) for clause in split_clauses(line)]
    simulator.engines().voice.prepare((clause, PATIENT_STYLE) for clause in lines)
    bench = _Bench(simulator)
    cut, pauses = bench.pauses(HESITANT, size.hesitant)
    cut_between, between = bench.pauses(STATEMENTS, size.statements)
    yields = bench.bids(size.bids)
    stopped, given = bench.acknowledgements(size.acknowledgements)
    return {
        "false_cutoff_rate": _share(cut, pauses),
        "planted_pauses": pauses,
        "sentence_cutoff_rate": _share(cut_between, between),
        "planted_sentence_pauses": between,
        "yield_ms": spread([1000.0 * one.yield_s for one in yields]),
        "barge_ins": len(yields),
        "heard_within_one_word": _share(sum(one.words_off <= 1 for one in yields), len(yields)),
        "backchannel_stop_rate": _share(stopped, given),
        "backchannels": given,
        "answer_ms": spread(bench.answers_ms),
    }


@dataclass(frozen=True, slots=True)
class Yield:
    """One barge-in."""

    yield_s: float
    """Seconds from the planted start of the learner's voice until the patient is silent."""
    words_off: int
    """Difference between the delivered words in the record and the words that sounded."""


class _Bench:
    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._voice_id = manifest.digests([simulator.profile["voice"]])["voice"]
        self.answers_ms: list[float] = []

    def _clip(self, text: str, number: int) -> LearnerClip:
        voice = self._simulator.engines().voice
        style = LEARNERS[number % len(LEARNERS)]
        return cached_clip(voice, self._voice_id, text, style, paths.cache_dir() / "clips")

    def _acknowledgement(self, number: int) -> LearnerClip:
        text = ACKNOWLEDGEMENTS[number % len(ACKNOWLEDGEMENTS)]
        speaker = number // len(ACKNOWLEDGEMENTS)
        if text != MM_HM:
            return self._clip(text, speaker)
        pitch_hz = HUM_HZ[speaker % len(HUM_HZ)]
        return mm_hm(pitch_hz, HUM_S[number % len(HUM_S)], seed=number)

    def _play(
        self, lines: Sequence[str], steps: Sequence[ScriptStep], tail_s: float = 1.5
    ) -> Played:
        mind = ScriptedMind(lines)
        return play(
            self._simulator,
            mind,
            LearnerScript(tuple(steps)),
            style=lambda affect, mood: PATIENT_STYLE,
            leaves=True,
            tail_s=tail_s,
        )

    def pauses(self, texts: Sequence[str], count: int) -> tuple[int, int]:
        """Return the cut-offs inside planted pauses in `count` turns, and the number of pauses."""
        steps = [
            ScriptStep(
                AfterPatient(0.8) if number else At(0.5),
                self._clip(texts[number % len(texts)], number // len(texts)),
            )
            for number in range(count)
        ]
        played = self._play([SHORT], steps, tail_s=3.0)
        turns = [entry for entry in played.entries if isinstance(entry, LearnerTurn)]
        cut = planted = 0
        for utterance in played.truth.spoken:
            planted += len(utterance.pauses)
            cut += sum(
                any(start_s - 0.15 <= turn.end_s <= end_s for turn in turns)
                for start_s, end_s in utterance.pauses
            )
            sound_s = played.truth.first_sound_after(utterance.offset_s)
            if sound_s is not None:
                self.answers_ms.append(1000.0 * (sound_s - utterance.offset_s))
        return cut, planted

    def bids(self, count: int) -> list[Yield]:
        """Return how fast the patient yields, and how exact the record of the delivery is."""
        steps = [ScriptStep(At(0.5), self._clip("Tell me how it began.", 0))]
        for number in range(count):
            after_s = BARGE_AFTER_S[number % len(BARGE_AFTER_S)]
            steps.append(
                ScriptStep(
                    BargeIn(after_s), self._clip(BIDS[number % len(BIDS)], number // len(BIDS))
                )
            )
        played = self._play(LONG, steps)
        speeches = [entry for entry in played.entries if isinstance(entry, PatientSpeech)]
        found: list[Yield] = []
        for bid in played.truth.spoken:
            if isinstance(bid.when, BargeIn) and bid.patient_was_speaking:
                found.append(self._yield(played, bid, speeches))
        return found

    def _yield(
        self, played: Played, bid: PlantedUtterance, speeches: Sequence[PatientSpeech]
    ) -> Yield:
        silent_s = played.truth.silent_from(bid.onset_s, gap_s=0.6)
        interrupted = [s for s in speeches if s.start_s <= bid.onset_s <= s.end_s + 0.1]
        if not interrupted:
            return Yield(silent_s - bid.onset_s, 99)
        speech = interrupted[0]
        sounded = self._sounded(speech, silent_s)
        return Yield(silent_s - bid.onset_s, abs(sounded - len(speech.heard.split())))

    def _sounded(self, speech: PatientSpeech, silent_s: float) -> int:
        """Return the number of words that had half sounded at `silent_s`, from the clips alone."""
        voice = self._simulator.engines().voice
        at_s, count = speech.start_s, 0
        for clause in split_clauses(speech.text):
            clip = voice.recall(clause, PATIENT_STYLE)
            assert clip is not None
            middles = [at_s + (word.start_s + word.end_s) / 2 for word in clip.words]
            count += sum(middle <= silent_s for middle in middles)
            at_s += len(clip.pcm) / RATE + pause_after_s(clause)
        return count

    def acknowledgements(self, count: int) -> tuple[int, int]:
        """Return the acknowledgements that stopped the patient, and the number given."""
        each = 4
        steps: list[ScriptStep] = []
        for number in range(count):
            if number % each == 0:
                when = AfterPatient(0.8) if number else At(0.5)
                steps.append(ScriptStep(when, self._clip("Please tell me more.", 0)))
            clip = self._acknowledgement(number)
            steps.append(ScriptStep(BackchannelStep(1.5 + 2.6 * (number % each)), clip))
        played = self._play(LONG, steps)
        given = [u for u in played.truth.spoken if isinstance(u.when, BackchannelStep)]
        stops = [entry.start_s for entry in played.entries if isinstance(entry, Interruption)]
        stopped = sum(any(abs(stop_s - u.onset_s) < 0.6 for stop_s in stops) for u in given)
        paused = sum(_silenced(played, u) for u in given)
        return max(stopped, paused), len(given)


def _silenced(played: Played, acknowledgement: PlantedUtterance) -> bool:
    """Return whether the patient stopped right after it for longer than the pause of a comma."""
    start_s, end_s = acknowledgement.onset_s, acknowledgement.offset_s + 0.9
    sounds = played.truth.sounds(gap_s=0.7)
    return any(start_s < stopped_s < end_s for _, stopped_s in sounds)


def _share(part: int, whole: int) -> float:
    return round(part / whole, 3) if whole else float("nan")
