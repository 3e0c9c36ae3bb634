"""The sentences of a spoken text in plain form, for the rules; `simvoice.sentences` splits it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from simvoice.sentences import CLOSERS, MARKS, split_sentences

_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'"})
_EDGES = ' ,.;:?!…—-"“”'
"""Punctuation that is cut off a quotation of the speaker's words."""
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*(?:-[^\W_]+(?:'[^\W_]+)?)*")

_WHOLE = {
    "can't": "can not",
    "cannot": "can not",
    "won't": "will not",
    "let's": "let us",
    "ok": "okay",
    "gonna": "going to",
    "wanna": "want to",
    "gotta": "got to",
    # spelling of recognisers that drop the apostrophe
    "im": "i am",
    "ive": "i have",
    "youre": "you are",
    "youve": "you have",
    "theyre": "they are",
    "dont": "do not",
    "didnt": "did not",
    "doesnt": "does not",
    "isnt": "is not",
    "arent": "are not",
    "werent": "were not",
    "wouldnt": "would not",
    "couldnt": "could not",
    "shouldnt": "should not",
    "hasnt": "has not",
    "hadnt": "had not",
    "wont": "will not",
    "its": "it is",
    "hes": "he is",
    "shes": "she is",
    "weve": "we have",
    "youd": "you would",
    "youll": "you will",
    "theyll": "they will",
    "itll": "it will",
    "wasnt": "was not",
    "havent": "have not",
    "cant": "can not",
    "whats": "what is",
    "thats": "that is",
    "hows": "how is",
}
# Without its apostrophe each of these is another word; the next word decides.
_LOST = {"ill": "i will", "well": "we will", "id": "i would", "were": "we are"}
_AFTER_WILL = frozenset(
    {
        "arrange", "be", "book", "call", "come", "do", "explain", "find", "get", "give", "go",
        "have", "help", "keep", "let", "look", "make", "meet", "move", "need", "never", "refer",
        "repeat", "ring", "see", "send", "sit", "spend", "start", "stay", "stop", "take", "talk",
        "tell", "then", "try", "wait", "write", "always", "also",
    }
)  # fmt: skip
_AFTER = {
    "ill": _AFTER_WILL,
    "well": _AFTER_WILL,
    "id": frozenset({"like", "love", "want", "be", "rather", "say", "suggest", "recommend"}),
    "were": frozenset({"here", "going", "not", "with"}),
}
# words before a "lets" that means "let us"; after a subject "lets" is a verb
_OPENERS = frozenset(
    {"so", "okay", "ok", "well", "right", "and", "then", "now", "anyway", "but", "um"}
)
_SUBJECTS = frozenset({"you", "we", "they", "there", "things", "people"})
_IS = {"it", "that", "what", "who", "how", "where", "there", "he", "she", "here", "when", "this"}
# words after "'s" that make it "is": "your dad's dead", but not "your dad's watch"
_AFTER_IS = frozenset(
    {
        "alive", "alright", "asleep", "awake", "coming", "dead", "dying", "fine", "getting",
        "going", "gonna", "gone", "not", "okay", "ok", "stable", "unconscious", "waiting", "wrong",
    }
)  # fmt: skip
_AFTER_HAS = frozenset({"been", "collapsed", "died", "had", "passed", "stopped", "got", "come"})
_BARE_S = re.compile(
    r"^(?:dad|father|mom|mum|mother|heart|husband|wife|everything|nothing|something|everybody|"
    r"everyone|nobody|somebody|someone|one)s$"
)
"""Words with "'s" as recognisers write them without the apostrophe."""
_TAILS = {"'m": "am", "'ve": "have", "'re": "are", "'ll": "will", "'d": "would"}


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, as spoken and in plain form."""

    spoken: tuple[str, ...]
    """The speaker's words with their punctuation, in order."""
    plain: str
    """Lower case, contractions opened ("I'm" is "i am"), no punctuation, single spaces."""
    spans: tuple[tuple[int, int], ...]
    """For each spoken word, the start and end of its plain form in `plain`."""
    asked: bool
    """The sentence ended with a question mark."""
    marked: bool
    """The sentence ended with a mark; recognisers without punctuation join sentences."""

    @property
    def text(self) -> str:
        """The sentence as spoken."""
        return " ".join(self.spoken)

    def words_at(self, start: int, end: int) -> str:
        """The spoken words that cover `plain[start:end]`, without punctuation at the edges."""
        covered = [
            word
            for word, (first, last) in zip(self.spoken, self.spans, strict=True)
            if first < end and last > start
        ]
        return " ".join(covered).strip(_EDGES)


_LONGEST_WORD = 100
"""Characters of a word that count. Patterns look at each of them, so a file with a longer "word"
would take minutes. The longest word of English has 45."""


def open_word(word: str) -> str:
    """One spoken word in plain form; may be several words, or empty for punctuation."""
    found = _WORD.findall(word[:_LONGEST_WORD].translate(_APOSTROPHES).lower())
    return " ".join(_open_one(part) for part in found).replace("-", " ")


def _open_one(word: str) -> str:
    if word in _WHOLE:
        return _WHOLE[word]
    if word.endswith("n't"):
        return word[:-3] + " not"
    for tail, opened in _TAILS.items():
        if word.endswith(tail):
            return f"{word[: -len(tail)]} {opened}"
    if word.endswith("'s") and word[:-2] in _IS:
        return word[:-2] + " is"
    return word.replace("'", "")


def plain(text: str) -> str:
    """The text in plain form."""
    return " ".join(sentence.plain for sentence in sentences(text))


_read: ContextVar[dict[str, tuple[Sentence, ...]] | None] = ContextVar("_read", default=None)


@contextmanager
def texts_read_once() -> Iterator[None]:
    """Keep the sentences of each text until the end: a debrief asks for them a hundred times.

    Nothing of what was said is kept afterwards.
    """
    token = _read.set({})
    try:
        yield
    finally:
        _read.reset(token)


def sentences(text: str) -> tuple[Sentence, ...]:
    """The sentences of a text that have words; a text without marks is one sentence."""
    read = _read.get()
    if read is not None and text in read:
        return read[text]
    found = map(_sentence, split_sentences(text))
    with_words = tuple(sentence for sentence in found if sentence is not None)
    if read is not None:
        read[text] = with_words
    return with_words


def _sentence(raw: str) -> Sentence | None:
    spoken, spans, parts = [], [], []
    at = 0
    words = raw.split()
    for number, word in enumerate(words):
        opened = _lost_apostrophe(words, number) or open_word(word)
        if not opened:
            continue
        spoken.append(word)
        spans.append((at, at + len(opened)))
        parts.append(opened)
        at += len(opened) + 1
    if not spoken:
        return None
    end = raw.rstrip(CLOSERS)
    return Sentence(
        tuple(spoken),
        " ".join(parts),
        tuple(spans),
        asked=end.endswith("?"),
        marked=end.endswith(tuple(MARKS)),
    )


def _open_s(word: str, then: str) -> str | None:
    """Open "'s" before a verb: "everything's going", but not "everybody's turn"."""
    word = word.translate(_APOSTROPHES)
    base = word[:-2] if word.endswith("'s") else word[:-1] if _BARE_S.match(word) else ""
    if not base.isalpha() or base in _IS:
        return None
    verb = "is" if then in _AFTER_IS else "has" if then in _AFTER_HAS else None
    return f"{base} {verb}" if verb else None


def _lost_apostrophe(words: list[str], number: int) -> str | None:
    """Restore a lost apostrophe: "ill call you" gives "i will", "she is ill" None."""
    word, then = words[number].lower(), words[number + 1 : number + 2]
    if word == "lets" and then and all(w.strip(",").lower() in _OPENERS for w in words[:number]):
        return "let us"
    if then and (opened := _open_s(word, then[0].strip(".,;:?!…").lower())):
        return opened
    if word not in _LOST or not then or then[0].lower() not in _AFTER[word]:
        return None
    before = words[number - 1].lower() if number else ""
    if word == "were" and (before in _SUBJECTS or before.endswith("s")):
        return None
    if word == "well" and before in {"as", "very", "so", "not", "go", "gone", "do", "really"}:
        return None
    return _LOST[word]
