"""A server without a file left to open says so once, and goes on when pages are closed."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import pytest

from simvoice import machine
from simvoice.errors import NeedsError
from simvoice.web.open_files import check_file_limit, say_when_files_run_out
from tests.log_file import LogFile


def test_missing_files_are_said_once_a_minute(logged: LogFile) -> None:
    loop = asyncio.new_event_loop()
    at_s = [0.0]
    say_when_files_run_out(loop, lambda: at_s[0])
    full = {"message": "socket.accept() out of system resource"}
    for each_s in (0.0, 0.1, 59.0, 61.0, 62.0):
        at_s[0] = each_s
        loop.call_exception_handler(full | {"exception": OSError(errno.EMFILE, "Too many")})
    loop.close()
    text = logged.text()
    assert text.count(f"A page must wait: all {machine.file_limit()} files") == 2
    assert "(a message)" not in text


def test_other_faults_of_the_loop_keep_their_handler() -> None:
    loop = asyncio.new_event_loop()
    seen: list[Any] = []
    loop.set_exception_handler(lambda _, context: seen.append(context["message"]))
    say_when_files_run_out(loop)
    loop.call_exception_handler({"message": "other", "exception": OSError(errno.EPIPE, "x")})
    loop.close()
    assert seen == ["other"]


@pytest.mark.parametrize("limit", [20, 63])
def test_a_limit_below_what_the_pages_need_is_refused(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(machine, "file_limit", lambda: limit)
    with pytest.raises(NeedsError, match=rf"may open {limit} files .* need 64; .*ulimit -n 64"):
        check_file_limit()
    monkeypatch.setattr(machine, "file_limit", lambda: 64)
    check_file_limit()
