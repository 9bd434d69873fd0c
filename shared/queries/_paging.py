"""A page of a long list: which one, and how it stands among the others."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page stands. ``number`` counts from 1; ``total`` counts what was found on all pages."""

    number: int
    size: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.size))

    @property
    def before(self) -> int:
        """How many items stand on the pages before."""
        return (self.number - 1) * self.size

    @property
    def first(self) -> int:
        """The page's first item, counted from 1."""
        return self.before + 1

    @property
    def last(self) -> int:
        """The page's last item, counted from 1."""
        return min(self.before + self.size, self.total)


def place_of(wanted: int, *, size: int, total: int) -> Place:
    """The place of the page wanted, or of the last one where there are fewer."""
    return Place(max(1, min(wanted, Place(1, size, total).pages)), size, total)
