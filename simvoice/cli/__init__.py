"""The command line: arguments, printing and exit codes. It makes no other decisions."""

from __future__ import annotations

import errno
import io
import logging
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from typer.exceptions import TyperException

from simvoice import __version__, log
from simvoice.cli import attempts, bench, cases, hub, models, rate, station
from simvoice.cli.analyze import analyze
from simvoice.cli.calibrate import calibrate
from simvoice.cli.common import notes
from simvoice.cli.debrief import debrief, progress
from simvoice.cli.doctor import doctor
from simvoice.cli.encounters import demo, talk
from simvoice.cli.export import export, picture
from simvoice.cli.rate import agree
from simvoice.cli.retain import retain
from simvoice.cli.serve import serve
from simvoice.errors import SimvoiceError, UsageError
from simvoice.machine import raise_file_limit
from simvoice.safe_text import for_terminal, shortened

app = typer.Typer(
    name="simvoice",
    help="Talk with a simulated patient on this machine, and see how you listened.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.command()(serve)
app.command()(talk)
app.command()(demo)
app.command()(debrief)
app.command()(progress)
app.command()(analyze)
app.command()(export)
app.command()(picture)
app.command()(agree)
app.add_typer(hub.app, name="hub")
app.add_typer(station.app, name="station")
app.command()(retain)
app.add_typer(rate.app, name="rate")
app.add_typer(attempts.app, name="attempts")
app.add_typer(cases.app, name="cases")
app.add_typer(models.app, name="models")
app.command()(calibrate)
app.command()(doctor)
app.add_typer(bench.app, name="bench")


_log = logging.getLogger(__name__)
_LEVEL = "--log-level"


def _version(requested: bool) -> None:
    if requested:
        typer.echo(f"simvoice {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
    log_level: Annotated[
        log.Level,
        typer.Option(
            envvar="SIMVOICE_LOG_LEVEL",
            help="How much the log in the data folder holds. It never holds words or names.",
        ),
    ] = "info",
) -> None:
    """Accept the options that come before a command, and start the log."""
    context.with_resource(_logged(str(context.invoked_subcommand), log_level))


@contextmanager
def _logged(command: str, level: log.Level) -> Iterator[None]:
    """Log the start of a command and how it ends. Values of arguments may name a person."""
    raise_file_limit()
    running = log.start(level)
    began_s = time.monotonic()
    python, system = platform.python_version(), f"{platform.system()}/{platform.machine()}"
    known = (command, __version__, python, system)
    _log.info("command=%s simvoice=%s python=%s system=%s", *known)
    ended = "done"
    try:
        yield
    except SimvoiceError as error:
        ended = "refused"
        _log.warning("refused %s", log.place(error))
        raise
    except typer.Exit as end:
        ended = f"exit-{end.exit_code}"
        raise
    except SystemExit as end:
        ended = f"exit-{end.code}" if isinstance(end.code, int) else "exit"
        raise
    except (TyperException, typer.Abort, KeyboardInterrupt) as error:
        ended = type(error).__name__
        raise
    except Exception:  # Python prints it as always; the log keeps where it was raised
        ended = "error"
        _log.exception("The command ended with an error.")
        raise
    finally:
        _log.info("ended=%s command=%s seconds=%.1f", ended, command, time.monotonic() - began_s)
        running.stop()


def _level_first(arguments: list[str]) -> list[str]:
    """Move `--log-level`, which may stand behind a command, to the front."""
    for at, word in enumerate(arguments):
        if word == "--":
            break
        if word == _LEVEL or word.startswith(f"{_LEVEL}="):
            end = at + (1 if "=" in word else 2)
            return [*arguments[at:end], *arguments[:at], *arguments[end:]]
    return arguments


_REFUSED_NAMES = frozenset({errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM})
"""What a system answers to a name of a file that it will not use, whatever the command."""


def main() -> None:
    """Run a command. Print a SimvoiceError as one sentence and use its exit code."""
    try:
        code = app(_level_first(sys.argv[1:]), standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except SimvoiceError as error:
        notes.print(str(error))
        sys.exit(error.exit_code)
    except TyperException as error:  # a wrong option or argument, which it may quote
        shown = io.StringIO()
        error.show(file=shown)  # type: ignore[attr-defined]  # all that commands raise have it
        sys.stderr.write(for_terminal(shown.getvalue()))
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in _REFUSED_NAMES or error.filename is None:
            raise
        notes.print(f"{shortened(str(error.filename))!r} cannot be used here ({error.strerror})")
        sys.exit(UsageError.exit_code)
    except typer.Abort:
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
