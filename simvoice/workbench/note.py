"""Make a complete case from a door note: what the note says of the patient, and the skeleton."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from simvoice.errors import CaseError
from simvoice.patient.case.load import CASE_FILE, SUITE_FILE
from simvoice.safe_text import shortened
from simvoice.workbench.yaml_text import written
from simvoice.yaml_file import parse_yaml

CaseFiles = dict[str, str]
"""File name to its text, of the files of a case's folder."""

LONGEST_NOTE: Final = 6_000
"""Characters of a door note; the longest of a shipped case has 2,300."""
LONGEST_FIELD: Final = 200
_MOST_WORDS: Final = 12
"""Words or expressions that make up the main message."""


@dataclass(frozen=True, slots=True)
class DoorNote:
    """A door note, and what can be read from it. All texts may be empty but the note."""

    text: str
    name: str = ""
    age: str = ""
    pronouns: str = ""
    """she, he or they."""
    learner: str = ""
    """Who the learner is to the patient: Doctor, Nurse …"""
    title: str = ""
    course: str = ""
    setting: str = ""
    minutes: str = ""
    level: str = ""
    key_words: str = ""
    """What the learner has to say, in words that everybody would use for it; separated by
    commas."""


# -- reading a note ---------------------------------------------------------------------------

_CALLED = r"[A-Z][\w'’-]+"
_NAMED = re.compile(
    rf"\b(?P<title>Mr|Mrs|Ms|Miss|Mx|Dr)\.? (?P<titled>{_CALLED}(?: {_CALLED}){{0,3}})"
    r"(?:, (?P<age>\d{1,3}))?"
    rf"|\b(?P<plain>{_CALLED}(?: {_CALLED}){{1,3}}), (?P<years>\d{{1,3}})\b"
)
_AGED = re.compile(r"\b(\d{1,3})[- ]years?[- ]old\b|\baged (\d{1,3})\b")
_ROLE = re.compile(
    r"\b[Yy]ou are (?:a|an|the)\b[^.]{0,40}?\b(doctor|nurse|pharmacist|midwife|physiotherapist|"
    r"paramedic|student|surgeon|therapist)\b"
)
_MINUTES = re.compile(r"\b(\d{1,2}|[a-z]+) minutes\b")
_NUMBER_WORDS = "one two three four five six seven eight nine ten eleven twelve"
_NUMBER: Final = {
    **{word: number for number, word in enumerate(_NUMBER_WORDS.split(), 1)},
    **{"fifteen": 15, "twenty": 20, "thirty": 30},
}
_MESSAGE = re.compile(
    r"\b(cancer|tumou?r|died|dead|death|stroke|dementia|diabetes|HIV|heart failure|infection|"
    r"error|mistake|overdose|wrong dose|miscarriage|relapse|metastas\w+|transplant|amputation|"
    r"alcohol|drinking|smoking)\b",
    re.IGNORECASE,
)
_LESS = re.compile(r"\b(operation|surgery|result|diagnosis|tablets?|medication)\b", re.IGNORECASE)
"""What a conversation is about when the note has no plainer word for it."""
_PRONOUN_OF: Final = {"Mr": "he", "Mrs": "she", "Ms": "she", "Miss": "she", "Mx": "they"}


def read_note(text: str) -> DoorNote:
    """Return what a door note says of the patient and the encounter; empty where it says nothing.

    It is a first proposal: the educator corrects it. Raises CaseError for an empty note, or one
    that is too long.
    """
    text = "\n".join(row.rstrip() for row in text.replace("\r\n", "\n").strip().split("\n"))
    if not text:
        raise CaseError("write the door note first: whom the learner meets, and what for")
    if len(text) > LONGEST_NOTE:
        raise CaseError(
            f"the note has {len(text):,} characters; {LONGEST_NOTE:,} is the most, so shorten it"
        )
    named, aged = _NAMED.search(text), _AGED.search(text)
    name = age = title = ""
    if named is not None:
        name = named["titled"] or named["plain"]
        age = named["age"] or named["years"] or ""
        title = named["title"] or ""
    if not age and aged is not None:
        age = aged[1] or aged[2]
    role, minutes = _ROLE.search(text), _MINUTES.search(text)
    found = [each.lower() for each in _MESSAGE.findall(text) or _LESS.findall(text)]
    words = list(dict.fromkeys(found))[:3]
    given = minutes[1] if minutes else ""
    return DoorNote(
        text=text,
        name=name,
        age=age,
        pronouns=_PRONOUN_OF.get(title) or _most_used_pronoun(text),
        learner=role[1].capitalize() if role else "Doctor",
        title=f"A conversation with {name}" if name else "",
        course="",
        setting="",
        minutes=given if given.isdigit() else str(_NUMBER.get(given, 8)),
        key_words=", ".join(words),
    )


def _most_used_pronoun(text: str) -> str:
    words = re.findall(r"[a-z]+", text.lower())
    he = sum(word in {"he", "his", "him"} for word in words)
    she = sum(word in {"she", "her", "hers"} for word in words)
    return "they" if he == she else "he" if he > she else "she"


# -- a case from a note -----------------------------------------------------------------------

_VOICES: Final[dict[str, dict[str, float]]] = {
    "he": {"formant_shift": 1.0, "pitch_hz": 112},
    "she": {"formant_shift": 1.14, "pitch_hz": 200},
    "they": {"formant_shift": 1.06, "pitch_hz": 155},
}
"""A voice of a speaker in the middle of life, by pronoun; `docs/voices.md` has more."""
_THEM: Final = {"he": "him", "she": "her", "they": "them"}
_TITLES: Final = {"he": "Mr.", "she": "Ms.", "they": "Mx."}


def case_from_note(note: DoorNote, case_id: str) -> CaseFiles:
    """Return the files of a playable case. Raises CaseError for a field that cannot be used."""
    note = _checked(note)
    short = _short_name(note.name)
    surname = note.name.split()[-1]
    keys = tuple(" ".join(each.split()) for each in note.key_words.split(",") if each.strip())
    values = {
        **{each.name: getattr(note, each.name) for each in fields(note)},
        **{"id": case_id, "short": short, "them": _THEM[note.pronouns], "door_note": note.text},
        "formal": f"{_TITLES[note.pronouns]} {surname}" if " " in note.name else note.name,
        "summary": f"A conversation of {note.minutes} minutes with {note.name}, {note.age}.",
        "key": keys[0],
    }
    made = _filled(_skeleton(), values)
    case = made["case"]
    case["person"] |= {"age": int(note.age), "pronouns": note.pronouns}
    case["person"]["voice"] = _VOICES[note.pronouns]
    case["time"]["limit_s"] = 60 * int(note.minutes)
    case["codes"]["main_message"]["any"] = [_pattern(each) for each in keys]
    names = {"case": CASE_FILE, "suite": SUITE_FILE}
    names |= {"demo": "demo.yaml", "demo_poor": "demo-poor.yaml"}
    return {file: written(made[part]) for part, file in names.items()}


def _checked(note: DoorNote) -> DoorNote:
    """Return a note whose fields can be used. Raises CaseError for one that cannot."""
    read = read_note(note.text)
    given = {
        each.name: " ".join(getattr(note, each.name).split())
        for each in fields(note)
        if each.name != "text"
    }
    for name, value in given.items():
        if len(value) > LONGEST_FIELD:
            raise CaseError(
                f"“{shortened(value)}” is too long; {LONGEST_FIELD} letters is the most"
            )
        if "<" in value or ">" in value:
            raise CaseError(f"leave out < and > in “{shortened(value)}” ({name})")
    if not re.fullmatch(r"[^\W\d_](?:[\w .'’-]*[\w'’])?", given["name"]):
        raise CaseError("give the name of the patient, in letters: Sam Porter")
    if not given["age"].isdigit() or not 0 < int(given["age"]) <= 120:
        raise CaseError("give the age of the patient in years, as a number from 1 to 120")
    if given["pronouns"] not in _VOICES:
        raise CaseError("choose the pronouns of the patient: she, he or they")
    if not given["minutes"].isdigit() or not 1 <= int(given["minutes"]) <= 60:
        raise CaseError("give the length of the encounter in minutes, from 1 to 60")
    given["learner"] = given["learner"] or "Doctor"
    if not re.fullmatch(r"[A-Z][a-z]+", given["learner"]):
        raise CaseError("give one word with a capital letter for who the learner is: Doctor, Nurse")
    given["key_words"] = given["key_words"] or read.key_words or "news, result"
    keys = [each for each in given["key_words"].split(",") if each.strip()]
    if len(keys) > _MOST_WORDS or not all(re.search(r"\w", each) for each in keys):
        raise CaseError(f"give one to {_MOST_WORDS} words for what has to be said, with commas")
    if set("".join(keys)) & set("*_#[]{}|\\"):
        raise CaseError("use plain words for what has to be said, without signs")
    defaults = {
        "title": f"A conversation with {given['name']}",
        "course": "Clinical communication",
        "setting": "A consulting room",
        "level": "Students in their first clinical year",
    }
    given |= {name: given[name].rstrip(".") or text for name, text in defaults.items()}
    return replace(note, text=read.text, **given)


def _short_name(name: str) -> str:
    """Return the name before the patient's lines: a first name in plain letters."""
    plain = unicodedata.normalize("NFKD", name.split()[0])
    letters = "".join(each for each in plain if re.fullmatch(r"[A-Za-z'-]", each))
    letters = letters.strip("'-")
    return letters[:1].upper() + letters[1:] if len(letters) > 1 else "Patient"


def _pattern(words: str) -> str:
    """Return the pattern of words in the plain form of a sentence: "heart failure"."""
    plain = re.sub(r"[^\w ]+", " ", words.lower()).split()
    return r"\b" + " ".join(re.escape(each) for each in plain) + r"\b"


@cache
def _skeleton_text() -> str:
    place = files("simvoice.workbench") / "data" / "skeleton.yaml"
    return parse_yaml(place.read_bytes(), Path("skeleton.yaml")).json


def _skeleton() -> Any:
    return json.loads(_skeleton_text())


_BLANK = re.compile(r"<([a-z_]+)>")


def _filled(value: Any, values: dict[str, Any]) -> Any:
    """Return the skeleton with the words of the note in it. Marks of speech stay: <pause 0.6>."""
    if isinstance(value, dict):
        return {key: _filled(each, values) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    if isinstance(value, str):
        return _BLANK.sub(lambda found: str(values.get(found[1], found[0])), value)
    return value
