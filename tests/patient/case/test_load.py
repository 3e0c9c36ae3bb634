"""Faults of a case file: what is refused, at which line, with which remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from simvoice import paths
from simvoice.errors import CaseError
from simvoice.patient.case.load import (
    find_cases,
    load_case,
    locate_case,
    require_complete,
)
from simvoice.patient.case.schema import Case
from simvoice.patient.case.validate import hints
from simvoice.suggestion_kinds import suggestible
from simvoice.yaml_file import parse_yaml

pytestmark = pytest.mark.slow

SOUND = (paths.scenarios_dir() / "breast-biopsy" / "case.yaml").read_text(encoding="utf-8")


def broken(tmp_path: Path, old: str, new: str) -> tuple[str, int]:
    """The error for the sound case with one change, and the line the change is in."""
    assert old in SOUND
    text = SOUND.replace(old, new, 1)
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CaseError) as caught:
        load_case(path)
    assert str(path) in str(caught.value)
    return str(caught.value), SOUND[: SOUND.index(old)].count("\n") + 1


def test_the_case_that_comes_with_simvoice_is_sound(case: Case) -> None:
    assert case.id == "breast-biopsy"
    assert len(case.sha256) == 64
    assert len(case.lines) >= 120


def test_answering_lines_have_six_exemplars_or_more(case: Case) -> None:
    thin = [line.id for line in case.lines if 0 < len(line.exemplars) < 6]
    assert thin == []


def test_every_case_is_found_and_located(case: Case) -> None:
    assert "breast-biopsy" in find_cases(paths.scenarios_dir())
    by_path = locate_case(str(paths.scenarios_dir() / "breast-biopsy"), Path("nowhere"))
    assert load_case(by_path) == case


def test_an_unknown_case_names_the_installed_ones() -> None:
    with pytest.raises(CaseError, match=r"no case named 'nobody'; choose one of: .*breast-biopsy"):
        locate_case("nobody", paths.scenarios_dir())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"there is no case file .*gone\.yaml"):
        load_case(tmp_path / "gone.yaml")


def test_an_unknown_field_is_refused_with_its_line(tmp_path: Path) -> None:
    message, line = broken(tmp_path, "level: Senior", "colour: red\nlevel: Senior")
    assert f":{line}: colour: there is no such field" in message


def test_broken_yaml_gives_the_line(tmp_path: Path) -> None:
    message, line = broken(tmp_path, "opening: opening", "opening: [opening")
    assert "not valid YAML" in message
    assert any(f":{number}:" in message for number in range(line, line + 4))


def test_a_dangling_reference_is_refused_with_its_line(tmp_path: Path) -> None:
    message, line = broken(tmp_path, "opening: opening", "opening: nowhere")
    assert f":{line}: opening names the line 'nowhere', which does not exist" in message


def test_an_unknown_code_in_a_rule_is_refused(tmp_path: Path) -> None:
    message, line = broken(tmp_path, "on: [interruption], unless", "on: [interuption], unless")
    assert f":{line}: on names the code 'interuption'" in message


def test_a_duplicate_id_is_refused(tmp_path: Path) -> None:
    message, line = broken(tmp_path, "{id: hello_2,", "{id: hello_1,")
    assert f":{line}: the id 'hello_1' is used twice" in message


def test_a_duplicate_text_is_refused(tmp_path: Path) -> None:
    message, _ = broken(tmp_path, 'text: "All right."', 'text: "Okay."')
    assert "is the same as that of okay_1" in message


def test_an_empty_text_is_refused(tmp_path: Path) -> None:
    message, line = broken(tmp_path, 'text: "Okay."', 'text: " "')
    assert f":{line}: " in message
    assert "is empty; write a text" in message


def test_a_line_too_long_to_say_is_refused(tmp_path: Path) -> None:
    message, _ = broken(tmp_path, 'text: "Okay."', f'text: "{"word " * 40}"')
    assert "a line has at most 30 words" in message


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("<shout>Okay.", "<shout> is no mark; write <pause 0.8>"),
        ("Okay <pause 4> then.", "a pause in a line lasts up to 1.5 s"),
        ("<quiet>Okay.", "<quiet> is never closed; write </quiet> after its last word"),
        ("Okay. *sighs*", "a line is plain speech; the only marks allowed are <pause 0.8>"),
    ],
)
def test_an_unknown_mark_is_refused_with_its_line(
    tmp_path: Path, written: str, reason: str
) -> None:
    message, line = broken(tmp_path, 'text: "Okay."', f'text: "{written}"')
    assert f":{line}: lines." in message
    assert ".text: " in message
    assert reason in message


def test_marks_are_read_in_every_wording_of_a_line(tmp_path: Path) -> None:
    message, line = broken(tmp_path, 'again: "All of it, I said.', 'again: "All <sigh> of it.')
    assert f":{line}: " in message
    assert "<sigh> is no mark" in message


def test_the_schema_and_the_dump_name_the_fields_as_authors_write_them(case: Case) -> None:
    schema = Case.model_json_schema()["$defs"]["CaseLine"]["properties"]
    assert {"text", "again"} <= set(schema)
    assert not any(name.startswith("marked") for name in schema)
    line = next(line for line in case.lines if line.id == "q_die")
    assert line.model_dump()["text"] == "Am I going to <break> die?"
    assert line.text == "Am I going to die?"


def test_the_bends_of_a_voice_are_limited(tmp_path: Path) -> None:
    message, _ = broken(tmp_path, "  history: >-", "  bends: {ledger: 5.0}\n  history: >-")
    assert "person.bends.ledger" in message


def test_a_gate_that_can_never_open_is_refused(tmp_path: Path) -> None:
    message, line = broken(
        tmp_path, "trust: 0.68, after: [headline]", "trust: 0.68, after: [headlines]"
    )
    assert f":{line}: the gate of sink can never open" in message


def test_a_trusted_gate_needs_a_threshold(tmp_path: Path) -> None:
    message, _ = broken(tmp_path, "{when: trusted, trust: 0.55}", "{when: trusted}")
    assert "give `trust` if, and only if, the gate says `when: trusted`" in message


def test_a_line_that_reveals_a_gated_fact_is_refused(tmp_path: Path) -> None:
    message, line = broken(
        tmp_path, "I'd rather not have a crowd.", "My mother never liked a crowd."
    )
    assert f":{line}: crowd reveals 'mother'" in message


def test_a_scene_that_reveals_a_gated_fact_is_refused(tmp_path: Path) -> None:
    message, _ = broken(tmp_path, "about\n  herself.", "about\n  herself and my mother.")
    assert "the scene reveals 'mother'" in message


def test_the_endings_must_cover_every_goodbye(tmp_path: Path) -> None:
    message, _ = broken(
        tmp_path,
        "on: [closing, time]\n    lines: [end_untold_1, end_untold_2]",
        "on: [closing]\n    lines: [end_untold_1, end_untold_2]",
    )
    assert "no ending covers 'time'" in message


def test_a_number_out_of_range_is_refused_with_its_value(tmp_path: Path) -> None:
    message, _ = broken(tmp_path, "trust: {start: 0.40", "trust: {start: 4.0")
    assert "ledger.trust.start" in message
    assert "'4.0'" in message


def test_a_list_or_binary_is_no_case(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text("- a\n- b\n", encoding="utf-8")
    with pytest.raises(CaseError, match="a case must be a mapping"):
        load_case(path)
    path.write_bytes(b"\xff\xfe\x00id")
    with pytest.raises(CaseError, match="is not UTF-8"):
        load_case(path)


def test_the_id_must_be_the_name_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "case.yaml").write_text(SOUND, encoding="utf-8")
    with pytest.raises(CaseError, match="is not the name of its folder; make them equal"):
        load_case(folder / "case.yaml")


@pytest.mark.parametrize(
    ("old", "new", "sign"),
    [
        ("cause: circled the word", "cause: circled the word as with Dolores", "'Dolores'"),
        ("cause: circled the word", "cause: asked about the dentist", "hints at 'secret'"),
        (
            "label: heard that it is cancer",
            "label: heard what she washed out of her hair",
            "hints at 'sink'",
        ),
    ],
)
def test_the_debrief_may_not_hint_at_an_untold_fact(
    tmp_path: Path, old: str, new: str, sign: str
) -> None:
    message, _ = broken(tmp_path, old, new)
    assert sign in message
    assert "change its words" in message or "remove the name" in message


@pytest.mark.parametrize(
    ("old", "new", "sign"),
    [
        (
            "suggests: let_finish",
            "suggests: finish_first",
            "no kind of suggestion; choose one of: ",
        ),
        (
            'suggests: stay_with_topic, instead: "The papers',
            'suggests: nothing, instead: "The papers',
            "moved_on suggests nothing and gives `instead`; remove one of them",
        ),
        (", suggests: stay_with_topic}", "}", "to_a_machine lowers trust and does not say what"),
        (
            "cause: named what she feels",
            "suggests: say_less, cause: named it",
            "is only for a rule",
        ),
        *(
            (
                "cause: circled the word",
                f"cause: {cause}",
                "does not complete a sentence that begins",
            )
            for cause in (
                "several words in a row",
                "was rude to her",
                "circling the word",
                "the word was circled",
                "Circled the word",
                "circled the word.",
            )
        ),
    ],
)
def test_what_a_rule_suggests_and_its_cause_are_checked(
    tmp_path: Path, old: str, new: str, sign: str
) -> None:
    message, line = broken(tmp_path, old, new)
    assert f":{line}: " in message
    assert sign in message


def test_an_unknown_suggestion_names_the_known_ones(tmp_path: Path) -> None:
    message, _ = broken(tmp_path, "suggests: let_finish", "suggests: finish_first")
    assert all(each in message for each in suggestible())


def test_a_case_of_release_0_1_is_read_and_must_be_completed_for_its_check(tmp_path: Path) -> None:
    path = tmp_path / "early.yaml"
    text = SOUND.replace("format: 2\n", "", 1).replace(", suggests: stay_with_topic}", "}", 1)
    path.write_text(text.replace("cause: cut her off", "cause: a cut", 1), encoding="utf-8")
    case = load_case(path)
    assert case.format == 1
    with pytest.raises(CaseError, match=r"early\.yaml:\d+: .*add `format: 2` below its id"):
        require_complete(path, case)
    require_complete(path, load_case(paths.scenarios_dir() / "breast-biopsy" / "case.yaml"))


@pytest.mark.parametrize("case_id", sorted(find_cases(paths.scenarios_dir())))
def test_no_case_hints_at_an_untold_fact(case_id: str) -> None:
    case = load_case(locate_case(case_id, paths.scenarios_dir()))
    assert list(hints(case)) == []


ODD_YAML = """
plain: [yes, No, on, off, ~, null, True, "true", 012, 0o12, 0x1F, 1_000, 1e3, .5, -0.0, 1:20]
text: {colon: "a: b", hash: 'a # b', apostrophe: it's, url: http://x.y/z, quote: 'don''t'}
folded: >
  one
  two

  three
literal: |
  one
    two
flow: [a b, "c, d", {e: f}]
empty: ""
nothing:
anchor: &here [1, 2]
alias: *here
"""


def test_the_fast_parser_reads_the_same_values_as_the_slow_one() -> None:
    texts = [ODD_YAML.encode()]
    for file in sorted(paths.scenarios_dir().glob("*/*.yaml")):
        texts.append(file.read_bytes())
    for raw in texts:
        slow = YAML(typ="safe", pure=True).load(raw.decode())
        assert json.loads(parse_yaml(raw, Path("odd.yaml")).json) == slow


def test_what_the_fast_parser_refuses_is_read_by_the_other() -> None:
    raw = b"sources: [{doi: 10.1093/acprof:oso/9780199238361}]\nday: 2027-01-01\n"
    read = json.loads(parse_yaml(raw, Path("odd.yaml")).json)
    assert read == {"sources": [{"doi": "10.1093/acprof:oso/9780199238361"}], "day": "2027-01-01"}
