"""The options of an assignment: from a form, for an encounter, and in words for a learner.

What an educator types is text, and each field that cannot be used is refused in a sentence. What is
stored is `AssignmentOptions`; stations read the same.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import replace
from typing import Final

from simvoice.display import count_noun, duration_in_words
from simvoice.errors import SettingError
from simvoice.hub.storage.tables import Assignment, OneTimeCode
from simvoice.hub_client.station_messages import (
    MOST_TRIES,
    Accommodations,
    AssignmentOptions,
    Drill,
    Timer,
)
from simvoice.runtime.encounter_options import EncounterOptions
from simvoice.strict_model import StrictModel
from simvoice.web.ports import CaseCard

FACTORS: Final = (1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
"""How much longer something may take; what examination offices grant, and more."""

MOST_QUESTIONS: Final = 10
_LONGEST_QUESTION = 500
LONGEST_SKILL = 300
_SEEDS = 2**31

TIMER_WORDS: Final = {
    Timer.CASE: "as the case says",
    Timer.SOFT: "the end of the time is announced, and the conversation goes on",
    Timer.HARD: "the conversation ends with its time",
}


class OptionsForm(StrictModel):
    """The fields of the form, as text; times are in minutes. It has other fields too."""

    seed: str = ""
    reading: str = ""
    limit: str = ""
    timer: str = Timer.CASE.value
    questions: str = ""
    """One a line."""
    questions_time: str = ""
    reflects: str = "yes"
    """In practice, "no" opens the debrief at once."""
    moment: str = ""
    """Case and moment of a drill, "sudden-death/the-news"."""
    skill: str = ""
    tries: str = ""
    drill_time: str = ""
    time_factor: str = ""
    patience_factor: str = ""
    captions: str = ""
    large_type: str = ""
    typed: str = ""
    token: str = ""
    """Of the page. The door has checked it (`doors.access`)."""


def options_of(task: Assignment) -> AssignmentOptions:
    """Return the options of an assignment; those of simvoice for one that was stored without."""
    return AssignmentOptions.model_validate(task.options)


def accommodations_of(options: AssignmentOptions, code: OneTimeCode | None) -> Accommodations:
    """Return what is changed for a learner, by the assignment and by their code."""
    if code is None:
        return options.accommodations
    return options.accommodations.joined(Accommodations.model_validate(code.accommodations))


def encounter_options(
    task: Assignment, accommodations: Accommodations, *, left_s: float | None = None
) -> EncounterOptions:
    """Return how an encounter of an assignment differs from its case.

    left_s: what is left of the time of a drill, with the learner's accommodations; None otherwise.
    """
    options = options_of(task)
    found = options.for_encounter(accommodations, task.mode)
    if left_s is None:
        return found
    most_s = left_s / accommodations.time_factor
    limit_s = most_s if options.limit_s is None else min(options.limit_s, most_s)
    return replace(found, limit_s=limit_s, timer="hard")


# -- from a form


def parse_options(
    form: OptionsForm, mode: str, card: CaseCard, present: AssignmentOptions | None = None
) -> AssignmentOptions:
    """Return the options of a form. Raises SettingError for the first field that cannot be used.

    mode: `practice`, `exam` or `drill`. card: the case. present: the options before; an exam keeps
    its seed when the field is empty.
    """
    blank = AssignmentOptions()
    is_drill, is_exam = mode == "drill", mode == "exam"
    limit_s = _minutes(form.limit, "length of the conversation", 120.0)
    if limit_s is not None and limit_s < 30.0:
        raise SettingError("The length of the conversation must be half a minute or more.")
    reading_s = _minutes(form.reading, "reading time", 60.0)
    questions_s = _minutes(form.questions_time, "time for the questions", 60.0)
    if form.timer not in list(Timer):
        raise SettingError("Choose what happens at the end of the time.")
    return AssignmentOptions(
        seed=_seed(form.seed, present.seed if present else None) if is_exam else None,
        reading_s=card.reading_time_s if reading_s is None else reading_s,
        limit_s=limit_s,
        timer=Timer(form.timer),
        questions=_questions(form.questions),
        questions_s=blank.questions_s if questions_s is None else questions_s,
        reflects=form.reflects != "no",
        drill=_drill(form, card) if is_drill else None,
        accommodations=parse_accommodations(form),
    )


def parse_accommodations(form: OptionsForm) -> Accommodations:
    """Return the accommodations of a form. Raises SettingError for a factor that is not offered."""
    return Accommodations(
        time_factor=_factor(form.time_factor, "more time"),
        patience_factor=_factor(form.patience_factor, "more patience"),
        captions=form.captions == "yes",
        large_type=form.large_type == "yes",
        typed=form.typed == "yes",
    )


def filled_form(options: AssignmentOptions, case_id: str) -> OptionsForm:
    """Return the form of options that are stored."""
    drill, changed = options.drill, options.accommodations
    return OptionsForm(
        seed="" if options.seed is None else str(options.seed),
        reading=_typed(options.reading_s),
        limit=_typed(options.limit_s),
        timer=options.timer.value,
        questions="\n".join(options.questions),
        questions_time=_typed(options.questions_s),
        reflects="yes" if options.reflects else "no",
        moment=f"{case_id}/{drill.moment}" if drill else "",
        skill=drill.skill if drill else "",
        tries=str(drill.tries) if drill else "",
        drill_time=_typed(60.0 * drill.minutes) if drill else "",
        time_factor=f"{changed.time_factor:g}",
        patience_factor=f"{changed.patience_factor:g}",
        captions="yes" if changed.captions else "",
        large_type="yes" if changed.large_type else "",
        typed="yes" if changed.typed else "",
    )


def _typed(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds / 60.0:g}"


def _minutes(text: str, what: str, most: float) -> float | None:
    """Return a typed number of minutes in seconds; None for an empty field."""
    text = text.strip().replace(",", ".")
    if not text:
        return None
    try:
        minutes = float(text[:20])
    except ValueError:
        minutes = math.nan
    if not 0.0 <= minutes <= most:
        raise SettingError(f"The {what} must be a number of minutes from 0 to {most:g}.")
    return round(60.0 * minutes, 1)


def _whole(text: str, sentence: str, least: int, most: int, otherwise: int) -> int:
    text = text.strip()
    if not text:
        return otherwise
    if not (text.isascii() and text.isdigit() and least <= int(text[:12]) <= most):
        raise SettingError(sentence)
    return int(text)


def _seed(text: str, present: int | None) -> int:
    sentence = f"The seed must be a whole number from 0 to {_SEEDS - 1}, or empty for a new one."
    otherwise = secrets.randbelow(_SEEDS) if present is None else present
    return _whole(text, sentence, 0, _SEEDS - 1, otherwise)


def _factor(text: str, what: str) -> float:
    for factor in FACTORS:
        if text in ("", f"{factor:g}"):
            return factor
    raise SettingError(f"Choose one of the offered values for {what}.")


def _questions(text: str) -> tuple[str, ...]:
    found = tuple(line for each in text.splitlines() if (line := " ".join(each.split())))
    if len(found) > MOST_QUESTIONS:
        raise SettingError(f"Ask at most {MOST_QUESTIONS} questions, one a line.")
    if any(len(each) > _LONGEST_QUESTION for each in found):
        raise SettingError(f"A question can have at most {_LONGEST_QUESTION} characters.")
    return found


def _drill(form: OptionsForm, card: CaseCard) -> Drill:
    case_id, _, moment_id = form.moment.partition("/")
    moment = next((each for each in card.moments if each.id == moment_id), None)
    if case_id != card.id or moment is None:
        raise SettingError("Choose where the drill begins: a moment of the case that you chose.")
    skill = " ".join(form.skill.split()) or moment.skill
    if len(skill) > LONGEST_SKILL:
        raise SettingError(f"What to practise can have at most {LONGEST_SKILL} characters.")
    tries_sentence = f"The number of tries must be 1 to {MOST_TRIES}."
    seconds = _minutes(form.drill_time, "time of all tries", 60.0)
    if seconds is not None and seconds < 60.0:
        raise SettingError("The time of all tries must be one minute or more.")
    return Drill(
        skill=skill,
        moment=moment.id,
        tries=_whole(form.tries, tries_sentence, 1, MOST_TRIES, 5),
        minutes=10.0 if seconds is None else seconds / 60.0,
    )


# -- in words


def what_happens(
    mode: str,
    options: AssignmentOptions,
    card: CaseCard | None,
    who_sees: str,
    accommodations: Accommodations | None = None,
) -> list[str]:
    """Return what a learner is told before an assignment, in sentences.

    mode: `practice`, `exam` or `drill`. card: its case, when it is here. who_sees: the course with
    its educators. accommodations: of the learner; those of the assignment when None.
    """
    changed = accommodations or options.accommodations
    told = _time_told(mode, options, changed, card)
    if mode == "exam":
        told += [
            "Everyone meets the same patient. There is no help and no retry.",
            f"What you say is released to {who_sees}, and to nobody else. By going in you agree.",
            "You read the debrief when the educators release it.",
        ]
    elif mode == "drill":
        told.append("You read at once what happened, and try again. You decide what others see.")
    else:
        told.append("You can try again from any moment of the debrief.")
        if options.reflects:
            told.append(
                "Before the debrief you can hear some of your own moments and write about them."
            )
        told.append("Only you can open it, until you release it.")
    if options.questions:
        asked = count_noun(len(options.questions), "question")
        length = duration_in_words(options.questions_s * changed.time_factor)
        when = "After the last try" if mode == "drill" else "Afterwards"
        told.append(f"{when} you answer {asked} in your own words, within {length}.")
    granted = accommodation_words(changed)
    return [*told, *([f"For you: {granted}."] if granted else [])]


def _time_told(
    mode: str, options: AssignmentOptions, changed: Accommodations, card: CaseCard | None
) -> list[str]:
    factor = changed.time_factor
    limit_s = options.limit_s or (card.time_s if card else None)
    reading = duration_in_words(options.reading_s * factor)
    first = f"You read the note on the door for up to {reading}." if options.reading_s else ""
    told = [first] if first else []
    if mode == "drill" and options.drill is not None:
        length = duration_in_words(60.0 * options.drill.minutes * factor)
        tries = count_noun(options.drill.tries, "try", "tries")
        told.append(f"You begin in the middle of a conversation, and have {tries} in {length}.")
    elif limit_s is not None:
        ending = {
            Timer.CASE: "",
            Timer.SOFT: " The end of the time is announced, and you may finish.",
            Timer.HARD: " Then it ends.",
        }[options.timer]
        told.append(f"The conversation lasts up to {duration_in_words(limit_s * factor)}.{ending}")
    return told


def accommodation_words(changed: Accommodations) -> str:
    """Return what is changed for a learner: "1.5 times the time, captions"; empty for nothing."""
    parts = []
    if changed.time_factor > 1.0:
        parts.append(f"{changed.time_factor:g} times the time")
    if changed.patience_factor > 1.0:
        parts.append(f"the patient waits {changed.patience_factor:g} times as long")
    for is_on, words in (
        (changed.captions, "captions"),
        (changed.large_type, "larger type"),
        (changed.typed, "you may type instead of speaking"),
    ):
        if is_on:
            parts.append(words)
    return ", ".join(parts)


def drill_moment(card: CaseCard | None, options: AssignmentOptions) -> str:
    """Return the title of the moment of a drill; empty without one."""
    if card is None or options.drill is None:
        return ""
    return next((each.title for each in card.moments if each.id == options.drill.moment), "")
