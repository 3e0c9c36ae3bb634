"""Is it a question, and does it leave the answer open?"""

from __future__ import annotations

import re
from typing import Literal

from simvoice.coding.text import Sentence

Form = Literal["open", "closed", "statement"]

_FILLER = (
    r"(?:(?:so|and|but|okay|well|um|uh|er|erm|now|alright|all right|right|yeah|yes|no|sure|please|"
    r"just|then|also|maybe|first|before (?:i|we) (?:start|begin|go on)|i see|thank you|"
    r"can i ask|could i ask|may i ask|i have to ask|let me ask(?: you)?|"
    r"(?:mrs|ms|miss|mr) \w+) )*"
)
_AUX = (
    r"(?:do|does|did|is|are|was|were|am|have|has|had|would|could|can|will|should|shall|may|might)"
)
_SUBJECT = (
    r"(?:you|your|i|we|he|she|it|they|there|that|this|these|anyone|anybody|somebody|someone|"
    r"anything|something|any|the|our|people)"
)

_INVITE = re.compile(
    rf"^{_FILLER}(?:can you |could you |would you |will you |i want you to |"
    r"i would like you to |would you like to |do you want to |are you able to |"
    r"would you mind |feel free to )?"
    r"(?:tell(?:ing)? me|describe|talk me through|walk me through|take me through|"
    r"help me understand|explain to me|say (?:a (?:bit|little) )?more|share|talk (?:to me )?about|"
    r"go on|fill me in)\b"
)
_WONDER = re.compile(
    r"\bi (?:was wondering|wonder|am wondering|(?:would like|want) to (?:know|hear|understand) "
    r"(?:what|how|why|when|where|who|if|whether|about|more|your|from))\b"
)
_NARROW = re.compile(
    r"\b(?:how (?:long|many|much|old|often|far|soon|big|recently)|what (?:time|day|age|year|date)|"
    r"what is your (?:name|age)|which|when|where|who|whose)\b"
)
_WIDE = re.compile(r"\b(?:what|how|why)\b")
_WH_START = re.compile(
    rf"^{_FILLER}(?:what|how|why|when|where|who|which|whose)"
    rf"(?: (?:else|kind of \w+|sort of \w+|things?|about|long|many|much|old|often|time|day|part|"
    rf"worries|scares|matters|brings|brought|happened|happens|makes|made|came|comes|went)\b|"
    rf" {_AUX} )"
)
_INVERTED = re.compile(rf"^{_FILLER}{_AUX} (?:not )?{_SUBJECT}\b")
# "What happened is that …" tells; only a question mark makes it ask
_CLEFT = re.compile(
    rf"^{_FILLER}what (?:happened|matters|worries me|i|we|they|he|she)\b(?: \w+){{0,6}} "
    r"(?:is|was)\b(?! (?:it|that|this|he|she|there)$)"
)
_INNER = re.compile(
    rf"\b(?:(?:what|how|why) {_AUX} {_SUBJECT}|{_AUX} you (?:have|want|need|know|feel|think|"
    rf"understand|live|work|sleep|get))\b"
)
# "how much would you like to know" and its kin leave the answer to her
_HOW_MUCH_TO_KNOW = re.compile(r"\bhow much (?:\w+ ){0,4}(?:know|hear|told|understand)\b")


def form(sentence: Sentence) -> Form:
    """Open, closed, or no question. Uses the question mark when there is one."""
    words = sentence.plain
    if _INVITE.search(words):
        return "open"
    if _CLEFT.search(words) and not sentence.asked:
        return "statement"
    asks = (
        sentence.asked
        or _WH_START.search(words) is not None
        or _INVERTED.search(words) is not None
        or _WONDER.search(words) is not None
        # a recogniser without marks runs sentences together
        or (len(words.split()) > 12 and _INNER.search(words) is not None)
    )
    if not asks:
        return "statement"
    if _HOW_MUCH_TO_KNOW.search(words):
        return "open"
    narrow, wide = _NARROW.search(words), _WIDE.search(words)
    if wide and not (narrow and narrow.start() <= wide.start()):
        return "open"
    return "closed"
