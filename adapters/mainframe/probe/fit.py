"""Whether a copybook fits the records of a file, and from which byte on it does not.

A number whose bytes are none, and a text with control characters in it, speak against a field. Where that begins at
one field and goes on to the end of the record, the copybook has lost its place: then the fields behind it are tried a
few bytes earlier and later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from adapters.mainframe import values
from adapters.mainframe.copybook.layout import Column, Field, Group, Layout, Table
from adapters.mainframe.profile import Profile
from adapters.mainframe.records import Mask, Records, Rows

RECORDS = 2_000
"""Records that are looked at."""

_MISFIT = 0.2  # share of records in which a field of the right place may be wrong
_FARTHEST = 32  # bytes that the fields behind a misfit are moved to either side
_BETTER = 0.5  # a move must take away half of what was wrong
_TEXT = frozenset({"text", "edited"})
_JUDGED = _TEXT | {"zoned", "packed", "unsigned-packed"}  # any bytes are a binary number or a float


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFit:
    """How a field fits."""

    path: str
    offset: int  # bytes from the start of the record
    length: int
    description: str
    records: int  # that hold the whole field
    wrong: int  # in which the bytes cannot be what the copybook says

    @property
    def share(self) -> float:
        """The share of wrong ones."""
        return self.wrong / self.records if self.records else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How a copybook fits."""

    records: int
    fields: tuple[FieldFit, ...]
    stops: FieldFit | None  # from here on it does not
    moved: int | None  # bytes by which the rest would fit better: later (more) or earlier (less)

    @property
    def share(self) -> float:
        """The share of the values that are judged which are right."""
        judged = sum(field.records for field in self.fields)
        return 1 - sum(field.wrong for field in self.fields) / judged if judged else 1.0


@dataclass(frozen=True, slots=True)
class _Placed:
    path: str
    offset: int
    field: Field


def fit(records: Records, layout: Layout) -> Fit:
    """Judge a layout by the first records; fields behind a table of variable size are left out."""
    records = records.only(np.arange(min(RECORDS, len(records))))
    rows = _rows(records, layout.length + _FARTHEST)
    placed = [item for item in _fields(layout) if item.field.encoding in _JUDGED]
    fields = [_judge(item, rows, records, layout.profile) for item in placed]
    stops = _where_it_stops(fields)
    moved = _moved(placed[stops:], fields[stops:], rows, records, layout.profile) if stops is not None else None
    return Fit(
        records=len(records),
        fields=tuple(fields),
        stops=fields[stops] if stops is not None else None,
        moved=moved,
    )


def _fields(layout: Layout) -> list[_Placed]:
    """Return the fields at fixed places, in the order of their bytes; of a table those of its first element."""
    found = [item for root in layout.roots for item in _below(root.columns, "", 0)]
    return sorted(found, key=lambda item: item.offset)


def _below(columns: Sequence[Column], prefix: str, base: int) -> Iterator[_Placed]:
    for column in columns:
        if column.place.anchor or column.redefines:
            continue
        offset, path = base + column.place.offset, prefix + column.written
        if isinstance(column, Field):
            yield _Placed(path, offset, column)
        elif isinstance(column, Group):
            yield from _below(column.columns, prefix, base)
        elif isinstance(column, Table) and column.least > 0:
            element = column.element
            if isinstance(element, Field):
                yield _Placed(f"{path}[0]", offset, element)
            else:
                yield from _below(element.columns, f"{path}[0].", offset)


def _judge(item: _Placed, rows: Rows, records: Records, profile: Profile, shift: int = 0) -> FieldFit:
    offset = item.offset + shift
    whole = records.lengths >= offset + item.field.length
    wrong = np.zeros(len(records), np.bool_)
    if offset >= 0 and whole.any():
        wrong = _wrong(item.field, rows, offset, profile) & whole
    return FieldFit(
        path=item.path,
        offset=item.offset,
        length=item.field.length,
        description=item.field.description,
        records=int(whole.sum()),
        wrong=int(wrong.sum()),
    )


def _wrong(field: Field, rows: Rows, offset: int, profile: Profile) -> Mask:
    if field.encoding in _TEXT:
        part = rows[:, offset : offset + field.length]
        lowest = 0x40 if profile.encoding == "ebcdic" else 0x20
        return np.asarray(((part < lowest) & (part != 0)).any(axis=1))
    bad = values.decoder(field, profile)(rows, offset, None).bad
    return bad if bad is not None else np.zeros(len(rows), np.bool_)


def _where_it_stops(fields: Sequence[FieldFit]) -> int | None:
    """Return the first misfit from which on most fields do not fit."""
    for place, field in enumerate(fields):
        if field.share > _MISFIT:
            rest = fields[place:]
            if np.mean([later.share for later in rest]) > _MISFIT:
                return place
    return None


def _moved(
    placed: Sequence[_Placed], fields: Sequence[FieldFit], rows: Rows, records: Records, profile: Profile
) -> int | None:
    """Return by how many bytes the fields from a misfit on would fit better, if any."""
    wrong = np.mean([field.share for field in fields])
    best: tuple[float, int] | None = None
    for distance in range(1, _FARTHEST + 1):
        for shift in (distance, -distance):
            if placed[0].offset + shift < 0:
                continue
            share = float(np.mean([_judge(item, rows, records, profile, shift).share for item in placed]))
            if share <= wrong * _BETTER and (best is None or share < best[0]):
                best = share, shift
    return best[1] if best else None


def _rows(records: Records, width: int) -> Rows:
    """Return the records side by side, each cut or filled with zeros to ``width`` bytes."""
    places = records.starts[:, None] + np.arange(width)
    within = (np.arange(width) < records.lengths[:, None]) & (places < len(records.data))
    return np.where(within, records.data[np.where(within, places, 0)], 0).astype(np.uint8)
