"""Derive from a case: the header of a record, the turn-taking settings, and the learner's card."""

from __future__ import annotations

import platform
from importlib.metadata import version

from pydantic import ValidationError

from simvoice import __version__
from simvoice.conversation.settings import TurnTakingSettings
from simvoice.engines import threads
from simvoice.errors import CaseError
from simvoice.patient.case.critical import critical_items_for_record
from simvoice.patient.case.schema import Case, Concern
from simvoice.ports import LineFacts
from simvoice.record.events import (
    ConcernShown,
    ContinuedAttempt,
    Header,
    RecordedMoment,
    RecordedOptions,
    RetryOrigin,
    Tellable,
)
from simvoice.record.identity import new_uuid
from simvoice.safe_text import field_place
from simvoice.scoring.metrics.norms import visit_kinds
from simvoice.web.ports import CaseCard, MomentCard

_LIBRARIES = (
    "faster-whisper",
    "ctranslate2",
    "llama-cpp-python",
    "piper-tts",
    "praat-parselmouth",
    "onnxruntime",
    "webrtcvad-wheels",
    "numpy",
)
"""Libraries whose version changes what is recognised, said or measured."""

_NAMED_CAUSES = 3
"""Causes of trust that a record names, so that a debrief can say what opens a fact."""

AS_IN_CASE = RecordedOptions()
"""Nothing was set for the encounter."""


def build_header(
    case: Case,
    *,
    attempt: str,
    line: LineFacts,
    turn_taking: TurnTakingSettings,
    models: dict[str, str],
    seed: int,
    learner: str,
    again: RetryOrigin | None = None,
    continues: ContinuedAttempt | None = None,
    moment: RecordedMoment | None = None,
    options: RecordedOptions = AS_IN_CASE,
    time_s: float | None = None,
) -> Header:
    """Return the header of an attempt: what is known before the first frame.

    models: role to SHA-256 of the weights, or to a server's name. again: the checkpoint of a retry.
    continues: what was cut off. moment: where a drill begins. options: how it differs from its
    case. time_s: its length.
    """
    return Header(
        attempt=attempt,
        uuid=new_uuid(),
        simvoice=__version__,
        case_id=case.id,
        case_title=case.title,
        case_sha256=case.sha256,
        patient_name=case.person.name,
        tellable=tuple(
            Tellable(
                id=fact.id,
                text=fact.text,
                when=fact.gate.when,
                trust=fact.gate.trust,
                after=fact.gate.after,
                asked_by=_asked_by(case, fact.id),
                earned_by=_earns_trust(case) if fact.gate.trust is not None else (),
                needs=tuple(beat.label for beat in case.beats if beat.id in fact.gate.after),
            )
            for fact in case.facts
        ),
        shows=concerns_shown(case),
        asks=tuple(line.id for line in case.lines if line.asks is not None),
        instruments=case.instruments,
        critical=critical_items_for_record(case),
        seed=seed,
        visit=tuple(sorted(visit_kinds(case.instruments))),
        learner=learner,
        again=again,
        continues=continues,
        moment=moment,
        options=options,
        time_s=time_s,
        models=models,
        settings=turn_taking.model_dump(),
        devices={
            "kind": line.kind,
            "microphone": line.microphone,
            "speaker": line.speaker,
            "native_rate": line.native_rate,
            "echo": line.echo,
        },
        libraries={name: version(name) for name in _LIBRARIES},
        machine=f"{platform.system()} {platform.machine()}, {threads.CORES} cores",
    )


def _asked_by(case: Case, fact: str) -> str:
    """The first sentence of a learner's that a line that tells the fact answers; perhaps empty."""
    telling = (line for line in case.lines if fact in line.tells and line.exemplars)
    return next((line.exemplars[0] for line in telling), "")


def _earns_trust(case: Case) -> tuple[str, ...]:
    """The causes of the rules that raise trust most, each once, the largest first."""
    raising = [rule for rule in case.rules if rule.moves.get("trust", 0.0) > 0.0]
    by_size = sorted(raising, key=lambda rule: -rule.moves["trust"])
    return tuple(dict.fromkeys(rule.cause for rule in by_size))[:_NAMED_CAUSES]


def turn_taking_of(case: Case) -> TurnTakingSettings:
    """Return the default turn-taking settings with the case's changes.

    Raises CaseError for an unknown setting or a value out of range.
    """
    try:
        return TurnTakingSettings.model_validate(
            {**TurnTakingSettings().model_dump(), **case.floor}
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = field_place(first["loc"])
        raise CaseError(
            f"case {case.id}: floor.{where} cannot be used ({first['msg']}); "
            "the settings are those of simvoice.conversation.settings"
        ) from error


def case_card(case: Case, *, origin: str = "") -> CaseCard:
    """Return what a learner may know before the encounter. origin: as `CaseCard.origin`."""
    return CaseCard(
        id=case.id,
        title=case.title,
        level=case.level,
        setting=case.setting,
        door_note=case.door_note,
        reading_time_s=case.reading_time_s,
        time_s=case.time.limit_s,
        patient_name=case.person.name,
        objectives=tuple(case.objectives),
        course=case.course,
        summary=case.summary,
        sha256=case.sha256,
        origin=origin,
        moments=tuple(MomentCard(each.id, each.title, each.skill) for each in case.moments),
    )


def concerns_shown(case: Case) -> tuple[ConcernShown, ...]:
    """Return which lines show which concern: as a cue, or openly by telling the concern's fact.

    The record needs them, because the code that reads records knows no case. A line may show
    several concerns. A line that is a cue and tells the fact counts as telling it.
    """
    return tuple(found for concern in case.concerns for found in _lines_showing(case, concern))


def _lines_showing(case: Case, concern: Concern) -> list[ConcernShown]:
    telling = [line.id for line in case.lines if concern.fact and concern.fact in line.tells]
    cues = [line for line in concern.cues if line not in telling]
    return [
        *(ConcernShown(line=i, concern=concern.id, text=concern.text, kind="cue") for i in cues),
        *(
            ConcernShown(line=i, concern=concern.id, text=concern.text, kind="concern")
            for i in telling
        ),
    ]
