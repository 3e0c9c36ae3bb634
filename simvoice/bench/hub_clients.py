"""Learners in browsers, without browsers, for `bench.hub`.

A process of its own plays all learners of a measurement. Each has a WebSocket to the hub and speaks
the protocol of `devices/browser.py` as the page does: a frame every 20 ms by its own clock, and a
speaker that begins to play when 60 ms of sound are there, and drops silence when it is late. The
learners are out of step: each begins at another time, and waits for another time before each of its
turns. What each said and heard is known to the sample.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.typing import Origin

from simvoice.audio import FRAME, FRAME_S, INAUDIBLE, Pcm16, level_dbfs, to_int16
from simvoice.devices.browser import HEAD, OUT_HEAD, VERSION
from simvoice.devices.simulated import SOUNDS_DBFS, Truth
from simvoice.simulate.learner import LearnerScript, PlantedUtterance, ScriptedLearner
from simvoice.simulate.signals import pink_noise
from simvoice.web.security import TOKEN_HEADER

# The speaker of the page, in frames (`web/static/audio-worklet.js`). Its ring adds the 60 ms that
# the simulated line of `bench latency` has.
PREFILL = 3
SLACK = 2
QUIET_RUN = 10

TAIL_S = 1.0
"""The learner leaves so long after the patient's last answer."""

LONGEST_S = 600.0
_ASK_S = 0.5
_SILENCE = np.zeros(FRAME, np.int16)


@dataclass(frozen=True)
class LearnerPlan:
    """One learner of a measurement."""

    address: str
    """Of the hub: "http://127.0.0.1:8766"."""
    cookie: str
    """Name and value of the session's cookie: "name=value"."""
    token: str
    """Of the pages of this session."""
    case_id: str
    script: LearnerScript
    begins_s: float
    """Seconds after the start of the measurement at which the learner comes."""
    seed: int = 0


@dataclass
class LearnerResult:
    """What one learner said, heard and lost."""

    attempt: str = ""
    """Id of the record; empty when no encounter began."""
    wait_s: float = 0.0
    """From joining the queue to the offered place."""
    truth: Truth | None = None
    underruns: int = 0
    """Frames that the speaker played as silence because none had come."""
    late_frames: int = 0
    """Frames that this process sent more than 20 ms late: the machine is too small for both."""
    trouble: str = ""


@dataclass
class _Speaker:
    """Plays what comes, and keeps what reached the ear."""

    waiting: deque[Pcm16] = field(default_factory=deque)
    received: int = 0
    quiet: int = 0
    """Frames of silence at the end of what waits."""
    underruns: int = 0
    primed: bool = False
    ear: list[Pcm16] = field(default_factory=list)

    def take(self, message: bytes) -> None:
        """Take a message of the server."""
        count = OUT_HEAD.unpack_from(message)[2]
        sound = np.frombuffer(message, "<i2", offset=OUT_HEAD.size)
        for number in range(count):
            self._push(sound[number * FRAME : (number + 1) * FRAME])
        self.received += count

    def _push(self, frame: Pcm16) -> None:
        self.waiting.append(frame)
        silent = int(np.abs(frame.astype(np.int32)).max()) <= INAUDIBLE
        self.quiet = self.quiet + 1 if silent else 0
        surplus = len(self.waiting) - PREFILL
        spare = min(self.quiet, len(self.waiting)) - QUIET_RUN
        if surplus > SLACK and spare > 0:
            for _ in range(min(surplus, spare)):
                self.waiting.pop()
                self.quiet -= 1

    def play(self) -> Pcm16:
        """Return the frame that sounds now."""
        if not self.primed and len(self.waiting) >= PREFILL:
            self.primed = True
        frame = _SILENCE
        if self.primed:
            if self.waiting:
                frame = self.waiting.popleft()
            else:
                self.primed = False
                self.underruns += 1
        self.ear.append(frame)
        return frame


class _Learner:
    """One learner, from the queue to the end of the encounter."""

    def __init__(self, plan: LearnerPlan) -> None:
        self.plan = plan
        self.result = LearnerResult()
        self._speaker = _Speaker()
        self._over = asyncio.Event()
        self._begun = asyncio.Event()

    async def run(self) -> LearnerResult:
        """Join, wait, talk, leave."""
        await asyncio.sleep(self.plan.begins_s)
        try:
            await self._wait_for_place()
            await self._talk()
        except (httpx.HTTPError, OSError, ConnectionClosed, RuntimeError) as error:
            self.result.trouble = f"{type(error).__name__}: {error}"
        return self.result

    async def _wait_for_place(self) -> None:
        headers = {
            "cookie": self.plan.cookie,
            "origin": self.plan.address,
            TOKEN_HEADER: self.plan.token,
        }
        began_s = time.monotonic()
        async with httpx.AsyncClient(base_url=self.plan.address, headers=headers) as client:
            answer = await client.post("/encounters/place", json={"case": self.plan.case_id})
            while True:
                if answer.status_code != 200:
                    raise RuntimeError(f"the queue answered {answer.status_code}: {answer.text}")
                if answer.json()["standing"] == "offered":
                    break
                if time.monotonic() - began_s > LONGEST_S:
                    raise RuntimeError(f"no place came: {answer.json()['sentence']}")
                await asyncio.sleep(_ASK_S)
                answer = await client.get("/encounters/place")
        self.result.wait_s = time.monotonic() - began_s

    async def _talk(self) -> None:
        address = self.plan.address.replace("http", "ws", 1) + "/encounters/line"
        headers = {"cookie": self.plan.cookie}
        own = Origin(self.plan.address)
        async with connect(
            address, origin=own, additional_headers=headers, compression=None
        ) as socket:
            hello = {
                "type": "hello",
                "token": self.plan.token,
                "case": self.plan.case_id,
                "headphones": True,
            }
            await socket.send(json.dumps(hello))
            listening = asyncio.create_task(self._listen(socket))
            try:
                await asyncio.wait_for(self._begun.wait(), 60.0)
                await self._speak(socket)
                await asyncio.wait_for(self._over.wait(), 60.0)
            except TimeoutError as error:
                raise RuntimeError(self.result.trouble or "the hub did not answer") from error
            finally:
                listening.cancel()

    async def _listen(self, socket: ClientConnection) -> None:
        async for message in socket:
            if isinstance(message, bytes):
                self._speaker.take(message)
                continue
            told: dict[str, Any] = json.loads(message)
            match told["type"]:
                case "begun":
                    self.result.attempt = told["attempt"]
                    self._begun.set()
                case "finished":
                    self._over.set()
                case "fault" | "busy":
                    self.result.trouble = told["message"]
                    self._over.set()
                    self._begun.set()
                case _:
                    pass
        self._over.set()

    async def _speak(self, socket: ClientConnection) -> None:
        """Send frames by the clock until the script is over and the patient is silent."""
        learner = ScriptedLearner(self.plan.script)
        noise = to_int16(pink_noise(10.0, -60.0, self.plan.seed))
        noise = noise[: len(noise) - len(noise) % FRAME]
        spoken: list[PlantedUtterance] = []
        voice: Pcm16 = np.zeros(0, np.int16)
        speaker = self._speaker
        began_s = time.monotonic()
        number = 0
        with suppress(ConnectionClosedOK):  # the patient has ended it
            while not self._over.is_set():
                at_s = number * FRAME_S
                late_s = time.monotonic() - began_s - at_s
                if late_s < 0.0:
                    await asyncio.sleep(-late_s)
                elif late_s > FRAME_S:
                    self.result.late_frames += 1
                heard = speaker.play()
                utterance = learner.tick(at_s, level_dbfs(heard) > SOUNDS_DBFS)
                if utterance is not None:
                    clip = self.plan.script.steps[utterance.step].clip
                    assert clip is not None
                    spoken.append(utterance)
                    voice = to_int16(clip.pcm)
                start = number * FRAME % len(noise)
                frame = noise[start : start + FRAME].copy()
                frame[: len(voice)] += voice[:FRAME]
                voice = voice[FRAME:]
                await socket.send(self._message(number, frame))
                number += 1
                quiet_s = learner.silent_for_s(at_s)
                is_answered = learner.done and not len(voice) and quiet_s > TAIL_S
                if (is_answered and self._has_answer(spoken, at_s)) or at_s > LONGEST_S:
                    break
            await socket.send('{"type": "end"}')
        delivered = np.concatenate(speaker.ear)
        self.result.truth = Truth(tuple(spoken), (), (), delivered)
        self.result.underruns = speaker.underruns

    def _has_answer(self, spoken: list[PlantedUtterance], at_s: float) -> bool:
        """Return True when the patient has answered the last turn, or will not."""
        return not spoken or at_s - spoken[-1].offset_s > 8.0

    def _message(self, number: int, frame: Pcm16) -> bytes:
        speaker = self._speaker
        waiting = len(speaker.waiting)
        ahead = (waiting if speaker.primed else max(waiting, PREFILL - 1)) * FRAME
        head = HEAD.pack(VERSION, 0, 1, number, ahead, speaker.underruns, speaker.received, 0, 0)
        return head + frame.tobytes()


async def _run(plans: list[LearnerPlan]) -> list[LearnerResult]:
    return list(await asyncio.gather(*(_Learner(plan).run() for plan in plans)))


def main() -> None:
    """Play the learners of a plan, and write their results beside it."""
    path = Path(sys.argv[1])
    plans: list[LearnerPlan] = pickle.loads(path.read_bytes())
    path.with_suffix(".results").write_bytes(pickle.dumps(asyncio.run(_run(plans))))
