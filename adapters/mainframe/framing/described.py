"""V, VB, VS and VBS: records behind descriptor words that tell their length.

A record descriptor word (RDW) is two bytes of length and two of zero; of spanned records the third byte tells which
segment of a record follows (0 all of it, 1 the first, 2 the last, 3 one between). A block descriptor word (BDW) is
the same for a block of records, or, where its first bit is one, four bytes of length. IBM: *z/OS DFSMS Using Data
Sets*, "Variable-Length Record Formats". Programs that bring files over write the words in either byte order, counting
the word itself or not, and some in its second half; all of that is read.

A chain of lengths can only be followed one by one. That loop does nothing else; what it passed is checked at once
afterwards, and where many records in a row have the same descriptor, the run is compared at once.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from adapters.mainframe.framing.base import (
    LARGEST_RECORD,
    Framed,
    FramingError,
    Partial,
    framed,
    hexadecimal,
    incomplete,
    positions,
)
from adapters.mainframe.profile import Endian
from adapters.mainframe.records import Bytes, Positions, Records

_WORD = 4  # bytes of a descriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """How a length is written."""

    endian: Endian = "big"
    includes_itself: bool = True  # the word counts its own four bytes
    adjustment: int = 0  # added to what it says

    @property
    def extra(self) -> int:
        """Bytes from one word to the next, beyond what the word says."""
        return self.adjustment + (0 if self.includes_itself else _WORD)

    @property
    def least(self) -> int:
        """What a word says at least: never zero, and where it counts itself not less than itself."""
        return max(1, (_WORD if self.includes_itself else _WORD + 1) - self.extra)

    def record(self, word: bytes | memoryview) -> int:
        """Return what a record descriptor says."""
        return int.from_bytes(word[:2] if word[0] or word[1] else word[2:4], self.endian)

    def block(self, word: bytes | memoryview) -> int:
        """Return what a block descriptor says, 0 if nothing; little-endian ones may be swapped as one word of four."""
        whole = bytes(word if self.endian == "big" else word[::-1])
        if whole[0] & 0x80:
            return int.from_bytes(whole, "big") & 0x7FFFFFFF
        if not (whole[2] or whole[3]):
            return int.from_bytes(whole[:2], "big")
        if self.endian == "little" and not (word[2] or word[3]):
            return int.from_bytes(word[:2], "little")
        return 0


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
        self._spans = _Spans(partial) if spanned else None
        self._chain = _Chain(rdw)
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
            present = ends - words > _WORD if not self._strict else slice(None)
            return framed(block, (words + _WORD)[present], (ends - words - _WORD)[present], position, partial=partial)
        records, open_end = self._spans.join(block, words, ends, position, final=final)
        return Framed(records=records, consumed=position, partial=partial + open_end)

    def _follow(self, block: Bytes) -> tuple[Positions, Positions, int]:
        """Return where the descriptors of whole records stand, where the records end, and where the rest begins."""
        data, words = block.data, array("q")
        position = self._chain.run(data, 0, len(data), words)
        self._expect_length(data, position, len(data))
        starts = np.array(words, np.int64)
        return starts, np.append(starts[1:], position)[: len(starts)], position

    def _follow_blocks(self, block: Bytes, bdw: Descriptor, *, final: bool) -> tuple[Positions, Positions, int]:
        """Do the same through blocks of records.

        The rest begins between two blocks, or, where a block is longer than what is here, within it.
        """
        data, words = block.data, array("q")
        last: list[int] = []  # the last record of every block, and where it ends
        last_ends: list[int] = []
        position = 0
        while position < len(data):
            if not self._block_left:
                if len(data) - position < _WORD:
                    break
                length = self._block_length(data, position, bdw)
                if position and not final and position + _WORD + length > len(data):
                    break
                self._block_left = length
                position += _WORD
            block_end = position + self._block_left
            limit = min(block_end, len(data))
            before = len(words)
            followed = self._chain.run(data, position, limit, words)
            self._expect_length(data, followed, limit)
            if followed < limit == block_end:
                followed = self._does_not_fit(data, followed, block_end, words)
            self._block_left -= followed - position
            position = followed
            if len(words) > before:
                last.append(len(words) - 1)
                last_ends.append(position)
            if self._block_left:
                break
        starts = np.array(words, np.int64)
        ends = np.append(starts[1:], position)[: len(starts)]
        ends[last] = last_ends
        return starts, ends, position

    def _block_length(self, data: memoryview, position: int, bdw: Descriptor) -> int:
        """Return the bytes of the block behind the descriptor at ``position``."""
        says = bdw.block(data[position : position + _WORD])
        length = says + bdw.extra - _WORD
        if says < bdw.least or length < 0:
            raise self._no_descriptor(data, position, "block")
        if length > LARGEST_RECORD:
            raise FramingError(
                f"block descriptor {hexadecimal(data[position : position + _WORD])} says {says} bytes, which is more"
                f" than is read at once ({LARGEST_RECORD})",
                position=position,
                remedy="set `bdw_endian` to the other byte order, or `record_format: V` if there are no blocks",
            )
        return length

    def _expect_length(self, data: memoryview, position: int, limit: int) -> None:
        """Refuse a descriptor that is all there and says nothing."""
        if limit - position >= _WORD and self._rdw.record(data[position : position + _WORD]) < self._rdw.least:
            raise self._no_descriptor(data, position, "record")

    def _does_not_fit(self, data: memoryview, position: int, block_end: int, words: array[int]) -> int:
        """Deal with a record that is longer than the rest of its block; return where the block ends."""
        left = block_end - position
        if self._strict or left < _WORD:
            word = data[position : position + _WORD]
            says = f" says {self._rdw.record(word)} bytes" if left >= _WORD else " is not whole"
            raise FramingError(
                f"the block ends within a record: its descriptor {hexadecimal(word[:left])}{says}, and {left} are left",
                position=position,
                remedy="check `bdw_includes_itself`, `rdw_includes_itself` and the adjustments; for records that go on"
                " in the next block set `record_format: VBS`",
            )
        words.append(position)
        return block_end

    def _check(self, block: Bytes, words: Positions) -> None:
        """Refuse descriptors that have something other than a length (and the code of a segment)."""
        if not len(words):
            return
        first, second, third, fourth = sliding_window_view(block, _WORD)[words].T
        allowed = _MIDDLE if self._spans is not None else 0
        wrong = np.flatnonzero(((third > allowed) | (fourth > 0)) & ((first | second) > 0))
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
        if left >= _WORD:
            if self._strict:
                self._check(block, positions([position]))
            if refused:
                data = block.data
                says = self._rdw.record(data[position : position + _WORD]) + self._rdw.extra
                raise incomplete(position, left, says, remedy=self._advice(data, position, "record"))
            return left if self._partial == "keep" and left > _WORD else 0
        if refused or (self._bdw is not None and not self._strict):
            raise incomplete(position, left, _WORD, "descriptor")
        return 0

    def _no_descriptor(self, data: memoryview, position: int, kind: str) -> FramingError:
        word = data[position : position + _WORD]
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
        word = data[position : position + _WORD]
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
        word = data[position : position + _WORD]
        if len(word) < _WORD:
            return number > 2 or (number > 0 and position == len(data))
        if rdw.record(word) < rdw.least or word[2] | word[3]:
            return False
        position += rdw.record(word) + rdw.extra
    return True


class _Chain:
    """Follows lengths from record to record."""

    RUN = 64  # records between two looks whether they have one length
    LOOK = 256  # records compared at once before all that follow are

    def __init__(self, rdw: Descriptor) -> None:
        self._rdw = rdw
        self._half = 0  # of the word in which the lengths stand: 0, or 2 for the second one

    def run(self, data: memoryview, position: int, limit: int, words: array[int]) -> int:
        """Append where the words of whole records before ``limit`` stand; return where the first other one does."""
        while True:
            position = self._loop(data, position, limit, words)
            if limit - position < _WORD:
                return position
            word = data[position : position + _WORD]
            says = self._rdw.record(word)
            if says < self._rdw.least or position + says + self._rdw.extra > limit:
                return position
            self._half = 0 if word[0] or word[1] else 2
            words.append(position)
            position += says + self._rdw.extra

    def _loop(self, data: memoryview, position: int, limit: int, words: array[int]) -> int:
        begin = len(words)
        high, low = (0, 1) if self._rdw.endian == "big" else (1, 0)
        high, low = high + self._half, low + self._half
        least, extra, last = self._rdw.least, self._rdw.extra, limit - _WORD
        append = words.append
        going = True
        while going:
            for _ in range(self.RUN):
                if position > last:
                    going = False
                    break
                says = data[position + high] << 8 | data[position + low]
                if says < least:
                    going = False
                    break
                append(position)
                position += says + extra
            else:
                if position <= limit and position - words[-self.RUN] == self.RUN * (says + extra):
                    position = self._leap(data, position, limit, says + extra, words)
        if position > limit:
            position = words.pop()
        return self._back_to_first_half(data, begin, position, words) if self._half else position

    def _leap(self, data: memoryview, position: int, limit: int, step: int, words: array[int]) -> int:
        """Append the words that follow at equal steps as long as they are the same as the one before."""
        word = np.ndarray(1, "<u4", data, position - step)[0]
        left = (limit - position) // step
        for count in (min(left, self.LOOK), left):
            others = np.flatnonzero(np.ndarray(count, "<u4", data, position, (step,)) != word)
            same = int(others[0]) if len(others) else count
            if same < count or count == left:
                break
        words.frombytes(np.arange(position, position + same * step, step, dtype=np.int64).tobytes())
        return position + same * step

    def _back_to_first_half(self, data: memoryview, begin: int, position: int, words: array[int]) -> int:
        """Take back what follows a word whose first half is in use."""
        passed = np.array(words[begin:], np.int64)
        block = np.frombuffer(data, np.uint8)
        others = np.flatnonzero(block[passed] | block[passed + 1])
        if len(others):
            position = int(passed[others[0]])
            del words[begin + int(others[0]) :]
            self._half = 0
        return position


_ALL, _FIRST, _LAST, _MIDDLE = range(4)
_SEGMENTS = ("all of a record", "the first segment", "the last segment", "a middle segment")


class _Spans:
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
        starts, stops, offsets = (positions([]) for _ in range(3))
        whole = codes == _ALL
        joined: list[Bytes] = []
        found: list[tuple[int, int]] = []  # of every joined record: where it began, and its length
        for segment in np.flatnonzero(~whole).tolist():
            code = codes[segment]
            if code == _FIRST:
                self._began = int(words[segment]) + _WORD
            self._add(block[words[segment] + _WORD : ends[segment]], int(words[segment]))
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
        starts, stops = words[whole] + _WORD, ends[whole]
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
            word = block[words[first] : words[first] + _WORD]
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


class FixedInBlocks:
    """FB with block descriptors: records of one length in blocks that say how long they are.

    The last record of a block may be shorter.
    """

    def __init__(self, length: int, bdw: Descriptor, partial: Partial) -> None:
        """Make a framing for one file; ``length`` is a record's."""
        self._length = length
        self._bdw = bdw
        self._partial = partial

    @property
    def at_rest(self) -> bool:
        """Always: what is consumed ends with a block."""
        return True

    def records(self, block: Bytes, *, final: bool) -> Framed:
        """Return the records of the blocks that are whole in ``block``.

        Raises:
            FramingError: a descriptor is none, or the file ends within a block.
        """
        found: list[Positions] = []
        ends: list[Positions] = []
        position = partial = 0
        while position < len(block):
            begin, left = position + _WORD, len(block) - position
            length = self._block_length(block, position) if left >= _WORD else None
            if length is None or begin + length > len(block):
                if not final:
                    break
                if self._partial == "refuse":
                    raise incomplete(position, left, None if length is None else length + _WORD, "block")
                length, partial = max(left - _WORD, 0), 1
            starts = np.arange(begin, begin + length, self._length, dtype=np.int64)
            stops = np.minimum(starts + self._length, begin + length)
            kept = slice(None) if not partial or self._partial == "keep" else stops - starts == self._length
            found.append(starts[kept])
            ends.append(stops[kept])
            position = min(begin + length, len(block))
        starts = np.concatenate([positions([]), *found])
        return framed(block, starts, np.concatenate([positions([]), *ends]) - starts, position, partial=partial)

    def _block_length(self, block: Bytes, position: int) -> int:
        word = block.data[position : position + _WORD]
        says = self._bdw.block(word)
        length = says + self._bdw.extra - _WORD
        if says < self._bdw.least or not 0 <= length <= LARGEST_RECORD:
            raise FramingError(
                f"{hexadecimal(word)} is no block descriptor",
                position=position,
                remedy="set `block_length` or `records_per_block` if blocks have no descriptors, or `bdw_endian` to the"
                " other byte order",
            )
        return length
