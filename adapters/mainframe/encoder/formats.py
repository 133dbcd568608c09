"""Records to the bytes of a file: descriptors, blocks, spans and line ends.

Formats: *z/OS DFSMS Using Data Sets*, "Record formats": a record descriptor is the length of record and descriptor in
two bytes and two bytes of zeros, a block descriptor likewise; the third byte of a segment of a spanned record tells
whether it is whole (0), the first (1), the last (2) or one between (3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from adapters.mainframe.encoder.fields import EncodeError
from adapters.mainframe.encoder.records import Encoded
from adapters.mainframe.options import MainframeOptions, RecordFormat
from adapters.mainframe.profile import Endian
from adapters.mainframe.records import Bytes, Positions
from foundation.errors import ConfigurationError, Problem

DEFAULT_BLOCK = 27_998
"""Bytes of a block where none is told: half a track of a 3390 disk, as most installations have it."""

_DESCRIPTOR = 4  # bytes
_LARGEST = 0xFFFF  # length that a descriptor can tell


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How records stand in a file; named as in ``MainframeOptions``."""

    record_format: RecordFormat = "F"
    record_length: int | None = None  # F, FB: shorter records are filled up; default: of the layout
    block_length: int | None = None  # VB, VS and VBS: bytes at most, with the descriptor
    rdw_endian: Endian = "big"
    rdw_includes_itself: bool = True
    rdw_adjustment: int = 0  # what reading adds to the length in a descriptor
    bdw_endian: Endian = "big"
    bdw_includes_itself: bool = True
    bdw_adjustment: int = 0
    newline: Literal["\n", "\r\n"] = "\n"  # text
    pad_records: bool = False  # give a record with short tables its full length
    table_by_list: bool = False  # cobrix: a table without DEPENDING ON takes the room of its list
    text_as_spaces: bool = False  # cobrix: what a null becomes, which is else low-values
    display_as_zeros: bool = False
    packed_as_zeros: bool = False
    strict: bool = True  # every column of the layout must be there

    @classmethod
    def of(cls, options: MainframeOptions) -> WriteOptions:
        """Return how the files that ``options`` read are written."""
        return cls(
            record_format=options.record_format,
            record_length=options.record_length,
            block_length=options.block_length,
            rdw_endian=options.rdw_endian,
            rdw_includes_itself=options.rdw_includes_itself,
            rdw_adjustment=options.rdw_adjustment,
            bdw_endian=options.bdw_endian,
            bdw_includes_itself=options.bdw_includes_itself,
            bdw_adjustment=options.bdw_adjustment,
        )


def layout_records(encoded: Encoded, options: WriteOptions, space: int) -> bytes:
    """Return the file content that holds the records.

    Args:
        encoded: the records.
        options: how they stand in the file.
        space: byte that fills up records which are shorter than they must be.

    Raises:
        EncodeError: a record is longer than its format allows.
        ConfigurationError: the format has no place for records of this kind.
    """
    return _FORMATS[options.record_format](_filled(encoded, options, space), options)


def _filled(encoded: Encoded, options: WriteOptions, space: int) -> Encoded:
    """Return the records with the length that the format asks for."""
    rows, lengths = encoded.rows, encoded.lengths
    fixed = options.record_format in ("F", "FB")
    if not fixed and not options.pad_records:
        return encoded
    length = (options.record_length if fixed else None) or rows.shape[1]
    if len(lengths) and lengths.max() > length:
        raise EncodeError(
            f"a record of {lengths.max()} bytes is longer than {length}", remedy="correct `record_length`"
        )
    if length == rows.shape[1] and (not len(lengths) or lengths.min() == length):
        return encoded
    width = np.arange(length)
    filled = np.full((len(rows), length), space, np.uint8)
    common = min(length, rows.shape[1])
    filled[:, :common] = rows[:, :common]
    filled[width >= lengths[:, None]] = space
    return Encoded(rows=filled, lengths=np.full(len(rows), length, np.int64))


def _plain(encoded: Encoded, options: WriteOptions) -> bytes:
    return encoded.content.tobytes()


def _variable(encoded: Encoded, options: WriteOptions) -> bytes:
    return _described(encoded, options).tobytes()


def _described(encoded: Encoded, options: WriteOptions) -> Bytes:
    """Return the records, each behind its descriptor."""
    content, lengths = encoded.content, encoded.lengths
    descriptors = _record_descriptors(lengths, options)
    ends = np.cumsum(lengths + _DESCRIPTOR)
    described = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    places = (ends - lengths - _DESCRIPTOR)[:, None] + np.arange(_DESCRIPTOR)
    is_content = np.ones(len(described), np.bool_)
    is_content[places] = False
    described[places] = descriptors
    described[is_content] = content
    return described


def _record_descriptors(lengths: Positions, options: WriteOptions) -> Bytes:
    told = lengths + _DESCRIPTOR * options.rdw_includes_itself - options.rdw_adjustment
    return _descriptors(told, options.rdw_endian, "record", "rdw_adjustment")


def _block_descriptor(length: int, options: WriteOptions) -> bytes:
    told = length + _DESCRIPTOR * options.bdw_includes_itself - options.bdw_adjustment
    return _descriptors(np.array([told]), options.bdw_endian, "block", "bdw_adjustment").tobytes()


def _descriptors(told: Positions, endian: Endian, what: str, option: str) -> Bytes:
    wrong = told[(told > _LARGEST) | (told < 0)]
    if len(wrong):
        raise EncodeError(
            f"a {what} descriptor cannot tell a length of {wrong[0]}; at most {_LARGEST}",
            remedy=f"make the {what}s shorter, correct `{option}`, or write spanned records: `record_format: VBS`",
        )
    found = np.zeros((len(told), _DESCRIPTOR), np.uint8)
    found[:, :2] = told.astype(">u2" if endian == "big" else "<u2").view(np.uint8).reshape(-1, 2)
    return found


def _variable_blocks(encoded: Encoded, options: WriteOptions) -> bytes:
    """Return blocks of as many whole records as go in."""
    room = _room(options)
    described = _described(encoded, options)
    ends = np.cumsum(encoded.lengths + _DESCRIPTOR)
    parts: list[bytes] = []
    start, first = 0, 0
    while first < len(ends):
        behind = int(np.searchsorted(ends, start + room, side="right"))
        if behind == first:
            raise EncodeError(
                f"a record of {int(encoded.lengths[first])} bytes is longer than a block",
                remedy="give a larger `block_length`, or write spanned records: `record_format: VBS`",
            )
        block = described[start : int(ends[behind - 1])].tobytes()
        parts += [_block_descriptor(len(block), options), block]
        start, first = int(ends[behind - 1]), behind
    return b"".join(parts)


def _spanned_blocks(encoded: Encoded, options: WriteOptions) -> bytes:
    """Return full blocks; a record that does not fit in what is left of one goes on in the next."""
    parts: list[bytes] = []
    for block in _spans(encoded, options, fresh=False):
        parts += [_block_descriptor(len(block), options), block]
    return b"".join(parts)


def _spanned(encoded: Encoded, options: WriteOptions) -> bytes:
    """Return segments of records that are longer than a block would be."""
    return b"".join(_spans(encoded, options, fresh=True))


def _spans(encoded: Encoded, options: WriteOptions, *, fresh: bool) -> Iterator[bytes]:
    """Yield segments by the block that holds them; ``fresh``: every record begins a block."""
    if options.rdw_endian == "little":
        raise ConfigurationError(
            Problem(message="rdw_endian: spanned records have big-endian descriptors", remedy="write V or VB instead")
        )
    room = _room(options)
    content, ends = encoded.content, np.cumsum(encoded.lengths)
    block: list[bytes] = []
    left, record, start = room, 0, 0  # bytes left in the block; the record and where in the content it goes on
    while record < len(ends):
        piece = min(int(ends[record]) - start, left - _DESCRIPTOR)
        begins = start == int(ends[record] - encoded.lengths[record])
        finishes = start + piece == int(ends[record])
        block += [_segment_descriptor(piece, options, begins=begins, finishes=finishes)]
        block += [content[start : start + piece].tobytes()]
        left, start, record = left - piece - _DESCRIPTOR, start + piece, record + finishes
        if left <= _DESCRIPTOR or record == len(ends) or (fresh and finishes):
            yield b"".join(block)
            block, left = [], room


def _segment_descriptor(length: int, options: WriteOptions, *, begins: bool, finishes: bool) -> bytes:
    descriptor = bytearray(_record_descriptors(np.array([length]), options).tobytes())
    descriptor[2] = {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}[begins, finishes]
    return bytes(descriptor)


def _room(options: WriteOptions) -> int:
    """Return how many bytes of a block are for records."""
    return max(_DESCRIPTOR + 1, (options.block_length or DEFAULT_BLOCK) - _DESCRIPTOR)


def _lines(encoded: Encoded, options: WriteOptions) -> bytes:
    end = np.frombuffer(options.newline.encode(), np.uint8)
    rows = np.concatenate([encoded.rows, np.zeros((len(encoded.rows), len(end)), np.uint8)], axis=1)
    for offset, byte in enumerate(end):
        rows[np.arange(len(rows)), encoded.lengths + offset] = byte
    return Encoded(rows=rows, lengths=encoded.lengths + len(end)).content.tobytes()


_FORMATS: dict[str, Callable[[Encoded, WriteOptions], bytes]] = {
    "F": _plain,
    "FB": _plain,  # a block of fixed records has no descriptor
    "V": _variable,
    "VB": _variable_blocks,
    "VS": _spanned,
    "VBS": _spanned_blocks,
    "text": _lines,
    "length-field": _plain,
    "counted": _plain,
}
