"""changes and series: rules that repeat, visits that leave a request, cancellations, password links.

Revision: 0002, after 0001

SQLite changes a column only by building its table anew. Every table but mail is changed in place instead; mail, whose
request may be missing now, is built anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

OLD_KINDS = (
    "invite", "filled", "confirmation", "clinic_accepted", "clinic_all_declined", "clinic_expired",
    "clinic_undeliverable", "clinic_confirmation_bounced",
)  # fmt: skip
KINDS = (
    "invite", "filled", "confirmation", "updated", "cancellation", "withdrawn", "clinic_accepted",
    "clinic_all_declined", "clinic_expired", "clinic_undeliverable", "clinic_confirmation_bounced", "user_invite",
    "password_reset",
)  # fmt: skip


def upgrade() -> None:
    _create_tables()
    op.add_column("audit_entry", sa.Column("about_kind", sa.String(length=40), nullable=True))
    op.add_column("audit_entry", sa.Column("about_id", BIG, nullable=True))
    op.add_column("invite", sa.Column("calendar_sequence", BIG, server_default="0", nullable=False))
    op.add_column("request", sa.Column("picks", sa.JSON(), nullable=True))
    op.add_column("request_visit", sa.Column("left_at", sa.DateTime(timezone=True), nullable=True))
    _add_reference("request_visit", "recurrence_id", "recurrence")
    op.add_column("request_visit", sa.Column("occurs_on", sa.Date(), nullable=True))
    _add_reference("visit", "recurrence_id", "recurrence")
    op.add_column("visit", sa.Column("occurs_on", sa.Date(), nullable=True))
    op.add_column("visit", sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("visit", sa.Column("cancel_reason", sa.String(length=300), nullable=True))
    _add_reference("mail", "password_link_id", "password_link")
    _change_mail(KINDS, request_id_nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM mail WHERE request_id IS NULL")
    op.execute(f"DELETE FROM mail WHERE kind NOT IN {OLD_KINDS}")  # noqa: S608 - constants of this file
    if not _is_sqlite():
        _drop_column("mail", "password_link_id", "password_link")
    _change_mail(OLD_KINDS, request_id_nullable=False)
    for column in ("cancel_reason", "cancelled_at", "occurs_on"):
        _drop_column("visit", column)
    _drop_column("visit", "recurrence_id", "recurrence")
    _drop_column("request_visit", "occurs_on")
    _drop_column("request_visit", "recurrence_id", "recurrence")
    _drop_column("request_visit", "left_at")
    _drop_column("request", "picks")
    _drop_column("invite", "calendar_sequence")
    _drop_column("audit_entry", "about_id")
    _drop_column("audit_entry", "about_kind")
    op.drop_table("recurrence")
    op.drop_table("password_link")


def _create_tables() -> None:
    op.create_table(
        "password_link",
        sa.Column("id", BIG, nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("link_id", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_password_link_user_id_user_account"),
        sa.PrimaryKeyConstraint("id", name="pk_password_link"),
        sa.UniqueConstraint("link_id", name="uq_password_link_link_id"),
    )
    op.create_index("ix_password_link_user_id", "password_link", ["user_id"])
    op.create_table(
        "recurrence",
        sa.Column("id", BIG, nullable=False),
        sa.Column("appointment_id", BIG, nullable=False),
        sa.Column(
            "frequency",
            sa.Enum(
                "daily", "weekly", "monthly", name="frequency", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("weekdays", sa.JSON(), nullable=False),
        sa.Column("month_day", BIG, nullable=True),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=True),
        sa.Column("count", BIG, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointment.id"], name="fk_recurrence_appointment_id_appointment"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_recurrence"),
    )
    op.create_index("ix_recurrence_appointment_id", "recurrence", ["appointment_id"])


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _add_reference(table: str, column: str, target: str) -> None:
    """Add an empty column that points to another table."""
    name = f"fk_{table}_{column}_{target}"
    if _is_sqlite():
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} INTEGER CONSTRAINT {name} REFERENCES {target} (id)")
        return
    op.add_column(table, sa.Column(column, BIG, nullable=True))
    op.create_foreign_key(name, table, target, [column], ["id"])


def _drop_column(table: str, column: str, target: str = "") -> None:
    """Drop a column; ``target`` is the table it points to, if any."""
    if target and not _is_sqlite():
        op.drop_constraint(op.f(f"fk_{table}_{column}_{target}"), table, type_="foreignkey")
    op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")


def _change_mail(kinds: tuple[str, ...], *, request_id_nullable: bool) -> None:
    """Let mail hold these kinds, with or without a request."""
    with op.batch_alter_table("mail") as batch:
        batch.drop_constraint(op.f("ck_mail_mail_kind"), type_="check")
        batch.create_check_constraint(op.f("ck_mail_mail_kind"), sa.column("kind").in_(kinds))
        batch.alter_column("request_id", existing_type=BIG, nullable=request_id_nullable)
        if not request_id_nullable and _is_sqlite():
            batch.drop_column("password_link_id")
