"""The log: what happened on this machine and when, without anyone's words.

Modules use `logging.getLogger(__name__)`. Messages hold identifiers, numbers and fixed text: no
words of a learner or a patient, no names, no paths, no keys. Of an exception the log holds the type
and the frames, and not the message, because messages often quote what a person typed or said.

Each process appends to one file in the data folder, which rotates. Logging never waits for the
disk: a thread of its own writes, so an encounter goes on when the disk is slow, full or gone. Lines
that the disk does not take in time are counted, and the count is logged.
"""

from __future__ import annotations

import copy
import errno
import fcntl
import logging
import os
import queue
import re
import secrets
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from typing import Literal, get_args

from simvoice import paths
from simvoice.safe_text import for_terminal

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = get_args(Level)

FILE = "simvoice.log"
FILE_BYTES = 1_000_000
"""The size at which a file rotates: some weeks of a busy station."""
OLD_FILES = 5
"""Number of older files that are kept."""
_MOST_WAITING = 10_000
"""Lines that may wait for the disk: hours of a busy station, and a few megabytes of memory."""

_ATTEMPT: ContextVar[str] = ContextVar("attempt", default="-")
_REQUEST: ContextVar[str] = ContextVar("request", default="-")

_WORDED = ("simvoice", "uvicorn")
"""Loggers whose messages hold no value that a person gave. Of other libraries only the unfilled
template of a message is kept."""

_VALUE_BEGINS = re.compile(r"[:\"“‘(\[]|(?<!\w)'")
"""Where a sentence of simvoice may begin to quote a value. An apostrophe inside a word does not."""

_HOST = re.compile(r"\b(server at) [^\s,;]+")
"""A server in a sentence of simvoice; its host may be named after a person."""


def folder() -> Path:
    """Return the folder of the log files."""
    return paths.home() / "log"


def file() -> Path:
    """Return the log file that is written now."""
    return folder() / FILE


def count_warnings(path: Path, days: float = 7.0) -> int:
    """Return the number of warnings and errors of the last days in a log file and its older ones.

    Files that are missing or cannot be read count nothing.
    """
    since_s = time.time() - days * 86_400.0
    found = 0
    for each in (path, *(path.with_name(f"{path.name}.{n}") for n in range(1, OLD_FILES + 1))):
        try:
            lines = each.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        found += sum(_is_warning_since(line, since_s) for line in lines)
    return found


def _is_warning_since(line: str, since_s: float) -> bool:
    at, _, rest = line.partition(" ")
    if not rest.startswith(("WARNING ", "ERROR ", "CRITICAL ")):
        return False
    try:
        return datetime.fromisoformat(at).timestamp() >= since_s
    except ValueError:
        return False


# -- what a line holds ----------------------------------------------------------------------------


@contextmanager
def of_attempt(attempt: str) -> Iterator[None]:
    """Mark all lines of this thread, until the end of the block, with an attempt's id."""
    token = _ATTEMPT.set(attempt)
    try:
        yield
    finally:
        _ATTEMPT.reset(token)


@contextmanager
def of_request() -> Iterator[str]:
    """Mark all lines of this context with a new id of a request, and give the id."""
    request = secrets.token_hex(4)
    token = _REQUEST.set(request)
    try:
        yield request
    finally:
        _REQUEST.reset(token)


def request_id() -> str:
    """Return the id of the request that is being answered; "-" outside of one."""
    return _REQUEST.get()


def without_values(sentence: str) -> str:
    """Return the start of a sentence of simvoice, up to the first value that it quotes.

    A server's host is replaced by an ellipsis. The result has at most 120 characters.
    """
    hostless = _HOST.sub(r"\1 …", sentence)
    begins = _VALUE_BEGINS.search(hostless)
    return " ".join(hostless[: begins.start() if begins else None].split())[:120]


def place(error: BaseException) -> str:
    """Return type and place of an exception, such as "DeviceMissing at streams.py:88 in open"."""
    where = traceback.extract_tb(error.__traceback__)
    return f"{_kind(error)} at {_frame(where[-1])}" if where else _kind(error)


def frames(error: BaseException) -> str:
    """Return an exception and its causes: types and frames without messages, several lines."""
    return "\n".join(_frames(error, set()))


def _frames(error: BaseException, told: set[int]) -> list[str]:
    if id(error) in told:
        return []
    told.add(id(error))
    lines = [_kind(error)]
    lines += [f"  {_frame(frame)}" for frame in traceback.extract_tb(error.__traceback__)]
    causes = list(error.exceptions) if isinstance(error, BaseExceptionGroup) else []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        causes.append(cause)
    return lines + [line for each in causes for line in _frames(each, told)]


def _kind(error: BaseException) -> str:
    """The type of an error, and of a system's error also its name, such as ENOSPC."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    name = errno.errorcode.get(error.errno or 0) if isinstance(error, OSError) else None
    return f"{kind} {name}" if name else kind


def _frame(frame: traceback.FrameSummary) -> str:
    return f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"


class _Line(logging.Formatter):
    """One line: time with zone, level, logger, process, attempt, request, message."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")
        ids = f"attempt={getattr(record, 'attempt', '-')} request={getattr(record, 'request', '-')}"
        text = record.getMessage().replace("\n", "\n  ")
        return f"{at} {record.levelname} {record.name} pid={record.process} {ids} {text}"


class _ToQueue(QueueHandler):
    """Puts records on the queue of the writing thread, with their ids and without values."""

    def __init__(self, records: queue.Queue[logging.LogRecord]) -> None:
        super().__init__(records)
        self._records = records
        self._lost = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        worded = record.name.split(".")[0] in _WORDED
        text = record.getMessage() if worded else str(record.msg) if record.args else "(a message)"
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text.rstrip()}\n{frames(record.exc_info[1])}"
        plain = copy.copy(record)  # other handlers get the record as it is
        plain.msg, plain.args = text, None
        plain.exc_info = plain.exc_text = plain.stack_info = None
        plain.attempt, plain.request = _ATTEMPT.get(), _REQUEST.get()
        return plain

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self._tell_loss(wait=False)
            self._records.put_nowait(record)
        except queue.Full:  # `emit` holds a lock, so the count is right
            self._lost += 1

    def finish(self) -> None:
        """Log how many lines were lost at the end. Waits for the disk."""
        self._tell_loss(wait=True)

    def _tell_loss(self, *, wait: bool) -> None:
        if self._lost:
            self._records.put(_loss(self._lost), block=wait)
            self._lost = 0


def _loss(lines: int) -> logging.LogRecord:
    what = f"The disk was too slow for {lines} lines, which are missing here."
    return logging.LogRecord(__name__, logging.WARNING, "", 0, what, None, None)


# -- the file -------------------------------------------------------------------------------------


class _RotatingFile(RotatingFileHandler):
    """A rotating file that several processes append to. It says once that it cannot be written."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path, maxBytes=FILE_BYTES, backupCount=OLD_FILES, encoding="utf-8", delay=True
        )
        self._has_failed = False

    def _open(self):  # type: ignore[no-untyped-def]  # the type of a text file has no public name
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return open(self.baseFilename, "a", encoding=self.encoding, opener=_open_private)

    def emit(self, record: logging.LogRecord) -> None:
        if not self._is_current():
            self._leave()
        super().emit(record)

    def doRollover(self) -> None:
        """Rotate, unless another process has just done so."""
        assert self.stream is not None
        held = os.dup(self.stream.fileno())
        try:
            with suppress(OSError):  # a disk without locks: at worst one old file goes too early
                fcntl.flock(held, fcntl.LOCK_EX)
            if self._is_current():
                super().doRollover()
            else:
                self._leave()
        finally:
            os.close(held)

    def _is_current(self) -> bool:
        """Return False when another process has rotated the file that is open here."""
        if self.stream is None:
            return True
        try:
            return os.path.samestat(os.fstat(self.stream.fileno()), os.stat(self.baseFilename))
        except OSError:
            return False

    def _leave(self) -> None:
        """Close the file. The next line opens the file that has the name then."""
        stream, self.stream = self.stream, None
        with suppress(OSError):  # closing writes what a full disk has not taken
            if stream is not None:
                stream.close()

    def close(self) -> None:
        with suppress(OSError):
            super().close()

    def handleError(self, record: logging.LogRecord) -> None:
        if self._has_failed:
            return
        self._has_failed = True
        error = sys.exc_info()[1]
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        with suppress(OSError, ValueError):
            sys.stderr.write(f"The log cannot be written ({why}). simvoice goes on without it.\n")


def _open_private(name: str, flags: int) -> int:
    """Open a file that only this account can read."""
    return os.open(name, flags, 0o600)


class _Writer(QueueListener):
    """The thread that writes. It ends after the lines that wait, also when the queue is full."""

    queue: queue.Queue[logging.LogRecord | None]

    def enqueue_sentinel(self) -> None:
        self.queue.put(None)


class _ErrorsOnTerminal(logging.Handler):
    """Says on the terminal that an error was logged, and where."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.ERROR)
        self._path = path

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):
            said = for_terminal(record.getMessage().partition("\n")[0])
            sys.stderr.write(f"{said} (details in {self._path})\n")


class Log:
    """The log of one process, from `start` to `stop`."""

    def __init__(self, path: Path, level: Level) -> None:
        """Begin to write. path: the file; its folder is made with the first line."""
        records: queue.Queue[logging.LogRecord] = queue.Queue(_MOST_WAITING)
        self._file = _RotatingFile(path)
        self._file.setFormatter(_Line())
        self._writer = _Writer(
            records, self._file, _ErrorsOnTerminal(path), respect_handler_level=True
        )
        self._handler = _ToQueue(records)
        self._root = logging.getLogger()
        self._before = self._root.level
        self._root.addHandler(self._handler)
        self._root.setLevel(logging.WARNING)
        logging.getLogger("simvoice").setLevel(level.upper())
        self._hook = threading.excepthook
        threading.excepthook = self._log_thread_error
        self._writer.start()

    def stop(self) -> None:
        """Write what waits, and end."""
        if self._handler not in self._root.handlers:
            return
        threading.excepthook = self._hook
        self._root.removeHandler(self._handler)
        self._root.setLevel(self._before)
        logging.getLogger("simvoice").setLevel(logging.NOTSET)
        self._handler.finish()
        self._writer.stop()
        self._file.close()

    def _log_thread_error(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and args.exc_type is not SystemExit:
            name = args.thread.name if args.thread is not None else "unknown"
            found = (args.exc_type, args.exc_value, args.exc_traceback)
            _log.error("The thread %s ended with an error.", name, exc_info=found)


_log = logging.getLogger(__name__)
_running: Log | None = None


def start(level: Level = "info", path: Path | None = None) -> Log:
    """Start the log of this process, instead of one that runs. path: None for `file()`."""
    global _running
    if _running is not None:
        _running.stop()
    _running = Log(path or file(), level)
    return _running
