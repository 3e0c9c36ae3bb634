"""The ring between an audio callback and the runtime."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from simvoice.devices.streams import Ring


def ramp(start: int, n: int) -> np.ndarray:
    # float32 counts exactly to 2**24
    return np.arange(start, start + n, dtype=np.float32)


def drain(ring: Ring, n: int = 100_000) -> np.ndarray:
    out = np.zeros(n, np.float32)
    return out[: ring.read_into(out)].copy()


@pytest.mark.parametrize("piece", [1, 7, 320, 480])
def test_pieces_of_any_size_are_read_in_order(piece: int) -> None:
    ring = Ring(1000)
    got = []
    for start in range(0, 5 * piece * 40, piece):
        assert ring.write(ramp(start, piece)) == piece
        got.append(drain(ring, 3 * piece))
    np.testing.assert_array_equal(np.concatenate(got), ramp(0, 5 * piece * 40))


def test_two_threads_reorder_nothing_and_count_every_loss() -> None:
    ring = Ring(2048)
    total = 200_000
    sizes = np.random.default_rng(1).integers(1, 700, 5000)

    def produce() -> None:
        at = 0
        for n in sizes:
            if at + n > total:
                break
            ring.write(ramp(at, int(n)))
            at += int(n)
        finished.append(at)

    finished: list[int] = []
    out = np.zeros(311, np.float32)
    thread = threading.Thread(target=produce)
    thread.start()
    position = 0
    while thread.is_alive() or ring.fill or ring.dropped > ring_lost(ring):
        position += ring.take_lost()
        n = ring.read_into(out)
        if n:
            np.testing.assert_array_equal(out[:n], ramp(position, n))
        position += n
    thread.join()
    assert position == finished[0] > 100_000


def ring_lost(ring: Ring) -> int:
    """Return the samples that `take_lost` has reported so far."""
    return ring._lost_reported


def test_dropped_samples_form_one_gap_at_one_position() -> None:
    ring = Ring(10)
    ring.write(ramp(0, 8))
    assert ring.write(ramp(8, 4)) == 0
    assert drain(ring, 3).tolist() == [0, 1, 2]
    assert ring.write(ramp(12, 2)) == 0, "the gap stays open until everything before it is read"
    assert ring.take_lost() == 0
    assert drain(ring).tolist() == [3, 4, 5, 6, 7]
    ring.write(ramp(14, 2))
    assert drain(ring).tolist() == [], "the loss must be taken first"
    assert ring.take_lost() == 6
    assert ring.take_lost() == 0
    assert drain(ring).tolist() == [14, 15]
    assert ring.dropped == 6
