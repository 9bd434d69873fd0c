"""retention: how long a clinic keeps what names people, and when it was let go.

Revision: 0009, after 0006

Clinics that are there already keep everything for ten years until somebody chooses: an update of the program alone
removes nothing that a clinic wants to keep. New clinics start with the usual times.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

LONGEST_DAYS = 3650

COLUMNS = (
    ("visit", "patient_removed_at"),
    ("request", "notes_removed_at"),
    ("request", "contacts_removed_at"),
)

# What the job looks for. What it has done leaves these indexes, so that looking costs the same after years.
WAITING = (
    ("ix_visit_patient_kept", "visit", ("clinic_id", "ends_at"), "patient_removed_at IS NULL"),
    ("ix_request_notes_kept", "request", ("clinic_id", "created_at"), "notes_removed_at IS NULL"),
    ("ix_request_contacts_kept", "request", ("clinic_id", "created_at"), "contacts_removed_at IS NULL"),
    ("ix_mail_password_link_id", "mail", ("password_link_id",), "password_link_id IS NOT NULL"),
)


def upgrade() -> None:
    op.add_column("clinic", sa.Column("keep_patients_days", BIG, server_default="365", nullable=False))
    op.add_column("clinic", sa.Column("keep_contacts_days", BIG, server_default="730", nullable=False))
    clinic = sa.table("clinic", sa.column("keep_patients_days"), sa.column("keep_contacts_days"))
    op.execute(sa.update(clinic).values(keep_patients_days=LONGEST_DAYS, keep_contacts_days=LONGEST_DAYS))
    for table, column in COLUMNS:
        op.add_column(table, sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    for name, table, columns, where in WAITING:
        condition = sa.text(where)
        op.create_index(name, table, list(columns), sqlite_where=condition, postgresql_where=condition)
    op.create_index("ix_user_session_created_at", "user_session", ["created_at"])
    op.create_index("ix_confirmation_visit_id", "confirmation", ["visit_id"])


def downgrade() -> None:
    op.drop_index("ix_confirmation_visit_id", "confirmation")
    op.drop_index("ix_user_session_created_at", "user_session")
    for name, table, _columns, _where in WAITING:
        op.drop_index(name, table)
    for table, column in COLUMNS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    op.execute("ALTER TABLE clinic DROP COLUMN keep_contacts_days")
    op.execute("ALTER TABLE clinic DROP COLUMN keep_patients_days")
