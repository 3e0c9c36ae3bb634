"""By which words files, tiers and labels name the two who talk."""

from __future__ import annotations

import re
from dataclasses import dataclass

from simvoice.errors import SettingError
from simvoice.timing.turns import Speaker

_LEARNERS = (
    "learner doctor dr clinician physician student resident nurse therapist counsellor counselor "
    "provider practitioner interviewer trainee surgeon oncologist"
)
_PATIENTS = (
    "patient pt sp client family relative parent mother father caregiver carer spouse actor "
    "interviewee simulated standardized"
)


def _in_words(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", text.casefold()) if word]


@dataclass(frozen=True, slots=True)
class Names:
    """The words that mean the learner (the clinician) and those that mean the patient."""

    learner: frozenset[str] = frozenset(_LEARNERS.split())
    patient: frozenset[str] = frozenset(_PATIENTS.split())

    @classmethod
    def given(cls, text: str) -> Names:
        """From `doctor,patient`: one word each. Raises SettingError for anything else."""
        halves = [_in_words(half) for half in text.split(",")]
        if len(halves) != 2 or any(len(half) != 1 for half in halves) or halves[0] == halves[1]:
            raise SettingError(
                f"--names {text!r} is not two different words; write the learner's first, such as: "
                "--names doctor,patient"
            )
        return cls(frozenset(halves[0]), frozenset(halves[1]))

    def who(self, label: str) -> Speaker | None:
        """Whom a label means; None when it names neither, or both."""
        words = set(_in_words(label))
        is_learner, is_patient = bool(words & self.learner), bool(words & self.patient)
        if is_learner == is_patient:
            return None
        return "learner" if is_learner else "patient"

    def without(self, stem: str) -> str:
        """A file's stem without the words that name a speaker: what the files of a pair share."""
        known = self.learner | self.patient
        kept = [w for w in re.split(r"([\W_]+)", stem) if w.casefold() not in known]
        return re.sub(r"^[\W_]+|[\W_]+$", "", re.sub(r"([\W_])[\W_]+", r"\1", "".join(kept)))
