"""A planted conversation of 75 s that has every event a debrief can show."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from simvoice.audio import RATE, Pcm16, samples
from simvoice.record.events import (
    Backchannel,
    Coded,
    Delay,
    DeliveredWord,
    Ended,
    Header,
    Hold,
    Interruption,
    JournalEntry,
    LearnerTurn,
    LearnerVoice,
    LedgerStep,
    PatientMove,
    PatientSpeech,
    Started,
)
from simvoice.record.recorder import Recorder
from simvoice.record.store import Store
from tests.web.stand_in import CASE, speech_like

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


def _words(start_s: float, end_s: float, text: str) -> tuple[DeliveredWord, ...]:
    parts = text.split()
    each = (end_s - start_s) / len(parts)
    return tuple(
        DeliveredWord(text=w, start_s=start_s + i * each, end_s=start_s + (i + 1) * each)
        for i, w in enumerate(parts)
    )


def _entries() -> list[JournalEntry]:
    found: list[JournalEntry] = []
    for turn, (start_s, end_s, text, codes) in enumerate(LEARNER, 1):
        middle = round((start_s + end_s) / 2, 2)
        found.append(LearnerVoice(start_s=start_s, end_s=middle - 0.3, level_dbfs=-24))
        found.append(LearnerVoice(start_s=middle + 0.3, end_s=end_s, level_dbfs=-25))
        found.append(
            LearnerTurn(
                turn=turn,
                start_s=start_s,
                end_s=end_s,
                text=text,
                avg_logprob=-0.3,
                no_speech_prob=0.02,
                complete_prob=0.8,
                codes=tuple(Coded(code=c, words=text) for c in codes),
            )
        )
    for turn, (start_s, end_s, heard, unsaid) in enumerate(PATIENT):
        found.append(
            PatientSpeech(
                turn=turn,
                line_id=f"line-{turn}",
                start_s=start_s,
                end_s=end_s,
                text=f"{heard} {unsaid}".strip(),
                heard=heard,
                unsaid=unsaid,
                words=_words(start_s, end_s, heard),
            )
        )
    found += [
        _move(2, 14.4, 0.30, 0.35, 0.40, "asked what she knew"),
        _move(3, 31.8, 0.35, 0.45, 0.85, "told her it is cancer, and let the silence stand"),
        _move(4, 40.8, 0.45, 0.60, 0.75, "named what she might feel"),
        _move(5, 54.0, 0.60, 0.45, 0.80, "interrupted her"),
        _move(6, 69.8, 0.45, 0.60, 0.70, "asked an open question"),
        Hold(start_s=25.4, end_s=31.8, window_s=5.0, outcome="held", beat="headline"),
        Hold(start_s=60.0, end_s=64.0, window_s=6.0, outcome="filled", beat="breast"),
        Backchannel(start_s=17.0, end_s=17.4, text="Mm-hm."),
        Interruption(turn=4, start_s=44.3, stopped_s=44.6, lost_s=1.9, lost_words=4),
        Delay(turn=1, speech_end_s=6.0, first_sound_s=7.0, chosen_silence_s=0.2),
        Delay(turn=2, speech_end_s=13.4, first_sound_s=14.6, chosen_silence_s=0.5),
        Delay(turn=5, speech_end_s=50.6, first_sound_s=54.2, chosen_silence_s=2.9),
    ]
    return found


def _move(
    turn: int, at_s: float, before: float, trust: float, distress: float, cause: str
) -> PatientMove:
    return PatientMove(
        turn=turn,
        at_s=at_s,
        kind="answer",
        line_id=f"line-{turn}",
        reason=f"She answers, because you {cause}.",
        steps=(LedgerStep(name="trust", before=before, after=trust, cause=cause),),
        ledger={"trust": trust, "distress": distress, "understanding": 0.1 * turn},
        disclosed=("mother",) if turn == 4 else (),
    )


def _channel(spans: list[tuple[float, float]], seed: int) -> Pcm16:
    sound = np.random.default_rng(seed).normal(0, 0.0004, samples(LENGTH_S))
    for start_s, end_s in spans:
        first = samples(start_s)
        part = speech_like(end_s - start_s, 0.2 + 0.02 * seed)
        sound[first : first + part.size] += part
    return (np.clip(sound, -1, 1) * 32767).astype(np.int16)


BEGAN = "2026-11-22T10:15:30+00:00"


def plant(root: Path, began: str = BEGAN, more: Iterable[JournalEntry] = (), **changes: Any) -> str:
    """Record the conversation under `root` and return the attempt's id.

    more: entries to add at its end. changes: fields of the header.
    """
    header = Header(
        **{
            "attempt": ID,
            "simvoice": "0.1.0",
            "case_id": CASE.id,
            "case_title": CASE.title,
            "case_sha256": "0" * 64,
            "patient_name": CASE.patient_name,
            "seed": 1,
            **changes,
        }
    )
    recorder = Recorder.create(root, header)
    recorder.add(Started(wall_time=began))
    recorder.sound(*(np.zeros(RATE, np.int16) for _ in "lp"))
    learner_spans = [(e.start_s, e.end_s) for e in _entries() if isinstance(e, LearnerVoice)]
    learner = _channel([*learner_spans, (17.0, 17.4)], 1)
    patient = _channel([(start_s, end_s) for start_s, end_s, _, _ in PATIENT], 2)
    for entry in (*_entries(), *more):
        recorder.add(entry)
    recorder.add(Ended(at_s=LENGTH_S, reason="learner"))
    recorder.close()
    # the recorder works in real time; its queue cannot hold a minute at once
    kept = Store(root).open(header.attempt).audio_path
    assert kept is not None
    soundfile.write(kept, np.column_stack((learner, patient)), RATE, subtype="PCM_16")
    return header.attempt
