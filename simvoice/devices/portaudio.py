"""Load PortAudio, only when the sound card is used, and list and choose its devices."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Literal

from simvoice.devices.microphone import MOST_INPUTS
from simvoice.errors import DeviceMissing, LibraryMissing

PREFERRED_RATE = 48_000
"""Hertz. Most cards and all sound servers run at it. It is three times our rate, so soxr adds only
6 ms; 44.1 kHz adds 20 ms."""

DeviceDirection = Literal["microphone", "speaker"]


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device as PortAudio lists it."""

    index: int
    name: str
    host_api: str
    inputs: int
    """Input channels; 0 when it is not a microphone."""
    outputs: int
    """Output channels; 0 when it is not a speaker."""
    default_rate: int
    """Hertz."""
    is_default_input: bool
    is_default_output: bool


def load() -> Any:
    """Return the sounddevice module. Raises LibraryMissing when PortAudio is not installed."""
    try:
        import sounddevice  # type: ignore[import-untyped]
    except OSError as error:
        raise LibraryMissing(
            "PortAudio is not installed, so the sound card cannot be used; install it (Debian and "
            "Ubuntu: apt install libportaudio2) or use the browser page, which works without it: "
            "simvoice serve"
        ) from error
    return sounddevice


def refresh() -> None:
    """Let PortAudio list the devices again: it does so only when it is loaded."""
    sd = load()
    sd._terminate()
    sd._initialize()


def list_devices() -> list[DeviceInfo]:
    """Return all devices, which may be none. Raises LibraryMissing."""
    sd = load()
    try:
        raw = list(sd.query_devices())
        apis = [str(api["name"]) for api in sd.query_hostapis()]
    except sd.PortAudioError:
        return []
    default_in, default_out = _defaults(sd)
    return [
        DeviceInfo(
            index=i,
            name=str(d["name"]),
            host_api=apis[d["hostapi"]],
            inputs=int(d["max_input_channels"]),
            outputs=int(d["max_output_channels"]),
            default_rate=round(d["default_samplerate"]),
            is_default_input=i == default_in,
            is_default_output=i == default_out,
        )
        for i, d in enumerate(raw)
    ]


def choose(wish: str | int | None, direction: DeviceDirection) -> DeviceInfo:
    """Return the device for a wish: None the default, an int an index, a str part of a name.

    Raises DeviceMissing, which lists the choices.
    """
    usable = [d for d in list_devices() if _channels(d, direction) > 0]
    if not usable:
        raise DeviceMissing(
            f"no {direction} was found; plug one in, or use the browser page: simvoice serve"
        )
    if wish is None:
        chosen = [d for d in usable if _is_default(d, direction)] or usable
    elif isinstance(wish, int):
        chosen = [d for d in usable if d.index == wish]
    else:
        low = wish.casefold()
        same = [d for d in usable if d.name.casefold() == low]
        chosen = same or [d for d in usable if low in d.name.casefold()]
    if not chosen:
        names = ", ".join(f"{d.index} ({d.name})" for d in usable)
        raise DeviceMissing(f"there is no {direction} {wish!r}; choose one of: {names}")
    return chosen[0]


def settings_for(
    device: DeviceInfo, direction: DeviceDirection, rate: int | None = None
) -> tuple[int, int]:
    """Return the rate (Hz) and the number of channels to open a device with.

    The rate is 48 kHz where possible, else the device's default, or `rate` when it is given. A
    microphone is opened with two inputs where it has them (see `microphone.InputPicker`), a speaker
    with one channel. A card that takes neither gets all its channels.
    """
    sd = load()
    total = _channels(device, direction)
    if direction == "microphone":
        check, wanted = sd.check_input_settings, (MOST_INPUTS, 1, total)
    else:
        check, wanted = sd.check_output_settings, (1, 2, total)
    counts = [count for count in dict.fromkeys(wanted) if count <= total]
    for each in (PREFERRED_RATE, device.default_rate) if rate is None else (rate,):
        for count in counts:
            with contextlib.suppress(sd.PortAudioError):
                check(device=device.index, channels=count, samplerate=each, dtype="float32")
                return each, count
    return rate or device.default_rate, counts[0]  # opening it says what is wrong


def _defaults(sd: Any) -> tuple[int, int]:
    pair = sd.default.device
    found = []
    for kind, index in (("input", pair[0]), ("output", pair[1])):
        if index is None or index < 0:
            try:
                index = int(sd.query_devices(kind=kind)["index"])
            except (sd.PortAudioError, ValueError):
                index = -1
        found.append(int(index))
    return found[0], found[1]


def _channels(device: DeviceInfo, direction: DeviceDirection) -> int:
    return device.inputs if direction == "microphone" else device.outputs


def _is_default(device: DeviceInfo, direction: DeviceDirection) -> bool:
    return device.is_default_input if direction == "microphone" else device.is_default_output
