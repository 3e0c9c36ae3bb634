"""The seal key of a hub: made once, never in silence again."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from simvoice.errors import StorageRefused
from simvoice.hub.hub import Hub
from simvoice.hub.seal_key import FILE, renew_seal_key
from simvoice.release.age import recipient_of


def test_the_first_use_makes_a_key_that_only_its_owner_can_read(hub: Hub) -> None:
    made = hub.seal_key
    file = hub.settings.data / FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert made.recipient.startswith("age1")
    assert hub.seal_key.recipient == made.recipient
    assert [path.name for path in hub.settings.data.glob(FILE + "*")] == [FILE]


def test_hubs_that_start_together_have_one_key(hub: Hub) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(hub.seal_key.recipient)) for _ in range(6)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert len(found) == 6
    assert len(set(found)) == 1


def test_a_key_that_is_lost_is_not_replaced_in_silence(hub: Hub, tmp_path: Path) -> None:
    made = hub.seal_key
    file = hub.settings.data / FILE
    kept = file.rename(tmp_path / "kept")
    with pytest.raises(StorageRefused, match=r"is missing.*restore it from a backup"):
        _ = hub.seal_key
    assert not file.exists()
    kept.rename(file)
    assert hub.seal_key.recipient == made.recipient
    file.unlink()
    assert renew_seal_key(hub.settings.data, hub.database).recipient != made.recipient
    assert len(hub.seal_key.identities) == 1


def test_a_new_key_keeps_the_older_one_for_what_was_sealed_before(hub: Hub) -> None:
    before = hub.seal_key
    after = renew_seal_key(hub.settings.data, hub.database)
    assert hub.seal_key.recipient == after.recipient != before.recipient
    assert [recipient_of(each) for each in after.identities] == [after.recipient, before.recipient]
    assert (hub.settings.data / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["", "no key", "open to all"])
def test_a_file_that_is_damaged_or_open_to_all_is_refused(hub: Hub, damage: str) -> None:
    _ = hub.seal_key
    file = hub.settings.data / FILE
    if damage == "open to all":
        file.chmod(0o644)
    else:
        file.write_text(damage)
    with pytest.raises(StorageRefused, match=FILE):
        _ = hub.seal_key
