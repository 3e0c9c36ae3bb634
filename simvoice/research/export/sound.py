"""The sound of an attempt as a WAV, which Praat, ELAN and every player open."""

from __future__ import annotations

from pathlib import Path

import soundfile  # type: ignore[import-untyped]

from simvoice.errors import AudioFileError

_BLOCK = 1 << 18
"""Samples at a time: a megabyte of two channels."""


def copy_as_wav(sound: Path, target: Path) -> None:
    """Sample for sample, 16 bit. Raises AudioFileError when it cannot be read, OSError when it
    cannot be written."""
    try:
        with (
            soundfile.SoundFile(str(sound)) as found,
            soundfile.SoundFile(
                str(target), "w", found.samplerate, found.channels, "PCM_16", format="WAV"
            ) as out,
        ):
            while len(block := found.read(_BLOCK, dtype="int16", always_2d=True)):
                out.write(block)
    except soundfile.SoundFileError as error:
        raise AudioFileError(
            f"the sound {sound.parent.name}/{sound.name} cannot be copied; is the disk full, or "
            "the sound broken? export without --sound"
        ) from error
