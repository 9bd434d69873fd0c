"""mail that fails: since when a mail has been tried, and the clinic's news of a cancellation that did not arrive.

Revision: 0010, after 0009

SQLite changes a check only by building the table anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NEWS = "clinic_cancellation_bounced"
OLD_KINDS = (
    "invite", "filled", "confirmation", "updated", "cancellation", "withdrawn", "clinic_accepted",
    "clinic_all_declined", "clinic_expired", "clinic_undeliverable", "clinic_confirmation_bounced", "user_invite",
    "password_reset",
)  # fmt: skip


def upgrade() -> None:
    op.add_column("mail", sa.Column("trying_since", sa.DateTime(timezone=True), nullable=True))
    _allow_kinds((*OLD_KINDS[:-2], NEWS, *OLD_KINDS[-2:]))  # in the order of the models


def downgrade() -> None:
    # No line of the trail may lose its mail, so that none can be deleted. The older program drops this kind unsent.
    mail = sa.table("mail", sa.column("kind"))
    op.execute(sa.update(mail).where(mail.c.kind == NEWS).values(kind="clinic_confirmation_bounced"))
    _allow_kinds(OLD_KINDS)
    op.execute("ALTER TABLE mail DROP COLUMN trying_since")


def _allow_kinds(kinds: tuple[str, ...]) -> None:
    with op.batch_alter_table("mail") as batch:
        batch.drop_constraint(op.f("ck_mail_mail_kind"), type_="check")
        batch.create_check_constraint(op.f("ck_mail_mail_kind"), sa.column("kind").in_(kinds))
