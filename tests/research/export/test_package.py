"""The data package is complete, correct and reproducible; so is the voice-free variant."""

from __future__ import annotations

import hashlib
import json
import os
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from simvoice.errors import SettingError, UsageError
from simvoice.research.analysis.conversation import Conversation
from simvoice.research.export.write import FORMATS, check_formats, pseudonyms, save, without_voice
from tests.planted.recordings import LEARNER_TEXT, PATIENT_TEXT
from tests.research.export.conftest import SECRET


def package(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "datapackage.json").read_text("utf-8"))
    return read


def on_disk(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_every_file_is_in_the_package_with_its_size_and_hash(folder: Path) -> None:
    files = on_disk(folder)
    resources = {entry["path"]: entry for entry in package(folder)["resources"]}
    assert set(files) - set(resources) == {"README.txt", "datapackage.json"}
    for path, entry in resources.items():
        assert entry["bytes"] == len(files[path])
        assert entry["hash"] == f"sha256:{hashlib.sha256(files[path]).hexdigest()}"
    names = [entry["name"] for entry in resources.values()]
    assert len(names) == len(set(names))


def test_every_csv_has_a_schema_with_the_columns_of_its_header(folder: Path) -> None:
    files = on_disk(folder)
    for entry in package(folder)["resources"]:
        if entry["format"] != "csv":
            assert entry["type"] == "file"
            continue
        header = files[entry["path"]].decode("utf-8").splitlines()[0].split(",")
        fields = entry["schema"]["fields"]
        assert [field["name"] for field in fields] == header
        assert all(f["type"] in ("string", "number", "integer", "boolean") for f in fields)
        assert set(entry["schema"]["primaryKey"]) <= set(header)
        assert entry["profile"] == "tabular-data-resource"


def made(
    out: Path, conversations: list[Conversation], formats: Sequence[str] = FORMATS
) -> dict[str, bytes]:
    save(conversations, out, formats)
    return on_disk(out)


def voice_free_export(out: Path, conversations: list[Conversation]) -> dict[str, bytes]:
    names = pseudonyms(conversations)
    free = [without_voice(c, names[c.id]) for c in conversations]
    save(sorted(free, key=lambda c: c.id), out, voice_free=True)
    return on_disk(out)


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes(both: list[Conversation], tmp_path: Path) -> None:
    assert made(tmp_path / "a", both) == made(tmp_path / "b", both)
    assert voice_free_export(tmp_path / "c", both) == voice_free_export(tmp_path / "d", both[::-1])


def test_chosen_formats_only(both: list[Conversation], tmp_path: Path) -> None:
    files = made(tmp_path / "out", both, ("csv", "rttm"))
    assert {Path(path).suffix for path in files} == {".csv", ".rttm", ".txt", ".json"}
    assert check_formats(["eaf", "csv"]) == ("csv", "eaf")
    assert check_formats([]) == FORMATS
    with pytest.raises(SettingError, match="'xls' is not a format; choose from: csv, parquet"):
        check_formats(["csv", "xls"])


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_conversations(
    attempt: Conversation, tmp_path: Path
) -> None:
    def most(count: int) -> int:
        many = (attempt.model_copy(update={"id": f"t{i:05d}"}) for i in range(count))
        tracemalloc.start()
        save(many, tmp_path / str(count), ("csv", "textgrid"))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    most(2)  # load everything that is loaded once
    assert most(60) < most(10) + 500_000


# -- the voice-free variant -----------------------------------------------------------------


def test_the_voice_free_variant_contains_no_words_names_dates_or_file_names(
    both: list[Conversation], tmp_path: Path
) -> None:
    files = voice_free_export(tmp_path / "free", both)
    plain = b"\n".join(data for path, data in files.items() if not path.endswith(".parquet"))
    for path, data in files.items():
        if path.endswith(".parquet"):
            (tmp_path / "t.parquet").write_bytes(data)
            plain += repr(pyarrow.parquet.read_table(tmp_path / "t.parquet").to_pylist()).encode()
    private = [
        *LEARNER_TEXT,
        *PATIENT_TEXT,
        "mm-hm",
        "frightening",
        "Ines",
        "Kim",
        "A planted talk",
        "2026-11-22",
        "Vísita",
        "Visita",
        "it last spring",
        SECRET,
    ]
    for conversation in both:
        private += [conversation.id, conversation.fingerprint]
        private += [value for f in conversation.inputs for value in (f.name, f.sha256)]
    found = [text for text in private if text.encode("utf-8") in plain]
    assert found == []
    assert not [path for path in files if path.startswith("ctm/")]
    for table in ("words", "utterances", "ledger", "answers", "reflections"):
        assert f"tables/{table}.csv" not in files


def test_the_voice_free_variant_keeps_every_time_and_every_number(
    both: list[Conversation], tmp_path: Path
) -> None:
    files, whole = voice_free_export(tmp_path / "free", both), made(tmp_path / "whole", both)
    for name in ("events", "speech", "turns", "metrics_long"):
        free, all_ = (len(f[f"tables/{name}.csv"].splitlines()) for f in (files, whole))
        assert free == all_, name
    assert b"gap" in files["praat/c001.TextGrid"]


def test_pseudonyms_are_stable_and_do_not_follow_the_order_of_names(
    attempt: Conversation,
) -> None:
    many = [attempt.model_copy(update={"id": f"talk-{i:02d}"}) for i in range(20)]
    names = pseudonyms(many)
    assert sorted(names.values()) == [f"c{i:03d}" for i in range(1, 21)]
    assert [names[key] for key in sorted(names)] != sorted(names.values())
    assert pseudonyms(list(reversed(many))) == names


# -- on the disk ----------------------------------------------------------------------------


def test_a_folder_with_other_files_is_not_changed(both: list[Conversation], tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    for replace in (False, True):
        with pytest.raises(UsageError, match="contains other files; name a new or empty folder"):
            save(both, tmp_path, ("csv",), replace=replace)
    assert on_disk(tmp_path) == {"thesis.txt": b"mine"}


def test_replace_deletes_an_earlier_export_and_nothing_else(
    both: list[Conversation], tmp_path: Path
) -> None:
    out = tmp_path / "export"
    save(both, out)
    (out / "analysis.R").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=r"already contains an export; .* or add --replace"):
        save(both, out)
    save(both[:1], out, ("csv",), replace=True)
    files = on_disk(out)
    assert files.pop("analysis.R") == b"mine"
    assert set(files) == set(made(tmp_path / "second", both[:1], ("csv",)))


def test_replace_never_deletes_files_outside_the_export(
    both: list[Conversation], tmp_path: Path
) -> None:
    out = tmp_path / "export"
    save(both, out, ("csv",))
    victim = tmp_path / "victim.txt"
    victim.write_text("mine", encoding="utf-8")
    changed = package(out)
    changed["resources"] += [{"path": "../victim.txt"}, {"path": str(victim)}]
    (out / "datapackage.json").write_text(json.dumps(changed), encoding="utf-8")
    save(both, out, ("csv",), replace=True)
    assert victim.read_text("utf-8") == "mine"


def test_a_file_instead_of_a_folder_is_refused(both: list[Conversation], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="is a file; name a folder"):
        save(both, tmp_path / "out", ("csv",))


def test_an_export_appears_as_a_whole(
    both: list[Conversation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is killed at any step leaves the earlier export, or the new one."""
    out = tmp_path / "export"
    steps: list[dict[str, bytes]] = []
    moved = os.rename

    def watched(source: Path, target: Path) -> None:
        steps.append(on_disk(out))
        moved(source, target)

    monkeypatch.setattr(os, "rename", watched)
    save(both[:1], out, ("csv",))
    first = on_disk(out)
    save(both, out, ("csv",), replace=True)
    assert [len(step) for step in steps] == [0, len(first), 0]
    assert steps[1] == first
    assert list(tmp_path.iterdir()) == [out]


def test_what_a_killed_export_left_is_removed_by_the_next(
    both: list[Conversation], tmp_path: Path
) -> None:
    left = tmp_path / ".simvoice-export-killed"
    (left / "export" / "tables").mkdir(parents=True)
    (left / "lock").touch()
    save(both, tmp_path / "export", ("csv",))
    assert not left.exists()


@pytest.mark.parametrize(
    "resources", [None, 5, [5], [{"path": 5}], [{"path": "a\0b"}], [{"path": "../own.txt"}]]
)
def test_a_damaged_list_of_an_earlier_export_deletes_nothing_else(
    both: list[Conversation], tmp_path: Path, resources: object
) -> None:
    out = tmp_path / "export"
    out.mkdir()
    (tmp_path / "own.txt").write_text("mine")
    listed = {"name": "simvoice-export", "resources": resources}
    (out / "datapackage.json").write_text(json.dumps(listed))
    save(both, out, ("csv",), replace=True)
    assert (tmp_path / "own.txt").read_text() == "mine"
    assert len(package(out)["resources"]) > 3
