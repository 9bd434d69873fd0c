"""What must hold in every copy of a database, whatever went on while it was made. Reads the file by itself."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

NEVER = {
    "a request with two winners": (
        "SELECT request_id FROM invite WHERE answer = 'accepted' GROUP BY request_id HAVING count(*) > 1"
    ),
    "an accepted request without a winner": (
        "SELECT id FROM request WHERE state = 'accepted'"
        " AND id NOT IN (SELECT request_id FROM invite WHERE answer = 'accepted')"
    ),
    "a winner of a request that is not accepted": (
        "SELECT i.id FROM invite i JOIN request r ON r.id = i.request_id"
        " WHERE i.answer = 'accepted' AND r.state <> 'accepted'"
    ),
    "a request without its invites": (
        "SELECT r.id FROM request r LEFT JOIN invite i ON i.request_id = r.id GROUP BY r.id HAVING count(i.id) <> 3"
    ),
    "an invite without an address": ("SELECT id FROM invite WHERE id NOT IN (SELECT invite_id FROM invite_address)"),
    "an address without its mail": (
        "SELECT id FROM invite_address WHERE id NOT IN (SELECT invite_address_id FROM mail WHERE kind = 'invite')"
    ),
    "a winner without a confirmation": (
        "SELECT id FROM invite WHERE answer = 'accepted'"
        " AND id NOT IN (SELECT invite_id FROM mail WHERE kind = 'confirmation')"
    ),
    "a visit that its request does not know": (
        "SELECT v.id FROM visit v LEFT JOIN request_visit rv ON rv.visit_id = v.id AND rv.request_id = v.request_id"
        " WHERE v.request_id IS NOT NULL AND rv.visit_id IS NULL"
    ),
    "an appointment number that will be given again": (
        "SELECT c.id FROM clinic c JOIN appointment a ON a.clinic_id = c.id WHERE a.number >= c.next_appointment_number"
    ),
}
"""What no row may ever be found by."""

AS_MANY_AS = {
    "visit": "visit_created",
    "request": "request_made",
    "invite WHERE answer = 'accepted'": "invite_accepted",
    "invite WHERE answer = 'declined'": "invite_declined",
}
"""For each of these rows one line of the trail."""


@dataclass(frozen=True)
class Counted:
    """How much a copy holds; what is written later can only make it more."""

    visits: int
    answers: int
    trail: int


def check_invariants(file: Path) -> Counted:
    """The copy is whole and says one thing."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as copy:
        copy.execute("BEGIN")  # one instant for all that is read: the live file is looked at while others write
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert copy.execute("PRAGMA foreign_key_check").fetchall() == []
        for what, found in NEVER.items():
            assert copy.execute(found).fetchall() == [], what
        for rows, event in AS_MANY_AS.items():
            lines = copy.execute("SELECT count(*) FROM audit_entry WHERE what = ?", (event,)).fetchone()
            assert copy.execute(f"SELECT count(*) FROM {rows}").fetchone() == lines, event
        return Counted(
            *copy.execute(
                "SELECT (SELECT count(*) FROM visit), (SELECT count(*) FROM invite WHERE answer IS NOT NULL),"
                " (SELECT count(*) FROM audit_entry)"
            ).fetchone()
        )
