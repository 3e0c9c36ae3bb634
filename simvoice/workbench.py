"""What the commands that analyse need put together: the recogniser, for words with their times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simvoice import models
from simvoice.engines import threads

if TYPE_CHECKING:
    from simvoice.engines.whisper import Whisper


def check_word_ear() -> None:
    """Raises ModelMissing or ModelAltered when the recogniser cannot be used."""
    models.locate(_recogniser())


def word_ear() -> Whisper:
    """A recogniser of its own, for words with their times; made in the process that uses it."""
    threads.set_environment()
    # Imports the heavy library, which reads the environment that was set above.
    from simvoice.engines.whisper import Whisper

    return Whisper(models.locate(_recogniser()))


def _recogniser() -> str:
    return models.profile(models.DEFAULT_PROFILE)["stt"]
