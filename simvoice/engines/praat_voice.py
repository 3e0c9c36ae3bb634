"""Several people from one recorded voice: Praat's "Change gender", done by `praat_worker`."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np

from simvoice.audio import Pcm
from simvoice.engines.praat_protocol import ANSWER, REFUSED, REQUEST, read_exactly
from simvoice.errors import StageFailed
from simvoice.ports import Speech, Voice, VoiceStyle

ANSWER_WITHIN_S = 20.0
"""Praat takes a hundredth of real time; when an answer is this late the worker is stuck."""


def needs_shaping(style: VoiceStyle) -> bool:
    """True when the style asks for more than the recorded voice does by itself."""
    return style.formant_shift != 1.0 or style.pitch_hz is not None or style.pitch_range != 1.0


class Shaper:
    """The worker process, started once and started again when it dies."""

    def __init__(self) -> None:
        """Raises StageFailed when the worker cannot be started."""
        self._lock = threading.Lock()
        self._start()
        if self._ask(np.zeros(1600, np.float32), VoiceStyle(formant_shift=1.1)) is None:
            raise StageFailed("the voice shaping does not start; run: simvoice doctor")

    @property
    def pid(self) -> int:
        """Of the worker process."""
        return self._process.pid

    def shape(self, pcm: Pcm, style: VoiceStyle) -> Pcm:
        """pcm: float32 [n] at 16 kHz. Returns [n], as the style's person would sound.

        Duration and gain are not touched. A clip that Praat refuses comes back as it was.
        Raises StageFailed when the worker dies twice over one clip.
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
        raise StageFailed("the voice shaping died twice over one clause; start the encounter again")

    def close(self) -> None:
        """End the worker; may be called twice."""
        self._finalizer()

    def _start(self) -> None:
        package_parent = str(Path(__file__).resolve().parents[2])
        known = os.environ.get("PYTHONPATH")
        paths = package_parent + (os.pathsep + known if known else "")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "simvoice.engines.praat_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": paths},
                # Ctrl-C in the terminal is the parent's to handle.
                start_new_session=True,
            )
        except OSError as error:
            raise StageFailed(f"the voice shaping cannot start ({error.strerror})") from error
        self._finalizer = weakref.finalize(self, _end, self._process)

    def _ask(self, pcm: Pcm, style: VoiceStyle) -> Pcm | None:
        """None when the worker died or had to be killed."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        head = REQUEST.pack(pcm.size, style.formant_shift, style.pitch_hz or 0.0, style.pitch_range)
        late = threading.Timer(ANSWER_WITHIN_S, self._process.kill)
        late.daemon = True
        late.start()
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
            late.cancel()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the pipes, which ends the worker, and reap it."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # what was left to flush has nobody to read it
                continue
    try:
        process.wait(timeout=1.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class ShapedVoice:
    """A voice that can be many people. Fulfils `ports.Voice`."""

    def __init__(self, voice: Voice, shaper: Shaper | None = None) -> None:
        """voice: speaks in its own person and follows `duration` and `gain_db` itself."""
        self._voice = voice
        self._shaper = shaper or Shaper()

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        """One clause or sentence; an empty text gives an empty clip. Raises StageFailed."""
        said = self._voice.speak(text, style)
        # Praat keeps the duration, so the times of the words stay true.
        return replace(said, pcm=self._shaper.shape(said.pcm, style))

    def close(self) -> None:
        """End the worker; may be called twice."""
        self._shaper.close()
