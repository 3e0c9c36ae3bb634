"""The one place where the parts are put together: models, engines, cases, records, encounters."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from simvoice import paths
from simvoice.app.attempt_header import build_header, case_card, turn_taking_of
from simvoice.app.language_model import choose_language_model, describe_trouble
from simvoice.app.preparation import Cancelled, PreparationProgress, Preparations
from simvoice.app.retry import RetryPlan, plan_retry
from simvoice.app.standalone import planted_voice as planted_voice
from simvoice.audio import Pcm
from simvoice.conversation.settings import TurnTakingSettings
from simvoice.conversation.state import Rules
from simvoice.debrief.retry import CheckpointRef
from simvoice.engines import threads
from simvoice.engines.llm.fallback import Fallback
from simvoice.engines.llm.server import Server
from simvoice.errors import AttemptError, UsageError
from simvoice.models import manifest
from simvoice.patient.case.load import load_case, locate_case
from simvoice.patient.case.schema import Case
from simvoice.patient.case.suite import load_suite
from simvoice.patient.checking.certificate import ListedCase, listed_cases
from simvoice.patient.checking.rehearsal import SpeechPlan, plan_speech, rehearse
from simvoice.patient.mind import Patient
from simvoice.patient.retrieval import CaseIndex
from simvoice.ports import (
    AudioLine,
    Embedder,
    LanguageModel,
    LineFacts,
    PreparedVoice,
    Voice,
    VoiceActivity,
)
from simvoice.record.files import new_id
from simvoice.record.ratings import folders_with_feedback
from simvoice.record.recorder import Recorder
from simvoice.record.store import Attempt, AttemptSummary, Store
from simvoice.runtime import spoken_lines
from simvoice.runtime.observer import Observer
from simvoice.runtime.session import Session, SessionParts
from simvoice.runtime.stages import Engines
from simvoice.web.ports import CaseCard, Readiness

DEFAULT_PROFILE = manifest.DEFAULT_PROFILE


def _quiet(_: float, __: str) -> None:
    """Progress that nobody watches."""


def _unseen(_: object) -> None:
    """An observer that looks away."""


class Simulator:
    """Everything behind the commands and the pages. One encounter at a time."""

    def __init__(
        self,
        profile: str = DEFAULT_PROFILE,
        *,
        attempts: Path | None = None,
        every_case: bool = False,
        server: Server | None = None,
    ) -> None:
        """every_case: offer those too that have not passed their check, for their authors. server:
        a lab's language model, used in place of the profile's while it answers.

        Raises ModelMissing or ModelAltered when a model of the profile cannot be used.
        """
        threads.set_environment()
        self.profile = manifest.profile(profile)
        self.language_model = choose_language_model(self.profile["llm"], server)
        self.profile["llm"] = self.language_model.model
        for name in self.profile.values():
            manifest.locate(name)
        self.store = Store(attempts or paths.attempts_dir())
        self._every_case = every_case
        self._loading = threading.Lock()
        self._one_at_a_time = threading.RLock()
        """Who begins to use the engines: a preparation, an encounter, her words afterwards."""
        self._engines: Engines | None = None
        self._spoken: Voice | None = None
        self._patients: dict[str, Patient] = {}
        self._plans: dict[str, SpeechPlan] = {}
        self._preparations = Preparations()

    # -- engines

    def engines(self, progress: PreparationProgress = _quiet) -> Engines:
        """All engines, loaded once. Takes some seconds the first time."""
        with self._loading:
            if self._engines is None:
                self._engines = self._load(progress)
            return self._engines

    def _load(self, progress: PreparationProgress) -> Engines:
        # These import the heavy libraries, which read the environment that was set above.
        from simvoice.engines.embed.minilm import MiniLM
        from simvoice.engines.stt.whisper import Whisper
        from simvoice.engines.turn.end_of_turn import SentenceEndByLlm, SmartTurn

        progress(0.05, "Waking the ear")
        stt = Whisper(self._folder("stt"))
        progress(0.3, "Waking the sense of turns")
        end_of_turn = SmartTurn(self._folder("end_of_turn"))
        last_words = SentenceEndByLlm(self._folder("last_words"))
        embedder = MiniLM(self._folder("embedding"))
        progress(0.5, "Waking the voice")
        voice = self._load_voice()
        progress(0.7, "Waking the patient's mind")
        llm = self.language_model.live()
        engines = Engines(stt, end_of_turn, voice, embedder, last_words, llm)
        if isinstance(llm, Fallback):
            engines = replace(engines, llm_notices=llm.notices)
        return engines

    def _load_voice(self) -> PreparedVoice:
        from simvoice.engines.tts.marked_voice import MarkedVoice
        from simvoice.engines.tts.piper import Piper
        from simvoice.engines.tts.praat_voice import ShapedVoice, Shaper
        from simvoice.engines.tts.speech_cache import CachedVoice

        shaper = Shaper()
        shaped = ShapedVoice(Piper(self._folder("voice")), shaper)
        self._spoken = MarkedVoice(shaped, shaper.stretch)
        key = "+".join([*manifest.digests([self.profile["voice"]]).values(), version("piper-tts")])
        return CachedVoice(self._spoken, paths.cache_dir() / "speech", key)

    def model_trouble(self) -> str:
        """A sentence when the stronger model does not answer now; empty when all is well."""
        return describe_trouble(self._engines.llm if self._engines is not None else None)

    def _folder(self, role: str) -> Path:
        return manifest.locate(self.profile[role])  # type: ignore[index]

    def voice(self) -> Voice:
        """The voice by itself, without the other engines; for hearing a line."""
        with self._loading:
            return self._engines.voice if self._engines else self._load_voice()

    def unprepared_voice(self) -> Voice:
        """The voice without its memory of what it has said; the benches compare with it."""
        self.engines()
        assert self._spoken is not None
        return self._spoken

    def voice_activity(self) -> VoiceActivity:
        """A detector for one microphone; it keeps state, so every encounter has its own."""
        from simvoice.engines.turn.vad import Silero, Vad, WebrtcGate

        return Vad(WebrtcGate(), Silero())

    def text_engines(self) -> tuple[Embedder, LanguageModel]:
        """What a conversation in text needs."""
        from simvoice.engines.embed.minilm import MiniLM

        return MiniLM(self._folder("embedding")), self.language_model.unhurried()

    # -- cases

    @cached_property
    def _shelf(self) -> tuple[ListedCase, ...]:
        return listed_cases(*paths.case_dirs())

    def case(self, name: str) -> Case:
        """A case by id or by file. Raises CaseError."""
        return load_case(locate_case(name, *paths.case_dirs()))

    def cases(self) -> Sequence[CaseCard]:
        """The cases on offer: those that have passed their check."""
        return [case_card(each.case) for each in self._shelf if each.case and self._offers(each)]

    def withheld(self) -> Sequence[str]:
        """Why the others are not, a sentence each."""
        return [each.fault or "" for each in self._shelf if not self._offers(each)]

    def _offers(self, shelved: ListedCase) -> bool:
        return shelved.fault is None or (self._every_case and shelved.case is not None)

    def patient(self, case_id: str) -> Patient:
        """The patient of a case, with the meaning of her exemplars at hand."""
        if case_id not in self._patients:
            case = self.case(case_id)
            embedder = self.engines().embedder
            sha256 = next(iter(manifest.digests([self.profile["embedding"]]).values()))
            index = None
            if embedder is not None:
                index = CaseIndex.cached(paths.cache_dir() / "cases", case, embedder, sha256)
            self._patients[case_id] = Patient(case, index, strong=self.language_model.strong)
        return self._patients[case_id]

    # -- making ready

    def plan(self, case_id: str) -> SpeechPlan:
        """Which of a case's lines to make sound in which moods, the likeliest first."""
        if case_id not in self._plans:
            path = locate_case(case_id, *paths.case_dirs())
            case = load_case(path)
            self._plans[case_id] = plan_speech(case, rehearse(case, load_suite(path, case)))
        return self._plans[case_id]

    def prepare(self, case_id: str) -> None:
        """Begin to load the engines and to make the case's lines sound; returns at once."""
        case = self.case(case_id)
        with self._one_at_a_time:
            if self._preparations.serves(case_id):
                return
            self._preparations.begin(
                case_id,
                f"{case.person.short} is ready",
                lambda progress, stop: self.make_ready(case_id, progress, stop, likely_only=True),
                lambda stop: self._make_the_rest(case_id, stop),
            )

    def _make_the_rest(self, case_id: str, cancelled: Cancelled) -> None:
        """What only follows a first clause, which is made while nobody waits."""
        lines = spoken_lines.remaining_clauses(self.plan(case_id), self.patient(case_id).style)
        self.engines().voice.prepare(lines, cancelled=cancelled)

    def warm_up(self) -> None:
        """Begin to prepare the first case, so that she is ready when its door note is read."""
        for card in self.cases()[:1]:
            self.prepare(card.id)

    def make_ready(
        self,
        case_id: str,
        progress: PreparationProgress = _quiet,
        cancelled: Cancelled = lambda: False,
        *,
        likely_only: bool = False,
    ) -> None:
        """Load the engines, warm the model and make every line's first clause sound. Blocks.

        likely_only: in the moods it is likely to be said in; what comes of `rehearsed.welcome`
        is made afterwards. The later clauses of a line are made while the first one sounds.
        """
        engines = self.engines(lambda done, what: progress(0.3 * done, what))
        patient = self.patient(case_id)
        if engines.llm is not None and not cancelled():
            progress(0.3, "Reading the case")
            messages = patient.messages_so_far(patient.start(0))
            engines.llm.warm(patient.prompt_prefix(), messages=messages, cancelled=cancelled)
        name = patient.case.person.short
        engines.voice.prepare(
            spoken_lines.first_clauses(self.plan(case_id), patient.style, likely_only=likely_only),
            lambda done, total: progress(0.35 + 0.65 * done / total, f"Finding {name}'s voice"),
            cancelled,
        )
        progress(1.0, f"{name} is ready")

    def ready(self) -> Readiness:
        """How far `prepare` has come."""
        return self._preparations.readiness

    def close(self) -> None:
        """Stop what is being prepared; an engine cut off in its work would take the process down
        with a crash instead of an end."""
        self._preparations.stop()

    # -- encounters

    def encounter(
        self,
        case_id: str,
        line: AudioLine,
        *,
        learner: str = "",
        observer: Observer = _unseen,
        seed: int | None = None,
        floor: TurnTakingSettings | None = None,
        retry_from: CheckpointRef | None = None,
    ) -> Session:
        """An encounter that is ready to run; the line is opened by its `run`.

        retry_from: begin at this moment of an earlier attempt, as the patient was then; the seed is
        hers, and the learner the same unless another is named. Raises AttemptError when it
        cannot be gone back to.
        """
        begins = None if retry_from is None else self.check_retry(case_id, retry_from)
        with self._one_at_a_time:
            self._preparations.stop()
            engines = self.engines()
        patient = self.patient(case_id)
        case = patient.case
        numbers = floor or self._floor(case)
        time_s: float | None = case.time.limit_s
        if begins is not None:
            seed, time_s, learner = begins.seed, begins.time_s, learner or begins.learner
        seed = secrets.randbelow(2**31) if seed is None else seed
        attempt = new_id(case.id, datetime.now().astimezone())

        def record(facts: LineFacts) -> Recorder:
            header = build_header(
                case,
                attempt=attempt,
                line=facts,
                floor=numbers,
                models=self.language_model.recorded(self.profile),
                seed=seed,
                learner=learner,
                again=begins.again if begins else None,
            )
            return Recorder.create(self.store.root, header)

        return Session(
            SessionParts(
                attempt=attempt,
                rules=Rules(
                    mind=patient,
                    turn_taking=numbers,
                    time_s=time_s,
                    time_is_hard=case.time.kind == "hard",
                    judges_words=engines.last_words is not None,
                ),
                line=line,
                vad=self.voice_activity(),
                engines=engines,
                record=record,
                style=patient.style,
                focus=patient.focus,
                seed=seed,
                retry=begins.start if begins else None,
                time_shown_s=time_s,
                observer=observer,
            )
        )

    def retry_time_s(self, case_id: str, checkpoint: CheckpointRef) -> float | None:
        """Return the time limit of a retry in seconds. Raises errors as `check_retry`."""
        return self.check_retry(case_id, checkpoint).time_s

    def check_retry(self, case_id: str, checkpoint: CheckpointRef) -> RetryPlan:
        """What another go at this moment begins with. Raises AttemptError when there is none."""

        def load(of: str) -> Case:
            found = self.case(case_id)
            if found.id != of:
                raise UsageError(
                    f"attempt {checkpoint.attempt} is of the case {of}, not of {found.id}"
                )
            return found

        return plan_retry(checkpoint, self.attempt, load)

    def _floor(self, case: Case) -> TurnTakingSettings:
        """The case's numbers; a stronger model has longer, and the embedded one after it."""
        numbers = turn_taking_of(case)
        limit_s = max(numbers.improvise_timeout_s, self.language_model.needs_s)
        return numbers.model_copy(update={"improvise_timeout_s": limit_s})

    # -- attempts

    def attempts(self) -> Sequence[AttemptSummary]:
        """Past attempts, the newest first."""
        return self.store.list()

    def attempt(self, attempt_id: str) -> Attempt:
        """One attempt; one that a crash left behind is recovered first."""
        found = self.store.open(attempt_id)
        return self.store.recover(attempt_id) if found.state == "crashed" else found

    def reflection_audio(self, attempt_id: str) -> Pcm:
        """What the patient said afterwards, in her voice: float32 [n], 16 kHz.

        Raises AttemptError when the record has none of it, CaseError when her case is gone.
        """
        attempt = self.attempt(attempt_id)
        case = self.case(attempt.header.case_id)
        with self._one_at_a_time:
            interrupted = self._preparations.busy_with
            if interrupted is not None:
                self._preparations.stop()
            try:
                said = spoken_lines.reflection_sound(case, self.engines().voice, attempt.entries)
            finally:
                if interrupted is not None:
                    self.prepare(interrupted)
        if said is None:
            raise AttemptError("The record of this attempt does not have the patient's own words.")
        return said

    def folders_with_feedback(self) -> Sequence[Path]:
        """The folders of the attempts that somebody has rated or objected to."""
        return folders_with_feedback(self.store.root)

    def erase(self, attempt_id: str) -> None:
        """Remove it for good."""
        self.store.erase(attempt_id)
