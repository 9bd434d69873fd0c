"""group numbers: a deleted hunt group's number goes to no other group.

Revision: 0004, after 0003

Requests keep their ticks ("group:7"), and pages stay open: on SQLite the next group would inherit what was meant for
the deleted one. PostgreSQL gives no number twice.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _build_anew(autoincrement=True)


def downgrade() -> None:
    _build_anew(autoincrement=False)


def _build_anew(*, autoincrement: bool) -> None:
    if op.get_bind().dialect.name == "sqlite":
        kwargs = {"sqlite_autoincrement": autoincrement}
        with op.batch_alter_table("hunt_group", recreate="always", table_kwargs=kwargs):
            pass
