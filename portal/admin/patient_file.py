"""What is held about one patient as a file for programs: JSON, with instants in UTC and empty values left in."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from shared.queries import HeldData

NOT_INCLUDED = (
    "Room name and PIN of the meetings: they open a meeting and tell nothing about the patient.",
    "Texts of mails: they are not kept. They hold no patient's name, contact or reason.",
    "Copies that the installation made of its database.",
)


def file_of(held: HeldData, *, made_by: str, now: datetime) -> str:
    """The file's text."""
    content = {
        "format": "Interpreter Dispatch, data held about one patient, 1",
        "made_at": now,
        "made_by": made_by,
        **asdict(held),
        "not_included": NOT_INCLUDED,
    }
    return json.dumps(content, default=_plain, ensure_ascii=False, indent=2) + "\n"


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} has no place in the file")
