from simvoice.engines import threads


def test_the_libraries_are_told_not_to_spin() -> None:
    environ: dict[str, str] = {}
    threads.set_environment(environ)
    assert environ["KMP_BLOCKTIME"] == "0"
    assert environ["OPENBLAS_NUM_THREADS"] == "1"


def test_what_the_environment_says_already_is_kept() -> None:
    environ = {"KMP_BLOCKTIME": "50"}
    threads.set_environment(environ)
    assert environ["KMP_BLOCKTIME"] == "50"


def test_the_language_model_leaves_a_core_where_there_is_one_to_leave() -> None:
    assert 1 <= threads.LLAMA <= max(1, threads.CORES - 1)
