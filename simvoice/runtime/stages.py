"""Carries out the commands that need an engine, and brings the results back as events."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simvoice.audio import RATE, Pcm, samples, seconds
from simvoice.conversation.backchannels import hum_share
from simvoice.conversation.clauses import pause_after_s
from simvoice.conversation.events import (
    AskModel,
    EncounterEvent,
    JudgeTurnEnd,
    Key,
    ModelAnswered,
    Noticed,
    SpeechReady,
    StageBroke,
    Synthesise,
    Transcribe,
    Transcribed,
    TurnEndJudged,
    Warm,
    WordsJudged,
)
from simvoice.patient.decisions import Affect, Answer, Mood, Rank
from simvoice.ports import (
    Cancelled,
    Embedder,
    EndOfTurn,
    LanguageModel,
    PreparedVoice,
    SentenceEnd,
    Speech,
    SpeechToText,
    VoiceStyle,
)
from simvoice.runtime.session_sound import MicrophoneMemory
from simvoice.runtime.workers import Job, WorkerPool

_NOBODYS = Key(0, 0)
"""The key of work that no turn waits for."""

_LONGEST_HUM = 2 * RATE
"""What lasts longer, with the quiet around it, is no "mm-hm", and need not be looked at."""

_RESULTS = 256
"""Results waiting for the loop, which takes all of them every 20 ms."""


def _nothing() -> Sequence[str]:
    """What an engine notices that either works or fails."""
    return ()


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of one encounter. All may be shared between encounters that follow."""

    stt: SpeechToText
    end_of_turn: EndOfTurn
    voice: PreparedVoice
    embedder: Embedder | None = None
    last_words: SentenceEnd | None = None
    llm: LanguageModel | None = None
    llm_notices: Callable[[], Sequence[str]] = _nothing
    """Sentences for the record: what befell the language model since the last call."""


class Stages:
    """Called from the encounter's thread only; the work happens in the lanes."""

    def __init__(
        self,
        engines: Engines,
        memory: MicrophoneMemory,
        style: Callable[[Affect, Mood], VoiceStyle],
        focus: Callable[[str], str],
    ) -> None:
        """style: how she sounds. focus: the part of an utterance whose meaning counts."""
        self._engines = engines
        self._memory = memory
        self._style = style
        self._focus = focus
        self._lanes = WorkerPool()
        self._results: queue.Queue[EncounterEvent] = queue.Queue(maxsize=_RESULTS)
        self._clips: dict[tuple[Key, int], Speech] = {}
        self._questions = 0
        """Put to the language model so far."""

    def start(self) -> None:
        """Start the lanes."""
        self._lanes.start()

    def stop(self) -> None:
        """Stop the lanes."""
        self._lanes.stop()

    def settle(self, longest_s: float) -> bool:
        """Wait until every engine is at rest; False when one still works after `longest_s`."""
        return self._lanes.settle(longest_s)

    def results(self) -> list[EncounterEvent]:
        """All that has come back since the last call; times are to be stamped by the caller."""
        ready: list[EncounterEvent] = []
        while True:
            try:
                ready.append(self._results.get_nowait())
            except queue.Empty:
                return ready

    def take_clip(self, key: Key, index: int) -> Speech | None:
        """The sound of a clause, once."""
        return self._clips.pop((key, index), None)

    def drop(self, key: Key) -> None:
        """Forget all that belongs to this key."""
        self._lanes.drop(key)
        # A copy: the mouth may lay another clip there meanwhile.
        for place in list(self._clips):
            if place[0] == key:
                del self._clips[place]

    # -- commands

    def judge(self, command: JudgeTurnEnd) -> None:
        """Ask Smart Turn."""
        pcm = self._memory.between(command.start_s, command.end_s)

        def work(_: Callable[[], bool]) -> None:
            prob = self._engines.end_of_turn.complete_prob(pcm)
            self._results.put(TurnEndJudged(0.0, command.key, prob))

        self._lanes.to_ear(Job(command.key, work, self._failing(command.key, "judge")))

    def transcribe(self, command: Transcribe) -> None:
        """Ask Whisper, then for the meaning of the whole turn's text."""
        pcm = self._memory.between(command.start_s, command.end_s, command.pauses)

        def work(cancelled: Callable[[], bool]) -> None:
            transcript = self._engines.stt.transcribe(pcm, once=command.purpose == "probe")
            if cancelled():
                return
            embedding = None
            text = f"{command.before} {transcript.text}".strip()
            if command.purpose == "turn" and text and self._engines.embedder is not None:
                embedding = self._engines.embedder.embed([self._focus(text)])[0]
            hum = hum_share(pcm) if len(pcm) <= _LONGEST_HUM else 0.0
            self._results.put(
                Transcribed(0.0, command.key, command.purpose, transcript, embedding, hum)
            )
            last_words = self._engines.last_words
            if command.purpose == "turn" and text and last_words is not None and not cancelled():
                self._results.put(WordsJudged(0.0, command.key, last_words.over_prob(text)))

        failed = self._failing(command.key, command.purpose)
        self._lanes.to_ear(Job(command.key, work, failed))

    def ask(self, command: AskModel) -> None:
        """Ask the language model."""
        llm = self._engines.llm
        failed = self._failing(command.key, "think")
        if llm is None:
            failed("there is no language model")
            return
        self._questions += 1

        def work(cancelled: Callable[[], bool]) -> None:
            answer = _answer(llm, command, cancelled)
            if not cancelled():
                self._results.put(ModelAnswered(0.0, command.key, answer))
            self._report()

        self._lanes.to_mind(Job(command.key, work, failed))

    def warm(self, command: Warm) -> None:
        """Read a prompt's beginning while nobody waits for the model."""
        llm = self._engines.llm
        if llm is None:
            return
        so_far = self._questions

        def work(cancelled: Callable[[], bool]) -> None:
            def overtaken() -> bool:
                """A question waits behind this; what was read until now is kept."""
                return cancelled() or self._questions != so_far

            llm.warm(command.prompt, messages=command.messages, cancelled=overtaken)
            self._report()

        self._lanes.to_mind(Job(_NOBODYS, work, lambda _: None))

    def _report(self) -> None:
        """What the language model met with and got round goes into the record."""
        for what in self._engines.llm_notices():
            self._results.put(Noticed(0.0, what))

    def synthesise(self, command: Synthesise) -> None:
        """Make a clause's sound; one that is prepared is there at once."""
        style = self._style(command.affect, command.mood)
        prepared = self._engines.voice.recall(command.text, style)
        if prepared is not None:
            self._deliver(command, prepared)
            return

        def work(cancelled: Callable[[], bool]) -> None:
            speech = self._engines.voice.speak(command.text, style)
            if not cancelled():
                self._deliver(command, speech)

        failed = self._failing(command.key, "say", command.index)
        self._lanes.to_mouth(Job(command.key, work, failed))

    def _deliver(self, command: Synthesise, speech: Speech) -> None:
        pcm = with_trailing_pause(speech.pcm, command.text)
        speech = Speech(pcm, speech.words, speech.syllable_ends_s)
        self._clips[(command.key, command.index)] = speech
        self._results.put(
            SpeechReady(0.0, command.key, command.index, seconds(len(pcm)), speech.words)
        )

    def _failing(self, key: Key, stage: str, index: int = 0) -> Callable[[str], None]:
        def failed(what: str) -> None:
            self._results.put(StageBroke(0.0, key, stage, what, index))  # type: ignore[arg-type]

        return failed


def _answer(llm: LanguageModel, command: AskModel, cancelled: Cancelled) -> Answer:
    query = command.query
    if isinstance(query, Rank):
        scores = llm.rank(
            query.prompt, query.candidates, messages=query.messages, cancelled=cancelled
        )
        return Answer(scores=tuple(scores))
    pieces = llm.complete(
        query.prompt,
        messages=query.messages,
        max_tokens=query.max_tokens,
        stop=query.stop,
        temperature=query.temperature,
        seed=command.key.turn,
        cancelled=cancelled,
    )
    text = "".join(pieces)
    return Answer(text=text, strong=llm.strong)


def with_trailing_pause(pcm: Pcm, clause: str) -> Pcm:
    """The pause that belongs between this clause and the next lies at its end."""
    pause = np.zeros(samples(pause_after_s(clause)), dtype=np.float32)
    return np.concatenate([pcm, pause])
