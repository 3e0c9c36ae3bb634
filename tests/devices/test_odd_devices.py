"""Devices that a lab really has, against a scripted PortAudio in virtual time."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from simvoice.audio import FRAME, FRAME_S, Pcm16, level_dbfs, to_int16
from simvoice.devices import portaudio
from simvoice.devices.sound_card import SoundCard
from simvoice.errors import DeviceLost, DeviceMissing
from tests.devices.scripted_portaudio import Card, ScriptedPortAudio
from tests.planted.builder import speech_like

SILENCE = np.zeros(FRAME, np.int16)
PATIENT = to_int16(speech_like(4.0))
"""What the patient says: speech with pauses."""

Times = NDArray[np.float64]
Block = NDArray[np.float32]


def start(
    monkeypatch: pytest.MonkeyPatch, *cards: Card, echo: str = "headphones"
) -> tuple[SoundCard, ScriptedPortAudio]:
    scripted = ScriptedPortAudio(list(cards))
    monkeypatch.setattr(portaudio, "load", lambda: scripted)
    card = SoundCard(echo=echo, now=scripted.now, sleep=scripted.sleep)  # type: ignore[arg-type]
    card.start()
    return card, scripted


def talk(
    card: SoundCard, seconds: float, said: Pcm16 | None = None, heard: list[Pcm16] | None = None
) -> Pcm16:
    """Run a line for a time in which the patient speaks; return what the microphone gave.

    heard: takes each piece of it, also of those before an error.
    """
    heard = [] if heard is None else heard
    for k in range(round(seconds / FRAME_S)):
        frame = card.read()
        assert frame is not None
        heard.append(np.zeros(frame.lost * FRAME, np.int16))
        heard.append(frame.pcm)
        out = SILENCE if said is None else said[k * FRAME : (k + 1) * FRAME]
        card.write(out if out.size == FRAME else SILENCE)
    return np.concatenate(heard)


def noise(times: Times, owner: ScriptedPortAudio, dbfs: float) -> Block:
    return owner.rng.normal(0, 10 ** (dbfs / 20), times.size).astype(np.float32)


def voice(times: Times) -> Block:
    """A hum at -23 dBFS in every second half of a second."""
    return np.where(times % 1.0 < 0.5, 0.1 * np.sin(2 * np.pi * 200 * times), 0.0).astype(
        np.float32
    )


# -- channels


def test_a_card_that_is_stereo_only_plays_on_both_ears(monkeypatch: pytest.MonkeyPatch) -> None:
    card, scripted = start(monkeypatch, Card("stereo", inputs=[2], outputs=[2]))
    talk(card, 4.0, PATIENT)
    played = np.concatenate(scripted.played)
    assert played.shape[1] == 2
    assert np.abs(played[:, 0]).max() > 0.1
    np.testing.assert_array_equal(played[:, 0], played[:, 1])


def test_a_card_with_a_fixed_number_of_channels_plays_on_the_first_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card, scripted = start(monkeypatch, Card("interface", inputs=[8], outputs=[8], rate=44_100))
    talk(card, 2.0, PATIENT)
    played = np.concatenate(scripted.played)
    assert np.abs(played[:, 1]).max() > 0.1
    assert not played[:, 2:].any()
    assert card.facts.native_rate == 44_100


@pytest.mark.parametrize("empty_dbfs", [-200.0, -60.0])
def test_a_microphone_on_input_2_is_found_and_loses_no_start(
    monkeypatch: pytest.MonkeyPatch, empty_dbfs: float
) -> None:
    def sound(times: Times, owner: ScriptedPortAudio) -> Block:
        spoken = voice(times) + noise(times, owner, -80.0)
        return np.stack([noise(times, owner, empty_dbfs), spoken], axis=1)

    card, _ = start(monkeypatch, Card("interface", inputs=[1, 2], outputs=[1, 2], sound=sound))
    heard = talk(card, 3.0)
    assert card.input_number == 2
    frames = np.array([level_dbfs(f) for f in heard.reshape(-1, FRAME)])
    loud = frames > -26.0
    assert loud.sum() == pytest.approx(75, abs=3)  # three half seconds, each whole
    assert np.count_nonzero(np.diff(loud.astype(int))) <= 6


def test_a_stereo_microphone_stays_on_one_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def sound(times: Times, owner: ScriptedPortAudio) -> Block:
        nearer = 0.5 + 0.25 * np.sin(2 * np.pi * 0.7 * times)
        spoken = voice(times)
        sides = np.stack([spoken * nearer, spoken * (1.0 - nearer)], axis=1)
        return (sides + noise(times, owner, -70.0)[:, None]).astype(np.float32)

    card, _ = start(monkeypatch, Card("stereo", inputs=[1, 2], outputs=[1, 2], sound=sound))
    talk(card, 1.0)
    chosen = set()
    for _ in range(100):
        card.read()
        card.write(SILENCE)
        chosen.add(card.input_number)
    assert len(chosen) == 1


def test_a_card_whose_later_inputs_are_loop_backs_gives_no_loop_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def sound(times: Times, owner: ScriptedPortAudio) -> Block:
        back = owner.speaker_sound(times)
        own = [noise(times, owner, -70.0) for _ in range(2)]
        return np.stack([*own, back, back], axis=1)

    card, _ = start(monkeypatch, Card("interface", inputs=[4], outputs=[2], sound=sound))
    assert level_dbfs(talk(card, 4.0, PATIENT)) < -65.0


# -- an offset


@pytest.mark.parametrize("offset", [0.0, 0.02, -0.3])
def test_an_offset_is_taken_out(monkeypatch: pytest.MonkeyPatch, offset: float) -> None:
    def sound(times: Times, owner: ScriptedPortAudio) -> Block:
        return (voice(times) + noise(times, owner, -70.0) + offset)[:, None]

    card, _ = start(monkeypatch, Card("cheap", inputs=[1], outputs=[1], sound=sound))
    heard = talk(card, 4.0).reshape(-1, FRAME)[25:]
    levels = np.array([level_dbfs(frame) for frame in heard])
    assert np.median(levels[levels < -40.0]) == pytest.approx(-75.0, abs=2.0)  # 8 of 24 kHz
    assert np.median(levels[levels > -30.0]) == pytest.approx(-23.0, abs=0.5)
    assert np.abs(heard.mean(axis=1)).max() < 60
    assert card.offset == pytest.approx(offset, abs=0.002)


def test_a_dead_microphone_with_an_offset_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    def sound(times: Times, owner: ScriptedPortAudio) -> Block:
        return np.full((times.size, 1), 0.05, np.float32)

    card, _ = start(monkeypatch, Card("dead", inputs=[1], outputs=[1], sound=sound))
    assert level_dbfs(talk(card, 6.0)[FRAME * 50 :]) < -90.0
    assert "only digital silence" in (card.trouble or "")


# -- devices that stop


@pytest.mark.slow
@pytest.mark.parametrize("from_s", [0.0, 0.3, 5.0])
def test_a_headset_whose_speaker_stops_for_1_5_s_is_kept(
    monkeypatch: pytest.MonkeyPatch, from_s: float
) -> None:
    def still(direction: str, at_s: float) -> bool:
        return direction == "output" and from_s <= at_s < from_s + 1.5

    headset = Card("headset", inputs=[1], outputs=[1, 2], rate=16_000, stands_still=still)
    card, scripted = start(monkeypatch, headset)
    talk(card, 4.0, PATIENT)
    talk(card, 4.0)
    played = np.concatenate(scripted.played)[:, 0]
    said = np.abs(PATIENT / 32768.0).sum()
    assert np.abs(played).sum() == pytest.approx(said, rel=0.05)  # late, but whole


def test_the_self_test_waits_for_the_headset(monkeypatch: pytest.MonkeyPatch) -> None:
    def still(direction: str, at_s: float) -> bool:
        return direction == "output" and 0.3 <= at_s < 1.8

    def sound(times: Times, owner: ScriptedPortAudio) -> Block:
        return (0.3 * owner.speaker_sound(times) + noise(times, owner, -50.0))[:, None]

    headset = Card("headset", inputs=[1], outputs=[1], stands_still=still, sound=sound)
    card, _ = start(monkeypatch, headset, echo="auto")
    assert card.loopback is not None
    assert card.loopback.verdict == "loudspeaker"
    assert card.loopback.echo_db == pytest.approx(-10.5, abs=1.0)


@pytest.mark.slow
@pytest.mark.parametrize(("direction", "kind"), [("input", "microphone"), ("output", "speaker")])
@pytest.mark.parametrize("how", ["stands still", "ends"])
def test_what_goes_away_is_named(
    monkeypatch: pytest.MonkeyPatch, direction: str, kind: str, how: str
) -> None:
    def gone(which: str, at_s: float) -> bool:
        return which == direction and at_s > 5.0

    never = Card("one", inputs=[1], outputs=[1]).ends
    stands_still, ends = (gone, never) if how == "stands still" else (never, gone)
    device = Card("USB audio", inputs=[1], outputs=[1], stands_still=stands_still, ends=ends)
    card, scripted = start(monkeypatch, device)
    with pytest.raises(DeviceLost, match=f"the {kind} 'USB audio' stopped delivering sound"):
        talk(card, 20.0, PATIENT)
    assert scripted.at_s < 8.0
    card.stop()


def test_a_device_that_never_runs_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Card("USB audio", inputs=[1], outputs=[1], stands_still=lambda d, _: d == "output")
    with pytest.raises(DeviceLost, match="the speaker 'USB audio'"):
        start(monkeypatch, device)


def test_a_device_in_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    microphone = Card("webcam", inputs=[1], refuses="Device unavailable")
    with pytest.raises(DeviceMissing, match=r"microphone 'webcam' cannot be opened .*unavailable"):
        start(monkeypatch, microphone, Card("card", outputs=[2]))


# -- a monitor in the microphone's place


def test_a_monitor_that_replaces_the_microphone_is_not_the_learner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def sound(times: Times, owner: ScriptedPortAudio) -> Block:
        if times[0] < 3.0:
            return (voice(times) + noise(times, owner, -65.0))[:, None]
        return owner.speaker_sound(times)[:, None]

    card, scripted = start(monkeypatch, Card("USB audio", inputs=[1], outputs=[1], sound=sound))
    talk(card, 3.5 - scripted.at_s)
    heard: list[Pcm16] = []
    with pytest.raises(DeviceLost, match="'USB audio' gives only what the speaker plays"):
        talk(card, 4.0, PATIENT, heard)
    heard = [piece for piece in heard if piece.size]
    loud = [frame for frame in heard if level_dbfs(frame) > -50.0]
    assert len(loud) * FRAME_S <= 0.16  # less than a syllable of the patient was let through
    assert len(heard) * FRAME_S < 2.0


def test_a_monitor_that_is_there_from_the_start_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def sound(times: Times, owner: ScriptedPortAudio) -> Block:
        return owner.speaker_sound(times)[:, None]

    with pytest.raises(DeviceMissing, match="it is the speaker's monitor"):
        start(monkeypatch, Card("PC", inputs=[1], outputs=[1], sound=sound), echo="auto")


def room(rng: np.random.Generator) -> NDArray[np.float64]:
    """The response of a small room at 48 kHz: as much comes by the walls as straight."""
    at = np.arange(4800)
    response = rng.normal(0, 1, at.size) * np.exp(-at / 1200)
    response /= np.sqrt(np.sum(response**2))
    response[0] += 1.0
    return response


def test_a_loudspeaker_in_a_room_stays_a_microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    response = room(np.random.default_rng(2))
    last = np.zeros(response.size)

    def sound(times: Times, owner: ScriptedPortAudio) -> Block:
        nonlocal last
        last = np.concatenate([last, owner.speaker_sound(times)])[-response.size - times.size + 1 :]
        echo = np.convolve(last, response, "valid")[-times.size :]
        return (0.3 * echo + noise(times, owner, -70.0)).astype(np.float32)[:, None]

    card, _ = start(monkeypatch, Card("laptop", inputs=[1], outputs=[1], sound=sound), echo="none")
    heard = talk(card, 4.0, PATIENT)
    assert level_dbfs(heard) > level_dbfs(PATIENT) - 12.0


def test_the_learner_is_heard_over_a_monitor_like_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cable from output to input: the patient is kept out, a learner who joins is let through."""

    def sound(times: Times, owner: ScriptedPortAudio) -> Block:
        learner = np.where(times > 4.0, 2.0 * voice(times), 0.0)
        both = learner + owner.speaker_sound(times) + noise(times, owner, -75.0)
        return both.astype(np.float32)[:, None]

    card, scripted = start(monkeypatch, Card("mixer", inputs=[1], outputs=[1], sound=sound))
    talk(card, 2.0 - scripted.at_s)
    heard = talk(card, 4.0, PATIENT).reshape(-1, FRAME)
    levels = np.array([level_dbfs(frame) for frame in heard])
    spoken = levels[round((4.0 - 2.0) / FRAME_S) : round((4.5 - 2.0) / FRAME_S)]
    assert (spoken > -30.0).sum() >= 20
