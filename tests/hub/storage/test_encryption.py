"""Encryption at rest: keys, their change, and what cannot be read."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from simvoice.errors import RecordingLost, SettingError, StorageFull, StorageRefused
from simvoice.hub.storage.encryption import Encryption, EncryptionSettings
from simvoice.release.age import make_key

SOUND = random.Random(1).randbytes(300_000)


class Keys:
    """Secret keys in files of a folder, and a recording."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plain = folder / "audio.flac"
        self.plain.write_bytes(SOUND)

    def file(self, name: str) -> Path:
        return self.folder / name

    def encryption(self, name: str, *recipients: str) -> Encryption:
        return Encryption(EncryptionSettings(recipients=recipients, identities=self.file(name)))


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


def test_without_recipients_nothing_is_encrypted() -> None:
    assert not Encryption(EncryptionSettings()).is_on


def test_what_is_encrypted_can_be_read_with_the_key(keys: Keys) -> None:
    encryption = keys.encryption("key", make_key(keys.file("key")))
    assert encryption.is_on
    encryption.encrypt(keys.plain, keys.file("stored"))
    stored = keys.file("stored").read_bytes()
    assert stored.startswith(b"age-encryption.org/v1")
    assert all(SOUND[at : at + 16] not in stored for at in range(0, len(SOUND), 997))
    encryption.decrypt(keys.file("stored"), keys.file("back"))
    assert keys.file("back").read_bytes() == SOUND
    modes = {keys.file(name).stat().st_mode & 0o777 for name in ("key", "stored", "back")}
    assert modes == {0o600}


def test_after_a_change_of_keys_old_recordings_can_be_read_and_new_ones_need_the_new(
    keys: Keys,
) -> None:
    old, new = make_key(keys.file("old")), make_key(keys.file("new"))
    keys.encryption("old", old).encrypt(keys.plain, keys.file("stored before"))
    both = keys.file("both")
    both.write_text(keys.file("new").read_text() + keys.file("old").read_text())
    both.chmod(0o600)
    changed = keys.encryption("both", new)
    changed.decrypt(keys.file("stored before"), keys.file("back"))
    assert keys.file("back").read_bytes() == SOUND
    changed.encrypt(keys.plain, keys.file("stored after"))
    with pytest.raises(RecordingLost, match="none of this hub's keys fits"):
        keys.encryption("old", old).decrypt(keys.file("stored after"), keys.file("not"))
    assert not keys.file("not").exists()


def test_a_second_recipient_can_read_when_the_first_key_is_lost(keys: Keys) -> None:
    hub, safe = make_key(keys.file("hub")), make_key(keys.file("safe"))
    keys.encryption("hub", hub, safe).encrypt(keys.plain, keys.file("stored"))
    keys.encryption("safe", safe).decrypt(keys.file("stored"), keys.file("back"))
    assert keys.file("back").read_bytes() == SOUND


@pytest.mark.parametrize("damage", ["flipped", "cut", "cut at the end", "empty", "other"])
def test_an_altered_recording_is_refused_in_a_sentence(keys: Keys, damage: str) -> None:
    encryption = keys.encryption("key", make_key(keys.file("key")))
    encryption.encrypt(keys.plain, keys.file("stored"))
    whole = keys.file("stored").read_bytes()
    altered = {
        "flipped": whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:],
        "cut": whole[:100_000],
        "cut at the end": whole[:-1],
        "empty": b"",
        "other": SOUND,
    }
    keys.file("stored").write_bytes(altered[damage])
    with pytest.raises(RecordingLost, match="it was altered; restore it"):
        encryption.decrypt(keys.file("stored"), keys.file("back"))
    assert not keys.file("back").exists()


def test_without_a_key_an_encrypted_recording_says_what_is_needed(keys: Keys) -> None:
    keys.encryption("key", make_key(keys.file("key"))).encrypt(keys.plain, keys.file("stored"))
    with pytest.raises(RecordingLost, match="has no key; name the file"):
        Encryption(EncryptionSettings()).decrypt(keys.file("stored"), keys.file("back"))


@pytest.mark.slow
def test_a_full_disk_gets_a_sentence(keys: Keys, small_disk: Path) -> None:
    encryption = keys.encryption("key", make_key(keys.file("key")))
    keys.plain.write_bytes(bytes(3_000_000))
    with pytest.raises(StorageFull):
        encryption.encrypt(keys.plain, small_disk / "stored")
    (small_disk / "stored").unlink()
    encryption.encrypt(keys.plain, keys.file("stored"))
    with pytest.raises(StorageFull):
        encryption.decrypt(keys.file("stored"), small_disk / "back")


# -- settings


def test_recipients_without_a_file_of_keys_are_refused(keys: Keys) -> None:
    public = make_key(keys.file("key"))
    with pytest.raises(SettingError, match="simvoice hub key FILE"):
        Encryption(EncryptionSettings(recipients=(public,)))


def test_a_file_whose_keys_do_not_fit_is_refused(keys: Keys) -> None:
    make_key(keys.file("key"))
    with pytest.raises(SettingError, match=r"none of the keys .* can read"):
        keys.encryption("key", make_key(keys.file("other")))


def test_a_secret_key_among_the_recipients_is_refused_and_not_shown(keys: Keys) -> None:
    make_key(keys.file("key"))
    secret = keys.file("key").read_text().splitlines()[1]
    with pytest.raises(SettingError, match="make a new key") as caught:
        keys.encryption("key", secret)
    assert secret[20:30] not in str(caught.value)


@pytest.mark.parametrize("text", ["", "age1", "ssh-ed25519 AAAA", "age1" + "q" * 58, "\x00"])
def test_what_is_no_public_key_is_refused(keys: Keys, text: str) -> None:
    make_key(keys.file("key"))
    with pytest.raises(SettingError, match="not the public key"):
        keys.encryption("key", text)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read"),
        (b"", "no secret key"),
        (b"# nothing but a comment\n", "no secret key"),
        (b"AGE-SECRET-KEY-1QQQQ\n", "a line that is no secret key"),
        (b"\xff\xfe\x00", "it is not text"),
    ],
)
def test_a_file_of_keys_that_cannot_be_used_gets_a_sentence(
    keys: Keys, content: bytes | None, why: str
) -> None:
    public = make_key(keys.file("right"))
    if content is not None:
        keys.file("key").write_bytes(content)
        keys.file("key").chmod(0o600)
    with pytest.raises(SettingError, match=why):
        keys.encryption("key", public)


def test_a_file_of_keys_that_others_can_read_is_refused(keys: Keys) -> None:
    public = make_key(keys.file("key"))
    keys.file("key").chmod(0o640)
    with pytest.raises(SettingError, match="chmod 600"):
        keys.encryption("key", public)


def test_a_key_is_never_overwritten(keys: Keys) -> None:
    make_key(keys.file("key"))
    before = keys.file("key").read_bytes()
    with pytest.raises(StorageRefused, match="exists"):
        make_key(keys.file("key"))
    assert keys.file("key").read_bytes() == before
