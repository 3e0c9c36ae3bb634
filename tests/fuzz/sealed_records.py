"""Parsers of sealed records, as targets of the search: what a stick brings to a hub."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from simvoice.errors import AttemptError, RecordingLost
from simvoice.record.answers import ANSWERS, OwnAnswer, OwnAnswers, read_answers
from simvoice.release.age import encrypt_stream, make_identity, read_identities, read_recipient
from simvoice.release.manifest import FileFacts, SealedOwner
from simvoice.release.sealed import (
    NotSealed,
    SealedManifest,
    _blocks,
    _Unpacker,
    read_sealed_manifest,
    unseal,
)
from tests.fuzz.mutations import damaged, damaged_json
from tests.fuzz.search import Target

DEEP = b"[" * 2_000
RECORD_ID = "20261130-101530-tea-abcd"


def sealed_records(folder: Path) -> Iterable[Target]:
    """Yield the targets that read what stations seal."""
    files = {"header.json": b"{}", "journal.jsonl": b"[]\n" * 300, "closed": b"{}"}
    manifest = _written(folder / "plain", files)
    archive = b"".join(_blocks(manifest, folder / "plain"))
    recipient = read_recipient(make_identity(folder / "seal.key"))
    identities = read_identities(folder / "seal.key")
    sealed = io.BytesIO()
    encrypt_stream(io.BytesIO(archive), sealed, [recipient])
    place, file = folder / "place", folder / "record.age"

    def opened(data: bytes) -> None:
        _empty(place)
        file.write_bytes(data)
        _one_sentence(lambda: unseal(file, identities, place))

    samples = damaged([sealed.getvalue()])
    yield Target("sealed record", samples, opened, examples=(b"", b"age-encryption.org/v1\n"))

    def unpacked(given: tuple[bytes, int]) -> None:
        data, size = given
        _empty(place)

        def work() -> None:
            with _Unpacker(place) as unpacker:
                for at in range(0, len(data), size):
                    unpacker.write(data[at : at + size])
                unpacker.end()

        _one_sentence(work)
        known = {folder / "plain", place, folder / "seal.key", file}
        assert set(folder.iterdir()) <= known, "something was written beside the place"
        for path in place.rglob("*"):
            assert path.is_dir() or path.name in files

    pieces = st.sampled_from([512, 1000, 8192, 65_536])
    inputs = st.tuples(damaged([archive]), pieces)
    yield Target("archive of a sealed record", inputs, unpacked, examples=((archive, 512),))

    listed = damaged_json([json.loads(manifest.model_dump_json())])
    yield Target(
        "manifest of a sealed record",
        listed,
        lambda data: _one_sentence(lambda: read_sealed_manifest(data)),
        examples=(DEEP, b"\xff"),
    )

    def answers(data: bytes) -> None:
        _empty(place)
        (place / ANSWERS).write_bytes(data)
        _one_sentence(lambda: read_answers(place))

    own = OwnAnswers(answers=(OwnAnswer(question="What now?", answer="Tea.", written_at="now"),))
    written = damaged_json([json.loads(own.model_dump_json())])
    yield Target("learner's own answers", written, answers, examples=(DEEP, b"null"))


def _written(folder: Path, files: dict[str, bytes]) -> SealedManifest:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    owner = SealedOwner(
        **{"code": UUID(int=1), "assignment": None, "mode": "practice", "session": UUID(int=2)},
        **{"is_released": False, "made_at": 1.0},
    )
    facts = (
        FileFacts(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in files.items()
    )
    return SealedManifest(
        uuid=UUID(int=3), record_id=RECORD_ID, owner=owner, files=tuple(facts), simvoice="1"
    )


def _empty(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()


def _one_sentence(work: Any) -> None:
    said = "used"
    try:
        work()
    except (NotSealed, RecordingLost, AttemptError) as error:
        said = str(error)
    assert said.strip(), "the error says nothing"
    assert "\n" not in said, f"more than a sentence: {said!r}"
    assert len(said) <= 1000, f"{len(said)} characters: {said[:200]!r}"
