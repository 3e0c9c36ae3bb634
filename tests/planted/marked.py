"""A record that is marked all through: a name, words and a sound that are found wherever they are.

Its learner says the marked words in the marked sound, writes them before the debrief and as
answers, and objects with them. A rater's comment has them, too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np

from simvoice.record.answers import OwnAnswer, OwnAnswers, write_answers
from simvoice.record.events import JournalEntry, LearnerTurn
from simvoice.record.ratings import Objection, Rating, add_objection, add_ratings
from simvoice.record.reflection import ReflectedMoment, end_reflection, save_text
from simvoice.record.store import Attempt
from tests.exam_day.marks import Marks
from tests.planted import builder, talk

AT = datetime(2026, 11, 22, 11, tzinfo=UTC)


def plant_marked(root: Path, marks: Marks) -> Attempt:
    """Record the planted conversation with the marks of a learner under `root`, and open it."""
    words = " ".join(marks.words)
    learner, patient = talk.sound()
    marked = marks.sound(learner.size // marks.frame.size + 1)[: learner.size]
    speaks = np.zeros(learner.size, bool)
    for start_s, end_s in talk.LEARNER_VOICE:
        speaks[int(start_s * 16_000) : int(end_s * 16_000)] = True
    made = builder.record(
        root,
        talk.header(uuid=uuid4(), learner=marks.name),
        [_marked(entry, words) for entry in talk.entries()],
        (np.where(speaks, marked, learner).astype(np.int16), patient),
    )
    moments = (ReflectedMoment(at_s=3.4, words=words),)
    save_text(made.folder, moments, 3.4, "aim", f"I meant {marks.answer}.", "", AT)
    end_reflection(made.folder, moments, AT)
    answer = OwnAnswer(question="What went well?", answer=f"{marks.answer} did")
    write_answers(made.folder, OwnAnswers(answers=(answer,)))
    at = AT.isoformat()
    add_objection(made.folder, Objection(item="setting", why=f"But {words}!", wall_time=at))
    rating = {"rater": "r7", "item": "setting", "value": "met", "wall_time": at}
    add_ratings(made.folder, [Rating(**rating, comment=f"Heard {words}.")])  # type: ignore[arg-type]
    return made


def _marked(entry: JournalEntry, words: str) -> JournalEntry:
    if not isinstance(entry, LearnerTurn):
        return entry
    return entry.model_copy(update={"text": f"{entry.text} {words}"})
