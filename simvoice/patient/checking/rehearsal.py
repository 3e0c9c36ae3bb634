"""In which moods each line is likely to be said: found by playing the case, in text.

Every wording can be said in every mood, and to make all of that sound takes longer than a learner
reads the door note. So the case is played with the learners of its suite, by words alone, and
what came up is made first, the likeliest before the rare.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from simvoice.patient import ledger
from simvoice.patient.case.schema import Case
from simvoice.patient.case.suite import Suite
from simvoice.patient.checking.check import script
from simvoice.patient.checking.text_conversation import TextConversation
from simvoice.patient.decisions import Affect, Mood
from simvoice.patient.mind import Patient
from simvoice.patient.voice import MOODS, Saying, mood_of, saying

CONVERSATIONS = 60
"""Takes about a second."""

ENOUGH = 0.95
"""Share of the turns that have to begin with a prepared clause before she can be met."""


@dataclass(frozen=True, slots=True)
class SpeechPlan:
    """What to make sound, in this order."""

    sayings: tuple[Saying, ...]
    first: int
    """So many of them have to be there before she can be met."""
    likely: int
    """So many are each wording's likeliest mood, or came up; the others did not."""


def rehearse(
    case: Case, suite: Suite | None, conversations: int = CONVERSATIONS
) -> Counter[Saying]:
    """How often each wording was said in each mood; empty without learners to play it with."""
    said: Counter[Saying] = Counter()
    learners = suite.learners if suite else ()
    if suite is None or not learners:
        return said
    patient = Patient(case, None)
    for seed in range(conversations):
        talk = TextConversation(patient, seed=seed)
        talk.open()
        for entry in script(case, suite, learners[seed % len(learners)], seed):
            talk.do(entry)
            if talk.ending:
                break
        moves = [exchange.decision.move for exchange in talk.exchanges]
        said.update(Saying(m.spoken, m.affect, m.mood) for m in moves if m.line_id and m.spoken)
    return said


def plan(case: Case, said: Counter[Saying]) -> SpeechPlan:
    """Every wording in its likeliest mood, then what else was said, the most often first, then
    the moods that never came up."""
    opening = next(line for line in case.lines if line.id == case.opening)
    lines = (opening, *(line for line in case.lines if line is not opening))
    start = mood_of(ledger.start(case, 0))
    often = _often(case, said)
    wordings = [(line, wording) for line in lines for wording in line.wordings]
    likeliest = [
        _likeliest(case, wording, said, often.get(line.when.after, start))
        for line, wording in wordings
    ]
    rest = [saying(case, *wording, mood) for _, wording in wordings for mood in MOODS]
    least = len(set(likeliest))
    heard = [each for each, _ in said.most_common()]
    wanted = tuple(dict.fromkeys([*likeliest, *heard, *rest]))
    return SpeechPlan(wanted, _enough(wanted, least, said), len({*likeliest, *heard}))


def _likeliest(
    case: Case, wording: tuple[str, Affect], said: Counter[Saying], else_mood: Mood
) -> Saying:
    ways = [saying(case, *wording, mood) for mood in MOODS]
    best = max(ways, key=lambda way: said[way])
    return best if said[best] else saying(case, *wording, else_mood)


def _often(case: Case, said: Counter[Saying]) -> dict[tuple[str, ...], Mood]:
    """The commonest mood of the lines that belong after the same beats."""
    counts: dict[tuple[str, ...], Counter[Mood]] = {}
    for line in case.lines:
        moods = counts.setdefault(line.when.after, Counter())
        for mood in MOODS:
            moods[mood] += sum(said[saying(case, *each, mood)] for each in line.wordings)
    return {after: moods.most_common(1)[0][0] for after, moods in counts.items() if moods.total()}


def _enough(wanted: Sequence[Saying], least: int, said: Counter[Saying]) -> int:
    """How many from the first on cover `ENOUGH` of all that was said; `least` at least."""
    total = said.total()
    covered = 0
    for number, each in enumerate(wanted):
        if number >= least and covered >= ENOUGH * total:
            return number
        covered += said[each]
    return len(wanted)
