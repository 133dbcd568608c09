"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()  # microseconds since 1970, UTC


def upgrade() -> None:
    """Bring the schema from nothing to 0001."""
    op.create_table(
        "blocking_key",
        sa.Column("rule", sa.SmallInteger(), autoincrement=False, nullable=False, comment="which blocking rule"),
        sa.Column("hash", sa.BigInteger(), autoincrement=False, nullable=False, comment="64 bits of the key"),
        sa.Column("record_no", NUMBER, autoincrement=False, nullable=False, comment="a live party record that has it"),
        sa.PrimaryKeyConstraint("rule", "hash", "record_no", name=op.f("pk_blocking_key")),
        comment="Where the online matcher finds its candidates.",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "crosswalk",
        sa.Column("record_no", NUMBER, autoincrement=False, nullable=False, comment="a live party record"),
        sa.Column("entity_id", NUMBER, nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("record_no", name=op.f("pk_crosswalk")),
        comment="Which entity a source record belongs to now.",
    )
    op.create_index("ix_crosswalk_entity", "crosswalk", ["entity_id"], unique=False)

    op.create_table(
        "crosswalk_history",
        sa.Column("seq", NUMBER, autoincrement=True, nullable=False, comment="order of the moves"),
        sa.Column("record_no", NUMBER, nullable=False),
        sa.Column("entity_id", NUMBER, nullable=False, comment="where it was"),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("cause", sa.Text(), nullable=False, comment="shared with the events of the same change"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_crosswalk_history")),
        comment="Where source records were before.",
    )
    op.create_index("ix_crosswalk_history_entity", "crosswalk_history", ["entity_id"], unique=False)

    op.create_table(
        "decision",
        sa.Column("decision_id", NUMBER, autoincrement=True, nullable=False, comment="order of the decisions"),
        sa.Column("a", NUMBER, nullable=False, comment="record_no, the smaller"),
        sa.Column("b", NUMBER, nullable=False, comment="record_no, the larger"),
        sa.Column("kind", sa.Text(), nullable=False, comment="must_link, never_link"),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.CheckConstraint("kind in ('must_link', 'never_link')", name=op.f("ck_decision_kind")),
        sa.CheckConstraint("a < b", name=op.f("ck_decision_order")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decision")),
        comment="What stewards decided about pairs of source records; hard constraints.",
    )
    op.create_index(
        "uq_decision_open",
        "decision",
        ["a", "b"],
        unique=True,
        sqlite_where=sa.text("revoked_at is null"),
        postgresql_where=sa.text("revoked_at is null"),
    )

    op.create_table(
        "edge",
        sa.Column("a", NUMBER, autoincrement=False, nullable=False, comment="record_no, the smaller"),
        sa.Column("b", NUMBER, autoincrement=False, nullable=False, comment="record_no, the larger"),
        sa.Column("weight", sa.Integer(), nullable=False, comment="thousandths of a bit"),
        sa.Column("model_no", sa.Integer(), nullable=True, comment="the model that said so; null: the packaged prior"),
        sa.PrimaryKeyConstraint("a", "b", name=op.f("pk_edge")),
        comment="Pairs above the review threshold.",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_edge_b", "edge", ["b"], unique=False)

    op.create_table(
        "entity",
        sa.Column("entity_id", NUMBER, autoincrement=False, nullable=False, comment="never used twice"),
        sa.Column("state", sa.Text(), nullable=False, comment="active, retired"),
        sa.Column("redirect_to", NUMBER, nullable=True, comment="of a retired one: who holds most of its last members"),
        sa.Column("version", sa.Integer(), nullable=False, comment="of its golden record and events; never restarts"),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column(
            "retired_at", INSTANT, nullable=True, comment="when its last members left; their moves bear the same time"
        ),
        sa.CheckConstraint("state in ('active', 'retired')", name=op.f("ck_entity_state")),
        sa.PrimaryKeyConstraint("entity_id", name=op.f("pk_entity")),
        comment="A cluster of source records that are one customer.",
    )
    op.create_index(
        "ix_entity_redirect",
        "entity",
        ["redirect_to"],
        unique=False,
        sqlite_where=sa.text("redirect_to is not null"),
        postgresql_where=sa.text("redirect_to is not null"),
    )

    op.create_table(
        "golden",
        sa.Column("entity_id", NUMBER, autoincrement=False, nullable=False, comment="an active entity"),
        sa.Column("version", sa.Integer(), nullable=False, comment="= entity.version"),
        sa.Column("payload", sa.Text(), nullable=False, comment="canonical JSON of the golden record"),
        sa.Column("provenance", sa.Text(), nullable=False, comment="JSON: path → where the value comes from"),
        sa.Column("recorded_at", INSTANT, nullable=False, comment="when this version was computed"),
        sa.Column(
            "due_at",
            INSTANT,
            nullable=True,
            comment="when a value begins or ceases to be valid, and it must be computed again",
        ),
        sa.PrimaryKeyConstraint("entity_id", name=op.f("pk_golden")),
        comment="The golden record of every active entity.",
    )
    op.create_index(
        "ix_golden_due",
        "golden",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at is not null"),
        postgresql_where=sa.text("due_at is not null"),
    )

    op.create_table(
        "golden_history",
        sa.Column("entity_id", NUMBER, autoincrement=False, nullable=False, comment="see golden"),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("entity_id", "version", name=op.f("pk_golden_history")),
        comment="The versions before the newest.",
    )
    op.create_table(
        "identifier_key",
        sa.Column("type", sa.Text(), nullable=False, comment="customer_number, iban …"),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("record_no", NUMBER, autoincrement=False, nullable=False, comment="a live party record that has it"),
        sa.PrimaryKeyConstraint("type", "value", "record_no", name=op.f("pk_identifier_key")),
        comment="Where a satellite's reference by identifier looks.",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False, comment="what is held: 'resolve', 'publish', 'source:<name>'"),
        sa.Column("holder", sa.Text(), nullable=False, comment="host:process:token of the holder"),
        sa.Column(
            "epoch", sa.BigInteger(), nullable=False, comment="raised by every new holder; its transactions check it"
        ),
        sa.Column("expires_at", INSTANT, nullable=False, comment="after this another may take it"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
        comment="Who may write what, one at a time.",
    )
    op.create_table(
        "lookup_key",
        sa.Column("entity_id", NUMBER, autoincrement=False, nullable=False, comment="an active entity"),
        sa.Column("kind", sa.Text(), nullable=False, comment="phone, email, customer_number, iban …"),
        sa.Column("value", sa.Text(), nullable=False, comment="normalised"),
        sa.Column("current", sa.Boolean(), nullable=False, comment="in the golden record; else superseded"),
        sa.PrimaryKeyConstraint("entity_id", "kind", "value", name=op.f("pk_lookup_key")),
        comment="What channels find customers by: every live member value.",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_lookup_key_value", "lookup_key", ["kind", "value"], unique=False)

    op.create_table(
        "model_version",
        sa.Column("model_no", NUMBER, autoincrement=True, nullable=False, comment="order of training"),
        sa.Column("version", sa.Text(), nullable=False, comment="digest of the artefact"),
        sa.Column("artefact", sa.Text(), nullable=False, comment="JSON; immutable"),
        sa.Column("active", sa.Boolean(), nullable=False, comment="true for exactly the one that resolving uses"),
        sa.Column("note", sa.Text(), nullable=True, comment="how it came to be"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("model_no", name=op.f("pk_model_version")),
        sa.UniqueConstraint("version"),
        comment="The matcher's models.",
    )
    op.create_index(
        "uq_model_version_active",
        "model_version",
        ["active"],
        unique=True,
        sqlite_where=sa.text("active"),
        postgresql_where=sa.text("active"),
    )

    op.create_table(
        "outbox",
        sa.Column(
            "seq",
            NUMBER,
            autoincrement=True,
            nullable=False,
            comment="order of the events of one entity; never used twice",
        ),
        sa.Column("entity_id", NUMBER, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False, comment="created, changed, merged, split, deleted"),
        sa.Column("changed_paths", sa.Text(), nullable=True, comment="JSON list"),
        sa.Column("cause", sa.Text(), nullable=False, comment="shared by the events of one change"),
        sa.Column("related", sa.Text(), nullable=True, comment='JSON, e.g. {"into": 7} or {"out_of_it": [8]}'),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outbox")),
        comment="Events that the broker has not confirmed yet.",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_entity", "outbox", ["entity_id", "seq"], unique=False)

    op.create_table(
        "override",
        sa.Column("override_id", NUMBER, autoincrement=True, nullable=False, comment="order of the overrides"),
        sa.Column("record_no", NUMBER, nullable=False, comment="the source record it hangs on, so that merges move it"),
        sa.Column("path", sa.Text(), nullable=False, comment="golden field"),
        sa.Column("value", sa.Text(), nullable=True, comment="JSON; null: the field must be empty"),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("override_id", name=op.f("pk_override")),
        comment="Golden values that a steward or the customer set.",
    )
    op.create_index("ix_override_record", "override", ["record_no"], unique=False)

    op.create_table(
        "party_reference",
        sa.Column("record_no", NUMBER, autoincrement=False, nullable=False, comment="the satellite"),
        sa.Column("source_no", sa.Integer(), nullable=True, comment="refers to a source record: its source …"),
        sa.Column("record_id", sa.Text(), nullable=True, comment="… and key"),
        sa.Column("identifier_type", sa.Text(), nullable=True, comment="or to an identifier: its type …"),
        sa.Column("identifier_value", sa.Text(), nullable=True, comment="… and value"),
        sa.Column("party_no", NUMBER, nullable=True, comment="record_no of the party it is attached to"),
        sa.Column(
            "state", sa.Text(), nullable=False, comment="attached, pending (no such party yet), ambiguous (several)"
        ),
        sa.CheckConstraint("(state = 'attached') = (party_no is not null)", name=op.f("ck_party_reference_attached")),
        sa.CheckConstraint("state in ('attached', 'pending', 'ambiguous')", name=op.f("ck_party_reference_state")),
        sa.PrimaryKeyConstraint("record_no", name=op.f("pk_party_reference")),
        comment="Which party a satellite belongs to.",
    )
    op.create_index(
        "ix_party_reference_identifier",
        "party_reference",
        ["identifier_type", "identifier_value"],
        unique=False,
        sqlite_where=sa.text("identifier_type is not null"),
        postgresql_where=sa.text("identifier_type is not null"),
    )
    op.create_index(
        "ix_party_reference_party",
        "party_reference",
        ["party_no"],
        unique=False,
        sqlite_where=sa.text("party_no is not null"),
        postgresql_where=sa.text("party_no is not null"),
    )
    op.create_index(
        "ix_party_reference_pending",
        "party_reference",
        ["source_no", "record_id"],
        unique=False,
        sqlite_where=sa.text("source_no is not null and party_no is null"),
        postgresql_where=sa.text("source_no is not null and party_no is null"),
    )

    op.create_table(
        "quarantine",
        sa.Column(
            "entry_id", NUMBER, autoincrement=True, nullable=False, comment="one per bad row, however often it is read"
        ),
        sa.Column("source_no", sa.Integer(), nullable=False),
        sa.Column("row_hash", sa.BigInteger(), nullable=False, comment="64 bits of the raw row, to know it again"),
        sa.Column(
            "kind",
            sa.SmallInteger(),
            nullable=True,
            comment="of the first refused record of which the key could be read …",
        ),
        sa.Column("record_id", sa.Text(), nullable=True, comment="… and that key"),
        sa.Column("reasons", sa.Text(), nullable=False, comment="JSON [{kind, path, reason}]; never a value"),
        sa.Column("batch_id", NUMBER, nullable=False, comment="its raw row: the batch …"),
        sa.Column("row", sa.Integer(), nullable=False, comment="… and the row in it, from 0"),
        sa.Column("run_id", NUMBER, nullable=False, comment="the run that first met it"),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True, comment="null while it is open"),
        sa.Column("closed_by", sa.Text(), nullable=True, comment="read (good or gone in a later read) or replay"),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_quarantine")),
        comment="Rows that could not land.",
    )
    op.create_index(
        "uq_quarantine_open",
        "quarantine",
        ["source_no", "row_hash"],
        unique=True,
        sqlite_where=sa.text("closed_at is null"),
        postgresql_where=sa.text("closed_at is null"),
    )

    op.create_table(
        "raw_batch",
        sa.Column(
            "batch_id",
            NUMBER,
            autoincrement=True,
            nullable=False,
            comment="source records and quarantine entries point here",
        ),
        sa.Column("source_no", sa.Integer(), nullable=False),
        sa.Column("run_id", NUMBER, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False, comment="number of rows inside"),
        sa.Column(
            "data", sa.LargeBinary(), nullable=False, comment="Arrow IPC stream, zstd: the rows as the system gave them"
        ),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_raw_batch")),
        comment="Raw rows that landed or were quarantined; kept for re-mapping and explanation.",
    )
    op.create_table(
        "run",
        sa.Column("run_id", NUMBER, autoincrement=True, nullable=False, comment="runs are ordered by it"),
        sa.Column("verb", sa.Text(), nullable=False, comment="land, replay, resolve, publish …"),
        sa.Column("source_no", sa.Integer(), nullable=True, comment="of a run of one source"),
        sa.Column("state", sa.Text(), nullable=False, comment="running, done, failed, held, interrupted"),
        sa.Column("actor", sa.Text(), nullable=False, comment="who or what asked for it"),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("mapping_digest", sa.Text(), nullable=True),
        sa.Column(
            "read", sa.BigInteger(), nullable=True, comment="rows; = landed + unchanged + quarantined + filtered"
        ),
        sa.Column("landed", sa.BigInteger(), nullable=True, comment="rows that changed at least one source record"),
        sa.Column("unchanged", sa.BigInteger(), nullable=True, comment="rows that told nothing new"),
        sa.Column(
            "quarantined", sa.BigInteger(), nullable=True, comment="rows of which at least one record was refused"
        ),
        sa.Column(
            "filtered", sa.BigInteger(), nullable=True, comment="rows that no record wanted, or that are suppressed"
        ),
        sa.Column(
            "deleted", sa.BigInteger(), nullable=True, comment="source records that vanished from a complete snapshot"
        ),
        sa.Column(
            "details",
            sa.Text(),
            nullable=True,
            comment="JSON: bad optional values per path and reason; or the report of another verb",
        ),
        sa.Column(
            "error", sa.Text(), nullable=True, comment="the located message; never a value from a customer system"
        ),
        sa.CheckConstraint("state in ('running', 'done', 'failed', 'held', 'interrupted')", name=op.f("ck_run_state")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run")),
        comment="Every run of every verb, with what it did.",
    )
    op.create_index("ix_run_source", "run", ["source_no"], unique=False)

    op.create_table(
        "sequence",
        sa.Column("name", sa.Text(), nullable=False, comment="record, entity"),
        sa.Column("next", sa.BigInteger(), nullable=False, comment="the next number to give out; never goes back"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sequence")),
        comment="Numbers given out in blocks; a number is never used twice.",
    )
    op.create_table(
        "source",
        sa.Column("source_no", NUMBER, autoincrement=True, nullable=False, comment="surrogate for the source's name"),
        sa.Column("name", sa.Text(), nullable=False, comment="data_source: the mapping's 'source:'"),
        sa.Column(
            "system",
            sa.Text(),
            nullable=True,
            comment="the legacy system it is read from; null until it is first synced",
        ),
        sa.Column("mode", sa.Text(), nullable=True, comment="snapshot or delta; null until it is first synced"),
        sa.Column("mapping_digest", sa.Text(), nullable=True, comment="of the mapping that the last finished run used"),
        sa.Column("state", sa.Text(), nullable=False, comment="active, held (a guard stopped its last run)"),
        sa.Column("held_reason", sa.Text(), nullable=True, comment="what the guard saw; counts only"),
        sa.Column("cursor", sa.Text(), nullable=True, comment="JSON: where the next delta read starts"),
        sa.CheckConstraint("state in ('active', 'held')", name=op.f("ck_source_state")),
        sa.PrimaryKeyConstraint("source_no", name=op.f("pk_source")),
        sa.UniqueConstraint("name"),
        comment="One thing read from a legacy system.",
    )
    op.create_table(
        "source_record",
        sa.Column(
            "record_no",
            NUMBER,
            autoincrement=False,
            nullable=False,
            comment="surrogate for (source_no, kind, record_id)",
        ),
        sa.Column("source_no", sa.Integer(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False, comment="see KIND_NUMBERS"),
        sa.Column("record_id", sa.Text(), nullable=False, comment="the source's own key"),
        sa.Column("version", sa.Integer(), nullable=False, comment="from 1; a delete is a version too"),
        sa.Column("deleted", sa.Boolean(), nullable=False, comment="a tombstone; content is the last"),
        sa.Column("content", sa.Text(), nullable=False, comment="canonical JSON"),
        sa.Column("content_hash", sa.BigInteger(), nullable=False, comment="64 bits of content and party reference"),
        sa.Column("since_at", INSTANT, nullable=False, comment="when the source first gave the values it gives"),
        sa.Column(
            "since",
            sa.Text(),
            nullable=True,
            comment="JSON {field group: microseconds} where that differs from since_at",
        ),
        sa.Column("changed_at", INSTANT, nullable=True, comment="when the source says it changed"),
        sa.Column("recorded_at", INSTANT, nullable=False, comment="when this version landed"),
        sa.Column("run_id", NUMBER, nullable=False, comment="the run that landed this version"),
        sa.Column("batch_id", NUMBER, nullable=True, comment="its raw row: the batch …"),
        sa.Column("row", sa.Integer(), nullable=True, comment="… and the row in it, from 0"),
        sa.Column("canonical_version", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("record_no", name=op.f("pk_source_record")),
        comment="The newest version of every source record.",
    )
    op.create_index("uq_source_record_key", "source_record", ["source_no", "kind", "record_id"], unique=True)

    op.create_table(
        "source_record_history",
        sa.Column("record_no", NUMBER, autoincrement=False, nullable=False, comment="see source_record"),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.BigInteger(), nullable=False),
        sa.Column("since_at", INSTANT, nullable=False),
        sa.Column("since", sa.Text(), nullable=True),
        sa.Column("changed_at", INSTANT, nullable=True),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("run_id", NUMBER, nullable=False),
        sa.Column("batch_id", NUMBER, nullable=True),
        sa.Column("row", sa.Integer(), nullable=True),
        sa.Column("canonical_version", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("record_no", "version", name=op.f("pk_source_record_history")),
        comment="The versions before the newest, as they stood in source_record.",
    )
    op.create_table(
        "state",
        sa.Column("key", sa.Text(), nullable=False, comment="e.g. 'loading', 'suppression_key'"),
        sa.Column("value", sa.Text(), nullable=False, comment="as text; what it means is the key's business"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_state")),
        comment="Facts about the store as a whole.",
    )
    op.create_table(
        "suppression",
        sa.Column("key_hash", sa.LargeBinary(), nullable=False, comment="HMAC-SHA256 of source, kind and record_id"),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_suppression")),
        comment="Source keys of erased persons; landing leaves them out.",
    )
    op.create_table(
        "task",
        sa.Column("task_id", NUMBER, autoincrement=True, nullable=False, comment="order of arrival"),
        sa.Column("kind", sa.Text(), nullable=False, comment="possible_duplicate, conflict, ambiguous_reference …"),
        sa.Column("state", sa.Text(), nullable=False, comment="open, done, withdrawn"),
        sa.Column("a", NUMBER, nullable=True, comment="record_no"),
        sa.Column("b", NUMBER, nullable=True, comment="record_no, of a question about a pair"),
        sa.Column("evidence", sa.Text(), nullable=True, comment="JSON"),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, comment="who or what asked"),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.CheckConstraint("state in ('open', 'done', 'withdrawn')", name=op.f("ck_task_state")),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_task")),
        comment="Questions for stewards.",
    )
    op.create_table(
        "tombstone",
        sa.Column(
            "entity_id", NUMBER, autoincrement=False, nullable=False, comment="an erased entity; holds no personal data"
        ),
        sa.Column("erased_at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("entity_id", name=op.f("pk_tombstone")),
        comment="Ids of erased customers.",
    )
    op.create_table(
        "work",
        sa.Column(
            "seq",
            NUMBER,
            autoincrement=True,
            nullable=False,
            comment="deleted by exact number, in the transaction that did the work",
        ),
        sa.Column("record_no", NUMBER, nullable=False, comment="a party that changed, or whose satellites did"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_work")),
        comment="What resolving has still to look at.",
    )


def downgrade() -> None:
    """Refuse: a store goes back by restoring a backup, for a downgrade would lose what it holds."""
    raise NotImplementedError("restore the backup that was made before the migration")
