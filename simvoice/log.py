"""The log: what happened on this machine and when, without anyone's words.

Modules use `logging.getLogger(__name__)`. Messages hold identifiers, numbers and fixed text: no
words of a learner or a patient, no names, no paths, no keys. Of an exception the log holds the type
and the frames, and not the message, because messages often quote what a person typed or said.

Each process appends to one file in the data folder, which rotates. Logging never waits for the
disk: a thread of its own writes, so an encounter goes on when the disk is slow, full or gone.
"""

from __future__ import annotations

import logging
import os
import queue
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
from types import TracebackType
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

_ATTEMPT: ContextVar[str] = ContextVar("attempt", default="-")
_REQUEST: ContextVar[str] = ContextVar("request", default="-")

_WORDED = ("simvoice", "uvicorn")
"""Loggers whose messages hold no value that a person gave. Of other libraries only the unfilled
template of a message is kept."""

_VALUES_BEGIN = ":'\"“‘(["
"""Characters after which a sentence of simvoice may quote a value."""


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
    """Return the start of a sentence of simvoice, up to the first value that it quotes."""
    end = min((at for at in map(sentence.find, _VALUES_BEGIN) if at >= 0), default=len(sentence))
    return " ".join(sentence[:end].split())[:120]


def frames(error: BaseException) -> str:
    """Return an exception and its causes: types and frames without messages, several lines."""
    parts: list[str] = []
    current: BaseException | None = error
    while current is not None:
        kind = f"{type(current).__module__}.{type(current).__qualname__}"
        parts.append(kind.removeprefix("builtins."))
        parts += [
            f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(current.__traceback__)
        ]
        current = current.__cause__ or current.__context__
    return "\n".join(parts)


class _Line(logging.Formatter):
    """One line: time with zone, level, logger, process, attempt, request, message."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")
        ids = f"attempt={getattr(record, 'attempt', '-')} request={getattr(record, 'request', '-')}"
        text = record.getMessage().replace("\n", "\n  ")
        return f"{at} {record.levelname} {record.name} pid={record.process} {ids} {text}"


class _ToQueue(QueueHandler):
    """Puts records on the queue of the writing thread, with their ids and without values."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        worded = record.name.split(".")[0] in _WORDED
        text = record.getMessage() if worded else str(record.msg) if record.args else "(a message)"
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text.rstrip()}\n{frames(record.exc_info[1])}"
        record.msg, record.args = text, None
        record.exc_info = record.exc_text = record.stack_info = None
        record.attempt, record.request = _ATTEMPT.get(), _REQUEST.get()
        return record


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
        opener = lambda name, flags: os.open(name, flags, 0o600)  # noqa: E731
        return open(self.baseFilename, "a", encoding=self.encoding, opener=opener)

    def emit(self, record: logging.LogRecord) -> None:
        self._follow()
        super().emit(record)

    def _follow(self) -> None:
        """Open the file again when another process has rotated it."""
        if self.stream is None:
            return
        try:
            here, there = os.fstat(self.stream.fileno()), os.stat(self.baseFilename)
            is_same = (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
        except OSError:
            is_same = False
        if not is_same:
            self.stream.close()
            self.stream = None  # opened again by the next record

    def handleError(self, record: logging.LogRecord) -> None:
        if self._has_failed:
            return
        self._has_failed = True
        error = sys.exc_info()[1]
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        with suppress(OSError, ValueError):
            sys.stderr.write(f"The log cannot be written ({why}). simvoice goes on without it.\n")


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
        self._records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        written = _RotatingFile(path)
        written.setFormatter(_Line())
        self._file = written
        self._listener = QueueListener(self._records, written, _ErrorsOnTerminal(path))
        self._listener.respect_handler_level = True
        self._handler = _ToQueue(self._records)
        self._root = logging.getLogger()
        self._before = self._root.level
        self._root.addHandler(self._handler)
        self._root.setLevel(logging.WARNING)
        logging.getLogger("simvoice").setLevel(level.upper())
        self._thread_hook = threading.excepthook
        self._hook = sys.excepthook
        threading.excepthook = self._log_thread_error
        sys.excepthook = self._log_error
        self._listener.start()

    def stop(self) -> None:
        """Write what waits, and end."""
        if self._handler not in self._root.handlers:
            return
        threading.excepthook, sys.excepthook = self._thread_hook, self._hook
        self._root.removeHandler(self._handler)
        self._root.setLevel(self._before)
        logging.getLogger("simvoice").setLevel(logging.NOTSET)
        self._listener.stop()
        self._file.close()

    def _log_thread_error(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and args.exc_type is not SystemExit:
            name = args.thread.name if args.thread is not None else "unknown"
            found = (args.exc_type, args.exc_value, args.exc_traceback)
            _log.error("The thread %s ended with an error.", name, exc_info=found)

    def _log_error(
        self, kind: type[BaseException], error: BaseException, where: TracebackType | None
    ) -> None:
        if issubclass(kind, Exception):
            _log.error("The command ended with an error.", exc_info=(kind, error, where))
        self._hook(kind, error, where)


_log = logging.getLogger(__name__)
logging.getLogger("simvoice").addHandler(logging.NullHandler())
"""Without a log, as in a program that imports simvoice, nothing is printed."""
_running: Log | None = None


def start(level: Level = "info", path: Path | None = None) -> Log:
    """Start the log of this process, instead of one that runs. path: None for `file()`."""
    global _running
    if _running is not None:
        _running.stop()
    _running = Log(path or file(), level)
    return _running
