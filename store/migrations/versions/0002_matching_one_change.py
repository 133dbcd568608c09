"""Matching one change: keys by hash alone, features kept, vetoed edges told apart, tasks with a priority.

And relating one customer: whom relationships name, by index.
"""

import itertools
import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = sa.text("state = 'open'")
NAMED = ("other_source", "other_record_id", "other_identifier_type", "other_identifier_value")
RELATIONSHIP = 5


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
    op.drop_column("task", "assignee")
    if op.get_bind().dialect.name != "sqlite":  # which keeps no comments
        op.alter_column("task", "kind", comment="possible_duplicate, conflict, doubtful_merge, raised")
    op.create_index("uq_task_open", "task", ["a", "b", "kind"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_task_priority", "task", ["priority"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_task_a", "task", ["a"])
    op.create_index("ix_task_b", "task", ["b"])
    op.create_index("ix_crosswalk_history_record", "crosswalk_history", ["record_no"], unique=False)
    op.create_index("ix_decision_a", "decision", ["a"], unique=False)
    op.create_index("ix_decision_b", "decision", ["b"], unique=False)
    _keep_other_parties()
    # What is matched by the model of before stands, but its edges are gone: the next resolve links everything anew.
    op.execute("DELETE FROM state WHERE key = 'resolved_with_model'")


def _keep_other_parties() -> None:
    """Make the table of whom relationships name, and fill it from their contents."""
    other_party = op.create_table(
        "other_party",
        sa.Column(
            "record_no",
            NUMBER,
            autoincrement=False,
            nullable=False,
            comment="a live relationship; its own party is in party_reference",
        ),
        sa.Column(
            "other_source", sa.Text(), nullable=True, comment="names the other party by source record: its source …"
        ),
        sa.Column("other_record_id", sa.Text(), nullable=True, comment="… and key"),
        sa.Column("other_identifier_type", sa.Text(), nullable=True, comment="or by identifier: its type …"),
        sa.Column("other_identifier_value", sa.Text(), nullable=True, comment="… and value"),
        sa.PrimaryKeyConstraint("record_no", name=op.f("pk_other_party")),
        comment="Whom a relationship names, as its content says it: where those who name a customer are found.",
    )
    for name, columns in (
        ("ix_other_party_record", ["other_record_id", "other_source"]),
        ("ix_other_party_identifier", ["other_identifier_value", "other_identifier_type"]),
    ):
        present = sa.text(f"{columns[0]} is not null")
        op.create_index(name, "other_party", columns, sqlite_where=present, postgresql_where=present)
    record = sa.table("source_record", *map(sa.column, ("record_no", "kind", "deleted", "content")))
    live = sa.select(record.c.record_no, record.c.content).where(
        record.c.kind == RELATIONSHIP, record.c.deleted == sa.false()
    )
    found = iter(op.get_bind().execute(live).all())
    while some := list(itertools.islice(found, 1_000)):
        told = ((number, json.loads(content)) for number, content in some)
        op.bulk_insert(
            other_party, [{"record_no": number, **{name: says.get(name) for name in NAMED}} for number, says in told]
        )
