"""What a user does, run by `scripts/fence`: an encounter, its debrief, the pages, an export."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

COMMAND = (sys.executable, "-m", "simvoice")


def run(*words: str) -> str:
    """Run a command and return what it prints. Raises CalledProcessError when it fails."""
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"simvoice {' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def pages(attempt: str) -> None:
    """Serve the pages and fetch what a browser fetches."""
    server = subprocess.Popen([*COMMAND, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        address = re.search(r"(http://\S+/)\?key=\S+", server.stdout.readline())
        assert address is not None
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        browser.open(address[0]).read()
        seen = f"attempts/{attempt}"
        details = (f"{seen}/timeline", f"{seen}/turns.svg", f"{seen}/audio")
        for path in ("", "progress", seen, *details):
            assert browser.open(address[1] + path).read(), path
    finally:
        server.terminate()
        server.wait(60)


def main(case: str, work: str) -> None:
    """Go through it. case: of the shelf. work: the folder for results."""
    results = Path(work) / "results"
    run("cases", "list")
    run("demo", case)
    attempt = run("attempts", "list", "--json")
    found = re.search(r'"id": "([^"]+)"', attempt)
    assert found is not None, attempt
    run("debrief", found[1], "--numbers")
    run("debrief", found[1], "--items")
    run("progress")
    run("analyze", found[1], "--out", str(results))
    run("export", str(results), "--out", str(Path(work) / "export"))
    run("picture", "turns", found[1], "--out", str(Path(work) / "turns.png"))
    pages(found[1])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
