"""What a debrief suggested, whether it was done the next time, and where trust ended.

Two attempts beside each other, as the record has them: that one thing led to the other is not said,
for a learner who comes back knows the patient, and much else differs too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simvoice.debrief.model import DebriefPart
from simvoice.debrief.suggestions import suggestion_kinds
from simvoice.debrief.wording import clock, in_words
from simvoice.progress.brief import Advice, Brief

_BY_MOMENTS = frozenset({"silence", "cue"})
"""Kinds that are done with a silence or an answer to a cue."""


class Tried(DebriefPart):
    """One suggestion and the attempt after it, or another go at a moment."""

    attempt: str
    """Whose debrief suggested it."""
    when: str
    after: str
    """The attempt after it."""
    after_when: str
    from_s: float | None = None
    """Of another go: session second of the first attempt, from which both are counted."""
    kind: str = ""
    """By the id of `debrief/data/suggestions.toml`, or of a critical item; empty for another go at
    a moment of which nothing was suggested."""
    title: str = ""
    done: tuple[int, int] | None = None
    """How often it was done: (before, after). None where it is done by leaving something undone,
    and where the words could not be judged."""
    item: tuple[str, str] | None = None
    """What came of the critical item that it was about: (before, after)."""
    amiss: tuple[int, int] | None = None
    """How often there was what the suggestion is against: (before, after)."""
    trust: tuple[float, float] | None = None
    """The patient's trust at the end, 0..1: (before, after)."""
    said: str
    """All of it in sentences."""


def tried(briefs: Sequence[Brief]) -> tuple[Tried, ...]:
    """Attempts at one case in order of time, whole ones and other goes; those of different
    versions of the case are not set beside each other."""
    return tuple(_tried(briefs))


def _tried(briefs: Sequence[Brief]) -> Iterator[Tried]:
    by_id = {each.attempt: each for each in briefs}
    before: Brief | None = None
    for after in briefs:
        if after.again is not None:
            first = by_id.get(after.again.attempt)
            if first is not None and first.case_sha256 == after.case_sha256:
                yield from _another_go(first, after)
            continue
        if before is not None and before.case_sha256 == after.case_sha256:
            for advice in before.advice:
                yield _beside(before, after, advice, None)
        before = after


def _another_go(first: Brief, after: Brief) -> Iterator[Tried]:
    """Under what was suggested at its moment; else on its own."""
    assert after.again is not None
    from_s = after.again.at_s
    asked: list[Advice | None] = [
        each for each in first.advice if each.again_turn == after.again.turn
    ]
    for advice in asked or [None]:
        yield _beside(first, after, advice, from_s)


def _beside(before: Brief, after: Brief, advice: Advice | None, from_s: float | None) -> Tried:
    done = amiss = item = None
    if advice is not None and advice.kind in before.critical and advice.kind in after.critical:
        item = (before.critical[advice.kind], after.critical[advice.kind])
    elif advice is not None and _is_kind(advice) and before.english and after.english:
        ends = ((before, from_s or 0.0), (after, 0.0))
        amiss = (_amiss(*ends[0], advice.kind), _amiss(*ends[1], advice.kind))
        if advice.kind in _can_be_done():
            done = (_done(*ends[0], advice.kind), _done(*ends[1], advice.kind))
    trust = None
    if before.trust is not None and after.trust is not None:
        trust = (before.trust[1], after.trust[1])
    is_unjudged = advice is not None and amiss is None and item is None
    return Tried(
        attempt=before.attempt,
        when=before.when,
        after=after.attempt,
        after_when=after.when,
        from_s=from_s,
        kind=advice.kind if advice else "",
        title=advice.title if advice else "",
        done=done,
        item=item,
        amiss=amiss,
        trust=trust,
        said=_sentences(done, item, amiss, trust, from_s, is_unjudged=is_unjudged),
    )


def _is_kind(advice: Advice) -> bool:
    """Whether it is counted; what a critical item asks for is not."""
    return any(each.id == advice.kind for each in suggestion_kinds())


def _can_be_done() -> frozenset[str]:
    return _BY_MOMENTS | {each.id for each in suggestion_kinds() if each.done}


def _done(brief: Brief, from_s: float, kind: str) -> int:
    return sum(
        each.kind == kind and each.what == "done" and each.at_s >= from_s for each in brief.did
    )


def _amiss(brief: Brief, from_s: float, kind: str) -> int:
    """The ledger's costs and what was only counted are views of the same thing."""
    found = [each.what for each in brief.did if each.kind == kind and each.at_s >= from_s]
    return max(found.count("amiss by the ledger"), found.count("amiss"))


def _sentences(
    done: tuple[int, int] | None,
    item: tuple[str, str] | None,
    amiss: tuple[int, int] | None,
    trust: tuple[float, float] | None,
    from_s: float | None,
    *,
    is_unjudged: bool,
) -> str:
    parts = []
    if done is not None:
        parts.append(f"done, {in_words(done[1], 'time')} (before: {done[0]})")
    if item is not None:
        parts.append(f"{item[1]} (before: {item[0]})")
    if amiss is not None:
        parts.append(f"the opposite, {in_words(amiss[1], 'time')} (before: {amiss[0]})")
    if is_unjudged:
        parts.append("whether it was done cannot be told")
    if trust is not None:
        before, after = (f"{100.0 * end:.0f}" for end in trust)
        parts.append(f"trust ended at {after} (before: {before})")
    else:
        parts.append("where trust ended is not recorded in both")
    what = "; ".join(parts)
    begins = "The next attempt" if from_s is None else f"Another go from {clock(from_s)}"
    return f"{begins}: {what}."
