"""The simulated learner's line runs in virtual time and gives the exact truth."""

from __future__ import annotations

import numpy as np
import pytest

from simvoice.audio import FRAME, RATE, level_dbfs, samples, to_float, to_int16
from simvoice.devices.simulated import SimulatedLine
from simvoice.simulate.learner import (
    AfterPatient,
    At,
    BargeIn,
    LearnerClip,
    LearnerScript,
    ScriptStep,
)
from simvoice.simulate.signals import pink_noise, tone

PATIENT = to_int16(tone(1.0, -20.0, 300.0))
SILENCE = np.zeros(FRAME, np.int16)


def clip(duration_s: float = 1.0) -> LearnerClip:
    voice = tone(duration_s, -20.0, 1000.0)
    pcm = np.pad(voice, (samples(0.05), samples(0.05)))
    return LearnerClip("words", pcm, 0.05, 0.05 + duration_s)


def talk(line: SimulatedLine, patient_at: list[int]) -> np.ndarray:
    """Run to the end; the patient speaks for 1 s from each of the given frames."""
    line.start()
    heard = []
    k = 0
    while (frame := line.read()) is not None:
        heard.append(frame.pcm)
        part = SILENCE
        for start in patient_at:
            if start <= k < start + 50:
                part = PATIENT[(k - start) * FRAME :][:FRAME]
        line.write(part)
        k += 1
        assert k < 60 * 50, "the line never ends"
    return np.concatenate(heard)


def test_the_truth_of_the_learners_speech_matches_the_microphone() -> None:
    line = SimulatedLine(
        LearnerScript((ScriptStep(At(0.5), clip()),)), paced=False, noise_dbfs=None
    )
    mic = talk(line, [])
    loud = np.flatnonzero(mic)
    (said,) = line.truth.spoken
    assert loud[0] / RATE == pytest.approx(said.onset_s, abs=0.001)
    assert (loud[-1] + 1) / RATE == pytest.approx(said.offset_s, abs=0.001)


@pytest.mark.parametrize("delay_s", [0.02, 0.0437, 0.13])
def test_a_written_frame_sounds_after_the_stated_delay(delay_s: float) -> None:
    line = SimulatedLine(
        LearnerScript((ScriptStep(AfterPatient(1.0), clip()),)), paced=False, delay_s=delay_s
    )
    talk(line, [100])
    expected = 2.0 + round(delay_s * RATE) / RATE
    ((start, end),) = line.truth.sounds()
    assert start == pytest.approx(expected, abs=0.001)
    assert end == pytest.approx(expected + 1.0, abs=0.001)
    assert line.truth.first_sound_after(1.0) == pytest.approx(start)
    assert line.truth.first_sound_after(4.0) is None
    assert line.truth.silent_from(start + 0.5) == pytest.approx(end)
    (said,) = line.truth.spoken
    assert said.start_s == pytest.approx(end + 1.0, abs=0.041)


def test_a_barge_in_happens_while_the_patient_sounds() -> None:
    line = SimulatedLine(LearnerScript((ScriptStep(BargeIn(0.4), clip()),)), paced=False)
    talk(line, [50])
    (said,) = line.truth.spoken
    ((start, end),) = line.truth.sounds()
    assert said.start_s == pytest.approx(start + 0.4, abs=0.041)
    assert start < said.onset_s < end


def test_the_line_ends_when_the_script_is_over_and_no_one_speaks() -> None:
    line = SimulatedLine(LearnerScript((ScriptStep(At(0.0), clip(2.0)),)), paced=False, tail_s=3.0)
    talk(line, [150])
    # the patient's second ends at about 4.06 s
    assert line.at_s == pytest.approx(7.06, abs=0.05)
    assert line.read() is None


def test_the_line_ends_at_its_limit_at_the_latest() -> None:
    line = SimulatedLine(LearnerScript((ScriptStep(At(99.0), clip()),)), paced=False, limit_s=2.0)
    talk(line, [])
    assert line.at_s == pytest.approx(2.0)


def test_an_echo_leaks_at_its_level_and_at_the_stated_time() -> None:
    line = SimulatedLine(
        LearnerScript((ScriptStep(At(0.0), clip(0.1)),)),
        paced=False,
        noise_dbfs=None,
        echo_db=-30.0,
        delay_s=0.05,
    )
    mic = to_float(talk(line, [50]))
    start = round((1.0 + 0.05) * RATE)
    assert not mic[RATE - 100 : start].any()
    assert level_dbfs(mic[start + 100 : start + RATE - 100]) == pytest.approx(-50.0, abs=0.3)
    assert line.facts.echo == "none"


def test_the_room_is_never_digitally_silent_and_the_same_for_one_seed() -> None:
    mics = []
    for seed in (1, 1, 2):
        line = SimulatedLine(LearnerScript((ScriptStep(At(1.0), clip()),)), paced=False, seed=seed)
        mics.append(talk(line, []))
    np.testing.assert_array_equal(mics[0], mics[1])
    assert not np.array_equal(mics[0], mics[2])
    assert level_dbfs(mics[0][: RATE // 2]) == pytest.approx(-60.0, abs=2.0)


def test_pink_noise_falls_by_3_db_an_octave_and_repeats_without_a_click() -> None:
    noise = pink_noise(4.0, -40.0, 3)
    assert level_dbfs(noise) == pytest.approx(-40.0, abs=0.05)
    power = np.abs(np.fft.rfft(noise)) ** 2
    freqs = np.fft.rfftfreq(noise.size, 1 / RATE)
    low = power[(freqs > 400) & (freqs < 800)].mean()
    high = power[(freqs > 800) & (freqs < 1600)].mean()
    assert 10 * np.log10(low / high) == pytest.approx(3.0, abs=0.3)
    steps = np.abs(np.diff(noise))
    assert abs(float(noise[0] - noise[-1])) <= float(steps.max())


def test_a_delay_below_one_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="one frame"):
        SimulatedLine(LearnerScript(()), delay_s=0.01)


def test_stopping_ends_the_line_and_keeps_the_truth() -> None:
    line = SimulatedLine(LearnerScript((ScriptStep(At(0.0), clip()),)), paced=False)
    line.start()
    assert line.read() is not None
    line.stop()
    assert line.read() is None
    assert len(line.truth.spoken) == 1


def test_the_clock_stops_before_each_frame_until_the_callback_returns() -> None:
    line = SimulatedLine(LearnerScript((ScriptStep(At(0.1), clip(0.2)),)), paced=False, tail_s=0.3)
    held: list[float] = []
    line.before_frame = lambda: held.append(line.at_s)
    talk(line, [])
    assert held == pytest.approx([k * 0.02 for k in range(len(held))])
    assert len(held) == round(line.at_s / 0.02)
