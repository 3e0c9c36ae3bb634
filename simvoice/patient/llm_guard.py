"""The guard for lines that a language model writes: trim, pass or refuse them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Final

from simvoice.coding.codebook import group
from simvoice.coding.text import plain
from simvoice.patient.case.schema import Case
from simvoice.patient.decisions import PatientState
from simvoice.patient.ledger import holds, is_open
from simvoice.patient.retrieval import content, everyday, overlap, stems
from simvoice.sentences import ends_sentence, split_sentences

REPEATS = 0.8
"""Least share of common words at which a line repeats an earlier one."""
LONG_ENOUGH = 2
"""Least content words for such a comparison; fewer may match by chance."""
BARE = 2
"""Most words of a line without a verb: "Not yet." """
ALIKE = 3
"""Two sentences of one line may not end with the same words, so many, unless they end with
"know"."""
LOOPED = 2
"""Most times that a pair of words, or a content word, may occur in one line."""


@dataclass(frozen=True, slots=True)
class Latitude:
    """How far a model may go beyond the author's lines. The rules on roles, gated facts, numbers,
    persons, names and claims are the same for every model."""

    sentences: int
    """Most sentences in a line."""
    length_factor: float
    """Factor for the case's `max_words`."""
    authors_words: bool
    """Allow the words of all lines that the patient may say now, besides those of open facts."""
    max_tokens: int
    """Most tokens to request from the model."""


SMALL = Latitude(sentences=2, length_factor=1.0, authors_words=False, max_tokens=40)
"""For small models, which invent facts such as a dog or a purple blouse
(docs/choosing-the-language-model.md)."""
STRONG = Latitude(sentences=3, length_factor=1.5, authors_words=True, max_tokens=64)
"""For stronger models, which may say more and use all words of the author's lines."""


def latitude(strong: bool) -> Latitude:
    """The latitude of a model."""
    return STRONG if strong else SMALL


@dataclass(frozen=True, slots=True)
class GuardVerdict:
    """The line that the patient may say, or the reason against it."""

    text: str | None
    """None if the line is refused."""
    reason: str


_META = re.compile(
    r"\b(a\.?i\.?|language model|assistant|chatbot|prompt|instructions?|screenplay|script|"
    r"simulat\w+|role.?play|character|scenario|transcript|user|patient)\b",
    re.IGNORECASE,
)
_FLIP = re.compile(
    r"\b(i(?: am|['’]m) (?:(?:just|only|not|still) )?(?:a |the |your )?"
    r"(?:doctor|dr|nurse|surgeon|student|resident|physician)|as your doctor|"
    r"(?:looking|look) for (?:a|the) (?:doctor|nurse|patient)|"
    r"i(?:'d| would) like to ask you|"
    r"(?:your|you have|you've got) (?:\w+ ){0,2}(?:biopsy|cancer|results?|tumou?r|"
    r"treatment|surgery|symptoms?|diagnosis|husband|wife|mother|daughter|son|kids|children|family|"
    r"job)|i recommend|"
    r"i(?:'d| would) (?:suggest|recommend|advise)|you should|you need to (?:have|get|see|take|be)|"
    r"we(?:'ll| will| can| need to|'re going to) (?:do|start|schedule|run|perform|discuss|need|"
    r"look|take|get|treat|remove|book|arrange|monitor)|let me (?:explain|tell you|examine|check)|"
    r"how (?:are|do) you feel\w*|how can i help|sorry to hear|"
    r"can(?:'t|not| not) (?:help|assist)(?: you)? with|happy to (?:help|assist|get)|"
    r"i(?:'m| am) here (?:to help|for you)|mrs\.?|ma'am)\b",
    re.IGNORECASE,
)
_CLINICIANS_ONLY: Final = group("clinicians_only")
_NUMBER = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|"
    r"forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|years?|months?|weeks?|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|june|july|august|"
    r"september|october|november|december|yesterday)\b",
    re.IGNORECASE,
)
_KIN = re.compile(
    r"\b(husband|wife|son|daughter|kids?|child(?:ren)?|mother|mom|mum|father|dad|sister|brother|"
    r"aunt|uncle|grand\w+|cousin|friend|boss|neighbou?r|partner|family|parents?)\b",
    re.IGNORECASE,
)
_OPEN = re.compile(r"^(?:\w+ ){0,3}(?:what|how|why|where|who|which|when)\b")
_YES_NO = re.compile(r"^(?:yes|no|yeah|nope)\b", re.IGNORECASE)
# claims about the patient's life: "I have one", "I was a …", "I like to …"
_CLAIM = re.compile(
    r"\b(?:i(?:'ve| have| had| own| used to| was| went| grew| play| love| like| always| never)|"
    r"(?:he|she|they)(?:'s|'re| is| are| was| were| has| have| had))\b(?! (?:no idea|not|to |"
    r"a minute|it|that|afraid|scared|thinking|hoping|told|you|what|been (?:better|worse)))",
    re.IGNORECASE,
)
# more such claims, for a line with words that only the author's lines have
_HABIT = re.compile(
    r"\bmy favou?rite\b|\bi(?:'m| am)? (?:wear\w*|drive|believe|live|work|sing|read|cook|"
    r"(?:love|like|enjoy|prefer|usually|often|sometimes)(?! (?:it|that|this|you|to (?:know|hear|"
    r"think|ask|see|go|be|sit|talk|get|have))\b))",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:am|is|are|was|were|be|been|have|has|had|do|does|did|can|could|will|would|may|might|must|"
    r"should|know|think|want|need|feel|guess|mean|hope|see|hear|say|said|ask|tell|told|got|get|go|"
    r"went|come|came|take|took|make|made|keep|kept|look|like|wait|let|thank|understand|remember|"
    r"stop|start|sleep|eat|talk|listen|don't|doesn't|didn't|can't|won't|isn't|wasn't)\b|"
    r"\w'(?:m|re|s|ve|d|ll)\b"
)
_NAME = re.compile(r"(?<=[a-z,;] )([A-Z][a-z]{2,})")


def judge(case: Case, state: PatientState, raw: str, *, strong: bool = False) -> GuardVerdict:
    """Trim an improvised line and pass it, or refuse it with the reason.

    strong: a stronger model wrote it, which has more latitude.
    """
    given = latitude(strong)
    most = round(given.length_factor * case.improvise.max_words)
    text = trim(raw, case.person.short, most, given.sentences)
    if not text:
        return GuardVerdict(None, "contains nothing that can be said")
    new = partial(_new_content, authors_words=given.authors_words)
    for refuse in (_role_break, _gated_fact, _unknown_name, new, _misfit, _repetition):
        reason = refuse(case, state, text)
        if reason:
            return GuardVerdict(None, reason)
    return GuardVerdict(text, "passed")


def trim(raw: str, name: str, max_words: int, sentences: int = SMALL.sentences) -> str:
    """The first whole sentences of a raw line, at most `sentences` and `max_words`; empty if there
    is none."""
    line = next((each for each in raw.strip().splitlines() if each.strip()), "")
    line = re.sub(rf"^\s*{re.escape(name)}\s*:\s*", "", line)
    line = re.split(r"\b\w+\s*:\s", line)[0]
    line = re.sub(r"\([^)]*\)|\[[^\]]*\]|\*[^*]*\*|<[^>]*>|[<>]", " ", line)
    line = " ".join(line.replace('"', " ").replace("“", " ").replace("”", " ").split())
    kept: list[str] = []
    for sentence in _whole_sentences(line)[:sentences]:
        if len(" ".join([*kept, sentence]).split()) > max_words:
            break
        kept.append(sentence)
    return " ".join(kept)


def _whole_sentences(text: str) -> list[str]:
    """The sentences of a text that a model finished."""
    return [each for each in split_sentences(text) if ends_sentence(each)]


def _role_break(case: Case, state: PatientState, text: str) -> str:
    if found := _META.search(text):
        return f"talks about the simulation ({found.group()!r})"
    if found := _FLIP.search(text):
        return f"talks like the doctor ({found.group()!r})"
    if re.search(rf"\b{re.escape(case.person.short)}\b", text):
        return "says the patient's own name"
    spoken = next((each for each in case.coder.code(text) if each.name in _CLINICIANS_ONLY), None)
    if spoken is not None:
        return f"does what a doctor does ({spoken.name}: {spoken.words!r})"
    return ""


def _gated_fact(case: Case, state: PatientState, text: str) -> str:
    for fact in case.facts:
        if fact.id in state.disclosed or is_open(fact, state, asked=False):
            continue
        if any(re.search(mention, text, re.IGNORECASE) for mention in fact.mentions):
            return f"would reveal {fact.id!r}"
    for never in case.improvise.never:
        over = never.before is not None and never.before in state.beats
        found = None if over else re.search(never.pattern, text, re.IGNORECASE)
        if found:
            return f"contradicts the case ({found.group()!r})"
    return ""


def _unknown_name(case: Case, state: PatientState, text: str) -> str:
    known = allowed_text(case, state).lower()
    for pattern, what in ((_NUMBER, "a number or date"), (_KIN, "a person"), (_NAME, "a name")):
        for found in pattern.finditer(text):
            if not re.search(rf"\b{re.escape(found.group().lower())}", known):
                return f"{what} that the case does not give ({found.group()!r})"
    return ""


def _new_content(case: Case, state: PatientState, text: str, *, authors_words: bool) -> str:
    """Refuse words that bring up something new."""
    known = set(stems(allowed_text(case, state))) | set(stems(_question(state)))
    known |= everyday("function") | everyday("feeling")
    new = [word for word in content(text) if word not in known]
    given = _authors_words(case, state) if new and authors_words else frozenset()
    strange = next((word for word in new if word not in given), None)
    if strange is not None:
        return f"brings up something that the case does not give ({strange!r})"
    return "claims what the case does not say" if new and _HABIT.search(text) else ""


def _authors_words(case: Case, state: PatientState) -> frozenset[str]:
    """The stems of the lines that the patient may say in this state."""
    lines = (
        line.text
        for line in case.lines
        if holds(line.when, state)
        and all(is_open(fact, state, asked=False) for fact in case.facts if fact.id in line.tells)
    )
    return frozenset(stem for text in lines for stem in stems(text))


def _question(state: PatientState) -> str:
    return next((said for who, said in reversed(state.transcript) if who == "learner"), "")


def _misfit(case: Case, state: PatientState, text: str) -> str:
    """Refuse lines that do not answer the question or make claims about the patient's life."""
    question = _question(state)
    if _OPEN.search(plain(question)) and _YES_NO.search(text):
        return "says yes or no to an open question"
    if _CLAIM.search(text):
        return "claims what the case does not say"
    if _kin(question) - _kin(allowed_text(case, state)):
        return "speaks of a person that the case does not give"
    return "is no sentence" if _has_no_verb(text) else _loops(text)


def _has_no_verb(text: str) -> bool:
    """Whether a line has several words and no verb: "The bus, the doctor." """
    return len(text.split()) > BARE and not _VERB.search(text.lower().replace("’", "'"))


def _loops(text: str) -> str:
    """Refuse loops of small models; people hardly repeat more than "I don't know"."""
    said = [tuple(stems(sentence)) for sentence in _whole_sentences(text)]
    pairs = Counter(zip(stems(text), stems(text)[1:], strict=False))
    looping = max(pairs.values(), default=0) > LOOPED
    heavy = Counter(content(text))
    if len(set(said)) < len(said) or looping or max(heavy.values(), default=0) > LOOPED:
        return "repeats itself"
    heavy.pop("know", None)
    short = max(heavy.values(), default=0) == LOOPED and len(heavy) <= LOOPED
    ends = [each[-ALIKE:] for each in said if len(each) >= ALIKE and each[-1] != "know"]
    if short or len(set(ends)) < len(ends):
        return "goes in a circle"
    return ""


def _kin(text: str) -> set[str]:
    return {found.group().lower() for found in _KIN.finditer(text)}


def allowed_text(case: Case, state: PatientState) -> str:
    """The texts whose words the patient may use: the scene, open facts, and the patient's own
    lines."""
    facts = [each.text for each in case.facts if is_open(each, state, asked=False)]
    # only the patient's own lines count: the patient need not know a name that the learner uses
    own = [text for who, text in state.transcript if who == "patient"]
    return " ".join([case.scene, *facts, *own])


def _repetition(case: Case, state: PatientState, text: str) -> str:
    learner = [said for who, said in state.transcript[-3:] if who == "learner"]
    for said in (*state.spoken, *learner):
        is_long = min(len(content(said)), len(content(text))) >= LONG_ENOUGH
        if stems(said) == stems(text) or (is_long and overlap(said, text) >= REPEATS):
            return "repeats what was said"
    return ""
