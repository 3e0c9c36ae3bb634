"""A hub that is killed, really, while it keeps and erases attempts: nothing is lost or doubled."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from simvoice.hub import attempts
from simvoice.hub.storage.consistency import find_differences
from simvoice.hub.storage.database import Database
from simvoice.hub.storage.object_store import ObjectStore
from simvoice.hub.storage.tables import Erasure, LooseObjects, StoredAttempt
from tests.hub.kept_attempts import make_storage
from tests.planted.talk import record

KILLS = 8
ATTEMPTS = 10

WORK = """
import sys
from pathlib import Path
from uuid import UUID
from simvoice.hub import attempts
from simvoice.hub.hub import open_hub
from simvoice.hub.settings import load_settings

data, made, owner = Path(sys.argv[1]), Path(sys.argv[2]), UUID(sys.argv[3])
hub = open_hub(load_settings(data, {"database_url": sys.argv[4]}, environment={}))
attempts.start(hub)
print("started", flush=True)
for number, folder in enumerate(sorted(made.glob("*/2*"))):
    try:
        kept = attempts.keep(hub, folder, owner_id=owner, origin="hub")
    except attempts.AttemptErased:
        continue
    print("kept", kept, flush=True)
    if number % 3 == 0:
        print("erasing", kept, flush=True)
        attempts.erase(hub, [kept], reason="learner")
        print("erased", kept, flush=True)
print("done", flush=True)
"""


@pytest.mark.slow
def test_a_hub_that_is_killed_again_and_again_loses_and_doubles_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    data, made = tmp_path / "hub", tmp_path / "made"
    (data / "store").mkdir(parents=True)
    storage = make_storage(database, ObjectStore(str(data / "store")), tmp_path)
    for number in range(ATTEMPTS):
        record(made / f"{number:02}", uuid=uuid4())
    command = [sys.executable, "-c", WORK, str(data), str(made)]
    command += [str(storage.owner_id), database_url]
    chance = random.Random(7)
    kept: set[UUID] = set()
    erased: set[UUID] = set()
    begun: set[UUID] = set()
    for kill in range(KILLS + 1):
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "started\n"
        if kill < KILLS:
            time.sleep(chance.uniform(0, 0.4))
            child.kill()
        said = child.communicate(timeout=120)[0].split("\n")
        for line in said:
            word, _, uuid = line.partition(" ")
            if uuid and len(uuid) == 36:
                {"kept": kept, "erased": erased, "erasing": begun}[word].add(UUID(uuid))
        # what was said before the kill holds after it
        with database.read() as session:
            stored = set(session.scalars(select(StoredAttempt.id)))
            gone = set(session.scalars(select(Erasure.attempt_id)))
        assert kept - begun <= stored
        assert erased <= gone
        assert not stored & gone
    assert "done" in said
    assert len(stored) + len(gone) == ATTEMPTS
    assert len(gone) == len(range(0, ATTEMPTS, 3))
    assert not find_differences(database, storage.objects)
    for each in stored:
        attempts.verify(storage, each)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(LooseObjects)) == 0
    assert not [o for o in storage.objects.listed("attempts/") if UUID(o.key.split("/")[1]) in gone]
