"""From options to rows and back, whether the options are our own or those of Cobrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from adapters.mainframe import assemble, cobrix
from adapters.mainframe.chunks import Part
from adapters.mainframe.conditions import condition_columns
from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.encoder import WriteOptions, encode
from adapters.mainframe.options import MainframeOptions
from adapters.mainframe.reader import ReadBatch, Reader
from adapters.mainframe.reconciliation import Reconciliation
from foundation.errors import ConfigurationError, Problem

_OURS = ("batch_rows", "compression", "delivery")  # Cobrix has no word for them


class Source:
    """Records as options describe them, ready to be read once.

    Attributes:
        options: those that hold: given, or translated from Cobrix.
        layout: of a record.
        reader: reads files; its counts tell what became of their records.
        named: data files that options of Cobrix name; else none.
        notes: for people: what of the copybook was left out, and which options change nothing.
        schema: of the rows.

    Raises:
        ConfigurationError: options contradict one another, or a copybook has problems; all are told at once.
    """

    def __init__(self, options: MainframeOptions, base: Path) -> None:
        """Read the copybook and compile it; no data is looked at yet.

        Args:
            options: what is read, and how.
            base: the estate folder, where relative names start.
        """
        self.options = options
        self.layout: Layout
        self.named: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = ()
        if options.cobrix_options is not None:
            _refuse_both(options)
            translated = cobrix.translate(options.cobrix_options)
            ours = {name: getattr(options, name) for name in _OURS}
            self.options = translated.options(path=options.path, copybook=options.copybook).model_copy(update=ours)
            self.layout = cobrix.layout_of(translated, assemble.copybooks_of(options, base))
            self.named, self.notes = translated.paths, translated.notes
            self.reader = Reader(self.options, self.layout)
            self._columns = cobrix.columns(self.reader.schema.names, self.layout, translated)
        else:
            self.layout = assemble.layout_of(options, base)
            self.reader = Reader(options, self.layout)
            self._columns = self.reader.schema.names
        self.notes += self.layout.notes
        reconcile = self.options.reconcile
        self._reconciliation = Reconciliation(reconcile, self.layout, self.reader.schema) if reconcile else None
        self._conditions = condition_columns(self.layout, self.options.add.conditions or {})
        fields = [self.reader.schema.field(name) for name in self._columns]
        self.schema: pa.Schema = pa.schema([*fields, *(pa.field(each.name, pa.string()) for each in self._conditions)])

    def read(self, files: Sequence[Path]) -> Iterator[ReadBatch]:
        """Yield the rows of files in their order.

        Raises:
            SourceUnavailable: a file cannot be opened or read, or changed while it was read.
            SourceError: a file is not as the options say; tells the file, the byte and what to do.
        """
        batches = self.reader.read(files)
        if self._reconciliation is not None:
            batches = self._reconciliation.checked(batches, files, self.reader.ends)
        yield from map(self._finished, batches)

    def read_part(self, part: Part) -> Iterator[ReadBatch]:
        """Yield the rows of a part that ``reader`` cut; files are not held against their trailers.

        Raises:
            SourceUnavailable: the file cannot be opened or read, or changed while it was read.
            SourceError: it is not as the options say.
        """
        yield from map(self._finished, self.reader.read_part(part))

    def _finished(self, batch: ReadBatch) -> ReadBatch:
        """Return a batch with the columns that were asked for."""
        return replace(batch, rows=self._with_conditions(batch.rows.select(self._columns)))

    def _with_conditions(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        if not self._conditions:
            return rows
        arrays = [*rows.columns, *(column.values(rows) for column in self._conditions)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


class Target:
    """Records as options describe them, ready to be written: what ``Source`` would read.

    Attributes:
        layout: of a record; its schema is that of the rows to write.

    Raises:
        ConfigurationError: options contradict one another, or a copybook has problems; all are told at once.
    """

    def __init__(self, options: MainframeOptions, base: Path) -> None:
        """Read the copybook and compile it.

        Args:
            options: how the records are to be read one day.
            base: the estate folder, where relative names start.
        """
        self.layout: Layout
        if options.cobrix_options is None:
            self.layout = assemble.layout_of(options, base)
            self._written = WriteOptions.of(options)
            return
        _refuse_both(options)
        translated = cobrix.translate(options.cobrix_options)
        ours = translated.options(path=options.path, copybook=options.copybook)
        self.layout = cobrix.layout_of(translated, assemble.copybooks_of(options, base))
        self._written = replace(
            WriteOptions.of(ours),
            pad_records=translated.pad_records,
            table_by_list=ours.shift_after_tables,
            strict=translated.strict_schema,
            text_as_spaces=translated.nulls.text_as_spaces,
            display_as_zeros=translated.nulls.display_as_zeros,
            packed_as_zeros=translated.nulls.packed_as_zeros,
        )

    def encode(self, rows: pa.Table) -> bytes:
        """Return rows as records; of one file these may follow others.

        Raises:
            EncodeError: a column is missing or unknown, or a value does not fit; names column and row, never a value.
        """
        return encode(self.layout, rows, self._written)


def _refuse_both(options: MainframeOptions) -> None:
    """Refuse options of ours that would say the same as those of Cobrix, or something else."""
    both = sorted(options.model_fields_set - {*_OURS, "path", "copybook", "cobrix_options"})
    if both:
        raise ConfigurationError(
            Problem(
                path=name,
                message=f"`{name}` stands beside `cobrix_options`, which say how the files are read",
                remedy="say it by an option of Cobrix (docs/cobrix.md has the table), or leave out `cobrix_options`",
            )
            for name in both
        )
