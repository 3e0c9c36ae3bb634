"""CTM, the word times of NIST's scoring tools: `file channel start duration word [confidence]`.

Source: NIST sclite, "ctm" format. Lines that begin with `;;` are comments.
"""

from __future__ import annotations

import math

from simvoice.errors import AudioFileError
from simvoice.research.recordings.said import Said

_CHANNELS = {"1": 0, "a": 0, "2": 1, "b": 1}
_FILLERS = {"<eps>", "sil", "<sil>", "sp", "!sil"}
"""What aligners write where nobody speaks."""


def read(name: str, text: str) -> tuple[list[Said], float]:
    """The words, and 0: a CTM does not say how long the recording is. Raises AudioFileError."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(";;") or not line.strip():
            continue
        fields = line.split()
        try:
            channel, start_s, length_s = fields[1], float(fields[2]), float(fields[3])
            word = fields[4]
        except (IndexError, ValueError) as error:
            raise _broken(name, number) from error
        if not (math.isfinite(start_s) and math.isfinite(length_s)):
            raise _broken(name, number)
        if word.casefold() in _FILLERS:
            continue
        index = _CHANNELS.get(channel.casefold())
        label = "" if index is not None else channel
        found.append(Said(label, start_s, start_s + length_s, word, is_word=True, channel=index))
    if not found:
        raise AudioFileError(
            f"the transcript {name!r} holds no words; take it away, or analyse without it: "
            "--no-transcript"
        )
    return found, 0.0


def _broken(name: str, number: int) -> AudioFileError:
    return AudioFileError(
        f"line {number} of the transcript {name!r} is not `file channel start duration word`; "
        "mend it, or analyse without it: --no-transcript"
    )
