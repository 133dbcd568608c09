"""What resolving reads and writes: live parties, clusters as they are, members, golden records, the queue.

Frames in, frames out; columns are named as in ``store.tables``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import polars as pl
from sqlalchemy import Connection, Select, func, select

from canonical_model import content
from canonical_model.schema import Kind, content_schema, field_groups
from store import bulk
from store.engine import Store
from store.tables import (
    KIND_NUMBERS,
    crosswalk,
    crosswalk_history,
    decision,
    entity,
    golden,
    golden_history,
    lookup_key,
    outbox,
    override,
    party_reference,
    sequence,
    source,
    source_record,
    state,
    work,
)

PARTY_ROWS = 50_000
"""Parties decoded at a time: some 100 MB."""

_CROSSWALK = select(crosswalk.c.record_no, crosswalk.c.entity_id)

_MODEL, _CODE, _RULES = "resolved_with_model", "resolved_with_code", "resolved_with_rules"
_DUPLICATE_FREE = "resolved_with_duplicate_free"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeWith:
    """What entities and golden records were last made with, completely; None before the first time."""

    model: str | None  # version of the model, which the matcher's tables are of; None too while those are filled
    code: str | None  # release of the matching code, which they are of too
    rules: str | None  # digest of the survivorship rules


# What there is --------------------------------------------------------------------------------------------------


def live_parties(store: Store) -> Iterator[pl.DataFrame]:
    """Yield all live parties: record_no, data_source, record_id, and the content columns of a party."""
    with store.read() as connection:
        for found in bulk.frames(connection, _live_parties(), PARTY_ROWS):
            yield _decoded(found, Kind.PARTY)


def parties(connection: Connection, records: pl.Series) -> pl.DataFrame:
    """Return those of the named parties that are live, with the columns of ``live_parties``."""
    named = _live_parties().where(bulk.among(connection, source_record.c.record_no, records))
    return _decoded(bulk.frame(connection, named), Kind.PARTY)


def no_parties() -> pl.DataFrame:
    """Return the frame of ``live_parties`` without rows."""
    keys = {"record_no": pl.Int64(), "data_source": pl.String(), "record_id": pl.String()}
    return pl.DataFrame(schema={**keys, **content_schema(Kind.PARTY)})


def clusters(connection: Connection) -> pl.DataFrame:
    """Return the crosswalk: record_no, entity_id."""
    return bulk.frame(connection, _CROSSWALK)


def size(connection: Connection) -> int:
    """Return how many records are in the crosswalk."""
    return connection.scalar(select(func.count()).select_from(crosswalk)) or 0


def homes(connection: Connection, records: pl.Series) -> pl.DataFrame:
    """Return the crosswalk of the named records: record_no, entity_id."""
    return bulk.frame(connection, _CROSSWALK.where(bulk.among(connection, crosswalk.c.record_no, records)))


def clusters_of(connection: Connection, ids: pl.Series) -> pl.DataFrame:
    """Return the crosswalk of the named entities: record_no, entity_id."""
    return bulk.frame(connection, _CROSSWALK.where(bulk.among(connection, crosswalk.c.entity_id, ids)))


def retired_members(connection: Connection, records: pl.Series | None = None) -> pl.DataFrame:
    """Return the last members of retired ids: record_no, entity_id, redirect_to.

    Args:
        connection: to the store.
        records: only of ids that have one of these among their last members; None: of all.
    """
    last = crosswalk_history.c
    statement = (
        select(last.record_no, last.entity_id, entity.c.redirect_to)
        .join(entity, entity.c.entity_id == last.entity_id)
        .where(entity.c.state == "retired", last.until == entity.c.retired_at)
    )
    if records is not None:
        ids = bulk.frame(connection, statement.where(bulk.among(connection, last.record_no, records)))["entity_id"]
        statement = statement.where(bulk.among(connection, last.entity_id, ids.unique()))
    return bulk.frame(connection, statement)


def entities(connection: Connection, ids: pl.Series | None = None) -> pl.DataFrame:
    """Return entities, all or those named: entity_id, state, redirect_to, version, created_at, retired_at."""
    columns = entity.c
    statement = select(
        columns.entity_id, columns.state, columns.redirect_to, columns.version, columns.created_at, columns.retired_at
    )
    if ids is not None:
        statement = statement.where(bulk.among(connection, entity.c.entity_id, ids))
    return bulk.frame(connection, statement)


def active(connection: Connection) -> int:
    """Return how many entities there are, retired ones left out."""
    return connection.scalar(select(func.count()).where(entity.c.state == "active")) or 0


def next_entity(connection: Connection) -> int:
    """Return the next id that an entity can have; whoever holds the lease 'resolve' takes it by ``bulk.allocate``."""
    return int(connection.execute(select(sequence.c.next).where(sequence.c.name == "entity")).scalar_one())


def moment(connection: Connection, now: datetime) -> datetime:
    """Return ``now``, or just after the last move of a record if that was not before it.

    When records left an entity tells which were its last, so no two transactions may bear the same time.
    """
    last = connection.scalar(select(crosswalk_history.c.until).order_by(crosswalk_history.c.seq.desc()).limit(1))
    return now if last is None or last < now else last + timedelta(microseconds=1)


def decisions(connection: Connection) -> pl.DataFrame:
    """Return what stewards decided and did not revoke: a, b (record_no), kind."""
    return bulk.frame(
        connection, select(decision.c.a, decision.c.b, decision.c.kind).where(decision.c.revoked_at.is_(None))
    )


def made_with(connection: Connection) -> MadeWith:
    """Return what entities and golden records were last made with, completely."""
    found = connection.execute(select(state.c.key, state.c.value).where(state.c.key.in_((_MODEL, _CODE, _RULES))))
    kept = {row.key: row.value for row in found}
    return MadeWith(model=kept.get(_MODEL), code=kept.get(_CODE), rules=kept.get(_RULES))


def duplicate_free(connection: Connection) -> frozenset[str]:
    """Return the sources that were taken to have a customer once, when everything was last made."""
    kept = connection.scalar(select(state.c.value).where(state.c.key == _DUPLICATE_FREE))
    return frozenset(json.loads(kept or "[]"))


def due(connection: Connection, today: datetime) -> pl.Series:
    """Return the entities of which values begin or cease to be valid by now."""
    return bulk.frame(connection, select(golden.c.entity_id).where(golden.c.due_at <= today))["entity_id"]


# Members of entities --------------------------------------------------------------------------------------------


def members(connection: Connection, records: pl.Series) -> pl.DataFrame:
    """Return the named parties that are live.

    Columns: record_no, data_source, record_id, changed_at, since Struct{field group: moment}, content columns.
    """
    statement = _records().where(
        bulk.among(connection, source_record.c.record_no, records), source_record.c.deleted.is_(False)
    )
    return _with_since(bulk.frame(connection, statement), Kind.PARTY)


def satellites(connection: Connection, parties: pl.Series) -> Mapping[Kind, pl.DataFrame]:
    """Return the live products, consents and relationships that are attached to the named parties.

    The columns of ``members``, and party_no: the party that each is attached to.
    """
    kinds = {KIND_NUMBERS[kind]: kind for kind in (Kind.PRODUCT, Kind.CONSENT, Kind.RELATIONSHIP)}
    statement = (
        _records(party_reference.c.party_no, source_record.c.kind)
        .join(party_reference, party_reference.c.record_no == source_record.c.record_no)
        .where(
            bulk.among(connection, party_reference.c.party_no, parties),
            source_record.c.kind.in_(kinds),
            source_record.c.deleted.is_(False),
        )
    )
    found = bulk.frame(connection, statement).partition_by("kind", as_dict=True, include_key=False)
    some = {kinds[number]: _with_since(records, kinds[number]) for (number,), records in found.items()}
    return {kind: _no_satellites(kind) for kind in kinds.values()} | some


def golden_records(connection: Connection, ids: pl.Series) -> pl.DataFrame:
    """Return the golden records of the named entities: entity_id, version, payload, provenance, recorded_at, due_at."""
    return bulk.frame(connection, select(golden).where(bulk.among(connection, golden.c.entity_id, ids)))


def overrides(connection: Connection, records: pl.Series) -> pl.DataFrame:
    """Return what was set by hand on the named records and not revoked: record_no, path, value, author, created_at."""
    return bulk.frame(
        connection,
        select(override.c.record_no, override.c.path, override.c.value, override.c.author, override.c.created_at)
        .where(bulk.among(connection, override.c.record_no, records), override.c.revoked_at.is_(None)),
    )  # fmt: skip


# What resolving writes ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """All that changes for a group of whole entities; commits together."""

    moved: pl.DataFrame  # record_no, entity_id (null: gone), was (null: new), cause
    entities: pl.DataFrame  # entity_id, state, redirect_to, version, created_at, updated_at, retired_at
    golden: pl.DataFrame  # entity_id, version, payload, provenance, recorded_at, due_at: new or with other content
    superseded: pl.DataFrame  # entity_id, version, payload, provenance, recorded_at: versions now past
    lookup_keys: pl.DataFrame  # entity_id, kind, value, current: all that the entities have now
    looked_up: pl.Series  # entities that may have had look-up keys before: those are replaced
    gone: pl.Series  # entities that have no golden record any more
    events: pl.DataFrame  # entity_id, version, type, changed_paths, cause, related, created_at: in order
    done: pl.Series  # seq of the queue entries that this answers


def write(connection: Connection, change: Change, *, now: datetime, actor: str) -> None:
    """Write one group of whole entities."""
    _move(connection, change.moved, now=now, actor=actor)
    bulk.upsert(connection, entity, change.entities)
    bulk.insert(connection, golden_history, change.superseded)
    bulk.delete(connection, golden, change.gone.to_frame("entity_id"))
    bulk.upsert(connection, golden, change.golden)
    bulk.delete(connection, lookup_key, change.looked_up.to_frame("entity_id"))
    bulk.insert(connection, lookup_key, change.lookup_keys)
    bulk.insert(connection, outbox, change.events)
    bulk.delete(connection, work, change.done.to_frame("seq"))


def begin_anew(connection: Connection) -> None:
    """Say that the matcher's tables are about to be filled anew: whoever finds it so fills them anew as well."""
    connection.execute(state.delete().where(state.c.key == _MODEL))


def finish(connection: Connection, made_with: MadeWith, duplicate_free: Iterable[str]) -> None:
    """Say with what everything was made completely, and which sources were taken to have a customer once."""
    values = {
        "key": [_MODEL, _CODE, _RULES, _DUPLICATE_FREE],
        "value": [made_with.model, made_with.code, made_with.rules, json.dumps(sorted(duplicate_free))],
    }
    bulk.upsert(connection, state, pl.DataFrame(values))


def _move(connection: Connection, moved: pl.DataFrame, *, now: datetime, actor: str) -> None:
    """Change the crosswalk, and keep where the records were."""
    left = moved.filter(pl.col("was").is_not_null())
    if not left.is_empty():
        since = bulk.frame(
            connection,
            select(crosswalk.c.record_no, crosswalk.c.since).where(
                bulk.among(connection, crosswalk.c.record_no, left["record_no"])
            ),
        )
        history = left.join(since, on="record_no").select(
            "record_no",
            pl.col("was").alias("entity_id"),
            "since",
            pl.lit(now).cast(bulk.MOMENT).alias("until"),
            "cause",
            pl.lit(actor).alias("actor"),
        )
        bulk.insert(connection, crosswalk_history, history)
    bulk.delete(connection, crosswalk, moved.filter(pl.col("entity_id").is_null()).select("record_no"))
    stays = moved.filter(pl.col("entity_id").is_not_null())
    bulk.upsert(
        connection, crosswalk, stays.select("record_no", "entity_id", pl.lit(now).cast(bulk.MOMENT).alias("since"))
    )


def _live_parties() -> Select[tuple[object, ...]]:
    return (
        select(source_record.c.record_no, source.c.name.label("data_source"), source_record.c.record_id,
               source_record.c.content)
        .join(source, source.c.source_no == source_record.c.source_no)
        .where(source_record.c.kind == KIND_NUMBERS[Kind.PARTY], source_record.c.deleted.is_(False))
    )  # fmt: skip


def _records(*more: object) -> Select[tuple[object, ...]]:
    columns = source_record.c
    return select(
        columns.record_no, source.c.name.label("data_source"), columns.record_id, columns.changed_at,
        columns.since_at, columns.since, columns.content, *more,
    ).join(source, source.c.source_no == columns.source_no)  # fmt: skip


def _with_since(found: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Spread ``since`` over the field groups: where a group says nothing of its own, the record's holds."""
    exceptions = found["since"].str.json_decode(_since_type(kind)).alias("since")
    spread = [
        pl.coalesce(pl.col("since").struct.field(group).cast(bulk.MOMENT), pl.col("since_at")).alias(group)
        for group in field_groups(kind)
    ]
    return _decoded(found.with_columns(exceptions).with_columns(since=pl.struct(spread)).drop("since_at"), kind)


def _decoded(found: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    return found.drop("content").hstack(content.decode(found["content"], kind))


@cache
def _no_satellites(kind: Kind) -> pl.DataFrame:
    """Return the frame of ``satellites`` without rows: what most customers have of most kinds."""
    moments = {"changed_at": bulk.MOMENT, "since_at": bulk.MOMENT}
    texts = dict.fromkeys(("data_source", "record_id", "since", "content"), pl.String())
    return _with_since(pl.DataFrame(schema={"record_no": pl.Int64(), **texts, **moments, "party_no": pl.Int64()}), kind)


@cache
def _since_type(kind: Kind) -> pl.Struct:
    return pl.Struct({group: pl.Int64() for group in field_groups(kind)})
