"""The first records as bytes beside what they mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adapters.mainframe import values
from adapters.mainframe.codepages import CodePage
from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.probe.places import placed_fields, side_by_side
from adapters.mainframe.records import Records

_DUMPED = 512  # bytes of a record at most
_LINE = 32  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownField:
    """The bytes of one field of one record, and their value."""

    path: str
    offset: int
    picture: str
    hexadecimal: str
    value: str | None  # None: null


def fields_of(records: Records, layout: Layout, number: int) -> list[ShownField]:
    """Return the fields at fixed places of record ``number``."""
    one = records.only(np.array([number]))
    rows = side_by_side(one, max(layout.length, 1))
    shown = []
    for placed in placed_fields(layout):
        field, offset = placed.field, placed.offset
        available = np.clip(one.lengths - offset, 0, field.length)
        value = values.decoder(field, layout.profile)(rows, offset, available).array[0].as_py()
        shown.append(
            ShownField(
                path=placed.path,
                offset=offset,
                picture=field.description,
                hexadecimal=rows[0, offset : offset + int(available[0])].tobytes().hex().upper(),
                value=None if value is None else str(value),
            )
        )
    return shown


def dump_of(records: Records, number: int, page: CodePage) -> list[tuple[int, str, str]]:
    """Return the start of record ``number`` as lines of (offset, hexadecimal, characters)."""
    start, length = int(records.starts[number]), min(int(records.lengths[number]), _DUMPED)
    content = records.data[start : start + length].tobytes()
    lines = []
    for offset in range(0, length, _LINE):
        part = content[offset : offset + _LINE]
        characters = "".join(c if c.isprintable() else "." for c in page.decode(part))
        lines.append((offset, part.hex(" ", 4).upper(), characters))
    return lines
