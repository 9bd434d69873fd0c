"""trail and search: nothing in the trail is ever changed or removed; what the search looks through.

Revision: 0003, after 0002

SQLite drops a table's triggers with the table: a later migration that builds audit_entry anew has to make them anew
(`tests/actions/test_append_only.py` fails until it does).
"""

import sqlalchemy as sa
from alembic import op

from shared.texts import folded

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

REFUSAL = "audit_entry is append-only: its rows are never changed or removed"

# REPLACE removes the row in its way without asking a DELETE trigger, so an id that is taken is refused as well.
SQLITE_TRIGGERS = {
    "audit_entry_no_update": "BEFORE UPDATE ON audit_entry",
    "audit_entry_no_delete": "BEFORE DELETE ON audit_entry",
    "audit_entry_no_replace": (
        "BEFORE INSERT ON audit_entry WHEN EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.id)"
    ),
}

# A statement that would have met no row is refused, too: nobody should learn to write one.
POSTGRESQL_TRIGGERS = {
    "audit_entry_no_update": "BEFORE UPDATE ON audit_entry",
    "audit_entry_no_delete": "BEFORE DELETE ON audit_entry",
    "audit_entry_no_truncate": "BEFORE TRUNCATE ON audit_entry",
}

# Each wider index takes the place of a narrower one: (table, columns before, columns from here on).
INDEXES = (
    ("visit", ("clinic_id", "starts_at"), ("clinic_id", "starts_at", "status", "provider_id", "request_id")),
    ("request", ("clinic_id",), ("clinic_id", "state", "deadline")),
    ("invite", ("company_id",), ("company_id", "answer", "request_id")),
)


def upgrade() -> None:
    _make_append_only()
    op.add_column("visit", sa.Column("patient_search", sa.String(length=240), server_default="", nullable=False))
    _fill_patient_search()
    for table, before, after in INDEXES:
        _replace_index(table, before, after)
    op.create_index("ix_mail_invite_address_id", "mail", ["invite_address_id"])


def downgrade() -> None:
    op.drop_index("ix_mail_invite_address_id", "mail")
    for table, before, after in INDEXES:
        _replace_index(table, after, before)
    op.execute("ALTER TABLE visit DROP COLUMN patient_search")
    if _is_sqlite():
        for name in SQLITE_TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
    else:
        for name in POSTGRESQL_TRIGGERS:
            op.execute(f"DROP TRIGGER {name} ON audit_entry")
        op.execute("DROP FUNCTION refuse_trail_change()")


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _replace_index(table: str, old: tuple[str, ...], new: tuple[str, ...]) -> None:
    op.drop_index(f"ix_{table}_{'_'.join(old)}", table)
    op.create_index(f"ix_{table}_{'_'.join(new)}", table, list(new))


def _make_append_only() -> None:
    """Let the database itself refuse what is not a new line, whoever asks."""
    if _is_sqlite():
        for name, when in SQLITE_TRIGGERS.items():
            op.execute(f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END")
        return
    op.execute(
        "CREATE FUNCTION refuse_trail_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    for name, when in POSTGRESQL_TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {when} FOR EACH STATEMENT EXECUTE FUNCTION refuse_trail_change()")


def _fill_patient_search() -> None:
    """The names that are there already, as search compares them: today's code, since it is today's search."""
    visit = sa.table("visit", sa.column("id"), sa.column("patient_name"), sa.column("patient_search"))
    bind = op.get_bind()
    names = bind.execute(sa.select(visit.c.id, visit.c.patient_name)).all()
    if names:
        bind.execute(
            visit.update().where(visit.c.id == sa.bindparam("visit_id")).values(patient_search=sa.bindparam("found")),
            [{"visit_id": visit_id, "found": folded(name)[:240]} for visit_id, name in names],
        )
