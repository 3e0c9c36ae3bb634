"""Recordings and transcripts of the planted conversation, as other recorders would make them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from simvoice.audio import RATE
from tests.planted.talk import PATIENT_VOICE, sound

LEARNER_TEXT = (
    "that is frightening I know",
    "I am sorry it is cancer",
    "and your mother",
    "we will operate on Tuesday",
)
"""The learner's text in each of the turns below."""
LEARNER_TURNS = ((3.4, 7.0), (9.8, 12.0), (25.0, 27.0), (33.0, 36.0))
PATIENT_TEXT = (
    "Hello. What did you find?",
    "I found the lump in May.",
    "Oh no.",
    "My children are small.",
    "My mother died of",
    "I see.",
    "Are you there?",
)
PATIENT_TURNS = PATIENT_VOICE


def both(rate: int = RATE) -> NDArray[np.float32]:
    """Return float32 [n, 2]: the learner left, the patient right."""
    learner, patient = sound()
    pcm = np.column_stack((learner, patient)).astype(np.float32) / np.float32(32768.0)
    if rate == RATE:
        return pcm
    resampled: NDArray[np.float32] = soxr.resample(pcm, RATE, rate, quality="HQ")
    return resampled


def write(
    path: Path, pcm: NDArray[np.float32] | None = None, rate: int = RATE, subtype: str = "PCM_16"
) -> Path:
    """Write a sound file in the ending's format; without `pcm`, the planted conversation."""
    kind = path.suffix.lstrip(".").upper()
    path.parent.mkdir(parents=True, exist_ok=True)
    given = both(rate) if pcm is None else pcm
    soundfile.write(str(path), given, rate, subtype=subtype, format=kind)
    return path


def textgrid(
    path: Path,
    *,
    first: str = "Doctor",
    second: str = "Patient",
    length_s: float = 50.0,
    shift_s: float = 0.0,
) -> Path:
    """Write a TextGrid of both speakers' turns, as Praat does."""
    tiers = ((first, LEARNER_TURNS, LEARNER_TEXT), (second, PATIENT_TURNS, PATIENT_TEXT))
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0 ",
        f"xmax = {length_s} ",
        "tiers? <exists> ",
        f"size = {len(tiers)} ",
        "item []: ",
    ]
    for number, (name, times, texts) in enumerate(tiers, 1):
        filled: list[tuple[float, float, str]] = []
        at_s = 0.0
        for (start_s, end_s), text in zip(times, texts, strict=True):
            filled += [(at_s, start_s + shift_s, ""), (start_s + shift_s, end_s + shift_s, text)]
            at_s = end_s + shift_s
        filled.append((at_s, length_s, ""))
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier" ',
            f'        name = "{name}" ',
            "        xmin = 0 ",
            f"        xmax = {length_s} ",
            f"        intervals: size = {len(filled)} ",
        ]
        for index, (start_s, end_s, text) in enumerate(filled, 1):
            lines += [
                f"        intervals [{index}]:",
                f"            xmin = {start_s} ",
                f"            xmax = {end_s} ",
                f'            text = "{text}" ',
            ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def srt(path: Path, *, labels: tuple[str, str] = ("DOCTOR: ", "PATIENT: ")) -> Path:
    """Write subtitles of both speakers' turns."""
    cues = [
        (*times, labels[0] + text) for times, text in zip(LEARNER_TURNS, LEARNER_TEXT, strict=True)
    ]
    cues += [
        (*times, labels[1] + text) for times, text in zip(PATIENT_TURNS, PATIENT_TEXT, strict=True)
    ]
    blocks = [
        f"{i}\n{_stamp(a)} --> {_stamp(b)}\n{text}\n"
        for i, (a, b, text) in enumerate(sorted(cues), 1)
    ]
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path


def _stamp(at_s: float) -> str:
    whole, ms = divmod(round(at_s * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d},{ms:03d}"
