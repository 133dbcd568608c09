"""Records in a buffer: where each begins and how long it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]  # one dimension, C-contiguous
Rows = npt.NDArray[np.uint8]  # shape (records, bytes), C-contiguous
Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """A chunk of records, in the order of the file; descriptors and line ends are not part of a record."""

    data: Bytes
    starts: Positions  # of each record's first byte in ``data``
    lengths: Positions  # of each record in bytes; may be less or more than the layout's

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

    def only(self, wanted: Mask | Positions) -> Records:
        """Return some of the records: where a mask is True, or at positions."""
        return Records(data=self.data, starts=self.starts[wanted], lengths=self.lengths[wanted])
