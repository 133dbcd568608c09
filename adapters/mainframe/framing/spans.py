"""Spanned records: joined from the segments that blocks hold of them."""

from __future__ import annotations

import numpy as np

from adapters.mainframe.framing.base import (
    LARGEST_RECORD,
    FramingError,
    Partial,
    hexadecimal,
    incomplete,
)
from adapters.mainframe.framing.descriptors import WORD
from adapters.mainframe.records import Bytes, Positions, Records

_ALL, _FIRST, _LAST, _MIDDLE = range(4)
LARGEST_CODE = _MIDDLE
_SEGMENTS = ("all of a record", "the first segment", "the last segment", "a middle segment")


class Spans:
    """Joins the segments of spanned records."""

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
        codes = np.where(block[words] | block[words + 1], block[words + 2], _ALL)
        self._check(block, words, codes)
        whole = codes == _ALL
        joined: list[Bytes] = []
        found: list[tuple[int, int]] = []  # of every joined record: where it began, and its length
        for segment in np.flatnonzero(~whole).tolist():
            code = codes[segment]
            if code == _FIRST:
                self._began = int(words[segment]) + WORD
            self._add(block[words[segment] + WORD : ends[segment]], int(words[segment]))
            if code == _LAST:
                found.append(self._close(joined))
        partial = 0
        if final and self._open:
            partial = 1
            if self._partial == "refuse":
                raise incomplete(self._began, self._size, None, "spanned record")
            if self._partial == "keep":
                found.append(self._close(joined))
        self._began -= consumed
        starts, stops = words[whole] + WORD, ends[whole]
        if not found:
            return Records(data=block, starts=starts, lengths=stops - starts, offsets=starts), partial
        began, lengths = np.array(found, np.int64).T
        places = len(block) + np.cumsum(lengths) - lengths
        offsets = np.concatenate([starts, began])
        order = np.argsort(offsets, kind="stable")
        records = Records(
            data=np.concatenate([block, *joined]),
            starts=np.concatenate([starts, places])[order],
            lengths=np.concatenate([stops - starts, lengths])[order],
            offsets=offsets[order],
        )
        return records, partial

    def _check(self, block: Bytes, words: Positions, codes: Bytes) -> None:
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

    def _add(self, segment: Bytes, position: int) -> None:
        self._open.append(segment.copy())
        self._size += len(segment)
        if self._size > LARGEST_RECORD:
            raise FramingError(
                f"a spanned record has more than {LARGEST_RECORD} bytes",
                position=position,
                remedy="have the file delivered again: the last segment of a record is missing",
            )

    def _close(self, joined: list[Bytes]) -> tuple[int, int]:
        length = self._size
        joined.extend(self._open)
        self._open, self._size = [], 0
        return self._began, length
