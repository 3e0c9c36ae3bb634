"""The voice of a station: what is announced at fixed moments, spoken with the simulator's voice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np

from simvoice.audio import samples
from simvoice.devices.wav import wav_bytes
from simvoice.errors import SimvoiceError
from simvoice.ports import Cancelled, PreparedVoice, VoiceStyle, never
from simvoice.sentences import split_sentences

_log = logging.getLogger(__name__)

_PAUSE_S = 0.3
"""After each sentence."""

_STYLE = VoiceStyle(duration=1.1)
"""The recorded voice, no patient's, and a little slower: it is heard once, without a context."""


class SpokenAnnouncements:
    """Announcements as sound. They are rendered before they are needed, and kept with the clips."""

    def __init__(self, voice: Callable[[], PreparedVoice], texts: Sequence[str]) -> None:
        """voice: asked for when it is first needed, because it takes seconds to load."""
        self._voice = voice
        self._texts = tuple(texts)
        self._prepared: PreparedVoice | None = None

    def prepare(self, cancelled: Cancelled = never) -> None:
        """Render what is not rendered yet. Blocks; call it where the patients are prepared.

        A fault of the voice is logged: announcements are then written alone.
        """
        try:
            voice = self._voice()
            lines = [(part, _STYLE) for text in self._texts for part in split_sentences(text)]
            if voice.prepare(lines, cancelled=cancelled):
                self._prepared = voice
        except SimvoiceError as error:
            _log.warning("announcements cannot be spoken: %s", error)

    def wav(self, text: str) -> bytes | None:
        """Return an announcement as a WAV file; None when it is not rendered."""
        if self._prepared is None or text not in self._texts:
            return None
        clips = [self._prepared.recall(part, _STYLE) for part in split_sentences(text)]
        heard = [clip.pcm for clip in clips if clip is not None]
        if not heard or len(heard) != len(clips):
            return None
        pause = np.zeros(samples(_PAUSE_S), np.float32)
        return wav_bytes(np.concatenate([part for pcm in heard for part in (pcm, pause)]))
