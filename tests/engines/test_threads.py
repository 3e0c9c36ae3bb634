from simvoice.engines import threads


def test_the_environment_stops_spinning() -> None:
    environ: dict[str, str] = {}
    threads.set_environment(environ)
    assert environ["KMP_BLOCKTIME"] == "0"
    assert environ["OPENBLAS_NUM_THREADS"] == "1"


def test_variables_that_are_set_keep_their_values() -> None:
    environ = {"KMP_BLOCKTIME": "50"}
    threads.set_environment(environ)
    assert environ["KMP_BLOCKTIME"] == "50"


def test_the_language_model_leaves_one_core_free() -> None:
    assert 1 <= threads.LLM_THREADS <= max(1, threads.CORES - 1)
