"""Commands with any arguments and any environment: an exit code, and no traceback."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path

from hypothesis import strategies as st

from simvoice import log
from simvoice.cli import main
from tests.fuzz.mutations import HOSTILE_NUMBERS, any_text
from tests.fuzz.search import Target
from tests.planted.on_page import plant

COMMANDS = (
    *(("attempts", "list"), ("attempts", "show"), ("attempts", "recover"), ("progress",)),
    *(("debrief",), ("cases", "show"), ("cases", "list"), ("models", "list"), ("agree",)),
    *(("rate", "sheet"), ("rate", "import"), ("rate", "object"), ("picture", "strip"), ("export",)),
    *(("analyze",), ("picture", "change"), ("cases", "new"), ("cases", "schema"), ("bench",)),
)
"""Commands that need no engine. What they may write goes into the folder of the search."""

MOST_S = 5.0
"""A whole command: to list the cases it reads all of them, which takes more than a second."""

OPTIONS = (
    *("--json", "--case", "--rater", "--out", "--only", "--names", "--jobs", "--from", "--at"),
    *("--instrument", "--numbers", "--items", "--voice-free", "--key", "--profile", "--visit"),
    *("--log-level", "--", "--help", "-", "--seed", "--folder", "--learner", "--two", "--why"),
)

VARIABLES = (
    *("SIMVOICE_LOG_LEVEL", "SIMVOICE_LLM_URL", "SIMVOICE_LLM_WAIT", "SIMVOICE_LLM_FORM"),
    *("SIMVOICE_LLM_KEY", "SIMVOICE_WHEELS", "SIMVOICE_MODELS", "COLUMNS", "LINES", "TERM"),
    *("NO_COLOR", "FORCE_COLOR", "HF_ENDPOINT", "HF_HUB_DOWNLOAD_TIMEOUT", "LANG", "TZ"),
)


def _sendable(text: str) -> str:
    """Return a text as the system can give it to a process: no zero byte, as in argv."""
    return text.replace("\0", "")[:5_000].encode("utf-8", "replace").decode()


@contextmanager
def command_targets(folder: Path) -> Iterator[list[Target]]:
    """Give the target of the commands, which work in a home of their own."""
    home = folder / "home"
    attempt = plant(home / "attempts")
    before, at = dict(os.environ), Path.cwd()
    log_folder = log.folder
    (folder / "here").mkdir()
    os.environ["SIMVOICE_HOME"] = str(home)
    log.folder = lambda: home / "log"
    os.chdir(folder / "here")
    try:
        yield [_target(attempt, folder / "here")]
    finally:
        os.chdir(at)
        os.environ.clear()
        os.environ.update(before)
        log.folder = log_folder


def _target(attempt: str, here: Path) -> Target:
    def run(given: tuple[tuple[str, ...], list[str], dict[str, str]]) -> None:
        command, words, variables = given
        out, err = io.StringIO(), io.StringIO()
        before, argv = dict(os.environ), sys.argv
        os.environ.update(variables)
        sys.argv = ["simvoice", *command, *words]
        code: object = 0
        try:
            with redirect_stdout(out), redirect_stderr(err):
                main()
        except SystemExit as end:
            code = end.code
        finally:
            sys.argv = argv
            os.environ.clear()
            os.environ.update(before)
            for path in here.iterdir():  # a name that was typed may have become a file
                with suppress(OSError):
                    path.unlink()
        assert code in (0, 1, 2, 3, None), code
        assert "Traceback" not in err.getvalue()

    # no slash and no dot at the start: a file that is written stays in the folder of the search
    word = any_text().map(lambda text: _sendable(text).replace("/", "").lstrip(".~"))
    words = st.lists(
        st.one_of(
            word,
            st.sampled_from(OPTIONS),
            st.sampled_from([attempt, f"{attempt}@0:30", "breast-biopsy", "os12-1-greets", "Kim"]),
            st.sampled_from(HOSTILE_NUMBERS).map(lambda text: text[:500]),
        ),
        max_size=4,
    )
    variables = st.dictionaries(
        st.sampled_from(VARIABLES),
        st.one_of(
            any_text().map(_sendable), st.sampled_from(["nan", "-1", "0", "http://x", "debug"])
        ),
        max_size=2,
    )
    inputs = st.tuples(st.sampled_from(COMMANDS), words, variables)
    return Target("arguments and environment of commands", inputs, run, weight=3.0, most_s=MOST_S)
