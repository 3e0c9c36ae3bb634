"""`simvoice serve` as a process: it answers, and Ctrl+C ends it in order whatever it is doing."""

from __future__ import annotations

import os
import re
import signal
import time
import urllib.error
import urllib.request
from json import load

import pytest

from tests.integration.conftest import Start, upto

pytestmark = [pytest.mark.engine, pytest.mark.realtime]


PATIENCE_S = 120.0
"""A loaded machine needs half a minute to load the engines."""


@pytest.mark.parametrize("progress", [0.0, 0.1, 0.4], ids=["begun", "loading", "voice"])
def test_ctrl_c_ends_it_in_order_while_a_patient_is_prepared(
    run_simvoice: Start, progress: float
) -> None:
    server = run_simvoice("serve", "--port", "0", env=dict(os.environ))
    address = re.search(r"(http://\S+/)\?key=\S+", upto(server, "simvoice is at"))
    assert address is not None
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(address[1])
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(address[0]) as page:
        assert page.status == 200
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with browser.open(address[1] + "api/ready") as answer:
            readiness = load(answer)
        if readiness["ready"] or readiness["progress"] >= progress:
            break
        assert time.monotonic() < deadline, f"{readiness} after {PATIENCE_S:.0f} s"
        time.sleep(0.1)
    server.send_signal(signal.SIGINT)
    _, errors = server.communicate(timeout=60)
    assert server.returncode in (0, 130)
    assert "terminate" not in errors
    assert "Traceback" not in errors
