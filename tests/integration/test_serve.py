"""`simvoice serve` as a process: it answers, and Ctrl+C ends it in order whatever it is doing."""

from __future__ import annotations

import os
import re
import signal
import time
import urllib.request

import pytest

from tests.integration.conftest import Start, upto

pytestmark = [pytest.mark.engine, pytest.mark.realtime]


@pytest.mark.parametrize("after_s", [0.0, 2.0, 6.0])
def test_ctrl_c_ends_it_in_order_while_a_patient_is_prepared(
    run_simvoice: Start, after_s: float
) -> None:
    env = dict(os.environ)
    server = run_simvoice("serve", "--port", "0", env=env)
    address = re.search(r"http://\S+", upto(server, "simvoice is at"))
    assert address is not None
    with urllib.request.urlopen(address.group()) as page:
        assert page.status == 200
    time.sleep(after_s)  # into loading, rehearsing, speaking
    server.send_signal(signal.SIGINT)
    _, errors = server.communicate(timeout=60)
    assert server.returncode in (0, 130)
    assert "terminate" not in errors
    assert "Traceback" not in errors
