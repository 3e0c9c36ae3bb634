"""Show the names of files in messages and results, whatever bytes they contain."""

from __future__ import annotations

import os
from pathlib import Path


def shown_name(path: Path, *, whole: bool = False) -> str:
    r"""Return a file's name as valid Unicode; bytes that are not UTF-8 become `\xff`.

    whole: with its folders.
    """
    return os.fsencode(path if whole else path.name).decode("utf-8", errors="backslashreplace")


def is_unicode(path: Path) -> bool:
    """Return whether a path is valid Unicode. Results in UTF-8 can name no other file."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
