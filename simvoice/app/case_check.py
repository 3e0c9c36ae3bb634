"""Check one case in a process of its own: `python -m simvoice.app.case_check FOLDER`.

A hub runs it beside its encounters, at the lowest priority. It prints one JSON object a line:
`{"done": 3, "total": 120}` while it plays, and `{"report": …, "certified": true}` at the end, when
`certificate.json` is in the folder of a case that passed. `{"fault": "…"}` says why it could not.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from simvoice import __version__
from simvoice.errors import SimvoiceError
from simvoice.patient.case.load import CASE_FILE, load_case, require_complete
from simvoice.patient.case.suite import load_suite
from simvoice.patient.checking.certificate import certify
from simvoice.patient.checking.check import CONVERSATIONS, check
from simvoice.ports import Embedder


def check_folder(folder: Path, embedder: Embedder | None) -> dict[str, Any]:
    """Return the report of the whole check of a case, which is certified when it passes.

    Raises CaseError for a case that cannot be read or certified.
    """
    file = folder / CASE_FILE
    case = load_case(file)
    require_complete(file, case)
    suite = load_suite(file, case)
    report = check(case, suite, embedder, conversations=CONVERSATIONS, progress=_progress)
    certificate = certify(file, report, __version__)
    return {"report": report.to_json(), "certified": certificate is not None}


def _progress(done: int, total: int) -> None:
    _say({"done": done, "total": total})


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _embedder() -> Embedder:
    # imported here: the engines read the environment that is set first
    from simvoice.engines import threads
    from simvoice.models import manifest

    threads.set_environment()
    folder = manifest.locate(manifest.profile()["embedding"])
    from simvoice.engines.embed.minilm import MiniLM

    return MiniLM(folder)


def main(folder: Path) -> int:
    """Run the check; return 0 when it came to its end, 1 when the case could not be checked."""
    os.nice(19)
    try:
        _say(check_folder(folder, _embedder()))
    except SimvoiceError as error:
        _say({"fault": str(error)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
