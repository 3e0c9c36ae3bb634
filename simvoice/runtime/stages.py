"""Carry out the commands that need an engine, and return the results as events."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simvoice.audio import RATE, Pcm, samples, seconds
from simvoice.conversation.backchannels import hum_share
from simvoice.conversation.clauses import pause_after_s
from simvoice.conversation.events import (
    AskModel,
    Embed,
    Embedded,
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
from simvoice.conversation.settings import TurnTakingSettings
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
from simvoice.runtime.scheduler import EncounterJobs, Grant, Job, Lane, Scheduler
from simvoice.runtime.session_sound import MicrophoneMemory

_NO_TURN = Key(0, 0)
"""The key of work that no turn waits for."""

_LONGEST_HUM = 2 * RATE
"""Longer sound, with the quiet around it, is not an "mm-hm" and is not analysed."""

# Seconds in which results are wanted, from when they are asked for. A turn that is surely over ends
# after 0.32 s of quiet, one that is over after 0.4 s (`TurnTakingSettings`).
_JUDGE_S = 0.2
"""Asked after 0.1 s of quiet."""
_TRANSCRIBE_S = 0.24
"""Asked after 0.16 s of quiet."""
_OVERLAP_S = 0.15
"""The learner speaks over the patient, who must know whether to stop."""
_LAST_WORDS_S = 0.1
"""Asked when the transcript is there."""
_ANSWER_S = 0.2
_CLAUSE_S = 0.15
"""The first clause of an answer: nothing else is left to wait for."""
_NEXT_CLAUSE_S = 1.0
"""The clause before it plays meanwhile."""

_RESULTS = 256
"""Queue size of results; the session takes all of them every 20 ms."""


def _no_notices() -> Sequence[str]:
    """Return no notices, for an engine that either works or fails."""
    return ()


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of an encounter. All encounters of a process may share them.

    Engines that serve one thread at a time are guarded by the scheduler, so encounters that share
    engines must share the scheduler too.
    """

    stt: SpeechToText
    end_of_turn: EndOfTurn
    voice: PreparedVoice
    embedder: Embedder | None = None
    last_words: SentenceEnd | None = None
    llm: LanguageModel | None = None
    llm_notices: Callable[[], Sequence[str]] = _no_notices
    """Returns sentences for the record: problems of the language model since the last call."""
    scheduler: Scheduler | None = None
    """Runs the work of all encounters that share these engines; None for one encounter alone."""


class Stages:
    """Passes commands to the workers. Call it from the encounter's thread only."""

    def __init__(
        self,
        engines: Engines,
        memory: MicrophoneMemory,
        style: Callable[[Affect, Mood], VoiceStyle],
        focus: Callable[[str], str],
        settings: TurnTakingSettings | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """style: the voice of the patient. focus: returns the part of an utterance to embed.

        settings: the conversation's; an answer that comes after its limits is not worked on.
        """
        self._engines = engines
        self._memory = memory
        self._style = style
        self._focus = focus
        self._settings = settings or TurnTakingSettings()
        self._clock_s = clock_s
        self._own_scheduler = None if engines.scheduler is not None else Scheduler()
        scheduler = engines.scheduler or self._own_scheduler
        assert scheduler is not None
        self._jobs: EncounterJobs = scheduler.encounter()
        self._results: queue.Queue[EncounterEvent] = queue.Queue(maxsize=_RESULTS)
        self._clips: dict[tuple[Key, int], Speech] = {}
        self._questions = 0
        """Number of questions to the language model so far."""

    def start(self) -> None:
        """Begin: from here on the log names the attempt of this thread."""
        self._jobs.start()

    def stop(self) -> None:
        """Drop all work, and wait for what runs."""
        self._jobs.stop()
        if self._own_scheduler is not None:
            self._own_scheduler.close()

    def wait_until_idle(self, longest_s: float) -> bool:
        """Wait until every engine is idle. Return False when one still works after `longest_s`."""
        return self._jobs.wait_until_idle(longest_s)

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
        self._jobs.drop(key)
        # A copy, because the voice's thread may add a clip meanwhile.
        for clip_key in list(self._clips):
            if clip_key[0] == key:
                del self._clips[clip_key]

    # -- commands

    def judge(self, command: JudgeTurnEnd) -> None:
        """Judge whether the turn is finished."""
        pcm = self._memory.between(command.start_s, command.end_s)

        def work(_: Grant) -> None:
            prob = self._engines.end_of_turn.complete_prob(pcm)
            self._results.put(TurnEndJudged(0.0, command.key, prob))

        failed = self._failure_handler(command.key, "judge")
        self._jobs.put(Job(command.key, Lane.TURN_END, work, failed, _JUDGE_S))

    def transcribe(self, command: Transcribe) -> None:
        """Transcribe, then embed the text of the whole turn."""
        pcm = self._memory.between(command.start_s, command.end_s, command.pauses)

        def work(grant: Grant) -> None:
            transcript = self._engines.stt.transcribe(
                pcm, once=command.purpose == "overlap", cancelled=grant
            )
            if grant():
                return
            embedding = None
            text = f"{command.before} {transcript.text}".strip()
            if command.purpose == "turn" and text and self._engines.embedder is not None:
                embedding = self._engines.embedder.embed([self._focus(text)])[0]
            hum = hum_share(pcm) if len(pcm) <= _LONGEST_HUM else 0.0
            self._results.put(
                Transcribed(0.0, command.key, command.purpose, transcript, embedding, hum)
            )
            if command.purpose == "turn" and text:
                self._judge_words(command.key, text)

        is_overlap = command.purpose == "overlap"
        within_s = _OVERLAP_S if is_overlap else _TRANSCRIBE_S
        failed = self._failure_handler(command.key, command.purpose)
        self._jobs.put(Job(command.key, Lane.RECOGNISER, work, failed, within_s))

    def embed(self, command: Embed) -> None:
        """Embed the text of a typed turn."""
        embedder = self._engines.embedder

        def work(_: Grant) -> None:
            embedding = None if embedder is None else embedder.embed([self._focus(command.text)])[0]
            self._results.put(Embedded(0.0, command.key, embedding))

        # the embedder serves one thread at a time, and the recogniser's lane uses it
        failed = self._failure_handler(command.key, "embed")
        self._jobs.put(Job(command.key, Lane.RECOGNISER, work, failed, _TRANSCRIBE_S))

    def _judge_words(self, key: Key, text: str) -> None:
        """Judge by the words whether the turn is finished."""
        last_words = self._engines.last_words
        if last_words is None:
            return

        def work(_: Grant) -> None:
            self._results.put(WordsJudged(0.0, key, last_words.over_prob(text)))

        def failed(_: str) -> None:
            """The turn waits a little longer instead (`TurnTakingSettings.incomplete_wait_s`)."""

        self._jobs.put(Job(key, Lane.WORDS, work, failed, _LAST_WORDS_S))

    def ask(self, command: AskModel) -> None:
        """Ask the language model."""
        llm = self._engines.llm
        failed = self._failure_handler(command.key, "think")
        if llm is None:
            failed("there is no language model")
            return
        self._questions += 1

        asked_s = self._clock_s()
        is_tie = isinstance(command.query, Rank)
        settings = self._settings
        limit_s = settings.rank_timeout_s if is_tie else settings.improvise_timeout_s

        def work(grant: Grant) -> None:
            if self._clock_s() - asked_s > limit_s:
                return  # the patient has said something else by now
            answer = _answer(llm, command, grant)
            if not grant():
                self._results.put(ModelAnswered(0.0, command.key, answer))
            self._report_notices()

        self._jobs.put(Job(command.key, Lane.MODEL, work, failed, _ANSWER_S))

    def warm(self, command: WarmModel) -> None:
        """Let the model read the start of the next prompt while no turn waits for it."""
        llm = self._engines.llm
        if llm is None:
            return
        questions = self._questions

        def work(grant: Grant) -> None:
            def superseded() -> bool:
                """Return True when a question waits; what was read so far stays in the cache."""
                return grant() or self._questions != questions

            llm.warm(command.prompt, messages=command.messages, cancelled=superseded)
            self._report_notices()

        self._jobs.put(Job(_NO_TURN, Lane.MODEL, work, lambda _: None))

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

        def work(grant: Grant) -> None:
            speech = self._engines.voice.speak(command.text, style)
            if not grant():
                self._deliver(command, speech)

        within_s = _CLAUSE_S if command.index == 0 else _NEXT_CLAUSE_S
        failed = self._failure_handler(command.key, "say", command.index)
        self._jobs.put(Job(command.key, Lane.VOICE, work, failed, within_s))

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
