"""Whether a copybook fits the records of a file, and from which byte on it does not.

A number whose bytes are none, and a text with control characters in it, speak against a field. Where that begins at
one field and goes on to the end of the record, the copybook has lost its place: then the fields behind it are tried a
few bytes earlier and later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adapters.mainframe import values
from adapters.mainframe.copybook.layout import Field, Layout
from adapters.mainframe.probe.places import PlacedField, placed_fields, side_by_side
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


def fit(records: Records, layout: Layout) -> Fit:
    """Judge a layout by the first records; fields behind a table of variable size are left out."""
    records = records.only(np.arange(min(RECORDS, len(records))))
    rows = side_by_side(records, layout.length + _FARTHEST)
    placed = [item for item in placed_fields(layout) if item.field.encoding in _JUDGED]
    fields = [_judge(item, rows, records, layout.profile) for item in placed]
    stops = _where_it_stops(fields)
    moved = _moved(placed[stops:], fields[stops:], rows, records, layout.profile) if stops is not None else None
    return Fit(
        records=len(records),
        fields=tuple(fields),
        stops=fields[stops] if stops is not None else None,
        moved=moved,
    )


def _judge(item: PlacedField, rows: Rows, records: Records, profile: Profile, shift: int = 0) -> FieldFit:
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
    placed: Sequence[PlacedField], fields: Sequence[FieldFit], rows: Rows, records: Records, profile: Profile
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
