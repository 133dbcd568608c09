"""Matching one change: keys by hash alone, features kept, vetoed edges told apart, tasks with a priority."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = sa.text("state = 'open'")
WAITING = sa.text("identifier_type is not null and party_no is null")


def upgrade() -> None:
    """Bring the schema from 0001 to 0002; the matcher's tables are made anew by the next resolve."""
    op.drop_table("blocking_key")
    op.create_table(
        "blocking_key",
        sa.Column("hash", sa.BigInteger(), autoincrement=False, nullable=False, comment="64 bits of rule and values"),
        sa.Column("record_no", NUMBER, autoincrement=False, nullable=False, comment="a live party record that has it"),
        sa.PrimaryKeyConstraint("hash", "record_no", name=op.f("pk_blocking_key")),
        comment="Where the matcher finds the candidates of a record.",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "feature",
        sa.Column("record_no", NUMBER, autoincrement=False, nullable=False, comment="a live party record"),
        sa.Column(
            "key",
            sa.BigInteger(),
            nullable=False,
            comment="hash of (data_source, record_id), signed; ties are broken by it",
        ),
        sa.Column("content", sa.Text(), nullable=False, comment="its features, as the matcher packs them"),
        sa.PrimaryKeyConstraint("record_no", name=op.f("pk_feature")),
        comment="What the matcher compares, so that one changed record needs no other record's content.",
    )
    op.drop_table("edge")
    op.create_table(
        "edge",
        sa.Column("a", NUMBER, autoincrement=False, nullable=False, comment="record_no, the smaller"),
        sa.Column("b", NUMBER, autoincrement=False, nullable=False, comment="record_no, the larger"),
        sa.Column("weight", sa.Integer(), nullable=False, comment="thousandths of a bit"),
        sa.Column("veto", sa.Boolean(), nullable=False, comment="something says that the two are never one party"),
        sa.PrimaryKeyConstraint("a", "b", name=op.f("pk_edge")),
        comment="Pairs at or above the review threshold, by the model that matching is up to date with.",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_edge_b", "edge", ["b"], unique=False)
    op.add_column(
        "task",
        sa.Column(
            "weight",
            sa.Integer(),
            nullable=True,
            comment=("of a question about a pair, thousandths of a bit; null: none was computed"),
        ),
    )
    op.add_column(
        "task",
        sa.Column(
            "reason", sa.Text(), nullable=True, comment=("between_thresholds, contradiction, veto, party_type …")
        ),
    )
    op.add_column(
        "task",
        sa.Column(
            "priority",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment=("uncertainty times impact; the larger first"),
        ),
    )
    op.create_index("uq_task_open", "task", ["a", "b", "kind"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_task_priority", "task", ["priority"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_task_a", "task", ["a"])
    op.create_index("ix_task_b", "task", ["b"])
    op.create_index(
        "ix_party_reference_waiting", "party_reference", ["record_no"], sqlite_where=WAITING, postgresql_where=WAITING
    )
    op.create_index("ix_crosswalk_history_record", "crosswalk_history", ["record_no"], unique=False)
    op.create_index("ix_decision_a", "decision", ["a"], unique=False)
    op.create_index("ix_decision_b", "decision", ["b"], unique=False)
    # What is matched by the model of before stands, but its edges are gone: the next resolve links everything anew.
    op.execute("DELETE FROM state WHERE key = 'resolved_with_model'")
