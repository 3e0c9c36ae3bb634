"""Compare what a debrief suggested with what the learner did in the next attempt or in a retry.

Two attempts are shown side by side, without claiming that the suggestion caused a difference: the
learner knows the patient the second time, and much else differs too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simvoice.display import clock, count_noun, points
from simvoice.progress.brief import Advice, Brief
from simvoice.strict_model import StrictModel
from simvoice.suggestion_kinds import GENERAL, find_kind


class AdviceOutcome(StrictModel):
    """One suggestion with the attempt after it, or a retry."""

    attempt: str
    """The attempt whose debrief made the suggestion."""
    when: str
    after: str
    """The next attempt, or the retry."""
    after_when: str
    from_s: float | None = None
    """For a retry: session second of the checkpoint in the first attempt. Both count from there."""
    kind: str = ""
    """Id of the kind in `data/suggestions.toml`, or of a critical item. Empty for a retry from a
    checkpoint without a suggestion."""
    title: str = ""
    done: tuple[int, int] | None = None
    """How often it was done: (before, after). None for kinds that are followed by not doing
    something, and when the words could not be judged."""
    item: tuple[str, str] | None = None
    """Outcome of the critical item that it is about: (before, after)."""
    amiss: tuple[int, int] | None = None
    """How often the mistake happened that the suggestion is against: (before, after)."""
    trust: tuple[float, float] | None = None
    """The patient's trust at the end, 0..1: (before, after)."""
    said: str
    """The result in sentences."""


def follow_advice(briefs: Sequence[Brief]) -> tuple[AdviceOutcome, ...]:
    """Return the outcomes of all suggestions.

    briefs: attempts at one case in order of time, retries included. Attempts at different versions
    of the case are not compared.
    """
    return tuple(_outcomes(briefs))


def _outcomes(briefs: Sequence[Brief]) -> Iterator[AdviceOutcome]:
    by_id = {each.attempt: each for each in briefs}
    before: Brief | None = None
    for after in briefs:
        if after.again is not None:
            first = by_id.get(after.again.attempt)
            if first is not None and first.case_sha256 == after.case_sha256:
                yield from _retry_outcomes(first, after)
            continue
        if before is not None and before.case_sha256 == after.case_sha256:
            for advice in before.advice:
                yield _outcome(before, after, advice, None)
        before = after


def _retry_outcomes(first: Brief, after: Brief) -> Iterator[AdviceOutcome]:
    """Yield a retry with each suggestion at its checkpoint, or without one."""
    assert after.again is not None
    from_s = after.again.at_s
    at_checkpoint: list[Advice | None] = [
        each for each in first.advice if each.again_turn == after.again.turn
    ]
    for advice in at_checkpoint or [None]:
        yield _outcome(first, after, advice, from_s)


def _outcome(
    before: Brief, after: Brief, advice: Advice | None, from_s: float | None
) -> AdviceOutcome:
    done = amiss = item = None
    if advice is not None and advice.kind in before.critical and advice.kind in after.critical:
        item = (before.critical[advice.kind], after.critical[advice.kind])
    elif advice is not None and _is_counted(advice.kind) and before.english and after.english:
        ends = ((before, from_s or 0.0), (after, 0.0))
        amiss = (_count_mistakes(*ends[0], advice.kind), _count_mistakes(*ends[1], advice.kind))
        if _can_be_done(advice.kind):
            done = (_count_done(*ends[0], advice.kind), _count_done(*ends[1], advice.kind))
    trust = None
    if before.trust is not None and after.trust is not None:
        trust = (before.trust[1], after.trust[1])
    is_unjudged = advice is not None and amiss is None and item is None
    return AdviceOutcome(
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


def _is_counted(kind_id: str) -> bool:
    """Whether mistakes of a kind are counted: the general kind holds unlike ones."""
    return kind_id != GENERAL and find_kind(kind_id) is not None


def _can_be_done(kind_id: str) -> bool:
    """Whether a kind is followed by something that can be counted, and not by doing less."""
    kind = find_kind(kind_id)
    return kind is not None and bool(kind.done or kind.seen_in)


def _count_done(brief: Brief, from_s: float, kind: str) -> int:
    return sum(
        each.kind == kind and each.what == "done" and each.at_s >= from_s for each in brief.did
    )


def _count_mistakes(brief: Brief, from_s: float, kind: str) -> int:
    """Count mistakes of one kind: the ledger and the counts may show the same mistakes twice."""
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
        parts.append(f"done {count_noun(done[1], 'time')} (before: {done[0]})")
    if item is not None:
        parts.append(f"{item[1]} (before: {item[0]})")
    if amiss is not None:
        parts.append(f"the opposite {count_noun(amiss[1], 'time')} (before: {amiss[0]})")
    if is_unjudged:
        parts.append("it is not known whether it was done")
    if trust is not None:
        before, after = (points(end) for end in trust)
        parts.append(f"trust at the end {after} (before: {before})")
    else:
        parts.append("trust at the end is not recorded in both")
    what = "; ".join(parts)
    attempt = "Next attempt" if from_s is None else f"Retry from {clock(from_s)}"
    return f"{attempt}: {what}."
