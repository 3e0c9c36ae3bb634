"""A sound card made of software: a private PulseAudio with a speaker and two microphones."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pcm16 = NDArray[np.int16]

PROGRAMS = ("pulseaudio", "pactl", "parec", "pacat")
VARIABLES = ("XDG_RUNTIME_DIR", "PULSE_SERVER", "PULSE_SOURCE", "PULSE_SINK")


def missing_programs() -> list[str]:
    """Programs of the Debian packages pulseaudio and pulseaudio-utils that are not here."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def wait_until(true: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Wait for something outside this process; it polls because nothing can be awaited."""
    end = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {timeout_s:g} s")
        time.sleep(0.02)


class SoundServer:
    """Sinks `spk` and `mic`; sources `vmic` (what is played into `mic`) and `vloop` (what
    the speaker plays, as a loudspeaker beside a microphone would give it)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {k: v for k, v in os.environ.items() if k not in VARIABLES}
        self.env |= {
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": f"unix:{folder}/native",
            # without it alsa's plugin would start a server of its own after a kill
            "PULSE_CLIENTCONFIG": str(folder / "client.conf"),
        }
        self._keepers: list[subprocess.Popen[bytes]] = []
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when the devices answer and are warm."""
        (self.folder / "client.conf").write_text("autospawn = no\n", encoding="utf-8")
        sink = "module-null-sink sink_name={} rate=16000 channels=1"
        self._server = subprocess.Popen(
            [
                "pulseaudio",
                "-n",
                "--daemonize=no",
                "--exit-idle-time=-1",
                "--use-pid-file=no",
                *("-L", sink.format("spk")),
                *("-L", sink.format("mic")),
                *("-L", f"module-native-protocol-unix socket={self.folder}/native"),
            ],
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: self._pactl("info") == 0, 10.0, "the start of PulseAudio")
        for master, name in (("mic", "vmic"), ("spk", "vloop")):
            remap = ["load-module", "module-remap-source", f"master={master}.monitor"]
            assert self._pactl(*remap, f"source_name={name}") == 0
        assert self._pactl("set-default-source", "vmic") == 0
        assert self._pactl("set-default-sink", "spk") == 0
        # cold sinks stall for a second or two, so somebody has to listen all the time
        for device in ("spk", "mic"):
            self._keepers.append(
                subprocess.Popen(
                    ["parec", "-d", f"{device}.monitor", "--latency-msec=10", *_FORMAT],
                    env=self.env,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )

    def say(self, pcm: Pcm16) -> subprocess.Popen[bytes]:
        """Begin to play int16 [n] at 16 kHz into the microphone."""
        player = subprocess.Popen(
            ["pacat", "--playback", "-d", "mic", "--latency-msec=250", *_FORMAT],
            env=self.env,
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert player.stdin is not None
        player.stdin.write(pcm.tobytes())
        player.stdin.close()
        self._keepers.append(player)
        return player

    def default_source(self, name: str) -> None:
        """Which source an application gets that asks for none."""
        assert self._pactl("set-default-source", name) == 0

    def kill(self) -> None:
        """Pull the plug."""
        if self._server is not None:
            self._server.send_signal(signal.SIGKILL)
            self._server.wait()
            self._server = None

    def stop(self) -> None:
        """End everything that was started."""
        for process in self._keepers:
            process.terminate()
        for process in self._keepers:
            process.wait()
        self._keepers.clear()
        if self._server is not None:
            self._server.terminate()
            self._server.wait()
            self._server = None

    def _pactl(self, *words: str) -> int:
        quiet = subprocess.DEVNULL
        return subprocess.run(
            ["pactl", *words], env=self.env, stdout=quiet, stderr=quiet, check=False
        ).returncode


_FORMAT = ("--rate=16000", "--channels=1", "--format=s16le", "--raw")


@contextlib.contextmanager
def sound_server() -> Iterator[SoundServer]:
    """A running server in a folder of its own; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="sv-") as folder:
        os.chmod(folder, 0o700)
        server = SoundServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
