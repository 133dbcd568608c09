"""The columns of a source as mappings address them, each with what the copybook says of it."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from adapters.base import Column
from adapters.mainframe.copybook.describe import describe
from adapters.mainframe.copybook.layout import Layout


def columns(layout: Layout, schema: pa.Schema) -> Iterator[Column]:
    """Yield every value of a row: ``NAME``, ``PHONE[*]``, ``ITEMS[*].PRICE``.

    Args:
        layout: of a record.
        schema: of the rows; what the layout does not have is noted as added.
    """
    entries = {row.column: row for row in describe(layout) if row.column is not None}
    for field in schema:
        for path, kind in addresses(field.name, field.type):
            entry = entries.get(path.removesuffix("[*]"))
            note = "added" if entry is None else f"{entry.picture}, offset {entry.offset}, {entry.length} bytes"
            yield Column(name=path, type=str(kind), note=note)


def addresses(path: str, kind: pa.DataType) -> Iterator[tuple[str, pa.DataType]]:
    """Yield where the values at and below a path are addressed, each with its type."""
    if pa.types.is_list(kind):
        yield from addresses(f"{path}[*]", kind.value_type)
    elif pa.types.is_struct(kind):
        for field in kind:
            yield from addresses(f"{path}.{field.name}", field.type)
    else:
        yield path, kind
