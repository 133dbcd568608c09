"""Rows of bytes that are decoded together, and the matrices that hold a part of each."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from adapters.mainframe.copybook.layout import Place
from adapters.mainframe.records import Bytes, Positions, Records, Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The same bytes of every row, side by side."""

    rows: Rows  # C-contiguous
    shift: int  # column of ``rows`` that holds the first byte of the window
    room: Positions | None  # bytes from there to the end of each row's record, less than 0 behind it; None: enough
    least: int = field(init=False, default=0)  # of ``room``

    def __post_init__(self) -> None:
        if self.room is not None:
            object.__setattr__(self, "least", int(self.room.min(initial=self.rows.shape[1])))

    def available(self, offset: int, length: int) -> Positions | None:
        """Return how many bytes of a field each row really has; None where every row has all of them."""
        if self.room is None or self.least >= offset + length:
            return None
        return np.clip(self.room - offset, 0, length)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Rows whose fields stand alike: the records of a chunk, or all elements of a table."""

    data: Bytes
    starts: Positions  # of each row's first byte in ``data``
    ends: Positions  # behind the last byte of the record that each row belongs to
    records: Positions | None = None  # which record of the chunk each row belongs to; None: row i is record i
    stride: int = 0  # bytes from each row to the next, if that is always the same; else 0
    anchors: dict[int, Positions] = field(default_factory=dict)  # in ``data``, by number, beside anchor 0
    whole: Window | None = None  # the rows from their first to their last byte, when they are side by side already
    keys: tuple[Positions, ...] = ()  # of elements: numbers that order them, outermost first; see ``faults``

    @classmethod
    def of(cls, records: Records) -> Frame:
        """Return records as rows."""
        starts, count = records.starts, len(records)
        stride = 0
        if count == 1:
            stride = int(records.lengths[0])
        elif count > 1:
            step = int(starts[1] - starts[0])
            stride = step if step > 0 and bool((starts[1:] - starts[:-1] == step).all()) else 0
        return cls(data=records.data, starts=starts, ends=starts + records.lengths, stride=stride)

    def __len__(self) -> int:
        return len(self.starts)

    def at(self, place: Place) -> Positions:
        """Return where in ``data`` a place is in every row."""
        base = self.anchors[place.anchor] if place.anchor else self.starts
        return base + place.offset if place.offset else base

    def records_of(self, rows: Positions) -> Positions:
        """Return the records that some rows belong to."""
        return rows if self.records is None else self.records[rows]

    def only(self, rows: Positions) -> Frame:
        """Return some of the rows."""
        return Frame(
            data=self.data,
            starts=self.starts[rows],
            ends=self.ends[rows],
            records=self.records_of(rows),
            anchors={number: anchor[rows] for number, anchor in self.anchors.items()},
            keys=tuple(key[rows] for key in self.keys),
        )

    def window(self, anchor: int, low: int, high: int) -> Window:
        """Return the bytes from ``low`` up to ``high`` behind an anchor; zeros where a record has ended."""
        if self.whole is not None and not anchor:
            room = self.whole.room
            return Window(rows=self.whole.rows, shift=self.whole.shift + low, room=None if room is None else room - low)
        starts, width = self.at(Place(offset=low, anchor=anchor)), high - low
        room = self.ends - starts
        if room.min(initial=width) >= width:
            view = None if anchor else self._view(low, width)
            return view or Window(rows=_gather(self.data, starts, width), shift=0, room=None)
        rows = _gather(self.data, starts, width)
        _clear(rows, room)
        return Window(rows=rows, shift=0, room=room)

    def _view(self, low: int, width: int) -> Window | None:
        """Return the bytes where they stand, if rows follow one another evenly; nothing is copied."""
        stride, count = self.stride, len(self.starts)
        if not stride:
            return None
        first = int(self.starts[0]) + low
        base = min(first, len(self.data) - count * stride)  # so that the last row is whole, too
        if base < 0 or first - base + width > stride:
            return None
        rows = self.data[base : base + count * stride].reshape(count, stride)
        return Window(rows=rows, shift=first - base, room=None)


def _gather(data: Bytes, starts: Positions, width: int) -> Rows:
    """Return ``width`` bytes from each start; zeros behind the end of the data."""
    last = max(len(data) - width, 0)
    late = starts > len(data) - width
    if len(starts) and not late.any():
        return _pick(data, starts, width)
    tail = np.concatenate([data[last:], np.zeros(width, np.uint8)])
    rows = np.empty((len(starts), width), np.uint8)
    rows[late] = _pick(tail, np.minimum(starts[late] - last, len(tail) - width), width)
    if len(starts) and not late.all():
        rows[~late] = _pick(data, starts[~late], width)
    return rows


def _clear(rows: Rows, room: Positions) -> None:
    """Set to zero what is behind the end of a row, ``room`` bytes from its start.

    Only columns in which a row has ended are looked at; and where most rows have ended, all of them, as it costs about
    twice as much per row to pick some.
    """
    width = rows.shape[1]
    ended = np.flatnonzero(room < width)
    first = max(int(room.min(initial=width)), 0)
    columns = np.arange(first, width, dtype=np.int32)
    if 2 * len(ended) < len(rows):
        rows[ended, first:] *= columns < room[ended, None].astype(np.int32)
    else:
        tail = rows[:, first:]
        tail *= columns < room[:, None].astype(np.int32)


def _pick(data: Bytes, starts: Positions, width: int) -> Rows:
    """Return ``width`` bytes from each start, all within the data.

    Items of type ``V`` (opaque bytes) are copied as one piece each, which measured twice as fast as taking rows of a
    two-dimensional view.
    """
    items = np.ndarray((len(data) - width + 1,), np.dtype((np.void, width)), data.data, 0, (1,))
    return items[starts].view(np.uint8).reshape(len(starts), width)
