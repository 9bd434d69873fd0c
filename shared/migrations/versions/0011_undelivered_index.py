"""undelivered index: the administrators' list of mail that did not arrive looks through that alone.

Revision: 0011, after 0010

The program does without it, only more slowly: so it runs on a database that is one migration behind, and old and new
processes may overlap. Whatever comes after this has to keep that up (docs/decisions/18).
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

LOST = sa.text("state IN ('bounced', 'dead')")


def upgrade() -> None:
    op.create_index(
        "ix_mail_undelivered", "mail", ["clinic_id", "settled_at"], sqlite_where=LOST, postgresql_where=LOST
    )


def downgrade() -> None:
    op.drop_index("ix_mail_undelivered", "mail")
