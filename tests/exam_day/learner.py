"""A scripted learner at a station: presses what the pages offer, speaks, and reads every answer.

It uses the station over HTTP and its WebSocket, as the page in the browser does, and looks in all
that it gets for marks of others. At planned moments something happens to the station; the learner
then waits until the station is back, and goes on.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from simvoice.audio import FRAME, FRAME_S, Pcm16
from simvoice.devices.browser import HEAD, VERSION
from simvoice.hub_client.station_messages import Phase
from tests.endurance.served import PageSpeaker
from tests.exam_day.lab import Kind
from tests.exam_day.marks import Marks, text_of_others
from tests.exam_day.search import heard_in
from tests.exam_day.station_host import StationHost
from tests.exam_day.visit import Begun, Fault, Planned, Recovery, Visit

POLL_S = 0.5
"""Of the station's clock: how often a page asks for the state."""
BACK_S = 20.0
"""Within this a station is back after a fault, by a real clock."""
VISIT_S = 120.0
"""By a real clock; a visit that takes longer hangs."""
_BATCH = 5
"""Frames in a message: a tenth of a second of the session."""
_SPEAKS = (0.5, 1.7)
"""Seconds of each cycle in which the learner speaks; the patient answers in the rest."""
_CYCLE_S = 4.0

_ALLOWED_AFTER: dict[Phase, frozenset[Phase]] = {
    Phase.DOOR: frozenset({Phase.DOOR, Phase.ENCOUNTER}),
    Phase.ENCOUNTER: frozenset({Phase.ENCOUNTER, Phase.MICROPHONE, Phase.QUESTIONS, Phase.DEBRIEF}),
    Phase.QUESTIONS: frozenset({Phase.QUESTIONS, Phase.THANKS, Phase.DEBRIEF}),
    Phase.THANKS: frozenset({Phase.THANKS, Phase.RESET, Phase.WELCOME}),
    Phase.DEBRIEF: frozenset({Phase.DEBRIEF, Phase.RESET, Phase.WELCOME}),
    Phase.RESET: frozenset({Phase.RESET, Phase.WELCOME}),
}
"""Where a station may be after a fault; each phase may also still be itself."""


_ENDS_PROCESS = frozenset({Fault.KILL, Fault.POWER, Fault.STOPPED})
_ENDS_WINDOW = frozenset({*_ENDS_PROCESS, Fault.FROZEN, Fault.CLOSED})
_ENDS_LINE = frozenset({*_ENDS_WINDOW, Fault.LEAVES})
"""Faults after which the page has lost its line; through the others the learner goes on."""


class PageGone(Exception):
    """The station does not answer, or this window is not the one that it has opened."""


@dataclass(frozen=True)
class Middle:
    """The middle of the page, with what a learner finds there."""

    html: str

    def offers(self, kind: str) -> bool:
        """Return True when there is a button for this action."""
        return f'data-act="{kind}"' in self.html

    @property
    def takes_code(self) -> bool:
        """Return True when a code can be typed."""
        return 'data-form="code"' in self.html

    @property
    def cases(self) -> list[str]:
        """The cases that can be chosen."""
        return re.findall(r'data-case="([^"]+)"', self.html)

    @property
    def assignments(self) -> dict[str, str]:
        """The assignments that can be chosen, by their mode."""
        found = re.findall(
            r'data-assignment="([^"]+)".*?<span class="sub">[^<]*· (\w+)<', self.html
        )
        return {mode: assignment for assignment, mode in found}

    @property
    def answers(self) -> list[str]:
        """What is written so far as answers."""
        return re.findall(r"<textarea[^>]*>([^<]*)</textarea>", self.html)


class StationPages:
    """The page of a station in one window of its browser."""

    def __init__(self, host: StationHost, read: Callable[[str, str], None]) -> None:
        """read: gets the path and the text of each answer."""
        self._host = host
        self._read = read
        self._browser: httpx.Client | None = None
        self.number = 0
        """Of the browser that is used now."""
        self._address = ""
        self._token = ""
        self._window = ""

    def close(self) -> None:
        """Close the window."""
        if self._browser is not None:
            self._browser.close()
            self._browser = None

    def open(self) -> bool:
        """Open the address that the station's browser shows now. Return False without one."""
        opened = self._host.opened()
        if opened is None:
            return False
        if self._browser is not None and opened.number == self.number:
            return True
        self.close()
        base = re.match(r"http://[^/]+", opened.address)
        assert base is not None
        made = httpx.Client(
            base_url=base[0],
            timeout=10.0,
            headers={"origin": base[0]},
        )
        try:
            made.get(opened.address)  # gives the cookie
            page = made.get("/", headers={"accept": "text/html"})
        except httpx.HTTPError:
            made.close()
            return False
        token = re.search(r'name="simvoice-token" content="([^"]+)"', page.text)
        if page.status_code != 200 or token is None:
            made.close()
            return False
        self._read("/", page.text)
        made.headers["x-simvoice-token"] = token[1]
        self._browser, self.number, self._address = made, opened.number, base[0]
        self._token = token[1]
        self._window = f"{random.getrandbits(64):016x}"
        return True

    def _request(self, method: str, path: str, **given: Any) -> httpx.Response:
        if not self.open():
            raise PageGone
        assert self._browser is not None
        try:
            answer = self._browser.request(method, path, **given)
        except httpx.HTTPError as error:
            self.close()
            raise PageGone from error
        if answer.status_code in (401, 403):  # from an earlier start of the program
            self.close()
            raise PageGone
        self._read(path, answer.text)
        return answer

    def state(self) -> dict[str, Any]:
        """Return what changes from moment to moment. It is the heartbeat, too. Raises PageGone."""
        sign = {"window": self._window, "level_dbfs": -30.0}
        answer = self._request("POST", "/state", json=sign)
        found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        if not found.get("is_open_here"):
            self.close()
            raise PageGone
        return found

    def middle(self) -> Middle:
        """Return what can be pressed and read in this phase. Raises PageGone."""
        return Middle(self._request("GET", "/phase").text)

    def act(self, **action: Any) -> str:
        """Press something. Return the sentence of a refusal; empty when it was done."""
        answer = self._request("POST", "/act", json=action)
        return "" if answer.status_code == 200 else str(answer.json()["message"])

    def whole(self) -> str:
        """Return the whole page, which alone has the debrief. Raises PageGone."""
        return self._request("GET", "/").text

    @contextmanager
    def line(self) -> Iterator[ClientConnection]:
        """Open the WebSocket of the encounter and say hello. Raises PageGone."""
        if not self.open() or self._browser is None:
            raise PageGone
        cookies = "; ".join(f"{each.name}={each.value}" for each in self._browser.cookies.jar)
        hello = {"type": "hello", "token": self._token, "case": "", "headphones": True}
        try:
            with connect(
                f"ws{self._address.removeprefix('http')}/line",
                additional_headers={"cookie": cookies},
                origin=self._address,  # type: ignore[arg-type]
                max_size=1 << 20,
                ping_interval=None,
                open_timeout=20.0,
            ) as made:
                made.send(json.dumps(hello | {"microphone": "simulated", "rate": 48_000}))
                yield made
        except (ConnectionError, TimeoutError, InvalidHandshake, ConnectionClosed) as error:
            raise PageGone from error


@dataclass
class ScriptedLearner:
    """Goes through one visit."""

    visit: Visit
    host: StationHost
    others: Sequence[Marks]
    inflict: Callable[[Planned, Visit], None]
    """Does a fault to the station or to the hub."""
    chosen: random.Random
    talk_s: float
    """Session seconds after which the learner ends an encounter that has no time."""
    pages: StationPages = field(init=False)
    _phase: Phase = Phase.WELCOME
    _since_s: float = 0.0
    """Elapsed time of the station at which the phase began."""
    _phase_real_s: float = 0.0
    _has_arrived: bool = False
    _tried_wrong: bool = False
    _sound: list[Pcm16] = field(default_factory=list)
    """What the patient's side has sent."""

    def __post_init__(self) -> None:
        """Open the window."""
        self.pages = StationPages(self.host, self._look)

    @property
    def marks(self) -> Marks:
        """The marks of the learner."""
        return self.visit.learner.marks

    def _look(self, path: str, text: str) -> None:
        self.visit.pages += 1
        for found in text_of_others(text, self.others):
            self.visit.fail(f"{path} shows {found}")

    def run(self) -> None:
        """Do the visit, up to the welcome page for the next learner."""
        end, has_left = time.monotonic() + VISIT_S, False
        while True:
            if time.monotonic() > end:
                self.visit.fail(f"the visit hangs in {self._phase}")
                if has_left:
                    return
                self._leave()  # so that the next learner finds the station free
                has_left = True
                end += VISIT_S
            self.host.free_disk_when_due()
            try:
                state = self.pages.state()
            except PageGone:
                time.sleep(0.02)
                continue
            phase = Phase(state["phase"])
            if phase is not self._phase:
                self._phase, self._since_s = phase, self.host.clock.elapsed_s()
                self._note(str(phase))
            if phase is Phase.WELCOME and self._has_arrived:
                self._check_sound()
                return
            due = self._due()
            if due is not None and phase is not Phase.ENCOUNTER:
                self._suffer(due)
                if due.fault is Fault.LEAVES:
                    self._leave()
                continue
            try:
                self._go_on(state, phase)
            except PageGone:
                continue
            time.sleep(POLL_S / self.host.clock.speed)

    def _note(self, what: str) -> None:
        self.visit.history.append(f"{self.host.clock.elapsed_s():.1f} s {what}")

    # -- each phase

    def _go_on(self, state: dict[str, Any], phase: Phase) -> None:
        if state.get("warning"):
            self.pages.act(kind="stay")
        waits = any(each.phase is phase for each in self.visit.planned)
        if waits and phase is not Phase.ENCOUNTER:
            return  # until the fault of this phase has come
        match phase:
            case Phase.WELCOME:
                refused = self.pages.act(kind="begin")
                if not refused:
                    self._has_arrived = True
            case Phase.CONSENT:
                self.pages.act(kind="agree")
            case Phase.CODE:
                self._give_code()
            case Phase.TERMS:
                self.pages.act(kind="accept")
            case Phase.MICROPHONE:
                self.pages.act(kind="microphone")
            case Phase.DOOR:
                if state["is_ready"]:
                    self.pages.act(kind="enter")
            case Phase.ENCOUNTER:
                if state["is_interrupted"]:
                    self.pages.act(kind="go on")
                elif state["is_ready"] and not state["is_running"]:
                    self._talk()
            case Phase.QUESTIONS:
                self._answer()
            case Phase.DEBRIEF:
                self._read_debrief(state)
            case Phase.THANKS:
                if state["has_debrief"]:
                    self.visit.fail("the debrief of an exam is offered")
                self.pages.act(kind="done")
            case Phase.RESET | Phase.TEST:
                return

    def _answer(self) -> None:
        written = self.pages.middle().answers
        answers = [f"{self.marks.answer}, said {self.marks.name}" for _ in written]
        self.pages.act(kind="draft" if written != answers else "hand in", answers=answers)

    def _give_code(self) -> None:
        learner, middle = self.visit.learner, self.pages.middle()
        if learner.kind is Kind.NO_CODE:
            self._expect_done(self.pages.act(kind="without code", case=middle.cases[0]))
        elif not middle.takes_code and (learner.kind.is_exam or self.chosen.random() < 0.5):
            # without its hub a station does not know what a person may do
            wanted = middle.assignments.get("exam" if learner.kind.is_exam else "practice")
            if wanted is not None:
                self._expect_done(self.pages.act(kind="choose", assignment=wanted))
            elif learner.kind.is_exam:
                self._note("the exam is not offered")
                self._leave()
            else:
                self._expect_done(self.pages.act(kind="choose", case=middle.cases[0]))
        elif not middle.takes_code:
            self._expect_done(self.pages.act(kind="choose", case=middle.cases[0]))
        elif learner.expired and not self._tried_wrong:
            self._tried_wrong = True
            refusal = self.pages.act(kind="code", text=learner.expired)
            if "expired" not in refusal:
                self.visit.fail(f"an expired code is answered with {refusal!r}")
        else:
            typed = self.marks.code.lower().replace("-", self.chosen.choice(("", " ", "-")))
            self._expect_done(self.pages.act(kind="code", text=typed))

    def _expect_done(self, refusal: str) -> None:
        if refusal:
            self._note(f"refused: {refusal}")
            self.visit.fail(f"in {self._phase} the station says: {refusal}")

    def _read_debrief(self, state: dict[str, Any]) -> None:
        if self.visit.learner.kind.is_exam:
            self.visit.fail("an exam leads to the debrief")
        if state["is_reflecting"]:
            self.pages.act(kind="show debrief")
            return
        if state["has_debrief"]:
            text = self.pages.whole().lower()
            spoke = any(each.at_s > _CYCLE_S for each in self.visit.begun)
            if spoke and not any(word in text for word in self.marks.words):
                self.visit.fail("the debrief does not have the learner's own words")
        elif not self.pages.middle().offers("done"):
            return  # it is being sealed
        self.pages.act(kind="done")

    def _leave(self) -> None:
        end = time.monotonic() + BACK_S
        while time.monotonic() < end:
            with suppress(PageGone):
                self.pages.act(kind="leave")
                return
            time.sleep(0.05)

    # -- the encounter

    def _talk(self) -> None:
        """Speak with the patient until the encounter ends, or something happens."""
        speed = self.host.clock.speed
        begun = Begun("")
        speaker, frames, polled_s = PageSpeaker(), 0, 0.0
        has_ended = False
        try:
            with suppress(PageGone), self.pages.line() as socket:
                self.visit.begun.append(begun)
                began_s = time.monotonic()
                while True:
                    if self._drain(socket, begun, speaker):
                        return
                    due = self._due()
                    if due is not None:
                        self._suffer(due, socket)
                        if due.fault is Fault.LEAVES:
                            self._leave()
                        if due.fault in _ENDS_LINE:
                            return
                    if frames * FRAME_S > self.talk_s and not has_ended:
                        has_ended = not self.visit.learner.kind.is_exam
                        if has_ended:
                            socket.send('{"type": "end"}')
                    if time.monotonic() - polled_s > POLL_S / speed:
                        polled_s = time.monotonic()
                        self.host.free_disk_when_due()
                        self.pages.state()
                    sound = b"".join(self._frame(frames + n) for n in range(_BATCH))
                    for _ in range(_BATCH):
                        self._sound.append(speaker.play())
                    head = HEAD.pack(
                        VERSION, 0, _BATCH, frames, 0, speaker.underruns, speaker.received, 30, 0
                    )
                    try:
                        socket.send(head + sound)
                    except ConnectionClosed:  # what the station said before it closed is there
                        self._drain(socket, begun, speaker)
                        return
                    frames += _BATCH
                    ahead_s = frames * FRAME_S / speed - (time.monotonic() - began_s)
                    if ahead_s > 0:
                        time.sleep(ahead_s)
        finally:
            if begun.is_refused:
                self.visit.begun.remove(begun)
            elif begun in self.visit.begun and not begun.attempt:
                self._note("the line was lost before the station told of the encounter")

    def _frame(self, number: int) -> bytes:
        at_s = number * FRAME_S % _CYCLE_S
        speaks = _SPEAKS[0] <= at_s < _SPEAKS[1]
        pcm = self.marks.sound(1) if speaks else np.zeros(FRAME, np.int16)
        return pcm.astype("<i2", copy=False).tobytes()

    def _drain(self, socket: ClientConnection, begun: Begun, speaker: PageSpeaker) -> bool:
        """Take every message that is there. Return True after the last one."""
        while True:
            try:
                message = socket.recv(0)
            except TimeoutError:
                return False
            if isinstance(message, bytes):
                speaker.take(message)
                continue
            self._look("/line", message)
            told = json.loads(message)
            match told["type"]:
                case "begun":
                    begun.attempt = told["attempt"]
                    self._note(f"begun {begun.attempt}")
                case "status":
                    begun.at_s = told["at_s"]
                case "fault" | "busy":
                    said = f"{told['type']}: {told['message']}"
                    if said not in self.visit.history[-1]:
                        self._note(said)
                    begun.is_refused = not begun.attempt
                    return True
                case "finished":
                    self._note(f"finished: {told['reason']} {told['message']}")
                    return True

    def _check_sound(self) -> None:
        """Look for sound of others in all that the patient's side has sent."""
        if self._sound:
            heard = heard_in(np.concatenate(self._sound) / 32768.0, self.others)
            for number in heard:
                self.visit.fail(f"the station plays the sound of learner {number}")

    # -- faults

    def _due(self) -> Planned | None:
        """Return the fault that comes now, and take it from the plan."""
        for_s = self.host.clock.elapsed_s() - self._since_s
        for each in self.visit.planned:
            if each.phase is self._phase and for_s >= each.after_s:
                self.visit.planned.remove(each)
                return each
        return None

    def _suffer(self, due: Planned, socket: ClientConnection | None = None) -> None:
        """Let a fault happen, and wait until the station is back in the right phase."""
        self._note(str(due))
        if due.fault in (Fault.UNPLUG, Fault.LEAVES, Fault.WRONG_CODE):
            self.inflict(due, self.visit)
            if due.fault is Fault.UNPLUG and socket is not None:
                socket.send('{"type": "lost"}')
            if due.fault is Fault.WRONG_CODE:
                refusal = self.pages.act(kind="code", text="CDFH-JKMN-PRTV")
                if "code" not in refusal:
                    self.visit.fail(f"a wrong code is answered with {refusal!r}")
            return
        before, began_s = self.pages.number, time.monotonic()
        self.inflict(due, self.visit)
        if due.fault is Fault.POWER:
            began_s = time.monotonic()  # when the power is back
        needs_new = due.fault in _ENDS_WINDOW
        while True:
            took_s = time.monotonic() - began_s
            if took_s > 3 * BACK_S:
                self.visit.fail(f"is not back {took_s:.0f} s after {due}")
                return
            opened = self.host.opened()
            is_new = opened is not None and opened.number != before
            if is_new or not needs_new:
                with suppress(PageGone):
                    phase = Phase(self.pages.state()["phase"])
                    break
            time.sleep(0.02)
        took_s = time.monotonic() - began_s
        waited_s = self.host.waited_for_core_s() if due.fault in _ENDS_PROCESS else 0.0
        back = Recovery(self.visit.station, due.fault, due.phase, took_s, waited_s)
        self.visit.recoveries.append(back)
        if back.own_s > BACK_S:
            self.visit.fail(f"is back only {took_s:.0f} s after {due} ({waited_s:.0f} s no core)")
        allowed = _ALLOWED_AFTER.get(due.phase, frozenset()) | {due.phase}
        if due.fault is Fault.POWER:
            allowed |= {Phase.CODE}  # it was off for long, and asks who is there
        if phase not in allowed:
            self.visit.fail(f"is in {phase} after {due}")
