"""Things that are dear to make and whose names tests don't care about: lent to one test after the other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class Lending(Generic[T]):
    """As many things as tests hold at once, numbered from 1. What was given back last is lent first, so that a test
    finds the names (of files, ports, databases) that the test before it had, and all that was made for them."""

    def __init__(self, make: Callable[[int], T]) -> None:
        self._make = make
        self._numbers = count(1)
        self._free: list[T] = []

    @contextmanager
    def lend(self) -> Iterator[T]:
        """One of them, until the block ends. Whoever borrows it leaves it as new."""
        thing = self._free.pop() if self._free else self._make(next(self._numbers))
        try:
            yield thing
        finally:
            self._free.append(thing)
