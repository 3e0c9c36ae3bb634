"""Refuse patterns of a case that could take for ever, or that cannot be joined with others.

Python's `re` tries one way of matching after the other. A pattern that can match the same words in
many ways, such as `(?:\\w+ ?)+$`, tries them all before it gives up: a sentence of 30 words would
stop an encounter. No engine without this weakness serves: those that take linear time have no
look-around, which the cases use.

So a pattern is measured before it is used. It becomes a machine with one state for each character
of the pattern (Glushkov 1961). Two ways to repeat the same words (Weber and Seidl 1991: exponential
ambiguity) refuse it. So does a text that makes it try too many ways; such a text is built letter by
letter, each time with the letter that leads to the most ways. Look-around and `\\b` are taken to
hold whenever that gives more ways.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, Final

# The parser of the standard library is private, and it is the only one that reads exactly what
# `re` reads. A test compares what it is asked here, in every version of Python that runs the tests.
_parser: Any = import_module("re._parser")
_op: Any = import_module("re._constants")

MOST_BRACKETS: Final = 20
MOST_STATES: Final = 1_500
_UNROLLED: Final = 24
"""States that the copies of a repeated part may have. Beyond, the part may be repeated without end:
this adds ways and removes none."""
TEXT_LENGTH: Final = 40
"""Letters of the text that is built against a pattern."""
MOST_STEPS: Final = 10_000
"""Steps for that text. The slowest pattern of a shipped case takes 2,500, `.*.*x` 12,000. On a
sentence of 1,000 letters, 10,000 become about 1 s."""
_FEW_TIMES: Final = 100
"""A part that is repeated more often counts as a part of any length."""
MOST_ENDLESS: Final = 3
"""Parts of any length that can share the same words. The search for the start of a match is one."""
_BEAM: Final = 3
"""Texts that are continued at each letter."""

_ADVICE = "write it so that each word can match in one way only, as in (?: \\w+){0,5}"


@dataclass(frozen=True, slots=True)
class Examined:
    """What the examination of a pattern found."""

    fault: str | None
    """Why the pattern cannot be used, with the remedy; None if it can."""
    quick: bool = True
    """False if the machine was needed to show it, which takes about 10 ms."""


@lru_cache(maxsize=20_000)
def examine(pattern: str) -> Examined:
    """Examine a pattern that compiles."""
    if _deepest(pattern) > MOST_BRACKETS:
        return Examined(f"its brackets are more than {MOST_BRACKETS} deep; write it more simply")
    tree = _parser.parse(pattern)
    if tree.state.flags & ~re.UNICODE:
        return Examined("flags such as (?i) cannot be used; write small letters")
    if tree.state.groupdict:
        return Examined("groups cannot have names, since patterns are joined; write (?:…) instead")
    if _is_bounded(tree):
        return Examined(None)
    try:
        return Examined(_cost_fault(tree), quick=False)
    except _TooLarge:
        return Examined("it is too large; split it into several patterns")
    except _RefersBack:
        return Examined("it refers back to a group, which can take for ever; write the words out")
    except _RepeatsNothing:
        return Examined(f"it repeats a part that may be empty, so it can take for ever; {_ADVICE}")


def _deepest(pattern: str) -> int:
    """Brackets inside each other, those of \\( and [(] included."""
    deepest = depth = 0
    for letter in pattern:
        depth += (letter == "(") - (letter == ")")
        deepest = max(deepest, depth)
    return deepest


class _TooLarge(Exception):
    pass


class _RefersBack(Exception):
    pass


class _RepeatsNothing(Exception):
    pass


def _cost_fault(tree: Any) -> str | None:
    anchored = _is_anchored(tree)
    machine = _Machine(tree)
    whole = machine.build(tree)
    if machine.endless_in_a_row() + (not anchored) > MOST_ENDLESS:
        return f"it has too many parts of any length in a row, such as .*; {_ADVICE}"
    machine.close_bounded()
    if any(machine.repeats_in_two_ways(loop) for loop in machine.loops()):
        return f"it can match the same words in endlessly many ways; {_ADVICE}"
    steps, text = machine.most_steps(whole, anchored=anchored)
    if steps > MOST_STEPS:
        return f"it takes too long on words like {text[:24]!r}; {_ADVICE}"
    return None


# -- patterns that are surely quick -----------------------------------------------------------
# Most patterns of a case are. A bound on their steps saves the time of building the machine.


_SPOKEN: Final = 1_000
"""Letters of a long sentence without a full stop, about 70 s of speech."""
_SURELY_FEW: Final = 50_000_000
"""Steps for such a sentence: less than 1 s."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """Upper bounds for a part of a pattern, from one place of a text."""

    ways: float
    """Places at which it can end and go on."""
    steps: float


def _is_bounded(tree: Any) -> bool:
    starts = 1 if _is_anchored(tree) else _SPOKEN
    return _bound(tree, None).steps * starts <= _SURELY_FEW


_ENDLESS = _Bound(float("inf"), float("inf"))
_ONE_LETTER = frozenset({_op.LITERAL, _op.NOT_LITERAL, _op.ANY, _op.IN})
_REPEATS = frozenset({_op.MAX_REPEAT, _op.MIN_REPEAT, _op.POSSESSIVE_REPEAT})
_Letters = frozenset[str] | None
"""Letters that may come next; None if it may be any."""


def _bound(items: Iterable[tuple[Any, Any]], then: _Letters) -> _Bound:
    """The bound of a sequence; `then`: what may come after it."""
    after = [then]
    for kind, value in reversed(list(items)):
        after.append(_begins(kind, value, after[-1]))
    ways, steps = 1.0, 0.0
    for (kind, value), follows in zip(items, reversed(after[:-1]), strict=True):
        one = _bound_of(kind, value, follows)
        steps += ways * one.steps
        ways *= one.ways
    return _Bound(ways, steps)


def _bound_of(kind: Any, value: Any, then: _Letters) -> _Bound:
    if kind in _ONE_LETTER or kind is _op.AT:
        return _Bound(1, 1)
    if kind is _op.SUBPATTERN:
        return _bound(value[3], then)
    if kind in {_op.ASSERT, _op.ASSERT_NOT}:
        return _Bound(1, 1 + _bound(value[1], None).steps)
    if kind is _op.BRANCH:
        return _bound_of_branch(value[1], then)
    if kind in _REPEATS:
        least, most, body = value
        return _bound_of_repeat(least, most, body, then)
    return _ENDLESS


def _bound_of_branch(parts: Sequence[Any], then: _Letters) -> _Bound:
    """Of the parts that begin with different letters only one can go on."""
    groups: dict[str | None, tuple[float, float]] = {None: (0, 0)}
    for each in parts:
        one = _bound(each, then)
        first = None
        if len(each) and each[0][0] is _op.LITERAL:
            first = chr(each[0][1]).lower()
        ways, steps = groups.get(first, (0, 0))
        groups[first] = ways + one.ways, steps + one.steps
    any_ways, any_steps = groups.pop(None)
    return _Bound(
        any_ways + max((ways for ways, _ in groups.values()), default=0),
        any_steps + max((steps for _, steps in groups.values()), default=0) + len(parts),
    )


def _bound_of_repeat(least: int, most: int, body: Any, then: _Letters) -> _Bound:
    if most <= 1:
        one = _bound(body, then)
        return _Bound(one.ways + (least == 0), one.steps + 1)
    most = min(int(most), _SPOKEN)
    ends = max(1, most - least + 1)
    if len(body) == 1 and body[0][0] in _ONE_LETTER:
        stays = then is None or any(_accepts(body[0][0], body[0][1], letter) for letter in then)
        return _Bound(ends if stays else 1, most)
    again = _starts(body, None)
    one = _bound(body, _union((again, then)))
    one_by_one = all(kind in _ONE_LETTER or kind in _REPEATS for kind, _ in body)
    if one.ways > 1 or again is None or not one_by_one:
        return _ENDLESS
    # each letter of the text is passed once
    return _Bound(ends, _SPOKEN + most)


def _starts(items: Any, then: _Letters) -> _Letters:
    """The letters with which a sequence begins, or, if it matches nothing, what comes `then`."""
    for kind, value in reversed(list(items)):
        then = _begins(kind, value, then)
    return then


def _begins(kind: Any, value: Any, then: _Letters) -> _Letters:
    """The letters with which a part begins, or, if it matches nothing, what comes `then`."""
    if kind is _op.LITERAL:
        return frozenset({chr(value).lower()})
    if kind in {_op.AT, _op.ASSERT, _op.ASSERT_NOT}:
        return then
    if kind is _op.SUBPATTERN:
        return _starts(value[3], then)
    if kind is _op.BRANCH:
        return _union(_starts(each, then) for each in value[1])
    if kind in _REPEATS:
        first = _starts(value[2], None)
        return first if value[0] else _union((first, then))
    return _plain_letters(tuple(value)) if kind is _op.IN else None


_PLAIN = frozenset(chr(code).lower() for code in range(128)) | frozenset("é²中٣\u00a0—")


@lru_cache(maxsize=1_000)
def _plain_letters(parts: tuple[tuple[Any, Any], ...]) -> _Letters:
    """The letters of a class such as [a-z] or \\w; None if it names others than those of ASCII."""
    if any(code >= 128 for code in _codes(parts)):
        return None
    return frozenset(each for each in _PLAIN if _accepts(_op.IN, parts, each))


def _union(parts: Iterable[_Letters]) -> _Letters:
    found: frozenset[str] = frozenset()
    for each in parts:
        if each is None:
            return None
        found |= each
    return found


# -- the machine of a pattern -----------------------------------------------------------------


@dataclass(slots=True)
class _Part:
    """A part of a pattern: how it begins and ends.

    Counts are numbers of ways; two ways to the same state are two ways for `re` to try.
    """

    first: Counter[int] = field(default_factory=Counter)
    last: Counter[int] = field(default_factory=Counter)
    empty: int = 0
    """Number of ways to match nothing."""
    sure: frozenset[int] = frozenset()
    """States after which the part has matched, whatever follows."""
    surely_empty: bool = False
    """Whether it matches nothing anywhere, without a condition."""


_NOTHING = _Part(empty=1, surely_empty=True)
_CONDITION = _Part(empty=1)


class _Machine:
    """The states of a pattern: one for each of its characters, and which may follow which."""

    def __init__(self, tree: Any) -> None:
        self._letters = _letters(tree)
        self._masks: list[int] = []
        """For each state: its letters, one bit each."""
        self._follow: list[Counter[int]] = []
        self._bounded: list[_Part] = []
        """Parts that may be repeated, but not without end."""
        self._of_part: dict[Any, int] = {}
        """For each kind of character so far: its letters."""

    def build(self, items: Iterable[tuple[Any, Any]]) -> _Part:
        """Add the states of a sequence of parts."""
        whole = _NOTHING
        for kind, value in items:
            whole = self._joined(whole, self._part(kind, value))
        return whole

    def _part(self, kind: Any, value: Any) -> _Part:
        if kind in _ONE_LETTER:
            return self._state(kind, value)
        if kind is _op.BRANCH:
            return _either([self.build(each) for each in value[1]])
        if kind is _op.SUBPATTERN:
            return self.build(value[3])
        if kind is _op.ATOMIC_GROUP:
            return self.build(value)
        if kind in _REPEATS:
            return self._repeat(*value)
        if kind in {_op.ASSERT, _op.ASSERT_NOT}:
            return self._look(*value)
        if kind in {_op.AT, _op.FAILURE}:
            return _CONDITION
        raise _RefersBack

    def _look(self, direction: int, body: Any) -> _Part:
        """Look-around: `re` goes into it and comes back to where it began."""
        inside = self.build(body)
        if direction < 0:  # of a fixed length: it adds no ways
            return _CONDITION
        for state in inside.sure:
            self._follow[state].clear()
        return _Part(first=inside.first, empty=1)

    def _state(self, kind: Any, value: Any) -> _Part:
        number = len(self._masks)
        if number >= MOST_STATES:
            raise _TooLarge
        key = (kind, tuple(value) if isinstance(value, list) else value)
        if key not in self._of_part:
            accepted = (
                _accepts(kind, value, letter) << b for b, letter in enumerate(self._letters)
            )
            self._of_part[key] = sum(accepted)
        self._masks.append(self._of_part[key])
        self._follow.append(Counter())
        one = Counter({number: 1})
        return _Part(one, one, 0, frozenset({number}))

    def _repeat(self, least: int, most: int, body: Any) -> _Part:
        before = len(self._masks)
        one = self.build(body)
        size = len(self._masks) - before
        if most <= 1 or size == 0:
            return _either([one, _NOTHING]) if least == 0 else one
        if one.empty:
            raise _RepeatsNothing
        if most is not _op.MAXREPEAT and size * most <= _UNROLLED:
            copies = [one, *(self.build(body) for _ in range(most - 1))]
            whole = _NOTHING
            for number in range(most, 0, -1):
                whole = self._joined(copies[number - 1], whole)
                if number > least:
                    whole = _either([whole, _NOTHING])
            return whole
        if most > _FEW_TIMES:
            self._close(one)
        else:
            self._bounded.append(one)
        return _either([one, _NOTHING]) if least == 0 else one

    def close_bounded(self) -> None:
        """Let the parts with a bound be repeated without end too; this only adds ways."""
        for part in self._bounded:
            self._close(part)

    def _close(self, part: _Part) -> None:
        for state, ways in part.last.items():
            self._add(state, part.first, ways)

    def _add(self, state: int, first: Counter[int], ways: int) -> None:
        follow = self._follow[state]
        for number, more in first.items():
            follow[number] += ways * more

    def _joined(self, one: _Part, then: _Part) -> _Part:
        for state, ways in one.last.items():
            self._add(state, then.first, ways)
        return _Part(
            first=_sum(one.first, then.first, one.empty),
            last=_sum(then.last, one.last, then.empty),
            empty=one.empty * then.empty,
            sure=then.sure | one.sure if then.surely_empty else then.sure,
            surely_empty=one.surely_empty and then.surely_empty,
        )

    # -- endless ambiguity

    def endless_in_a_row(self) -> int:
        """The most repeats without end that can take over the same letters from each other."""
        loops = list(self.loops())
        home = {state: number for number, loop in enumerate(loops) for state in loop}
        letters = [self._letters_of(loop) for loop in loops]

        @cache
        def longest(number: int) -> int:
            seen, todo, found = set(loops[number]), list(loops[number]), 0
            while todo:
                for state in self._follow[todo.pop()]:
                    if state not in seen and self._masks[state] & letters[number]:
                        seen.add(state)
                        todo.append(state)
                        if state in home:
                            found = max(found, longest(home[state]))
            return 1 + found

        return max((longest(number) for number in range(len(loops))), default=0)

    def _letters_of(self, states: Iterable[int]) -> int:
        mask = 0
        for state in states:
            mask |= self._masks[state]
        return mask

    def loops(self) -> Iterator[frozenset[int]]:
        """The sets of states that can follow each other again and again."""
        yield from _strong_components(self._follow)

    def repeats_in_two_ways(self, loop: frozenset[int]) -> bool:
        """Whether the same letters lead from a state of the loop to itself in two ways."""
        inside = {
            state: [(each, ways) for each, ways in self._follow[state].items() if each in loop]
            for state in loop
        }
        if any(ways > 1 for follow in inside.values() for _, ways in follow):
            return True
        masks = self._masks
        seen: set[tuple[int, int]] = set()
        todo: list[tuple[int, int]] = []
        for follow in inside.values():
            for number, (one, _) in enumerate(follow):
                todo += [(one, other) for other, _ in follow[:number] if masks[one] & masks[other]]
        while todo:
            pair = todo.pop()
            if pair in seen:
                continue
            seen.add(pair)
            if len(seen) > MOST_STEPS:
                raise _TooLarge
            for one, _ in inside[pair[0]]:
                for other, _ in inside[pair[1]]:
                    if masks[one] & masks[other]:
                        if one == other:
                            return True
                        todo.append((one, other))
        return False

    # -- the text that takes longest

    def most_steps(self, whole: _Part, *, anchored: bool) -> tuple[int, str]:
        """The steps that `re` takes on the worst text that is found, and this text.

        It stops above `MOST_STEPS`. A text that the pattern matches ends the search, so it is no
        part of a bad text.
        """
        allowed = list(self._masks)
        for state in whole.sure:
            allowed[state] = 0
        texts: list[tuple[int, str, dict[int, int]]] = [(0, "", {})]
        for _ in range(TEXT_LENGTH):
            longer: dict[tuple[tuple[int, int], ...], tuple[int, str, dict[int, int]]] = {}
            for steps, text, ways in texts:
                reached: Counter[int] = Counter()
                if not (anchored and text):
                    reached.update(whole.first)
                for state, many in ways.items():
                    for number, more in self._follow[state].items():
                        reached[number] += many * more
                for letter, after in self._after(reached, allowed):
                    key = tuple(sorted(after.items()))
                    made = (steps + sum(after.values()), text + letter, after)
                    if made[0] > MOST_STEPS:
                        return made[0], made[1]
                    if key not in longer or longer[key][0] < made[0]:
                        longer[key] = made
            best = sorted(longer.values(), key=lambda each: (-sum(each[2].values()), -each[0]))
            if not best:
                break
            texts = best[:_BEAM]
        return max(texts)[:2]

    def _after(
        self, reached: Counter[int], allowed: Sequence[int]
    ) -> Iterator[tuple[str, dict[int, int]]]:
        """Each letter that is worth trying, with the ways after it."""
        useful = 0
        for state in reached:
            useful |= allowed[state]
        tried: set[frozenset[int]] = set()
        while useful:
            bit = useful & -useful
            useful ^= bit
            states = frozenset(state for state in reached if allowed[state] & bit)
            if states not in tried:
                tried.add(states)
                letter = self._letters[bit.bit_length() - 1]
                yield letter, {state: reached[state] for state in states}


def _sum(one: Counter[int], other: Counter[int], times: int) -> Counter[int]:
    if not times:
        return one
    whole = Counter(one)
    for state, ways in other.items():
        whole[state] += times * ways
    return whole


def _either(parts: Sequence[_Part]) -> _Part:
    whole = _Part()
    for each in parts:
        whole.first.update(each.first)
        whole.last.update(each.last)
        whole.empty += each.empty
        whole.sure |= each.sure
        whole.surely_empty |= each.surely_empty
    return whole


def _strong_components(follow: Sequence[Counter[int]]) -> Iterator[frozenset[int]]:
    """The strongly connected parts that contain an edge (Tarjan 1972, without recursion)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    for root in range(len(follow)):
        if root in index:
            continue
        work = [(root, iter(follow[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            state, rest = work[-1]
            for each in rest:
                if each not in index:
                    index[each] = low[each] = len(index)
                    stack.append(each)
                    on_stack.add(each)
                    work.append((each, iter(follow[each])))
                    break
                if each in on_stack:
                    low[state] = min(low[state], index[each])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[state])
                if low[state] == index[state]:
                    found = set()
                    while state not in found:
                        found.add(stack.pop())
                    on_stack -= found
                    if len(found) > 1 or state in follow[state]:
                        yield frozenset(found)


def _is_anchored(items: Any) -> bool:
    """Whether a pattern can match at the start of a text only."""
    for kind, value in items:
        if kind is _op.AT:
            return value in {_op.AT_BEGINNING, _op.AT_BEGINNING_STRING}
        if kind is _op.SUBPATTERN:
            return _is_anchored(value[3])
        if kind is _op.BRANCH:
            return all(_is_anchored(each) for each in value[1])
        return False
    return False


# -- letters ----------------------------------------------------------------------------------
# A pattern tells few letters apart. One of each kind stands for all; capitals count as small
# letters, since some patterns ignore the difference.


_OF_EACH_KIND = "az09_ \n\t'-.,!é²中٣\u00a0—\x00"


def _letters(tree: Any) -> list[str]:
    """Letters such that a pattern treats every other letter like one of them."""
    codes = {ord(each) for each in _OF_EACH_KIND}
    for code in _codes(tree):
        codes |= {code - 1, code, code + 1}
    found = {chr(code).lower() for code in codes if 0 <= code < 0x110000}
    return sorted(
        (each for each in found if len(each) == 1), key=lambda each: (not each.isalpha(), each)
    )


def _codes(tree: Any) -> Iterator[int]:
    """The codes of the characters that a pattern names."""
    for kind, value in tree:
        if kind in {_op.LITERAL, _op.NOT_LITERAL}:
            yield value
        elif kind is _op.RANGE:
            yield from value
        elif kind is _op.IN:
            yield from _codes(value)
        elif kind is _op.BRANCH:
            for each in value[1]:
                yield from _codes(each)
        elif kind is _op.SUBPATTERN:
            yield from _codes(value[3])
        elif kind is _op.ATOMIC_GROUP:
            yield from _codes(value)
        elif kind in _REPEATS:
            yield from _codes(value[2])
        elif kind in {_op.ASSERT, _op.ASSERT_NOT}:
            yield from _codes(value[1])


def _accepts(kind: Any, value: Any, letter: str) -> bool:
    """Whether one character of a pattern matches a small letter, or its capital."""
    return any(_matches(kind, value, each) for each in {letter, letter.upper()} if len(each) == 1)


def _matches(kind: Any, value: Any, letter: str) -> bool:
    code = ord(letter)
    if kind is _op.LITERAL:
        return bool(code == value)
    if kind is _op.NOT_LITERAL:
        return bool(code != value)
    if kind is _op.ANY:
        return True
    if kind is _op.RANGE:
        return bool(value[0] <= code <= value[1])
    if kind is _op.CATEGORY:
        return _in_category(value, letter)
    negated = bool(value) and value[0][0] is _op.NEGATE
    return any(_matches(each[0], each[1], letter) for each in value[negated:]) != negated


def _in_category(category: Any, letter: str) -> bool:
    match category:
        case _op.CATEGORY_DIGIT:
            return letter.isdecimal()
        case _op.CATEGORY_NOT_DIGIT:
            return not letter.isdecimal()
        case _op.CATEGORY_SPACE:
            return letter.isspace()
        case _op.CATEGORY_NOT_SPACE:
            return not letter.isspace()
        case _op.CATEGORY_WORD:
            return letter.isalnum() or letter == "_"
        case _:
            return not (letter.isalnum() or letter == "_")
