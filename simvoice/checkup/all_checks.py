"""Run all checks of `simvoice doctor`, from the machine to the speed of the engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from simvoice import log, paths
from simvoice.checkup.checks import (
    Check,
    check_cores,
    check_disk,
    check_libraries,
    check_log,
    check_models,
    check_python,
)
from simvoice.checkup.memory import check_memory
from simvoice.checkup.server import check_server
from simvoice.checkup.sound import check_devices_only, check_sound
from simvoice.checkup.speed import SpeedCheck
from simvoice.engines.llm.server import Server
from simvoice.models import manifest


def check_all(
    *,
    profile: str = manifest.DEFAULT_PROFILE,
    sound: bool = True,
    quick: bool = False,
    tell: Callable[[str], None] = lambda _: None,
    server: Server | None = None,
) -> Iterator[Check]:
    """Yield each check when it is done. Checks that need something missing are omitted.

    sound: check the sound card. quick: open no device and load no engine. tell: see `check_sound`.
    server: the language model's server, when one is used. Raises SettingError for an unknown
    profile.
    """
    manifest.profile(profile)
    yield check_python()
    yield check_libraries()
    yield check_disk(paths.attempts_dir())
    yield check_log(log.file())
    yield from check_models(profile)
    yield check_cores()
    yield check_memory(manifest.profile(profile).values())
    if server is not None:
        yield check_server(server, quick=quick)
    if sound:
        yield from check_devices_only() if quick else check_sound(tell)
    if not quick:
        tell("Testing the engines.")
        yield from SpeedCheck(profile).run()
