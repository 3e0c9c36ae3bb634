"""Several people from one recorded voice: Praat's "Change gender", done by `praat_worker`."""

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
from simvoice.engines.tts.clips import louder
from simvoice.engines.tts.praat_protocol import ANSWER, REFUSED, REQUEST, read_exactly
from simvoice.errors import StageFailed
from simvoice.ports import Speech, SpokenWord, Voice, VoiceStyle

ANSWER_WITHIN_S = 20.0
"""Praat takes a hundredth of real time; when an answer is this late the worker is stuck."""

PLAIN_BYTES = 48 * 2**20
"""Twelve minutes of speech: a case's first clauses, while they are made in one mood after the
other."""

ASKED_PACE = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.6)
GIVEN_PACE = (0.80, 0.89, 0.96, 1.0, 1.06, 1.10, 1.19, 1.26, 1.42)
"""Ratio of durations asked of Piper, and what comes out of it (Joe, five sentences, ± 0.03): a
phoneme is a whole number of frames, and the blanks between them stay one frame at any pace."""


def pace_left(duration: float) -> float:
    """What is to be stretched on a clip for it to last as long as was asked."""
    return duration / float(np.interp(duration, ASKED_PACE, GIVEN_PACE))


def needs_shaping(style: VoiceStyle) -> bool:
    """True when the style asks for more than the recorded voice does by itself."""
    own = style.formant_shift == 1.0 and style.pitch_hz is None and style.pitch_range == 1.0
    return not own or style.stretch != 1.0


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
        """pcm: float32 [n] at 16 kHz. Returns [n times stretch], as the style's person would sound.

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

    def stretch(self, pcm: Pcm, ratio: float) -> Pcm:
        """pcm: float32 [n] at 16 kHz. Returns [n times ratio], at the same pitch; see `shape`."""
        return self.shape(pcm, VoiceStyle(stretch=ratio))

    def close(self) -> None:
        """End the worker; may be called twice."""
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
        asked = (style.formant_shift, style.pitch_hz or 0.0, style.pitch_range, style.stretch)
        head = REQUEST.pack(pcm.size, *asked)
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
        """voice: speaks in its own person and follows `duration` itself."""
        self._voice = voice
        self._shaper = shaper or Shaper()
        self._plain: OrderedDict[tuple[str, float], Speech] = OrderedDict()
        self._plain_bytes = 0

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        """One clause or sentence; an empty text gives an empty clip. Raises StageFailed."""
        said = self._in_its_own_voice(text, style.duration)
        whole = replace(style, stretch=style.stretch * pace_left(style.duration))
        pcm = louder(self._shaper.shape(said.pcm, whole), style.gain_db)
        # Praat stretches evenly, so the times of the words stay true.
        ratio = pcm.size / said.pcm.size if said.pcm.size else 1.0
        if ratio == 1.0:
            return replace(said, pcm=pcm)
        words = tuple(SpokenWord(w.text, w.start_s * ratio, w.end_s * ratio) for w in said.words)
        return Speech(pcm, words, tuple(end_s * ratio for end_s in said.syllable_ends_s))

    def close(self) -> None:
        """End the worker; may be called twice."""
        self._shaper.close()

    def _in_its_own_voice(self, text: str, duration: float) -> Speech:
        """From memory when it was said a while ago: another mood of a line shapes it only."""
        key = (text, duration)
        known = self._plain.pop(key, None)
        if known is None:
            known = self._voice.speak(text, VoiceStyle(duration=duration))
            self._plain_bytes += known.pcm.nbytes
        self._plain[key] = known
        while self._plain_bytes > PLAIN_BYTES and len(self._plain) > 1:
            self._plain_bytes -= self._plain.popitem(last=False)[1].pcm.nbytes
        return known
