"""The audit trail as a file for spreadsheets: ids, names and field names, nothing about patients."""

import csv
import io
from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

from shared.queries import TrailFacts, reference_of

HEADER = (
    "at (UTC)", "at (clinic)", "actor kind", "actor", "event", "visit", "visit id", "request id", "company", "from",
    "to", "fields", "mail", "mail to", "about", "responder",
)  # fmt: skip

MARK = "\ufeff"
"""Without it, the most common spreadsheet reads UTF-8 as something else and spoils every accent."""

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_of(batches: Iterable[tuple[TrailFacts, ...]], zone: str) -> Iterator[str]:
    """The file, in pieces: its heading, then a piece for each batch. ``zone`` is the clinic's."""
    yield MARK + _written([HEADER])
    for batch in batches:
        yield _written(_row(line, zone) for line in batch)


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe makes it plain text, and is not shown."""
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def _row(line: TrailFacts, zone: str) -> tuple[str, ...]:
    kind = "user" if line.user else "company" if line.actor_company else "product"
    values = (
        line.at.isoformat().replace("+00:00", "Z"),
        line.at.astimezone(ZoneInfo(zone)).isoformat(),
        kind,
        line.who,
        line.what,
        reference_of(line.number) if line.number is not None else "",
        str(line.visit_id or ""),
        str(line.request_id or ""),
        line.company,
        line.from_state,
        line.to_state,
        " ".join(line.fields),
        line.mail_kind.value if line.mail_kind else "",
        line.recipient,
        line.about,
        line.responder,
    )
    return tuple(harmless(value) for value in values)


def _written(rows: Iterable[tuple[str, ...]]) -> str:
    piece = io.StringIO(newline="")
    csv.writer(piece).writerows(rows)
    return piece.getvalue()
