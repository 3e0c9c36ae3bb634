"""`simvoice bench latency`: from the end of the learner's speech to the patient's first sound.

The learner speaks prepared clips whose end is known to 5 ms; the patient comes from a case.
The baseline is a plain loop of the same parts, one after the other: a fixed 640 ms of silence, the
stock recogniser on a 30 s window, a chat prompt, the whole reply, and the whole reply synthesised.
It uses the same engines on the same sentences in the same run.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from simvoice import markup, paths
from simvoice.app.simulator import Simulator
from simvoice.bench.stage import PeakMemory, Played, busy, percentile, play, spread
from simvoice.models import manifest
from simvoice.patient.decisions import Answer, LearnerUtterance
from simvoice.patient.mind import Patient
from simvoice.ports import VoiceStyle
from simvoice.record.events import Delay, LearnerTurn, PatientMove
from simvoice.runtime import spoken_lines
from simvoice.simulate.learner import AfterPatient, At, LearnerClip, LearnerScript, ScriptStep
from simvoice.simulate.speech import cached_clip

CASE = "breast-biopsy"

SENTENCES = (
    "Good morning, Mrs. Tully, my name is Doctor Lind.",
    "How are you feeling today?",
    "Can you tell me what you have understood so far?",
    "Did anybody come with you today?",
    "How have you been sleeping?",
    "How much would you like to know about the result?",
    "I'm afraid I have some serious news for you.",
    "I'm so sorry to have to tell you this.",
    "What is going through your mind?",
    "Who is at home with you?",
    "What do you do for a living?",
    "How long have you worked at the school?",
    "Do you take any medication?",
    "Is there somebody you can talk to about this?",
    "How did you get here this morning?",
    "What worries you most?",
    "Have you ever smoked?",
    "Tell me about your children.",
    "What did they tell you at the ultrasound?",
    "Does the biopsy still hurt?",
    "That must be frightening.",
    "Have you been reading about it?",
    "What helps you when things are hard?",
    "Do you have any questions for me?",
    "You are not alone in this.",
    "How is your husband taking it?",
    "When was your last mammogram?",
    "Is there anything else you want to ask me?",
    "What would you like to do next?",
    "Can you say back to me what we have talked about?",
)
"""A conversation of 30 turns that do not end the encounter."""

LEARNER = VoiceStyle(formant_shift=0.97, pitch_hz=112.0)

GAP_S = 0.8
"""Seconds that the learner waits after the patient."""

PLAIN_END_S = 0.64
"""Seconds of silence that end a turn in the plain loop, as in the prototype."""

PLAIN_DEVICE_S = 0.06
"""Seconds of output delay in the plain loop, equal to that of the simulated line."""

BLOCK = 10
"""Turns of one encounter; with busy processes, each block runs without and with them."""


def run(quick: bool, others: int = 0, turns: int | None = None) -> dict[str, Any]:
    """Return the figures as JSON data.

    quick: 3 turns instead of 30. others: number of busy processes, compared with none.
    """
    simulator = Simulator()
    patient = simulator.patient(CASE)
    count = turns or (3 if quick else len(SENTENCES))
    sentences = SENTENCES[:count]
    clips = [_clip(simulator, text) for text in sentences]
    if quick:
        _prepare(simulator, patient, sentences)
    else:
        simulator.make_ready(CASE)
    quiet: list[Played] = []
    crowded: list[Played] = []
    plain_ms: list[float] = []
    with PeakMemory() as memory:
        for start in range(0, count, BLOCK):
            block = clips[start : start + BLOCK]
            quiet.append(_encounter(simulator, patient, block))
            if others:
                with busy(others):
                    crowded.append(_encounter(simulator, patient, block))
    if not others:
        plain_ms = [_plain(simulator, patient, clip) for clip in clips]
    answers = [answer for played in quiet for answer in answers_of(played)]
    ours_ms = [answer.after_ms for answer in answers]
    report: dict[str, Any] = {
        "voice_to_voice_ms": spread(ours_ms),
        "stages_ms": _stages(quiet),
        "choose_ms": spread(_choosing(quiet)),
        "turns": len(ours_ms),
        "slowest": [asdict(answer) for answer in sorted(answers, key=slowness)[:3]],
        "peak_rss_mb": round(memory.mb),
        "case": CASE,
        "profile": simulator.profile,
    }
    if others:
        busy_ms = [answer.after_ms for played in crowded for answer in answers_of(played)]
        report["busy"] = {"processes": others, "voice_to_voice_ms": spread(busy_ms)}
        report["busy_p95_ratio"] = round(percentile(busy_ms, 0.95) / percentile(ours_ms, 0.95), 2)
    else:
        report["baseline_ms"] = spread(plain_ms)
        report["baseline_ratio"] = round(percentile(plain_ms, 0.5) / percentile(ours_ms, 0.5), 2)
    return report


@dataclass(frozen=True, slots=True)
class TimedTurn:
    """A turn of the learner and the time to its answer."""

    after_ms: float
    """Planted end of speech to the first sample played, minus the silence the patient chose."""
    text: str
    melody_prob: float | None
    """Probability that the turn was over, by Smart Turn."""
    words_prob: float | None
    """Probability that the turn was over, by the words."""
    source: str
    """Source of the patient's line: authored, model or fallback."""


def slowness(answer: TimedTurn) -> float:
    """Sort answers by this, and the slowest come first."""
    return -answer.after_ms


def answers_of(played: Played) -> list[TimedTurn]:
    """Return every answered turn, in order."""
    found: list[TimedTurn] = []
    moves = {e.turn: e.source for e in played.entries if isinstance(e, PatientMove)}
    delays = [entry for entry in played.entries if isinstance(entry, Delay)]
    turns = [entry for entry in played.entries if isinstance(entry, LearnerTurn)]
    for utterance in played.truth.spoken:
        end_s = utterance.offset_s
        sound_s = played.truth.first_sound_after(end_s)
        answered = [t for t in turns if t.start_s <= end_s <= t.end_s + 0.5]
        chosen = [d.chosen_silence_s for d in delays if answered and d.turn == answered[0].turn]
        if sound_s is not None and chosen:
            turn = answered[0]
            after_ms = round(1000.0 * (sound_s - end_s - chosen[0]), 1)
            source = moves.get(turn.turn, "")
            found.append(TimedTurn(after_ms, turn.text, turn.complete_prob, turn.over_prob, source))
    return found


def _stages(runs: Sequence[Played]) -> dict[str, float]:
    """Return the median milliseconds from the end of speech to the end of each stage."""
    by_name: dict[str, list[float]] = {}
    for played in runs:
        for entry in played.entries:
            if isinstance(entry, Delay):
                for name, at_s in entry.stages_s.items():
                    by_name.setdefault(name, []).append(1000.0 * at_s)
    return {name: round(percentile(values, 0.5)) for name, values in by_name.items()}


def _choosing(runs: Sequence[Played]) -> list[float]:
    """Return the milliseconds from transcript to first synthesised clause."""
    stages = [e.stages_s for played in runs for e in played.entries if isinstance(e, Delay)]
    return [1000.0 * (s["speech"] - s["words"]) for s in stages if {"speech", "words"} <= set(s)]


def _clip(simulator: Simulator, text: str) -> LearnerClip:
    voice_id = manifest.digests([simulator.profile["voice"]])["voice"]
    folder = paths.cache_dir() / "clips"
    return cached_clip(simulator.engines().voice, voice_id, text, LEARNER, folder)


def _prepare(simulator: Simulator, patient: Patient, sentences: Sequence[str]) -> None:
    """Synthesise the first clauses of the lines that answer these sentences, in all moods.

    `make_ready` does this for all lines, which takes a minute the first time: too long for a quick
    bench.
    """
    engines = simulator.engines()
    embedder = engines.embedder
    assert embedder is not None
    wanted: list[tuple[str, VoiceStyle]] = []
    lines = simulator.plan(CASE).lines
    for start in range(0, len(sentences), BLOCK):
        state = patient.start(0)
        for text in sentences[start : start + BLOCK]:
            vector = embedder.embed([patient.focus(text)])[0]
            decision = patient.respond(
                state, LearnerUtterance(text=text, embedding=vector, duration_s=2.0)
            )
            if decision.query is not None:
                decision = patient.settle(state, decision, Answer())
            move = decision.move
            chosen = [each for each in lines if markup.plain(each.spoken) == move.text]
            wanted += spoken_lines.clauses(chosen, patient.style, slice(0, 1))
            state = patient.record_delivery(decision.state, move, move.text, True)
    engines.voice.prepare(wanted)


def _encounter(simulator: Simulator, patient: Patient, clips: Sequence[LearnerClip]) -> Played:
    first, *rest = clips
    after = tuple(ScriptStep(AfterPatient(GAP_S), clip) for clip in rest)
    script = LearnerScript((ScriptStep(At(0.5), first), *after))
    return play(simulator, patient, script, style=patient.style, focus=patient.focus)


def _plain(simulator: Simulator, patient: Patient, clip: LearnerClip) -> float:
    """Return the milliseconds of the plain loop for one sentence: waiting plus computing."""
    # Loads the library, which reads the environment that `Simulator` sets.
    from simvoice.engines.stt.whisper import Whisper

    engines = simulator.engines()
    stt, llm = engines.stt, engines.llm
    assert isinstance(stt, Whisper)
    assert llm is not None
    begun = time.perf_counter()
    text = stt.transcribe_stock(clip.pcm, beam_size=5)
    person = patient.case.person
    prompt = (
        f"<|im_start|>system\nYou are {person.name}, a patient. {patient.case.scene}<|im_end|>\n"
        f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
    )
    reply = "".join(llm.complete(prompt, max_tokens=60, stop=("<|im_end|>",), seed=1))
    # The plain loop synthesises every reply; a cached clip would take no time.
    simulator.unprepared_voice().speak(reply or "I see.", patient.style("neutral"))
    return 1000.0 * (PLAIN_END_S + PLAIN_DEVICE_S + time.perf_counter() - begun)
