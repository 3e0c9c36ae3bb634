"""Every reader of an attempt, over every damage: a sentence, little work, and the others stay.

Readers are the commands and the pages. No model is loaded.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from simvoice.cli import app
from simvoice.errors import SimvoiceError
from simvoice.record.files import CLOSED, HEADER, JOURNAL
from simvoice.web.app import create_app
from simvoice.web.security import StartKey
from tests.planted.damage import (
    FOLDERS,
    HARMLESS,
    HEADERS,
    JOURNALS,
    SOUNDS,
    Damage,
    fields,
)
from tests.planted.on_page import ID, plant
from tests.web.stand_in import HOST, StandIn
from tests.work import counted

pytestmark = pytest.mark.slow

OTHER = "20261101-101530-breast-biopsy-gggg"
"""An attempt that is whole."""

_CHOSEN = {
    "header": (HEADERS, ("nested", "half a character", "a retry from no time", "50 MB", "missing")),
    "journal": (
        JOURNALS,
        (
            *("empty", "missing", "a loop", "zeros at its end", "a line of 50 MB", "doubled"),
            *("without its first line", "without its last line", "half a line less"),
            *("at_s is NaN", "start_s is 1e308", "end_s is -7", "start_s is null"),
        ),
    ),
    "sound": (SOUNDS, ("cut at 0.1", "cut at 0.9", "a byte less", "empty", "missing", "a loop")),
    "folder": (FOLDERS, tuple(FOLDERS)),
    "other": (HARMLESS, tuple(HARMLESS)),
}

DAMAGES: dict[str, Damage] = {
    f"{what}: {name}": damages[name] for what, (damages, names) in _CHOSEN.items() for name in names
}
"""All readers go through the store, and `tests/record/test_damaged.py` holds that for all damages.
Here are those that leave something different to the readers."""

TIMES = 4
"""To measure what is left of an attempt may cost this many times the calls of the whole one."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recorded") / "attempts"
    plant(root)
    shutil.copytree(root / ID, root / OTHER)
    fields(attempt=OTHER)(root / OTHER)
    return root


@pytest.fixture
def home(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(recorded, tmp_path / "attempts")
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path))
    return tmp_path


def run(*words: str) -> tuple[int, str, str]:
    """Return (exit code, stdout, everything that was said). An unexpected error is raised."""
    done = CliRunner().invoke(app, list(words))
    error = done.exception
    if error is not None and not isinstance(error, SimvoiceError | SystemExit):
        raise error
    code = error.exit_code if isinstance(error, SimvoiceError) else done.exit_code
    said = f"{done.output}{error if isinstance(error, SimvoiceError) else ''}"
    assert "Traceback" not in said
    assert "unexpectedly" not in said  # what `analyze` says of an error that nobody foresaw
    return code, done.stdout, said


NUMBERS = ("debrief", ID, "--numbers")
"""What measures most."""


@pytest.fixture(scope="module")
def most_calls(recorded: Path) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMVOICE_HOME", str(recorded.parent))
        for _ in range(2):  # the first time also imports
            with counted() as work:
                assert run(*NUMBERS)[0] == 0
    return TIMES * work.calls


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


COMMANDS = (
    ("attempts", "show", ID),
    ("attempts", "show", ID, "--json"),
    ("debrief", ID),
    ("debrief", ID, "--items"),
    ("debrief", ID, "--json"),
    ("progress",),
    ("progress", "-", "--json"),
    ("rate", "sheet", ID, "--rater", "seven"),
    ("analyze", "{home}/attempts/" + ID, "--out", "{home}/results", "--jobs", "1"),
    ("export", "{home}/attempts/" + ID, "--out", "{home}/package"),
    ("picture", "turns", "{home}/attempts/" + ID, "--out", "{home}/turns.svg"),
)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_every_command_reads_what_is_left(
    home: Path, damage: Damage, most_calls: int, request: pytest.FixtureRequest
) -> None:
    damage(home / "attempts" / ID)
    is_harmless = "[other: " in request.node.name
    code, out, said = run("attempts", "list", "--json")
    rows = {row["id"]: row for row in json.loads(out, parse_constant=refuse)["attempts"]}
    assert code == 0
    assert rows[OTHER]["state"] == "complete"
    assert rows[ID]["state"] == ("complete" if is_harmless else "damaged")
    if not is_harmless:
        _, _, said = run("attempts", "list")
        assert f"{ID} is damaged" in said.replace("\n", " ") or ID in rows[ID]["problem"]
    with counted() as work:
        code, _, said = run(*NUMBERS)
    assert work.calls < most_calls
    assert code == 0 or len(said) > 20
    for words in COMMANDS:
        code, out, said = run(*(word.replace("{home}", str(home)) for word in words))
        if "--json" in words and code == 0:
            json.loads(out, parse_constant=refuse)
        if words[0] == "debrief" and "--json" in words and code == 0:
            assert json.loads(out)["state"] == rows[ID]["state"]
        if code != 0:
            assert len(said) > 20, words


PAGES = (
    f"/attempts/{ID}",
    f"/attempts/{ID}/timeline",
    f"/attempts/{ID}/audio",
    f"/attempts/{ID}/afterwards",
    f"/attempts/{ID}/rate?rater=seven",
    f"/attempts/{ID}/turns.svg",
    f"/again/{ID}/2",
    f"/attempts/{OTHER}",
    "/progress",
    "/progress/-",
    "/agreement",
)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_every_page_shows_what_is_left(home: Path, damage: Damage) -> None:
    damage(home / "attempts" / ID)
    key = StartKey()
    pages = create_app(StandIn(home / "attempts"), key)
    cookies = {key.cookie_name(HOST): key.cookie}
    with TestClient(pages, base_url=f"http://{HOST}", cookies=cookies) as client:
        listed = client.get("/", headers={"accept": "text/html"})
        assert listed.status_code == 200
        assert OTHER in listed.text
        assert ID in listed.text
        for address in PAGES:
            got = client.get(address, headers={"accept": "text/html"})
            # 503 is a page with the sentence of a SimvoiceError, 500 an error that no one foresaw
            assert got.status_code in (200, 404, 409, 503), (address, got.text[:300])
            assert OTHER not in address or got.status_code == 200


# -- values that are valid one by one


VALUES: tuple[object, ...] = (
    *(None, True, -1, 0, 1, 2**70, 1e300, -3.5, 0.5, 90.0, 86_399.0, [], {}),
    *("", "?", "x", "\x00", "\n", "NaN", "nobody", "<script>", "é" * 300, "a b c? d."),
)


def places(value: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the way to every value inside a JSON value."""
    pairs: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for key, inner in pairs:
        yield (*at, key)
        yield from places(inner, (*at, key))


def put_odd_values(random: Random, documents: list[Any]) -> None:
    """Change up to four values of the header or of entries, then lose or repeat some entries."""
    for _ in range(random.choice((1, 2, 4))):
        document = random.choice(documents if random.random() < 0.7 else documents[:1])
        *way, last = random.choice(list(places(document)))
        for key in way:
            document = document[key]
        old = document[last]
        is_number = isinstance(old, int | float) and not isinstance(old, bool)
        document[last] = random.choice((old * 1000, old / 2, -old) if is_number else VALUES)
    header, *entries = documents
    if random.random() < 0.3:
        entries = random.sample(entries, k=len(entries) * 2 // 3)
    elif random.random() < 0.3:
        entries += random.choices(entries, k=5)
    documents[:] = [header, *entries]


@pytest.mark.parametrize("seed", range(15))
def test_odd_values_give_a_debrief_or_a_sentence(home: Path, most_calls: int, seed: int) -> None:
    folder = home / "attempts" / ID
    journal = (folder / JOURNAL).read_text().splitlines()
    documents = [json.loads(text) for text in ((folder / HEADER).read_text(), *journal)]
    put_odd_values(Random(seed), documents)
    (folder / HEADER).write_text(json.dumps(documents[0]))
    (folder / JOURNAL).write_text("".join(f"{json.dumps(entry)}\n" for entry in documents[1:]))
    (folder / CLOSED).write_text("{}")
    code, out, said = run("debrief", ID, "--json")
    assert code in (0, 2), said
    if code == 0:
        json.loads(out, parse_constant=refuse)
    with counted() as work:
        run(*NUMBERS)
    assert work.calls < most_calls
    run("progress", "-")
    key = StartKey()
    cookies = {key.cookie_name(HOST): key.cookie}
    pages = create_app(StandIn(home / "attempts"), key)
    with TestClient(pages, base_url=f"http://{HOST}", cookies=cookies) as client:
        for address in ("/", f"/attempts/{ID}", f"/attempts/{ID}/turns.svg", f"/again/{ID}/2"):
            assert client.get(address, headers={"accept": "text/html"}).status_code != 500
