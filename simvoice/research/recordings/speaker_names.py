"""Tell from the names of files, tiers and labels who speaks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from simvoice.errors import SettingError
from simvoice.safe_text import shortened
from simvoice.timing.turns import Speaker

_LEARNERS = (
    "learner,doctor,dr,doc,md,gp,hcp,hcw,clinician,physician,student,resident,registrar,consultant,"
    "nurse,midwife,pharmacist,therapist,counsellor,counselor,provider,practitioner,interviewer,"
    "trainee,surgeon,oncologist,family doctor,family physician"
)
_PATIENTS = (
    "patient,pt,sp,client,family,relative,parent,mother,father,mum,mom,dad,son,daughter,wife,"
    "husband,partner,brother,sister,caregiver,carer,spouse,actor,interviewee,simulated,standardized,"
    "standardised"
)
"""Usual words. "MD" and "GP" are written for clinicians, "SP" for simulated patients."""

_TOKEN = re.compile(r"[^\W\d_]+|\d+")
"""A word or a number: "Doctor1" is both, as "SPEAKER_00" is."""

Phrase = tuple[str, ...]


def _phrase(text: str) -> Phrase:
    return tuple(_TOKEN.findall(text.casefold()))


def _phrases(text: str) -> frozenset[str]:
    return frozenset(" ".join(_phrase(part)) for part in text.split(","))


@dataclass(frozen=True, slots=True)
class SpeakerNames:
    """The names in file, tier and label names that mean the learner and the patient."""

    learner: frozenset[str] = _phrases(_LEARNERS)
    patient: frozenset[str] = _phrases(_PATIENTS)
    """Lower case, words and numbers separated by spaces."""

    @classmethod
    def parse(cls, text: str) -> SpeakerNames:
        """Parse `LEARNER,PATIENT`; either may be several words, and several names with `|` between.

        A semicolon separates names that contain a comma. Raises SettingError when there are not
        two, or when both contain the same name.
        """
        halves = [
            frozenset(" ".join(_phrase(name)) for name in half.split("|") if _phrase(name))
            for half in text.split(";" if ";" in text else ",")
        ]
        if len(halves) != 2 or not all(halves) or halves[0] & halves[1]:
            raise SettingError(
                f"--names {shortened(text)!r} is not two different names; write the learner's "
                'first, such as: --names doctor,patient or --names "Dr Smith,SPEAKER_01"'
            )
        return cls(halves[0], halves[1])

    def speaker_of(self, label: str) -> Speaker | None:
        """Return the speaker that a label names; None when it names neither or both.

        When it names both, the longer name counts: "family doctor" is a doctor.
        """
        words = _phrase(label)
        learner, patient = _longest(words, self.learner), _longest(words, self.patient)
        if learner == patient:
            return None
        return "learner" if learner > patient else "patient"

    def without_names(self, stem: str) -> str:
        """Return a file's stem without speaker names: the part that the files of a pair share."""
        tokens = list(_TOKEN.finditer(stem))
        words = tuple(token.group().casefold() for token in tokens)
        known = [tuple(name.split()) for name in self.learner | self.patient]
        rest = stem
        for begin in reversed(range(len(words))):
            sizes = [len(name) for name in known if words[begin : begin + len(name)] == name]
            if sizes:
                first, last = tokens[begin], tokens[begin + max(sizes) - 1]
                rest = rest[: first.start()] + rest[min(last.end(), len(rest)) :]
        return re.sub(r"^[\W_]+|[\W_]+$", "", re.sub(r"([\W_])[\W_]+", r"\1", rest))


def _longest(words: Phrase, names: frozenset[str]) -> int:
    """Return the number of words of the longest name that is in a label, 0 when none is."""
    return max(
        (
            len(name)
            for name in (tuple(each.split()) for each in names)
            for begin in range(len(words) - len(name) + 1)
            if words[begin : begin + len(name)] == name
        ),
        default=0,
    )
