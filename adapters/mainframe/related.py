"""The records of one kind as a table, related to the tables of other kinds by the ids of their records."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa

from adapters.mainframe import options
from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.families import Family, Kinds, Seen
from adapters.mainframe.options import option_error
from adapters.mainframe.records import Positions, Records
from adapters.mainframe.segments import Segments, Select, Selected, carrying, generated

ID, PARENT, ROOT = "segment_id", "parent_id", "root_id"
"""Columns of a related table: the ids of its record, of its parent and of the record at the top, all text."""


class RelatedTable:
    """Makes rows of the records of one kind, each with its id and those of its parent and of the root above.

    Attributes:
        layout: what to decode: the columns of the group, and those that all kinds have in common.
        ids: columns with the ids, all text; they stand before those of the fields.
    """

    def __init__(self, asked: options.Segments, layout: Layout, segments: Segments) -> None:
        """Prepare to select.

        Raises:
            ConfigurationError: ``table`` is missing or no segment, or ``children`` describe no family.
        """
        self._family = Family.of(asked, layout, segments.names)
        self._segments, self._prefix = segments, asked.id_prefix
        if asked.table is None:
            raise option_error("segments", "`table` is missing", "name the group whose records are the rows")
        self._kind = self._family.kind(asked.table)
        others = set(self._family.names) - {self._family.names[self._kind]}
        outputs = tuple(output for output in layout.outputs if not others & set(output.path))
        self.layout = replace(layout, outputs=outputs)
        self.ids = tuple(pa.field(name, pa.string()) for name in (ID, PARENT, ROOT))

    def of_file(self, file: int) -> Select:
        """Return what selects from one file, handed its chunks one after the other; ``file`` is its number."""
        return carrying(lambda records, seen: self.select(records, seen, file))

    def select(self, records: Records, seen: Seen | None = None, file: int = 0) -> tuple[Selected, Seen]:
        """Return the records of the table with their ids, and what has been seen behind them.

        Args:
            records: a chunk.
            seen: what the chunk before returned; None at the start of a file.
            file: number of the file, for the ids.
        """
        seen = seen or Seen.nothing(self._family)
        values = self._segments.values(records)
        kinds = self._family.kinds(self._segments, records, values)
        above, behind = seen.parents(self._family, kinds, records.numbers)
        tops = self._tops(seen, kinds, records.numbers, above)
        wanted = (kinds == self._kind) & self._segments.wanted(values)
        kept = records.only(wanted)
        numbers = (kept.numbers, above[wanted], tops[wanted])
        selected = Selected(
            records=kept,
            active={self._family.names[self._kind]: np.ones(len(kept), np.bool_)},
            ids=tuple(generated(self._prefix, file, found) for found in numbers),
            filtered=len(records) - len(kept),
        )
        return selected, behind

    def _tops(self, seen: Seen, kinds: Kinds, numbers: Positions, above: Positions) -> Positions:
        """Return the number of the root above each record of the table; -1 where the chain is broken."""
        chain = self._family.ancestors(self._kind)
        if not chain:
            return numbers
        last = {kind: np.maximum.accumulate(np.where(kinds == kind, numbers, seen.numbers[kind])) for kind in chain}
        tops = last[chain[-1]] if len(numbers) else numbers
        broken = above < 0
        for lower, upper in pairwise(chain):
            broken |= last[lower] < last[upper]
        return np.where(broken, -1, tops)
