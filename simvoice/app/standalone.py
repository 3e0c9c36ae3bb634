"""What measuring needs put together: the recogniser for words, the voice for planted talks."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING

from simvoice import paths
from simvoice.engines import threads
from simvoice.models import manifest
from simvoice.ports import Speech, Voice, VoiceStyle

if TYPE_CHECKING:
    from simvoice.engines.stt.whisper import Whisper


def check_word_recogniser() -> None:
    """Raises ModelMissing or ModelAltered when the recogniser cannot be used."""
    manifest.locate(_recogniser())


def word_recogniser() -> Whisper:
    """A recogniser of its own, for words with their times; made in the process that uses it."""
    threads.set_environment()
    # Imports the heavy library, which reads the environment that was set above.
    from simvoice.engines.stt.whisper import Whisper

    return Whisper(manifest.locate(_recogniser()))


def _recogniser() -> str:
    return manifest.profile(manifest.DEFAULT_PROFILE)["stt"]


class _LateVoice:
    """A voice that is loaded when it is first asked to speak. Fulfils `ports.Voice`."""

    def __init__(self, load: Callable[[], Voice]) -> None:
        self._load = load
        self._voice: Voice | None = None

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        """One clause. Raises ModelMissing when the voice is not there."""
        if self._voice is None:
            self._voice = self._load()
        return self._voice.speak(text, style)


def planted_voice(profile: str = manifest.DEFAULT_PROFILE) -> Voice:
    """The voice of planted conversations: what it has said once it knows by heart, so that a
    second calibration loads nothing."""
    threads.set_environment()
    name = manifest.profile(profile)["voice"]

    def load() -> Voice:
        from simvoice.engines.tts.piper import Piper
        from simvoice.engines.tts.praat_voice import ShapedVoice

        return ShapedVoice(Piper(manifest.locate(name)))

    from simvoice.engines.tts.speech_cache import CachedVoice

    key = "+".join([*manifest.digests([name]).values(), version("piper-tts")])
    return CachedVoice(_LateVoice(load), paths.cache_dir() / "calibration", key)
