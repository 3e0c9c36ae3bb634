"""Drive Firefox ESR by WebDriver BiDi, which it speaks without another program.

Only what the tests need of https://w3c.github.io/webdriver-bidi/.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import connect

PREFERENCES: Mapping[str, object] = {
    "media.navigator.permission.disabled": True,  # nobody is there to allow the microphone
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.auto": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.backup.enabled": False,
}
START_S = 60.0
"""The first start makes a profile; on two busy cores it takes 10 s."""
WAIT_S = 60.0
KEYS = {"Enter": "\ue006", "Escape": "\ue00c", "Tab": "\ue004"}


def missing_program() -> bool:
    return shutil.which("firefox-esr") is None


class Firefox:
    """A headless Firefox with one tab. Use it in a `with` statement."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        """folder: where its profile is made. env: the environment, which names the sound server."""
        self._folder = folder
        self._env = {**env, "HOME": str(folder)}
        self._sent = 0
        self.errors: list[str] = []
        """Errors and warnings of the console, and uncaught exceptions."""
        self.requests: list[str] = []
        """Addresses that its tabs asked a server for."""

    def __enter__(self) -> Self:
        lines = [f'user_pref("{k}", {json.dumps(v)});' for k, v in PREFERENCES.items()]
        (self._folder / "user.js").write_text("\n".join(lines), encoding="utf-8")
        log = self._folder / "firefox.log"
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(
                [
                    *("firefox-esr", "--headless", "--no-remote"),
                    *("--profile", str(self._folder)),
                    *("--remote-debugging-port", "0"),
                ],
                env=self._env,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        try:
            self._socket = connect(self._address(log) + "/session", max_size=None, proxy=None)
            self._socket.__enter__()
            self._command("session.new", capabilities={})
            events = ["log.entryAdded", "network.beforeRequestSent"]
            self._command("session.subscribe", events=events)
            # A new tab: the one of the start has no focus, so keys would press no button.
            self._tab = self._command("browsingContext.create", type="tab")["context"]
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._command("browser.close")
            self._process.wait(WAIT_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._socket.__exit__(kind, error, trace)

    def _address(self, log: Path) -> str:
        end = time.monotonic() + START_S
        while time.monotonic() < end and self._process.poll() is None:
            for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
                if "WebDriver BiDi listening on " in line:
                    return line.partition(" on ")[2].strip()
            time.sleep(0.05)
        raise AssertionError(f"Firefox did not start: {log.read_text(errors='replace')[-2000:]}")

    def _command(self, method: str, **params: Any) -> dict[str, Any]:
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=START_S))
            if message.get("id") == self._sent:
                assert message["type"] == "success", message
                found: dict[str, Any] = message["result"]
                return found
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        params = message["params"]
        if message["method"] == "network.beforeRequestSent":
            url = params["request"]["url"]
            if url.startswith(("http", "ws")):  # not about: and what the browser is made of
                self.requests.append(url)
        elif params["level"] in ("error", "warn"):
            self.errors.append(str(params["text"]))

    def before_every_page(self, script: str) -> None:
        """Run a function's text in each new document, before its own scripts."""
        self._command("script.addPreloadScript", functionDeclaration=script)

    def set_cookie(self, domain: str, name: str, value: str) -> None:
        """Give the browser a cookie of a host."""
        cookie = {"domain": domain, "name": name, "value": {"type": "string", "value": value}}
        self._command("storage.setCookie", cookie={**cookie, "path": "/", "httpOnly": True})

    def resize(self, width: int, height: int) -> None:
        """Make the window's content this large, in pixels."""
        viewport = {"width": width, "height": height}
        self._command("browsingContext.setViewport", context=self._tab, viewport=viewport)

    def screenshot(self) -> bytes:
        """Return a picture of what is shown, as PNG."""
        taken = self._command("browsingContext.captureScreenshot", context=self._tab)
        return base64.b64decode(taken["data"])

    def goto(self, url: str) -> None:
        """Open an address; return when the page has loaded."""
        self._command("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """Return the JSON value of an expression, which must not be a promise.

        Awaiting one would hang for ever when the page is left meanwhile.
        """
        done = self._command(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self._tab},
            awaitPromise=False,
        )
        assert done["type"] == "success", done
        return json.loads(done["result"]["value"]) if "value" in done["result"] else None

    def until(self, condition: str, timeout_s: float = WAIT_S) -> None:
        """Wait for a condition of the page; it may open another page meanwhile."""
        end = time.monotonic() + timeout_s
        while not self.evaluate(f"Boolean({condition})"):
            if time.monotonic() > end:
                shown = self.evaluate("document.body.innerText")
                raise AssertionError(f"not within {timeout_s:g} s: {condition}\n{shown}")
            time.sleep(0.05)

    def wait_for(self, selector: str) -> None:
        """Wait until an element is shown."""
        self.until(f"document.querySelector({json.dumps(selector)})?.checkVisibility()")

    def text(self, selector: str) -> str:
        """Return the text of an element as it is shown."""
        found: str = self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")
        return found

    def click(self, selector: str) -> None:
        """Click on the middle of an element, as a user does."""
        self.wait_for(selector)
        element = f"document.querySelector({json.dumps(selector)})"
        x, y = self.evaluate(
            f"""(() => {{
                {element}.scrollIntoView({{ block: "center", behavior: "instant" }});
                const box = {element}.getBoundingClientRect();
                return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];
            }})()"""
        )
        move = {"type": "pointerMove", "x": x, "y": y}
        press = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        self._act("pointer", [move, *press])

    def press(self, key: str) -> None:
        """Press a key: a character, or a name of `KEYS`."""
        value = KEYS.get(key, key)
        self._act("key", [{"type": kind, "value": value} for kind in ("keyDown", "keyUp")])

    def _act(self, kind: str, actions: list[dict[str, Any]]) -> None:
        source = {"type": kind, "id": kind, "actions": actions}
        self._command("input.performActions", context=self._tab, actions=[source])
