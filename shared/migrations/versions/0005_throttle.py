"""throttle: how often passwords were tried, by keyed hashes of persons, networks and browsers.

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "throttle",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("empty_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_throttle"),
    )
    op.create_index("ix_throttle_empty_at", "throttle", ["empty_at"])


def downgrade() -> None:
    op.drop_index("ix_throttle_empty_at", "throttle")
    op.drop_table("throttle")
