"""Write what a comparison found, in transactions of bounded size.

Each transaction takes a chunk of raw rows with all that follows from them: the rows themselves, source records and
their history, party references and identifiers, quarantine entries, and the queue of parties to resolve.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import accumulate

import polars as pl
import pyarrow as pa
from sqlalchemy import Connection

from canonical_model.content import decode, encode_groups, to_json
from canonical_model.schema import Kind, field_groups
from store import bulk, quarantine, records, references, relating, sources, work
from store.bulk import MOMENT
from store.engine import Held, Store
from store.sources import Source
from store.tables import KIND_NUMBERS, KINDS
from sync.spool import Spool

TRANSACTION_ROWS = 5_000
"""Raw rows landed in one transaction: 100 ms in a small store, 250 where the indexes outgrew the cache."""

FIRST_LOAD_ROWS = 20_000
"""The same during a first load, when nobody else waits to write."""

NOTHING = "{}"
"""What a field group says that has no value."""


@dataclass(frozen=True, kw_only=True)
class Landing:
    """A read that was compared, and everything that its writes need."""

    store: Store
    held: Held
    source: Source
    laid: Spool
    run_id: int
    now: datetime
    verb: str  # read or replay: what closes quarantine entries

    @cached_property
    def loading(self) -> bool:
        """Whether this is a first load: transactions are large then, and references wait for their index."""
        return self.store.loading

    @property
    def size(self) -> int:
        """Rows in one transaction."""
        return FIRST_LOAD_ROWS if self.loading else TRANSACTION_ROWS


def write(landing: Landing) -> None:
    """Write what was decided, in bounded transactions."""
    laid, size = landing.laid, landing.size
    _number_the_new(landing)
    numbers = {landing.source.name: landing.source.number}
    for chunk in _chunks(laid, size):
        numbers = _numbered(landing, chunk, numbers)
        with landing.store.write(landing.held) as connection:
            if not landing.loading:
                references.lock(connection)
            _land_chunk(connection, landing, chunk, numbers)
    for touched in laid.pieces("SELECT record_no, changed_at FROM decided WHERE verdict = 'touched'", size):
        with landing.store.write(landing.held) as connection:
            records.touch(connection, touched)
    for gone in laid.pieces("SELECT kind, record_no, version FROM vanished ORDER BY kind, record_no", size):
        with landing.store.write(landing.held) as connection:
            references.lock(connection)
            for (number,), rows in gone.group_by("kind", maintain_order=True):
                _delete(connection, landing, KINDS[int(number)], rows)
    for restated in laid.pieces("FROM restated", size):
        with landing.store.write(landing.held) as connection:
            quarantine.restate(connection, restated)
    for closed in laid.pieces("FROM closed", size):
        with landing.store.write(landing.held) as connection:
            quarantine.close(connection, closed["entry_id"], by=landing.verb, now=landing.now)


_NUMBER = """
UPDATE decided SET record_no = numbered.record_no, version = 0
FROM (
  SELECT place, $first - 1 + row_number() OVER (ORDER BY row, place) AS record_no FROM decided WHERE verdict = 'new'
) AS numbered
WHERE decided.place = numbered.place
"""


def _number_the_new(landing: Landing) -> None:
    """Give every new record its number: one block for the run, so that parallel sources do not wait for each other."""
    new = int(landing.laid.ask("SELECT count(*) FROM decided WHERE verdict = 'new'").item())
    if new:
        with landing.store.write(landing.held) as connection:
            first = bulk.allocate(connection, "record", new)
        landing.laid.database.execute(_NUMBER, {"first": first})


def _numbered(landing: Landing, chunk: _Chunk, known: dict[str, int]) -> dict[str, int]:
    """Return the number of every source that the satellites of a chunk refer to.

    Looked up, and made where it is new, before the chunk's own transaction: sources that land side by side then never
    wait for each other's.
    """
    satellites = [rows["party_source"] for kind, rows in chunk.records.items() if kind is not Kind.PARTY]
    named = {name for names in satellites for name in names.drop_nulls().unique()}
    if named <= known.keys():
        return known
    with landing.store.write(landing.held) as connection:
        return sources.numbers(connection, named)


# Chunks ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    """Raw rows that have something to write, and what that is; ``row`` is a place in ``raw``."""

    raw: pa.Table
    records: dict[Kind, pl.DataFrame]  # what was decided, with content and reference columns
    entries: pl.DataFrame  # what was admitted to the quarantine


def _chunks(laid: Spool, size: int) -> Iterator[_Chunk]:
    """Cut what is to be written, in the order of the rows, into chunks of at most ``size`` raw rows.

    Small batches are put together and large ones cut; rows of different columns are kept apart.
    """
    waiting: list[_Chunk] = []
    for piece in _pieces(laid, size):
        rows = sum(chunk.raw.num_rows for chunk in waiting)
        if waiting and (rows + piece.raw.num_rows > size or not waiting[0].raw.schema.equals(piece.raw.schema)):
            yield _together(waiting)
            waiting = []
        waiting.append(piece)
    if waiting:
        yield _together(waiting)


def _pieces(laid: Spool, size: int) -> Iterator[_Chunk]:
    for batch, start in enumerate(laid.starts):
        decided = laid.ask(
            "SELECT * FROM decided WHERE batch = $batch AND verdict IN ('new', 'changed') ORDER BY row, place",
            batch=batch,
        )
        admitted = laid.ask("SELECT * FROM admitted WHERE batch = $batch ORDER BY row", batch=batch)
        rows = pl.concat([decided["row"], admitted["row"]]).unique().sort()
        if rows.is_empty():
            continue
        raw = laid.raw(batch)
        contents = {KINDS[number]: laid.records(batch, KINDS[number]) for number in decided["kind"].unique().sort()}
        for piece in rows.to_frame().iter_slices(size):
            place = piece.with_row_index("index").with_columns(pl.col("index").cast(pl.Int64))

            def placed(frame: pl.DataFrame, place: pl.DataFrame = place) -> pl.DataFrame:
                found = frame.join(place, on="row", maintain_order="left")
                return found.with_columns(row="index").drop("index", "batch")

            here = placed(decided)
            yield _Chunk(
                raw=raw.take((piece["row"] - start).to_arrow()),
                records={
                    kind: here.filter(pl.col("kind") == KIND_NUMBERS[kind]).join(
                        content, on="place", maintain_order="left"
                    )
                    for kind, content in contents.items()
                },
                entries=placed(admitted),
            )


def _together(chunks: list[_Chunk]) -> _Chunk:
    if len(chunks) == 1:
        return chunks[0]
    starts = [0, *accumulate(chunk.raw.num_rows for chunk in chunks)]

    def moved(frames: list[tuple[int, pl.DataFrame]]) -> pl.DataFrame:
        return pl.concat([frame.with_columns(pl.col("row") + start) for start, frame in frames])

    placed = list(zip(starts, chunks, strict=False))
    kinds = dict.fromkeys(kind for chunk in chunks for kind in chunk.records)
    return _Chunk(
        raw=pa.concat_tables([chunk.raw for chunk in chunks]),
        records={
            kind: moved([(start, chunk.records[kind]) for start, chunk in placed if kind in chunk.records])
            for kind in kinds
        },
        entries=moved([(start, chunk.entries) for start, chunk in placed]),
    )


# Writing --------------------------------------------------------------------------------------------------------


def _land_chunk(connection: Connection, landing: Landing, chunk: _Chunk, numbers: Mapping[str, int]) -> None:
    """Write the records of a chunk, its raw rows and its quarantine entries."""
    batch_id = records.keep_raw(connection, chunk.raw, source_no=landing.source.number, run_id=landing.run_id)
    for kind in sorted(chunk.records, key=lambda kind: KIND_NUMBERS[kind]):  # parties first: satellites look for them
        rows = chunk.records[kind].with_columns(
            recorded_at=pl.lit(landing.now, dtype=MOMENT), run_id=pl.lit(landing.run_id), batch_id=pl.lit(batch_id)
        )
        new = rows.filter(pl.col("verdict") == "new")
        changed = rows.filter(pl.col("verdict") == "changed")
        first = new.with_columns(since_at=_told_at(landing.now), since=pl.lit(None, pl.String))
        records.add(connection, first.select(_NEW), source_no=landing.source.number, kind=kind)
        before = records.contents(connection, changed["record_no"])
        if not changed.is_empty():
            superseding = _with_since(changed, before, kind, landing.now).with_columns(version=pl.col("version") + 1)
            records.supersede(connection, superseding.select(_CHANGED))
        if kind is Kind.RELATIONSHIP:
            relating.keep(connection, rows)
        if kind is Kind.PARTY:
            _follow_parties(connection, landing, before, rows)
        else:
            _follow_satellites(connection, landing, rows, numbers)
    entries = chunk.entries.with_columns(
        source_no=pl.lit(landing.source.number),
        batch_id=pl.lit(batch_id),
        run_id=pl.lit(landing.run_id),
        opened_at=pl.lit(landing.now, dtype=MOMENT),
    )
    quarantine.admit(connection, entries)


_VERSION = ("content", "content_hash", "since_at", "since", "changed_at", "recorded_at", "run_id", "batch_id", "row")
_NEW = ("record_no", "record_id", *_VERSION)
_CHANGED = ("record_no", "version", *_VERSION)


def _told_at(now: datetime) -> pl.Expr:
    """Return since when a source says what it says now: its own time, but never one that is still to come."""
    return pl.min_horizontal(pl.col("changed_at").fill_null(now), pl.lit(now)).cast(MOMENT)


def _with_since(changed: pl.DataFrame, before: pl.DataFrame, kind: Kind, now: datetime) -> pl.DataFrame:
    """Add since_at and since: a field group that says what it said before keeps its time, the others begin anew."""
    rows = changed.join(before, on="record_no", suffix="_before", maintain_order="left")
    groups = list(field_groups(kind))
    was = encode_groups(decode(rows["content_before"], kind), kind)
    says = encode_groups(decode(rows["content"], kind), kind)
    times = rows["since"].fill_null("{}").str.json_decode(pl.Struct(dict.fromkeys(groups, pl.Int64()))).struct.unnest()
    base = rows["since_at"].to_physical()
    told = rows.select(_told_at(now)).to_series().to_physical()
    exceptions = pl.DataFrame(
        {
            group: pl.select(
                pl.when(says[group] == was[group]).then(times[group]).when(says[group] != NOTHING).then(told)
            ).to_series()
            for group in groups
        }
    ).select(pl.when(pl.col(group) != base).then(pl.col(group)).alias(group) for group in groups)
    since = to_json(exceptions, groups).replace(NOTHING, None).rename("since")
    return rows.drop("content_before").with_columns(since)


def _follow_parties(connection: Connection, landing: Landing, before: pl.DataFrame, rows: pl.DataFrame) -> None:
    """Keep the identifiers of parties, let their satellites find them, and queue them."""
    look = not landing.loading
    references.index(connection, _identifiers(before), rows.select("record_no", "identifiers"), look=look)
    if look:
        references.welcome(connection, rows["record_no"])
    work.add(connection, rows["record_no"])


def _follow_satellites(
    connection: Connection, landing: Landing, rows: pl.DataFrame, numbers: Mapping[str, int]
) -> None:
    """Point satellites to their parties, and queue the parties that they leave, join or belong to."""
    named = rows.select(
        "record_no",
        pl.col("party_source").replace_strict(numbers, return_dtype=pl.Int64).alias("source_no"),
        pl.col("party_record_id").alias("record_id"),
        pl.col("party_identifier_type").alias("identifier_type"),
        pl.col("party_identifier_value").alias("identifier_value"),
    )
    stood = references.of(connection, rows.filter(pl.col("verdict") == "changed")["record_no"])
    elsewhere = named.join(stood, on=named.columns, how="anti", nulls_equal=True, maintain_order="left")
    pointed = references.point(connection, elsewhere, look=not landing.loading)
    work.add(connection, pl.concat([stood["party_no"], pointed["party_no"]]))


def _delete(connection: Connection, landing: Landing, kind: Kind, rows: pl.DataFrame) -> None:
    """Turn vanished records into tombstones, and queue the parties concerned."""
    if kind is Kind.PARTY:
        gone = records.contents(connection, rows["record_no"])
        references.index(connection, _identifiers(gone), _identifiers(gone.clear()), look=True)
        references.part(connection, rows["record_no"])
        work.add(connection, rows["record_no"])
    else:
        work.add(connection, references.of(connection, rows["record_no"])["party_no"])
    if kind is Kind.RELATIONSHIP:
        relating.forget(connection, rows["record_no"])
    tombstones = rows.select("record_no", pl.col("version") + 1)
    records.bury(connection, tombstones, now=landing.now, run_id=landing.run_id)


def _identifiers(parties: pl.DataFrame) -> pl.DataFrame:
    """Return record_no and identifiers of parties, from their content."""
    return parties.select("record_no").hstack(decode(parties["content"], Kind.PARTY, ["identifiers"]))
