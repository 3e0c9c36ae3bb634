"""Say what of a sound file is missing or damaged: one sentence for each fault."""

from __future__ import annotations

from simvoice.errors import AudioFileError


def cut_off(name: str, declared_s: float, found_s: float) -> str:
    """Return the remark on a file that is shorter than it states."""
    return (
        f"{name!r} is cut off: its header declares {declared_s:.1f} s and the file contains "
        f"{found_s:.1f} s, which were read"
    )


def understated(name: str, declared_s: float, found_s: float) -> str:
    """Return the remark on a file that is longer than it states."""
    return (
        f"{name!r} is longer than its header declares ({declared_s:.1f} s); all {found_s:.1f} s "
        "were read"
    )


def no_end(name: str, found_s: float) -> str:
    """Return the remark on a file that states no length and breaks off."""
    return (
        f"{name!r} is cut off: it ends in the middle of its stream, after {found_s:.1f} s, which "
        "were read; it does not state how much is missing"
    )


def damaged(name: str, found_s: float) -> str:
    """Return the remark on a file with parts that cannot be decoded."""
    return (
        f"{name!r} is damaged: parts of it cannot be decoded; {found_s:.1f} s were read, and times "
        "after a damaged part may be early"
    )


def changed(name: str, at_s: float) -> AudioFileError:
    """Return the error for a file whose format changes on the way."""
    return AudioFileError(
        f"{name!r} changes its sample rate or channels after {at_s:.1f} s; export it again as WAV"
    )


def no_sound(name: str) -> AudioFileError:
    """Return the error for a file that no decoder knows."""
    return AudioFileError(f"{name!r} cannot be read as sound; export it again as WAV or FLAC")
