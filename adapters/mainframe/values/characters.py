"""Numbers written in characters, read one character at a time: what the fast kernel of ``zoned`` does not take.

That is numbers with spaces among their digits, with a decimal point anywhere, or with a sign at an unusual place, as
the profile ``cobrix`` allows them. Everything is done for all rows at once; it takes some thirty times as long as
the kernel (730 ns a number of eleven digits).

Rules of Cobrix: its ``StringDecoders`` (``decodeEbcdicNumber``, ``decodeAsciiNumber``) and ``BinaryUtils``
(``addDecimalPoint``). They collect the digits of the field as text, and leave it to Java whether that is a number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adapters.mainframe.copybook.picture import Picture
from adapters.mainframe.records import Mask
from adapters.mainframe.values.decimals import Unscaled, aligned, validity
from adapters.mainframe.values.decode import LOW_VALUE, SPACE, Cells

POINT, PLUS, COMMA, MINUS = 0x4B, 0x4E, 0x6B, 0x60  # the same in every EBCDIC page
INVALID = 0x3F  # SUBSTITUTE: no part of a number

_NOTHING, _DIGIT, _PUNCHED, _MARK, _POINT, _SPACE = range(6)


def _kinds(plus: tuple[int, ...], minus: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Return what each byte is in a number, for zones that mean plus and minus."""
    kinds = np.full(256, _NOTHING, np.uint8)
    for zone in (*plus, *minus):
        kinds[zone << 4 : (zone << 4) + 10] = _PUNCHED
    kinds[0xF0:0xFA] = _DIGIT
    kinds[[PLUS, MINUS]] = _MARK
    kinds[[POINT, COMMA]] = _POINT
    kinds[[SPACE, LOW_VALUE]] = _SPACE
    return kinds


_KINDS_OF_COBRIX = _kinds((0xC,), (0xD,))
_KINDS_OF_COBRIX_ASCII = _KINDS_OF_COBRIX.copy()
_KINDS_OF_COBRIX_ASCII[LOW_VALUE] = _NOTHING
_KINDS_OF_IBM = _kinds((0xA, 0xC, 0xE), (0xB, 0xD))
_KINDS_OF_IBM[[SPACE, LOW_VALUE, POINT, COMMA]] = _NOTHING
_NEGATIVE = np.zeros(256, np.bool_)
_NEGATIVE[MINUS] = True
_NEGATIVE[0xB0:0xBA] = True
_NEGATIVE[0xD0:0xDA] = True
_CHARACTERS = np.full(256, ord(" "), np.uint8)
_CHARACTERS[0xF0:0xFA] = np.arange(10) + ord("0")
for _zone in (0xA0, 0xB0, 0xC0, 0xD0, 0xE0):
    _CHARACTERS[_zone : _zone + 10] = np.arange(10) + ord("0")
_CHARACTERS[[POINT, COMMA]] = ord(".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is allowed in a number, beyond its digits."""

    ibm: bool  # all sign codes, but no spaces and points; else as Cobrix has it
    ascii: bool  # the number was ASCII: spaces only around it, several signs
    signed: bool
    relaxed: bool  # overpunched signs anywhere, also without an S, of which the last counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What stands in the characters."""

    digits: npt.NDArray[np.uint8]  # of each cell, where ``present``
    present: npt.NDArray[np.bool_]
    points: npt.NDArray[np.bool_]
    marked: Mask  # has a sign
    negative: Mask
    wrong: Mask  # is no number, whatever its type
    apart: Mask  # has spaces between its characters that are not to be skipped


def read(cells: Cells, rules: Rules) -> Read:
    """Return what stands in ``cells``."""
    kinds = (_KINDS_OF_IBM if rules.ibm else _KINDS_OF_COBRIX_ASCII if rules.ascii else _KINDS_OF_COBRIX).take(cells)
    punched = kinds == _PUNCHED
    signs = punched | (kinds == _MARK)
    points = kinds == _POINT
    present = punched | (kinds == _DIGIT)
    wrong = (kinds == _NOTHING).any(axis=1)
    if not rules.relaxed:
        misplaced = punched
        if rules.signed:  # anywhere; in ASCII at either end
            misplaced = punched[:, 1:-1] if rules.ascii else punched[:, :0]
        wrong |= misplaced.any(axis=1)
        if not rules.ascii:
            wrong |= signs.sum(axis=1) > 1
    apart = np.zeros(len(cells), np.bool_)
    if rules.ascii:
        apart = (_between(present | points) & (kinds == _SPACE)).any(axis=1)
    marked = signs.any(axis=1)
    last = signs.shape[1] - 1 - signs[:, ::-1].argmax(axis=1)
    negative = marked & _NEGATIVE.take(cells[np.arange(len(cells)), last])
    if not rules.signed:
        wrong |= negative
    return Read(
        digits=cells & np.uint8(15),
        present=present,
        points=points,
        marked=marked,
        negative=negative,
        wrong=wrong,
        apart=apart,
    )


def _between(kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return which cells stand between the first and the last of those kept."""
    before = np.logical_or.accumulate(kept, axis=1)
    behind = np.logical_or.accumulate(kept[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(before & behind)


def integers(found: Read, picture: Picture) -> tuple[Unscaled, Mask]:
    """Return whole numbers, and where there is none: no digits, or a point among them."""
    bad = found.wrong | found.apart | ~found.present.any(axis=1) | found.points.any(axis=1)
    return _aligned(found, np.full(len(bad), min(picture.scale, 0)), 0), bad


def decimals(found: Read, picture: Picture, scale: int) -> tuple[Unscaled, Mask]:
    """Return decimals of ``scale``, rounded half up where they have more, and where there is none."""
    digits = found.present.sum(axis=1)
    points = found.points.sum(axis=1)
    written = (found.present & np.logical_or.accumulate(found.points, axis=1)).sum(axis=1)  # digits behind the point
    if picture.point is not None or not picture.scale:
        bad = (digits == 0) | (points > 1)
        fraction = written
    elif picture.scale < 0:  # 9(3)PP: the zeros are put behind whatever there is, also behind nothing
        bad = (points > 1) | ((points == 1) & (digits == 0))
        fraction = np.where(points > 0, written, picture.scale)
    elif picture.scale > picture.size:  # VPP9(3): the digits are put behind the zeros, however few they are
        bad = points > 0
        fraction = picture.scale - picture.size + digits
    else:  # too few digits are zero, but not behind a plus sign: that is left where it is, in "0.0+5"
        bad = (points > 0) | (found.marked & ~found.negative & (digits < picture.scale))
        fraction = np.full(len(digits), picture.scale)
    return _aligned(found, fraction, scale), found.wrong | found.apart | bad


def _aligned(found: Read, fraction: npt.NDArray[np.integer], scale: int) -> Unscaled:
    sign = np.where(found.negative, -1, 1)
    return aligned(found.digits, found.present, fraction.astype(np.int64), scale, sign)


def texts(cells: Cells, found: Read, rules: Rules) -> pa.StringArray:
    """Return the digits and points as they stand, behind the sign if there is one; spaces are left out.

    Of ASCII numbers spaces are left out only at both ends.
    """
    kept = found.present | found.points
    if rules.ascii:
        kept = kept | (_between(kept) & (cells == SPACE))
    signs = np.where(found.negative, ord("-"), ord("+")).astype(np.uint8)
    return strings(
        np.concatenate([signs[:, None], _CHARACTERS.take(cells)], axis=1),
        np.concatenate([found.marked[:, None], kept], axis=1),
        found.wrong,
    )


def strings(characters: npt.NDArray[np.uint8], kept: npt.NDArray[np.bool_], bad: Mask) -> pa.StringArray:
    """Return those ASCII ``characters`` of each row that are ``kept``; null where ``bad``."""
    offsets = np.zeros(len(characters) + 1, np.int32)
    np.cumsum(kept.sum(axis=1), out=offsets[1:])
    data = characters[kept]
    return pa.Array.from_buffers(
        pa.string(), len(characters), [validity(bad), pa.py_buffer(offsets), pa.py_buffer(data)]
    )


def plain(digits: Cells, scale: int, negative: Mask, bad: Mask) -> pa.StringArray:
    """Return digits as text, with all their leading zeros, ``-`` before negative numbers and a full stop as point."""
    count = digits.shape[1]
    characters = (digits & np.uint8(15)) + np.uint8(ord("0"))
    if 0 < scale <= count:
        characters = np.insert(characters, count - scale, ord("."), axis=1)
    minus = np.full(len(digits), ord("-"), np.uint8)
    characters = np.concatenate([minus[:, None], characters], axis=1)
    kept = np.ones(characters.shape, np.bool_)
    kept[:, 0] = negative
    return strings(characters, kept, bad)
