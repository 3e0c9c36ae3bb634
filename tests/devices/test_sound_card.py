"""The sound card through the real PortAudio, on a private sound server.

Each test that needs the server runs its half in a process of its own: PortAudio reads the
environment once, and a killed server must not take the other tests with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from simvoice.audio import RATE, level_dbfs, to_int16
from simvoice.devices import portaudio
from simvoice.devices.sound_card import SoundCard
from simvoice.errors import DeviceMissing, LibraryMissing, SimvoiceError
from simvoice.simulate.signals import pink_noise
from tests.alike import find
from tests.sound_server import SoundServer, missing_programs, sound_server

pytestmark = [pytest.mark.soundcard, pytest.mark.realtime]

PRELUDE = """
import json, sys
import numpy as np
from simvoice.audio import FRAME
from simvoice.devices import portaudio
from simvoice.devices.loopback import measure_loopback
from simvoice.devices.sound_card import SoundCard
from simvoice.errors import SimvoiceError
SILENCE = np.zeros(FRAME, np.int16)
def tell(**what):
    print(json.dumps(what), flush=True)
def turn(card, frame=SILENCE):
    got = card.read()
    card.write(frame)
    return got
"""


@pytest.fixture
def server() -> Iterator[SoundServer]:
    missing = missing_programs()
    if missing:
        pytest.fail(f"{missing} not installed; on Debian: apt-get install pulseaudio-utils")
    with sound_server() as running:
        yield running


class CardProcess:
    """A Python process that uses the sound card and reports in JSON lines."""

    def __init__(self, env: dict[str, str], code: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + textwrap.dedent(code)],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def next_report(self) -> dict[str, Any]:
        """Return the next line; fail with the process's stderr when there is none."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            _, err = self.process.communicate(timeout=60)
            raise AssertionError(err)
        found: dict[str, Any] = json.loads(line)
        return found

    def tell(self) -> None:
        """Let a process that waits for a line go on."""
        assert self.process.stdin is not None
        self.process.stdin.write("go on\n")
        self.process.stdin.flush()

    def ends(self) -> None:
        _, err = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, err


def last(env: dict[str, str], code: str) -> dict[str, Any]:
    other = CardProcess(env, code)
    report = other.next_report()
    other.ends()
    return report


def test_the_microphones_sound_is_captured_exactly(server: SoundServer) -> None:
    said = to_int16(pink_noise(1.0, -20.0, 4))
    other = CardProcess(
        server.env,
        """
        card = SoundCard(echo="headphones", rate=16000)
        card.start()
        tell(ready=True)
        sound = np.concatenate([turn(card).pcm for _ in range(175)])
        tell(sound=sound.tolist(), facts=card.facts.kind, trouble=card.trouble)
        card.stop()
        """,
    )
    assert other.next_report() == {"ready": True}
    # silence first: a stream is exact only after its first few milliseconds
    server.say(np.concatenate([np.zeros(RATE // 2, np.int16), said, np.zeros(RATE, np.int16)]))
    report = other.next_report()
    other.ends()
    heard = np.array(report["sound"], np.int16)
    assert (report["facts"], report["trouble"]) == ("sound-card", None)
    matched = np.correlate(heard.astype(float), said.astype(float), "valid")
    at = int(np.argmax(matched))
    np.testing.assert_allclose(heard[at : at + said.size], said, atol=1)


def test_at_the_preferred_rate_the_microphone_keeps_speech_and_level(server: SoundServer) -> None:
    said = to_int16(pink_noise(1.0, -20.0, 4))
    other = CardProcess(
        server.env,
        """
        card = SoundCard(echo="headphones")
        card.start()
        tell(rate=card.facts.native_rate)
        sound = np.concatenate([turn(card).pcm for _ in range(175)])
        tell(sound=sound.tolist())
        card.stop()
        """,
    )
    assert other.next_report()["rate"] == portaudio.PREFERRED_RATE
    server.say(np.concatenate([np.zeros(RATE // 2, np.int16), said, np.zeros(RATE, np.int16)]))
    heard = np.array(other.next_report()["sound"], np.int16)
    other.ends()
    wanted, got = find(heard, said, RATE)
    # the noise reaches 8 kHz, the resampler passes 6.4 kHz
    assert np.corrcoef(got, wanted)[0, 1] > 0.98
    assert level_dbfs(got / 32768) == pytest.approx(level_dbfs(said), abs=0.3)


@pytest.mark.parametrize("rate", ["None", "16000"])
def test_the_stated_delay_is_correct_within_25_ms(server: SoundServer, rate: str) -> None:
    server.default_source("vloop")
    report = last(
        server.env,
        f"""
        card = SoundCard(echo="none", rate={rate}, watch=False)
        card.start()
        for _ in range(25):
            turn(card)
        found = measure_loopback(card)
        tell(true=found.delay_s, stated=found.stated_delay_s, db=found.echo_db,
             underruns=turn(card).underruns)
        card.stop()
        """,
    )
    assert report["true"] is not None
    assert report["stated"] == pytest.approx(report["true"], abs=0.025)
    assert report["db"] == pytest.approx(0.0, abs=1.0)


def test_a_loudspeaker_is_found_and_its_echo_cancelled(server: SoundServer, tmp_path: Path) -> None:
    noise = tmp_path / "noise.wav"
    soundfile.write(noise, pink_noise(15.0, -36.0, 3), RATE, subtype="PCM_16")
    server.loudspeaker(noise)
    report = last(
        server.env,
        """
        from simvoice.audio import level_dbfs, to_int16
        from simvoice.simulate.signals import pink_noise
        card = SoundCard()
        card.start()
        noise = to_int16(pink_noise(4.0, -20.0, 1))
        heard = [turn(card, noise[i * FRAME:(i + 1) * FRAME]).pcm for i in range(200)]
        tell(echo=card.facts.echo, verdict=card.loopback.verdict,
             left=level_dbfs(np.concatenate(heard[120:])))
        card.stop()
        """,
    )
    assert (report["echo"], report["verdict"]) == ("canceller", "loudspeaker")
    assert report["left"] < -33.0


def test_headphones_are_found_and_dead_silence_is_reported(server: SoundServer) -> None:
    report = last(
        server.env,
        """
        card = SoundCard()
        card.start()
        early = card.trouble
        for _ in range(300):
            turn(card)
        tell(echo=card.facts.echo, trouble=card.trouble)
        card.stop()
        card.stop()
        """,
    )
    assert report["echo"] == "headphones"
    assert "only digital silence" in report["trouble"]


def test_a_monitor_as_the_microphone_is_refused(server: SoundServer) -> None:
    server.default_source("vloop")
    report = last(
        server.env,
        """
        try:
            SoundCard().start()
        except SimvoiceError as error:
            tell(kind=type(error).__name__, text=str(error))
        """,
    )
    assert report["kind"] == "DeviceMissing"
    assert "it is the speaker's monitor" in report["text"]


LISTENED = """
from simvoice.simulate.signals import pink_noise
from simvoice.audio import level_dbfs, to_int16
card = SoundCard(echo="headphones")
card.start()
for _ in range(25):
    turn(card)
tell(ready=True)
assert sys.stdin.readline()
patient = to_int16(np.concatenate([np.zeros(16000), pink_noise(5.0, -20.0, 1)]))
heard = []
try:
    for at in range(0, len(patient), FRAME):
        heard.append(level_dbfs(turn(card, patient[at:at + FRAME]).pcm))
    tell(kind="", text="", loud=sum(level > -50 for level in heard))
except SimvoiceError as error:
    tell(kind=type(error).__name__, text=str(error), loud=sum(level > -50 for level in heard))
card.stop()
"""
"""A line in which the patient speaks after something has happened to the devices."""


def test_the_patient_is_not_the_learner_when_a_monitor_replaces_the_microphone(
    server: SoundServer,
) -> None:
    other = CardProcess(server.env, LISTENED)
    other.next_report()
    server.unload("module-remap-source")  # the server moves the program to what is left
    other.tell()
    report = other.next_report()
    other.ends()
    assert report["kind"] == "DeviceLost"
    assert "gives only what the speaker plays" in report["text"]
    assert report["loud"] <= 8  # 160 ms


def test_a_speaker_that_goes_is_a_lost_device(server: SoundServer) -> None:
    other = CardProcess(server.env, LISTENED)
    other.next_report()
    server.unload("module-null-sink")
    other.tell()
    report = other.next_report()
    other.ends()
    assert report["kind"] == "DeviceLost"
    assert "stopped delivering sound; plug it in again" in report["text"]


def test_a_microphone_on_input_2_is_found(server: SoundServer, tmp_path: Path) -> None:
    server.stereo_microphone()
    other = CardProcess(
        server.env,
        """
        from simvoice.audio import level_dbfs
        card = SoundCard(echo="headphones")
        card.start()
        tell(ready=True)
        heard = [turn(card).pcm for _ in range(150)]
        loud = [frame for frame in heard if level_dbfs(frame) > -40]
        tell(chosen=card.input_number, level=level_dbfs(np.concatenate(loud)))
        card.stop()
        """,
    )
    other.next_report()
    path = tmp_path / "second.wav"
    said = pink_noise(3.0, -20.0, 4)
    soundfile.write(path, np.stack([0.0 * said, said], axis=1), RATE, subtype="PCM_16")
    server.play_file(path, "two")
    report = other.next_report()
    other.ends()
    assert report["chosen"] == 2
    assert report["level"] == pytest.approx(-20.0, abs=1.5)


def test_a_killed_server_is_a_lost_device(server: SoundServer) -> None:
    other = CardProcess(
        server.env,
        """
        card = SoundCard(echo="headphones")
        card.start()
        for _ in range(25):
            turn(card)
        tell(ready=True)
        try:
            while True:
                turn(card)
        except SimvoiceError as error:
            tell(kind=type(error).__name__, text=str(error))
        card.stop()
        """,
    )
    other.next_report()
    server.kill()
    report = other.next_report()
    other.ends()
    assert report["kind"] == "DeviceLost"
    assert "stopped delivering sound; plug it in again" in report["text"]


def test_a_device_is_chosen_by_name_or_index_or_refused(server: SoundServer) -> None:
    report = last(
        server.env,
        """
        listed = portaudio.list_devices()
        by_part = portaudio.choose("PUL", "microphone")
        by_index = portaudio.choose(by_part.index, "speaker")
        default = portaudio.choose(None, "microphone")
        said = []
        for wish in ("no such thing", 99):
            try:
                portaudio.choose(wish, "speaker")
            except SimvoiceError as error:
                said.append([type(error).__name__, str(error)])
        tell(names=[d.name for d in listed], by_part=by_part.name, by_index=by_index.name,
             default=default.is_default_input, said=said)
        """,
    )
    assert "pulse" in report["names"]
    assert (report["by_part"], report["by_index"], report["default"]) == ("pulse", "pulse", True)
    assert [kind for kind, _ in report["said"]] == ["DeviceMissing", "DeviceMissing"]
    assert "'no such thing'" in report["said"][0][1]
    assert "pulse" in report["said"][0][1]


def test_without_any_sound_there_is_no_microphone(server: SoundServer) -> None:
    server.kill()
    report = last(
        server.env,
        """
        try:
            SoundCard().start()
        except SimvoiceError as error:
            tell(kind=type(error).__name__, code=error.exit_code, text=str(error))
        """,
    )
    assert (report["kind"], report["code"]) == (DeviceMissing.__name__, 3)
    assert "simvoice serve" in report["text"]


def test_the_error_without_portaudio_names_the_package() -> None:
    report = last(
        {},
        """
        import ctypes.util
        ctypes.util.find_library = lambda name: None
        try:
            SoundCard().start()
        except SimvoiceError as error:
            tell(kind=type(error).__name__, code=error.exit_code, text=str(error))
        """,
    )
    assert (report["kind"], report["code"]) == (LibraryMissing.__name__, 3)
    assert "libportaudio2" in report["text"]
    assert "simvoice serve" in report["text"]


def test_a_card_that_is_not_started_raises_an_error() -> None:
    with pytest.raises(SimvoiceError, match="not started"):
        SoundCard().read()
