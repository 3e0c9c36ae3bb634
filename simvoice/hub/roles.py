"""Who a person is to the hub."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A role of a person. A person can have several."""

    LEARNER = "learner"
    """Speaks with patients, keeps private attempts, and releases what they choose."""
    EDUCATOR = "educator"
    """Makes courses and assignments, and opens what learners have released to them."""
    TECHNICIAN = "technician"
    """Makes accounts, watches stations and storage. Opens no attempt."""
    RESEARCHER = "researcher"
    """Exports numbers of attempts that are released for research, without names."""
