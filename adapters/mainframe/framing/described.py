"""V, VB, VS and VBS: records behind descriptor words that tell their length; and FB with block descriptors.

A record descriptor word (RDW) is two bytes of length and two of zero; of spanned records the third byte tells which
segment of a record follows (0 all of it, 1 the first, 2 the last, 3 one between). A block descriptor word (BDW) is
the same for a block of records, or, where its first bit is one, four bytes of length.

``descriptors`` reads the words, ``chain`` follows them, ``spans`` joins segments; what the chain passed is checked here
at once, behind it.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from adapters.mainframe.framing.base import (
    LARGEST_RECORD,
    Framed,
    FramingError,
    Partial,
    framed,
    hexadecimal,
    incomplete,
    positions,
    record_ends,
)
from adapters.mainframe.framing.chain import Chain
from adapters.mainframe.framing.descriptors import WORD, Descriptor
from adapters.mainframe.framing.spans import LARGEST_CODE, Spans
from adapters.mainframe.profile import Endian
from adapters.mainframe.records import Bytes, Positions


class Described:
    """V; with block descriptors VB; spanned VS and VBS."""

    def __init__(
        self,
        rdw: Descriptor,
        *,
        bdw: Descriptor | None = None,
        spanned: bool = False,
        partial: Partial = "refuse",
        strict: bool = True,
    ) -> None:
        """Make a framing for one file.

        Args:
            rdw: how record descriptors are written.
            bdw: how block descriptors are written; None: there are none.
            spanned: whether a record may be in several segments.
            partial: what becomes of a last record that is cut off.
            strict: refuse record descriptors with both halves in use, and records that do not fit their block.
                Cobrix refuses neither, and ends such a record with its block.
        """
        self._rdw = rdw
        self._bdw = bdw
        self._partial = partial
        self._strict = strict
        self._spans = Spans(partial) if spanned else None
        self._chain = Chain(rdw)
        self._block_left = 0  # bytes of the present block (of records) that are still to come
        self._begun = False  # a descriptor has been read

    @property
    def at_rest(self) -> bool:
        """Whether what was consumed so far ends with a record, and with its block."""
        return not self._block_left and (self._spans is None or not self._spans.is_open)

    def records(self, block: Bytes, *, final: bool) -> Framed:
        """Return the records that are whole in ``block``.

        Raises:
            FramingError: a descriptor is none; a block, or the file, ends within a record; segments do not join.
        """
        if self._bdw is None:
            words, ends, position = self._follow(block)
        else:
            words, ends, position = self._follow_blocks(block, self._bdw, final=final)
        if self._strict:
            self._check(block, words)
        self._begun |= len(words) > 0
        partial = 0
        if final:
            kept = self._rest(block, position)
            partial, position = int(position < len(block)), len(block)
            if kept:
                words, ends = np.append(words, position - kept), np.append(ends, position)
        if self._spans is None:
            present = ends - words > WORD if not self._strict else slice(None)
            return framed(block, (words + WORD)[present], (ends - words - WORD)[present], position, partial=partial)
        records, open_end = self._spans.join(block, words, ends, position, final=final)
        return Framed(records=records, consumed=position, partial=partial + open_end)

    def _follow(self, block: Bytes) -> tuple[Positions, Positions, int]:
        """Return where the descriptors of whole records stand, where the records end, and where the rest begins."""
        words, position = self._chain.run(block, 0, len(block))
        self._expect_length(block.data, position, len(block))
        return words, record_ends(words, position), position

    def _follow_blocks(self, block: Bytes, bdw: Descriptor, *, final: bool) -> tuple[Positions, Positions, int]:
        """Do the same through blocks of records.

        The rest begins between two blocks, or, where a block is longer than what is here, within it.
        """
        data, found, ends = block.data, [positions([])], [positions([])]
        position = 0
        while position < len(data):
            if not self._block_left:
                if len(data) - position < WORD:
                    break
                length = self._block_length(data, position, bdw)
                if position and not final and position + WORD + length > len(data):
                    break
                self._block_left = length
                position += WORD
            block_end = position + self._block_left
            limit = min(block_end, len(data))
            words, followed = self._chain.run(block, position, limit)
            self._expect_length(data, followed, limit)
            found.append(words)
            ends.append(record_ends(words, followed))
            if followed < limit == block_end:
                self._refuse_cut(data, followed, block_end)
                found.append(positions([followed]))
                ends.append(positions([block_end]))
                followed = block_end
            self._block_left -= followed - position
            position = followed
            if self._block_left:
                break
        return np.concatenate(found), np.concatenate(ends), position

    def _block_length(self, data: memoryview, position: int, bdw: Descriptor) -> int:
        """Return the bytes of the block behind the descriptor at ``position``."""
        says = bdw.block(data[position : position + WORD])
        length = says + bdw.extra - WORD
        if says < bdw.least or length < 0:
            raise self._no_descriptor(data, position, "block")
        if length > LARGEST_RECORD:
            raise FramingError(
                f"block descriptor {hexadecimal(data[position : position + WORD])} says {says} bytes, which is more"
                f" than is read at once ({LARGEST_RECORD})",
                position=position,
                remedy="set `bdw_endian` to the other byte order, or `record_format: V` if there are no blocks",
            )
        return length

    def _expect_length(self, data: memoryview, position: int, limit: int) -> None:
        """Refuse a descriptor that is all there and says nothing."""
        if limit - position >= WORD and self._rdw.record(data[position : position + WORD]) < self._rdw.least:
            raise self._no_descriptor(data, position, "record")

    def _refuse_cut(self, data: memoryview, position: int, block_end: int) -> None:
        """Refuse a record that is longer than the rest of its block; Cobrix ends it there."""
        left = block_end - position
        if self._strict or left < WORD:
            word = data[position : position + WORD]
            says = f" says {self._rdw.record(word)} bytes" if left >= WORD else " is not whole"
            raise FramingError(
                f"the block ends within a record: its descriptor {hexadecimal(word[:left])}{says}, and {left} are left",
                position=position,
                remedy="check `bdw_includes_itself`, `rdw_includes_itself` and the adjustments; for records that go on"
                " in the next block set `record_format: VBS`",
            )

    def _check(self, block: Bytes, words: Positions) -> None:
        """Refuse descriptors that have something other than a length (and the code of a segment)."""
        if not len(words):
            return
        found = np.ndarray((len(block) - WORD + 1,), "V4", block.data, 0, (1,))[words].view("<u4")
        allowed = LARGEST_CODE if self._spans is not None else 0
        wrong = np.flatnonzero((found >> 16 > allowed) & (found & 0xFFFF > 0))  # length in the lower half
        if len(wrong):
            self._begun |= int(wrong[0]) > 0
            raise self._no_descriptor(block.data, int(words[wrong[0]]), "record")

    def _rest(self, block: Bytes, position: int) -> int:
        """Return how many bytes at the end of the file are kept as a last record that is cut off, with its word."""
        left = len(block) - position
        refused = self._partial == "refuse"
        if not left:
            if self._block_left and self._strict and refused:
                raise incomplete(position, 0, self._block_left, "block")
            return 0
        if left >= WORD:
            if self._strict:
                self._check(block, positions([position]))
            if refused:
                data = block.data
                says = self._rdw.record(data[position : position + WORD]) + self._rdw.extra
                raise incomplete(position, left, says, remedy=self._advice(data, position, "record"))
            return left if self._partial == "keep" and left > WORD else 0
        if refused or (self._bdw is not None and not self._strict):
            raise incomplete(position, left, WORD, "descriptor")
        return 0

    def _no_descriptor(self, data: memoryview, position: int, kind: str) -> FramingError:
        word = data[position : position + WORD]
        format_ = "V" if self._bdw is None else "VB"
        return FramingError(
            f"{hexadecimal(word)} is no {kind} descriptor",
            position=position,
            remedy=self._advice(data, position, kind)
            or f"check that the file is of format {format_} and was sent with its descriptors, in binary mode;"
            " `voeg copybook probe` tells what the bytes look like",
        )

    def _advice(self, data: memoryview, position: int, kind: str) -> str | None:
        """Return which other options would read the bytes, if some would."""
        word = data[position : position + WORD]
        if kind == "record" and self._spans is None and word[0] | word[1] and 0 < word[2] < 4 and not word[3]:
            return f"set `record_format: {'VS' if self._bdw is None else 'VBS'}`: it looks like the segment of a record"
        if self._begun:
            return None
        endians: tuple[Endian, ...] = ("big", "little")
        for endian, includes_itself in product(endians, (True, False)):
            other = Descriptor(endian=endian, includes_itself=includes_itself)
            if other != self._rdw and _fits(data[position:], other):
                settings = f"`rdw_endian: {endian}`, `rdw_includes_itself: {str(includes_itself).lower()}`"
                return f"the bytes fit format V with {settings}"
        return None


_ENOUGH = 20  # records that tell how descriptors are written


def _fits(data: memoryview, rdw: Descriptor) -> bool:
    """Whether the bytes begin with a chain of records of format V: a few at least, or just to the end of the file."""
    position = 0
    for number in range(_ENOUGH):
        word = data[position : position + WORD]
        if len(word) < WORD:
            return number > 2 or (number > 0 and position == len(data))
        if rdw.record(word) < rdw.least or word[2] | word[3]:
            return False
        position += rdw.record(word) + rdw.extra
    return True


class FixedInBlocks:
    """FB with block descriptors: records of one length in blocks that say how long they are.

    The last record of a block may be shorter.
    """

    at_rest = True  # what is consumed ends with a block

    def __init__(self, length: int, bdw: Descriptor, partial: Partial) -> None:
        """Make a framing for one file; ``length`` is a record's."""
        self._length = length
        self._bdw = bdw
        self._partial = partial

    def records(self, block: Bytes, *, final: bool) -> Framed:
        """Return the records of the blocks that are whole in ``block``.

        Raises:
            FramingError: a descriptor is none, or the file ends within a block.
        """
        found: list[Positions] = []
        ends: list[Positions] = []
        position = partial = 0
        while position < len(block):
            begin, left = position + WORD, len(block) - position
            length = self._block_length(block, position) if left >= WORD else None
            if length is None or begin + length > len(block):
                if not final:
                    break
                if self._partial == "refuse":
                    raise incomplete(position, left, None if length is None else length + WORD, "block")
                length, partial = max(left - WORD, 0), 1
            starts = np.arange(begin, begin + length, self._length, dtype=np.int64)
            stops = np.minimum(starts + self._length, begin + length)
            kept = slice(None) if not partial or self._partial == "keep" else stops - starts == self._length
            found.append(starts[kept])
            ends.append(stops[kept])
            position = min(begin + length, len(block))
        starts = np.concatenate([positions([]), *found])
        return framed(block, starts, np.concatenate([positions([]), *ends]) - starts, position, partial=partial)

    def _block_length(self, block: Bytes, position: int) -> int:
        word = block.data[position : position + WORD]
        says = self._bdw.block(word)
        length = says + self._bdw.extra - WORD
        if says < self._bdw.least or not 0 <= length <= LARGEST_RECORD:
            raise FramingError(
                f"{hexadecimal(word)} is no block descriptor",
                position=position,
                remedy="set `block_length` or `records_per_block` if blocks have no descriptors, or `bdw_endian` to the"
                " other byte order",
            )
        return length
