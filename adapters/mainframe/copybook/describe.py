"""A layout for people: one row for each entry of the copybook, in its order."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

from adapters.mainframe.copybook.layout import Column, Field, Group, Layout, Table
from adapters.mainframe.copybook.syntax import Condition

_MARKS = string.ascii_uppercase + string.ascii_lowercase + string.digits
_FILLER_MARK = "."
_RULER_WIDTH = 64  # bytes on a line
_RULER_LINES = 64  # shown at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entry: where it stands, what it is, and which column it makes. ``dataclasses.asdict`` is its JSON form."""

    mark: str | None  # of its bytes in the ruler: a letter, ``.`` for FILLER; None: its bytes are those of others
    depth: int  # groups and tables around it
    level: int
    name: str  # as the copybook spells it
    offset: int | str  # bytes from the start of the record, of a table's first element; ``+12 after ITEMS``
    length: int  # bytes; of one element of a table
    most: int  # elements at most; 1: no table
    occurs: str | None  # ``3``, ``0 to 9 depending on COUNT``
    picture: str | None  # picture and usage; None for a group
    type: str | None  # of the column, as Arrow writes it; None for a group that is no column
    column: str | None  # as mappings address it; None: it makes none
    redefines: str | None
    conditions: tuple[str, ...]  # level 88: ``ACTIVE (1, 3 to 5)``


def describe(layout: Layout) -> list[Row]:
    """Return a row for every record, group, table and field, header and trailer records last."""
    columns = dict(_addresses(layout))
    marks = cycle(_MARKS)
    roots = [*layout.roots, *(apart for apart in (layout.header, layout.trailer) if apart is not None)]
    return [row for root in roots for row in _frame([root], columns, marks, 0, _Base(offset=0, after=None))]


def ruler(rows: Sequence[Row]) -> list[str]:
    """Return the bytes of the record by the marks of their fields, 64 on a line; a line of offsets begins with a space.

    Only the first of several records, and of entries that redefine one another; nothing behind a table of variable
    size.
    """
    first = rows[: next((number for number, row in enumerate(rows) if number and not row.depth), len(rows))]
    painted = bytearray(b" " * first[0].length)
    _paint(first, painted)
    text = painted.decode("ascii").rstrip()
    columns = "".join(f"{offset:<8x}" for offset in range(0, _RULER_WIDTH, 8)).rstrip()
    lines = [f"{'':>8}  {columns}"]
    shown = range(0, min(len(text), _RULER_WIDTH * _RULER_LINES), _RULER_WIDTH)
    lines.extend(f"{start:08x}  {text[start : start + _RULER_WIDTH]}" for start in shown)
    if len(text) > _RULER_WIDTH * _RULER_LINES:
        lines.append(f" … {len(text) - _RULER_WIDTH * _RULER_LINES:,} more bytes")
    return lines


def _paint(rows: Sequence[Row], painted: bytearray) -> None:
    """Mark the bytes of the fields; of tables first one element, then the others from it."""
    for number, row in enumerate(rows):
        if not isinstance(row.offset, int):
            continue
        if row.mark is not None:
            painted[row.offset : row.offset + row.length] = row.mark.encode("ascii") * row.length
        if row.most > 1:
            _paint(_below_row(rows, number), painted)
            element = painted[row.offset : row.offset + row.length]
            painted[row.offset : row.offset + row.most * row.length] = element * row.most


def _below_row(rows: Sequence[Row], number: int) -> Sequence[Row]:
    """Return the rows of what stands in a group or table."""
    end = number + 1
    while end < len(rows) and rows[end].depth > rows[number].depth:
        end += 1
    return rows[number + 1 : end]


@dataclass(frozen=True, slots=True)
class _Base:
    """Where the first byte of a frame stands."""

    offset: int
    after: str | None


def _frame(
    columns: Sequence[Column], addresses: Mapping[int, str], marks: Iterator[str] | None, depth: int, base: _Base
) -> Iterator[Row]:
    """Yield the rows of a frame that begins at ``base``, and of all frames in it."""
    anchors = {0: base}

    def below(columns: Sequence[Column], marks: Iterator[str] | None, depth: int) -> Iterator[Row]:
        for column in columns:
            anchor = anchors[column.place.anchor]
            start = _Base(offset=anchor.offset + column.place.offset, after=anchor.after)
            own = marks if column.redefines is None else None
            yield _row(column, addresses.get(id(column)), own, depth, start)
            if isinstance(column, Group):
                yield from below(column.columns, own, depth + 1)
            elif isinstance(column, Table):
                if isinstance(column.element, Group):
                    yield from _frame(column.element.columns, addresses, own, depth + 1, start)
                if not column.fixed:
                    anchors[column.ends] = _Base(offset=0, after=column.written)

    yield from below(columns, marks, depth)


def _row(column: Column, address: str | None, marks: Iterator[str] | None, depth: int, start: _Base) -> Row:
    inner = column.element if isinstance(column, Table) else column
    field = inner if isinstance(inner, Field) else None
    return Row(
        mark=None if field is None or marks is None else _FILLER_MARK if field.filler else next(marks),
        depth=depth,
        level=column.level,
        name=column.written,
        offset=start.offset if start.after is None else f"+{start.offset} after {start.after}",
        length=column.length,
        most=column.most if isinstance(column, Table) else 1,
        occurs=_occurs(column) if isinstance(column, Table) else None,
        picture=field.description if field is not None else None,
        type=str(column.type) if field is not None or address is not None else None,
        column=address,
        redefines=column.redefines,
        conditions=tuple(_condition(condition) for condition in field.conditions) if field is not None else (),
    )


def _condition(condition: Condition) -> str:
    values = (first if last is None else f"{first} to {last}" for first, last in condition.values)
    return f"{condition.name} ({', '.join(values)})"


def _occurs(table: Table) -> str:
    if table.depending is None:
        return str(table.most)
    return f"{table.least} to {table.most} depending on {table.depending.field.written}"


def _addresses(layout: Layout) -> Iterator[tuple[int, str]]:
    """Yield what mappings call every column; of a flattened table its first element."""
    for output in reversed(layout.outputs):
        yield from _below(output.column, output.name)


def _below(column: Column, address: str) -> Iterator[tuple[int, str]]:
    yield id(column), address
    inner = column.element if isinstance(column, Table) else column
    if isinstance(inner, Group):
        prefix = f"{address}[*]" if isinstance(column, Table) else address
        for child in inner.columns:
            if not child.filler:
                yield from _below(child, f"{prefix}.{child.name}")
