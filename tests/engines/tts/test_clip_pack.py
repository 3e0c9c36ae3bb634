"""Clips that were rendered elsewhere."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import numpy as np
import pytest

from simvoice.engines.tts.clip_pack import ClipPack, PackAbout, PackFolder, pack_file, write_pack
from simvoice.engines.tts.speech_cache import CachedVoice, voice_key
from simvoice.ports import Speech, SpokenWord, VoiceStyle

LINES = [("Yes.", VoiceStyle()), ("No.", VoiceStyle(duration=1.1)), ("I’m here…", VoiceStyle())]


class _Voice:
    """Speaks noise, and counts."""

    def __init__(self) -> None:
        self.spoken = 0

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        self.spoken += 1
        pcm = np.random.default_rng(len(text)).uniform(-0.5, 0.5, 900).astype(np.float32)
        return Speech(pcm, (SpokenWord(text, 0.0, 0.05),), (0.01, 0.02))


def about(key: str = "k", case: str = "tea") -> PackAbout:
    return PackAbout(case=case, case_sha256="0" * 64, voice=voice_key(key))


def render(tmp_path: Path, packs: Path, key: str = "k", case: str = "tea") -> Path:
    voice = CachedVoice(_Voice(), tmp_path / f"hub-{key}", key)
    target = pack_file(packs, case, voice_key(key))
    assert write_pack(target, about(key, case), voice.exported(LINES)) == len(LINES)
    return target


def test_lines_of_a_pack_need_no_synthesis_and_sound_the_same(tmp_path: Path) -> None:
    render(tmp_path, tmp_path / "packs")
    alone = CachedVoice(_Voice(), tmp_path / "alone", "k")
    voice = _Voice()
    cached = CachedVoice(voice, tmp_path / "kiosk", "k", packs=tmp_path / "packs")
    assert cached.prepare(LINES)
    assert voice.spoken == 0
    for text, style in LINES:
        spoken = cached.speak(text, style)
        expected = alone.speak(text, style)
        assert np.abs(spoken.pcm - expected.pcm).max() <= 1 / 32768
        assert (spoken.words, spoken.syllable_ends_s) == (expected.words, expected.syllable_ends_s)
    assert not (tmp_path / "kiosk").exists()  # nothing is stored twice


def test_the_same_clips_give_the_same_bytes(tmp_path: Path) -> None:
    first = render(tmp_path / "a", tmp_path / "packs-a").read_bytes()
    assert render(tmp_path / "b", tmp_path / "packs-b").read_bytes() == first


def test_a_pack_of_another_voice_is_not_used(tmp_path: Path) -> None:
    pack = render(tmp_path, tmp_path / "packs", key="other")
    renamed = pack_file(tmp_path / "packs", "tea", voice_key("k"))
    renamed.write_bytes(pack.read_bytes())  # its name says so, but it does not
    cached = CachedVoice(_Voice(), tmp_path / "kiosk", "k", packs=tmp_path / "packs")
    assert cached.recall(*LINES[0]) is None


def test_a_pack_that_comes_or_is_replaced_while_the_voice_runs_is_used(tmp_path: Path) -> None:
    packs = tmp_path / "packs"
    cached = CachedVoice(_Voice(), tmp_path / "kiosk", "k", packs=packs)
    assert cached.recall(*LINES[0]) is None
    target = render(tmp_path, packs)
    assert cached.recall(*LINES[0]) is not None
    write_pack(target, about(), [])
    assert cached.recall(*LINES[1]) is None
    assert PackFolder(packs, voice_key("k")).read("0" * 32) is None


def test_a_running_reader_keeps_the_old_pack(tmp_path: Path) -> None:
    target = render(tmp_path, tmp_path / "packs")
    pack = ClipPack(target)
    name = zipfile.ZipFile(target).namelist()[1].removesuffix(".npz")
    before = pack.read(name)
    write_pack(target, about(), [])
    assert before is not None
    assert pack.read(name) == before
    pack.close()


def test_a_write_that_fails_leaves_the_old_pack_and_no_half_one(tmp_path: Path) -> None:
    target = render(tmp_path, tmp_path / "packs")
    before = target.read_bytes()

    def clips() -> object:
        yield "0" * 32, b"x"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_pack(target, about(), clips())  # type: ignore[arg-type]
    assert target.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == [target.name]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        b"no archive at all",
        b"PK\x05\x06" + bytes(18),  # an archive without members
    ],
)
def test_what_is_no_pack_is_left_out(tmp_path: Path, content: bytes) -> None:
    packs = tmp_path / "packs"
    packs.mkdir()
    pack_file(packs, "tea", voice_key("k")).write_bytes(content)
    assert PackFolder(packs, voice_key("k")).read("0" * 32) is None


def test_compressed_members_and_other_names_are_left_out(tmp_path: Path) -> None:
    target = tmp_path / "x.zip"
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("about.json", about().model_dump_json())
        archive.writestr(f"{'a' * 32}.npz", bytes(10**6), zipfile.ZIP_DEFLATED)
        archive.writestr("../../../etc/passwd", b"x")
        archive.writestr(f"{'b' * 32}.npz", b"x")
    pack = ClipPack(target)
    assert len(pack) == 1
    assert pack.read("b" * 32) == b"x"
    pack.close()


def test_a_pack_with_any_byte_changed_gives_the_clip_or_none(tmp_path: Path) -> None:
    target = render(tmp_path, tmp_path / "packs")
    whole = target.read_bytes()
    name = zipfile.ZipFile(target).namelist()[1].removesuffix(".npz")
    right = ClipPack(target).read(name)
    chance = random.Random(5)
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        target.write_bytes(damaged[: chance.choice([len(damaged), chance.randrange(len(damaged))])])
        try:
            pack = ClipPack(target)
        except ValueError:
            continue
        assert pack.read(name) in (None, right)
        pack.close()
