"""Does a statement give back, tell, or neither: a linear model on words.

Fitted by `scripts/fit_coder.py` on sentences written for it (`scripts/coder-examples.tsv`), poor
encounters included: advice, warnings and news that begin with "you" give nothing back.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from simvoice.coding.features import features


@dataclass(frozen=True, slots=True)
class Leaning:
    """How likely a statement does each of three things; together 1."""

    reflection: float
    """Gives back what the patient said, meant or felt."""
    input: float
    """Informs, advises, warns, confronts."""
    other: float
    """Shows listening, greets, thanks, praises, supports, says what comes."""


@cache
def _weights() -> dict[str, tuple[float, float, float]]:
    """Feature to its weights, in the order of `Leaning`."""
    data = files("simvoice.coding") / "data" / "leaning.json"
    return {name: (r, i, o) for name, (r, i, o) in json.loads(data.read_text("utf-8")).items()}


def leaning(plain: str) -> Leaning:
    """Of one sentence in plain form; see `text.Sentence.plain`."""
    known = _weights()
    hits = [known[name] for name in features(plain) if name in known]
    sums = [math.fsum(hit[which] for hit in hits) for which in range(3)]
    highest = max(sums)
    shares = [math.exp(value - highest) for value in sums]
    whole = sum(shares)
    return Leaning(*(share / whole for share in shares))
