"""second factor and displays: authenticator apps, recovery codes, the step behind a password, screens for the Board.

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "clinic", sa.Column("second_factor_required", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    _create_factors()
    _create_proofs()
    _create_displays()


def downgrade() -> None:
    for table in ("display", "password_proof", "recovery_code", "second_factor"):
        op.drop_table(table)
    op.execute("ALTER TABLE clinic DROP COLUMN second_factor_required")


def _create_factors() -> None:
    op.create_table(
        "second_factor",
        sa.Column("user_id", BIG, autoincrement=False, nullable=False),
        sa.Column("secret", sa.String(length=400), nullable=False),
        sa.Column("last_step", BIG, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_second_factor_user_id_user_account"),
        sa.PrimaryKeyConstraint("user_id", name="pk_second_factor"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", BIG, nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_recovery_code_user_id_user_account"),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_code"),
        sa.UniqueConstraint("user_id", "code_hash", name="uq_recovery_code_user_id_code_hash"),
    )


def _create_proofs() -> None:
    op.create_table(
        "password_proof",
        sa.Column("id", BIG, nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "code", "set_up", "recovery", name="proof_kind", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("password_mark", sa.String(length=64), nullable=False),
        sa.Column("wrong_codes", BIG, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_password_proof_user_id_user_account"),
        sa.PrimaryKeyConstraint("id", name="pk_password_proof"),
        sa.UniqueConstraint("token_hash", name="uq_password_proof_token_hash"),
    )
    op.create_index("ix_password_proof_user_id", "password_proof", ["user_id"])


def _create_displays() -> None:
    op.create_table(
        "display",
        sa.Column("id", BIG, nullable=False),
        sa.Column("clinic_id", BIG, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("made_by_id", BIG, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("last_seen_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_display_clinic_id_clinic"),
        sa.ForeignKeyConstraint(["made_by_id"], ["user_account.id"], name="fk_display_made_by_id_user_account"),
        sa.PrimaryKeyConstraint("id", name="pk_display"),
        sa.UniqueConstraint("code_hash", name="uq_display_code_hash"),
    )
    op.create_index("ix_display_clinic_id", "display", ["clinic_id"])
