"""The fields of a record that stand at fixed places, and records side by side to read them from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from adapters.mainframe.copybook.layout import Column, Field, Group, Layout, Table
from adapters.mainframe.records import Records, Rows


@dataclass(frozen=True, slots=True)
class PlacedField:
    """A field and where it stands in every record."""

    path: str  # as the copybook spells it; of a table its first element: ``ITEMS[0].PRICE``
    offset: int  # bytes from the start of the record
    field: Field


def placed_fields(layout: Layout) -> list[PlacedField]:
    """Return the fields at fixed places in the order of their bytes; not what REDEFINES others."""
    found = [item for root in layout.roots for item in _below(root.columns, "", 0)]
    return sorted(found, key=lambda item: item.offset)


def _below(columns: Sequence[Column], prefix: str, base: int) -> Iterator[PlacedField]:
    for column in columns:
        if column.place.anchor or column.redefines:
            continue
        offset, path = base + column.place.offset, prefix + column.written
        if isinstance(column, Field):
            yield PlacedField(path, offset, column)
        elif isinstance(column, Group):
            yield from _below(column.columns, prefix, base)
        elif isinstance(column, Table) and column.least > 0:
            element = column.element
            if isinstance(element, Field):
                yield PlacedField(f"{path}[0]", offset, element)
            else:
                yield from _below(element.columns, f"{path}[0].", offset)


def side_by_side(records: Records, width: int) -> Rows:
    """Return the records as rows, each cut or filled with zeros to ``width`` bytes."""
    places = records.starts[:, None] + np.arange(width)
    within = (np.arange(width) < records.lengths[:, None]) & (places < len(records.data))
    return np.where(within, records.data[np.where(within, places, 0)], 0).astype(np.uint8)
