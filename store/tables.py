"""All tables of the store, for SQLite and PostgreSQL alike.

Choices that hold across them:

- Records and entities are numbered; every other table refers to the number, so no text key is kept twice.
- A point in time is a BIGINT: microseconds since 1970-01-01T00:00:00Z (``Instant``). Bulk paths move it as it is,
  and it means the same in both databases.
- JSON is compact text, byte for byte what was written; nothing here queries inside it.
- The indexes in ``LANDING_INDEXES`` are left out during a first load and built at its end.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    text,
)

from canonical_model.schema import Kind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

KIND_NUMBERS = MappingProxyType(
    {Kind.PARTY: 1, Kind.PRODUCT: 2, Kind.CONTACT: 3, Kind.CONSENT: 4, Kind.RELATIONSHIP: 5}
)
"""The number by which the store knows a kind; never change one."""

KINDS = MappingProxyType({number: kind for kind, number in KIND_NUMBERS.items()})


def to_micros(moment: datetime) -> int:
    """Return a moment (with time zone) as the store keeps it: microseconds since 1970, UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return what ``to_micros`` was given, in UTC."""
    return _EPOCH + micros * _MICROSECOND


class Instant(TypeDecorator[datetime]):
    """A point in time, UTC; a BIGINT of microseconds since 1970 in both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Turn the moment into microseconds."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Turn microseconds into the moment."""
        return None if value is None else from_micros(value)


Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite only aliases its row id for INTEGER
metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s", "ck": "ck_%(table_name)s_%(constraint_name)s"})


def _number(name: str, comment: str) -> Column[int]:
    """Return a primary key that this program numbers itself."""
    return Column(name, Number, primary_key=True, autoincrement=False, comment=comment)


def _serial(name: str, comment: str) -> Column[int]:
    """Return a primary key that the database numbers."""
    return Column(name, Number, primary_key=True, autoincrement=True, comment=comment)


# The house itself -----------------------------------------------------------------------------------------------

state = Table(
    "state",
    metadata,
    Column("key", Text, primary_key=True, comment="e.g. 'loading', 'suppression_key'"),
    Column("value", Text, nullable=False, comment="as text; what it means is the key's business"),
    comment="Facts about the store as a whole.",
)

sequence = Table(
    "sequence",
    metadata,
    Column("name", Text, primary_key=True, comment="record, entity"),
    Column("next", BigInteger, nullable=False, comment="the next number to give out; never goes back"),
    comment="Numbers given out in blocks; a number is never used twice.",
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True, comment="what is held: 'resolve', 'publish', 'source:<name>'"),
    Column("holder", Text, nullable=False, comment="host:process:token of the holder"),
    Column("epoch", BigInteger, nullable=False, comment="raised by every new holder; its transactions check it"),
    Column("expires_at", Instant, nullable=False, comment="after this another may take it"),
    comment="Who may write what, one at a time.",
)

source = Table(
    "source",
    metadata,
    _serial("source_no", "surrogate for the source's name"),
    Column("name", Text, nullable=False, unique=True, comment="data_source: the mapping's 'source:'"),
    Column("system", Text, comment="the legacy system it is read from; null until it is first synced"),
    Column("mode", Text, comment="snapshot or delta; null until it is first synced"),
    Column("mapping_digest", Text, comment="of the mapping that the last finished run used"),
    Column("state", Text, nullable=False, comment="active, held (a guard stopped its last run)"),
    Column("held_reason", Text, comment="what the guard saw; counts only"),
    Column("cursor", Text, comment="JSON: where the next delta read starts"),
    CheckConstraint("state in ('active', 'held')", name="state"),
    comment="One thing read from a legacy system.",
)

run = Table(
    "run",
    metadata,
    _serial("run_id", "runs are ordered by it"),
    Column("verb", Text, nullable=False, comment="land, replay, resolve, publish …"),
    Column("source_no", Integer, comment="of a run of one source"),
    Column("state", Text, nullable=False, comment="running, done, failed, held, interrupted"),
    Column("actor", Text, nullable=False, comment="who or what asked for it"),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("mapping_digest", Text),
    Column("read", BigInteger, comment="rows; = landed + unchanged + quarantined + filtered"),
    Column("landed", BigInteger, comment="rows that changed at least one source record"),
    Column("unchanged", BigInteger, comment="rows that told nothing new"),
    Column("quarantined", BigInteger, comment="rows of which at least one record was refused"),
    Column("filtered", BigInteger, comment="rows that no record wanted, or that are suppressed"),
    Column("deleted", BigInteger, comment="source records that vanished from a complete snapshot"),
    Column("details", Text, comment="JSON: bad optional values per path and reason; or the report of another verb"),
    Column("error", Text, comment="the located message; never a value from a customer system"),
    CheckConstraint("state in ('running', 'done', 'failed', 'held', 'interrupted')", name="state"),
    comment="Every run of every verb, with what it did.",
)

# What the sources gave ------------------------------------------------------------------------------------------

raw_batch = Table(
    "raw_batch",
    metadata,
    _serial("batch_id", "source records and quarantine entries point here"),
    Column("source_no", Integer, nullable=False),
    Column("run_id", Number, nullable=False),
    Column("rows", Integer, nullable=False, comment="number of rows inside"),
    Column("data", LargeBinary, nullable=False, comment="Arrow IPC stream, zstd: the rows as the system gave them"),
    comment="Raw rows that landed or were quarantined; kept for re-mapping and explanation.",
)

source_record = Table(
    "source_record",
    metadata,
    _number("record_no", "surrogate for (source_no, kind, record_id)"),
    Column("source_no", Integer, nullable=False),
    Column("kind", SmallInteger, nullable=False, comment="see KIND_NUMBERS"),
    Column("record_id", Text, nullable=False, comment="the source's own key"),
    Column("version", Integer, nullable=False, comment="from 1; a delete is a version too"),
    Column("deleted", Boolean, nullable=False, comment="a tombstone; content is the last"),
    Column("content", Text, nullable=False, comment="canonical JSON"),
    Column("content_hash", BigInteger, nullable=False, comment="64 bits of content and party reference"),
    Column("since_at", Instant, nullable=False, comment="when the source first gave the values it gives"),
    Column("since", Text, comment="JSON {field group: microseconds} where that differs from since_at"),
    Column("changed_at", Instant, comment="when the source says it changed"),
    Column("recorded_at", Instant, nullable=False, comment="when this version landed"),
    Column("run_id", Number, nullable=False, comment="the run that landed this version"),
    Column("batch_id", Number, comment="its raw row: the batch …"),
    Column("row", Integer, comment="… and the row in it, from 0"),
    Column("canonical_version", SmallInteger, nullable=False),
    comment="The newest version of every source record.",
)

source_record_history = Table(
    "source_record_history",
    metadata,
    _number("record_no", "see source_record"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("deleted", Boolean, nullable=False),
    Column("content", Text, nullable=False),
    Column("content_hash", BigInteger, nullable=False),
    Column("since_at", Instant, nullable=False),
    Column("since", Text),
    Column("changed_at", Instant),
    Column("recorded_at", Instant, nullable=False),
    Column("run_id", Number, nullable=False),
    Column("batch_id", Number),
    Column("row", Integer),
    Column("canonical_version", SmallInteger, nullable=False),
    comment="The versions before the newest, as they stood in source_record.",
)

party_reference = Table(
    "party_reference",
    metadata,
    _number("record_no", "the satellite"),
    Column("source_no", Integer, comment="refers to a source record: its source …"),
    Column("record_id", Text, comment="… and key"),
    Column("identifier_type", Text, comment="or to an identifier: its type …"),
    Column("identifier_value", Text, comment="… and value"),
    Column("party_no", Number, comment="record_no of the party it is attached to"),
    Column("state", Text, nullable=False, comment="attached, pending (no such party yet), ambiguous (several)"),
    CheckConstraint("state in ('attached', 'pending', 'ambiguous')", name="state"),
    CheckConstraint("(state = 'attached') = (party_no is not null)", name="attached"),
    comment="Which party a satellite belongs to.",
)

other_party = Table(
    "other_party",
    metadata,
    _number("record_no", "a live relationship; its own party is in party_reference"),
    Column("other_source", Text, comment="names the other party by source record: its source …"),
    Column("other_record_id", Text, comment="… and key"),
    Column("other_identifier_type", Text, comment="or by identifier: its type …"),
    Column("other_identifier_value", Text, comment="… and value"),
    comment="Whom a relationship names, as its content says it: where those who name a customer are found.",
)

identifier_key = Table(
    "identifier_key",
    metadata,
    Column("type", Text, primary_key=True, comment="customer_number, iban …"),
    Column("value", Text, primary_key=True),
    _number("record_no", "a live party record that has it"),
    comment="Where a satellite's reference by identifier looks.",
    sqlite_with_rowid=False,
)

quarantine = Table(
    "quarantine",
    metadata,
    _serial("entry_id", "one per bad row, however often it is read"),
    Column("source_no", Integer, nullable=False),
    Column("row_hash", BigInteger, nullable=False, comment="64 bits of the raw row, to know it again"),
    Column("kind", SmallInteger, comment="of the first refused record of which the key could be read …"),
    Column("record_id", Text, comment="… and that key"),
    Column("reasons", Text, nullable=False, comment="JSON [{kind, path, reason}]; never a value"),
    Column("batch_id", Number, nullable=False, comment="its raw row: the batch …"),
    Column("row", Integer, nullable=False, comment="… and the row in it, from 0"),
    Column("run_id", Number, nullable=False, comment="the run that first met it"),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant, comment="null while it is open"),
    Column("closed_by", Text, comment="read (good or gone in a later read) or replay"),
    comment="Rows that could not land.",
)

suppression = Table(
    "suppression",
    metadata,
    Column("key_hash", LargeBinary, primary_key=True, comment="HMAC-SHA256 of source, kind and record_id"),
    Column("created_at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    comment="Source keys of erased persons; landing leaves them out.",
)

work = Table(
    "work",
    metadata,
    _serial("seq", "deleted by exact number, in the transaction that did the work"),
    Column("record_no", Number, nullable=False, comment="a party that changed, or whose satellites did"),
    comment="What resolving has still to look at.",
)

# Who is who -----------------------------------------------------------------------------------------------------

entity = Table(
    "entity",
    metadata,
    _number("entity_id", "never used twice"),
    Column("state", Text, nullable=False, comment="active, retired"),
    Column("redirect_to", Number, comment="of a retired one: who holds most of its last members"),
    Column("version", Integer, nullable=False, comment="of its golden record and events; never restarts"),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("retired_at", Instant, comment="when its last members left; their moves bear the same time"),
    CheckConstraint("state in ('active', 'retired')", name="state"),
    comment="A cluster of source records that are one customer.",
)

crosswalk = Table(
    "crosswalk",
    metadata,
    _number("record_no", "a live party record"),
    Column("entity_id", Number, nullable=False),
    Column("since", Instant, nullable=False),
    comment="Which entity a source record belongs to now.",
)

crosswalk_history = Table(
    "crosswalk_history",
    metadata,
    _serial("seq", "order of the moves"),
    Column("record_no", Number, nullable=False),
    Column("entity_id", Number, nullable=False, comment="where it was"),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("cause", Text, nullable=False, comment="shared with the events of the same change"),
    Column("actor", Text, nullable=False),
    comment="Where source records were before.",
)

tombstone = Table(
    "tombstone",
    metadata,
    _number("entity_id", "an erased entity; holds no personal data"),
    Column("erased_at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    comment="Ids of erased customers.",
)

decision = Table(
    "decision",
    metadata,
    _serial("decision_id", "order of the decisions"),
    Column("a", Number, nullable=False, comment="record_no, the smaller"),
    Column("b", Number, nullable=False, comment="record_no, the larger"),
    Column("kind", Text, nullable=False, comment="must_link, never_link"),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_by", Text),
    CheckConstraint("kind in ('must_link', 'never_link')", name="kind"),
    CheckConstraint("a < b", name="order"),
    comment="What stewards decided about pairs of source records; hard constraints.",
)

task = Table(
    "task",
    metadata,
    _serial("task_id", "order of arrival"),
    Column("kind", Text, nullable=False, comment="possible_duplicate, conflict, doubtful_merge, raised"),
    Column("state", Text, nullable=False, comment="open, done, withdrawn"),
    Column("a", Number, comment="record_no"),
    Column("b", Number, comment="record_no, of a question about a pair"),
    Column("weight", Integer, comment="of a question about a pair, thousandths of a bit; null: none was computed"),
    Column("reason", Text, comment="between_thresholds, contradiction, veto, party_type …"),
    Column(
        "priority", Integer, nullable=False, server_default="0", comment="uncertainty times impact; the larger first"
    ),
    Column("evidence", Text, comment="JSON"),
    Column("created_at", Instant, nullable=False),
    Column("actor", Text, nullable=False, comment="who or what asked"),
    Column("ended_at", Instant),
    Column("ended_by", Text),
    CheckConstraint("state in ('open', 'done', 'withdrawn')", name="state"),
    comment="Questions for stewards.",
)

model_version = Table(
    "model_version",
    metadata,
    _serial("model_no", "order of training"),
    Column("version", Text, nullable=False, unique=True, comment="digest of the artefact"),
    Column("artefact", Text, nullable=False, comment="JSON; immutable"),
    Column("active", Boolean, nullable=False, comment="true for exactly the one that resolving uses"),
    Column("note", Text, comment="how it came to be"),
    Column("actor", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    comment="The matcher's models.",
)

edge = Table(
    "edge",
    metadata,
    _number("a", "record_no, the smaller"),
    Column("b", Number, primary_key=True, autoincrement=False, comment="record_no, the larger"),
    Column("weight", Integer, nullable=False, comment="thousandths of a bit"),
    Column("veto", Boolean, nullable=False, comment="something says that the two are never one party"),
    comment="Pairs at or above the review threshold, by the model that matching is up to date with.",
    sqlite_with_rowid=False,
)

blocking_key = Table(
    "blocking_key",
    metadata,
    Column("hash", BigInteger, primary_key=True, autoincrement=False, comment="64 bits of rule and values"),
    _number("record_no", "a live party record that has it"),
    comment="Where the matcher finds the candidates of a record.",
    sqlite_with_rowid=False,
)

feature = Table(
    "feature",
    metadata,
    _number("record_no", "a live party record"),
    Column(
        "key", BigInteger, nullable=False, comment="hash of (data_source, record_id), signed; ties are broken by it"
    ),
    Column("content", Text, nullable=False, comment="its features, as the matcher packs them"),
    comment="What the matcher compares, so that one changed record needs no other record's content.",
)

# What survives --------------------------------------------------------------------------------------------------

golden = Table(
    "golden",
    metadata,
    _number("entity_id", "an active entity"),
    Column("version", Integer, nullable=False, comment="= entity.version"),
    Column("payload", Text, nullable=False, comment="canonical JSON of the golden record"),
    Column("provenance", Text, nullable=False, comment="JSON: path → where the value comes from"),
    Column("recorded_at", Instant, nullable=False, comment="when this version was computed"),
    Column("due_at", Instant, comment="when a value begins or ceases to be valid, and it must be computed again"),
    comment="The golden record of every active entity.",
)

golden_history = Table(
    "golden_history",
    metadata,
    _number("entity_id", "see golden"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("payload", Text, nullable=False),
    Column("provenance", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    comment="The versions before the newest.",
)

override = Table(
    "override",
    metadata,
    _serial("override_id", "order of the overrides"),
    Column("record_no", Number, nullable=False, comment="the source record it hangs on, so that merges move it"),
    Column("path", Text, nullable=False, comment="golden field"),
    Column("value", Text, comment="JSON; null: the field must be empty"),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_by", Text),
    comment="Golden values that a steward or the customer set.",
)

lookup_key = Table(
    "lookup_key",
    metadata,
    _number("entity_id", "an active entity"),
    Column("kind", Text, primary_key=True, comment="phone, email, customer_number, iban …"),
    Column("value", Text, primary_key=True, comment="normalised"),
    Column("current", Boolean, nullable=False, comment="in the golden record; else superseded"),
    comment="What channels find customers by: every live member value.",
    sqlite_with_rowid=False,
)

# What goes out --------------------------------------------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    _serial("seq", "order of the events of one entity; never used twice"),
    Column("entity_id", Number, nullable=False),
    Column("version", Integer, nullable=False),
    Column("type", Text, nullable=False, comment="created, changed, merged, split, deleted"),
    Column("changed_paths", Text, comment="JSON list"),
    Column("cause", Text, nullable=False, comment="shared by the events of one change"),
    Column("related", Text, comment='JSON, e.g. {"into": 7} or {"out_of_it": [8]}'),
    Column("created_at", Instant, nullable=False),
    comment="Events that the broker has not confirmed yet.",
    sqlite_autoincrement=True,
)


def _partial_index(name: str, *columns: ColumnElement[Any], where: str, unique: bool = False) -> Index:
    """Return an index of those rows alone that fulfil a condition, in both databases."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


LANDING_INDEXES = (
    Index(
        "uq_source_record_key", source_record.c.source_no, source_record.c.kind, source_record.c.record_id, unique=True
    ),
    _partial_index("ix_party_reference_party", party_reference.c.party_no, where="party_no is not null"),
    _partial_index(
        "ix_party_reference_pending",
        party_reference.c.source_no,
        party_reference.c.record_id,
        where="source_no is not null and party_no is null",
    ),
    _partial_index(
        "ix_party_reference_identifier",
        party_reference.c.identifier_type,
        party_reference.c.identifier_value,
        where="identifier_type is not null",
    ),
)
"""The indexes of what lands; a first load builds them at its end."""

_partial_index(
    "ix_other_party_record",
    other_party.c.other_record_id,
    other_party.c.other_source,
    where="other_record_id is not null",
)
_partial_index(
    "ix_other_party_identifier",
    other_party.c.other_identifier_value,
    other_party.c.other_identifier_type,
    where="other_identifier_value is not null",
)
Index("ix_crosswalk_entity", crosswalk.c.entity_id)
Index("ix_crosswalk_history_entity", crosswalk_history.c.entity_id)
Index("ix_crosswalk_history_record", crosswalk_history.c.record_no)
Index("ix_lookup_key_value", lookup_key.c.kind, lookup_key.c.value)
_partial_index("ix_entity_redirect", entity.c.redirect_to, where="redirect_to is not null")
Index("ix_outbox_entity", outbox.c.entity_id, outbox.c.seq)
_partial_index("ix_golden_due", golden.c.due_at, where="due_at is not null")
Index("ix_edge_b", edge.c.b)
Index("ix_run_source", run.c.source_no)
_partial_index(
    "uq_quarantine_open", quarantine.c.source_no, quarantine.c.row_hash, where="closed_at is null", unique=True
)
_partial_index("uq_decision_open", decision.c.a, decision.c.b, where="revoked_at is null", unique=True)
_partial_index("uq_model_version_active", model_version.c.active, where="active", unique=True)
Index("ix_override_record", override.c.record_no)
_partial_index("uq_task_open", task.c.a, task.c.b, task.c.kind, where="state = 'open'", unique=True)
_partial_index("ix_task_priority", task.c.priority, where="state = 'open'")
Index("ix_task_a", task.c.a)
Index("ix_task_b", task.c.b)
Index("ix_decision_a", decision.c.a)
Index("ix_decision_b", decision.c.b)
