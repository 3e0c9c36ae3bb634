"""Case files that would hang, crash or flood: each costs one sentence, and the others stay."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from simvoice import paths
from simvoice.cli.cases import _readable
from simvoice.errors import CaseError
from simvoice.patient.case.course_plan import load_course_plan
from simvoice.patient.case.load import create_case, find_cases, load_case, locate_case
from simvoice.patient.case.suite import load_suite
from simvoice.patient.checking.certificate import certification_fault, listed_cases
from simvoice.simulate.demo import load_demo
from simvoice.yaml_file import MOST_BYTES, MOST_VALUES, parse_yaml
from tests.work import counted

TIMES = 8
"""Reading a hostile file may take this many times the calls of reading the largest case. The parser
in Python, which only reads what libyaml refuses, makes five times as many short ones."""

ALIAS_BOMB = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
)
MERGE_BOMB = "m0: &m0 {a: 1}\n" + "".join(
    f"m{n}: &m{n}\n  <<: [{', '.join([f'*m{n - 1}'] * 9)}]\n" for n in range(1, 30)
)
TEXTS = {
    "self_merge": "id: x\nbase: &base\n  <<: *base\n  a: 1\n",
    "self_merge_in_a_list": "a: &a\n  <<: [*a, *a]\n",
    "merge_cycle": "a: &a\n  b: &b\n    <<: *a\n  <<: *b\n",
    "merge_bomb": MERGE_BOMB,
    "merge_of_a_number": "<<: 5\n",
    "alias_cycle": "a: &a [*a]\n",
    "alias_of_nothing": "a: *nothing\n",
    "alias_bomb": ALIAS_BOMB,
    "anchor_on_a_huge_list": f"a: &a [{'1, ' * 30_000}1]\nb: [*a, *a, *a, *a]\n",
    "brackets": "id: " + "[" * 5_000,
    "closed_brackets": "id: " + "[" * 5_000 + "]" * 5_000,
    "brackets_on_lines": "id:\n" + "[\n" * 5_000,
    "deep_flow_mappings": "id: " + "{a: " * 5_000,
    "deep_keys": "? " * 5_000,
    "deep_dashes": "- " * 5_000,
    "deep_indents": "".join(" " * n + "a:\n" for n in range(900)),
    "brackets_after_a_fault": "id: {a:1}\nb: " + "[" * 5_000,
    "half_a_megabyte_of_brackets": "[" * 500_000,
    "fault_after_half_a_megabyte": "a: b\n" + "# comment\n" * 50_000 + "b: [\n",
    "two_documents": "id: x\n---\nid: y\n",
    "duplicate_keys": "id: x\nid: y\n",
    "python_object": "id: !!python/object/apply:os.system ['touch /tmp/never']\n",
    "own_tag": "id: !secret x\n",
    "binary": "id: !!binary aGk=\n",
    "set": "id: !!set {a, b}\n",
    "huge_number": f"id: {'9' * 10_000}\n",
    "huge_hexadecimal_number": f"id: 0x{'f' * 10_000}\n",
    "huge_bool": "id: !!bool x\n",
    "impossible_date": "id: 2001-99-99\n",
    "date": "id: 2001-01-01\n",
    "list_as_a_key": "? [a, b]\n: 1\n",
    "date_as_a_key": "2001-01-01: 1\n",
    "many_keys": "".join(f"key{n}: 1\n" for n in range(100_000)),
    "as_many_keys_as_are_read": "".join(f"key{n}: 1\n" for n in range(MOST_VALUES // 2 - 5)),
    "fault_after_as_many_keys": "".join(f"key{n}: 1\n" for n in range(MOST_VALUES // 2 - 5))
    + "b: {a:1}\nc: [\n",
    "long_key": f"? {'k' * 500_000}\n: 1\n",
    "long_value": f"id: {'k' * 900_000}\n",
    "unclosed_quote": 'id: "' + "x" * 500_000,
    "nul": "id: x\x00y\n",
    "control_character": "id: \x1b[31m\n",
    "lone_surrogate": 'id: "\\ud800"\n',
    "not_a_mapping": "- 1\n",
    "nothing": "",
    "version_of_yaml": "%YAML 9.9\n---\nid: x\n",
}


def _write(text: str | bytes) -> Callable[[Path], None]:
    raw = text if isinstance(text, bytes) else text.encode()
    return lambda path: path.write_bytes(raw) and None


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(50_000_000)


HOSTILE: dict[str, Callable[[Path], object]] = {
    **{name: _write(text) for name, text in TEXTS.items()},
    "not_utf8": _write(b"id: \xff\xfe\n"),
    "fifty_megabytes": _huge,
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "endless_device": lambda path: path.symlink_to("/dev/urandom"),
    "folder": os.mkdir,
    "link_to_itself": lambda path: path.symlink_to(path.name),
    "link_to_nothing": lambda path: path.symlink_to("gone"),
}


def _one_sentence(error: object, file: Path) -> None:
    text = str(error)
    assert str(file) in text
    assert "\n" not in text
    assert len(text) - len(str(file)) < 400


@pytest.fixture(scope="module")
def most_calls(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Return the limit for one file."""
    folder = tmp_path_factory.mktemp("largest")
    largest = max(paths.scenarios_dir().glob("*/case.yaml"), key=lambda file: file.stat().st_size)
    shutil.copytree(largest.parent, folder / largest.parent.name)
    listed_cases(folder)
    with counted() as work:
        listed_cases(folder)
    return TIMES * work.calls


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_case_costs_one_sentence_and_the_others_stay(
    tmp_path: Path, most_calls: int, name: str
) -> None:
    create_case("sound", tmp_path)
    file = tmp_path / "hostile" / "case.yaml"
    file.parent.mkdir()
    HOSTILE[name](file)
    load_case(tmp_path / "sound" / "case.yaml")
    with counted() as work:
        hostile, sound = listed_cases(tmp_path)
    assert work.calls < most_calls
    assert (hostile.case, hostile.file) == (None, file)
    _one_sentence(hostile.fault, file)
    assert sound.case is not None
    for given in ("hostile", str(file), str(file.parent)):
        with pytest.raises(CaseError) as caught:
            load_case(locate_case(given, tmp_path))
        _one_sentence(caught.value, file)


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_suite_demo_or_course_costs_one_sentence(
    tmp_path: Path, most_calls: int, name: str
) -> None:
    file = create_case("sound", tmp_path)
    case = load_case(file)
    certificate = file.with_name("certificate.json")
    certificate.write_text(
        '{"case_sha256": "", "suite_sha256": "", "simvoice": "1", "conversations": 1, "turns": 1,'
        '"probes": 1, "right_answer_rate": 1.0, "injections": 0, "contradiction_rate": 0.0,'
        '"endings": {}, "skilled_ends": "a", "poor_ends": "b"}'
    )
    for beside in ("suite.yaml", "demo.yaml", "course.yaml"):
        file.with_name(beside).unlink(missing_ok=True)
        HOSTILE[name](file.with_name(beside))
    with counted() as work:
        with pytest.raises(CaseError) as suite:
            load_suite(file, case)
        _one_sentence(suite.value, file.with_name("suite.yaml"))
        with pytest.raises(CaseError) as demo:
            load_demo(file)
        _one_sentence(demo.value, file.with_name("demo.yaml"))
        with pytest.raises(CaseError) as plan:
            load_course_plan(file, ())
        _one_sentence(plan.value, file.with_name("course.yaml"))
        assert "\n" not in (certification_fault(file, case) or "\n")
        certificate.unlink()
        HOSTILE[name](certificate)
        assert "cannot be read" in (certification_fault(file, case) or "")
    assert work.calls < 4 * most_calls


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_case_without_permission_is_named(tmp_path: Path) -> None:
    file = create_case("sound", tmp_path)
    file.chmod(0)
    with pytest.raises(CaseError, match=r"cannot be read .Permission denied."):
        load_case(file)
    file.parent.chmod(0)
    assert find_cases(tmp_path) == {"sound": file}
    file.parent.chmod(0o700)


def test_a_check_of_all_cases_names_the_hostile_ones_and_checks_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path))
    own = paths.own_cases_dir()
    create_case("sound", own)
    (own / "pipe").mkdir(parents=True)
    os.mkfifo(own / "pipe" / "case.yaml")
    bad_suite = create_case("bad-suite", own).with_name("suite.yaml")
    bad_suite.write_text(TEXTS["self_merge"])
    loaded, faults = _readable(["pipe", "sound", "bad-suite"])
    assert [case.id for _, case, _ in loaded] == ["sound"]
    assert [str(bad_suite) in fault or str(own / "pipe") in fault for fault in faults] == [True] * 2


def test_names_that_no_file_can_have_are_no_cases(tmp_path: Path) -> None:
    for name in ("a\x00b", "x" * 5_000, f"{'x' * 5_000}.yaml", "a\x00b.yaml"):
        with pytest.raises(CaseError) as caught:
            load_case(locate_case(name, tmp_path))
        assert "\n" not in str(caught.value)


def test_a_suite_that_is_larger_than_a_megabyte_is_refused_with_the_limit(tmp_path: Path) -> None:
    file = create_case("sound", tmp_path)
    file.write_bytes(file.read_bytes() + b"#" * MOST_BYTES)
    with pytest.raises(CaseError, match="has more than 1 MB"):
        load_case(file)


@pytest.mark.slow
def test_aliases_and_merges_within_the_bounds_are_read() -> None:
    text = b"base: &b {a: 1, l: [&x p, *x]}\nc:\n  <<: *b\n  d: 2\nagain: *b\n"
    read = parse_yaml(text, Path("c.yaml"))
    base = {"a": 1, "l": ["p", "p"]}
    assert json.loads(read.json) == {"base": base, "c": {**base, "d": 2}, "again": base}
    assert read.line_of(("c", "d")) == 4
    assert read.line_of(("again", "l", 1)) == 1
    assert read.line_of(("c", "gone")) == 2
