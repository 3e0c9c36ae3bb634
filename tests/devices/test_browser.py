"""The server's end of the page's microphone and speaker: messages and counts."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from simvoice.audio import FRAME
from simvoice.devices.browser import HEAD, MAX_GAP, OUT_HEAD, QUEUE_FRAMES, VERSION, BrowserLine
from simvoice.errors import DeviceLost

WRAP = 1 << 32


def message(
    index: int,
    *values: int,
    version: int = VERSION,
    ahead: int = 0,
    underruns: int = 0,
    received: int = 0,
    latency_ms: int = 0,
) -> bytes:
    """Frames that hold one value each."""
    frames = values or (1,)
    head = HEAD.pack(
        version, 0, len(frames), index % WRAP, ahead, underruns, received, latency_ms, 0
    )
    return head + b"".join(np.full(FRAME, v, "<i2").tobytes() for v in frames)


@pytest.fixture
def sent() -> list[bytes]:
    return []


@pytest.fixture
def line(sent: list[bytes]) -> BrowserLine:
    made = BrowserLine(sent.append, microphone="desk microphone")
    made.start()
    return made


def test_frames_are_read_in_order_from_messages_of_any_size(line: BrowserLine) -> None:
    line.push(message(0, 10))
    line.push(message(1, 11, 12))
    got = [line.read() for _ in range(3)]
    assert [int(frame.pcm[0]) for frame in got if frame] == [10, 11, 12]
    assert all(frame is not None and frame.pcm.shape == (FRAME,) for frame in got)
    assert [frame.lost for frame in got if frame] == [0, 0, 0]


def test_a_gap_in_the_counter_is_reported_with_the_next_frame(line: BrowserLine) -> None:
    line.push(message(5, 1))
    line.push(message(9, 2))
    frames = [line.read(), line.read()]
    assert [frame.lost for frame in frames if frame] == [0, 3]


def test_the_counter_may_wrap(line: BrowserLine) -> None:
    line.push(message(WRAP - 1, 1))
    line.push(message(0, 2))
    line.push(message(2, 3))
    frames = [line.read() for _ in range(3)]
    assert [frame.lost for frame in frames if frame] == [0, 0, 1]


def test_a_repeated_frame_is_refused(line: BrowserLine) -> None:
    line.push(message(5, 1))
    line.push(message(5, 2))
    line.push(message(4, 3))
    line.push(message(6, 4))
    assert [int(frame.pcm[0]) for frame in (line.read(), line.read()) if frame] == [1, 4]
    assert line.malformed == 2


def test_a_counter_that_jumps_too_far_is_refused(line: BrowserLine) -> None:
    line.push(message(0, 1))
    line.push(message(MAX_GAP + 2, 2))
    assert line.malformed == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        message(0, 1)[:23],
        message(0, 1)[:-1],
        message(0, 1) + b"\x00",
        HEAD.pack(VERSION, 0, 0, 0, 0, 0, 0, 0, 0),
        HEAD.pack(VERSION, 0, 2, 0, 0, 0, 0, 0, 0) + b"\x00" * FRAME * 2,
        HEAD.pack(VERSION, 0, 60000, 0, 0, 0, 0, 0, 0) + b"\x00" * 60000 * FRAME * 2,
    ],
)
def test_messages_of_the_wrong_size_are_counted_and_dropped(line: BrowserLine, data: bytes) -> None:
    line.push(data)
    line.push(message(1, 7))
    frame = line.read()
    assert frame is not None
    assert (int(frame.pcm[0]), frame.lost) == (7, 0)
    assert line.malformed == 1


def test_another_version_after_the_first_message_is_dropped(line: BrowserLine) -> None:
    line.push(message(0, 1))
    line.push(message(1, 1, version=9))
    line.push(message(1, 1))
    assert line.malformed == 1
    assert [line.read() is not None for _ in range(2)] == [True, True]
    assert line.trouble is None


def test_another_version_ends_the_line_with_an_error(line: BrowserLine) -> None:
    line.push(message(0, 1, version=9))
    with pytest.raises(DeviceLost, match=r"version 9 .* reload the page"):
        line.read()


def test_too_many_frames_are_dropped_and_reported_as_lost(line: BrowserLine) -> None:
    for i in range(QUEUE_FRAMES + 30):
        line.push(message(i, i % 100))
    for _ in range(QUEUE_FRAMES):
        frame = line.read()
        assert frame is not None
        assert frame.lost == 0
    line.push(message(QUEUE_FRAMES + 30, 5))
    frame = line.read()
    assert frame is not None
    assert (frame.lost, line.overflow_in) == (30, 30)


def test_silence_from_the_page_is_a_lost_device(line: BrowserLine) -> None:
    with pytest.raises(DeviceLost, match="keep its tab open"):
        line.read(timeout_s=0.01)


def test_a_closed_tab_gives_the_queued_frames_and_then_none(line: BrowserLine) -> None:
    line.push(message(0, 3))
    line.close()
    line.push(message(1, 4))
    assert line.read() is not None
    assert line.read() is None
    line.write(np.zeros(FRAME, np.int16))
    line.stop()


def test_closing_wakes_a_waiting_reader(line: BrowserLine) -> None:
    got: list[object] = []
    reader = threading.Thread(target=lambda: got.append(line.read(timeout_s=600.0)))
    reader.start()
    line.close()
    reader.join(60.0)
    assert got == [None]


def test_sound_from_before_the_start_is_dropped(sent: list[bytes]) -> None:
    line = BrowserLine(sent.append)
    line.push(message(0, 1))
    line.start()
    line.push(message(40, 2))
    frame = line.read()
    assert frame is not None
    assert (int(frame.pcm[0]), frame.lost) == (2, 0)


def test_written_frames_are_sent_in_the_described_format(
    line: BrowserLine, sent: list[bytes]
) -> None:
    line.write(np.arange(FRAME, dtype=np.int16))
    assert sent == [OUT_HEAD.pack(VERSION, 0, 1) + np.arange(FRAME, dtype="<i2").tobytes()]


def test_a_frame_of_another_shape_is_refused(line: BrowserLine) -> None:
    with pytest.raises(ValueError, match="320"):
        line.write(np.zeros(100, np.int16))


def test_at_most_two_seconds_are_in_flight(line: BrowserLine, sent: list[bytes]) -> None:
    line.push(message(0, 1))
    for _ in range(QUEUE_FRAMES + 5):
        line.write(np.zeros(FRAME, np.int16))
    assert (len(sent), line.overflow_out) == (QUEUE_FRAMES, 5)
    line.push(message(1, 1, received=QUEUE_FRAMES, ahead=0))
    line.write(np.zeros(FRAME, np.int16))
    assert len(sent) == QUEUE_FRAMES + 1


def test_an_offset_of_the_pages_microphone_is_taken_out(line: BrowserLine) -> None:
    for index in range(10):
        line.push(message(index, 900))
    read = [line.read() for _ in range(10)]
    assert [int(frame.pcm[-1]) for frame in read if frame] == [900] * 4 + [0] * 6


def test_the_delay_adds_the_pages_ring_the_frames_in_flight_and_the_latency(
    line: BrowserLine,
) -> None:
    line.push(message(0, 1, ahead=640, received=7))
    first = line.read()
    assert first is not None
    assert first.output_delay_s == pytest.approx(0.02 + 0.04)
    line.write(np.zeros(FRAME, np.int16))
    line.write(np.zeros(FRAME, np.int16))
    line.push(message(1, 2, 3, ahead=320, received=8, latency_ms=15, underruns=4))
    second = line.read()
    assert second is not None
    # two frames captured since its start, one of two written frames in flight, one in the ring
    assert second.output_delay_s == pytest.approx(0.04 + 0.02 + 0.02 + 0.015)
    assert second.underruns == 4


def test_the_facts_come_from_the_page(line: BrowserLine) -> None:
    assert (line.facts.kind, line.facts.microphone) == ("browser", "desk microphone")
    assert line.facts.echo == "canceller"


def test_a_microphone_lost_by_the_page_is_a_lost_device_after_the_queued_frames(
    line: BrowserLine,
) -> None:
    line.push(message(0, 10))
    line.lose("the microphone was unplugged or switched off; connect it again")
    line.close()
    assert line.read() is not None
    with pytest.raises(DeviceLost, match="was unplugged"):
        line.read()
