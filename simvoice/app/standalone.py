"""Engines without a simulator: a recogniser for word times, and a voice for planted talks."""

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


def clip_key(profile: str = manifest.DEFAULT_PROFILE) -> str:
    """Return the digest of what makes the sound of a profile's voice, for its cache of clips."""
    return clip_key_of(manifest.profile(profile)["voice"])


def clip_key_of(voice: str) -> str:
    """Return the digest of what makes the sound of a voice. voice: the name of its model."""
    return "+".join([*manifest.digests([voice]).values(), version("piper-tts")])


def check_word_recogniser() -> None:
    """Raise ModelMissing or ModelAltered when the recogniser cannot be used."""
    manifest.locate(_recogniser())


def word_recogniser() -> Whisper:
    """Return a new recogniser for words with their times. Call it in the process that uses it."""
    threads.set_environment()
    # Imported here, because the heavy library reads the environment that was set above.
    from simvoice.engines.stt.whisper import Whisper

    return Whisper(manifest.locate(_recogniser()))


def _recogniser() -> str:
    return manifest.profile(manifest.DEFAULT_PROFILE)["stt"]


class _LazyVoice:
    """A `ports.Voice` that is loaded at its first clause."""

    def __init__(self, load: Callable[[], Voice]) -> None:
        self._load = load
        self._voice: Voice | None = None

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        """Synthesise one clause. Raises ModelMissing when the voice is missing."""
        if self._voice is None:
            self._voice = self._load()
        return self._voice.speak(text, style)


def planted_voice(profile: str = manifest.DEFAULT_PROFILE) -> Voice:
    """Return the voice of planted conversations.

    It caches every clip on disk, so that a second calibration loads no model.
    """
    threads.set_environment()
    name = manifest.profile(profile)["voice"]

    def load() -> Voice:
        from simvoice.engines.tts.piper import Piper
        from simvoice.engines.tts.praat_voice import ShapedVoice

        return ShapedVoice(Piper(manifest.locate(name)))

    from simvoice.engines.tts.speech_cache import CachedVoice

    return CachedVoice(_LazyVoice(load), paths.cache_dir() / "calibration", clip_key_of(name))
