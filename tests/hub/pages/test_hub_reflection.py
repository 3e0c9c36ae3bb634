"""Own words before a debrief on the hub: who writes them, who reads them, and where they are."""

from __future__ import annotations

import html
import json
import re

import pytest
from fastapi.testclient import TestClient

from simvoice.errors import StorageAway
from simvoice.hub import additions, attempts
from simvoice.hub.storage.consistency import find_differences
from simvoice.record.reflection import REFLECTION, LearnerReflection, read_reflection
from simvoice.release.contents import Contents
from tests.hub.conftest import ClientAs
from tests.hub.pages.town import Town

pytestmark = pytest.mark.slow

SAID = "To give her <b>quokka</b>."


@pytest.fixture(autouse=True)
def _reflects(town: Town) -> None:
    """The record of Lena's attempt says that she writes first."""
    with additions.adding(town.hub, town.attempt, "header.json") as attempt:
        file = attempt.folder / "header.json"
        header = json.loads(file.read_bytes())
        file.write_text(json.dumps({**header, "options": {"reflects": True}}))


@pytest.fixture
def lena(client_as: ClientAs) -> TestClient:
    return client_as(login="lena")


def path(town: Town, part: str = "") -> str:
    return f"/attempts/{town.attempt}{part}"


def kept(town: Town) -> LearnerReflection | None:
    """What the store has."""
    town.hub.cache.drop(town.attempt)
    with attempts.opened(town.hub, town.attempt) as attempt:
        return read_reflection(attempt.folder)


def moment_of(page: str) -> float:
    found = re.search(r'data-at="([0-9.]+)" data-number', page)
    assert found is not None
    return float(found[1])


def sent(at_s: float, text: str, before: str = "") -> dict[str, object]:
    return {"at_s": at_s, "field": "aim", "text": text, "before": before}


def test_a_learner_writes_first_and_an_educator_reads_it_beside_the_record(
    town: Town, lena: TestClient, client_as: ClientAs
) -> None:
    town.release(Contents.WORDS)
    edo = client_as(login="edo")
    assert lena.get(path(town)).headers["location"] == path(town, "/reflect")
    page = html.unescape(lena.get(path(town, "/reflect")).text)
    assert not re.search(r"rust (rose|fell)|taken as|Coded as|SPIKES", page)
    at_s = moment_of(page)
    assert lena.put(path(town, "/reflection"), json=sent(at_s, SAID)).json() == {"text": SAID}
    found = kept(town)
    assert found is not None
    assert found.moments[0].aim == SAID
    draft = edo.get(path(town)).text  # an educator is not kept from the debrief
    assert "beside the record's" not in draft
    assert "quokka" not in draft

    for login, status in (("ayo", 404), ("edo", 403), ("tech", 403)):
        other = client_as(login=login)
        assert other.get(path(town, "/reflect")).status_code == status
        assert other.post(path(town, "/reflect"), data={"go": "end"}).status_code == status
        put = other.put(path(town, "/reflection"), json=sent(at_s, "x", SAID))
        assert put.status_code == status
        assert other.post(path(town, "/reflection/end")).status_code == status

    assert lena.post(path(town, "/reflection/end")).status_code == 200
    assert lena.post(path(town, "/reflection/end")).status_code == 200
    own = html.unescape(lena.get(path(town)).text)
    assert "Your view beside the record's" in own
    assert SAID in own
    assert "The learner's view beside the record's" in html.unescape(edo.get(path(town)).text)
    late = lena.put(path(town, "/reflection"), json=sent(at_s, "x", SAID))
    assert (late.status_code, "was shown meanwhile" in late.json()["message"]) == (409, True)
    attempts.verify(town.hub, town.attempt)
    assert not find_differences(town.hub.database, town.hub.recordings.objects)


def test_numbers_alone_hold_no_own_words(town: Town, lena: TestClient, client_as: ClientAs) -> None:
    town.release(Contents.NUMBERS)
    at_s = moment_of(lena.get(path(town, "/reflect")).text)
    lena.put(path(town, "/reflection"), json=sent(at_s, SAID))
    lena.post(path(town, "/reflection/end"))
    page = client_as(login="edo").get(path(town)).text
    assert "quokka" not in page
    assert "beside the record's" not in page


def test_the_form_works_without_scripts(town: Town, lena: TestClient) -> None:
    first = lena.get(path(town, "/reflect")).text
    assert 'method="post"' in first
    form = {"aim": SAID, "before-aim": "", "effect": "", "instead": "", "go": "next"}
    answer = lena.post(path(town, "/reflect?moment=1"), data=form)
    assert answer.headers["location"] == path(town, "/reflect?moment=2")
    assert kept(town) is not None
    # nothing is written, nothing is kept, and the way goes on
    blank = {"aim": "", "effect": "", "instead": "", "go": "back"}
    answer = lena.post(path(town, "/reflect?moment=2"), data=blank)
    assert answer.headers["location"] == path(town, "/reflect?moment=1")
    too_long = {**form, "before-aim": SAID, "instead": "y" * 4001}
    answer = lena.post(path(town, "/reflect?moment=1"), data=too_long)
    assert answer.status_code == 422
    assert "has 4001 characters" in answer.text
    assert "y" * 4001 in answer.text  # what was typed stays in its field
    answer = lena.post(path(town, "/reflect?moment=1"), data={**form, "aim": "other"})
    assert answer.status_code == 422
    assert "changed in another window" in answer.text
    answer = lena.post(
        path(town, "/reflect?moment=1"), data={**form, "before-aim": SAID, "go": "end"}
    )
    assert answer.headers["location"] == path(town)
    found = kept(town)
    assert found is not None
    assert (found.moments[0].aim, found.is_over) == (SAID, True)


def test_what_cannot_be_kept_is_a_sentence(
    town: Town, lena: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_s = moment_of(lena.get(path(town, "/reflect")).text)
    lena.put(path(town, "/reflection"), json=sent(at_s, "first"))
    other = lena.put(path(town, "/reflection"), json=sent(at_s, "second"))
    assert (other.status_code, other.json()["text"]) == (409, "first")
    long = lena.put(path(town, "/reflection"), json=sent(at_s, "x" * 5000, "first"))
    assert (long.status_code, "at most 4000" in long.json()["message"]) == (422, True)

    def away(*_: object) -> None:
        raise StorageAway("the store is away; try again")

    with monkeypatch.context() as patched:
        patched.setattr(town.hub.recordings, "put_file", away)
        refused = lena.put(path(town, "/reflection"), json=sent(at_s, "third", "first"))
        assert refused.status_code == 503
        page = lena.get(path(town, "/reflect")).text
        assert ">first</textarea>" in page  # a copy with what is not kept is dropped
    attempts.erase(town.hub, [town.attempt], reason="learner")
    gone = lena.put(path(town, "/reflection"), json=sent(at_s, "fourth", "first"))
    assert gone.status_code == 404
    assert list(town.hub.recordings.objects.listed("attempts/")) == []


def test_an_attempt_that_is_erased_while_a_text_is_saved_keeps_nothing(
    town: Town, lena: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_s = moment_of(lena.get(path(town, "/reflect")).text)
    put_file = town.hub.recordings.put_file

    def erased_meanwhile(*given: object) -> object:
        stored = put_file(*given)  # type: ignore[arg-type]
        attempts.erase(town.hub, [town.attempt], reason="learner")
        return stored

    monkeypatch.setattr(town.hub.recordings, "put_file", erased_meanwhile)
    accept = {"accept": "application/json"}
    answer = lena.put(path(town, "/reflection"), json=sent(at_s, SAID), headers=accept)
    assert answer.status_code == 404
    assert "erased meanwhile" in answer.json()["message"]
    assert not [
        found
        for found in town.hub.recordings.objects.listed("attempts/")
        if REFLECTION in found.key
    ]
