"""Put the parts together: models, engines, cases, records and encounters."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path

from simvoice import paths
from simvoice.app.attempt_header import build_header, case_card, turn_taking_of
from simvoice.app.encounter_plan import moment_start, patient_waits, plan_encounter
from simvoice.app.language_model import choose_language_model, describe_trouble
from simvoice.app.preparation import Cancelled, PreparationProgress, Preparations
from simvoice.app.resume import ResumePlan, plan_resume
from simvoice.app.retry import RetryPlan, plan_retry
from simvoice.app.standalone import clip_key_of
from simvoice.app.standalone import planted_voice as planted_voice
from simvoice.audio import Pcm
from simvoice.checkup.memory import require_memory
from simvoice.conversation.checkpoint import RetryStart
from simvoice.conversation.settings import TurnTakingSettings
from simvoice.conversation.state import Rules
from simvoice.debrief.patient_view import reflection_as_shown
from simvoice.debrief.retry import CheckpointRef
from simvoice.engines import threads
from simvoice.engines.llm.fallback import Fallback
from simvoice.engines.llm.server import Server
from simvoice.engines.tts.clip_pack import PackAbout, pack_file, write_pack
from simvoice.engines.tts.speech_cache import CachedVoice, ClipsProgress, voice_key
from simvoice.errors import AttemptError, SimvoiceError, UsageError
from simvoice.models import manifest
from simvoice.patient.case.load import load_case, locate_case
from simvoice.patient.case.schema import Case
from simvoice.patient.case.suite import load_suite
from simvoice.patient.checking.certificate import ListedCase, listed_cases
from simvoice.patient.checking.rehearsal import SpeechPlan, plan_speech, rehearsed
from simvoice.patient.mind import Patient
from simvoice.patient.retrieval import CaseIndex
from simvoice.patient.voice import style_of
from simvoice.ports import (
    AudioLine,
    Embedder,
    LanguageModel,
    LineFacts,
    Voice,
    VoiceActivity,
)
from simvoice.reading.reading import read
from simvoice.record.files import new_id
from simvoice.record.ratings import folders_with_feedback
from simvoice.record.recorder import Recorder, check_storage
from simvoice.record.store import Attempt, AttemptSummary, Store
from simvoice.runtime import scheduler, spoken_lines
from simvoice.runtime.encounter_options import AS_WRITTEN, EncounterOptions
from simvoice.runtime.observer import Observer, ignore
from simvoice.runtime.scheduler import ELSEWHERE, Lane, Scheduler
from simvoice.runtime.session import Session, SessionParts
from simvoice.runtime.stages import Engines
from simvoice.web.ports import CaseCard, Readiness

_log = logging.getLogger(__name__)

DEFAULT_PROFILE = manifest.DEFAULT_PROFILE


def _origin_shown(file: Path) -> str:
    """Return where a case comes from, for its card: the cases of simvoice say nothing."""
    origin = paths.origin_of_case(file)
    return "" if origin == "shipped" else paths.ORIGIN_IN_WORDS[origin]


def _quiet(_: float, __: str) -> None:
    """Ignore progress."""


class Simulator:
    """Everything that commands and pages need.

    Its engines serve one encounter at a time, or, for a hub, several at once.
    """

    def __init__(
        self,
        profile: str = DEFAULT_PROFILE,
        *,
        attempts: Path | None = None,
        every_case: bool = False,
        server: Server | None = None,
        shared: bool = False,
    ) -> None:
        """Check the models of the profile; load nothing yet.

        every_case: also offer cases that have not passed their check, for their authors. server: a
        lab's language model, used instead of the profile's while it answers. shared: several
        encounters use the engines at once; a preparation then gives way to them.

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
        self.shared = shared
        self._loading = threading.Lock()
        self._one_at_a_time = threading.RLock()
        """Held while the engines change user: a preparation, an encounter, or a reflection."""
        self._engines: Engines | None = None
        self._unprepared_voice: Voice | None = None
        self._reading = threading.RLock()
        """Held while a case is read for the first time."""
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

        cores = threads.CORES
        progress(0.05, "Loading speech recognition")
        with self._timed("stt"):
            folder = self._folder("stt")
            stt = Whisper(folder, threads=1, workers=cores) if self.shared else Whisper(folder)
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
            llm = self.language_model.for_encounters(shared=self.shared)
        lanes = scheduler.shared(cores) if self.shared else scheduler.alone(cores)
        if self.shared and self.language_model.server is not None:
            lanes[Lane.MODEL] = ELSEWHERE
        engines = Engines(stt, end_of_turn, voice, embedder, last_words, llm)
        engines = replace(engines, scheduler=Scheduler(cores, lanes=lanes))
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

    def _load_voice(self) -> CachedVoice:
        from simvoice.engines.tts.marked_voice import MarkedVoice
        from simvoice.engines.tts.piper import Piper
        from simvoice.engines.tts.praat_voice import ShapedVoice, Shaper

        shaper = Shaper()
        folder = self._folder("voice")
        piper = Piper(folder, threads=1) if self.shared else Piper(folder)
        shaped = ShapedVoice(piper, shaper)
        self._unprepared_voice = MarkedVoice(shaped, shaper.stretch)
        key = clip_key_of(self.profile["voice"])
        folder, packs = paths.cache_dir() / "speech", paths.hub_voices_dir()
        return CachedVoice(self._unprepared_voice, folder, key, packs=packs)

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

    def look_again(self) -> None:
        """Read the list of cases again: their files have changed.

        Encounters that run keep the patient that they began with.
        """
        with self._reading:
            self.__dict__.pop("_listed", None)
            self._patients.clear()
            self._plans.clear()

    def case(self, name: str) -> Case:
        """Return a case by id or by file. Raises CaseError."""
        return load_case(locate_case(name, *paths.case_dirs()))

    def cases(self) -> Sequence[CaseCard]:
        """Return the cases that are offered: those that passed their check."""
        return [
            case_card(each.case, origin=_origin_shown(each.file))
            for each in self._listed
            if each.case and self._offers(each)
        ]

    def withheld(self) -> Sequence[str]:
        """Return a sentence for each case that is not offered, with the reason."""
        return [each.fault or "" for each in self._listed if not self._offers(each)]

    def _offers(self, listed: ListedCase) -> bool:
        return listed.fault is None or (self._every_case and listed.case is not None)

    def patient(self, case_id: str) -> Patient:
        """Return the patient of a case, with the vectors of its exemplars."""
        with self._reading:
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
        with self._reading:
            if case_id not in self._plans:
                path = locate_case(case_id, *paths.case_dirs())
                case = load_case(path)
                said = rehearsed(paths.cache_dir() / "cases", case, load_suite(path, case))
                self._plans[case_id] = plan_speech(case, said)
            return self._plans[case_id]

    def render(
        self,
        case_id: str,
        folder: Path,
        progress: ClipsProgress | None = None,
        cancelled: Cancelled = lambda: False,
    ) -> Path | None:
        """Write the clauses of a case as sound into a pack in `folder`, for other computers.

        It holds what `make_ready` and `prepare_rest` would synthesise there. Returns the pack;
        None when cancelled. An OSError of the disk passes through.
        """
        case, plan = self.case(case_id), self.plan(case_id)
        style = partial(style_of, case.person)
        first = spoken_lines.first_clauses(plan, style, likely_only=True)
        lines = list(dict.fromkeys([*first, *spoken_lines.remaining_clauses(plan, style)]))
        with self._loading:
            voice = self._load_voice()
        if not voice.prepare(lines, progress, cancelled):
            return None
        short = voice_key(clip_key_of(self.profile["voice"]))
        target = pack_file(folder, case.id, short)
        about = PackAbout(case=case.id, case_sha256=case.sha256, voice=short)
        write_pack(target, about, voice.exported(lines))
        return target

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
                lambda stop: self.prepare_rest(case_id, stop),
            )

    def prepare_rest(self, case_id: str, cancelled: Cancelled = lambda: False) -> None:
        """Synthesise the remaining clauses, when no one waits for it. Blocks."""
        lines = spoken_lines.remaining_clauses(self.plan(case_id), self.patient(case_id).style)
        self.engines().voice.prepare(lines, cancelled=self._giving_way(cancelled))

    def _giving_way(self, cancelled: Cancelled) -> Cancelled:
        """Return a `Cancelled` for preparations: between two steps they wait for encounters."""
        engines_scheduler = self.engines().scheduler
        if not self.shared or engines_scheduler is None:
            return cancelled

        def ask() -> bool:
            while not cancelled():
                if engines_scheduler.wait_until_quiet(0.2):
                    return False
            return True

        return ask

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
        cancelled = self._giving_way(cancelled)
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
        with self._loading:
            if self._engines is not None and self._engines.scheduler is not None:
                self._engines.scheduler.close()

    # -- encounters

    def encounter(
        self,
        case_id: str,
        line: AudioLine,
        *,
        learner: str = "",
        observer: Observer = ignore,
        turn_taking: TurnTakingSettings | None = None,
        retry_from: CheckpointRef | None = None,
        records: Path | None = None,
        open_attempt: Callable[[str], Attempt] | None = None,
        options: EncounterOptions = AS_WRITTEN,
    ) -> Session:
        """Return an encounter that is ready to run; its `run` opens the line.

        records: the folder of the attempt's folder; that of the store when None. turn_taking:
        instead of the case's settings. retry_from: begin at this checkpoint of an earlier attempt,
        with its patient state, seed and, unless another is given, learner. open_attempt: returns
        an earlier attempt by its id; `attempt` when None. options: how it differs from the case.
        Raises AttemptError when it cannot begin at the checkpoint or go on where a
        recording ends, and UsageError for options that cannot be used.
        """
        retry = None if retry_from is None else self.check_retry(case_id, retry_from, open_attempt)
        engines = self._engines_of_encounter()
        patient = self.patient(case_id)
        case = patient.case
        root = records or self.store.root
        settings = patient_waits(turn_taking or self._turn_taking(case), options.patience_factor)
        plan = plan_encounter(
            case,
            options,
            learner=learner,
            retry=retry,
            moment=self._moment(patient, options),
            resumed=self._resumed(patient, options),
        )
        seed = secrets.randbelow(2**31) if plan.seed is None else plan.seed
        check_storage(root)
        attempt = new_id(case.id, datetime.now().astimezone())

        def record(facts: LineFacts) -> Recorder:
            header = build_header(
                case,
                attempt=attempt,
                line=facts,
                turn_taking=settings,
                models=self.language_model.for_record(self.profile),
                seed=seed,
                learner=plan.learner,
                again=plan.again,
                continues=plan.continues,
                moment=plan.moment,
                options=plan.recorded,
                time_s=plan.time_s,
            )
            return Recorder.create(root, header)

        return Session(
            SessionParts(
                attempt=attempt,
                rules=Rules(
                    mind=patient,
                    turn_taking=settings,
                    time_s=plan.time_s,
                    time_is_hard=plan.time_is_hard,
                    goes_on=plan.goes_on,
                    judges_words=engines.last_words is not None,
                ),
                line=line,
                vad=self.voice_activity(),
                engines=engines,
                record=record,
                style=patient.style,
                focus=patient.focus,
                seed=seed,
                retry=plan.start,
                time_shown_s=plan.time_s,
                takes_typed=options.typed,
                observer=observer,
            )
        )

    def _moment(self, patient: Patient, options: EncounterOptions) -> RetryStart | None:
        """Return where a drill begins; None for an encounter without a moment."""
        if not options.moment or options.resume is not None:
            return None
        return moment_start(patient, options.moment, self.engines().embedder, seed=options.seed)

    def _resumed(self, patient: Patient, options: EncounterOptions) -> ResumePlan | None:
        """Return how an attempt that was cut off goes on; None for a new one."""
        return None if options.resume is None else plan_resume(options.resume, patient)

    def _engines_of_encounter(self) -> Engines:
        """Return the engines as one encounter uses them."""
        if not self.shared:
            with self._one_at_a_time:
                self._preparations.stop()
                return self.engines()
        engines = self.engines()
        llm = self.language_model.for_one_of_several(engines.llm)
        if llm is engines.llm:
            return engines
        notices = llm.notices if isinstance(llm, Fallback) else engines.llm_notices
        return replace(engines, llm=llm, llm_notices=notices)

    def retry_time_s(
        self,
        case_id: str,
        checkpoint: CheckpointRef,
        open_attempt: Callable[[str], Attempt] | None = None,
    ) -> float | None:
        """Return the time limit of a retry in seconds. Arguments and errors as `check_retry`."""
        return self.check_retry(case_id, checkpoint, open_attempt).time_s

    def check_retry(
        self,
        case_id: str,
        checkpoint: CheckpointRef,
        open_attempt: Callable[[str], Attempt] | None = None,
    ) -> RetryPlan:
        """Return the plan of a retry from this checkpoint. Raises AttemptError as `plan_retry`.

        open_attempt: returns an earlier attempt by its id; `attempt` when None.
        """

        def load(attempt_case: str) -> Case:
            found = self.case(case_id)
            if found.id != attempt_case:
                raise UsageError(
                    f"attempt {checkpoint.attempt} is of the case {attempt_case}, not of {found.id}"
                )
            return found

        return plan_retry(checkpoint, open_attempt or self.attempt, load)

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
        shown = reflection_as_shown(attempt, read(attempt))
        with self._one_at_a_time:
            interrupted = self._preparations.busy_with
            if interrupted is not None:
                self._preparations.stop()
            try:
                sound = spoken_lines.reflection_sound(case, self.engines().voice, shown)
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


def certified_cases() -> Sequence[CaseCard]:
    """Return the cases that passed their check, without the models that an encounter needs."""
    return [
        case_card(each.case, origin=_origin_shown(each.file))
        for each in listed_cases(*paths.case_dirs())
        if each.case and each.fault is None
    ]
