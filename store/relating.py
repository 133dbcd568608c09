"""What relating customers keeps and reads: who has a key too, whom a relationship names, and who names a customer."""

from __future__ import annotations

import polars as pl
from sqlalchemy import Connection, select

from canonical_model.content import decode
from canonical_model.schema import Kind
from store import bulk
from store.tables import (
    KIND_NUMBERS,
    crosswalk,
    identifier_key,
    lookup_key,
    other_party,
    party_reference,
    source,
    source_record,
)

REFERENCE = pl.Schema(
    {
        "other_source": pl.String,
        "other_record_id": pl.String,
        "other_identifier_type": pl.String,
        "other_identifier_value": pl.String,
    }
)
"""How a relationship names the other party: by source record, or by identifier."""


def keep(connection: Connection, relationships: pl.DataFrame) -> None:
    """Keep whom relationships name (record_no, content), in place of whom they named before."""
    named = decode(relationships["content"], Kind.RELATIONSHIP, REFERENCE.names())
    bulk.upsert(connection, other_party, relationships.select("record_no").hstack(named))


def forget(connection: Connection, record_nos: pl.Series) -> None:
    """Forget whom relationships named that are gone."""
    bulk.delete(connection, other_party, record_nos.to_frame("record_no"))


def sharing(connection: Connection, entity_id: int, most: int) -> list[int]:
    """Return the entities that have a look-up key of this one, in golden records of both: ``most`` for each key."""
    keys = lookup_key.c
    mine = connection.execute(select(keys.kind, keys.value).where(keys.entity_id == entity_id, keys.current)).all()
    found: set[int] = set()
    for kind, value in mine:
        theirs = select(keys.entity_id).where(keys.kind == kind, keys.value == value, keys.current).limit(most)
        found.update(connection.scalars(theirs))
    return sorted(found - {entity_id})


def referred(connection: Connection, references: pl.DataFrame) -> pl.DataFrame:
    """Return whom references name: the columns of ``REFERENCE``, and entity_id.

    What names nobody, or parties of several entities, is left out.

    Args:
        connection: to the store.
        references: with the columns of ``REFERENCE``.
    """
    asked = references.select(REFERENCE.names()).unique()
    by_record = bulk.frame(
        connection,
        select(source.c.name.label("other_source"), source_record.c.record_id.label("other_record_id"),
               crosswalk.c.entity_id)
        .join(source_record, source_record.c.source_no == source.c.source_no)
        .join(crosswalk, crosswalk.c.record_no == source_record.c.record_no)
        .where(
            source_record.c.kind == KIND_NUMBERS[Kind.PARTY],
            bulk.among(connection, source.c.name, asked["other_source"].drop_nulls().unique()),
            bulk.among(connection, source_record.c.record_id, asked["other_record_id"].drop_nulls().unique()),
        ),
    )  # fmt: skip
    by_identifier = bulk.frame(
        connection,
        select(identifier_key.c.type.label("other_identifier_type"),
               identifier_key.c.value.label("other_identifier_value"), crosswalk.c.entity_id)
        .join(crosswalk, crosswalk.c.record_no == identifier_key.c.record_no)
        .where(
            bulk.among(connection, identifier_key.c.type, asked["other_identifier_type"].drop_nulls().unique()),
            bulk.among(connection, identifier_key.c.value, asked["other_identifier_value"].drop_nulls().unique()),
        ),
    )  # fmt: skip
    found = [asked.join(part, on=part.columns[:2]) for part in (by_record, by_identifier)]
    columns = [*REFERENCE.names(), "entity_id"]
    named = pl.concat([part.select(columns) for part in found]).unique()
    return named.filter(pl.len().over(REFERENCE.names()) == 1)


def naming(connection: Connection, entity_id: int) -> list[int]:
    """Return the entities of which a relationship may name this one: by a record of it, or by an identifier."""
    mine = bulk.frame(
        connection,
        select(source.c.name.label("source"), source_record.c.record_id, source_record.c.content)
        .join(source_record, source_record.c.source_no == source.c.source_no)
        .join(crosswalk, crosswalk.c.record_no == source_record.c.record_no)
        .where(crosswalk.c.entity_id == entity_id),
    )
    identifiers = decode(mine["content"], Kind.PARTY, ["identifiers"])["identifiers"].explode().drop_nulls()
    keys = mine.select("source", "record_id").rows()
    numbers = identifiers.struct.unnest().select("type", "value").unique().rows()
    named = other_party.c
    found: set[int] = set()
    for first, second, pairs in (
        (named.other_source, named.other_record_id, keys),
        (named.other_identifier_type, named.other_identifier_value, numbers),
    ):
        for says in pairs:
            statement = (
                select(crosswalk.c.entity_id)
                .select_from(other_party)
                .join(party_reference, party_reference.c.record_no == named.record_no)
                .join(crosswalk, crosswalk.c.record_no == party_reference.c.party_no)
                .where(first == says[0], second == says[1])
            )
            found.update(connection.scalars(statement))
    return sorted(found - {entity_id})
