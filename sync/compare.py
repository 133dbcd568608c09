"""Compare a spooled read with what the store holds: what every record is, what vanished, what is quarantined.

Each step is one named query of DuckDB over narrow tables (keys, hashes, times), so that a read of any size fits;
contents stay in the spool's files. The results are tables of the spool's database:

- ``decided``: the record that counts of every key, with its verdict: ``new``, ``changed``, ``unchanged``,
  ``touched`` (the same content at a later time) or ``stale`` (older than what the store holds);
- ``vanished``: live records of which a snapshot says nothing;
- ``bad``: rows of which a record was refused, with the reasons; ``admitted``, ``restated`` and ``closed``: what that
  means for the quarantine.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
from sqlalchemy import Connection

from canonical_model.schema import Kind
from foundation.errors import HeldError
from store import quarantine, records, suppression
from store.engine import Store
from store.sources import Source
from store.tables import KIND_NUMBERS, KINDS
from sync.spool import Spool

PIECE = 20_000
"""Rows fetched from DuckDB at a time."""

_MOMENT = pl.Datetime("us", "UTC")

_STORED = pl.Schema(
    {
        "kind": pl.Int16(),
        "record_no": pl.Int64(),
        "record_id": pl.String(),
        "version": pl.Int64(),
        "deleted": pl.Boolean(),
        "content_hash": pl.Int64(),
        "changed_at": _MOMENT,
        "run_id": pl.Int64(),
    }
)
_ENTRIES = pl.Schema(
    {
        "entry_id": pl.Int64(),
        "row_hash": pl.Int64(),
        "kind": pl.Int16(),
        "record_id": pl.String(),
        "reasons": pl.String(),
    }
)
_HASHED = pl.Schema({"row": pl.Int64(), "row_hash": pl.Int64()})

# A declared time orders the versions of a record; a record without one is as new as its run. Then the later row.
_RANK = """
CREATE TABLE ranked AS
SELECT *, row_number() OVER newest AS rank, first_value(content_hash) OVER newest AS newest_hash
FROM incoming
WINDOW newest AS (PARTITION BY kind, record_id ORDER BY changed_at DESC NULLS FIRST, row DESC, place DESC)
"""

_REFUSE_DUPLICATES = """
INSERT INTO rejected BY NAME
SELECT batch, row, kind, record_id, 'key' AS path, 'duplicate_key' AS reason
FROM ranked WHERE rank > 1 AND content_hash <> newest_hash
"""

_DECIDE = """
CREATE TABLE decided AS
SELECT
  r.batch, r.row, r.place, r.kind, r.record_id, r.changed_at, r.content_hash, s.record_no, s.version,
  CASE
    WHEN s.record_no IS NULL THEN 'new'
    WHEN NOT s.deleted AND s.content_hash = r.content_hash THEN
      CASE
        WHEN r.changed_at > s.changed_at OR (s.changed_at IS NULL AND r.changed_at IS NOT NULL) THEN 'touched'
        ELSE 'unchanged'
      END
    WHEN s.deleted OR r.changed_at IS NULL OR s.changed_at IS NULL THEN
      CASE WHEN $run_id < s.run_id THEN 'stale' ELSE 'changed' END
    WHEN r.changed_at < s.changed_at OR (r.changed_at = s.changed_at AND $run_id < s.run_id) THEN 'stale'
    ELSE 'changed'
  END AS verdict
FROM ranked AS r LEFT JOIN stored AS s ON s.kind = r.kind AND s.record_id = r.record_id
WHERE r.rank = 1
"""

_VANISHED = """
CREATE TABLE vanished AS
SELECT kind, record_no, version FROM stored AS s
WHERE NOT deleted
  AND NOT EXISTS (FROM decided AS d WHERE d.kind = s.kind AND d.record_id = s.record_id)
  AND NOT EXISTS (FROM rejected AS r WHERE r.kind = s.kind AND r.record_id = s.record_id)
ORDER BY record_no
"""

_VANISHED_SHARES = """
SELECT kind, count(*) AS live, count(*) FILTER (record_no IN (SELECT record_no FROM vanished)) AS vanished
FROM stored WHERE NOT deleted GROUP BY kind ORDER BY kind
"""

_BAD = """
CREATE TABLE bad AS
SELECT
  batch, row,
  arg_min(kind, kind) FILTER (record_id IS NOT NULL) AS kind,
  arg_min(record_id, kind) FILTER (record_id IS NOT NULL) AS record_id,
  to_json(list(DISTINCT {'kind': name, 'path': path, 'reason': reason} ORDER BY
    {'kind': name, 'path': path, 'reason': reason})) AS reasons
FROM rejected JOIN kinds USING (kind)
GROUP BY batch, row
"""

# The same bad row twice in a read is one entry; a row that is known keeps its entry.
_SETTLE = """
CREATE TABLE admitted AS
SELECT bad.*, row_hash FROM bad JOIN hashed USING (row)
WHERE row_hash NOT IN (SELECT row_hash FROM entries)
QUALIFY row_number() OVER (PARTITION BY row_hash ORDER BY row) = 1;

CREATE TABLE restated AS
SELECT DISTINCT ON (entry_id) entry_id, bad.reasons
FROM entries JOIN hashed USING (row_hash) JOIN bad USING (row)
WHERE entries.reasons <> bad.reasons
"""

# A complete read closes what it does not show any more; a delta what it shows to be good now; a replay what is good
# now, except a duplicate that has to give way to the same record as before.
_CLOSE = {
    "snapshot": """
CREATE TABLE closed AS
SELECT entry_id FROM entries WHERE row_hash NOT IN (SELECT row_hash FROM hashed)
""",
    "delta": """
CREATE TABLE closed AS
SELECT entry_id FROM entries AS e
WHERE row_hash NOT IN (SELECT row_hash FROM hashed)
  AND EXISTS (FROM decided AS d WHERE d.kind = e.kind AND d.record_id = e.record_id)
  AND NOT EXISTS (FROM rejected AS r WHERE r.kind = e.kind AND r.record_id = e.record_id)
""",
    "replay": """
CREATE TABLE closed AS
SELECT entry_id FROM replayed JOIN entries USING (entry_id)
WHERE row NOT IN (SELECT row FROM bad)
  AND NOT (reasons LIKE '%"duplicate_key"%' AND row IN (SELECT row FROM decided WHERE verdict = 'stale'))
""",
}

_COUNT = """
WITH
  told AS (SELECT DISTINCT row FROM incoming WHERE row NOT IN (SELECT row FROM bad)),
  changes AS (SELECT DISTINCT row FROM decided WHERE verdict IN ('new', 'changed'))
SELECT
  (SELECT count(*) FROM told WHERE row IN (FROM changes)) AS landed,
  (SELECT count(*) FROM told WHERE row NOT IN (FROM changes)) AS unchanged,
  (SELECT count(*) FROM bad) AS quarantined,
  (SELECT count(*) FROM vanished) AS deleted
"""

# HMAC-SHA256 by its definition (RFC 2104), because DuckDB has the hash only.
_HMAC = r"""
unhex(sha256($outer::BLOB || unhex(sha256($inner::BLOB || encode(concat_ws(chr(31), $source, name, record_id))))))
"""


def compare(laid: Spool, store: Store, source: Source, mode: str, run_id: int) -> None:
    """Make the tables that say what every record and row of a read is; the store is only read.

    Args:
        laid: the complete read.
        store: what it is compared with.
        source: whose read it is.
        mode: snapshot, delta or replay.
        run_id: orders this read among the runs of its source.
    """
    laid.table("stored", _STORED)
    laid.table("entries", _ENTRIES)
    laid.table("hashed", _HASHED)
    laid.database.execute("CREATE TABLE kinds (kind SMALLINT, name VARCHAR)")
    laid.database.executemany("INSERT INTO kinds VALUES (?, ?)", [[number, kind] for number, kind in KINDS.items()])
    with store.read() as connection:
        _leave_out_suppressed(laid, store, connection, source)
        if source.ran_before:
            for rows in _stored(laid, store, connection, source, mode):
                laid.add("stored", rows)
        for entries in quarantine.open_entries(connection, source.number):
            laid.add("entries", entries)
    laid.database.execute(_RANK)
    laid.database.execute(_REFUSE_DUPLICATES)
    laid.database.execute(_DECIDE, {"run_id": run_id})
    laid.database.execute(_VANISHED if mode == "snapshot" else f"{_VANISHED} LIMIT 0")
    laid.database.execute(_BAD)
    for batch in laid.ask("SELECT DISTINCT batch FROM bad ORDER BY batch")["batch"]:
        bad = laid.ask("SELECT row FROM bad WHERE batch = $batch ORDER BY row", batch=batch)["row"]
        laid.add("hashed", laid.row_hashes(batch, bad))
    laid.database.execute(_SETTLE)
    laid.database.execute(_CLOSE[mode])


def guard(laid: Spool, source: Source, max_vanished: float) -> None:
    """Stop when a larger share of a kind's live records vanished than may.

    Raises:
        HeldError: with the numbers.
    """
    for kind, live, vanished in laid.ask(_VANISHED_SHARES).iter_rows():
        if vanished > max_vanished * live:
            raise HeldError(
                f"source '{source.name}': {vanished} of its {live} {KINDS[kind]} records are not in this read;"
                f" at most {max_vanished:.0%} may vanish at once",
                remedy="see whether the delivery is complete; if these are really gone, sync it once with --accept",
            )


def counted(laid: Spool) -> dict[str, int]:
    """Return the rows of the read: read, landed, unchanged, quarantined, filtered; and the records deleted."""
    counts: dict[str, int] = {"read": laid.rows + laid.left_out, **laid.ask(_COUNT).row(0, named=True)}
    told = counts["landed"] + counts["unchanged"] + counts["quarantined"]
    return {**counts, "filtered": counts["read"] - told}


def _stored(laid: Spool, store: Store, connection: Connection, source: Source, mode: str) -> Iterator[pl.DataFrame]:
    """Yield what the store holds of the source: all of it for a snapshot, the keys read for a delta."""
    # During a first load there is no index on keys: one pass over all is quicker than a pass per key.
    every = mode == "snapshot" or store.loading
    for kind, number in KIND_NUMBERS.items():
        parts = records.keys(connection, source.number, kind) if every else _among_read(laid, connection, source, kind)
        for part in parts:
            yield part.with_columns(kind=pl.lit(number, pl.Int16))


def _among_read(laid: Spool, connection: Connection, source: Source, kind: Kind) -> Iterator[pl.DataFrame]:
    for keys in laid.pieces(
        "SELECT DISTINCT record_id FROM incoming WHERE kind = $kind", PIECE, kind=KIND_NUMBERS[kind]
    ):
        yield records.keys_among(connection, source.number, kind, keys["record_id"])


def _leave_out_suppressed(laid: Spool, store: Store, connection: Connection, source: Source) -> None:
    """Take the keys of erased persons out of the read, as if no record had wanted their rows."""
    laid.table("suppressed", pl.Schema({"key_hash": pl.Binary()}))
    for hashes in suppression.hashes(connection):
        laid.add("suppressed", hashes)
    if laid.ask("FROM suppressed LIMIT 1").is_empty():
        return
    inner, outer = suppression.pads(store)
    for table in ("incoming", "rejected"):
        laid.database.execute(
            f"DELETE FROM {table} USING kinds WHERE kinds.kind = {table}.kind AND {_HMAC} IN (FROM suppressed)",  # noqa: S608
            {"inner": inner, "outer": outer, "source": source.name},
        )
