"""The search for what is left of a learner finds it in every form, and finds nothing else."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from simvoice.audio import FRAME, RATE, to_float
from tests.exam_day.marks import make_marks, text_of_others
from tests.exam_day.search import heard_in, search_bytes, search_folders, with_words

CODE = "CDFH-JKMN-PRTV"
LEARNERS = make_marks(8, 7)
ONE = replace(LEARNERS[3], code=CODE)
OTHERS = [each for each in LEARNERS if each.number != 3]

WRITTEN: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "in capitals": lambda text: text.upper().encode(),
    "in UTF-16": lambda text: text.encode("utf-16"),
    "in UTF-16, big end first": lambda text: text.encode("utf-16-be"),
    "in JSON": lambda text: json.dumps({"text": f"Hello {text}."}).encode(),
    "in hex": lambda text: text.encode().hex().upper().encode(),
    "in base64": lambda text: base64.b64encode(f"a{text} of it".encode()),
    "in base64, one later": lambda text: base64.b64encode(f"ab{text} of it".encode()),
    "in base64, two later": lambda text: base64.b64encode(f"abc{text} of it".encode()),
    "in gzip": lambda text: b"cache entry" + gzip.compress(f"<p>{text}</p>".encode()),
    "in ZIP": lambda text: zipped(text),
}


def zipped(text: str) -> bytes:
    """Return a ZIP archive with a compressed file that holds a text."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("answers.txt", text)
    return made.getvalue()


@pytest.mark.parametrize("form", WRITTEN)
def test_each_text_is_found_in_each_form(form: str) -> None:
    for text in ONE.texts:
        found = search_bytes(bytes(9) + WRITTEN[form](text), [ONE], "here", sound=False)
        assert [(each.learner, each.what) for each in found] == [(3, "text")], text


def test_no_learner_is_taken_for_another() -> None:
    data = " ".join(ONE.texts).encode() + ONE.sound(5).tobytes()
    assert search_bytes(data, OTHERS, "here") == []
    page = f"<p>{ONE.name}</p>"
    assert text_of_others(page, OTHERS) == []
    assert text_of_others(page, [ONE]) == ["a mark of learner 3"]


HEARD: dict[str, Callable[[], bytes]] = {
    "PCM16": lambda: ONE.sound(3).tobytes(),
    "PCM16 after an odd byte": lambda: b"R" + ONE.sound(3).tobytes(),
    "one frame of PCM16 that began before": lambda: ONE.sound(3)[100 : 100 + 2 * FRAME].tobytes(),
    "float32": lambda: to_float(ONE.sound(3)).tobytes(),
    "float32 after three bytes": lambda: b"RIF" + to_float(ONE.sound(3)).tobytes(),
    "the left of two channels": lambda: np.stack([ONE.sound(3), noise(3)], 1).tobytes(),
    "the right of two channels of float32": lambda: np.stack(
        [to_float(noise(3)), to_float(ONE.sound(3))], 1
    ).tobytes(),
    "messages of one frame each": lambda: b"".join(
        bytes(24) + ONE.sound(1).tobytes() for _ in range(3)
    ),
    "FLAC": lambda: flac(np.stack([ONE.sound(50), noise(50)], 1)),
    "a tenth as loud, in noise": lambda: (ONE.sound(9) // 10 + noise(9) // 40).tobytes(),
}


def noise(frames: int) -> np.ndarray:
    """Return noise as loud as a voice: int16."""
    made = np.random.default_rng(5).normal(0, 3000, frames * FRAME)
    return np.asarray(made, np.int16)


def flac(channels: np.ndarray) -> bytes:
    """Return a FLAC file. channels: int16 [n, 2]."""
    made = io.BytesIO()
    soundfile.write(made, channels, RATE, format="FLAC")
    return made.getvalue()


@pytest.mark.parametrize("form", HEARD)
def test_the_sound_is_found_in_each_form(form: str) -> None:
    data = bytes(3201) * 2 + HEARD[form]() if not form.startswith("FLAC") else HEARD[form]()
    found = search_bytes(data, LEARNERS, "here")
    assert [(each.learner, each.what) for each in found] == [(3, "sound")]


def test_noise_hums_and_what_is_encrypted_hold_no_sound() -> None:
    random = np.random.default_rng(11)
    t = np.arange(RATE * 4) / RATE
    hum = sum(np.sin(2 * np.pi * hz * t) for hz in (190, 380, 570, 760, 950)) * 0.1
    assert heard_in(hum, LEARNERS) == []
    assert heard_in(random.normal(0, 0.1, RATE * 10), LEARNERS) == []
    assert search_bytes(random.bytes(200_000), LEARNERS, "here") == []


def test_files_are_searched_with_their_names_and_inside_a_database(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / f"{ONE.words[0]}.txt").write_bytes(b"")
    with sqlite3.connect(tmp_path / "outbox.sqlite3") as database:
        database.execute("create table note (text)")
        database.execute("insert into note values (?)", (f"said {ONE.words[1]} twice",))
    database.close()
    (tmp_path / "clean.log").write_text("nothing of anyone")
    found = search_folders([tmp_path], LEARNERS)
    assert len(found) == 2
    assert {each.learner for each in found} == {3}
    later = max(path.stat().st_ctime for path in tmp_path.rglob("*")) + 1
    assert search_folders([tmp_path], LEARNERS, since=later) == []


def test_the_code_and_what_was_recognised_are_searched_too(tmp_path: Path) -> None:
    case = tmp_path / "case.yaml"
    case.write_text("- What happened to your sore wrist?")
    turns = ["Oh dear. What happened to your sore wrist?", "I will look at it this afternoon."]
    wanted = with_words(LEARNERS[0], CODE, turns, [case])
    assert wanted.words[2:] == ("I will look at it this afternoon",)
    for left in (CODE.replace("-", ""), "i will look at it this afternoon"):
        assert search_bytes(left.encode(), [wanted], "a cache")
    assert not search_bytes(case.read_bytes(), [wanted], "the case")
