"""The better model answers while it can, else the embedded one, after at most a pause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from simvoice.engines.llm.fallback import LONGEST_S, RANK_S, RETRY_S, Fallback
from simvoice.errors import StageFailed
from simvoice.ports import Cancelled, Message, never

TALK = (Message("user", "Do you paint?"),)


@dataclass
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Scripted:
    """A model that yields its pieces, each a number of seconds after the one before."""

    clock: Clock
    pieces: Sequence[tuple[float, str]] = ()
    strong: bool = True
    breaks: str = ""
    """The error that it raises after its pieces; empty for none."""
    scores: list[float] = field(default_factory=list)
    rank_s: float = 0.0
    asked: list[tuple[str, Sequence[Message], int]] = field(default_factory=list)
    warmed: int = 0
    closed: int = 0

    def warm(
        self, prefix: str, *, messages: Sequence[Message] = (), cancelled: Cancelled = never
    ) -> None:
        self.warmed += 1
        if self.breaks:
            raise StageFailed(self.breaks)

    def complete(
        self,
        prompt: str,
        *,
        messages: Sequence[Message] = (),
        max_tokens: int = 48,
        stop: Sequence[str] = (),
        temperature: float = 0.0,
        seed: int = 0,
        cancelled: Cancelled = never,
    ) -> Iterator[str]:
        self.asked.append((prompt, messages, max_tokens))
        try:
            for after_s, piece in self.pieces:
                self.clock.now_s += after_s
                if cancelled():
                    return
                yield piece
            if self.breaks:
                raise StageFailed(self.breaks)
        finally:
            self.closed += 1

    def rank(
        self,
        prompt: str,
        candidates: Sequence[str],
        *,
        messages: Sequence[Message] = (),
        cancelled: Cancelled = never,
    ) -> list[float]:
        self.clock.now_s += self.rank_s
        if self.breaks:
            raise StageFailed(self.breaks)
        return [] if cancelled() else self.scores


def two(*pieces: tuple[float, str], breaks: str = "") -> tuple[Fallback, Scripted, Scripted, Clock]:
    clock = Clock()
    first = Scripted(clock, pieces, breaks=breaks)
    second = Scripted(clock, [(0.1, " I do "), (0.1, "not know.")], strong=False)
    both = Fallback(first, second, name="the big model", first_s=1.0, whole_s=2.0, clock=clock)
    return both, first, second, clock


def reply(model: Fallback, cancelled: Cancelled = never) -> str:
    pieces = model.complete("Ines:", messages=TALK, max_tokens=64, cancelled=cancelled)
    return "".join(pieces)


def test_the_better_model_answers_in_whole_sentences() -> None:
    both, first, second, _ = two((0.5, "I used "), (0.1, "to. But"), (0.1, " not now"), (0.1, "."))
    assert list(both.complete("Ines:", messages=TALK, max_tokens=64)) == [
        "I used to.",
        " But not now.",
    ]
    assert first.asked == [("Ines:", TALK, 64)]
    assert (both.strong, both.is_up, second.asked, both.notices()) == (True, True, [], [])


def test_after_a_late_first_word_the_embedded_model_answers() -> None:
    both, first, second, _ = two((1.1, "I used to."))
    assert reply(both) == " I do not know."
    assert not both.strong
    assert second.asked == [("Ines:", (), 40)]
    assert first.closed == 1
    (notice,) = both.notices()
    assert notice.startswith("the big model did not answer in time")
    assert both.notices() == []


def test_after_an_immediate_failure_the_embedded_model_answers() -> None:
    both, _, _, _ = two(breaks="it cannot be reached; see that it runs")
    assert reply(both) == " I do not know."
    assert both.notices() == [
        "it cannot be reached; see that it runs; until it answers again, the embedded model speaks"
    ]


def test_half_a_sentence_of_a_model_that_fails_is_dropped() -> None:
    both, _, _, _ = two((0.1, "I used "), (0.1, "to pai"), breaks="it stopped")
    assert reply(both) == " I do not know."
    assert not both.strong


def test_a_whole_sentence_before_the_failure_is_the_reply() -> None:
    both, _, second, _ = two((0.1, "I used to. "), (0.1, "But my ha"), breaks="it stopped")
    assert reply(both) == "I used to."
    both, _, second, _ = two((0.1, "I used to."), breaks="it stopped")
    assert reply(both) == "I used to."
    assert (both.strong, second.asked, both.is_up) == (True, [], False)


def test_a_reply_that_takes_too_long_ends_with_its_last_whole_sentence() -> None:
    both, first, _, _ = two((0.5, "I used to. "), (1.0, "And then "), (1.0, "I went."))
    assert reply(both) == "I used to."
    assert first.closed == 1
    assert "in time" in both.notices()[0]


def test_an_empty_reply_is_no_failure() -> None:
    both, _, _, _ = two()
    assert reply(both) == " I do not know."
    assert both.is_up


def test_a_barge_in_ends_the_first_and_does_not_start_the_second() -> None:
    both, first, second, _ = two((0.1, "I used to. "), (0.1, "But"))
    assert reply(both, cancelled=lambda: True) == ""
    assert (first.closed, second.asked, both.notices(), both.is_up) == (1, [], [], True)


def test_closing_the_reply_closes_the_first_model() -> None:
    both, first, _, _ = two((0.1, "I used to. But"), (0.1, " not now."))
    pieces = both.complete("Ines:", messages=TALK)
    assert next(pieces) == "I used to."
    pieces.close()  # type: ignore[attr-defined]
    assert first.closed == 1


def test_after_a_failure_the_first_model_is_not_asked_until_a_warm_succeeds() -> None:
    both, first, second, clock = two((0.1, "I used to."), breaks="it cannot be reached")
    first.pieces = ()
    reply(both)
    clock.now_s += 10 * RETRY_S
    assert reply(both) == " I do not know."
    assert len(first.asked) == 1, "a learner waited for a new try"
    first.breaks = ""
    first.pieces = [(0.1, "I used to.")]
    both.warm("Ines:", messages=TALK)
    assert both.is_up
    assert reply(both) == "I used to."
    assert both.notices()[-1] == "the big model answers again and speaks from now on"
    assert second.warmed == 1


def test_the_time_until_the_next_try_doubles() -> None:
    both, first, _, clock = two(breaks="it cannot be reached")
    both.warm("Ines:")
    assert (first.warmed, len(both.notices())) == (1, 1)
    both.warm("Ines:")
    assert first.warmed == 1
    for failures in (1, 2, 3):
        clock.now_s += RETRY_S * 2 ** (failures - 1) + 1
        both.warm("Ines:")
        assert first.warmed == failures + 1
        both.warm("Ines:")
        assert first.warmed == failures + 1
    assert both.notices() == [], "one failure gave several notices"
    clock.now_s += LONGEST_S + 1
    both.warm("Ines:")
    assert first.warmed == 5


def test_a_cancelled_warm_does_not_ask_the_first_model() -> None:
    both, first, second, _ = two()
    both.warm("Ines:", cancelled=lambda: True)
    assert (first.warmed, second.warmed) == (0, 1)


def test_only_the_better_model_ranks() -> None:
    both, first, second, _ = two()
    first.scores, second.scores = [-1.0, -2.0], [-5.0, -4.0]
    assert both.rank("Ines:", ["Yes.", "No."], messages=TALK) == [-1.0, -2.0]
    first.breaks = "it stopped"
    assert both.rank("Ines:", ["Yes.", "No."]) == []
    assert not both.is_up
    assert both.rank("Ines:", ["Yes.", "No."]) == []


def test_after_two_slow_rankings_no_more_are_requested() -> None:
    both, first, _, clock = two()
    first.scores, first.rank_s = [-1.0, -2.0], RANK_S + 0.1
    for _ in range(2):
        assert both.rank("Ines:", ["Yes.", "No."]) == []
    before_s = clock.now_s
    assert both.rank("Ines:", ["Yes.", "No."]) == []
    assert clock.now_s == before_s
    assert both.is_up
