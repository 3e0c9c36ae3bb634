"""A norm is shown with a number only where population and definition match."""

from __future__ import annotations

import pytest

from simvoice import paths
from simvoice.errors import SettingError
from simvoice.patient.case.load import load_case
from simvoice.scoring.metrics.definitions import definitions
from simvoice.scoring.metrics.norms import (
    Norm,
    case_decisions,
    check_visits,
    metric_decisions,
    no_norm_note,
    norms,
    norms_beside,
    visit_kinds,
    visits,
)

SILENCES = next(entry for entry in definitions() if entry.key == "silences")


def norm(**fields: object) -> Norm:
    """A norm that may be shown with our silences in bad-news talks."""
    given = {
        "id": "planted",
        "metric": "silences",
        "for_definition": SILENCES.definition,
        "visits": ("bad-news",),
        "shown": "about 10",
        "centre": 10.0,
        "unit": "count",
        "n": 49,
        "of": "conversations",
        "spread": "SD 4",
        "population": "planted talks",
        "definition": "silences of 2 s and more",
        "citation": "Planted 2026",
        "doi": "",
    }
    return Norm.model_validate(given | fields)


def shown(visit: tuple[str, ...] = ("bad-news",), **fields: object) -> bool:
    return bool(norms_beside("silences", visit, among=[norm(**fields)]))


def test_a_norm_is_shown_where_population_and_definition_match() -> None:
    assert shown()
    assert shown(("bad-news", "oncology"))


def test_a_bad_news_norm_is_shown_only_in_bad_news_talks() -> None:
    assert not shown(())
    assert not shown(("oncology",))
    assert not shown(("opening", "palliative"))
    assert shown((), visits=("any",))


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 0},
        {"of": ""},
        {"spread": ""},
        {"citation": ""},
        {"metric": ""},
        {"metric": "overlaps"},
        {"unit": "seconds"},
        {"for_definition": "Stretches of 5 s and more."},
    ],
)
def test_a_norm_with_a_missing_or_different_field_is_not_shown(fields: dict[str, object]) -> None:
    assert not shown(**fields)


def test_a_norm_is_hidden_when_the_metric_s_definition_changes() -> None:
    changed = SILENCES.model_copy(update={"definition": "Stretches of 3 s and more."})
    assert norms_beside("silences", ("bad-news",), among=[norm()], registry=[SILENCES])
    assert not norms_beside("silences", ("bad-news",), among=[norm()], registry=[changed])


def test_an_unknown_metric_has_no_norm() -> None:
    assert norms_beside("shoe_size", ("bad-news",), among=[norm(metric="shoe_size")]) == ()


def test_the_sentence_has_n_spread_population_and_source() -> None:
    assert norm().sentence == (
        "about 10 in planted talks (n = 49 conversations; SD 4). Planted 2026"
    )


# -- the table ------------------------------------------------------------------------------


def test_every_norm_with_a_metric_repeats_its_current_definition() -> None:
    known = {entry.key: entry for entry in definitions()}
    for entry in norms():
        if entry.metric:
            assert entry.for_definition == known[entry.metric].definition, entry.id
            assert entry.unit == known[entry.metric].unit, entry.id
        else:
            assert entry.for_definition == "", entry.id


def test_every_norm_has_its_own_id_and_known_kinds_of_visit() -> None:
    assert len({entry.id for entry in norms()}) == len(norms())
    for entry in norms():
        assert set(entry.visits) <= set(visits()), entry.id
        assert entry.population, entry.id
        assert entry.definition, entry.id
        assert entry.citation, entry.id


def test_the_opening_has_a_norm_only_in_visits_that_begin_with_the_question() -> None:
    (found,) = norms_beside("opening_interrupted", ("opening",))
    assert found.sentence == (
        "median 11 s in primary and specialty care visits in the United States (n = 27 visits in "
        "which the patient was interrupted, of 40 with an opening question; interquartile range "
        "7–22, range 3–234). Singh Ospina et al. 2019, J Gen Intern Med 34(1):36-40"
    )
    assert norms_beside("opening_interrupted", ("bad-news",)) == ()
    assert norms_beside("first_interruption", ("opening",)) == ()


def test_no_norm_is_shown_in_an_unknown_visit() -> None:
    for entry in definitions():
        assert norms_beside(entry.key, ()) == (), entry.key


def test_the_instruments_of_a_case_determine_the_kind_of_visit() -> None:
    assert visit_kinds(["SPIKES", "NURSE", "OS-12"]) == {"bad-news"}
    assert visit_kinds(["MITI"]) == frozenset()


def test_an_unknown_kind_of_visit_is_refused_with_the_known_ones() -> None:
    assert check_visits(["oncology", "bad-news", "oncology"]) == ("bad-news", "oncology")
    with pytest.raises(SettingError, match="'dentist' is no kind of visit; choose from: any, bad"):
        check_visits(["dentist"])


# -- the decisions --------------------------------------------------------------------------

CASES = {path.parent.name: path for path in sorted(paths.scenarios_dir().glob("*/case.yaml"))}


@pytest.mark.slow
def test_every_case_that_ships_has_a_decision_for_the_visit_of_its_instruments() -> None:
    assert set(case_decisions()) == set(CASES)
    for case_id, path in CASES.items():
        assert set(case_decisions()[case_id].visits) == visit_kinds(load_case(path).instruments)


def test_every_published_number_has_one_decision() -> None:
    considered = [name for entry in metric_decisions() for name in entry.considered]
    assert sorted(considered) == sorted(entry.id for entry in norms())
    for entry in norms():
        if entry.metric:
            (own,) = (d for d in metric_decisions() if entry.id in d.considered)
            assert entry.metric in own.keys


@pytest.mark.parametrize("case_id", CASES)
def test_no_case_shows_a_norm_that_its_decision_refuses(case_id: str) -> None:
    for entry in definitions():
        assert norms_beside(entry.key, case_decisions()[case_id].visits) == (), entry.key
    assert (
        no_norm_note(case_id)
        == f"No published number is shown. {case_decisions()[case_id].because}"
    )


@pytest.mark.parametrize("entry", norms(), ids=lambda norm: norm.id)
def test_a_norm_is_shown_only_with_its_spread_and_in_its_kinds_of_visit(entry: Norm) -> None:
    kinds = set(visits()) - {"any"}
    for metric in definitions():
        for kind in kinds:
            if entry in norms_beside(metric.key, (kind,)):
                assert kind in entry.visits
                assert (entry.metric, entry.for_definition) == (metric.key, metric.definition)
                assert entry.n > 0
                assert entry.spread


def test_another_case_gets_the_general_reason() -> None:
    assert no_norm_note("our-own-case").startswith("No published number is shown. We know of none")
