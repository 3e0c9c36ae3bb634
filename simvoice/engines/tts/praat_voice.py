"""Turn one recorded voice into several people, by Praat's "Change gender" in `praat_worker`."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np

from simvoice.audio import Pcm
from simvoice.engines.tts.clips import amplify
from simvoice.engines.tts.praat_protocol import ANSWER, REFUSED, REQUEST, read_exactly
from simvoice.errors import StageFailed
from simvoice.ports import Speech, SpokenWord, Voice, VoiceStyle

ANSWER_WITHIN_S = 20.0
"""Praat takes a hundredth of real time; a worker that takes longer than this is stuck."""

PLAIN_BYTES = 48 * 2**20
"""Twelve minutes of speech: the first clauses of a case, while each of its moods is prepared."""

REQUESTED_DURATION = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.6)
MEASURED_DURATION = (0.80, 0.89, 0.96, 1.0, 1.06, 1.10, 1.19, 1.26, 1.42)
"""Ratio of durations requested from Piper, and measured in its clips (Joe, five sentences,
± 0.03). They differ because a phoneme is a whole number of frames, and the blanks between
phonemes stay one frame at any pace."""


def remaining_stretch(duration: float) -> float:
    """Return the ratio by which Piper's clip must be stretched to reach the requested duration."""
    return duration / float(np.interp(duration, REQUESTED_DURATION, MEASURED_DURATION))


def needs_shaping(style: VoiceStyle) -> bool:
    """Return True when the style differs from the recorded voice in more than pace and gain."""
    unchanged = style.formant_shift == 1.0 and style.pitch_hz is None and style.pitch_range == 1.0
    return not unchanged or style.stretch != 1.0


class Shaper:
    """Runs the worker process, and restarts it when it dies."""

    def __init__(self) -> None:
        """Raises StageFailed when the worker cannot be started."""
        self._lock = threading.Lock()
        self._start()
        if self._ask(np.zeros(1600, np.float32), VoiceStyle(formant_shift=1.1)) is None:
            raise StageFailed("the voice shaping does not start; run: simvoice doctor")

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    def shape(self, pcm: Pcm, style: VoiceStyle) -> Pcm:
        """Return the clip in the voice of the style's person, float32 [n times stretch].

        pcm: float32 [n] at 16 kHz. The style's duration and gain are ignored. A clip that Praat
        refuses is returned unchanged. Raises StageFailed when the worker dies twice on one clip.
        """
        if pcm.size == 0 or not needs_shaping(style):
            return pcm
        with self._lock:
            for _ in range(2):
                shaped = self._ask(pcm, style)
                if shaped is not None:
                    return shaped
                self._finalizer()
                self._start()
        raise StageFailed(
            "the voice shaping stopped twice on one clause; start the encounter again"
        )

    def stretch(self, pcm: Pcm, ratio: float) -> Pcm:
        """Return float32 [n times ratio] at the same pitch. pcm: float32 [n]; see `shape`."""
        return self.shape(pcm, VoiceStyle(stretch=ratio))

    def close(self) -> None:
        """End the worker; can be called twice."""
        self._finalizer()

    def _start(self) -> None:
        package_parent = str(Path(__file__).resolve().parents[3])
        known = os.environ.get("PYTHONPATH")
        paths = package_parent + (os.pathsep + known if known else "")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "simvoice.engines.tts.praat_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": paths},
                # Ctrl-C in the terminal reaches only the parent.
                start_new_session=True,
            )
        except OSError as error:
            raise StageFailed(f"the voice shaping cannot start ({error.strerror})") from error
        self._finalizer = weakref.finalize(self, _end, self._process)

    def _ask(self, pcm: Pcm, style: VoiceStyle) -> Pcm | None:
        """Return the worker's clip; None when the worker died or was killed."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        ratios = (style.formant_shift, style.pitch_hz or 0.0, style.pitch_range, style.stretch)
        head = REQUEST.pack(pcm.size, *ratios)
        timeout = threading.Timer(ANSWER_WITHIN_S, self._process.kill)
        timeout.daemon = True
        timeout.start()
        try:
            stdin.write(head + np.ascontiguousarray(pcm, np.float32).tobytes())
            stdin.flush()
            answer = read_exactly(stdout, ANSWER.size)  # type: ignore[arg-type]
            if answer is None:
                return None
            (count,) = ANSWER.unpack(answer)
            if count == REFUSED:
                return pcm
            body = read_exactly(stdout, 4 * count)  # type: ignore[arg-type]
            return None if body is None else np.frombuffer(body, np.float32)
        except (OSError, ValueError):  # a broken or a closed pipe
            return None
        finally:
            timeout.cancel()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the pipes, which ends the worker, and reap it."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # unflushed data, which the worker no longer reads
                continue
    try:
        process.wait(timeout=1.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class ShapedVoice:
    """A voice that speaks as many people. Fulfils `ports.Voice`."""

    def __init__(self, voice: Voice, shaper: Shaper | None = None) -> None:
        """voice: the recorded voice; it applies the style's `duration`."""
        self._voice = voice
        self._shaper = shaper or Shaper()
        self._plain: OrderedDict[tuple[str, float], Speech] = OrderedDict()
        self._plain_bytes = 0

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        """Speak one clause or sentence; an empty text gives an empty clip. Raises StageFailed."""
        plain = self._speak_plain(text, style.duration)
        stretched = replace(style, stretch=style.stretch * remaining_stretch(style.duration))
        pcm = amplify(self._shaper.shape(plain.pcm, stretched), style.gain_db)
        # Praat stretches evenly, so one ratio applies to all times.
        ratio = pcm.size / plain.pcm.size if plain.pcm.size else 1.0
        if ratio == 1.0:
            return replace(plain, pcm=pcm)
        words = tuple(SpokenWord(w.text, w.start_s * ratio, w.end_s * ratio) for w in plain.words)
        return Speech(pcm, words, tuple(end_s * ratio for end_s in plain.syllable_ends_s))

    def close(self) -> None:
        """End the worker; can be called twice."""
        self._shaper.close()

    def _speak_plain(self, text: str, duration: float) -> Speech:
        """Speak with the recorded voice. Recent clips are kept, because the moods of one line
        differ only in their shaping."""
        key = (text, duration)
        speech = self._plain.pop(key, None)
        if speech is None:
            speech = self._voice.speak(text, VoiceStyle(duration=duration))
            self._plain_bytes += speech.pcm.nbytes
        self._plain[key] = speech
        while self._plain_bytes > PLAIN_BYTES and len(self._plain) > 1:
            self._plain_bytes -= self._plain.popitem(last=False)[1].pcm.nbytes
        return speech
