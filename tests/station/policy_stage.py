"""Runs a Chromium under the policies of a station, in a mount namespace of its own.

The policies of a browser are in /etc, where a test must not write. So this is run by `unshare`:
what it mounts disappears with it. It prints what it saw, as JSON.

    python -m tests.station.policy_stage pages|names POLICY_FILE
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from simvoice.station.browser import KioskBrowser, private_folder
from simvoice.station.install_files import POLICY_FOLDERS

WAIT_S = 60.0
CHROMIUM = "/usr/bin/chromium"
FAKE_DEVICES = "--use-fake-device-for-media-stream"

PAGE = b"""<!doctype html><title>station</title><script>
const devices = navigator.mediaDevices;
const ask = (wanted) => devices.getUserMedia(wanted).then(() => "given", (e) => e.name);
const frame = (address) => new Promise((done) => {
  const made = document.createElement("iframe");
  made.onload = () => done("loaded something");
  made.src = address;
  document.body.append(made);
});
addEventListener("load", async () => {
  const seen = {microphone: await ask({audio: true}), camera: await ask({video: true})};
  await frame(OTHER + "frame");
  await fetch("/seen", {method: "POST", body: JSON.stringify(seen)});
  location.href = OTHER + "page";
});
</script><body></body>"""


class Site(ThreadingHTTPServer):
    """A server that notes which paths were asked, and what was posted to it."""

    def __init__(self, port: int, page: bytes) -> None:
        self.page = page
        self.asked: list[str] = []
        self.posted: dict[str, Any] = {}
        self.was_posted = threading.Event()
        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.page)

    def do_POST(self) -> None:
        size = int(self.headers["content-length"])
        self.server.posted = json.loads(self.rfile.read(size))
        self.send_response(204)
        self.end_headers()
        self.server.was_posted.set()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def put_policy(policy: dict[str, Any]) -> None:
    """Let this namespace's Chromium find a policy, and give it a runtime folder."""
    for place in ("/etc/chromium", "/run/user"):
        Path(place).mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
    folder = Path(POLICY_FOLDERS[0])
    folder.mkdir(parents=True)
    (folder / "simvoice-station.json").write_text(json.dumps(policy), encoding="utf-8")


def pages(policy: dict[str, Any], runtime: str, port: int) -> dict[str, Any]:
    """Start the station's own browser, and tell what a page of the station could do in it."""
    other = Site(0, b"<title>other</title>")
    place = f"http://127.0.0.1:{other.server_port}/"
    station = Site(port, PAGE.replace(b"OTHER", json.dumps(place).encode()))
    Path(runtime).mkdir(parents=True)
    os.environ["XDG_RUNTIME_DIR"] = runtime
    command = [CHROMIUM, "--headless=new", "--no-sandbox", FAKE_DEVICES]
    browser = KioskBrowser(command, private_folder(Path(runtime, "data")))
    browser.renew(f"http://127.0.0.1:{port}/")
    try:
        arrived = station.was_posted.wait(WAIT_S)
        time.sleep(1.0 if arrived else 0.0)  # the last thing the page does is to leave for another
        return {"arrived": arrived, **station.posted, "asked of others": other.asked}
    finally:
        browser.close()


def names(policy: dict[str, Any]) -> dict[str, Any]:
    """Return what chrome://policy says of each policy: "OK", or what is wrong."""
    rows = """() => {
      const found = {};
      const walk = (root) => root.querySelectorAll("*").forEach((each) => {
        if (!each.shadowRoot) return;
        walk(each.shadowRoot);
        const row = each.shadowRoot.querySelector(".policy.row");
        if (row) found[row.querySelector(".name").innerText.trim()] = row.innerText;
      });
      walk(document);
      return found;
    }"""
    with sync_playwright() as player, tempfile.TemporaryDirectory() as profile:
        context = player.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, headless=True, args=["--no-sandbox"]
        )
        page = context.pages[0]
        page.goto("chrome://policy")
        page.wait_for_function(f"Object.keys(({rows})()).length > 20")
        shown = page.evaluate(rows)
        context.close()
    return {name: shown.get(name, "unknown").split("\n")[-1].strip() for name in policy}


def main() -> None:
    """Do what the command line says."""
    mode, file = sys.argv[1:]
    policy = json.loads(Path(file).read_text(encoding="utf-8"))
    if mode == "names":
        # a page of settings, and the tools of a test, need an exception
        policy["URLAllowlist"].append("chrome://policy")
        policy["DeveloperToolsAvailability"] = 1
    put_policy(policy)
    if mode == "names":
        seen = names(policy)
    else:
        origin, entrance = policy["URLAllowlist"]
        seen = pages(policy, entrance.removeprefix("file://"), int(origin.rpartition(":")[2]))
    sys.stdout.write(f"{json.dumps(seen)}\n")


if __name__ == "__main__":
    main()
