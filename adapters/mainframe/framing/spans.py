"""Spanned records: joined from the segments that blocks hold of them."""

from __future__ import annotations

import numpy as np

from adapters.mainframe.framing.base import (
    LARGEST_RECORD,
    FramingError,
    Partial,
    hexadecimal,
    incomplete,
    positions,
)
from adapters.mainframe.framing.descriptors import WORD
from adapters.mainframe.records import Bytes, Positions, Records

_ALL, _FIRST, _LAST, _MIDDLE = range(4)
LARGEST_CODE = _MIDDLE
_SEGMENTS = ("all of a record", "the first segment", "the last segment", "a middle segment")


class Spans:
    """Joins the segments of spanned records of one file."""

    def __init__(self, partial: Partial) -> None:
        self._partial = partial
        self._open: list[Bytes] = []  # segments of a record that is not whole yet
        self._size = 0  # bytes of them
        self._began = 0  # where it began, from the start of the present block

    @property
    def is_open(self) -> bool:
        """Whether the last segment of a record is still to come."""
        return bool(self._open)

    def join(
        self, block: Bytes, words: Positions, ends: Positions, consumed: int, *, final: bool
    ) -> tuple[Records, int]:
        """Return the records that are whole, and how many at the end of the file are not."""
        codes = np.where(block[words] | block[words + 1], block[words + 2], _ALL).astype(np.int64)
        self._check(block, words, codes)
        starts, whole = words + WORD, codes == _ALL
        segments = np.flatnonzero(~whole)
        last = np.flatnonzero(codes[segments] == _LAST)
        closed = segments[: last[-1] + 1] if len(last) else segments[:0]
        began, lengths, joined = self._close(block, starts, ends, closed, codes)
        for segment in segments[len(closed) :].tolist():
            self._hold(block[starts[segment] : ends[segment]], int(starts[segment]))
        partial = 0
        if final and self._open:
            partial = 1
            if self._partial == "refuse":
                raise incomplete(self._began, self._size, None, "spanned record")
            if self._partial == "keep":
                began, lengths = np.append(began, self._began), np.append(lengths, self._size)
                joined.extend(self._open)
        self._began -= consumed
        if not joined:
            return Records(data=block, starts=starts[whole], lengths=(ends - starts)[whole]), partial
        offsets = np.concatenate([starts[whole], began])
        order = np.argsort(offsets, kind="stable")
        places = len(block) + np.cumsum(lengths) - lengths
        records = Records(
            data=np.concatenate([block, *joined]),
            starts=np.concatenate([starts[whole], places])[order],
            lengths=np.concatenate([(ends - starts)[whole], lengths])[order],
            offsets=offsets[order],
        )
        return records, partial

    def _close(
        self, block: Bytes, starts: Positions, ends: Positions, closed: Positions, codes: Positions
    ) -> tuple[Positions, Positions, list[Bytes]]:
        """Return of the records that end here where they began and their lengths, and the segments of all."""
        if not len(closed):
            return positions([]), positions([]), []
        first = starts[closed[codes[closed] == _FIRST]]
        began = np.append(self._began, first) if self._open else first
        sizes = np.cumsum(ends[closed] - starts[closed]) + self._size
        lengths = np.diff(sizes[codes[closed] == _LAST], prepend=0)
        places = zip(starts[closed].tolist(), ends[closed].tolist(), strict=True)
        joined = [*self._open, *(block[start:end] for start, end in places)]
        self._open, self._size = [], 0
        return began, lengths, joined

    def _hold(self, segment: Bytes, position: int) -> None:
        """Keep a segment of a record that goes on in another block."""
        if not self._open:
            self._began = position
        self._open.append(segment.copy())
        self._size += len(segment)
        if self._size > LARGEST_RECORD:
            raise FramingError(
                f"a spanned record has more than {LARGEST_RECORD} bytes",
                position=position - WORD,
                remedy="have the file delivered again: the last segment of a record is missing",
            )

    def _check(self, block: Bytes, words: Positions, codes: Positions) -> None:
        """Refuse segments in an order in which they make no records."""
        goes_on = (codes == _LAST) | (codes == _MIDDLE)
        is_open = (codes == _FIRST) | (codes == _MIDDLE)
        open_before = np.append(bool(self._open), is_open[:-1])[: len(codes)]
        wrong = np.flatnonzero(goes_on != open_before)
        if len(wrong):
            first = int(wrong[0])
            after = "where a record is open" if open_before[first] else "where no record is open"
            word = block[words[first] : words[first] + WORD]
            raise FramingError(
                f"segment descriptor {hexadecimal(word)} says {_SEGMENTS[codes[first]]} {after}",
                position=int(words[first]),
                remedy="have the file delivered again: a segment is missing, or it was put together from several",
            )
