"""The folders and files that simvoice uses on this machine."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Literal

import platformdirs

from simvoice.errors import SettingError

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent

_LONGEST = Path("attempts", "x" * 130, "journal.jsonl.partial")
"""As long as the longest path below the data folder."""


def _in_checkout() -> bool:
    return (_CHECKOUT / "models" / "manifest.toml").is_file()


def home() -> Path:
    """The data folder: attempts, caches, own cases, what a hub has sent.

    `SIMVOICE_HOME` overrides the platform's usual place.
    """
    given = os.environ.get("SIMVOICE_HOME")
    found = Path(given) if given else platformdirs.user_data_path("simvoice", appauthor=False)
    return _checked(found, "the data folder", "SIMVOICE_HOME")


def _checked(folder: Path, what: str, variable: str) -> Path:
    """Return a folder. Raises SettingError when the system refuses the names of its files."""
    try:
        os.stat(folder / _LONGEST)
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            shown = str(folder)[:60]
            raise SettingError(
                f"{what} {shown!r}… has a name that this system refuses ({error.strerror}); set "
                f"{variable} to a shorter one"
            ) from error
    return folder


def attempts_dir() -> Path:
    """The folder of attempts; each has a folder of its own."""
    return home() / "attempts"


def cache_dir() -> Path:
    """The folder of files that can be rebuilt."""
    return home() / "cache"


def models_dir() -> Path:
    """Model weights: `SIMVOICE_MODELS`, else `models/` of the checkout, else under `home()`."""
    given = os.environ.get("SIMVOICE_MODELS")
    if given:
        return _checked(Path(given), "the models folder", "SIMVOICE_MODELS")
    return _CHECKOUT / "models" if _in_checkout() else home() / "models"


def manifest_file() -> Path:
    """The model manifest: the checkout's, or the one in the wheel."""
    if _in_checkout():
        return _CHECKOUT / "models" / "manifest.toml"
    return _PACKAGE / "_data" / "manifest.toml"


def scenarios_dir() -> Path:
    """The cases that come with simvoice: the checkout's, or those in the wheel."""
    if _in_checkout():
        return _CHECKOUT / "scenarios"
    return _PACKAGE / "_data" / "scenarios"


def own_cases_dir() -> Path:
    """The cases that users of this machine have written."""
    return home() / "cases"


def from_hub_dir() -> Path:
    """What the hub of a lab has sent to this machine: cases, rendered voices, a program."""
    return home() / "from-hub"


def pairing_dir() -> Path:
    """The pairing with the hub of a lab, and what is to be sent to it."""
    return home() / "paired"


def hub_cases_dir() -> Path:
    """The cases that the hub has sent."""
    return from_hub_dir() / "cases"


def hub_voices_dir() -> Path:
    """The rendered voices that the hub has sent."""
    return from_hub_dir() / "voices"


def case_dirs() -> tuple[Path, ...]:
    """The folders that are searched for cases; of two cases with one id the first counts.

    An author's own version comes before that of the hub, so that it can be tried; the hub's comes
    before the shipped one, so that all machines of a lab have the same.
    """
    return own_cases_dir(), hub_cases_dir(), scenarios_dir()


CaseOrigin = Literal["own", "educators", "hub", "shipped"]

OFFERED_MARK = ".workbench"
"""A file in the folder of a case that the workbench of this hub offers."""

ORIGIN_IN_WORDS: dict[CaseOrigin, str] = {
    "own": "written on this computer",
    "educators": "written by the educators of this hub",
    "hub": "sent by the lab's hub",
    "shipped": "part of simvoice",
}


def origin_of_case(file: Path) -> CaseOrigin:
    """Return where a case comes from, given its file in one of `case_dirs`."""
    if (file.parent / OFFERED_MARK).is_file():
        return "educators"
    origins: tuple[CaseOrigin, ...] = ("own", "hub", "shipped")
    named = zip(origins, case_dirs(), strict=True)
    return next((name for name, folder in named if folder in file.parents), "own")
