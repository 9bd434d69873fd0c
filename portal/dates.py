"""Dates in addresses."""

from datetime import date

EARLIEST, LATEST = date(2000, 1, 8), date(2100, 12, 24)


def date_of(value: str) -> date | None:
    """The date written as 2026-11-24, or None for anything else and for dates no schedule reaches."""
    try:
        found = date.fromisoformat(value) if len(value) == 10 else None
    except ValueError:
        return None
    return found if found is not None and EARLIEST <= found <= LATEST else None
