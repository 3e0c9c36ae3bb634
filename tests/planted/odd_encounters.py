"""Encounters in which little can be judged, played to a shipped patient in virtual time.

The turn-taking, the patient and the codes of the words are the real ones; the recognised words, the
voice and the clock are scripted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from simvoice.app.attempt_header import build_header, turn_taking_of
from simvoice.audio import RATE, Pcm16, samples
from simvoice.patient.mind import Patient
from simvoice.record.events import LearnerVoice, Started
from simvoice.record.recorder import Recorder
from simvoice.record.store import Attempt, Store
from tests.conversation.world import World
from tests.planted.builder import add_voice, speech_like
from tests.shipped_cases import shipped_case

_SPANISH = (
    "Buenos días señora, soy el doctor Pérez.",
    "Tenemos el resultado de la biopsia y lo siento mucho, es cáncer.",
    "Sé que no es fácil, he visto a su hija esta mañana en el pasillo.",
    "Vamos a operar la semana que viene y después hablamos del tratamiento.",
    "¿Tiene usted alguna pregunta sobre lo que le acabo de decir?",
)
_GOOD_START = (
    "Hello, I'm Doctor Okafor. Is it all right if I sit down?",
    "What do you already know about why we did the biopsy?",
    "I'm afraid I have bad news. The biopsy shows that it is cancer.",
    "I can see what a shock this is.",
)


@dataclass(frozen=True)
class OddEncounter:
    """What the learner does until the encounter ends."""

    length_s: float
    said: tuple[str, ...] = ()
    every_s: float = 9.0
    """Seconds from one utterance to the next."""
    crashes: bool = False
    """Whether the process dies instead of ending the encounter."""
    logprob: float = -0.3
    """Mean log-probability of the recognised words."""


ODD: Final = MappingProxyType(
    {
        "ten seconds": OddEncounter(10.0, ("Hello, I'm the doctor.",)),
        "no one spoke": OddEncounter(1.0),
        "silence": OddEncounter(90.0),
        "Spanish": OddEncounter(90.0, _SPANISH, every_s=14.0),
        "crashed": OddEncounter(44.0, _GOOD_START, every_s=9.0, crashes=True),
        "crashed at once": OddEncounter(8.0, ("Hello.",), crashes=True),
        "laughs": OddEncounter(60.0, ("Ha ha.", "Ha ha ha.", "Haha.", "Ha."), every_s=12.0),
        "laughs in brackets": OddEncounter(60.0, ("[laughs]",) * 4, every_s=12.0),
        "says only okay": OddEncounter(60.0, ("Okay.", "Yes.", "Okay.", "Right."), every_s=12.0),
        "mumbles": OddEncounter(60.0, ("Sew the harp in.", "Mold.", "Tin."), 12.0, logprob=-1.6),
    }
)
"""By name."""


def plant_odd(root: Path, name: str, case_id: str = "breast-biopsy") -> Attempt:
    """Record one of `ODD` under `root`, with sound, and open it."""
    odd, case = ODD[name], shipped_case(case_id)
    world = World(mind=Patient(case, None), turn_taking=turn_taking_of(case))  # type: ignore[arg-type]
    at_s = 4.0
    for text in odd.said:
        world.learner(at_s, at_s + max(0.5, 0.3 * len(text.split())), text, logprob=odd.logprob)
        at_s += odd.every_s
    if not odd.crashes:
        world.end(odd.length_s)
    world.run(odd.length_s + (0.0 if odd.crashes else 2.0))
    began = datetime(2026, 11, 29, 10, 0) + timedelta(minutes=list(ODD).index(name))
    header = build_header(
        case,
        attempt=f"{began:%Y%m%d-%H%M%S}-{case_id}-test",
        line=world.line.facts,
        turn_taking=turn_taking_of(case),
        models={},
        seed=1,
        learner="Robin",
    )
    recorder = Recorder.create(root, header)
    recorder.add(Started(wall_time=f"{began.isoformat()}+00:00"))
    for entry in world.notes:
        recorder.add(entry)
    learner, patient = _sound(world)
    for start in range(0, len(learner), RATE):
        recorder.sound(learner[start : start + RATE], patient[start : start + RATE])
        recorder.drain()
    if odd.crashes:
        recorder.abandon()
        return Store(root).recover(recorder.attempt)
    recorder.close()
    return Store(root).open(recorder.attempt)


def _sound(world: World) -> tuple[Pcm16, Pcm16]:
    own = [(voice.start_s, voice.end_s) for voice in world.entries(LearnerVoice)]
    lines = [(speech.start_s, speech.end_s) for speech in world.speeches]
    return _channel(own, world.now_s), _channel(lines, world.now_s)


def _channel(spans: Iterable[tuple[float, float]], length_s: float) -> Pcm16:
    quiet = np.random.default_rng(5).normal(0.0, 3e-4, samples(length_s))
    whole = ((start, min(end, length_s)) for start, end in spans if start < length_s)
    sound = add_voice(quiet, whole, speech_like)
    return np.round(32_000 * sound).clip(-32_768, 32_767).astype(np.int16)
