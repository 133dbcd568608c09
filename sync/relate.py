"""Relate: who lives together, who pays for whom, which organisation is whose; of one customer, or of all.

Told from golden records, so that it is about what customers are now. Nothing is kept: relations follow from the golden
records whenever they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl
from sqlalchemy import Connection

from canonical_model.golden import decode
from canonical_model.schema import Kind, content_schema
from identity import blocking, explanation, features, relations
from identity.comparison import Value
from identity.explanation import Packed
from identity.model import Model
from identity.scoring import Record
from store import exporting, matching, relating, resolving
from store.engine import Store
from sync import export
from sync.customer import current_id

NEAR: Final = ("name_start_and_address", "organisation_word_and_postcode")
"""The blocking rules by which those of one name at one address are found: of persons, and of organisations."""

MOST_NEAR: Final = 1_000
"""Records of one such key that are looked at; a name that more have there relates nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """How another customer is related to the one that was asked about."""

    id: str
    kind: str  # household, organisation, or what a source declares: payer …
    role: str  # "other": the other is the ``kind`` of this one; "one": this one is the ``kind`` of the other; "both"
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """The relations of a customer."""

    requested_id: str
    id: str
    relations: tuple[Relation, ...]
    household: tuple[str, ...]  # all who live together with it, itself included; empty when it lives alone


def related(store: Store, model: Model, id_: str) -> Related:
    """Return the relations of one customer.

    Args:
        store: where it is.
        model: knows the values that are too common to relate anyone.
        id_: of the customer; redirects are followed.

    Raises:
        NotFound: there is no such customer.
    """
    entity_id = current_id(store, id_)
    with store.read() as connection:
        found = _around(connection, model, entity_id)
    homes = relations.households(found)
    home = homes.filter(pl.col("entity_id") == entity_id)["household"]
    mine = found.filter((pl.col("one") == entity_id) | (pl.col("other") == entity_id))
    return Related(
        requested_id=id_,
        id=str(entity_id),
        relations=tuple(_relation(row, entity_id) for row in mine.iter_rows()),
        household=tuple(str(member) for member in homes.filter(pl.col("household").is_in(home.implode()))["entity_id"]),
    )


def export_relationships(store: Store, model: Model, file: Path, format_: export.Format) -> int:
    """Write who is related to whom; return how many relations.

    Columns: one, other (ids of customers), kind, because (what they share; in CSV separated by spaces): see
    ``relations.RELATION_SCHEMA``.

    Raises:
        VoegError: the file cannot be written.
    """
    found = _all(store, model)
    if format_ is export.Format.CSV:
        found = found.with_columns(pl.col("because").list.join(" "))
    return export.write(iter([found]), file, format_)


def export_households(store: Store, model: Model, file: Path, format_: export.Format) -> int:
    """Write who lives together: household (its smallest customer id), entity_id; return how many people.

    Raises:
        VoegError: the file cannot be written.
    """
    return export.write(iter([relations.households(_all(store, model))]), file, format_)


# All customers --------------------------------------------------------------------------------------------------


def _all(store: Store, model: Model) -> pl.DataFrame:
    """Return the relations of all customers; what may relate them stands in memory, their golden records do not."""
    told, said = [pl.DataFrame(schema=relations.FACT_SCHEMA)], [pl.DataFrame(schema=relations.DECLARED_SCHEMA)]
    for batch in exporting.golden(store):
        known = batch.select("entity_id").hstack(decode(batch["payload"]))
        told.append(relations.facts(known.select("entity_id", *_CONTENT), model))
        with store.read() as connection:
            said.append(_declared(connection, known))
    return relations.relate(pl.concat(told), pl.concat(said))


_CONTENT: Final = tuple(content_schema(Kind.PARTY))


def _declared(connection: Connection, known: pl.DataFrame) -> pl.DataFrame:
    """Return what sources say of customers (``relations.DECLARED_SCHEMA``)."""
    said = known.select("entity_id", "relationships").explode("relationships").drop_nulls("relationships")
    said = said.unnest("relationships").drop_nulls("relationship_type")
    if said.is_empty():
        return pl.DataFrame(schema=relations.DECLARED_SCHEMA)
    named = relating.referred(connection, said).rename({"entity_id": "other"})
    return said.join(named, on=relating.REFERENCE.names(), nulls_equal=True).select(
        pl.col("entity_id").alias("one"), "other", pl.col("relationship_type").alias("kind")
    )


# One customer ---------------------------------------------------------------------------------------------------


def _around(connection: Connection, model: Model, entity_id: int) -> pl.DataFrame:
    """Return the relations of a customer and of all who live with it: as of all customers, these alone."""
    known = _golden(connection, [entity_id, *relating.naming(connection, entity_id)])
    said = _declared(connection, known.filter(pl.col("entity_id") == entity_id))
    looked_at: set[int] = set()
    found, home = pl.DataFrame(schema=relations.RELATION_SCHEMA), {entity_id}
    while home - looked_at and len(home) <= relations.AT_MOST:
        near = {*said["other"], *(other for one in home - looked_at for other in _sharing(connection, model, one))}
        looked_at |= home
        known = pl.concat([known, _golden(connection, near.difference(known["entity_id"]))])
        related_ = relations.relate(
            relations.facts(known.select("entity_id", *_CONTENT), model), _declared(connection, known)
        )
        # What a customer shares is known completely only when it was looked at.
        found = related_.filter(pl.col("one").is_in(looked_at) | pl.col("other").is_in(looked_at))
        home = {entity_id, *_living_with(found, entity_id)}
    return found


def _living_with(found: pl.DataFrame, entity_id: int) -> set[int]:
    """Return whom household relations connect a customer with."""
    pairs = found.filter(pl.col("kind") == relations.HOUSEHOLD).select("one", "other").rows()
    reached, fresh = {entity_id}, {entity_id}
    while fresh:
        fresh = {person for pair in pairs if fresh & {*pair} for person in pair} - reached
        reached |= fresh
    return reached


def _golden(connection: Connection, ids: Iterable[int]) -> pl.DataFrame:
    found = resolving.golden_records(connection, pl.Series(sorted(ids), dtype=pl.Int64))
    return found.select("entity_id").hstack(decode(found["payload"]))


def _sharing(connection: Connection, model: Model, entity_id: int) -> set[int]:
    """Return who has a contact point of a customer, or its name at its address."""
    index = matching.Index(connection)
    records = resolving.clusters_of(connection, pl.Series([entity_id]))["record_no"].to_list()
    hashes: set[int] = set()
    for _, key, content in index.features(records):
        hashes |= _near(explanation.seen(Packed(key, content), model))
    holders = {number for _, numbers in index.holders(sorted(hashes), MOST_NEAR) for number in numbers}
    homes = resolving.homes(connection, pl.Series(sorted(holders), dtype=pl.Int64))["entity_id"].to_list()
    # One more than may share a value, so that the guard sees it is too many.
    return {*homes, *relating.sharing(connection, entity_id, relations.AT_MOST + 1)}


def _near(record: Record) -> set[int]:
    """Return the keys that a person, and an organisation, of the record's name has at its addresses."""
    is_person = record.party_type == "person"
    names = record["family_parts"] if is_person else record["organisation_words"]
    called: dict[str, dict[str, Value]] = {
        "person": {"family_parts": names, "given_names": None},
        "organisation": {"organisation_words": names},
    }
    places = {name: record[name] for name in ("addresses", "postcodes")}
    keys = set()
    for party_type, rule in zip(called, NEAR, strict=True):
        as_such = dict.fromkeys(features.SCHEMA, None) | places | called[party_type]
        keys.update(blocking.keys(as_such, party_type).get(rule, []))
    return keys


def _relation(row: tuple[int, int, str, list[str]], entity_id: int) -> Relation:
    one, other, kind, because = row
    role = "both" if kind == relations.HOUSEHOLD else "other" if one == entity_id else "one"
    return Relation(id=str(other if one == entity_id else one), kind=kind, role=role, because=tuple(because))
