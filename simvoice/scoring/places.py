"""The learner's turns with what their place in the talk tells; see `coding.context`."""

from __future__ import annotations

from collections.abc import Sequence

from simvoice.coding.codes import Code
from simvoice.coding.context import EXPLORES, Place, in_place
from simvoice.record.events import Coded, JournalEntry, LearnerTurn, PatientSpeech, Shows


def in_places(entries: Sequence[JournalEntry], shows: Sequence[Shows]) -> tuple[JournalEntry, ...]:
    """The journal, in which each turn of the learner's is coded with what came before it.

    shows: the lines that say a concern outright tell what troubles her, asked or not.
    """
    speeches = [e for e in entries if isinstance(e, PatientSpeech)]
    says = {each.line for each in shows if each.kind == "concern"}
    told_s = min((e.end_s for e in speeches if e.line_id in says and e.heard), default=None)
    turns = sorted((e for e in entries if isinstance(e, LearnerTurn)), key=lambda e: e.start_s)
    placed: dict[int, LearnerTurn] = {}
    since_s = float("-inf")
    was_explored = False
    for turn in turns:
        before = " ".join(e.heard for e in speeches if since_s <= e.start_s < turn.start_s)
        is_told = told_s is not None and told_s <= turn.start_s
        placed[id(turn)] = _placed(turn, Place(before.strip(), was_explored or is_told))
        was_explored = was_explored or any(code.code in EXPLORES for code in turn.codes)
        since_s = turn.start_s
    return tuple(
        placed[id(entry)] if isinstance(entry, LearnerTurn) else entry for entry in entries
    )


def _placed(turn: LearnerTurn, place: Place) -> LearnerTurn:
    codes = [Code(each.code, each.words, each.confidence) for each in turn.codes]
    found = in_place(turn.text, codes, place)
    return turn.model_copy(
        update={
            "codes": tuple(
                Coded(code=c.name, words=c.words, confidence=c.confidence) for c in found
            )
        }
    )
