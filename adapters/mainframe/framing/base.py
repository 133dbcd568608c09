"""What a framing takes and gives: blocks of a file's bytes in, records out.

A framing is made for one pass over one file. It is handed the file block by block; what it does not consume comes
again in front of the next block. Where the file is cut into blocks changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from adapters.mainframe.records import Bytes, Positions, Records

Partial = Literal["refuse", "keep", "drop"]

LARGEST_RECORD = 256 << 20
"""Bytes of the longest record, line or block that is read; bounds memory where a length is nonsense."""

SHOWN_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """The records of one block."""

    records: Records  # in the block, or in a buffer of their own; their ``offsets`` are from the block's first byte
    consumed: int  # bytes of the block that need not come again; of the last block all
    partial: int = 0  # records at the end of the file that are not whole: kept or dropped as asked


class Framing(Protocol):
    """Finds the records of one file; holds what it must remember from block to block.

    If it has an attribute ``at_rest`` that is True, it holds nothing: another framing could go on from there. Only
    there is a file cut into parts; one whose framing does not tell stays in one piece.
    """

    def records(self, block: Bytes, *, final: bool) -> Framed:
        """Return the records that are whole in ``block``.

        Args:
            block: the next bytes of the file. Reused: records must be read before the next call.
            final: whether the file ends with this block. If it does not, at least one more byte will come.

        Raises:
            FramingError: the bytes are not as this framing expects them.
        """
        ...


class FramingError(Exception):
    """The bytes at a place of the block are not as expected; the reader adds file, record and byte."""

    def __init__(self, message: str, *, position: int, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.position = position  # in the block
        self.remedy = remedy


def framed(block: Bytes, starts: Positions, lengths: Positions, consumed: int, *, partial: int = 0) -> Framed:
    """Return records that lie in ``block`` as they are."""
    records = Records(data=block, starts=starts, lengths=lengths, offsets=starts)
    return Framed(records=records, consumed=consumed, partial=partial)


def in_a_row(block: Bytes, starts: Positions, end: int, *, final: bool, partial: Partial) -> Framed:
    """Return records without a gap between them, the last of which ends at ``end``.

    Raises:
        FramingError: something is left over at the end of the file, and ``partial`` is ``refuse``.
    """
    lengths = record_ends(starts, end) - starts
    left = len(block) - end
    if not (final and left):
        return framed(block, starts, lengths, end)
    if partial == "refuse":
        raise incomplete(end, left, None)
    if partial == "keep":
        starts, lengths = np.append(starts, end), np.append(lengths, left)
    return framed(block, starts, lengths, len(block), partial=1)


def record_ends(starts: Positions, end: int) -> Positions:
    """Return where records end that stand without a gap between them, the last of which ends at ``end``."""
    return np.append(starts[1:], end)[: len(starts)]


def positions(values: list[int]) -> Positions:
    """Return a list as positions."""
    return np.array(values, np.int64)


def hexadecimal(data: Bytes | bytes | memoryview) -> str:
    """Return the first few bytes as people write them: ``00 1C 00 00``."""
    shown = bytes(data[:SHOWN_BYTES]).hex(" ").upper()
    return f"{shown} …" if len(data) > SHOWN_BYTES else shown


def incomplete(
    position: int, found: int, expected: int | None, what: str = "record", *, remedy: str | None = None
) -> FramingError:
    """Return the error of a file that ends within a record."""
    of = f" of {expected}" if expected is not None else ""
    return FramingError(
        f"the file ends within a {what}: {found}{of} bytes are there",
        position=position,
        remedy=remedy
        or "have it delivered again if it was cut off in transfer; if the rest is no record, say so with"
        " `skip_end`; or choose `partial_record: keep` or `drop`",
    )
