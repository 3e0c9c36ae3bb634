"""A planted conversation of 75 s that has every event a debrief can show."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from simvoice.audio import Pcm16, samples
from simvoice.record.events import (
    Backchannel,
    Ended,
    Interruption,
    JournalEntry,
    LearnerVoice,
    PatientMove,
    Started,
)
from tests.planted.builder import (
    add_voice,
    delay,
    hold,
    learner_turn,
    patient_move,
    patient_speech,
    record,
    speech_like,
    trust_step,
    with_word_times,
)
from tests.web.stand_in import case_header

ID = "20261122-101530-breast-biopsy-k3f9"
LENGTH_S = 75.0

LEARNER: tuple[tuple[float, float, str, tuple[str, ...]], ...] = (
    (3.1, 6.0, "Hello Ms Calder, I'm Doctor Okafor. Please, sit down.", ("greeting",)),
    (
        9.6,
        13.4,
        "Before I go on, can you tell me what you understand about the test?",
        ("question_open",),
    ),
    (20.4, 25.2, "I'm afraid I don't have good news. The biopsy shows a cancer.", ("headline",)),
    (36.0, 39.5, "I can see this is a shock. I'm sorry.", ("empathy_name",)),
    (44.3, 50.6, "So what we do now is a staging scan, and then the team meets.", ()),
    (64.0, 68.2, "We will go step by step. What worries you most?", ("question_open",)),
)
PATIENT: tuple[tuple[float, float, str, str], ...] = (
    (0.6, 2.4, "They said you would have the result.", ""),
    (7.0, 8.8, "Thank you. I'd rather you just told me.", ""),
    (14.6, 19.2, "They took a piece out with a needle. The girl was kind. She said a week.", ""),
    (32.0, 34.2, "So it is. I knew, you know.", ""),
    (41.0, 44.6, "My mother had it. She was", "forty-nine when she died."),
    (
        54.2,
        60.0,
        "I don't follow. Is it the same thing she had? Will I lose the breast?",
        "",
    ),
    (70.0, 73.5, "My girls. I haven't told my girls.", ""),
)


def entries() -> list[JournalEntry]:
    """Return the journal without start and end."""
    found: list[JournalEntry] = []
    for turn, (start_s, end_s, text, codes) in enumerate(LEARNER, 1):
        middle = round((start_s + end_s) / 2, 2)
        found.append(LearnerVoice(start_s=start_s, end_s=middle - 0.3, level_dbfs=-24))
        found.append(LearnerVoice(start_s=middle + 0.3, end_s=end_s, level_dbfs=-25))
        found.append(learner_turn(turn, start_s, text, *codes, end_s=end_s, complete_prob=0.8))
    for turn, (start_s, end_s, delivered, unsaid) in enumerate(PATIENT):
        fields = {"line_id": f"line-{turn}", "end_s": end_s}
        found.append(with_word_times(patient_speech(turn, start_s, delivered, unsaid, **fields)))
    found += [
        _move(2, 14.4, 0.30, 0.35, 0.40, "asked what she knew"),
        _move(3, 31.8, 0.35, 0.45, 0.85, "told her it is cancer, and let the silence stand"),
        _move(4, 40.8, 0.45, 0.60, 0.75, "named what she might feel"),
        _move(5, 54.0, 0.60, 0.45, 0.80, "interrupted her"),
        _move(6, 69.8, 0.45, 0.60, 0.70, "asked an open question"),
        hold(25.4, 31.8, "held", window_s=5.0),
        hold(60.0, 64.0, "filled", "breast"),
        Backchannel(start_s=17.0, end_s=17.4, text="Mm-hm."),
        Interruption(turn=4, start_s=44.3, stopped_s=44.6, lost_s=1.9, lost_words=4),
        delay(1, 6.0, 7.0, 0.2),
        delay(2, 13.4, 14.6, 0.5),
        delay(5, 50.6, 54.2, 2.9),
    ]
    return found


def _move(
    turn: int, at_s: float, before: float, trust: float, distress: float, cause: str
) -> PatientMove:
    return patient_move(
        turn,
        at_s,
        trust_step(cause, before, trust),
        line_id=f"line-{turn}",
        reason=f"She answers, because you {cause}.",
        ledger={"trust": trust, "distress": distress, "understanding": 0.1 * turn},
        disclosed=("mother",) if turn == 4 else (),
    )


def _channel(spans: list[tuple[float, float]], seed: int) -> Pcm16:
    noise = np.random.default_rng(seed).normal(0, 0.0004, samples(LENGTH_S))
    sound = add_voice(noise, spans, lambda seconds: speech_like(seconds, 0.2 + 0.02 * seed))
    return (np.clip(sound, -1, 1) * 32767).astype(np.int16)


BEGAN = "2026-11-22T10:15:30+00:00"


def plant(
    root: Path,
    began: str = BEGAN,
    more: Iterable[JournalEntry] = (),
    instead: Iterable[JournalEntry] | None = None,
    **changes: Any,
) -> str:
    """Record the conversation under `root` and return the attempt's id.

    more: entries to add at its end. instead: entries in place of `entries()`, with the same voices.
    changes: fields of the header.
    """
    header = case_header(**{"attempt": ID, **changes})
    voices = [(e.start_s, e.end_s) for e in entries() if isinstance(e, LearnerVoice)]
    learner = _channel([*voices, (17.0, 17.4)], 1)
    patient = _channel([(start_s, end_s) for start_s, end_s, _, _ in PATIENT], 2)
    journal = [
        Started(wall_time=began),
        *(entries() if instead is None else instead),
        *more,
        Ended(at_s=LENGTH_S, reason="learner"),
    ]
    return record(root, header, journal, (learner, patient)).id
