"""Blind rating: nothing of the machine's judgement is reachable before the rater finishes."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from fastapi.testclient import TestClient

from simvoice.record.events import (
    Coded,
    ConcernShown,
    Delay,
    Hold,
    Interruption,
    JournalEntry,
    LearnerTurn,
    PatientMove,
)
from tests.planted import on_page
from tests.web.stand_in import StandIn
from tests.web.test_web_pages import HTML
from tests.web.test_web_rating import FIELDS, send


class Links(HTMLParser):
    """Collects every address that a page names, in any attribute."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and (name in {"href", "src", "action"} or value.startswith("/")):
                self.found.add(value)


def reachable(client: TestClient, start: str) -> dict[str, bytes]:
    """Return path to content: everything reachable from a page by links and its scripts' paths."""
    answers: dict[str, bytes] = {}
    waiting = [start]
    by_script: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in answers or urlsplit(path).scheme:
            continue
        answer = client.get(path, headers={} if path in by_script else HTML)
        answers[path] = answer.content
        kind = answer.headers.get("content-type", "")
        names: set[str] = set()
        if "html" in kind:
            names = Links(answer.text).found
        elif "javascript" in kind:
            names = set(re.findall(r'from "(\./[^"]+)"', answer.text))
            attempt = start.split("/")[2]
            if path.endswith("/rate.js"):
                parts = re.findall(r"\$\{path\}(/[a-z/]+)", answer.text)
                by_script |= {f"/attempts/{attempt}{part}" for part in parts}
                names |= by_script
        elif "css" in kind:
            names = set(re.findall(r'url\("?([^")]+)', answer.text))
        waiting += [urljoin(path, name) for name in names if not name.startswith("#")]
    return answers


def judged_differently(entries: list[JournalEntry]) -> list[JournalEntry]:
    """Return entries with the same words and times but a different judgement of the machine."""
    made: list[JournalEntry] = []
    for entry in entries:
        match entry:
            case LearnerTurn():
                code = Coded(code="warning_shot", words=entry.text)
                made.append(entry.model_copy(update={"codes": (code,)}))
            case PatientMove():
                other = {"steps": (), "ledger": {"trust": 0.99}, "reason": "Otherwise."}
                made.append(entry.model_copy(update=other))
            case Hold():
                made.append(entry.model_copy(update={"outcome": "filled"}))
            case Interruption() | Delay():
                continue
            case _:
                made.append(entry)
    return made


@pytest.mark.slow
def test_the_machines_judgement_changes_nothing_that_a_rater_can_reach(
    client: TestClient, simulator: StandIn, token: str
) -> None:
    """Two attempts with the same words, times and sound, and other codes, feelings and marks."""
    shows = (ConcernShown(line="line-2", concern="fear", text="What it means", kind="cue"),)
    ids = ["20261122-101530-breast-biopsy-aaaa", "20261122-101530-breast-biopsy-bbbb"]
    on_page.plant(simulator.root, attempt=ids[0], shows=shows, **FIELDS)
    other = judged_differently(on_page.entries())
    on_page.plant(simulator.root, instead=other, attempt=ids[1], shows=shows, **FIELDS)
    debriefs = [client.get(f"/attempts/{each}").text.replace(each, "ID") for each in ids]
    assert debriefs[0] != debriefs[1]
    for step in ("before", "after the first answer"):
        seen = []
        for each in ids:
            answers = {}
            for start in (f"/attempts/{each}/rate", f"/attempts/{each}/rate?rater=kim"):
                answers |= reachable(client, start)
            known = (f"/attempts/{each}/rat", f"/attempts/{each}/audio", "/static/")
            assert [path for path in answers if not path.startswith(known)] == []
            assert f"/attempts/{each}/rate/timeline" in answers
            assert f"/attempts/{each}/audio" in answers
            seen.append(
                {
                    path.replace(each, "ID"): body.replace(each.encode(), b"ID")
                    for path, body in answers.items()
                }
            )
        assert seen[0].keys() == seen[1].keys()
        assert [path for path in seen[0] if seen[0][path] != seen[1][path]] == [], step
        said = [send(client, each, token).content for each in ids]
        assert said[0] == said[1]
