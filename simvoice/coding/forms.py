"""Tell questions from statements, and open from closed questions."""

from __future__ import annotations

import re
from typing import Literal

from simvoice.coding.text import Sentence

QuestionForm = Literal["open", "closed", "statement"]

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

# what a request asks to be told; "give me a minute" and "take me seriously" are no questions
_ITEM = (
    r"(?:idea|sense|picture|figure|number|estimate|guess|example|instance|feel|flavou?r|outline|"
    r"overview|rundown|run down|summary|story|version|side|history|account|timeline|timeframe|"
    r"time frame|impression|description|detail|details|list|ballpark|short version|long version)"
)
_REQUEST = (
    r"(?:tell(?:ing)? me|describe|"
    r"(?:talk|walk|take|run|lead|guide|carry) (?:me|us) "
    r"(?:through|round|around|along|back|from|to)|"
    rf"give (?:me|us) (?:\w+ ){{0,4}}{_ITEM}|let me (?:hear|have) (?:about|how|what|your|it|more)|"
    r"paint (?:me )?a picture|paint me|put (?:me|us) in the picture|"
    r"(?:bring|get) me up to (?:speed|date)|catch me up|fill (?:me|us) in|"
    r"help (?:me|us) (?:to )?(?:understand|see|picture|imagine|get a|piece|follow)|"
    r"show (?:me|us) (?:where|how|what|which) (?!i\b|we\b)|"
    r"explain to me|remind me (?:what|how|when|who|where|which|why|of)|"
    r"say (?:a (?:bit|little) )?more|share|talk (?:to me )?about|"
    r"start (?:wherever|anywhere|where you|with whatever|at the (?:beginning|start)|from the "
    r"(?:beginning|start|top))|think back (?:to|over)|"
    r"(?:let us )?piece together (?:what|how|when|why|where)|"
    r"name (?:me )?(?:one|two|three|a few|some))"
)
_INVITE = re.compile(
    rf"^{_FILLER}(?:in your own words )?"
    r"(?:can you |could you |would you |will you |i want you to |i need you to |"
    r"i would (?:like|love) (?:for )?you to |would you like to |do you want to |"
    r"are you able to |would you mind |feel free to |try to |try and |maybe |perhaps )*"
    r"(?:just |maybe |perhaps |please |kind of |sort of )*"
    rf"{_REQUEST}\b"
)
# "when it hurts, tell me" is an instruction
_PREFACE = re.compile(
    r"^(?!(?:\w+ ){0,2}(?:if (?!(?:you are|it is|that is) (?:willing|able|okay|all right|alright))|"
    r"when|whenever|should|before(?! (?:i|we)\b)|once|as soon|i will|we will))"
)
_PREFACE_WORDS = 8
_WONDER = re.compile(
    r"\bi (?:was wondering|wonder|am wondering|"
    r"(?:would (?:like|love)|want) to (?:know|hear|understand)) "
    r"(?:what|how|why|when|where|who|if|whether|about|more|your|from)\b"
)
# "where would you like to start" is as open as "what"
_WHERE_WIDE = (
    r"(?:would|could|should|do you (?:think|see|want|feel|get|go|find|start|turn)|does that)"
)
_NARROW = re.compile(
    r"\b(?:how (?:long|many|much|old|often|far|soon|big|recently)|what (?:time|day|age|year|date)|"
    rf"what is your (?:name|age)|which|(?:when|where|who)(?! {_WHERE_WIDE}\b)|whose)\b"
)
_WIDE = re.compile(rf"\b(?:what|how|why|(?:when|where|who)(?= {_WHERE_WIDE}\b))\b")
_WH_START = re.compile(
    rf"^{_FILLER}(?:what|how|why|when|where|who|which|whose)"
    rf"(?: (?:else|kind of \w+|sort of \w+|things?|about|long|many|much|old|often|time|day|part|"
    rf"worries|scares|frightens|bothers|upsets|hurts|helps|matters|brings|brought|happened|happens|makes|made|came|comes|goes|runs|went)\b|"
    rf" {_AUX} )|"
    rf"^{_FILLER}(?:who (?!knows$|cares$)\w+|how come\b|"
    rf"(?:what|which|whose) (?!i\b|we\b|you\b)\w+ {_AUX} {_SUBJECT}\b|"
    r"why (?:not|that|this|so|only|a|an)\b|"
    r"what (?:keeps|kept|gets|got|gives|gave|stops|stopped|holds|helped|led|set|changed) "
    r"(?:you|your|it|that|this|him|her|them|off)\b)"
)
# a question without its verb ("any pain?"); with a full stop it is an answer
_ANY = re.compile(
    rf"^{_FILLER}(?:or )?any(?:thing|one|body)?(?: else)? "
    r"(?!(?:time|day|way|minute|moment|second|longer|more|case|rate|good|better|you|i|we|that|who|"
    r"would|could|can|might|should|will|is|was|has)\b)"
)
# "and your sleep", after a question about another subject
_AND_THE = re.compile(r"^(?:okay )?and (?:what of )?(?:your|the|his|her|their) \w+(?: \w+)?$")
_ANY_WORDS = 12
_INVERTED = re.compile(
    rf"^{_FILLER}(?!do not you (?:worry|dare|mind|ever)\b)(?:{_AUX} (?:not )?{_SUBJECT}\b|"
    # any name: "Does Ida know?"
    r"(?:does|did) (?!not\b|so\b|that\b)\w+ \w+)"
)
# "What happened is that …" is a statement unless a question mark follows
_CLEFT = re.compile(
    rf"^{_FILLER}what (?:happened|matters|worries me|i|we|they|he|she)\b(?: \w+){{0,6}} "
    r"(?:is|was)\b(?! (?:it|that|this|he|she|there)$)"
)
_INNER = re.compile(
    rf"\b(?:(?:what|how|why) {_AUX} {_SUBJECT}|{_AUX} you (?:have|want|need|know|feel|think|"
    rf"understand|live|work|sleep|get))\b"
)
# the same in text without punctuation, where a question may begin anywhere
_UNMARKED = re.compile(
    rf"\b(?:(?:what|how|why|where|when|who|how \w+) {_AUX} {_SUBJECT}|"
    r"(?:do|did|would|could|can|have|are|were|will) you|"
    r"what (?:about|else|kinds?|brings|brought|makes|made)|how (?:about|long|much|many|often|old)|"
    r"tell me|is there any\w*|"
    r"is (?:it|that|this) (?:okay|right|something|all right|alright|fair|because|the|a))\b"
)
_LONG = 12
"""Words. A shorter sentence with punctuation is a question only by its own form."""
_ASKING_WORD = re.compile(r"\b(?:what|how|why|when|where|who|which)\b")
_ANYTHING = re.compile(r"\banything\b")
# "how much would you like to know" and similar questions are open
_HOW_MUCH_TO_KNOW = re.compile(
    r"\bhow much (?:(?:\w+ ){0,4}(?:know|hear|told|understand)|(?:\w+ ){0,4}me to (?:tell|say))\b"
)


def form(sentence: Sentence) -> QuestionForm:
    """The form of a sentence: an open question, a closed question or a statement. Uses the question
    mark if there is one."""
    words = sentence.plain
    if _invites(sentence):
        return "open"
    if _CLEFT.search(words) and not sentence.asked:
        return "statement"
    if not (sentence.asked or _worded_as_question(words) or _contains_question(sentence)):
        return "statement"
    if _HOW_MUCH_TO_KNOW.search(words):
        return "open"
    if _INVERTED.search(words):
        # "do you know why" is closed, "is there anything" is open
        return "open" if _ANYTHING.search(words) else "closed"
    narrow, wide = _NARROW.search(words), _WIDE.search(words)
    if wide and not (narrow and narrow.start() <= wide.start()):
        return "open"
    return "open" if _ANYTHING.search(words) else "closed"


def is_declarative(sentence: Sentence) -> bool:
    """Whether a sentence is worded as a statement and ends with a question mark: "You came
    alone?"."""
    words = sentence.plain
    worded = _invites(sentence) or _worded_as_question(words)
    return sentence.asked and not (worded or _INNER.search(words) or _ASKING_WORD.search(words))


def _invites(sentence: Sentence) -> bool:
    """Whether a sentence asks the patient to tell something, also in the imperative: "Walk me
    through it." MITI 4.2 counts this as a question."""
    if _INVITE.search(sentence.plain):
        return True
    # the request may follow a preface: "For a start, walk me through it."
    for number, word in enumerate(sentence.spoken[:_PREFACE_WORDS]):
        if word.endswith(",") and number + 1 < len(sentence.spoken):
            after = sentence.plain[sentence.spans[number + 1][0] :]
            if _INVITE.search(after):
                return _PREFACE.search(sentence.plain) is not None
    return False


def _worded_as_question(words: str) -> bool:
    starts = (_WH_START, _INVERTED, _WONDER)
    return any(start.search(words) for start in starts)


def _contains_question(sentence: Sentence) -> bool:
    """Whether a sentence contains a question, in its middle too."""
    if not sentence.marked:
        is_short = len(sentence.spoken) <= _ANY_WORDS
        if _UNMARKED.search(sentence.plain) or _AND_THE.search(sentence.plain):
            return True
        if is_short and _ANY.search(sentence.plain):
            return True
    return len(sentence.spoken) > _LONG and _INNER.search(sentence.plain) is not None


def question_starts(sentence: Sentence) -> tuple[int, ...]:
    """Number of words before each question in a sentence without an end mark; empty for other
    sentences."""
    if sentence.marked:
        return ()
    starts = (hit.start() for hit in _UNMARKED.finditer(sentence.plain))
    return tuple(len(sentence.plain[:start].split()) for start in starts)
