"""Party references: which source record each satellite is attached to, or what it waits for."""

from __future__ import annotations

from typing import Any

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    case,
    func,
    literal,
    not_,
    or_,
    select,
    text,
    true,
    update,
)

from canonical_model.content import decode
from canonical_model.schema import Kind
from store import bulk, records, tables, work
from store.engine import Held, Store
from store.tables import KIND_NUMBERS

_REFERENCE = tables.party_reference
_RECORD = tables.source_record
_KEY = tables.identifier_key
_CROSSWALK = tables.crosswalk

ATTACH_ROWS = 5_000
"""References attached in one transaction."""


def lock(connection: Connection) -> None:
    """Keep others from writing references until the transaction ends; call it before anything else is written.

    Two sources that land side by side attach one another's satellites: in turns, none is missed, and neither waits
    for what the other holds. SQLite has one writer anyway.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(text("LOCK TABLE party_reference IN SHARE ROW EXCLUSIVE MODE"))


def of(connection: Connection, record_nos: pl.Series) -> pl.DataFrame:
    """Return the references of satellites: the columns of ``party_reference``."""
    return bulk.frame(connection, select(_REFERENCE).where(bulk.among(connection, _REFERENCE.c.record_no, record_nos)))


def point(connection: Connection, rows: pl.DataFrame, *, look: bool) -> pl.DataFrame:
    """Set the references of satellites, attach those that name a live source record, and return what was set.

    ``rows``: record_no, source_no, record_id, identifier_type, identifier_value. With ``look`` false (a first
    load, when there is no index to look with) all of them wait for ``attach``. Those by identifier are attached too,
    but returned as waiting: their parties are queued here.
    """
    found = pl.DataFrame(schema={"source_no": pl.Int64, "record_id": pl.String, "party_no": pl.Int64})
    if look:
        for (source_no,), named in rows.drop_nulls("source_no").group_by("source_no"):
            parties = select(_RECORD.c.source_no, _RECORD.c.record_id, _RECORD.c.record_no.label("party_no")).where(
                _RECORD.c.source_no == source_no,
                _RECORD.c.kind == KIND_NUMBERS[Kind.PARTY],
                ~_RECORD.c.deleted,
                bulk.among(connection, _RECORD.c.record_id, named["record_id"].unique()),
            )
            found = found.vstack(bulk.frame(connection, parties))
    pointed = rows.join(found, on=["source_no", "record_id"], how="left").with_columns(
        state=pl.when(pl.col("party_no").is_null()).then(pl.lit("pending")).otherwise(pl.lit("attached"))
    )
    bulk.upsert(connection, _REFERENCE, pointed)
    if look:
        _settle(connection, rows.drop_nulls("identifier_type")["record_no"])
    return pointed


def welcome(connection: Connection, record_nos: pl.Series) -> None:
    """Attach the satellites that wait for these parties, by their source and key."""
    waiting = and_(
        _REFERENCE.c.party_no.is_(None),
        _REFERENCE.c.source_no == _RECORD.c.source_no,
        _REFERENCE.c.record_id == _RECORD.c.record_id,
    )
    these = bulk.among(connection, _RECORD.c.record_no, record_nos)
    connection.execute(update(_REFERENCE).where(waiting, these).values(party_no=_RECORD.c.record_no, state="attached"))


def part(connection: Connection, record_nos: pl.Series) -> None:
    """Let the satellites of parties that are gone wait again."""
    theirs = bulk.among(connection, _REFERENCE.c.party_no, record_nos)
    connection.execute(update(_REFERENCE).where(theirs).values(party_no=None, state="pending"))


def index(connection: Connection, before: pl.DataFrame, after: pl.DataFrame, *, look: bool) -> None:
    """Bring the identifiers of parties from what they were to what they are, and with them who is attached by them.

    Both frames: record_no, identifiers:List(Struct{type, value}); a party that is new stands in ``after`` only,
    one that is gone in ``before`` only. For ``look`` see ``point``.
    """
    old, new = _identifiers(before), _identifiers(after)
    on = ["type", "value", "record_no"]
    gone, come = old.join(new, on=on, how="anti"), new.join(old, on=on, how="anti")
    bulk.delete(connection, _KEY, gone)
    bulk.insert(connection, _KEY, come)
    if look:
        _settle_naming(connection, pl.concat([gone, come]))


def follow(connection: Connection, parties: pl.Series) -> None:
    """Attach the satellites that name an identifier of these parties as they should be, now that the parties moved.

    A reference by identifier is attached when exactly one live party record has the identifier, or when all that have
    it belong to one entity; it is ambiguous when they belong to several. While some of them are of no entity yet, it
    stays where it is. The parties that gain or lose a satellite are queued.
    """
    named = records.contents(connection, parties)
    identifiers = decode(named["content"], Kind.PARTY, ["identifiers"])
    _settle_naming(connection, _identifiers(named.select("record_no").hstack(identifiers)))


def attach(store: Store, held: Held | None = None) -> int:
    """Look at all references again, as ``follow`` and ``welcome`` do, and return how many changed.

    After a first load none was looked at; when everything was linked anew, everybody may have moved.
    """
    with store.write(held) as connection:
        lock(connection)  # whoever looked at a reference before everybody moved is done with it now
    changed = 0
    with store.read() as reader:
        for statement in (_by_key(), _by_identifier()):
            for part in bulk.frames(reader, statement, ATTACH_ROWS):
                with store.write(held) as connection:
                    lock(connection)
                    _write(connection, part)
                changed += part.height
    return changed


def _settle_naming(connection: Connection, identifiers: pl.DataFrame) -> None:
    """Look at the references that name one of these identifiers (type, value)."""
    found = []
    for (type_,), some in identifiers.group_by("type"):
        named = bulk.among(connection, _REFERENCE.c.identifier_value, some["value"].unique())
        naming = select(_REFERENCE.c.record_no).where(_REFERENCE.c.identifier_type == type_, named)
        found.append(bulk.frame(connection, naming)["record_no"])
    if found:
        _settle(connection, pl.concat(found).unique())


def _settle(connection: Connection, record_nos: pl.Series) -> None:
    """Attach references by identifier as they should be."""
    if not record_nos.is_empty():  # of most changes it is
        concerned = bulk.among(connection, _REFERENCE.c.record_no, record_nos)
        _write(connection, bulk.frame(connection, _by_identifier(concerned)))


def _write(connection: Connection, changes: pl.DataFrame) -> None:
    if not changes.is_empty():
        bulk.update(connection, _REFERENCE, changes.drop("before"), key=["record_no"])
        work.add(connection, pl.concat([changes["party_no"], changes["before"]]))


def counts(store: Store) -> dict[str, int]:
    """Return how many references of live satellites are attached, pending and ambiguous."""
    statement = (
        select(_REFERENCE.c.state, func.count().label("count"))
        .join(_RECORD, _RECORD.c.record_no == _REFERENCE.c.record_no)
        .where(~_RECORD.c.deleted)
        .group_by(_REFERENCE.c.state)
    )
    with store.read() as connection:
        counted = {row.state: int(row[1]) for row in connection.execute(statement)}
    return {state: counted.get(state, 0) for state in ("attached", "pending", "ambiguous")}


def _identifiers(parties: pl.DataFrame) -> pl.DataFrame:
    """Return type, value, record_no of every identifier, each once."""
    return (
        parties.select("record_no", pl.col("identifiers").alias("identifier"))
        .explode("identifier")
        .select(
            pl.col("identifier").struct.field("type"), pl.col("identifier").struct.field("value"), pl.col("record_no")
        )
        .drop_nulls()
        .unique(maintain_order=True)
    )


def _by_key() -> Select[Any]:
    """Find the waiting references by key whose party is there now."""
    return (
        select(
            _REFERENCE.c.record_no,
            _RECORD.c.record_no.label("party_no"),
            literal("attached", Text).label("state"),
            _REFERENCE.c.party_no.label("before"),
        )
        .join_from(
            _REFERENCE,
            _RECORD,
            and_(
                _RECORD.c.source_no == _REFERENCE.c.source_no,
                _RECORD.c.kind == KIND_NUMBERS[Kind.PARTY],
                _RECORD.c.record_id == _REFERENCE.c.record_id,
                ~_RECORD.c.deleted,
            ),
        )
        .where(_REFERENCE.c.source_no.is_not(None), _REFERENCE.c.party_no.is_(None))
    )


def _by_identifier(among: ColumnElement[bool] | None = None) -> Select[Any]:
    """Find the references by identifier, all or some, that stand otherwise than they should: who is who now?"""
    candidates = (
        select(
            _REFERENCE.c.record_no,
            _REFERENCE.c.party_no.label("before"),
            _REFERENCE.c.state.label("state_before"),
            func.count(_KEY.c.record_no).label("parties"),
            func.min(_KEY.c.record_no).label("first"),
            func.count(_CROSSWALK.c.entity_id).label("resolved"),
            func.count(_CROSSWALK.c.entity_id.distinct()).label("entities"),
            func.count(case((_KEY.c.record_no == _REFERENCE.c.party_no, 1))).label("held"),
        )
        .outerjoin_from(
            _REFERENCE,
            _KEY,
            and_(_KEY.c.type == _REFERENCE.c.identifier_type, _KEY.c.value == _REFERENCE.c.identifier_value),
        )
        .outerjoin(_CROSSWALK, _CROSSWALK.c.record_no == _KEY.c.record_no)
        .where(_REFERENCE.c.identifier_type.is_not(None), true() if among is None else among)
        .group_by(_REFERENCE.c.record_no, _REFERENCE.c.party_no, _REFERENCE.c.state)
        .subquery()
    )
    c = candidates.c
    is_one = or_(c.parties == 1, and_(c.resolved == c.parties, c.entities == 1))
    state = case(
        (is_one, "attached"), (c.resolved < c.parties, "pending"), (c.entities > 1, "ambiguous"), else_="pending"
    )
    party = case((is_one, c.first))
    stays = and_(c.resolved < c.parties, c.held > 0)
    return select(c.record_no, party.label("party_no"), state.label("state"), c.before).where(
        or_(c.before.is_distinct_from(party), c.state_before != state), not_(stays)
    )
