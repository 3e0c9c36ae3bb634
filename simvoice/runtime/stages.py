"""Carry out the commands that need an engine, and return the results as events."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simvoice.audio import RATE, Pcm, samples, seconds
from simvoice.conversation.backchannels import hum_share
from simvoice.conversation.clauses import pause_after_s
from simvoice.conversation.events import (
    AskModel,
    EncounterEvent,
    EngineFailed,
    EngineNotice,
    JudgeTurnEnd,
    Key,
    ModelAnswered,
    SpeechReady,
    Synthesise,
    Transcribe,
    Transcribed,
    TurnEndJudged,
    WarmModel,
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

_NO_TURN = Key(0, 0)
"""The key of work that no turn waits for."""

_LONGEST_HUM = 2 * RATE
"""Longer sound, with the quiet around it, is not an "mm-hm" and is not analysed."""

_RESULTS = 256
"""Queue size of results; the session takes all of them every 20 ms."""


def _no_notices() -> Sequence[str]:
    """Return no notices, for an engine that either works or fails."""
    return ()


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of one encounter. Consecutive encounters may share them."""

    stt: SpeechToText
    end_of_turn: EndOfTurn
    voice: PreparedVoice
    embedder: Embedder | None = None
    last_words: SentenceEnd | None = None
    llm: LanguageModel | None = None
    llm_notices: Callable[[], Sequence[str]] = _no_notices
    """Returns sentences for the record: problems of the language model since the last call."""


class Stages:
    """Passes commands to the workers. Call it from the encounter's thread only."""

    def __init__(
        self,
        engines: Engines,
        memory: MicrophoneMemory,
        style: Callable[[Affect, Mood], VoiceStyle],
        focus: Callable[[str], str],
    ) -> None:
        """style: the voice of the patient. focus: returns the part of an utterance to embed."""
        self._engines = engines
        self._memory = memory
        self._style = style
        self._focus = focus
        self._workers = WorkerPool()
        self._results: queue.Queue[EncounterEvent] = queue.Queue(maxsize=_RESULTS)
        self._clips: dict[tuple[Key, int], Speech] = {}
        self._questions = 0
        """Number of questions to the language model so far."""

    def start(self) -> None:
        """Start the workers."""
        self._workers.start()

    def stop(self) -> None:
        """Stop the workers."""
        self._workers.stop()

    def wait_until_idle(self, longest_s: float) -> bool:
        """Wait until every engine is idle. Return False when one still works after `longest_s`."""
        return self._workers.wait_until_idle(longest_s)

    def results(self) -> list[EncounterEvent]:
        """Return all results since the last call. The caller sets their times."""
        ready: list[EncounterEvent] = []
        while True:
            try:
                ready.append(self._results.get_nowait())
            except queue.Empty:
                return ready

    def take_clip(self, key: Key, index: int) -> Speech | None:
        """Remove and return the sound of a clause; None when there is none."""
        return self._clips.pop((key, index), None)

    def drop(self, key: Key) -> None:
        """Cancel the work with this key and delete its clips."""
        self._workers.drop(key)
        # A copy, because the voice worker may add a clip meanwhile.
        for clip_key in list(self._clips):
            if clip_key[0] == key:
                del self._clips[clip_key]

    # -- commands

    def judge(self, command: JudgeTurnEnd) -> None:
        """Judge whether the turn is finished."""
        pcm = self._memory.between(command.start_s, command.end_s)

        def work(_: Callable[[], bool]) -> None:
            prob = self._engines.end_of_turn.complete_prob(pcm)
            self._results.put(TurnEndJudged(0.0, command.key, prob))

        self._workers.to_recogniser(
            Job(command.key, work, self._failure_handler(command.key, "judge"))
        )

    def transcribe(self, command: Transcribe) -> None:
        """Transcribe, then embed the text of the whole turn."""
        pcm = self._memory.between(command.start_s, command.end_s, command.pauses)

        def work(cancelled: Callable[[], bool]) -> None:
            transcript = self._engines.stt.transcribe(pcm, once=command.purpose == "overlap")
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

        failed = self._failure_handler(command.key, command.purpose)
        self._workers.to_recogniser(Job(command.key, work, failed))

    def ask(self, command: AskModel) -> None:
        """Ask the language model."""
        llm = self._engines.llm
        failed = self._failure_handler(command.key, "think")
        if llm is None:
            failed("there is no language model")
            return
        self._questions += 1

        def work(cancelled: Callable[[], bool]) -> None:
            answer = _answer(llm, command, cancelled)
            if not cancelled():
                self._results.put(ModelAnswered(0.0, command.key, answer))
            self._report_notices()

        self._workers.to_language_model(Job(command.key, work, failed))

    def warm(self, command: WarmModel) -> None:
        """Let the model read the start of the next prompt while no turn waits for it."""
        llm = self._engines.llm
        if llm is None:
            return
        questions = self._questions

        def work(cancelled: Callable[[], bool]) -> None:
            def superseded() -> bool:
                """Return True when a question waits; what was read so far stays in the cache."""
                return cancelled() or self._questions != questions

            llm.warm(command.prompt, messages=command.messages, cancelled=superseded)
            self._report_notices()

        self._workers.to_language_model(Job(_NO_TURN, work, lambda _: None))

    def _report_notices(self) -> None:
        """Record the problems that the language model had and overcame."""
        for what in self._engines.llm_notices():
            self._results.put(EngineNotice(0.0, what))

    def synthesise(self, command: Synthesise) -> None:
        """Synthesise a clause. The result of a prepared clause is ready at once."""
        style = self._style(command.affect, command.mood)
        prepared = self._engines.voice.recall(command.text, style)
        if prepared is not None:
            self._deliver(command, prepared)
            return

        def work(cancelled: Callable[[], bool]) -> None:
            speech = self._engines.voice.speak(command.text, style)
            if not cancelled():
                self._deliver(command, speech)

        failed = self._failure_handler(command.key, "say", command.index)
        self._workers.to_voice(Job(command.key, work, failed))

    def _deliver(self, command: Synthesise, speech: Speech) -> None:
        pcm = speech.pcm if command.is_last else with_trailing_pause(speech.pcm, command.text)
        speech = replace(speech, pcm=pcm)
        self._clips[(command.key, command.index)] = speech
        self._results.put(
            SpeechReady(0.0, command.key, command.index, seconds(len(pcm)), speech.words)
        )

    def _failure_handler(self, key: Key, stage: str, index: int = 0) -> Callable[[str], None]:
        def failed(what: str) -> None:
            self._results.put(EngineFailed(0.0, key, stage, what, index))  # type: ignore[arg-type]

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
    """Return the sound of a clause with the pause between it and the next clause."""
    pause = np.zeros(samples(pause_after_s(clause)), dtype=np.float32)
    return np.concatenate([pcm, pause])
