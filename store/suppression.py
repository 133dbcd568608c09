"""The list of erased persons' source keys, kept as keyed hashes: it can be asked, but not read.

A hash is the HMAC-SHA256, with the store's ``suppression_key``, of data_source, kind and record_id, parted by U+001F.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import polars as pl
from sqlalchemy import Connection, select

from store import bulk, tables
from store.engine import Store


def hashes(connection: Connection) -> Iterator[pl.DataFrame]:
    """Yield the whole list: key_hash:Binary."""
    yield from bulk.frames(connection, select(tables.suppression.c.key_hash))


def pads(store: Store) -> tuple[bytes, bytes]:
    """Return the inner and outer pad of the HMAC (RFC 2104), for hashing many keys at once."""
    key = store.suppression_key.ljust(hashlib.sha256().block_size, b"\0")
    return bytes(byte ^ 0x36 for byte in key), bytes(byte ^ 0x5C for byte in key)
