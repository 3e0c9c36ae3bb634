"""What others take from a case: the record's header, the turn-taking numbers, the card."""

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
from simvoice.record.events import ConcernShown, Header, RetryOrigin, Tellable
from simvoice.scoring.metrics.norms import visit_kinds
from simvoice.web.ports import CaseCard

# -- attempt header ---------------------------------------------------------------------------
# From a case to what others take of it: the record's header, the floor's numbers, the card.


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
"""Those whose version changes what is heard or measured."""


def build_header(
    case: Case,
    *,
    attempt: str,
    line: LineFacts,
    floor: TurnTakingSettings,
    models: dict[str, str],
    seed: int,
    learner: str,
    again: RetryOrigin | None = None,
) -> Header:
    """What is true before the first frame. models: role to sha256 or to a server's name."""
    return Header(
        attempt=attempt,
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
            )
            for fact in case.facts
        ),
        shows=concerns_shown(case),
        instruments=case.instruments,
        critical=critical_items_for_record(case),
        seed=seed,
        visit=tuple(sorted(visit_kinds(case.instruments))),
        learner=learner,
        again=again,
        models=models,
        settings=floor.model_dump(),
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


def turn_taking_of(case: Case) -> TurnTakingSettings:
    """The usual numbers of the floor, with the case's own. Raises CaseError for unknown ones."""
    try:
        return TurnTakingSettings.model_validate(
            {**TurnTakingSettings().model_dump(), **case.floor}
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CaseError(
            f"case {case.id}: floor.{where} cannot be used ({first['msg']}); "
            "the settings are those of simvoice.conversation.settings"
        ) from error


def case_card(case: Case) -> CaseCard:
    """What a learner may know before the door opens."""
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
    )


# -- shown ------------------------------------------------------------------------------------
# Which lines of a case let a concern show, for the record: what is below it knows no case.


def concerns_shown(case: Case) -> tuple[ConcernShown, ...]:
    """Every line of a case that hints at a concern, or says it by telling the concern's fact.

    A line may show more than one; where it both hints at a concern and says it, it says it.
    """
    return tuple(found for concern in case.concerns for found in _of(case, concern))


def _of(case: Case, concern: Concern) -> list[ConcernShown]:
    says = [line.id for line in case.lines if concern.fact and concern.fact in line.tells]
    hints = [line for line in concern.cues if line not in says]
    return [
        *(ConcernShown(line=i, concern=concern.id, text=concern.text, kind="cue") for i in hints),
        *(
            ConcernShown(line=i, concern=concern.id, text=concern.text, kind="concern")
            for i in says
        ),
    ]
