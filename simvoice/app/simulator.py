"""Put the parts together: models, engines, cases, records and encounters."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from simvoice.checkup.memory import require_memory
from simvoice.conversation.settings import TurnTakingSettings
from simvoice.conversation.state import Rules
from simvoice.debrief.retry import CheckpointRef
from simvoice.engines import threads
from simvoice.engines.llm.fallback import Fallback
from simvoice.engines.llm.server import Server
from simvoice.errors import AttemptError, SimvoiceError, UsageError
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
from simvoice.record.recorder import Recorder, check_storage
from simvoice.record.store import Attempt, AttemptSummary, Store
from simvoice.runtime import spoken_lines
from simvoice.runtime.observer import Observer, ignore
from simvoice.runtime.session import Session, SessionParts
from simvoice.runtime.stages import Engines
from simvoice.web.ports import CaseCard, Readiness

_log = logging.getLogger(__name__)

DEFAULT_PROFILE = manifest.DEFAULT_PROFILE


def _quiet(_: float, __: str) -> None:
    """Ignore progress."""


class Simulator:
    """Everything that commands and pages need. Runs one encounter at a time."""

    def __init__(
        self,
        profile: str = DEFAULT_PROFILE,
        *,
        attempts: Path | None = None,
        every_case: bool = False,
        server: Server | None = None,
    ) -> None:
        """Check the models of the profile; load nothing yet.

        every_case: also offer cases that have not passed their check, for their authors. server: a
        lab's language model, used instead of the profile's while it answers.

        Raises ModelMissing or ModelAltered when a model of the profile cannot be used.
        """
        threads.set_environment()
        self.profile = manifest.profile(profile)
        self.language_model = choose_language_model(self.profile["llm"], server)
        self.profile["llm"] = self.language_model.model
        settings = (profile, "yes" if server is not None else "no", every_case)
        _log.info("profile=%s server=%s every_case=%s", *settings)
        for name in self.profile.values():
            manifest.locate(name)
        self.store = Store(attempts or paths.attempts_dir())
        self._every_case = every_case
        self._loading = threading.Lock()
        self._one_at_a_time = threading.RLock()
        """Held while the engines change user: a preparation, an encounter, or a reflection."""
        self._engines: Engines | None = None
        self._unprepared_voice: Voice | None = None
        self._patients: dict[str, Patient] = {}
        self._plans: dict[str, SpeechPlan] = {}
        self._preparations = Preparations()

    # -- engines

    def engines(self, progress: PreparationProgress = _quiet) -> Engines:
        """Return all engines. Loads them at the first call, which takes some seconds."""
        with self._loading:
            if self._engines is None:
                require_memory(self.profile.values())
                began_s = time.monotonic()
                self._engines = self._load(progress)
                _log.info("loaded all models seconds=%.1f", time.monotonic() - began_s)
            return self._engines

    def _load(self, progress: PreparationProgress) -> Engines:
        # These import the heavy libraries, which read the environment that was set above.
        from simvoice.engines.embed.minilm import MiniLM
        from simvoice.engines.stt.whisper import Whisper
        from simvoice.engines.turn.end_of_turn import SentenceEndByLlm, SmartTurn

        progress(0.05, "Loading speech recognition")
        with self._timed("stt"):
            stt = Whisper(self._folder("stt"))
        progress(0.3, "Loading turn detection")
        with self._timed("end_of_turn"):
            end_of_turn = SmartTurn(self._folder("end_of_turn"))
        with self._timed("last_words"):
            last_words = SentenceEndByLlm(self._folder("last_words"))
        with self._timed("embedding"):
            embedder = MiniLM(self._folder("embedding"))
        progress(0.5, "Loading the voice")
        with self._timed("voice"):
            voice = self._load_voice()
        progress(0.7, "Loading the language model")
        with self._timed("llm"):
            llm = self.language_model.for_encounters()
        engines = Engines(stt, end_of_turn, voice, embedder, last_words, llm)
        if isinstance(llm, Fallback):
            engines = replace(engines, llm_notices=llm.notices)
        return engines

    @contextmanager
    def _timed(self, role: manifest.Role) -> Iterator[None]:
        """Log how long a model of the profile takes to load."""
        began_s = time.monotonic()
        yield
        took_s = time.monotonic() - began_s
        _log.info("loaded %s=%s seconds=%.1f", role, self.profile[role], took_s)

    def _load_voice(self) -> PreparedVoice:
        from simvoice.engines.tts.marked_voice import MarkedVoice
        from simvoice.engines.tts.piper import Piper
        from simvoice.engines.tts.praat_voice import ShapedVoice, Shaper
        from simvoice.engines.tts.speech_cache import CachedVoice

        shaper = Shaper()
        shaped = ShapedVoice(Piper(self._folder("voice")), shaper)
        self._unprepared_voice = MarkedVoice(shaped, shaper.stretch)
        key = "+".join([*manifest.digests([self.profile["voice"]]).values(), version("piper-tts")])
        return CachedVoice(self._unprepared_voice, paths.cache_dir() / "speech", key)

    @property
    def disclosure(self) -> str:
        """Say where the words of a conversation are sent; empty when they are sent nowhere."""
        return self.language_model.disclosure

    def model_trouble(self) -> str:
        """Return a sentence when the stronger model does not answer now; empty otherwise."""
        return describe_trouble(self._engines.llm if self._engines is not None else None)

    def _folder(self, role: str) -> Path:
        return manifest.locate(self.profile[role])  # type: ignore[index]

    def voice(self) -> Voice:
        """Return the voice without loading the other engines, to play single lines."""
        with self._loading:
            return self._engines.voice if self._engines else self._load_voice()

    def unprepared_voice(self) -> Voice:
        """Return the voice without its cache of clips; the benches measure it."""
        self.engines()
        assert self._unprepared_voice is not None
        return self._unprepared_voice

    def voice_activity(self) -> VoiceActivity:
        """Return a new detector for one microphone; it keeps state between frames."""
        from simvoice.engines.turn.vad import Silero, Vad, WebrtcGate

        return Vad(WebrtcGate(), Silero())

    def text_engines(self) -> tuple[Embedder, LanguageModel]:
        """Return the embedder and the language model for conversations in text."""
        from simvoice.engines.embed.minilm import MiniLM

        return MiniLM(self._folder("embedding")), self.language_model.for_text()

    # -- cases

    @cached_property
    def _listed(self) -> tuple[ListedCase, ...]:
        return listed_cases(*paths.case_dirs())

    def case(self, name: str) -> Case:
        """Return a case by id or by file. Raises CaseError."""
        return load_case(locate_case(name, *paths.case_dirs()))

    def cases(self) -> Sequence[CaseCard]:
        """Return the cases that are offered: those that passed their check."""
        return [case_card(each.case) for each in self._listed if each.case and self._offers(each)]

    def withheld(self) -> Sequence[str]:
        """Return a sentence for each case that is not offered, with the reason."""
        return [each.fault or "" for each in self._listed if not self._offers(each)]

    def _offers(self, listed: ListedCase) -> bool:
        return listed.fault is None or (self._every_case and listed.case is not None)

    def patient(self, case_id: str) -> Patient:
        """Return the patient of a case, with the vectors of its exemplars."""
        if case_id not in self._patients:
            case = self.case(case_id)
            embedder = self.engines().embedder
            sha256 = next(iter(manifest.digests([self.profile["embedding"]]).values()))
            index = None
            if embedder is not None:
                index = CaseIndex.cached(paths.cache_dir() / "cases", case, embedder, sha256)
            self._patients[case_id] = Patient(case, index, strong=self.language_model.strong)
        return self._patients[case_id]

    # -- preparation

    def plan(self, case_id: str) -> SpeechPlan:
        """Return which lines of a case to synthesise in which moods, the likeliest first."""
        if case_id not in self._plans:
            path = locate_case(case_id, *paths.case_dirs())
            case = load_case(path)
            self._plans[case_id] = plan_speech(case, rehearse(case, load_suite(path, case)))
        return self._plans[case_id]

    def prepare(self, case_id: str) -> None:
        """Start to load the engines and to synthesise the case's lines. Returns at once."""
        case = self.case(case_id)
        with self._one_at_a_time:
            if self._preparations.serves(case_id):
                return
            self._preparations.begin(
                case_id,
                f"{case.person.short} is ready",
                lambda progress, stop: self.make_ready(case_id, progress, stop, likely_only=True),
                lambda stop: self._prepare_rest(case_id, stop),
            )

    def _prepare_rest(self, case_id: str, cancelled: Cancelled) -> None:
        """Synthesise the remaining clauses while no one waits."""
        lines = spoken_lines.remaining_clauses(self.plan(case_id), self.patient(case_id).style)
        self.engines().voice.prepare(lines, cancelled=cancelled)

    def warm_up(self) -> None:
        """Start to prepare the first case, so that it is ready when its door note was read."""
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
        """Load the engines, warm the model and synthesise the first clause of every line. Blocks.

        likely_only: only in the moods in which a line is likely to be said; the rest is
        `spoken_lines.remaining_clauses`. The later clauses of a line can be synthesised while the
        first one plays.
        """
        check_storage(self.store.root)
        engines = self.engines(lambda done, what: progress(0.3 * done, what))
        patient = self.patient(case_id)
        if engines.llm is not None and not cancelled():
            progress(0.3, "Reading the case")
            messages = patient.messages_so_far(patient.start(0))
            engines.llm.warm(patient.prompt_prefix(), messages=messages, cancelled=cancelled)
        name = patient.case.person.short
        engines.voice.prepare(
            spoken_lines.first_clauses(self.plan(case_id), patient.style, likely_only=likely_only),
            lambda done, total: progress(0.35 + 0.65 * done / total, f"Preparing {name}'s voice"),
            cancelled,
        )
        progress(1.0, f"{name} is ready")

    def ready(self) -> Readiness:
        """Return how far `prepare` is."""
        found = self._preparations.readiness
        if found.ready:  # the disk can be filled while the door note is read
            try:
                check_storage(self.store.root)
            except SimvoiceError as error:
                return Readiness(False, 0.0, "", fault=str(error))
        return found

    def shortage(self) -> str:
        """Return what an encounter lacks here, disk or memory, as a sentence; empty for nothing."""
        try:
            check_storage(self.store.root)
            if self._engines is None:
                require_memory(self.profile.values())
        except SimvoiceError as error:
            return str(error)
        return ""

    def close(self) -> None:
        """Stop the preparation. The process would crash if it ended while an engine works."""
        self._preparations.stop()

    # -- encounters

    def encounter(
        self,
        case_id: str,
        line: AudioLine,
        *,
        learner: str = "",
        observer: Observer = ignore,
        seed: int | None = None,
        turn_taking: TurnTakingSettings | None = None,
        retry_from: CheckpointRef | None = None,
    ) -> Session:
        """Return an encounter that is ready to run; its `run` opens the line.

        turn_taking: instead of the case's settings. retry_from: begin at this checkpoint of an
        earlier attempt, with its patient state, seed and, unless another is given, learner. Raises
        AttemptError when no retry can begin there.
        """
        retry = None if retry_from is None else self.check_retry(case_id, retry_from)
        with self._one_at_a_time:
            self._preparations.stop()
            engines = self.engines()
        patient = self.patient(case_id)
        case = patient.case
        settings = turn_taking or self._turn_taking(case)
        time_s: float | None = case.time.limit_s
        if retry is not None:
            seed, time_s, learner = retry.seed, retry.time_s, learner or retry.learner
        seed = secrets.randbelow(2**31) if seed is None else seed
        check_storage(self.store.root)
        attempt = new_id(case.id, datetime.now().astimezone())

        def record(facts: LineFacts) -> Recorder:
            header = build_header(
                case,
                attempt=attempt,
                line=facts,
                turn_taking=settings,
                models=self.language_model.for_record(self.profile),
                seed=seed,
                learner=learner,
                again=retry.origin if retry else None,
            )
            return Recorder.create(self.store.root, header)

        return Session(
            SessionParts(
                attempt=attempt,
                rules=Rules(
                    mind=patient,
                    turn_taking=settings,
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
                retry=retry.start if retry else None,
                time_shown_s=time_s,
                observer=observer,
            )
        )

    def retry_time_s(self, case_id: str, checkpoint: CheckpointRef) -> float | None:
        """Return the time limit of a retry in seconds. Raises errors as `check_retry`."""
        return self.check_retry(case_id, checkpoint).time_s

    def check_retry(self, case_id: str, checkpoint: CheckpointRef) -> RetryPlan:
        """Return the plan of a retry from this checkpoint. Raises AttemptError as `plan_retry`."""

        def load(attempt_case: str) -> Case:
            found = self.case(case_id)
            if found.id != attempt_case:
                raise UsageError(
                    f"attempt {checkpoint.attempt} is of the case {attempt_case}, not of {found.id}"
                )
            return found

        return plan_retry(checkpoint, self.attempt, load)

    def _turn_taking(self, case: Case) -> TurnTakingSettings:
        """Return the case's settings, with time for a stronger model and its replacement."""
        settings = turn_taking_of(case)
        limit_s = max(settings.improvise_timeout_s, self.language_model.longest_s)
        return settings.model_copy(update={"improvise_timeout_s": limit_s})

    # -- attempts

    def attempts(self) -> Sequence[AttemptSummary]:
        """Return past attempts, the newest first."""
        return self.store.list()

    def attempt(self, attempt_id: str) -> Attempt:
        """Return one attempt. Recovers it first when a crash cut it off."""
        return self.store.open_recovered(attempt_id)

    def reflection_audio(self, attempt_id: str) -> Pcm:
        """Return the patient's reflection in the patient's voice: float32 [n], 16 kHz.

        Raises AttemptError when the record holds no reflection, CaseError when the case is gone.
        """
        attempt = self.attempt(attempt_id)
        case = self.case(attempt.header.case_id)
        with self._one_at_a_time:
            interrupted = self._preparations.busy_with
            if interrupted is not None:
                self._preparations.stop()
            try:
                sound = spoken_lines.reflection_sound(case, self.engines().voice, attempt.entries)
            finally:
                if interrupted is not None:
                    self.prepare(interrupted)
        if sound is None:
            raise AttemptError("The record of this attempt does not have the patient's own words.")
        return sound

    def folders_with_feedback(self) -> Sequence[Path]:
        """Return the folders of the attempts that have a rating or an objection."""
        return folders_with_feedback(self.store.root)

    def erase(self, attempt_id: str) -> None:
        """Delete an attempt permanently."""
        self.store.erase(attempt_id)
