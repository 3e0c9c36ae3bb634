"""Patterns that would stop an encounter are refused, and those of the cases are not."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from simvoice import paths
from simvoice.errors import CaseError
from simvoice.patient.case.load import create_case, find_cases, load_case
from simvoice.patient.case.patterns import examine
from simvoice.patient.case.validate import _all_patterns

FOR_EVER = [
    *[r"(a+)+$", r"(?:\w+\s?)+$", r"(.*)*x", r"(x+x+)+y", r"(a|aa)+$", r"(a|a)*b", r"^(\w+\s?)*$"],
    *[r"([a-zA-Z0-9]+)*@", r"(?:ab|a|b)+?!", r"(?:[a-z]+[0-9]*)*$", r"(?:\W*\w+\W*)+!"],
    *[r"(?:a?){30}a{30}", "a?" * 30 + "a" * 30, r"(?:a{1,50}){1,50}$", r"(?:\w+ ?){0,12}x"],
    *[r".*.*.*x", r"^.*a.*b.*c.*d$", r"\w+\w+\w+\w+$", r"x*y*z*x*y*z*x*y*z*!"],
    *[r"(?=(a+)+$)", r"(?!(?:a|aa)+$)b", r"(?!.*.*x).*.*y", r"(?>a+)+b", r"(?:a|)*b", r"(?:a??)*b"],
    *[r"(.*)\1\1x", r"(?:(a)|b)(?(1)c|d)", r"(?i)a", r"(?P<a>b)", "(" * 30 + ")" * 30],
    *[r"(?:(?:a{1,1000}){1,1000}){1,1000}b", r"((a{0,5}){0,5}){0,5}[b]"],
]
QUICK = [
    *[r"\d{3}\d{3}\d{4}", r"\b\w+\s+\w+\b", r"(\w+)\s(\w+)", r"\s+$", r"^\s+|\s+$", r"(?<!a)b+c"],
    *[r"(?:(?:a|b)+(?:c|d)+)+e", r"\b(?: \w+){0,12} (?:weeks|months)\b", r"(?:\w+\W+){0,5}no\b"],
    *[
        r"a{1000}b",
        r"^(?=(?:\S+ ){15,}).*\byou\b.*\byou\b.*\byou\b",
        r"^.*a.*b.*c$",
        r"(?:so |and )*x",
    ],
]


@pytest.mark.parametrize("pattern", FOR_EVER)
def test_a_pattern_that_takes_for_ever_or_cannot_be_joined_is_refused(pattern: str) -> None:
    fault = examine(pattern).fault
    assert fault
    assert "\n" not in fault


@pytest.mark.parametrize("pattern", QUICK)
def test_a_pattern_that_cannot_take_long_is_used(pattern: str) -> None:
    assert examine(pattern).fault is None


@pytest.mark.slow
@pytest.mark.parametrize("case_id", sorted(find_cases(paths.scenarios_dir())))
def test_every_pattern_of_the_cases_is_used(case_id: str) -> None:
    case = load_case(paths.scenarios_dir() / case_id / "case.yaml")
    patterns = [pattern for _, pattern in _all_patterns(case)]
    assert len(patterns) > 100
    assert [each for each in patterns if examine(each).fault] == []


PLACES: dict[str, Callable[[str, str], str]] = {
    "code": lambda text, bad: text + f"codes:\n  own: {{means: It is own, any: ['{bad}']}}\n",
    "unless": lambda text, bad: (
        text + f"codes:\n  own: {{means: It is own, any: [x], unless: [y, '{bad}']}}\n"
    ),
    "mentions": lambda text, bad: text.replace("mentions: [", f"mentions: ['{bad}', ", 1),
    "never": lambda text, bad: text + f"improvise:\n  never:\n    - {{pattern: '{bad}'}}\n",
}


@pytest.mark.parametrize("place", PLACES)
def test_the_case_is_refused_with_the_line_of_the_pattern(tmp_path: Path, place: str) -> None:
    file = create_case("sound", tmp_path)
    sound = re.sub(
        r"^(codes|improvise):.*\n(?:[ #].*\n)*", "", file.read_text(), flags=re.MULTILINE
    )
    text = PLACES[place](sound, r"(\w+ ?)+$")
    assert text != sound
    file.write_text(text)
    line = text[: text.index(r"(\w+ ?)+$")].count("\n") + 1
    with pytest.raises(CaseError) as caught:
        load_case(file)
    assert str(caught.value).startswith(rf"{file}:{line}: the pattern “(\w+ ?)+$” is refused: ")


@pytest.mark.slow
def test_thousands_of_patterns_are_refused_before_they_are_examined(tmp_path: Path) -> None:
    file = create_case("sound", tmp_path)
    sound = re.sub(r"^codes:\n(?:[ #].*\n)*", "", file.read_text(), flags=re.MULTILINE)
    for pattern, count in ((r"xNO\d", 5_000), (r"xNO.*ab.*cd.{0,9}e", 1_900)):
        many = ", ".join(repr(pattern.replace("NO", str(n))) for n in range(count))
        file.write_text(sound + f"codes:\n  own: {{means: It is own, any: [{many}]}}\n")
        with pytest.raises(CaseError, match=r"has too many patterns|at most 2,000 patterns"):
            load_case(file)


_ALPHABET = ["a", "b", "ab", " ", r"\w", r"\s", ".", r"\W", "[ab]", "[^a]", r"\b", "the", "a b"]
_REPEATS = ["*", "+", "?", "{0,5}", "{2,4}", "*?", "{1,30}"]


def _random_pattern(draw: random.Random, depth: int) -> str:
    kind = draw.random()
    inner = [_random_pattern(draw, depth - 1) for _ in range(3)] if depth else []
    if not inner or kind < 0.3:
        return draw.choice(_ALPHABET)
    if kind < 0.6:
        return "".join(inner)
    if kind < 0.75:
        return f"(?:{'|'.join(inner)})"
    if kind < 0.95:
        return f"(?:{inner[0]}){draw.choice(_REPEATS)}"
    return f"{draw.choice(['(?=', '(?!'])}{inner[0]})"


_SEARCH = """
import re, sys
texts = [part * (300 // len(part)) + end for part in
         ("a", "b", "ab", "a b ", " ", "the ", "aab", "the a b ") for end in ("", "!", "\\n\\0")]
for line in sys.stdin:
    pattern = re.compile(line.rstrip("\\n"))
    for text in texts:
        pattern.search(text)
    print("done", flush=True)
"""


@pytest.mark.slow
def test_random_patterns_that_are_used_finish_on_hard_texts() -> None:
    """A pattern that took for ever would take the limit of the other process."""
    draw = random.Random(20)
    patterns = []
    while len(patterns) < 250:
        pattern = _random_pattern(draw, 3) + draw.choice(["$", "x", "!", r"\b", "zq"])
        if examine(pattern).fault is None:
            patterns.append(pattern)
    assert sum(not examine(each).quick for each in patterns) > 25
    done = subprocess.run(
        [sys.executable, "-c", _SEARCH],
        input="\n".join(patterns),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.count("done") == len(patterns)
