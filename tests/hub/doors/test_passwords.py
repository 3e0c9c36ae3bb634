"""Passwords: any that a person can type, none that is easy to guess."""

from __future__ import annotations

from typing import Literal

import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from simvoice.errors import UsageError
from simvoice.hub import people
from simvoice.hub.doors.passwords import MOST, Passwords, check_new
from simvoice.hub.hub import Hub
from tests.hub.conftest import PASSWORD, fast_passwords, token_of

PASSWORDS = fast_passwords()


@given(st.text(max_size=600), st.text(max_size=600))
def test_a_password_opens_what_it_closed_and_no_other_does(one: str, other: str) -> None:
    stored = PASSWORDS.hash(one[:MOST])
    assert PASSWORDS.verify(stored, one[:MOST])
    if other[:MOST] != one[:MOST]:
        import unicodedata

        same = unicodedata.normalize("NFKC", other) == unicodedata.normalize("NFKC", one[:MOST])
        assert PASSWORDS.verify(stored, other[: MOST + 1]) == (same and len(other) <= MOST)


def test_ways_to_type_the_same_letters_are_the_same_password() -> None:
    stored = PASSWORDS.hash("Zo\u00eb's caf\u00e9 \ufb01ve")
    assert PASSWORDS.verify(stored, "Zoe\u0308's cafe\u0301 five")


def test_a_long_password_counts_to_its_end() -> None:
    stored = PASSWORDS.hash("a" * MOST)
    assert PASSWORDS.verify(stored, "a" * MOST)
    assert not PASSWORDS.verify(stored, "a" * (MOST - 1) + "b")
    assert not PASSWORDS.verify(stored, "a" * (MOST + 1))


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("", "at least 10"),
        ("short", "at least 10"),
        ("a" * 501, "at most 500"),
        ("aaaaaaaaaaaab", "more different"),
        ("robin hale 1", "not made of your name"),
        ("Password123", "not made of your name"),
        ("simvoice simvoice", "not made of your name"),
    ],
)
def test_a_weak_password_is_refused_with_a_sentence(password: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        check_new(password, "robin", "hale", "Robin Hale")


@pytest.mark.parametrize("password", [PASSWORD, "ärmel über öl", "пароль длинный", "k3j$9fX!q2"])
def test_a_good_password_is_taken(password: str) -> None:
    check_new(password, "robin", "Robin Hale")


def test_a_hash_of_weaker_parameters_is_made_again_at_the_next_sign_in(
    hub: Hub, client: TestClient
) -> None:
    with hub.database.begin() as session:
        people.add(session, hub, login="robin", name="Robin", roles=[], password=PASSWORD)
    hub.passwords = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    form = {"token": token_of(client.get("/sign-in")), "login": "robin", "password": PASSWORD}
    assert client.post("/sign-in", data=form).status_code == 303
    with hub.database.read() as session:
        robin = people.find(session, "robin")
    assert robin is not None
    assert robin.password_hash is not None
    assert "m=16,t=2" in robin.password_hash
    assert hub.passwords.verify(robin.password_hash, PASSWORD)


class Noting(PasswordHasher):
    """Notes what each check costs: the parameters of the hash and the length of the password."""

    def __init__(self, *costs: int) -> None:
        super().__init__(*costs)
        self.checks: list[tuple[Parameters, int]] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.checks.append((extract_parameters(str(hash)), len(password)))
        return super().verify(hash, password)


def test_an_unknown_account_costs_the_same_hash_as_a_wrong_password() -> None:
    hasher = Noting(2, 64, 2)
    passwords = Passwords(hasher)
    for stored in (passwords.hash(PASSWORD), None):
        assert not passwords.verify(stored, "wrong")
    known, unknown = hasher.checks
    assert unknown == known
    assert (known[0].time_cost, known[0].memory_cost, known[0].parallelism) == (2, 64, 2)


def test_damaged_hashes_open_nothing() -> None:
    for stored in ("", "x", "$argon2id$v=19$m=8,t=1,p=1$", "$2b$12$abc"):
        assert not PASSWORDS.verify(stored, "")
