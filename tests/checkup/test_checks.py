"""The result of each check."""

from __future__ import annotations

import builtins
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from simvoice.audio import FRAME, Pcm16, to_int16
from simvoice.checkup import checks, sound
from simvoice.checkup.checks import Check, check_model
from simvoice.checkup.speed import SENTENCE, Pace, judge_pace, judge_understanding
from simvoice.devices import portaudio
from simvoice.devices.loopback import Loopback
from simvoice.devices.portaudio import DeviceInfo
from simvoice.models import manifest
from simvoice.simulate.signals import pink_noise


def frames(dbfs: float, seconds: float = 3.0) -> list[Pcm16]:
    pcm = to_int16(pink_noise(seconds, dbfs, 1))
    return [pcm[at : at + FRAME] for at in range(0, len(pcm) - FRAME + 1, FRAME)]


def is_complete(check: Check) -> bool:
    return bool(check.sentence) and (check.state == "ok") == (check.remedy == "")


# -- the machine ----------------------------------------------------------------------------


def test_a_python_that_is_too_old_fails() -> None:
    assert checks.check_python((3, 10, 9)).state == "fail"
    assert checks.check_python((3, 11, 0)).state == "ok"
    assert checks.check_python((4, 0, 0)).state == "ok"


def test_every_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = [
        "numpy>=1.26",
        "no-such-thing>=2 ; python_version > '3'",
        "other-thing",
        "x ; extra == 'y'",
    ]
    monkeypatch.setattr(checks.importlib.metadata, "requires", lambda _: requirements)
    found = checks.check_libraries()
    assert found.state == "fail"
    assert found.facts["missing"] == ["no-such-thing", "other-thing"]
    assert "no-such-thing, other-thing are not installed" in found.sentence
    assert is_complete(found)


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(("free", "state"), [(10**8, "fail"), (10**9, "warn"), (10**11, "ok")])
def test_the_disk_check_depends_on_the_free_space(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, state: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12 - free, free))
    found = checks.check_disk(tmp_path / "not" / "there" / "yet")
    assert found.state == state
    assert found.facts["free_bytes"] == free
    assert is_complete(found)
    assert not (tmp_path / "not").exists()


def test_a_file_instead_of_the_folder_of_attempts_fails(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    found = checks.check_disk(tmp_path / "home" / "attempts")
    assert found.state == "fail"
    assert "SIMVOICE_HOME" in found.remedy


@pytest.mark.parametrize(
    ("busy", "cores", "state"), [(0.1, 2, "ok"), (1.0, 2, "warn"), (1.0, 4, "ok"), (0.0, 1, "warn")]
)
def test_the_core_check_depends_on_the_load(busy: float, cores: int, state: str) -> None:
    found = checks.judge_cores(busy, cores)
    assert found.state == state
    assert is_complete(found)


# -- models ---------------------------------------------------------------------------------


def test_missing_and_altered_files_of_a_model_are_distinguished(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SIMVOICE_MODELS", str(tmp_path))
    names = [file.name for file in manifest.model("whisper-tiny.en").files]
    folder = tmp_path / "whisper-tiny.en"
    folder.mkdir()
    (folder / names[1]).write_bytes(b"not what was pinned")
    found = check_model("whisper-tiny.en")
    assert found.state == "fail"
    assert found.facts["files"] == dict.fromkeys(names, "missing") | {names[1]: "altered"}
    assert f"{names[1]} is altered" in found.sentence
    assert "simvoice models pull" in found.remedy


# -- sound ----------------------------------------------------------------------------------


def test_muted_quiet_good_and_loud_microphones_are_distinguished() -> None:
    silent = [np.zeros(FRAME, np.int16)] * 150
    found = {
        "dead": sound.judge_level(silent),
        "quiet": sound.judge_level(frames(-60.0)),
        "good": sound.judge_level(frames(-25.0)),
        "loud": sound.judge_level(frames(0.0)),
        "nothing": sound.judge_level([]),
    }
    assert {name: check.state for name, check in found.items()} == {
        "dead": "warn",
        "quiet": "warn",
        "good": "ok",
        "loud": "warn",
        "nothing": "warn",
    }
    assert len({check.sentence for check in found.values()}) == 5
    assert all(is_complete(check) for check in found.values())


def test_a_voice_in_half_of_the_time_has_a_good_level() -> None:
    assert sound.judge_level([*frames(-70.0, 1.5), *frames(-25.0, 1.5)]).state == "ok"


def test_the_loop_check_gives_the_level_and_the_delay_of_the_echo() -> None:
    found = sound.judge_loop(Loopback("loudspeaker", -18.2, 0.0634, 0.06, -62.0))
    assert "-18 dB, 63 ms later" in found.sentence
    assert found.facts["echo_mode"] in {"canceller", "half-duplex"}
    quiet = sound.judge_loop(Loopback("headphones", None, None, 0.06, -62.0))
    assert (quiet.state, quiet.facts["echo_mode"]) == ("ok", "headphones")


def test_a_monitor_is_told_from_a_loudspeaker() -> None:
    monitor = sound.judge_loop(Loopback("loudspeaker", -0.1, 0.06, 0.06, -96.0))
    assert monitor.state == "warn"
    assert "it is the loudspeaker's monitor" in monitor.sentence
    gated = sound.judge_loop(Loopback("loudspeaker", -32.0, 0.06, 0.06, -96.0))
    assert "monitor" not in gated.sentence


def test_the_input_with_the_microphone_is_named() -> None:
    found = sound.judge_level(frames(-25.0), 2, 0.0213)
    assert "on input 2" in found.sentence
    assert (found.facts["input"], found.facts["offset_share"]) == (2, 0.021)
    assert "input" not in sound.judge_level(frames(-25.0)).sentence


def test_the_default_device_is_named_and_the_others_are_counted() -> None:
    def device(index: int, inputs: int, default: bool) -> DeviceInfo:
        return DeviceInfo(index, f"device {index}", "ALSA", inputs, 0, 48_000, default, False)

    listed = [device(0, 1, False), device(1, 2, True), device(2, 0, False)]
    found = sound.judge_devices("microphones", listed)
    assert found.sentence == "device 1 (the default), and 1 more"
    assert sound.judge_devices("loudspeakers", listed).state == "warn"


def test_without_portaudio_the_browser_page_is_suggested(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ordinary = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return ordinary(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    (found,) = sound.check_sound(lambda _: None)
    assert (found.name, found.state) == ("PortAudio", "warn")
    assert "libportaudio2" in found.remedy
    assert "simvoice serve" in found.remedy


def test_without_devices_no_device_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        @staticmethod
        def get_portaudio_version() -> tuple[int, str]:
            return 19, "PortAudio V19"

    monkeypatch.setattr(portaudio, "load", Library)
    monkeypatch.setattr(portaudio, "list_devices", list)
    told: list[str] = []
    found = list(sound.check_sound(told.append))
    assert [(check.name, check.state) for check in found] == [
        ("PortAudio", "ok"),
        ("microphones", "warn"),
        ("loudspeakers", "warn"),
    ]
    assert told == []


# -- speed ----------------------------------------------------------------------------------


def test_the_speed_check_depends_on_the_response_time() -> None:
    def pace(hear_ms: float) -> Check:
        return judge_pace(Pace(hear_ms, 50.0, 40.0, 15.0, 150.0, 20.0, 180.0))

    assert pace(250.0).state == "ok"
    assert "about 0.6 s" in pace(250.0).sentence
    assert "answers a little slowly" in pace(900.0).sentence
    assert "answers slowly" in pace(2000.0).sentence
    assert pace(2000.0).facts["free_line_ms"] == 2635


def test_the_response_time_includes_the_end_of_the_turn() -> None:
    assert judge_pace(Pace(10.0, 5.0, 5.0, 5.0, 10.0, 50.0, 20.0)).facts["written_line_ms"] == 400


def test_without_a_model_no_response_time_is_given() -> None:
    found = judge_pace(Pace(hear_ms=200.0))
    assert found.state == "warn"
    assert "simvoice models pull" in found.remedy


def test_a_voice_that_is_not_understood_fails() -> None:
    assert judge_understanding(SENTENCE.lower().rstrip(".")).state == "ok"
    assert judge_understanding("Thank you for watching.").state == "fail"
    assert judge_understanding("").state == "fail"
