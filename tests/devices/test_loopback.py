"""The self-test finds whether the microphone picks up the speaker."""

from __future__ import annotations

import numpy as np
import pytest

from simvoice.audio import RATE, to_float, to_int16
from simvoice.devices.loopback import Loopback, find_echo, judge, measure_loopback, sweep
from simvoice.devices.simulated import SimulatedLine
from simvoice.simulate.learner import LearnerScript
from simvoice.simulate.signals import pink_noise, tone


def measured_room(
    echo_db: float | None, *, delay_s: float = 0.1, noise_dbfs: float = -60.0
) -> Loopback:
    line = SimulatedLine(
        LearnerScript(()),
        paced=False,
        delay_s=delay_s,
        noise_dbfs=noise_dbfs,
        echo_db=echo_db,
        tail_s=60.0,
    )
    line.start()
    return measure_loopback(line)


@pytest.mark.parametrize("echo_db", [0.0, -10.0, -30.0])
@pytest.mark.parametrize("delay_s", [0.02, 0.1, 0.35])
def test_a_planted_echo_is_found_with_its_level_and_delay(echo_db: float, delay_s: float) -> None:
    found = measured_room(echo_db, delay_s=delay_s, noise_dbfs=-70.0)
    assert found.verdict == "loudspeaker"
    assert found.echo_db == pytest.approx(echo_db, abs=2.0)
    assert found.delay_s == pytest.approx(delay_s, abs=0.001)
    assert found.stated_delay_s == pytest.approx(delay_s)


def test_a_weak_echo_is_found_in_a_noisy_room() -> None:
    found = measured_room(-30.0, noise_dbfs=-45.0)
    assert found.verdict == "loudspeaker"
    assert found.echo_db == pytest.approx(-30.0, abs=3.0)
    assert found.noise_dbfs == pytest.approx(-45.0, abs=2.0)


@pytest.mark.parametrize("noise_dbfs", [-90.0, -60.0, -30.0])
def test_noise_alone_is_not_an_echo(noise_dbfs: float) -> None:
    found = measured_room(None, noise_dbfs=noise_dbfs)
    assert (found.verdict, found.echo_db, found.delay_s) == ("headphones", None, None)


def test_an_echo_too_weak_to_matter_counts_as_headphones() -> None:
    found = measured_room(-55.0, noise_dbfs=-90.0)
    assert found.verdict == "headphones"


@pytest.mark.parametrize("seed", range(5))
def test_noise_never_looks_like_an_echo_in_both_sweeps(seed: int) -> None:
    noise = pink_noise(2.0, -30.0, seed)
    found = [find_echo(sweep(), noise[:RATE]), find_echo(sweep(), noise[RATE:])]
    judged = judge(found, 0.1, -30.0)
    assert judged is None or judged.verdict == "headphones"


def test_the_whole_of_a_reverberant_echo_is_measured() -> None:
    rng = np.random.default_rng(3)
    n = RATE // 10
    response = rng.standard_normal(n) * np.exp(-np.arange(n) / (0.02 * RATE))
    response[0] = 4.0
    response *= 10 ** (-15 / 20) / np.sqrt(np.sum(response**2))
    heard = np.convolve(np.pad(sweep(), (0, RATE // 2)), response).astype(np.float32)
    delay_s, level_db, prominence_db = find_echo(sweep(), to_float(to_int16(heard)))
    assert delay_s == pytest.approx(0.0, abs=0.001)
    assert level_db == pytest.approx(-15.0, abs=3.0)
    assert prominence_db > 25.0


def test_contradicting_sweeps_give_no_result() -> None:
    assert judge([(0.1, -10.0, 40.0), (0.2, -10.0, 40.0)], 0.1, -60.0) is None
    assert judge([(0.1, -10.0, 40.0), (0.1, -10.0, 5.0)], 0.1, -60.0) is None


def test_a_humming_person_is_not_an_echo() -> None:
    hum = tone(1.0, -25.0, 180.0)
    found = [find_echo(sweep(), hum), find_echo(sweep(), hum[::-1].copy())]
    judged = judge(found, 0.1, -25.0)
    assert judged is None or judged.verdict == "headphones"
