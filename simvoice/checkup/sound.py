"""Check the sound card: its devices, the microphone's level, and the echo of the loudspeaker."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from simvoice.audio import FRAME, FRAME_S, Pcm16, level_dbfs
from simvoice.checkup.checks import Check, Detail, ok, warn
from simvoice.devices import portaudio
from simvoice.devices.loopback import Loopback, measure_loopback
from simvoice.devices.sound_card import SoundCard, choose_echo_mode
from simvoice.errors import DeviceLost, DeviceMissing, LibraryMissing
from simvoice.ports import AudioLine

BROWSER = "use the browser page, which does not need it: simvoice serve"

LISTEN_S = 3.0
DEAD_DBFS = -90.0
"""One step of 16-bit sound; a working microphone does not stay below it."""
QUIET_DBFS = -45.0
"""A voice at arm's length is 10 to 20 dB louder."""
LOUD_PEAK = 0.985
LOUD_FRAMES = 4
"""A single clipped frame can be a knock on the table."""
MONITOR_DB = -20.0
"""An echo louder than this in digital silence does not come through air."""
VOICE_SHARE = 0.1
"""The loudest tenth of the time counts as the voice, so pauses do not matter."""

Tell = Callable[[str], None]


def check_sound(
    tell: Tell, *, microphone: str | int | None = None, speaker: str | int | None = None
) -> Iterator[Check]:
    """Check PortAudio, the devices, the microphone's level and the echo, until one is missing.

    tell: called with a sentence for the user before a sound is played or the user must speak.
    """
    try:
        library = portaudio.load()
    except LibraryMissing:
        yield warn(
            "PortAudio",
            "PortAudio is not installed, so the sound card cannot be used",
            f"install it (Debian and Ubuntu: apt install libportaudio2), or {BROWSER}",
        )
        return
    yield ok("PortAudio", str(library.get_portaudio_version()[1]))
    devices = portaudio.list_devices()
    yield judge_devices("microphones", devices)
    yield judge_devices("loudspeakers", devices)
    if any(d.inputs for d in devices) and any(d.outputs for d in devices):
        yield from _check_sound_card(
            SoundCard(microphone, speaker, "headphones", watch=False), tell
        )


def check_devices_only() -> Iterator[Check]:
    """As `check_sound`, without opening a device."""
    for check in check_sound(lambda _: None):
        yield check
        if check.name == "loudspeakers":
            return


def judge_devices(name: str, devices: list[portaudio.DeviceInfo]) -> Check:
    """Check that there is a device. name: "microphones" or "loudspeakers"."""
    is_input = name == "microphones"
    usable = [d for d in devices if (d.inputs if is_input else d.outputs) > 0]
    if not usable:
        return warn(name, f"there are no {name}", f"plug one in, or {BROWSER}")
    defaults = [d for d in usable if (d.is_default_input if is_input else d.is_default_output)]
    default = (defaults or usable)[0]
    rows: list[Detail] = [
        {"index": d.index, "name": d.name, "rate_hz": d.default_rate, "default": d is default}
        for d in usable
    ]
    others = f", and {len(usable) - 1} more" if len(usable) > 1 else ""
    return ok(name, f"{default.name} (the default){others}", devices=rows)


def _check_sound_card(line: SoundCard, tell: Tell) -> Iterator[Check]:
    remedy = f"close other programs that use the sound card, or {BROWSER}"
    try:
        line.start()
        tell(f"Speak for {LISTEN_S:.0f} seconds, as loud as in a conversation.")
        frames = _record(line)
        yield judge_level(frames, line.input_number, line.offset)
        tell("You will now hear two short test tones.")
        yield judge_loop(measure_loopback(line))
    except (DeviceMissing, DeviceLost) as error:
        yield warn("sound card", str(error), remedy)
    finally:
        line.stop()


def _record(line: AudioLine) -> list[Pcm16]:
    frames: list[Pcm16] = []
    silence = np.zeros(FRAME, np.int16)
    while len(frames) < round(LISTEN_S / FRAME_S):
        frame = line.read()
        if frame is None:
            break
        frames.append(frame.pcm)
        line.write(silence)
    return frames


def judge_level(frames: list[Pcm16], input_number: int = 1, offset: float = 0.0) -> Check:
    """Judge the microphone's level.

    frames: int16 [320] each, recorded while the user spoke. input_number: of the card, from 1.
    offset: what was taken out of the sound, share of full scale.
    """
    if not frames:
        return warn("microphone", "the microphone gives no sound", f"choose another, or {BROWSER}")
    levels = np.array([level_dbfs(frame) for frame in frames])
    peaks = np.array([np.abs(frame.astype(np.int32)).max() / 32768.0 for frame in frames])
    voice = float(np.quantile(levels, 1.0 - VOICE_SHARE))
    facts: dict[str, Detail] = {
        "voice_dbfs": round(voice, 1),
        "room_dbfs": round(float(np.quantile(levels, VOICE_SHARE)), 1),
        "peak": round(float(peaks.max()), 3),
        "input": input_number,
        "offset_share": round(offset, 3),
    }
    if levels.max() <= DEAD_DBFS:
        return warn(
            "microphone",
            "the microphone gives only digital silence",
            "switch it on, unmute it in the system's settings, or choose another",
            **facts,
        )
    if int((peaks >= LOUD_PEAK).sum()) >= LOUD_FRAMES:
        return warn(
            "microphone",
            f"the voice is so loud that it distorts (peak {peaks.max():.2f} of full scale)",
            "move back a little, or lower the microphone's level",
            **facts,
        )
    if voice < QUIET_DBFS:
        return warn(
            "microphone",
            f"the voice is too quiet, or no one spoke: its level was {voice:.0f} dBFS",
            "speak during the test, move closer, or raise the microphone's level",
            **facts,
        )
    where = f", on input {input_number}" if input_number > 1 else ""
    return ok("microphone", f"the voice has a good level, {voice:.0f} dBFS{where}", **facts)


def judge_loop(found: Loopback) -> Check:
    """Judge the echo of the loudspeaker in the microphone, and say what it means."""
    facts: dict[str, Detail] = {
        "verdict": found.verdict,
        "echo_db": None if found.echo_db is None else round(found.echo_db, 1),
        "delay_ms": None if found.delay_s is None else round(found.delay_s * 1000),
        "noise_dbfs": round(found.noise_dbfs, 1),
        "echo_mode": choose_echo_mode(found),
    }
    if found.verdict == "headphones":
        echo = "no echo" if found.echo_db is None else "almost no echo"
        return ok(
            "loop",
            f"the microphone picks up {echo} of the loudspeaker, as with headphones",
            **facts,
        )
    if found.echo_db is not None and found.noise_dbfs <= DEAD_DBFS and found.echo_db > MONITOR_DB:
        return warn(
            "loop",
            "the microphone gives only what the loudspeaker plays, so it is the loudspeaker's "
            "monitor, not a microphone",
            "connect a microphone and choose it in the system's sound settings",
            **facts,
        )
    if found.echo_db is None:
        sentence = "the microphone picks up an unsteady echo of the loudspeaker"
    else:
        sentence = f"the microphone picks up the loudspeaker at {found.echo_db:.0f} dB"
        if found.delay_s is not None:
            sentence += f", {found.delay_s * 1000:.0f} ms later"
    if facts["echo_mode"] == "canceller":
        return ok("loop", f"{sentence}; the echo will be cancelled", **facts)
    return warn(
        "loop",
        f"{sentence}, so you cannot interrupt the patient",
        "wear headphones, or install the echo canceller: pip install pywebrtc-audio",
        **facts,
    )
