"""F and FB: records of one length, one after the other."""

from __future__ import annotations

import numpy as np

from adapters.mainframe.framing.base import Framed, FramingError, Partial, framed
from adapters.mainframe.records import Bytes


class Fixed:
    """F: every record has ``length`` bytes, and nothing stands between them."""

    at_rest = True  # nothing is held

    def __init__(self, length: int, partial: Partial = "refuse") -> None:
        self.length = length
        self.partial = partial

    def records(self, block: Bytes, *, final: bool) -> Framed:
        """Return the whole records, and of the last block the rest as ``partial`` says."""
        count, rest = divmod(len(block), self.length)
        starts = np.arange(count + 1, dtype=np.int64) * self.length
        lengths = np.full(count + 1, self.length, np.int64)
        if not (final and rest):
            return framed(block, starts[:-1], lengths[:-1], len(block) - rest)
        if self.partial == "refuse":
            raise self._left_over(len(block), rest)
        if self.partial == "drop":
            return framed(block, starts[:-1], lengths[:-1], len(block), partial=1)
        lengths[-1] = rest
        return framed(block, starts, lengths, len(block), partial=1)

    def _left_over(self, size: int, rest: int) -> FramingError:
        return FramingError(
            f"after the last record of {self.length} bytes, {rest} bytes are left over",
            position=size - rest,
            remedy=uneven_remedy(self.length),
        )


class FixedBlocks:
    """FB whose blocks hold no whole number of records: every block begins with a record, its last one is shorter."""

    at_rest = True  # nothing is held

    def __init__(self, length: int, block_length: int, partial: Partial) -> None:
        self._length = length
        self._block_length = block_length
        self._partial = partial

    def records(self, block: Bytes, *, final: bool) -> Framed:
        """Return the records of the whole blocks, and of the last block of the file those of its last block."""
        whole = len(block) // self._block_length
        size = len(block) if final else whole * self._block_length
        in_block = np.arange(0, self._block_length, self._length, dtype=np.int64)
        begins = np.arange(-(-size // self._block_length), dtype=np.int64) * self._block_length
        starts = (begins[:, None] + in_block).ravel()
        ends = np.minimum(starts + self._length, (begins[:, None] + self._block_length).repeat(len(in_block)))
        starts, ends = starts[starts < size], ends[starts < size]
        cut = bool(len(ends) and ends[-1] > size)
        if cut and self._partial == "refuse":
            raise FramingError(
                f"the last record has {size - starts[-1]} of {self._length} bytes",
                position=int(starts[-1]),
                remedy=uneven_remedy(self._length),
            )
        if cut and self._partial == "drop":
            starts, ends = starts[:-1], ends[:-1]
        return framed(block, starts, np.minimum(ends, size) - starts, size, partial=int(cut))


def uneven_remedy(length: int) -> str:
    """Return what to do where records of one length do not fill a file."""
    return (
        "have it delivered again if it was cut off in transfer, send it in binary mode (no line ends, no translation),"
        f" or set `record_length` or correct the copybook if records are not {length} bytes long;"
        " `voeg copybook probe` tells what the bytes look like"
    )
