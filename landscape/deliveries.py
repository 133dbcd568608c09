"""How systems deliver: files and databases on disk, written chunk by chunk.

A delivery writes what the real system would leave: an EBCDIC data set with its copybook, a database, a text file,
or the records that a service answers from.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Protocol

import polars as pl
import pyarrow as pa

from adapters.mainframe.copybook import placing
from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.encoder import WriteOptions, encode
from adapters.mainframe.profile import Profile


class Delivery(Protocol):
    """A way of delivering, into the landscape's folder."""

    def start(self, folder: Path) -> None:
        """Make an empty delivery."""
        ...

    def add(self, folder: Path, rows: pl.DataFrame) -> None:
        """Append rows."""
        ...

    def finish(self, folder: Path) -> None:
        """Complete the delivery."""
        return


@dataclass(frozen=True, slots=True)
class EndRecord:
    """A record that stands once, at the start or at the end of a file."""

    name: str  # its level 01
    values: Mapping[str, object]
    count: str | None = None  # field that tells how many records the file has beside those at its ends


@dataclass(frozen=True, slots=True)
class MainframeFile(Delivery):
    """EBCDIC records in any format; the copybook comes from the package and is laid beside the data."""

    path: str
    copybook: str
    code_page: str
    format: WriteOptions = field(default_factory=WriteOptions)
    records: str | None = None  # column with a list of structs, where one row is several records
    header: EndRecord | None = None
    trailer: EndRecord | None = None  # only with records of one length

    def start(self, folder: Path) -> None:
        """Write the copybook, and the file with nothing but its header."""
        source = files("landscape").joinpath("data", "copybooks", self.copybook)
        _made(folder / self.path).with_name(self.copybook).write_bytes(source.read_bytes())
        layout = self._layout(folder)
        header = self._end(self.header, 0)
        (folder / self.path).write_bytes(encode(layout, layout.schema.empty_table(), self.format, header=header))

    def add(self, folder: Path, rows: pl.DataFrame) -> None:
        """Encode rows, whose columns are those of the copybook, and append them; tables count their own elements."""
        layout = self._layout(folder)
        records = rows.select(self.records).explode(self.records).unnest(self.records) if self.records else rows
        table = records.select(name for name in layout.schema.names if name in records.columns).to_arrow()
        self._append(folder, encode(layout, table, self.format))

    def finish(self, folder: Path) -> None:
        """Append the trailer."""
        if self.trailer is not None:
            layout = self._layout(folder)
            records, rest = divmod((folder / self.path).stat().st_size, layout.length)
            if rest:
                raise ValueError(f"{self.path}: its records are not of one length, so they cannot be counted")
            trailer = self._end(self.trailer, records - (self.header is not None))
            self._append(folder, encode(layout, layout.schema.empty_table(), self.format, trailer=trailer))

    def _layout(self, folder: Path) -> Layout:
        return placing.load(
            [(folder / self.path).with_name(self.copybook)],
            Profile(code_page=self.code_page),
            header=self.header.name if self.header else None,
            trailer=self.trailer.name if self.trailer else None,
        )

    def _append(self, folder: Path, content: bytes) -> None:
        with (folder / self.path).open("ab") as file:
            file.write(content)

    def _end(self, record: EndRecord | None, records: int) -> pa.Table | None:
        if record is None:
            return None
        counted = {record.count: records} if record.count else {}
        return pa.table({name: [value] for name, value in {**record.values, **counted}.items()})


@dataclass(frozen=True, slots=True)
class SqliteTable(Delivery):
    """One table of a SQLite database; ``columns`` maps its columns to their declared types."""

    path: str
    table: str
    columns: Mapping[str, str]

    def start(self, folder: Path) -> None:
        """Make the database with an empty table."""
        file = _made(folder / self.path)
        file.unlink(missing_ok=True)
        columns = ", ".join(f'"{name}" {type_}' for name, type_ in self.columns.items())
        with closing(sqlite3.connect(file)) as database:
            database.execute(f'CREATE TABLE "{self.table}" ({columns})')
            database.commit()

    def add(self, folder: Path, rows: pl.DataFrame) -> None:
        """Insert rows."""
        marks = ", ".join("?" * len(self.columns))
        with closing(sqlite3.connect(folder / self.path)) as database, database:
            database.execute("PRAGMA synchronous = OFF")
            database.executemany(
                f'INSERT INTO "{self.table}" VALUES ({marks})',  # noqa: S608 - both come from the system's own module
                rows.select(list(self.columns)).iter_rows(),
            )


@dataclass(frozen=True, slots=True)
class DelimitedFiles(Delivery):
    """Text with delimiters, spread over ``parts`` files as a system does that delivers per region."""

    path: str  # with ``{part}`` in it
    delimiter: str
    encoding: str
    columns: Sequence[str]
    parts: int = 1

    def start(self, folder: Path) -> None:
        """Write the headers."""
        for part in range(self.parts):
            header = self.delimiter.join(self.columns) + "\r\n"
            _made(folder / self.path.format(part=part + 1)).write_bytes(header.encode(self.encoding))

    def add(self, folder: Path, rows: pl.DataFrame) -> None:
        """Append rows, dealt out over the parts."""
        for part in range(self.parts):
            share = rows.select(list(self.columns)).gather_every(self.parts, part)
            written = share.write_csv(separator=self.delimiter, include_header=False, line_terminator="\r\n")
            with (folder / self.path.format(part=part + 1)).open("ab") as file:
                file.write(written.encode(self.encoding))


@dataclass(frozen=True, slots=True)
class FixedWidthFile(Delivery):
    """Text in columns of fixed width; ``widths`` in characters, in order."""

    path: str
    encoding: str
    widths: Mapping[str, int]

    def start(self, folder: Path) -> None:
        """Make an empty file."""
        _made(folder / self.path).write_bytes(b"")

    def add(self, folder: Path, rows: pl.DataFrame) -> None:
        """Append rows, cut and padded to their widths."""
        cells = [
            pl.col(name).cast(pl.String).fill_null("").str.slice(0, width).str.pad_end(width)
            for name, width in self.widths.items()
        ]
        lines = rows.select(pl.concat_str(cells) + "\r\n").to_series().str.join("").item()
        with (folder / self.path).open("ab") as file:
            file.write((lines or "").encode(self.encoding))


@dataclass(frozen=True, slots=True)
class ServiceRecords(Delivery):
    """What a service answers from: one record per line, as the XML element that it puts in its responses."""

    path: str

    def start(self, folder: Path) -> None:
        """Make an empty file."""
        _made(folder / self.path).write_bytes(b"")

    def add(self, folder: Path, rows: pl.DataFrame) -> None:
        """Append the records of column ``xml``."""
        lines = rows.select(pl.col("xml") + "\n").to_series().str.join("").item()
        with (folder / self.path).open("ab") as file:
            file.write((lines or "").encode())


def _made(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file
