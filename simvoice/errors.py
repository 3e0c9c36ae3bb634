"""Every error that simvoice raises on purpose.

    SimvoiceError                exit 1   something failed while working
    |-- UsageError               exit 2   the input cannot be used
    |   |-- CaseError                     a case file is missing or broken
    |   |-- AudioFileError                a sound file is missing or unreadable
    |   |-- SettingError                  a setting is unknown or out of range
    |   `-- AttemptError                  an attempt is missing or not readable
    |-- NeedsError               exit 3   something is missing
    |   |-- ModelMissing                  a model file is not installed
    |   |-- ModelAltered                  a model file differs from the pinned one
    |   |-- DeviceMissing                 no such microphone or loudspeaker
    |   |-- LibraryMissing                a system library is not installed
    |   |-- MemoryShort                   there is too little memory for the models
    |   |-- StorageRefused                the data folder cannot be written
    |   `-- StorageFull                   the disk is full
    |-- FetchError               exit 1   a download is incomplete
    |-- DeviceLost               exit 1   a device went away during an encounter
    `-- StageFailed              exit 1   an engine failed during an encounter

Each message is one sentence that names the thing and the remedy.
"""

from __future__ import annotations


class SimvoiceError(Exception):
    """Base of the tree; the command line ends with `exit_code`."""

    exit_code = 1


class UsageError(SimvoiceError):
    """The input cannot be used."""

    exit_code = 2


class CaseError(UsageError):
    """A case file is missing or broken."""


class AudioFileError(UsageError):
    """A sound file is missing or unreadable."""


class SettingError(UsageError):
    """A setting is unknown or out of range."""


class AttemptError(UsageError):
    """An attempt is missing or not readable."""


class NeedsError(SimvoiceError):
    """Something is missing that is needed first."""

    exit_code = 3


class ModelMissing(NeedsError):
    """A model file is not installed."""


class ModelAltered(NeedsError):
    """A model file differs from the pinned one."""


class DeviceMissing(NeedsError):
    """No such microphone or loudspeaker."""


class LibraryMissing(NeedsError):
    """A system library is not installed."""


class MemoryShort(NeedsError):
    """There is too little memory for the models."""


class StorageRefused(NeedsError):
    """The data folder cannot be written."""


class StorageFull(NeedsError):
    """The disk is full."""


class FetchError(SimvoiceError):
    """A download is incomplete."""


class DeviceLost(SimvoiceError):
    """A device went away during an encounter."""


class StageFailed(SimvoiceError):
    """An engine failed during an encounter."""
