"""Which hub a command of the terminal reads or administers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from simvoice.cli.common import notes

if TYPE_CHECKING:
    from simvoice.hub.hub import Hub
    from simvoice.hub.settings import HubSettings


def settings_at(data: Path | None) -> HubSettings:
    """Return the settings of the hub in a data folder; None for the usual one."""
    # imported here: it loads the database's library, and other commands do not need it
    from simvoice.hub.settings import default_data, load_settings

    return load_settings(data or default_data())


def open_hub_at(data: Path | None) -> Hub:
    """Open the hub in a data folder. None for the usual one, which is then named.

    Raises SettingError for a folder without a hub: only `simvoice hub` makes one.
    """
    from simvoice.hub.hub import open_existing_hub

    opened = open_existing_hub(settings_at(data))
    if data is None:
        notes.print(f"The hub in {opened.settings.data}:", markup=False, soft_wrap=True)
    return opened
