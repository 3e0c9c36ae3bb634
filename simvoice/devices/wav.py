"""An audio line on sound files: one replaces the microphone, one records the speaker."""

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
"""Seconds of the longest file; a longer one is not an encounter and would fill the memory."""


def read_audio(path: Path) -> tuple[Pcm, int]:
    """Return a sound file as mono float32 at 16 kHz, and its rate (Hz).

    All formats, rates and channel counts of libsndfile are read; channels are averaged. Raises
    AudioFileError when the file is missing, empty, too long, not a sound file or contains NaN.
    """
    if not path.exists():
        raise AudioFileError(f"the sound file {str(path)!r} does not exist; check the name")
    if path.is_dir():
        raise AudioFileError(f"{str(path)!r} is a folder; name a sound file such as a WAV in it")
    if path.stat().st_size == 0:
        raise AudioFileError(f"the sound file {str(path)!r} is empty; record it again")
    try:
        info = soundfile.info(str(path))
        if info.frames > MAX_S * info.samplerate:
            hours = MAX_S / 3600.0
            raise AudioFileError(
                f"the sound file {str(path)!r} is longer than {hours:g} h; shorten it"
            )
        data, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        raise AudioFileError(
            f"{str(path)!r} cannot be read as sound; give a WAV, FLAC, OGG or MP3 file"
        ) from error
    if len(data) == 0:
        raise AudioFileError(f"the sound file {str(path)!r} contains no sound; record it again")
    if not np.isfinite(data).all():
        raise AudioFileError(
            f"the sound file {str(path)!r} contains values that are not numbers; export it again"
        )
    mono = data.mean(axis=1, dtype=np.float32)
    pcm = mono if rate == RATE else soxr.resample(mono, rate, RATE, quality="HQ")
    return np.ascontiguousarray(pcm, dtype=np.float32), int(rate)


def write_audio(path: Path, pcm: Pcm) -> None:
    """Write float32 [n] at 16 kHz as a WAV. Raises AudioFileError when it cannot be written."""
    try:
        soundfile.write(path, to_int16(pcm), RATE, format="WAV", subtype="PCM_16")
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioFileError(
            f"{str(path)!r} cannot be written; name a file in an existing folder"
        ) from error


def wav_bytes(pcm: Pcm) -> bytes:
    """Return float32 [n] at 16 kHz as the bytes of a WAV, for a browser."""
    buffer = io.BytesIO()
    soundfile.write(buffer, to_int16(pcm), RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


class WavLine:
    """An `AudioLine` that plays a file in real time as the learner's microphone.

    After the file the line gives `tail_s` of silence and ends. A written frame sounds one frame
    later. With `speaker` it is saved as a WAV on the microphone's clock, so that both files are
    aligned sample for sample.
    """

    DELAY_S = FRAME_S
    """Seconds from the start of the frame read to the start of the one written next."""

    def __init__(
        self,
        microphone: Path,
        speaker: Path | None = None,
        paced: bool = True,
        *,
        tail_s: float = 20.0,
    ) -> None:
        """paced=False runs as fast as it is read. tail_s: silence for the patient's last answer."""
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
        """The files' names and rate. Raises SimvoiceError before `start`."""
        if self._facts is None:
            raise SimvoiceError("the line is not started yet; call start() first")
        return self._facts

    def check(self) -> None:
        """Raise AudioFileError as `start` would, without opening or writing a file."""
        read_audio(self._microphone)
        if self._speaker is not None:
            self._refuse_the_microphone(self._speaker)
            if not os.access(self._speaker.absolute().parent, os.W_OK):
                raise _unwritable(self._speaker)

    def start(self) -> None:
        """Read the microphone's file and open the speaker's. Raises AudioFileError."""
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
        """Return the next frame; None after the file and its tail."""
        if self._sound is None:
            raise SimvoiceError("the line is not started yet; call start() first")
        if self._stopped or self._position >= len(self._sound):
            return None
        self._pacer.wait()
        pcm = self._sound[self._position : self._position + FRAME]
        self._position += FRAME
        return MicFrame(pcm, output_delay_s=self.DELAY_S)

    def write(self, frame: Pcm16) -> None:
        """Write int16 [320] to the speaker's file. Raises DeviceLost when it cannot be written."""
        if frame.shape != (FRAME,) or frame.dtype != np.int16:
            raise ValueError(f"a frame is int16 [{FRAME}], not {frame.dtype} {frame.shape}")
        if self._out is None:
            return
        try:
            late = self._position - self._out.tell()
            if late > 0:
                # Frames that were read but not answered are silence at the speaker.
                self._out.write(np.zeros(late, np.int16))
            self._out.write(frame)
        except (soundfile.SoundFileError, OSError) as error:
            raise DeviceLost(
                f"the speaker's file {str(self._speaker)!r} cannot be written; free space on the "
                "disk"
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
