"""What a learner writes about moments before the debrief, as a file of the attempt."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simvoice.errors import AttemptError, UsageError
from simvoice.record import reflection
from simvoice.record.reflection import (
    LONGEST_TEXT,
    LONGEST_WORDS,
    REFLECTION,
    LearnerReflection,
    ReflectedMoment,
    ReflectionEnded,
    ReflectionField,
    TextChanged,
    end_reflection,
    read_reflection,
    reflection_for_page,
    save_text,
)

NOW = datetime(2026, 11, 30, 10, 20, tzinfo=UTC)
MOMENTS = tuple(ReflectedMoment(at_s=at_s, words="I see.") for at_s in (12.5, 80.0))


def save(
    folder: Path,
    text: str,
    before: str = "",
    *,
    at_s: float = 12.5,
    name: ReflectionField = "aim",
    now: datetime = NOW,
) -> str:
    return save_text(folder, MOMENTS, at_s, name, text, before, now)


def read(folder: Path) -> LearnerReflection:
    found = read_reflection(folder)
    assert found is not None
    return found


def test_texts_are_kept_one_by_one_until_the_debrief_is_shown(tmp_path: Path) -> None:
    assert read_reflection(tmp_path) is None
    save(tmp_path, "Ich schwieg.\r\nDann: „ja“. 🙂\x00\x1b[31m ")
    save(tmp_path, "it hurt", at_s=80.0, name="effect", now=NOW + timedelta(minutes=1))
    found = read(tmp_path)
    assert found.moments == (
        MOMENTS[0].model_copy(update={"aim": "Ich schwieg.\nDann: „ja“. 🙂[31m"}),
        MOMENTS[1].model_copy(update={"effect": "it hurt"}),
    )
    assert (found.begun_at, found.ended_at) == ("2026-11-30T10:20:00+00:00", "")
    assert reflection_for_page(tmp_path) is None  # nobody reads a draft
    assert (tmp_path / REFLECTION).stat().st_mode & 0o777 == 0o600

    end_reflection(tmp_path, MOMENTS, NOW + timedelta(minutes=2))
    ended = reflection_for_page(tmp_path)
    assert ended is not None
    assert ended.ended_at == "2026-11-30T10:22:00+00:00"
    end_reflection(tmp_path, MOMENTS, NOW + timedelta(hours=1))  # a second press
    with pytest.raises(ReflectionEnded, match="was shown meanwhile"):
        save(tmp_path, "hindsight", "Ich schwieg.")
    assert read(tmp_path) == ended


def test_a_debrief_that_is_asked_for_at_once_leaves_empty_moments(tmp_path: Path) -> None:
    end_reflection(tmp_path, MOMENTS, NOW)
    found = read(tmp_path)
    assert (found.moments, found.written, found.is_over) == (MOMENTS, (), True)


def test_two_windows_do_not_overwrite_each_other_unseen(tmp_path: Path) -> None:
    save(tmp_path, "first")
    save(tmp_path, "other", name="instead")  # another field: no conflict
    with pytest.raises(TextChanged, match="another window") as refused:
        save(tmp_path, "second", before="")
    assert refused.value.text == "first"
    assert save(tmp_path, "second", before="first") == "second"
    assert save(tmp_path, "second", before="") == "second"  # a request that came twice
    threads = [
        threading.Thread(target=save, args=(tmp_path, name), kwargs={"name": name, "at_s": 80.0})
        for name in reflection.QUESTIONS
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    kept = read(tmp_path).moments[1]
    assert (kept.aim, kept.effect, kept.instead) == ("aim", "effect", "instead")


def test_moments_stay_those_that_were_written_about(tmp_path: Path) -> None:
    save(tmp_path, "first")
    later = (ReflectedMoment(at_s=50.0),)  # a newer version chooses others
    save_text(tmp_path, later, 80.0, "aim", "second", "", NOW)
    with pytest.raises(UsageError, match="Reload the page"):
        save_text(tmp_path, later, 50.0, "aim", "third", "", NOW)
    assert [each.aim for each in read(tmp_path).moments] == ["first", "second"]


def test_a_text_that_is_too_long_is_refused_and_the_last_one_stays(tmp_path: Path) -> None:
    save(tmp_path, "short")
    with pytest.raises(UsageError, match=r"has 100000 characters, and at most 4000"):
        save(tmp_path, "x" * 100_000, "short")
    assert read(tmp_path).moments[0].aim == "short"


def test_the_longest_texts_can_be_read_again(tmp_path: Path) -> None:
    widest = "😀" * LONGEST_TEXT
    chosen = [ReflectedMoment(at_s=at_s, words="\x07" * LONGEST_WORDS) for at_s in range(5)]
    for moment in chosen:
        for name in reflection.QUESTIONS:
            save_text(tmp_path, chosen, moment.at_s, name, widest, "", NOW)
    end_reflection(tmp_path, chosen, NOW)
    assert [each.instead for each in read(tmp_path).written] == [widest] * 5


@pytest.mark.parametrize("damage", [b"", b"{", b'{"format": 2}', b"[" * 5000, b"\xff"])
def test_a_damaged_file_is_one_sentence_and_stays_as_it_is(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / REFLECTION).write_bytes(damage)
    with pytest.raises(AttemptError, match=r"cannot be read; look at reflection\.json"):
        save(tmp_path, "text")
    with pytest.raises(AttemptError, match=r"cannot be read"):
        end_reflection(tmp_path, MOMENTS, NOW)
    assert reflection_for_page(tmp_path) is None
    assert (tmp_path / REFLECTION).read_bytes() == damage


def test_an_attempt_that_was_erased_meanwhile_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(AttemptError, match="erased meanwhile"):
        save(tmp_path / "gone", "text")
