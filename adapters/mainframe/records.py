"""Records in a buffer: where each begins and how long it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]  # one dimension, C-contiguous
Rows = npt.NDArray[np.uint8]  # shape (records, bytes), C-contiguous
Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]

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
    def fixed(cls, data: Bytes, length: int) -> Records:
        """Return records of ``length`` bytes that fill ``data`` without a gap."""
        count = len(data) // length
        return cls(
            data=data,
            starts=np.arange(count, dtype=np.int64) * length,
            lengths=np.full(count, length, np.int64),
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
