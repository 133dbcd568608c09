"""The list of erased persons' source keys, kept as keyed hashes: it can be asked, but not read."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from datetime import datetime

import polars as pl
from sqlalchemy import Connection, select

from canonical_model.schema import Kind
from store import bulk, tables
from store.engine import Store


def hash_of(store: Store, data_source: str, kind: Kind, record_id: str) -> bytes:
    """Return the keyed hash of a source key: HMAC-SHA256 of the JSON-like triple, separated by U+001F."""
    message = "\x1f".join((data_source, kind.value, record_id)).encode()
    return hmac.new(store.suppression_key, message, hashlib.sha256).digest()


def add(connection: Connection, keys: list[bytes], *, actor: str, now: datetime) -> None:
    """Put hashed keys on the list; those already on it stay."""
    table = tables.suppression
    known = set(connection.scalars(select(table.c.key_hash).where(table.c.key_hash.in_(keys))))
    new = [{"key_hash": key, "created_at": now, "actor": actor} for key in dict.fromkeys(keys) if key not in known]
    if new:
        connection.execute(table.insert(), new)


def hashes(connection: Connection) -> Iterator[pl.DataFrame]:
    """Yield the whole list: key_hash:Binary."""
    yield from bulk.frames(connection, select(tables.suppression.c.key_hash))


def pads(store: Store) -> tuple[bytes, bytes]:
    """Return the inner and outer pad of the HMAC (RFC 2104), for hashing many keys at once."""
    key = store.suppression_key.ljust(hashlib.sha256().block_size, b"\0")
    return bytes(byte ^ 0x36 for byte in key), bytes(byte ^ 0x5C for byte in key)
