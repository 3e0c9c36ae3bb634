"""Own words before the debrief: the page, what it saves, and what it does not show."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from simvoice.record.reflection import REFLECTION, LearnerReflection, read_reflection
from simvoice.web.pages import folder_state
from tests.hub.pages.test_hub_browser import axe_source
from tests.planted.on_page import plant
from tests.web.conftest import Watched
from tests.web.stand_in import StandIn
from tests.web.test_web_browser import until

Browse = Callable[..., Watched]
REFLECTS = {"options": {"reflects": True}}


@pytest.fixture
def found(simulator: StandIn) -> str:
    return plant(simulator.root, **REFLECTS)


def kept(simulator: StandIn, attempt: str) -> LearnerReflection:
    reflection = read_reflection(simulator.root / attempt)
    assert reflection is not None
    return reflection


def moments_of(client: TestClient, attempt: str) -> list[float]:
    """The moments that the page offers, by its own data."""
    found = []
    number = 1
    while True:
        page = client.get(f"/attempts/{attempt}/reflect?moment={number}").text
        at = re.search(r'data-at="([0-9.]+)" data-number="(\d+)" data-count="(\d+)"', page)
        assert at is not None
        found.append(float(at[1]))
        if at[2] == at[3]:
            return found
        number += 1


class Sender:
    """Sends what the page's script sends."""

    def __init__(self, client: TestClient, token: str, attempt: str) -> None:
        self._client, self._headers = client, {"x-simvoice-token": token}
        self._path = f"/attempts/{attempt}/reflection"

    def save(self, at_s: float, text: str, before: str = "", field: str = "aim") -> Response:
        body = {"at_s": at_s, "field": field, "text": text, "before": before}
        return self._client.put(self._path, json=body, headers=self._headers)

    def end(self) -> Response:
        return self._client.post(f"{self._path}/end", headers=self._headers)


@pytest.mark.slow
def test_own_words_come_before_anything_of_the_machine(
    client: TestClient, simulator: StandIn, token: str, found: str
) -> None:
    debrief = f"/attempts/{found}"
    first = client.get(debrief, follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (303, f"{debrief}/reflect")
    moments = moments_of(client, found)
    assert 1 < len(moments) <= 5
    for number in range(1, len(moments) + 1):
        page = html.unescape(client.get(f"{debrief}/reflect?moment={number}").text)
        assert "What did it do to the patient?" in page
        assert not re.search(r"rust (rose|fell)|taken as|[Ii]nterrupted|Coded as|SPIKES", page)
        assert f"{debrief}/timeline" not in page
    assert not (simulator.root / found / REFLECTION).exists()  # to look is not to write

    sender = Sender(client, token, found)
    built = folder_state(simulator.root / found)
    assert sender.save(moments[0], "To <b>ask</b> her.").json() == {"text": "To <b>ask</b> her."}
    assert sender.save(moments[1], "It hurt.", field="effect").status_code == 200
    assert folder_state(simulator.root / found) == built  # the debrief is not built again
    page = client.get(f"{debrief}/reflect").text
    assert ">To &lt;b&gt;ask&lt;/b&gt; her.</textarea>" in page
    assert client.get(debrief, follow_redirects=False).status_code == 303  # still a draft

    assert sender.end().status_code == 200
    page = html.unescape(client.get(debrief, follow_redirects=False).text)
    own = page[page.index('id="own-view"') : page.index('id="conversation"')]
    assert own.count('class="own-moment"') == 2
    assert "To <b>ask</b> her." in own
    assert "The record" in own
    assert client.get(f"{debrief}/reflect", follow_redirects=False).headers["location"] == debrief
    late = sender.save(moments[0], "I knew it.", "To <b>ask</b> her.")
    assert late.status_code == 409
    assert "was shown meanwhile" in late.json()["message"]


@pytest.mark.slow
def test_what_cannot_be_saved_is_a_sentence_and_nothing_is_lost(
    client: TestClient, simulator: StandIn, token: str, found: str
) -> None:
    (at_s, *_) = moments_of(client, found)
    sender = Sender(client, token, found)
    sender.save(at_s, "first")
    other = sender.save(at_s, "second")
    assert (other.status_code, other.json()["text"]) == (409, "first")
    assert "in another window" in other.json()["message"]
    for body, sentence in (
        ("x" * 4001, "has 4001 characters, and at most 4000"),
        ("x" * 100_000, "too long"),
    ):
        answer = sender.save(at_s, body, "first")
        assert (answer.status_code, sentence in answer.json()["message"]) == (422, True)
    assert "Reload the page" in sender.save(3.21, "x").json()["message"]
    assert sender.save(at_s, "x", field="score").status_code == 422
    assert sender.save("now", "x").status_code == 422  # type: ignore[arg-type]
    assert kept(simulator, found).moments[0].aim == "first"
    foreign = client.put(f"/attempts/{found}/reflection", json={})
    assert foreign.status_code == 403
    (simulator.root / found / REFLECTION).write_text("{")
    assert "cannot be read" in sender.save(at_s, "third").json()["message"]
    page = client.get(f"/attempts/{found}")  # nobody is kept from the debrief
    assert (page.history, "What the learner wrote about attempt" in page.text) == ([], True)
    simulator.erase(found)
    assert sender.save(at_s, "fourth", "first").status_code == 404


def test_an_attempt_that_does_not_reflect_opens_as_before(
    client: TestClient, simulator: StandIn, token: str, attempt_id: str
) -> None:
    answer = client.get(f"/attempts/{attempt_id}", follow_redirects=False)
    assert answer.status_code == 200
    assert "beside the record's" not in answer.text
    sender = Sender(client, token, attempt_id)
    assert sender.save(2.0, "x").status_code == 422
    assert sender.end().status_code == 200
    assert not (simulator.root / attempt_id / REFLECTION).exists()


# -- in a browser ----------------------------------------------------------------------------


def focus(page: Any, wanted: Any) -> None:
    """Press Tab until `wanted` has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if wanted.evaluate("node => node === document.activeElement"):
            return
    pytest.fail("40 presses of Tab did not reach it")


@pytest.mark.browser
def test_a_learner_reflects_with_the_keyboard_alone(
    address: str, simulator: StandIn, browse: Browse, found: str
) -> None:
    seen = browse()
    page = seen.page
    page.goto(f"{address}/attempts/{found}")
    page.wait_for_url("**/reflect")
    focus(page, page.get_by_role("button", name="Hear this moment"))
    page.keyboard.press("Enter")
    until(page, "!document.getElementById('sound').paused")
    page.evaluate("document.getElementById('sound').pause()")
    focus(page, page.get_by_label("What were you trying to do?"))
    page.keyboard.type("To hear what she knows.")
    until(page, "document.getElementById('saving').textContent === 'Saved.'")
    assert kept(simulator, found).moments[0].aim == "To hear what she knows."

    other = seen.page.context.new_page()  # a second window of the same page
    other.goto(f"{address}/attempts/{found}/reflect")
    other.fill("#text-aim", "Something else.")
    until(other, "document.getElementById('saving').textContent === 'Saved.'")
    other.close()
    page.keyboard.type(" And why.")
    page.wait_for_selector("#fault-aim:not([hidden])")
    assert "“Something else.”" in page.inner_text("#fault-aim")
    assert page.input_value("#text-aim") == "To hear what she knows. And why."
    page.keyboard.type("!")
    until(page, "document.getElementById('fault-aim').hidden")

    page.reload()  # as after a crash of the browser
    assert page.input_value("#text-aim") == "To hear what she knows. And why.!"
    focus(page, page.get_by_label("What would you say now?"))
    page.keyboard.type("What have you been told?")
    focus(page, page.get_by_role("button", name="Next moment"))
    page.keyboard.press("Enter")  # before the pause in typing is over
    page.wait_for_url("**/reflect?moment=2")
    assert kept(simulator, found).moments[0].instead == "What have you been told?"

    page.evaluate(axe_source() + "; 0")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        violations = page.evaluate("axe.run().then((done) => done.violations.map((v) => v.id))")
        assert violations == [], scheme
    for width in (320, 390, 1920):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    assert not [url for url in seen.requests if url.endswith("/timeline")]
    focus(page, page.get_by_role("button", name="Show the debrief"))
    page.keyboard.press("Enter")
    page.wait_for_selector(".own-view")
    assert page.get_by_role("heading", name="Your view beside the record's").is_visible()
    page.evaluate(axe_source() + "; 0")
    assert page.evaluate("axe.run('.own-view').then((d) => d.violations.map((v) => v.id))") == []
    page.go_back()
    page.wait_for_selector(".own-view")  # the way back does not lead before the debrief
    assert kept(simulator, found).is_over
    assert [each for each in seen.errors if "409" not in each] == []
