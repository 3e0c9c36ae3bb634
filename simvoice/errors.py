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
    |-- RecordingLost            exit 1   the hub's store has lost or altered a recording
    |-- StorageAway              exit 1   where the hub keeps things cannot be reached now
    |   |-- DatabaseAway                  the hub's database does not answer
    |   `-- ObjectsAway                   the hub's store of recordings does not answer
    |-- FetchError               exit 1   a download is incomplete
    |-- HubError                 exit 1   a hub does not answer or refuses
    |   `-- HubNotTrusted                 the machine that answers cannot show that it is the hub
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


class RecordingLost(SimvoiceError):
    """The hub's store has lost or altered a recording."""


class StorageAway(SimvoiceError):
    """Where the hub keeps things cannot be reached now. Nothing is lost; it can be tried again."""


class DatabaseAway(StorageAway):
    """The hub's database does not answer."""


class ObjectsAway(StorageAway):
    """The hub's store of recordings does not answer."""


class FetchError(SimvoiceError):
    """A download is incomplete."""


class HubError(SimvoiceError):
    """A hub does not answer or refuses."""


class HubNotTrusted(HubError):
    """The machine that answers cannot show that it is the hub."""


class DeviceLost(SimvoiceError):
    """A device went away during an encounter."""


class StageFailed(SimvoiceError):
    """An engine failed during an encounter."""
