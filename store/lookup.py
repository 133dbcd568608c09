"""Point look-ups for channels: customers by key, golden records by id.

While the phone rings every microsecond counts, so these statements are compiled once and run on the driver's own
connection; SQLAlchemy stands aside. Each look-up is one statement, or a few that need not see the same moment.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, cast

import psycopg
from sqlalchemy import BindParameter, Dialect, Select, bindparam, select
from sqlalchemy.dialects import sqlite

from canonical_model.schema import Kind
from foundation.errors import StoreError
from store.engine import Store
from store.tables import (
    KIND_NUMBERS,
    crosswalk,
    entity,
    from_micros,
    golden,
    lookup_key,
    model_version,
    party_reference,
    source,
    source_record,
    state,
    tombstone,
)

Opened = sqlite3.Connection | psycopg.Connection[Any]

_ID: BindParameter[int] = bindparam("id")
_HOLDERS = (
    select(lookup_key.c.entity_id, lookup_key.c.current)
    .where(lookup_key.c.kind == bindparam("kind"), lookup_key.c.value == bindparam("value"))
    .limit(bindparam("most"))
)
_GOLDEN = select(golden.c.version, golden.c.recorded_at, golden.c.payload, golden.c.provenance).where(
    golden.c.entity_id == _ID
)
_STANDING = select(entity.c.state, entity.c.redirect_to).where(entity.c.entity_id == _ID)
_ERASED = select(tombstone.c.entity_id).where(tombstone.c.entity_id == _ID)
_CONTACTS = (
    select(source_record.c.record_no, source.c.name, source_record.c.record_id, source_record.c.content)
    .select_from(crosswalk)
    .join(party_reference, party_reference.c.party_no == crosswalk.c.record_no)
    .join(source_record, source_record.c.record_no == party_reference.c.record_no)
    .join(source, source.c.source_no == source_record.c.source_no)
    .where(
        crosswalk.c.entity_id == _ID,
        source_record.c.kind == KIND_NUMBERS[Kind.CONTACT],
        source_record.c.deleted.is_(False),
    )
)
_MODEL = select(model_version.c.version).where(model_version.c.active)
_READY = select(state.c.key).limit(1)


@dataclass(frozen=True, slots=True)
class Holder:
    """A customer that has a key."""

    entity_id: int
    current: bool  # whether the key is in the golden record; else another value superseded it


@dataclass(frozen=True, slots=True)
class GoldenRow:
    """A golden record as it is kept."""

    version: int
    recorded_at: datetime
    payload: str = field(repr=False)  # canonical JSON
    provenance: str = field(repr=False)  # JSON: path → where the value comes from


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact as it is kept."""

    record_no: int
    data_source: str
    record_id: str = field(repr=False)
    content: str = field(repr=False)  # canonical JSON


class Compiled(NamedTuple):
    """A statement as the driver takes it."""

    text: str
    constants: Mapping[str, object]  # the values that are part of the statement


class Lookup:
    """Reads single customers; may be shared by threads, each has a connection of its own.

    Every method raises StoreError when the database is gone or refuses.
    """

    def __init__(self, store: Store) -> None:
        self._engine = store.engine
        self._local = threading.local()
        self._opened: list[Opened] = []
        dialect = sqlite.dialect(paramstyle="named") if store.is_sqlite else self._engine.dialect
        self._holders = _compiled(_HOLDERS, dialect)
        self._golden = _compiled(_GOLDEN, dialect)
        self._standing = _compiled(_STANDING, dialect)
        self._erased = _compiled(_ERASED, dialect)
        self._contacts = _compiled(_CONTACTS, dialect)
        self._model = _compiled(_MODEL, dialect)
        self._ready = _compiled(_READY, dialect)

    def holders(self, kind: str, value: str, most: int) -> list[Holder]:
        """Return the customers that have a key, at most ``most`` of them, in no order."""
        rows = self._rows(self._holders, {"kind": kind, "value": value, "most": most})
        return [Holder(entity_id, bool(current)) for entity_id, current in rows]

    def golden(self, entity_id: int) -> GoldenRow | None:
        """Return the golden record of an active entity."""
        for version, recorded_at, payload, provenance in self._rows(self._golden, {"id": entity_id}):
            return GoldenRow(version, from_micros(recorded_at), payload, provenance)
        return None

    def standing(self, entity_id: int) -> tuple[str, int | None] | None:
        """Return an entity's state and, of a retired one, the entity that it redirects to."""
        for found, redirect_to in self._rows(self._standing, {"id": entity_id}):
            return found, redirect_to
        return None

    def is_erased(self, entity_id: int) -> bool:
        """Return whether the customer was erased."""
        return bool(self._rows(self._erased, {"id": entity_id}))

    def contacts(self, entity_id: int) -> list[ContactRow]:
        """Return the live contacts of an entity, in no order."""
        return [ContactRow(*row) for row in self._rows(self._contacts, {"id": entity_id})]

    def active_model(self) -> str | None:
        """Return the version of the model that resolving uses; None when none was ever trained."""
        return next((version for (version,) in self._rows(self._model, {})), None)

    def is_ready(self) -> bool:
        """Return whether the store answers and is migrated."""
        return bool(self._rows(self._ready, {}))

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._opened:
            self._opened.pop().close()
        self._local = threading.local()

    def _rows(self, statement: Compiled, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Run a statement; once more on a new connection when the old one turns out to be dead."""
        try:
            return self._run(statement, values)
        except psycopg.OperationalError:
            self._drop()
        except (sqlite3.Error, psycopg.Error) as error:
            raise _unanswered(error) from None
        try:
            return self._run(statement, values)
        except psycopg.Error as error:
            self._drop()
            raise _unanswered(error) from None

    def _run(self, statement: Compiled, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        cursor = self._connection().execute(statement.text, {**statement.constants, **values})
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def _connection(self) -> Any:
        """Return this thread's connection, opened outside the pool and outside transactions."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            pooled = self._engine.raw_connection()
            connection = pooled.driver_connection
            pooled.detach()
            if isinstance(connection, psycopg.Connection):
                connection.autocommit = True
            self._local.connection = connection
            self._opened.append(cast("Opened", connection))
        return connection

    def _drop(self) -> None:
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            self._opened.remove(connection)
            connection.close()
            self._local.connection = None


def _compiled(statement: Select[Any], dialect: Dialect) -> Compiled:
    compiled = statement.compile(dialect=dialect)
    return Compiled(str(compiled), compiled.params)


def _unanswered(error: Exception) -> StoreError:
    return StoreError(
        f"the store does not answer a look-up ({type(error).__name__})", remedy="see that it is up and not locked"
    )
