"""The copies of attempts that are open: private, bounded, and gone with an erasure."""

from __future__ import annotations

import threading
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from simvoice.errors import AttemptError, ObjectsAway, StorageFull
from simvoice.hub.storage.cache import AttemptCache


class Filler:
    """Fills copies with a file of some bytes, and counts how often."""

    def __init__(self, size: int = 100) -> None:
        self.size = size
        self.count = 0

    def __call__(self, place: Path) -> int:
        self.count += 1
        (place / "audio.flac").write_bytes(bytes(self.size))
        return self.size


@pytest.fixture
def cache(tmp_path: Path) -> AttemptCache:
    return AttemptCache(tmp_path / "cache" / "attempts", most_bytes=250)


def opened(cache: AttemptCache, attempt: UUID, fill: Filler) -> None:
    with cache.hold(attempt, fill) as place:
        assert (place / "audio.flac").stat().st_size == fill.size


def test_a_copy_is_made_once_and_only_its_owner_can_read_it(
    cache: AttemptCache, tmp_path: Path
) -> None:
    attempt, fill = uuid4(), Filler()
    opened(cache, attempt, fill)
    opened(cache, attempt, fill)
    assert fill.count == 1
    assert (tmp_path / "cache" / "attempts").stat().st_mode & 0o777 == 0o700
    assert cache.size == 100


def test_the_copies_used_longest_ago_go_first(cache: AttemptCache) -> None:
    first, second, third, fill = uuid4(), uuid4(), uuid4(), Filler()
    for attempt in (first, second, first, third):
        opened(cache, attempt, fill)
    assert cache.held() == [first, third]
    assert cache.size == 200


def test_a_copy_that_is_read_stays_beyond_the_bound(cache: AttemptCache) -> None:
    first, fill = uuid4(), Filler()
    with cache.hold(first, fill) as place:
        for _ in range(4):
            opened(cache, uuid4(), fill)
        assert (place / "audio.flac").exists()
    assert cache.size <= 250


def test_an_attempt_larger_than_the_bound_can_be_read(cache: AttemptCache) -> None:
    opened(cache, uuid4(), Filler(10_000))
    assert cache.size == 0


def test_many_who_open_an_attempt_at_once_make_one_copy(cache: AttemptCache) -> None:
    attempt, fill, met = uuid4(), Filler(), threading.Barrier(6)
    seen: list[int] = []

    def read() -> None:
        met.wait(60)
        with cache.hold(attempt, fill) as place:
            seen.append((place / "audio.flac").stat().st_size)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (seen, fill.count) == ([100] * 6, 1)


def test_a_copy_that_could_not_be_made_leaves_nothing_and_is_tried_again(
    cache: AttemptCache, tmp_path: Path
) -> None:
    attempt = uuid4()

    def fail(place: Path) -> int:
        (place / "audio.flac").write_bytes(b"half")
        raise ObjectsAway("the store does not answer")

    with pytest.raises(ObjectsAway), cache.hold(attempt, fail):
        pass
    assert cache.held() == []
    assert list((tmp_path / "cache").rglob("*.flac")) == []
    opened(cache, attempt, Filler())


def test_a_full_disk_takes_the_unread_copies_away_and_tries_again(cache: AttemptCache) -> None:
    old, fill = uuid4(), Filler()
    opened(cache, old, fill)

    def fill_if_empty(place: Path) -> int:
        if old in cache.held():
            raise StorageFull("the disk is full")
        return fill(place)

    with cache.hold(uuid4(), fill_if_empty) as place:
        assert (place / "audio.flac").exists()
    assert old not in cache.held()


def test_an_erasure_empties_what_is_open_and_removes_it(cache: AttemptCache) -> None:
    attempt, fill = uuid4(), Filler()
    with cache.hold(attempt, fill) as place:
        with (place / "audio.flac").open("rb", buffering=0) as playing:
            assert len(playing.read(40)) == 40
            cache.drop(attempt)
            assert playing.read() == b""
        assert not place.exists()
    assert cache.held() == []


def test_an_erasure_while_a_copy_is_made_wins(cache: AttemptCache, tmp_path: Path) -> None:
    attempt, fill = uuid4(), Filler()

    def fill_and_erase(place: Path) -> int:
        cache.drop(attempt)
        place.mkdir(exist_ok=True)
        return fill(place)

    with pytest.raises(AttemptError, match="was erased"), cache.hold(attempt, fill_and_erase):
        pass
    assert list((tmp_path / "cache").rglob("*.flac")) == []


def test_another_process_with_the_same_folder_removes_the_copy_too(
    cache: AttemptCache, tmp_path: Path
) -> None:
    attempt = uuid4()
    opened(cache, attempt, Filler())
    AttemptCache(tmp_path / "cache" / "attempts").drop(attempt)
    assert list((tmp_path / "cache").rglob("*.flac")) == []


def test_clearing_removes_what_a_killed_hub_left(tmp_path: Path) -> None:
    left = tmp_path / "cache" / str(uuid4())
    left.mkdir(parents=True)
    (left / "audio.flac").write_bytes(b"a voice")
    AttemptCache(tmp_path / "cache").clear()
    assert not (tmp_path / "cache").exists()
