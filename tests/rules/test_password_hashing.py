"""Hashing passwords: slow on purpose, and so never too many at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from time import sleep

import pytest
from argon2 import Type, extract_parameters
from argon2.exceptions import VerifyMismatchError

from shared import passwords
from shared.errors import BusyError
from shared.passwords import AT_ONCE, hash_password, password_matches


class CountingHasher:
    """Stands where the hasher does and counts how many are at work in it at the same time."""

    def __init__(self) -> None:
        self.inside, self.most = 0, 0
        self._lock = Lock()

    def hash(self, _password: str) -> str:
        self._work()
        return "hashed"

    def verify(self, _hash: str, password: str) -> bool:
        self._work()
        if password == "wrong":
            raise VerifyMismatchError
        return True

    def _work(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        sleep(0.01)
        with self._lock:
            self.inside -= 1


@pytest.fixture
def all_places_taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Others hash in every place, and nobody waits long."""
    monkeypatch.setattr(passwords, "WAITS_SECONDS", 0.05)
    for _ in range(AT_ONCE):
        passwords._places.acquire()
    yield
    passwords._places.release(AT_ONCE)


def test_thirty_two_threads_hash_a_few_passwords_at_a_time_and_all_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counting = CountingHasher()
    monkeypatch.setattr(passwords, "hasher", counting)
    with ThreadPoolExecutor(32) as threads:
        checks = [threads.submit(password_matches, "hashed", word) for word in ("right", "wrong") * 32]
        hashes = [threads.submit(hash_password, "right") for _ in range(32)]
        assert [check.result() for check in checks] == [True, False] * 32
        assert {done.result() for done in hashes} == {"hashed"}

    assert counting.most == AT_ONCE == 4


@pytest.mark.usefixtures("all_places_taken")
def test_waiting_for_a_place_has_an_end_for_known_and_unknown_people_alike() -> None:
    for stored in ("a hash", None):
        with pytest.raises(BusyError):
            password_matches(stored, "a password")
    with pytest.raises(BusyError):
        hash_password("a password")


def test_a_hash_costs_what_the_library_recommends() -> None:
    """Made when the module was loaded, before these tests made hashing cheap."""
    cost = extract_parameters(passwords._NOBODY)

    assert (cost.type, cost.memory_cost, cost.time_cost, cost.parallelism) == (Type.ID, 64 * 1024, 3, 4)


def test_two_passwords_that_differ_behind_their_seventy_second_character_differ() -> None:
    alike = "quiet river under stone ".ljust(72, "x")
    stored = hash_password(alike + "a")

    assert password_matches(stored, alike + "a")
    for other in ("b", "", "ab"):
        assert not password_matches(stored, alike + other), other
