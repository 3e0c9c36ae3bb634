"""A sound file in place of the microphone, and one that takes what the speaker would play."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import soundfile  # type: ignore[import-untyped]
import soxr  # type: ignore[import-untyped]

from simvoice.audio import FRAME, FRAME_S, RATE, Pcm, Pcm16, samples, to_int16
from simvoice.devices.pacing import Pacer
from simvoice.errors import AudioFileError, DeviceLost, SimvoiceError
from simvoice.ports import LineFacts, MicFrame

MAX_S = 4 * 3600.0
"""A longer file is no encounter, and would fill the memory."""


def read_audio(path: Path) -> tuple[Pcm, int]:
    """A sound file as mono float32 at 16 kHz, and the rate (Hz) it had.

    Any rate and number of channels libsndfile reads; channels are averaged. Raises
    AudioFileError when it is missing, empty, no sound file, too long or holds NaN.
    """
    if not path.exists():
        raise AudioFileError(f"the sound file {str(path)!r} is not there; check the name")
    if path.is_dir():
        raise AudioFileError(f"{str(path)!r} is a folder; name a sound file such as a WAV in it")
    if path.stat().st_size == 0:
        raise AudioFileError(f"the sound file {str(path)!r} is empty; record it again")
    try:
        info = soundfile.info(str(path))
        if info.frames > MAX_S * info.samplerate:
            hours = MAX_S / 3600.0
            raise AudioFileError(f"the sound file {str(path)!r} is over {hours:g} h; cut it")
        data, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        raise AudioFileError(
            f"{str(path)!r} cannot be read as sound; give a WAV, FLAC, OGG or MP3 file"
        ) from error
    if len(data) == 0:
        raise AudioFileError(f"the sound file {str(path)!r} holds no sound; record it again")
    if not np.isfinite(data).all():
        raise AudioFileError(
            f"the sound file {str(path)!r} holds values that are not numbers; export it again"
        )
    mono = data.mean(axis=1, dtype=np.float32)
    pcm = mono if rate == RATE else soxr.resample(mono, rate, RATE, quality="HQ")
    return np.ascontiguousarray(pcm, dtype=np.float32), int(rate)


def write_audio(path: Path, pcm: Pcm) -> None:
    """float32 [n] at 16 kHz into a WAV. Raises AudioFileError when it cannot be written."""
    try:
        soundfile.write(path, to_int16(pcm), RATE, format="WAV", subtype="PCM_16")
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioFileError(
            f"{str(path)!r} cannot be written; name a file in a folder that is there"
        ) from error


def wav_bytes(pcm: Pcm) -> bytes:
    """float32 [n] at 16 kHz as a WAV, for giving to a browser."""
    held = io.BytesIO()
    soundfile.write(held, to_int16(pcm), RATE, format="WAV", subtype="PCM_16")
    return held.getvalue()


class WavLine:
    """An `AudioLine` that plays a file in real time as the learner's microphone.

    After the file comes `tail_s` of silence, then the line ends. What is written is heard one
    frame later; with `speaker` it is saved as a WAV, sample for sample on the microphone's
    clock, so that both files lie beside each other.
    """

    DELAY_S = FRAME_S
    """From the start of the frame read to the start of the one written next."""

    def __init__(
        self,
        microphone: Path,
        speaker: Path | None = None,
        paced: bool = True,
        *,
        tail_s: float = 20.0,
    ) -> None:
        """paced=False runs as fast as it is read. tail_s: time for the patient's last answer."""
        self._microphone = microphone
        self._speaker = speaker
        self._pacer = Pacer(paced)
        self._tail = samples(tail_s)
        self._sound: Pcm16 | None = None
        self._facts: LineFacts | None = None
        self._out: soundfile.SoundFile | None = None
        self._position = 0
        self._stopped = False

    @property
    def facts(self) -> LineFacts:
        """Known once started."""
        if self._facts is None:
            raise SimvoiceError("the line was not started yet; call start() first")
        return self._facts

    def check(self) -> None:
        """Raises AudioFileError where `start` would, before anything is opened or written."""
        read_audio(self._microphone)
        if self._speaker is not None:
            self._refuse_the_microphone(self._speaker)
            if not os.access(self._speaker.absolute().parent, os.W_OK):
                raise _unwritable(self._speaker)

    def start(self) -> None:
        """Read the file and open the other one. Raises AudioFileError."""
        pcm, rate = read_audio(self._microphone)
        if self._speaker is not None:
            self._open_speaker(self._speaker)
        whole = -(-(len(pcm) + self._tail) // FRAME) * FRAME
        self._sound = to_int16(np.pad(pcm, (0, whole - len(pcm))))
        self._facts = LineFacts(
            kind="file",
            microphone=self._microphone.name,
            speaker=self._speaker.name if self._speaker is not None else "nowhere",
            native_rate=rate,
            echo="none",
        )

    def read(self, timeout_s: float = 2.0) -> MicFrame | None:
        """The next frame; None when the file and its tail are over."""
        if self._sound is None:
            raise SimvoiceError("the line was not started yet; call start() first")
        if self._stopped or self._position >= len(self._sound):
            return None
        self._pacer.wait()
        pcm = self._sound[self._position : self._position + FRAME]
        self._position += FRAME
        return MicFrame(pcm, output_delay_s=self.DELAY_S)

    def write(self, frame: Pcm16) -> None:
        """int16 [320] for the speaker's file. Raises DeviceLost when the disk is full."""
        if frame.shape != (FRAME,) or frame.dtype != np.int16:
            raise ValueError(f"a frame is int16 [{FRAME}], not {frame.dtype} {frame.shape}")
        if self._out is None:
            return
        try:
            late = self._position - self._out.tell()
            if late > 0:
                # Frames read but not answered were silence at the speaker.
                self._out.write(np.zeros(late, np.int16))
            self._out.write(frame)
        except (soundfile.SoundFileError, OSError) as error:
            raise DeviceLost(
                f"the speaker's file {str(self._speaker)!r} cannot be written; is the disk full?"
            ) from error

    def stop(self) -> None:
        """Close the speaker's file; may be called twice."""
        self._stopped = True
        if self._out is not None:
            self._out.close()
            self._out = None

    def _refuse_the_microphone(self, path: Path) -> None:
        if path.resolve() == self._microphone.resolve():
            raise AudioFileError(
                f"the speaker's file would overwrite the microphone's {str(path)!r}; name another"
            )

    def _open_speaker(self, path: Path) -> None:
        self._refuse_the_microphone(path)
        try:
            self._out = soundfile.SoundFile(
                str(path), "w", samplerate=RATE, channels=1, subtype="PCM_16", format="WAV"
            )
        except (soundfile.SoundFileError, OSError) as error:
            raise _unwritable(path) from error


def _unwritable(path: Path) -> AudioFileError:
    return AudioFileError(f"the speaker's file {str(path)!r} cannot be written; check its folder")
