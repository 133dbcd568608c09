"""Records in a buffer: where each begins and how long it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]  # one dimension, C-contiguous
Rows = npt.NDArray[np.uint8]  # shape (records, bytes), C-contiguous
Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]
Margins = tuple[int, int]  # bytes of a record before its first field, and after its last

_NONE: Positions = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """A chunk of records, in the order of the file; descriptors and line ends are not part of a record."""

    data: Bytes
    starts: Positions  # of each record's first byte in ``data``
    lengths: Positions  # of each record in bytes; may be less or more than the layout's
    # Which records of their file they are, from 0, and where there their first bytes are. Default: as if the data were
    # the file.
    numbers: Positions = field(default_factory=lambda: _NONE)
    offsets: Positions = field(default_factory=lambda: _NONE)

    def __post_init__(self) -> None:
        if self.numbers is _NONE:
            object.__setattr__(self, "numbers", np.arange(len(self.starts), dtype=np.int64))
        if self.offsets is _NONE:
            object.__setattr__(self, "offsets", self.starts)

    @classmethod
    def joined(cls, parts: Sequence[Records]) -> Records:
        """Return the records of several chunks as one chunk; of a single one no byte is copied."""
        if len(parts) == 1:
            return parts[0]
        shifts = offsets_of(np.array([len(part.data) for part in parts], np.int64))[:-1]
        return cls(
            data=np.concatenate([part.data for part in parts]),
            starts=np.concatenate([part.starts + shift for part, shift in zip(parts, shifts, strict=True)]),
            lengths=np.concatenate([part.lengths for part in parts]),
            numbers=np.concatenate([part.numbers for part in parts]),
            offsets=np.concatenate([part.offsets for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.starts)

    def only(self, wanted: Mask | Positions | slice) -> Records:
        """Return some of the records: where a mask is True, at positions, or a slice."""
        return Records(
            data=self.data,
            starts=self.starts[wanted],
            lengths=self.lengths[wanted],
            numbers=self.numbers[wanted],
            offsets=self.offsets[wanted],
        )

    def within(self, start: int, end: int) -> Records:
        """Return the records without their first ``start`` and last ``end`` bytes; numbers and offsets stay."""
        if not start and not end:
            return self
        return replace(self, starts=self.starts + start, lengths=np.maximum(self.lengths - (start + end), 0))

    def detached(self) -> Records:
        """Return the records in bytes of their own, as those of the chunk are about to be overwritten."""
        if not len(self):
            return replace(self, data=self.data[:0])
        first, end = int(self.starts.min()), int((self.starts + self.lengths).max())
        return replace(self, data=self.data[first:end].copy(), starts=self.starts - first)


NO_RECORDS = Records(data=np.empty(0, np.uint8), starts=_NONE, lengths=_NONE)


def offsets_of(counts: Positions) -> Positions:
    """Return where the elements of each row begin among all elements, and behind the last: one more than rows."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def spread(firsts: Positions, counts: Positions, step: int = 1) -> Positions:
    """Return ``first, first + step, …`` for every row, as many as the row's count, one row after the other."""
    offsets = offsets_of(counts)
    result = np.repeat(firsts - offsets[:-1] * step, counts)
    result += np.arange(offsets[-1]) * step
    return result
