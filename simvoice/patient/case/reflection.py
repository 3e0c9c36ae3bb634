"""The part of a case that is spoken after it: what the patient says when asked how it felt."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from simvoice import markup
from simvoice.patient.case.fields import Id, Part, When, Wording
from simvoice.patient.decisions import Affect

LONGEST_TELLING: Final = 5
"""Things she says at the most: what a learner can take in before looking at anything else."""


class Remark(Part):
    """One way it may have been for her."""

    when: When = When()
    endings: tuple[Id, ...] = ()
    """Endings, any of them; empty for every one, and for an encounter that broke off."""
    marked: Wording = Field(alias="text")
    affect: Affect = "neutral"
    because: tuple[Id, ...] = ()
    """Rules of the ledger that it stands on, the weightiest first; without them those of `when`.
    Only the ones that have counted are given as a reason."""

    @property
    def text(self) -> str:
        """Its plain words."""
        return markup.plain(self.marked)


class Recollection(Part):
    """One thing she comes back to. The first remark that holds is made; without one, none."""

    id: Id
    remarks: tuple[Remark, ...] = Field(min_length=1)
