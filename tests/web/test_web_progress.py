"""The pages of a learner's attempts over time."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient

from simvoice.progress.brief_store import FILE, load_brief
from simvoice.record.events import RetryOrigin
from simvoice.record.files import HEADER
from simvoice.record.recorder import Recorder
from simvoice.web import progress as progress_page
from tests.planted.on_page import ID, plant
from tests.web.conftest import Open
from tests.web.stand_in import StandIn, case_header

HTML = {"accept": "text/html"}


def attempts(simulator: StandIn, many: int, learner: str = "Kim") -> list[str]:
    """Plant `many` attempts of one learner, one each day, and return their ids."""
    tail = hashlib.sha256(learner.encode()).hexdigest()[:4]
    return [
        plant(
            simulator.root,
            f"2026-11-{day:02d}T10:15:30+00:00",
            attempt=f"202611{day:02d}-101530-breast-biopsy-{tail}",
            learner=learner,
        )
        for day in range(1, many + 1)
    ]


@pytest.mark.slow
def test_a_learner_s_attempts_stand_in_a_table_with_intervals_and_links(
    client: TestClient, simulator: StandIn
) -> None:
    ids = attempts(simulator, 3)
    text = client.get("/progress/Kim").text
    places = [text.index(f'href="/attempts/{each}"') for each in ids]
    assert places == sorted(places)
    assert "1 November 2026, 10:15" in text
    for heading in ("Active listening", "Clarity", "Empathy under pressure"):
        assert f'<th scope="col">{heading}</th>' in text
    assert re.search(r"<td[^>]*>\d of \d met(, \d not judged)?</td>", text)
    headings = text.partition("How you asked")[0]
    assert "%" not in re.sub(r"<[^>]+>", " ", headings)
    # identical attempts: nothing may be called changed
    assert re.search(r"No change that can be told from chance: \d of \d met[^.]* both times", text)
    assert 'class="verdict is-change"' not in text
    assert "Reflections to questions" in text
    assert "comparisons are made here" in text


@pytest.mark.slow
def test_each_heading_is_drawn(client: TestClient, simulator: StandIn) -> None:
    attempts(simulator, 2)
    text = client.get("/progress/Kim").text
    charts = [c.replace("&amp;", "&") for c in re.findall(r'src="(/progress\.svg[^"]+)"', text)]
    assert len(charts) == 3
    for chart in charts:
        answer = client.get(chart)
        assert answer.headers["content-type"] == "image/svg+xml"
        assert ElementTree.fromstring(answer.content).tag.endswith("svg")
    attempts(simulator, 1, "Robin")
    assert client.get(charts[0].replace("Kim", "Robin")).status_code == 404  # not read yet
    gone = "/progress.svg?learner=Kim&case=breast-biopsy&heading=posture"
    assert client.get(gone).status_code == 404
    assert client.get(gone.replace("breast-biopsy", "other")).status_code == 404


@pytest.mark.slow
def test_with_several_learners_they_are_listed_and_with_one_shown(
    client: TestClient, simulator: StandIn
) -> None:
    attempts(simulator, 1)
    alone = client.get("/progress", follow_redirects=False)
    assert (alone.status_code, alone.headers["location"]) == (303, "/progress/Kim")
    attempts(simulator, 2, "Robin")
    text = client.get("/progress").text
    assert 'href="/progress/Kim"' in text
    assert 'href="/progress/Robin"' in text
    assert "2 conversations" in text
    assert "Robin" not in client.get("/progress/Kim").text


def test_without_attempts_the_list_says_so_and_an_unknown_learner_is_refused(
    client: TestClient, simulator: StandIn
) -> None:
    assert "no conversations yet" in client.get("/progress").text
    answer = client.get("/progress/Kim", headers=HTML)
    assert answer.status_code == 404
    assert "There is no attempt by" in answer.text


@pytest.mark.slow
def test_attempts_without_a_name_are_shown_as_one_learner(
    client: TestClient, attempt_id: str
) -> None:
    text = client.get("/progress").text  # the only one there is
    assert "Conversations without a name" in text
    assert "count as attempts by one person" in text
    assert f'href="/attempts/{attempt_id}"' in text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["A/B", "Zoë & Co?", "<b>Kim</b>", "..", "chart.svg", "50 %"])
def test_any_pseudonym_has_a_page(client: TestClient, simulator: StandIn, name: str) -> None:
    (made,) = attempts(simulator, 1, name)
    page = client.get(f"/attempts/{made}").text
    address = re.search(r'href="(/progress[/?][^"]*)"', page)
    assert address is not None
    text = client.get(address[1]).text
    assert f'href="/attempts/{made}"' in text
    assert "<b>Kim" not in text
    chart = re.search(r'src="(/progress\.svg[^"]+)"', text)
    assert chart is not None
    assert client.get(chart[1].replace("&amp;", "&")).status_code == 200


@pytest.mark.slow
def test_only_what_the_first_page_lists_is_shown(
    client: TestClient, simulator: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = *attempts(simulator, 1), *attempts(simulator, 1, "Robin")
    for each in (mine, theirs):
        client.get(f"/attempts/{each}")  # both have their briefs
    listed = [each for each in simulator.attempts() if each.id == mine]
    monkeypatch.setattr(StandIn, "attempts", lambda self: listed)
    assert client.get("/progress/Robin").status_code == 404
    assert client.get("/progress", follow_redirects=False).headers["location"] == "/progress/Kim"


@pytest.mark.slow
def test_the_debrief_links_to_it_and_leaves_its_brief_behind(
    client: TestClient, simulator: StandIn, attempt_id: str
) -> None:
    folder = simulator.root / attempt_id
    assert load_brief(folder) is None
    text = client.get(f"/attempts/{attempt_id}").text
    assert 'href="/progress/-"' in text
    assert load_brief(folder) is not None
    before = (folder / FILE).stat().st_mtime_ns
    client.get(f"/attempts/{attempt_id}/timeline")
    client.get(f"/attempts/{attempt_id}")
    assert (folder / FILE).stat().st_mtime_ns == before
    assert 'href="/progress"' in client.get("/").text


@pytest.mark.slow
def test_writing_the_brief_does_not_build_the_debrief_again(
    client: TestClient, attempt_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simvoice.web import pages

    made: list[str] = []
    real = pages.build_debrief

    def counted(attempt, reading):  # type: ignore[no-untyped-def]
        made.append(attempt.id)
        return real(attempt, reading)

    monkeypatch.setattr(pages, "build_debrief", counted)
    client.get(f"/attempts/{attempt_id}")
    client.get(f"/attempts/{attempt_id}/timeline")
    assert made == [attempt_id]


@pytest.mark.slow
def test_attempts_that_cannot_be_read_are_named(client: TestClient, simulator: StandIn) -> None:
    good, bad = attempts(simulator, 2)
    (simulator.root / bad / HEADER).write_text("{", encoding="utf-8")
    text = client.get("/progress/Kim").text
    assert "Left out" in text
    assert f"The header of attempt {bad} is missing or damaged" in text
    assert f'href="/attempts/{good}"' in text


@pytest.mark.slow
def test_attempts_not_measured_in_time_are_mentioned_and_measured_at_the_next_request(
    client: TestClient, simulator: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts(simulator, 2)
    monkeypatch.setattr(progress_page, "_MEASURING_TIME_S", 0.0)
    text = client.get("/progress/Kim").text
    assert "2 conversations are not read yet" in text
    monkeypatch.undo()
    assert "not read yet" not in client.get("/progress/Kim").text


@pytest.mark.slow
def test_nothing_is_measured_during_an_encounter(
    client: TestClient, simulator: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simvoice.web.encounters import EncounterPool

    attempts(simulator, 1)
    monkeypatch.setattr(EncounterPool, "is_free", lambda self, wait_s=0.0: False)
    assert "1 conversation is not read yet" in client.get("/progress/Kim").text


@pytest.mark.slow
def test_another_version_of_the_case_is_marked(client: TestClient, simulator: StandIn) -> None:
    attempts(simulator, 1)
    plant(simulator.root, "2026-11-20T10:00:00+00:00", learner="Kim", case_sha256="1" * 64)
    text = client.get("/progress/Kim").text
    assert "another version of the case" in text
    assert "only one attempt so far" in text


@pytest.mark.slow
def test_suggestions_are_shown_with_both_attempts(client: TestClient, simulator: StandIn) -> None:
    first, second = attempts(simulator, 2)
    origin = RetryOrigin(attempt=second, turn=3, at_s=31.8)
    retry = plant(
        simulator.root, "2026-11-03T10:15:30+00:00", attempt=ID, learner="Kim", again=origin
    )
    text = client.get("/progress/Kim").text
    part = text[text.index("What was suggested") :]
    assert "Next attempt: " in part
    assert "trust at the end 60 (before: 60)" in part
    assert "Retry from 0:31: trust at the end 60 (before: 60)." in part
    for each in (first, second, retry):
        assert f'href="/attempts/{each}"' in part
    assert "do not show that one thing led to the other" in part
    assert "from the beginning, 1 retry." in text


def test_a_running_conversation_is_left_out(client: TestClient, simulator: StandIn) -> None:
    running = Recorder.create(simulator.root, case_header(learner="Kim"))
    try:
        text = client.get("/progress/Kim").text
    finally:
        running.close()
    assert "is being recorded now" in text
    assert "None of these conversations can be read yet" in text


@pytest.mark.slow
def test_an_erased_attempt_is_not_shown(client: TestClient, simulator: StandIn, token: str) -> None:
    one, two = attempts(simulator, 2)
    assert client.get("/progress/Kim").status_code == 200
    headers = {"x-simvoice-token": token, "origin": "http://127.0.0.1:8765"}
    assert client.delete(f"/attempts/{one}", headers=headers).status_code == 200
    text = client.get("/progress/Kim").text
    assert one not in text
    assert two in text
    assert not list(Path(simulator.root).rglob(f"*{one}*"))


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1366])
def test_the_page_fits_its_window_and_its_links_are_reached_by_keyboard(
    simulator: StandIn, address: str, browse: Open, width: int
) -> None:
    attempts(simulator, 3)
    watched = browse()
    page = watched.page
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{address}/progress/Kim")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = "[...document.querySelectorAll('td')].filter(e => e.scrollWidth > e.clientWidth + 1)"
    assert page.evaluate(f"{cut}.map(e => e.textContent)") == []
    for _ in range(12):
        page.keyboard.press("Tab")
        if "/attempts/" in page.evaluate("document.activeElement.href || ''"):
            break
    assert "/attempts/" in page.evaluate("document.activeElement.href")
    shown = page.evaluate(
        "[...document.images].map(i => { i.loading = 'eager'; return i.decode().then(() => "
        "i.naturalWidth > 0) }).reduce((all, one) => all.then(a => one.then(b => a && b)), "
        "Promise.resolve(true))"
    )
    assert shown
    assert watched.errors == []
    assert {urlsplit(url).netloc for url in watched.requests} == {urlsplit(address).netloc}
