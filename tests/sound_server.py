"""A virtual sound card: a private PulseAudio server with a speaker and two microphones."""

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
    """Return the missing programs of the Debian packages pulseaudio and pulseaudio-utils."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Wait for a condition outside this process, by polling; fail after `timeout_s`."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {timeout_s:g} s")
        time.sleep(0.02)


class SoundServer:
    """A server with the sinks `spk` and `mic` and two sources.

    `vmic` gives the sound played into `mic`; `vloop` gives the speaker's sound, as from a
    loudspeaker beside a microphone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {k: v for k, v in os.environ.items() if k not in VARIABLES}
        self.env |= {
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": f"unix:{folder}/native",
            # without it ALSA's plugin would start another server after a kill
            "PULSE_CLIENTCONFIG": str(folder / "client.conf"),
        }
        self._keepers: list[subprocess.Popen[bytes]] = []
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server; return when the devices answer."""
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
        wait_until(lambda: self._pactl("info") == 0, 60.0, "the start of PulseAudio")
        for master, name in (("mic", "vmic"), ("spk", "vloop")):
            remap = ["load-module", "module-remap-source", f"master={master}.monitor"]
            assert self._pactl(*remap, f"source_name={name}") == 0
        assert self._pactl("set-default-source", "vmic") == 0
        assert self._pactl("set-default-sink", "spk") == 0
        # idle sinks stall for a second or two, so keep a reader connected to each
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
        """Start to play int16 [n] at 16 kHz into the microphone."""
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

    def loudspeaker(self, noise: Path) -> None:
        """Let the microphone hear the speaker, as in a room, and the noise of a WAV file."""
        loop = ["module-loopback", "source=spk.monitor", "sink=mic", "latency_msec=40"]
        assert self._pactl("load-module", *loop) == 0
        self.play_file(noise)

    def stereo_microphone(self) -> None:
        """Make a source of two inputs the default: the microphone is on the second."""
        sink = ["module-null-sink", "sink_name=two", "rate=16000", "channels=2"]
        assert self._pactl("load-module", *sink) == 0
        both = ["channels=2", "channel_map=front-left,front-right"]
        source = ["module-remap-source", "master=two.monitor", "source_name=vtwo", *both]
        assert self._pactl("load-module", *source) == 0
        self.default_source("vtwo")

    def play_file(self, path: Path, sink: str = "mic") -> None:
        """Start to play a WAV file into a microphone."""
        player = subprocess.Popen(
            ["paplay", "-d", sink, str(path)], env=self.env, stderr=subprocess.DEVNULL
        )
        self._keepers.append(player)

    @contextlib.contextmanager
    def record_speaker(self) -> Iterator[Path]:
        """Give a file that holds, after the block, the speaker's sound: int16 at 16 kHz."""
        path = self.folder / "speaker.raw"
        with path.open("wb") as file:
            recorder = subprocess.Popen(
                ["parec", "-d", "spk.monitor", *_FORMAT], env=self.env, stdout=file
            )
            try:
                yield path
            finally:
                recorder.terminate()
                recorder.wait()

    def unload(self, module: str) -> None:
        """Unload all modules of a name, as when their device is unplugged."""
        assert self._pactl("unload-module", module) == 0

    def default_source(self, name: str) -> None:
        """Set the source for applications that name none."""
        assert self._pactl("set-default-source", name) == 0

    def kill(self) -> None:
        """Kill the server without a clean shutdown."""
        if self._server is not None:
            self._server.send_signal(signal.SIGKILL)
            self._server.wait()
            self._server = None

    def stop(self) -> None:
        """Stop all processes that were started."""
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
    """Run a server in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="sv-") as folder:
        os.chmod(folder, 0o700)
        server = SoundServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
