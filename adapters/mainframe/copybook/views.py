"""Fields that look at the bytes of others in another way: RENAMES, groups as text, bytes beside each value."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import Literal

import pyarrow as pa

from adapters.mainframe.copybook.frames import Shared
from adapters.mainframe.copybook.layout import Column, Encoding, Field, Group, Place
from adapters.mainframe.copybook.naming import Name
from adapters.mainframe.copybook.picture import Picture
from adapters.mainframe.copybook.syntax import Entry, Sign, Usage
from foundation.errors import Location

Debug = Literal["hex", "raw", "string"]

_DEBUG: dict[Debug, tuple[Encoding, pa.DataType]] = {
    "hex": ("bytes", pa.string()),
    "raw": ("bytes", pa.binary()),
    "string": ("text", pa.string()),
}


def renamed(entry: Entry, name: Name, first: Field | Group, last: Field | Group) -> Field:
    """Return the field of a level 66: one field by another name, or the text of what stands from first to last."""
    if isinstance(first, Field) and first is last:
        view = first
    else:
        length = last.place.offset + last.length - first.place.offset
        view = _text(name.text, first.place, length, entry.location)
    return replace(
        view,
        name=name.text,
        written=entry.written or name.text,
        level=66,
        redefines=first.name,
        filler=name.filler,
        conditions=tuple(entry.conditions),
        location=entry.location,
    )


def text_of(group: Column, shared: Shared, taken: Container[str]) -> Field:
    """Return the text over the bytes of a group, with all its occurrences and redefinitions."""
    name, number = f"{group.name}_NT", 0
    while name in taken:
        number += 1
        name = f"{group.name}_NT{number}"
    text = _text(name, shared.start.place, shared.end.most - shared.start.most, group.location)
    return replace(text, level=group.level, redefines=group.name)


def with_debug(column: Column, debug: Debug | None) -> tuple[Column, ...]:
    """Return a column and, where ``debug`` is given, one with the bytes of its field beside it."""
    if debug is None or isinstance(column, Group):
        return (column,)
    if isinstance(column, Field):
        return (column, replace(_raw(column, debug), redefines=column.name))
    if isinstance(column.element, Group):
        return (column,)
    raw = _raw(column.element, debug)
    return (column, replace(column, name=raw.name, written=raw.written, element=raw, redefines=column.name))


def _raw(original: Field, debug: Debug) -> Field:
    encoding, kind = _DEBUG[debug]
    return replace(
        original,
        name=f"{original.name}_debug",
        written=f"{original.written}_debug",
        encoding=encoding,
        picture=_picture(original.length),
        usage=Usage.DISPLAY,
        type=kind,
        trim="keep",
        conditions=(),
    )


def _text(name: str, place: Place, length: int, location: Location) -> Field:
    return Field(
        name=name,
        written=name,
        level=0,
        place=place,
        length=length,
        encoding="text",
        picture=_picture(length),
        usage=Usage.DISPLAY,
        sign=Sign(),
        type=pa.string(),
        location=location,
    )


def _picture(length: int) -> Picture:
    return Picture(text=f"X({length})", category="text", size=length)
