"""The variant that may be given away: timings and numbers, no words, no sound, no names.

What is left still tells how long somebody's pauses were, to the millisecond. Whoever holds the
recording can find it again by them; who does not hold it learns nothing of voice, words or name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from simvoice.research.analysis.conversation import Conversation


def pseudonyms(found: Iterable[Conversation]) -> dict[str, str]:
    """Id to `c001`, `c002` and so on.

    Numbered in the order of a digest of each conversation, which has nothing to do with names or
    dates; the same conversations get the same numbers.
    """
    ordered = sorted((hashlib.sha256(_whole(c)).hexdigest(), c.id) for c in found)
    digits = max(3, len(str(len(ordered))))
    return {own: f"c{number:0{digits}d}" for number, (_, own) in enumerate(ordered, 1)}


def without_voice(found: Conversation, name: str) -> Conversation:
    """The same under a pseudonym, with everything taken away that is words, name, date or file."""
    return found.model_copy(
        update={
            "id": name,
            "title": "",
            "learner": "",
            "patient": "",
            "when": "",
            "inputs": tuple(
                file.model_copy(update={"name": "", "sha256": ""})
                for file in found.inputs
                if file.role == "sound"
            ),
            "fingerprint": "",
            "notes": (),
            "utterances": (),
            "words": (),
            "turns": tuple(turn.model_copy(update={"text": ""}) for turn in found.turns),
            "events": tuple(event.model_copy(update={"text": ""}) for event in found.events),
            "ledger": (),
        }
    )


def _whole(found: Conversation) -> bytes:
    return found.model_dump_json().encode("utf-8")
