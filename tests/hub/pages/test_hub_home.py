"""The frame of every page, the first page of each role, and the introduction."""

from __future__ import annotations

import html
import re

import pytest
from fastapi.testclient import TestClient

from simvoice.hub import people
from simvoice.hub.roles import Role
from tests.hub.conftest import ClientAs
from tests.hub.pages.town import LONG_NAME, Town

pytestmark = pytest.mark.slow

PAGES = {
    "lena": ("/", "/practice", "/attempts", "/devices", "/account", "/privacy", "/introduction"),
    "edo": ("/", "/courses", "/audit"),
    "tech": ("/", "/operations", "/people", "/audit", "/devices"),
    "rosa": ("/", "/research"),
}


def text_of(browser: TestClient, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


@pytest.mark.parametrize("login", PAGES)
def test_every_page_names_the_person_the_role_and_the_server(
    town: Town, client_as: ClientAs, login: str
) -> None:
    browser = client_as(login=login)
    with town.hub.database.read() as session:
        person = people.get(session, town.people[login])
        name, roles = person.name, people.roles_of(person)
    for path in PAGES[login]:
        page = text_of(browser, path)
        assert name in page
        assert all(role in page for role in roles)
        assert "You are connected to simvoice hub at hub.test." in page
        assert re.search(r"<title>[^<]+ · simvoice hub</title>", page)
        assert page.count("<h1") == 1
        assert page.count("<main") == 1
        assert '<html lang="en">' in page
        assert 'class="skip" href="#main"' in page
        assert " style=" not in page
        assert not re.search(r"<script(?![^>]* src=)", page)


@pytest.mark.parametrize("login", PAGES)
def test_the_navigation_has_the_pages_of_the_role_and_no_others(
    town: Town, client_as: ClientAs, login: str
) -> None:
    browser = client_as(login=login)
    navigation = re.search(r'<nav class="places".*?</nav>', browser.get("/").text, re.DOTALL)
    assert navigation is not None
    links = re.findall(r'href="([^"]+)"', navigation[0])
    assert "/" in links
    for path in links:
        assert browser.get(path).status_code == 200


def test_the_first_page_of_a_learner_says_what_to_do_next(town: Town, client_as: ClientAs) -> None:
    page = text_of(client_as(login="ayo"), "/")
    assert "Next: Give the result of a biopsy" in page
    assert f"/assignments/{town.assignment}" in page
    assert "You have 3 attempts left." in page
    assert "No attempts yet" in page
    # Lena has tried it: the next is what she has not tried
    page = text_of(client_as(login="lena"), "/")
    assert "Next: Winter exam" in page
    assert "1 made, 2 left" in page
    assert "Ruth Calder" in page


def test_the_first_page_of_a_person_without_role_says_so(town: Town, client_as: ClientAs) -> None:
    assert "Your account has no role yet" in text_of(client_as(login="nobody"), "/")


def test_a_new_learner_is_introduced_once(town: Town, client_as: ClientAs) -> None:
    new = client_as(Role.LEARNER, login="new")
    answer = new.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/introduction")
    page = text_of(new, "/introduction")
    assert "You talk, and the patient answers" in page
    assert "Your microphone" in page
    assert "What is kept, and who sees it" in page
    assert new.post("/introduction").status_code == 303
    assert "Meet your first patient" in text_of(new, "/")


def test_a_name_is_shown_as_text_and_never_as_markup(town: Town, client_as: ClientAs) -> None:
    with town.hub.database.begin() as session:
        people.get(session, town.people["lena"]).name = "<b>Lena</b> & " + LONG_NAME[:100]
    page = client_as(login="lena").get("/").text
    assert "<b>Lena" not in page
    assert "&lt;b&gt;Lena&lt;/b&gt; &amp;" in page


def test_a_stranger_is_sent_to_the_sign_in_and_back(client: TestClient) -> None:
    answer = client.get("/attempts?page=2")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/attempts%3Fpage%3D2"
    page = client.get(answer.headers["location"]).text
    assert 'value="/attempts?page=2"' in page
    assert "or with a code" in page
