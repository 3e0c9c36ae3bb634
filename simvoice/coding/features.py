"""What the linear model sees of a sentence: its words, how it begins, whom it speaks of."""

from __future__ import annotations

import re
from itertools import pairwise

_DISFLUENT = re.compile(r"\b(?:um|uh|uhm|er|erm|hm)\b")
_TWICE = re.compile(r"\b(\w+)(?: \1\b)+")
_OPENERS = frozenset(
    {
        "so", "and", "but", "okay", "yeah", "well", "right", "mm", "hmm", "oh", "because",
        "like", "then", "now",
    }
)  # fmt: skip
_HERS = frozenset({"you", "your", "yourself"})
_OURS = frozenset({"i", "me", "my", "we", "us", "our"})
_LENGTHS = (2, 4, 8, 14, 25)
"""Words; a sentence is in the first class that it fits in."""
LONGEST = 40
"""Words. What a longer run says is in its single words."""


def fluent(plain: str) -> str:
    """Without hesitations and repeated words: "so um so you you" is "so you"."""
    return _TWICE.sub(r"\1", " ".join(_DISFLUENT.sub(" ", plain).split()))


def features(plain: str) -> frozenset[str]:
    """Names of all that holds for a sentence in plain form; see `text.Sentence.plain`."""
    words = fluent(plain).split()
    found = {"bias", *words}
    edged = ["<", *words[:LONGEST], ">"]
    found.update(" ".join(pair) for pair in pairwise(edged))
    found.update(" ".join(three) for three in zip(edged, edged[1:], edged[2:], strict=False))
    found.add(f"#words {sum(len(words) > longest for longest in _LENGTHS)}")
    found.add(f"#hers {min(2, sum(word in _HERS for word in words))}")
    found.add(f"#ours {min(2, sum(word in _OURS for word in words))}")
    start = next((n for n, word in enumerate(words) if word not in _OPENERS), len(words))
    found.update(f"#from {' '.join(words[start : start + n])}" for n in (1, 2, 3))
    return frozenset(found)
