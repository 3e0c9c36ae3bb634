"""The workbench over HTTP: making, changing by two, taking back, checking, offering, files."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import select

from simvoice import paths
from simvoice.errors import StorageFull, UsageError
from simvoice.hub import educator_cases
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import AuditEntry, EducatorCase
from simvoice.hub.workbench import workbench
from simvoice.hub.workbench.checks import CaseChecks
from simvoice.hub.workbench.heard import released_attempts, unanswered
from simvoice.patient.checking.certificate import listed_cases
from simvoice.record.events import LearnerTurn, PatientMove
from simvoice.release.contents import Contents
from simvoice.workbench.cards import CaseDraft
from tests.hub.conftest import ClientAs
from tests.hub.pages.town import Town

pytestmark = pytest.mark.slow

NOTE = (
    "Mrs. Hilde Brandt, 67, has come for the result of her scan, which shows a tumour. "
    "You are a doctor. You have ten minutes."
)
FIELDS = {
    **{"door_note": NOTE, "name": "Hilde Brandt", "age": "67", "pronouns": "she"},
    **{"learner": "Doctor", "minutes": "10", "key_words": "tumour, result"},
}


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offered cases go into a folder of this test; nothing is embedded."""
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(workbench.Workbench, "embedder", lambda self: None)


@pytest.fixture
def bench(hub: Hub) -> Iterator[Hub]:
    yield hub
    hub.workbench.stop()


def make(client: TestClient, **fields: str) -> str:
    """Make a case from the note; return its address."""
    answer = client.post("/workbench", data={**FIELDS, **fields})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


def save(client: TestClient, here: str, revision: int, **change: Any) -> Response:
    sent = {"action": "save", "revision": revision, "part": "lines", **change}
    return client.post(f"{here}/card", json=sent)


def state(client: TestClient, here: str) -> dict[str, Any]:
    answer = client.get(f"{here}/state")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_note_becomes_a_case_that_is_changed_card_by_card(
    bench: Hub, client_as: ClientAs
) -> None:
    edo = client_as(Role.EDUCATOR)
    assert "Begin with a door note" in edo.get("/workbench").text
    assert edo.post("/workbench/note", data={"door_note": " "}).status_code == 422
    read = edo.post("/workbench/note", data={"door_note": NOTE}).text
    assert 'value="Hilde Brandt"' in read
    assert edo.post("/workbench", data={**FIELDS, "age": "old"}).status_code == 422
    here = make(edo)
    assert "What the patient tells, and when" in edo.get(here).text
    card = edo.get(f"{here}/card", params={"part": "lines", "card": "sister"}).text
    assert "two streets away" in card
    found = save(edo, here, 1, card="sister", values={"text": "Nobody. At night I sit up."}).json()
    assert found["state"]["revision"] == 2
    (problem,) = found["state"]["problems"]
    assert (problem["part"], problem["card"], problem["path"]) == ("lines", "sister", "text")
    refused = save(edo, here, 2, part="facts", card="burden", values={"gate.trust": "much"})
    assert refused.status_code == 422
    assert refused.json()["message"].startswith("give a number")
    assert edo.post(f"{here}/undo", data={"revision": 2}).status_code == 303
    assert state(edo, here)["problems"] == []
    made = save(edo, here, 3, action="add", text="I have a dog.").json()["made"]
    assert made in edo.get(here).text
    gone = edo.get(f"{here}/card", params={"part": "lines", "card": "no"})
    assert (gone.status_code, "not in the case any more" in gone.text) == (404, True)


def test_two_educators_change_one_case_and_nothing_is_lost(bench: Hub, client_as: ClientAs) -> None:
    edo, mei = client_as(Role.EDUCATOR, login="edo"), client_as(Role.EDUCATOR, login="mei")
    here = make(edo)
    assert save(edo, here, 1, card="sister", values={"text": "My brother."}).status_code == 200
    # another card, and another field of the whole, are joined
    joined = save(mei, here, 1, card="help", values={"text": "My sister could come."})
    assert joined.status_code == 200
    assert save(mei, here, 1, part="about", values={"title": "New"}).status_code == 200
    second = save(mei, here, 1, card="sister", values={"text": "My aunt."})
    assert second.status_code == 409
    said = second.json()
    assert said["theirs"] == {"text": "My brother."}
    assert said["message"].endswith("Nothing is lost: compare both, and choose one.")
    again = save(mei, here, said["revision"], card="sister", values={"text": "My aunt."})
    assert again.status_code == 200
    assert save(edo, here, 1, action="remove", card="sister").status_code == 409
    assert edo.post(f"{here}/undo", data={"revision": 1}).status_code == 404
    with bench.database.read() as session:
        case = session.scalars(select(EducatorCase)).one()
        draft = CaseDraft(educator_cases.files_of(session, case))
        assert [r.row.number for r in educator_cases.revisions(session, case)] == [5, 4, 3, 2, 1]
    assert draft.card("lines", "sister").value["text"] == "My aunt."
    assert draft.card("lines", "help").value["text"] == "My sister could come."
    assert draft.case["title"] == "New"


def test_undo_leads_back_step_by_step(bench: Hub, client_as: ClientAs) -> None:
    edo = client_as(Role.EDUCATOR)
    here = make(edo)
    for number, text in enumerate(("One.", "Two."), 1):
        assert save(edo, here, number, card="sister", values={"text": text}).status_code == 200
    with bench.database.begin() as session:
        case = session.scalars(select(EducatorCase)).one()
        person = session.scalars(select(AuditEntry.person_id)).first()
        assert person is not None
        before = educator_cases.files_of(session, case, 1)
        educator_cases.undo(session, case, 3, person)
        text = CaseDraft(educator_cases.files_of(session, case)).card("lines", "sister").value
        assert text["text"] == "One."
        educator_cases.undo(session, case, 4, person)
        assert educator_cases.files_of(session, case) == before
        with pytest.raises(UsageError):
            educator_cases.undo(session, case, 5, person)
        with pytest.raises(UsageError):
            educator_cases.files_of(session, case, 99)


def test_the_patient_is_asked_and_open_questions_are_answered(
    bench: Hub, client_as: ClientAs
) -> None:
    edo = client_as(Role.EDUCATOR)
    here = make(edo)
    said = ["What worries you most?", "Do you like jazz from Portugal?"]
    turns = edo.post(f"{here}/ask", json={"said": said}).json()["turns"]
    assert [turn["line"] for turn in turns[:2]] == ["opening", "dodge"]
    assert "takes a trust of 0.55" in turns[1]["alike"][0]["closed"]
    assert turns[2]["has_no_answer"]
    shown = edo.get(f"{here}/questions").text
    assert "Do you like jazz from Portugal?" in shown
    answer = {"action": "answer", "text": "Only fado.", "words": said[1]}
    assert save(edo, here, 1, **answer).status_code == 200
    assert "jazz" not in edo.get(f"{here}/questions").text
    turns = edo.post(f"{here}/ask", json={"said": said[1:]}).json()["turns"]
    assert turns[1]["answer"] == "Only fado."
    edo.post(f"{here}/ask", json={"said": ["Which newspaper is on your breakfast table?"]})
    shown = edo.get(f"{here}/questions").text
    (keys,) = (row.partition('"')[0] for row in shown.split('data-keys="')[1:])
    assert edo.post(f"{here}/questions", json={"keys": keys.split()}).status_code == 200
    assert "newspaper" not in edo.get(f"{here}/questions").text
    assert edo.post(f"{here}/ask", json={"said": ["Hello."] * 61}).status_code == 422


def test_only_what_is_released_with_words_is_collected(
    bench: Hub, town: Town, client_as: ClientAs
) -> None:
    def turn(number: int, text: str) -> LearnerTurn:
        return LearnerTurn(
            turn=number, start_s=0, end_s=1, text=text, avg_logprob=-1.0, no_speech_prob=0.0
        )

    def move(number: int, kind: str) -> PatientMove:
        return PatientMove(turn=number, at_s=1, kind=kind, line_id="unknown_1", reason="")

    entries = (
        *(turn(1, "Hello there. Do you keep bees?"), move(1, "clarify")),
        *(turn(2, "How are you?"), move(2, "answer")),
    )
    assert list(unanswered(entries)) == ["Do you keep bees?"]

    def seen_by(login: str) -> list[UUID]:
        with bench.database.read() as session:
            return released_attempts(session, town.people[login], "breast-biopsy")

    assert seen_by("edo") == []
    town.release(Contents.NUMBERS)
    assert seen_by("edo") == []
    town.release(Contents.WORDS)
    assert seen_by("edo") == [town.attempt]
    assert seen_by("mei") == []


def test_files_go_out_and_come_in_with_the_same_bytes(bench: Hub, client_as: ClientAs) -> None:
    edo = client_as(Role.EDUCATOR)
    folder = paths.scenarios_dir() / "breast-biopsy"
    raw = {name: (folder / name).read_bytes() for name in ("case.yaml", "suite.yaml")}
    sent = [("files", (name, each)) for name, each in raw.items()]
    answer = edo.post("/workbench/import", files=sent)
    assert answer.status_code == 303, answer.text
    here = answer.headers["location"].partition("?")[0]
    out = {name: edo.get(f"{here}/files/{name}").content for name in raw}
    assert out["suite.yaml"] == raw["suite.yaml"]
    # a shipped case has this id, so the new one gets another; all else stays
    renamed = raw["case.yaml"].replace(b"id: breast-biopsy\n", b"id: breast-biopsy-2\n", 1)
    assert out["case.yaml"] == renamed
    changed = save(edo, here, 1, card="opening", values={"text": "Good morning to you."})
    assert changed.status_code == 200
    back = [("files", (name, each)) for name, each in out.items()]
    answer = edo.post(f"{here}/files", files=back, data={"revision": "2"})
    assert answer.status_code == 303, answer.text
    assert {name: edo.get(f"{here}/files/{name}").content for name in raw} == out
    for files in (
        [("files", ("case.yaml", b"lines: ["))],
        [("files", ("case.yaml", b"id: x\nlines: 3"))],
        [("files", ("suite.yaml", b"probes: []"))],
        [("files", ("../case.yaml", raw["case.yaml"]))],
        [("files", ("case.yaml", b"x" * 1_000_001))],
        [("files", ("case.yaml", b"\xff"))],
    ):
        answer = edo.post("/workbench/import", files=files)
        assert answer.status_code == 422, files[0][1][0]
    assert edo.get(f"{here}/files/..%2Fsecret.key").status_code == 404


@pytest.mark.engine
def test_only_a_certified_version_is_offered_and_it_stays_the_one_that_was_checked(
    bench: Hub, client_as: ClientAs
) -> None:
    edo = client_as(Role.EDUCATOR)
    here = make(edo)
    assert edo.post(f"{here}/offer", data={"revision": 1}).status_code == 404
    assert edo.post(f"{here}/check", json={}).status_code == 200
    until = time.monotonic() + 240
    while (found := state(edo, here)["check"])["state"] in ("waiting", "running"):
        assert time.monotonic() < until, found
        time.sleep(0.2)
    assert found["state"] == "passed", found
    assert state(edo, here)["is_certified"]
    assert edo.post(f"{here}/offer", data={"revision": 1}).status_code == 303
    (listed,) = listed_cases(paths.own_cases_dir())
    assert (listed.id, listed.fault) == ("hilde-brandt", None)
    (sent,) = bench.supplies.offers().catalogue.cases  # stations and laptops fetch it
    assert (sent.id, len(sent.files)) == ("hilde-brandt", 5)
    changed = save(edo, here, 1, card="sister", values={"text": "My brother."}).json()
    assert changed["state"]["is_certified"] is False
    assert changed["state"]["offered"] == 1
    assert edo.post(f"{here}/offer", data={"revision": 2}).status_code == 404
    assert listed_cases(paths.own_cases_dir()) == (listed,)  # learners meet what was checked
    assert edo.post(f"{here}/remove").status_code == 404
    assert edo.post(f"{here}/take-back").status_code == 303
    assert listed_cases(paths.own_cases_dir()) == ()
    assert "Remove this case?" in edo.get(f"{here}/remove").text
    assert edo.post(f"{here}/remove").status_code == 303
    assert edo.get(here).status_code == 404


@pytest.mark.engine
def test_a_line_of_the_draft_is_heard(bench: Hub, client_as: ClientAs) -> None:
    edo = client_as(Role.EDUCATOR)
    here = make(edo)
    first = edo.get(f"{here}/line.wav", params={"line": "burden"})
    assert first.content[:4] == b"RIFF"
    assert len(first.content) > 2 * 16_000  # more than a second
    save(edo, here, 1, card="burden", values={"text": "No. I am afraid of the burden."})
    assert edo.get(f"{here}/line.wav", params={"line": "burden"}).content != first.content
    assert edo.get(f"{here}/line.wav", params={"line": "no_such"}).status_code == 404


def test_a_case_that_fails_says_why_and_a_check_that_breaks_ends(
    bench: Hub, client_as: ClientAs, tmp_path: Path
) -> None:
    edo = client_as(Role.EDUCATOR)
    here = make(edo)

    def broken(folder: Path) -> Sequence[str]:
        return (sys.executable, "-c", "print('no JSON')")

    bench.workbench.checks = CaseChecks(lambda *_: None, broken)
    edo.post(f"{here}/check", json={})
    until = time.monotonic() + 60
    while (found := state(edo, here)["check"])["state"] != "failed":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert "ended unexpectedly" in found["sentences"][0]
    assert save(edo, here, 1, part="about", values={"title": ""}).status_code == 200
    assert edo.post(f"{here}/check", json={}).status_code == 422


def test_a_folder_of_another_case_is_never_replaced() -> None:
    folder = paths.own_cases_dir() / "hilde"
    folder.mkdir(parents=True)
    (folder / "case.yaml").write_text("id: hilde\n", encoding="utf-8")
    with pytest.raises(UsageError, match="another case"):
        workbench.offer("hilde", {"case.yaml": "x"}, "{}")
    workbench.take_back("hilde")
    assert (folder / "case.yaml").read_text(encoding="utf-8") == "id: hilde\n"
    workbench.offer("other", {"case.yaml": "one"}, "{}")
    workbench.offer("other", {"case.yaml": "two"}, "{}")
    assert (paths.own_cases_dir() / "other" / "case.yaml").read_text(encoding="utf-8") == "two"
    with pytest.raises(StorageFull):
        workbench.offer("third", {"no/such/folder.yaml": "x"}, "{}")
    assert sorted(each.name for each in paths.own_cases_dir().iterdir()) == ["hilde", "other"]
