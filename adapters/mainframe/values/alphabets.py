"""Alphabets: from the bytes of a column to UTF-8, for all its values at once.

There is one for pages of a byte per character, one for mixed pages, one for pairs without shift codes, one for UTF-16
and one for character sets like UTF-8. Text that is all ASCII needs one pass over its bytes; any other goes through one
Python string of the whole column, the fastest of the ways that were measured (about twice as fast as gathering UTF-8
from tables with NumPy). What a page or character set leaves undefined is U+FFFD.

Rules of the profile ``cobrix``: its ``StringDecoders``, ``AsciiStringDecoderWrapper`` and ``TwoByteCodePage``.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adapters.mainframe import codepages
from adapters.mainframe.codepages import REPLACEMENT, CodePage, cobrix
from adapters.mainframe.codepages.page import SHIFT_IN, SHIFT_OUT
from adapters.mainframe.copybook.layout import Field
from adapters.mainframe.profile import Profile
from adapters.mainframe.records import Mask, Positions, Rows
from foundation.errors import ConfigurationError, Problem

_Cell = TypeVar("_Cell", bound=np.generic)
Points = npt.NDArray[np.uint32]  # code points
Sizes = npt.NDArray[np.uint8]  # bytes that each character takes in UTF-8

_SAMPLE = 1_000  # bytes that tell whether a column is worth reading as ASCII first
_LONGEST = 4  # bytes of a character in UTF-8
_BLOCK = 1 << 15  # bytes: what is worked out in many steps stays in the cache
MOST = 1 << 29  # bytes of a column decoded at once: UTF-8 takes at most three times as many, and offsets are int32


@dataclass(frozen=True, slots=True)
class Column:
    """The bytes of one field in many rows."""

    data: bytes  # of all rows, one after the other
    width: int  # bytes of each row
    exists: Positions | None  # how many of them there are; None: all

    def __len__(self) -> int:
        return len(self.data) // self.width

    @property
    def cells(self) -> Rows:
        """The bytes of each row as numbers."""
        return np.frombuffer(self.data, np.uint8).reshape(-1, self.width)

    def present(self) -> Mask | None:
        """Return which of the cells there are, or None where all are."""
        return None if self.exists is None else np.arange(self.width) < self.exists[:, None]

    def empty(self) -> Mask | None:
        """Return the rows without any byte, or None where every row has one."""
        return None if self.exists is None else np.asarray(self.exists == 0)

    def throughout(self, byte: int) -> Mask:
        """Return the rows that hold nothing but ``byte``; those without any byte are among them."""
        cells, present = self.cells, self.present()
        found = cells[:, 0] == byte
        if present is not None:
            found |= ~present[:, 0]
        candidates = np.flatnonzero(found)
        equal = cells[candidates] == byte
        if present is not None:
            equal |= ~present[candidates]
        found[candidates] = equal.all(axis=1)
        return np.asarray(found)


def columns(rows: Rows, offset: int, length: int, available: Positions | None) -> Iterator[Column]:
    """Yield the bytes of a field: of all rows, or of so many at a time that 32-bit offsets suffice."""
    step = max(1, MOST // length)
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        view = np.ndarray(len(part), np.dtype(f"V{length}"), part.data, offset, (rows.shape[1],))
        exists = None if available is None else available[start : start + step]
        if exists is not None and (exists >= length).all():
            exists = None
        yield Column(view.tobytes(), length, exists)


@dataclass(frozen=True, slots=True)
class Utf8:
    """Texts one after the other, and where each ends."""

    data: bytes
    ends: npt.NDArray[np.int32]  # one more than there are texts; the first is 0

    @classmethod
    def even(cls, data: bytes, width: int) -> Utf8:
        """Return texts of ``width`` bytes each."""
        return cls(data, np.arange(0, len(data) + 1, width, dtype=np.int32))

    @classmethod
    def sized(cls, data: bytes, sizes: Sizes) -> Utf8:
        """Return the texts whose characters take ``sizes`` bytes, of shape (texts, characters); 0 for none."""
        ends = np.zeros(len(sizes) + 1, np.int32)
        narrow = np.min_scalar_type(_LONGEST * sizes.shape[1])  # einsum adds small types fastest
        np.cumsum(np.einsum("ij->i", sizes, dtype=narrow, casting="unsafe"), out=ends[1:])
        return cls(data, ends)

    def array(self) -> pa.StringArray:
        """Return the texts as Arrow has them; no byte is copied."""
        return pa.StringArray.from_buffers(len(self.ends) - 1, pa.py_buffer(self.ends), pa.py_buffer(self.data))


class Alphabet(Protocol):
    """Turns the bytes of a column into UTF-8."""

    def __call__(self, column: Column) -> Utf8:
        """Return the texts of ``column``, untrimmed."""
        ...


def alphabet(field: Field, profile: Profile) -> Alphabet:
    """Return what turns the bytes of ``field`` into UTF-8.

    Raises:
        ConfigurationError: as ``decoder`` does.
    """
    blank = profile.name == "ibm" and profile.controls == "blank" and profile.trim != "keep"
    if field.encoding == "national":
        points = _blanked(_EVERY_UNIT) if blank else _EVERY_UNIT
        return _Utf16(big=not field.little, points=points, sizes=_sizes(points))
    if profile.encoding == "ascii" and field.encoding != "dbcs":
        return _charset(field, profile, blank=blank)
    page = _page(field, profile)
    if field.encoding == "dbcs":
        return _pairs(field, page, low_values=ord(" ") if blank else 0)
    characters = _blanked_text(page.characters) if blank else page.characters
    if page.double is None:
        return _SingleBytes.of(characters)
    return _Mixed.of(characters, page.double, leave_out=profile.name == "cobrix")


def characters_of(letters: Alphabet) -> str | None:
    """Return the characters of the bytes 0 to 255; None where bytes mean something only together."""
    return letters.characters if isinstance(letters, _SingleBytes) and not letters.left_out else None


def _page(field: Field, profile: Profile) -> CodePage:
    name = field.code_page or profile.code_page
    table = None if field.code_page else profile.code_page_table
    return cobrix.get(name, table) if profile.name == "cobrix" else codepages.get(name, table)


def _pairs(field: Field, page: CodePage, *, low_values: int) -> _Pairs:
    if page.double is None:
        raise ConfigurationError(
            Problem(
                message=f"'{field.written}' holds double-byte characters, and code page {page.name} has none",
                location=field.location,
                remedy="give a page that has: 300 (Japan), 933 or 1364 (Korea), 935 or 1388 (China), 937 (Taiwan)",
            )
        )
    double = page.double.copy()
    double[0] = low_values
    return _Pairs(double=double, sizes=_sizes(double))


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_CONTROLS = np.flatnonzero([_CONTROL.match(chr(point)) is not None for point in range(256)])
_EVERY_UNIT = np.where((np.arange(65_536) & 0xF800) == 0xD800, ord(REPLACEMENT), np.arange(65_536)).astype(np.uint32)


def _blanked(points: Points) -> Points:
    """Return the code points with control characters made spaces."""
    return np.where(np.isin(points, _CONTROLS), np.uint32(ord(" ")), points)


def _blanked_text(characters: str) -> str:
    return _CONTROL.sub(" ", characters)


def _points(characters: str) -> Points:
    return np.frombuffer(characters.encode("utf-32-le"), np.uint32)


def _sizes(points: Points) -> Sizes:
    """Return how many bytes each character takes in UTF-8."""
    return (1 + (points >= 0x80) + (points >= 0x800) + (points >= 0x10000)).astype(np.uint8)


def _utf8(points: Points) -> bytes:
    return points.tobytes().decode("utf-32-le").encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class _SingleBytes:
    """One byte per character."""

    characters: str  # of the bytes 0 to 255
    ascii: bytes  # for bytes.translate: the ASCII character, or 0x80 for any other
    sizes: bytes  # for bytes.translate: bytes that the character takes in UTF-8; 0 where it is left out
    left_out: bytes  # bytes that stand for nothing

    @classmethod
    def of(cls, characters: str, left_out: bytes = b"") -> _SingleBytes:
        sizes = _sizes(_points(characters))
        sizes[list(left_out)] = 0
        return cls(
            characters=characters,
            ascii=bytes(ord(character) if character.isascii() else 0x80 for character in characters),
            sizes=sizes.tobytes(),
            left_out=left_out,
        )

    def __call__(self, column: Column) -> Utf8:
        present = column.present()
        data = column.data if present is None else column.cells[present].tobytes()
        text = data.translate(self.ascii, self.left_out) if data[:_SAMPLE].translate(self.ascii).isascii() else b"\x80"
        if not text.isascii():
            text = self._decoded(data.translate(None, self.left_out) if self.left_out else data)
        elif present is None and len(text) == len(data):
            return Utf8.even(text, column.width)
        sizes = np.frombuffer(column.data.translate(self.sizes), np.uint8).reshape(-1, column.width)
        return Utf8.sized(text, sizes if present is None else sizes * present)

    def _decoded(self, data: bytes) -> bytes:
        if "\ufffe" in self.characters:  # which to the codec means that the byte is undefined
            return _utf8(_points(self.characters).take(np.frombuffer(data, np.uint8)))
        return codecs.charmap_decode(data, "strict", self.characters)[0].encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mixed:
    """One byte per character, and two between the shift codes."""

    singles: _SingleBytes
    points: Points  # of 65,536 units: pairs of bytes, and bytes as the pairs that begin with X'00', which no text has
    sizes: Sizes  # of the same; 0 where it is left out

    @classmethod
    def of(cls, characters: str, double: Points, *, leave_out: bool) -> _Mixed:
        """Return the alphabet of a page.

        Args:
            characters: of the bytes.
            double: code points of the pairs.
            leave_out: whether what has the code point 0 stands for nothing.
        """
        points = double.copy()
        points[:256] = _points(characters)
        points[_HALF] = 0 if leave_out else ord(REPLACEMENT)
        sizes = _sizes(points)
        if leave_out:
            sizes[points == 0] = 0
        left_out = bytes(np.flatnonzero(sizes[:256] == 0).tolist())
        return cls(singles=_SingleBytes.of(characters, left_out), points=points, sizes=sizes)

    def __call__(self, column: Column) -> Utf8:
        if SHIFT_OUT not in column.data and SHIFT_IN not in column.data:
            return self.singles(column)
        cells, present = column.cells, column.present()
        if present is not None:
            cells = np.where(present, cells, np.uint8(SHIFT_IN))  # which is nothing, and ends whatever came before
        sizes, texts = np.empty_like(cells), []
        step = max(1, _BLOCK // column.width)
        for block in (slice(start, start + step) for start in range(0, len(cells), step)):
            units, gone = _mixed_units(cells[block])
            sizes[block] = self.sizes.take(units) * ~gone
            texts.append(_utf8(self.points.take(units[sizes[block] != 0])))
        return Utf8.sized(b"".join(texts), sizes)


_HALF = 0x0100  # stands for the first byte of a pair of which the second is missing


def _mixed_units(cells: Rows) -> tuple[npt.NDArray[np.uint16], Mask]:
    """Return the unit that begins at each byte, and which bytes begin none: shift codes and second bytes of pairs."""
    out, back = cells == SHIFT_OUT, cells == SHIFT_IN
    # Twice the place after the last shift code before or at each byte; plus one if two bytes per character follow.
    place: npt.NDArray[np.signedinteger] = np.arange(2, 2 * cells.shape[1] + 2, 2)
    place = place.astype(np.int16 if cells.shape[1] < 1 << 14 else np.int32)
    last = np.maximum.accumulate(out * (place + 1) + back * place, axis=1)
    wide = ((last & 1) > 0) & ~out
    second = wide & ((((place - last) >> 1) & 1) == 1)
    first = wide & ~second
    # A row never begins with a second byte, so what follows a byte may be looked up across the ends of rows.
    whole = first & _following(second)
    pairs = -whole.astype(np.uint16)  # all bits of a unit that is a pair; masking is faster than choosing
    units = cells.astype(np.uint16)
    units = ((units << 8 | _following(units)) & pairs) | (units & ~pairs)
    half = first & ~whole
    if half.any():
        units[half] = _HALF
    return units, out | back | second


def _following(cells: npt.NDArray[_Cell]) -> npt.NDArray[_Cell]:
    """Return for each cell the one after it; a zero for the last."""
    after = np.zeros_like(cells)
    after.ravel()[:-1] = cells.ravel()[1:]
    return after


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """Two bytes for each character, without shift codes."""

    double: Points
    sizes: Sizes

    def __call__(self, column: Column) -> Utf8:
        units, present, half = _units(column, big=True)
        return _sixteen_bits(self.double.take(units), self.sizes.take(units), present, half)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Utf16:
    """UTF-16; surrogates without their partner are undefined."""

    big: bool
    points: Points  # of the units; surrogates are undefined
    sizes: Sizes

    def __call__(self, column: Column) -> Utf8:
        units, present, half = _units(column, big=self.big)
        points, sizes = self.points.take(units), self.sizes.take(units)
        surrogate = (units & 0xF800) == 0xD800
        if surrogate.any():
            high, low = surrogate & (units < 0xDC00), surrogate & (units >= 0xDC00)
            if present is not None:
                low &= present
            row, at = np.nonzero(high[:, :-1] & low[:, 1:])
            points[row, at] = 0x10000 + ((units[row, at] & np.uint32(0x3FF)) << 10) + (units[row, at + 1] & 0x3FF)
            sizes[row, at] = _LONGEST
            present = np.ones(units.shape, np.bool_) if present is None else present
            present[row, at + 1] = False
        return _sixteen_bits(points, sizes, present, half)


def _units(column: Column, *, big: bool) -> tuple[npt.NDArray[np.uint16], Mask | None, Mask | None]:
    """Return the 16-bit units of each row, which there are, and which are only half there."""
    even = column.width - column.width % 2
    units = np.ascontiguousarray(column.cells[:, :even]).view(">u2" if big else "<u2").astype(np.uint16)
    if column.exists is None:
        return units, None, None
    at = np.arange(units.shape[1])
    return units, at < (column.exists[:, None] + 1) // 2, 2 * at + 1 == column.exists[:, None]


def _sixteen_bits(points: Points, sizes: Sizes, present: Mask | None, half: Mask | None) -> Utf8:
    if half is not None:
        points[half] = ord(REPLACEMENT)
        sizes[half] = len(REPLACEMENT.encode())
    if present is None:
        return Utf8.sized(_utf8(points), sizes)
    return Utf8.sized(_utf8(points[present]), sizes * present)


# Character sets that contain ASCII


def _charset(field: Field, profile: Profile, *, blank: bool) -> Alphabet:
    """Return the alphabet of a character set by the name that Python or Java has for it.

    Raises:
        ConfigurationError: there is none of that name, or it does not contain ASCII.
    """
    name = field.code_page or profile.code_page
    if profile.code_page_table is not None and not field.code_page:
        characters = codepages.get(name, profile.code_page_table).characters
        return _SingleBytes.of(_blanked_text(characters) if blank else characters)
    codec = _codec(name)
    if codec is None or not _contains_ascii(codec):
        what = "is not known" if codec is None else "does not contain ASCII as one byte per character"
        raise ConfigurationError(
            f"the character set '{name}' {what}",
            remedy="give one like us-ascii, utf-8, windows-1252 or iso-8859-15; of EBCDIC data say `encoding: ebcdic`",
        )
    controls = bytes(range(32)) if profile.name == "cobrix" and profile.trim != "keep" else b""
    if profile.name == "cobrix" and codec == "ascii":
        # Cobrix takes bytes for signed numbers: those beyond ASCII are less than a space; kept, they are U+FF80 on.
        beyond = "".join(map(chr, range(0xFF80, 0x10000))) if profile.trim == "keep" else " " * 128
        return _SingleBytes.of("".join(map(chr, range(128))) + beyond, left_out=controls)
    if _takes_one_byte(codec):
        characters = "".join(bytes([byte]).decode(codec, "replace") for byte in range(256))
        return _SingleBytes.of(_blanked_text(characters) if blank else characters, left_out=controls)
    return _ManyBytes(codec=codec, blank=blank, left_out=controls)


def _codec(name: str) -> str | None:
    for candidate in (name, name.lower().removeprefix("x-")):
        try:
            return codecs.lookup(candidate).name
        except LookupError:
            continue
    return None


@cache
def _contains_ascii(codec: str) -> bool:
    """Tell whether bytes below 128 are the characters of ASCII, but for backslash and tilde."""
    try:
        return (
            all(bytes([byte]).decode(codec, "replace") == chr(byte) for byte in range(128) if chr(byte) not in "\\~")
            and len(b"~~\\".decode(codec, "replace")) == 3
        )
    except (LookupError, UnicodeError):  # no codec of text
        return False


@cache
def _takes_one_byte(codec: str) -> bool:
    """Tell whether no byte waits for another."""
    new = codecs.getincrementaldecoder(codec)
    return all(len(new("replace").decode(bytes([byte]))) == 1 for byte in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class _ManyBytes:
    """A character set with several bytes for some characters, like UTF-8; those cut through are undefined."""

    codec: str
    blank: bool  # control characters are spaces
    left_out: bytes  # bytes that stand for nothing

    def __call__(self, column: Column) -> Utf8:
        cells = column.cells
        if self.blank:
            cells = np.frombuffer(column.data.translate(_BLANKED_ASCII), np.uint8).reshape(cells.shape)
        keep = self._kept(column)
        data = cells.tobytes() if keep is None else cells[keep].tobytes()
        if data.isascii() or self.codec == "utf-8":
            texts = Utf8.even(data, column.width) if keep is None else Utf8.sized(data, keep.view(np.uint8))
            if data.isascii() or (_valid(texts) and not (self.blank and _C1_UTF8.search(data))):
                return texts
        return self._decoded(cells, np.ones(cells.shape, np.bool_) if keep is None else keep)

    def _kept(self, column: Column) -> Mask | None:
        present = column.present()
        if not self.left_out:
            return present
        wanted = ~np.isin(column.cells, np.frombuffer(self.left_out, np.uint8))
        return wanted if present is None else wanted & present

    def _decoded(self, cells: Rows, keep: Mask) -> Utf8:
        """Decode all texts as one, with a control character after each that none of them has."""
        used = np.bincount(cells[keep], minlength=32)[:32]
        if (used > 0).all():
            return self._one_by_one(cells, keep)
        mark = int(np.argmin(used))
        marked = np.full((len(cells), cells.shape[1] + 1), mark, np.uint8)
        marked[:, :-1] = cells
        data = self._utf8(marked[np.pad(keep, ((0, 0), (0, 1)), constant_values=True)].tobytes())
        marks = np.flatnonzero(np.frombuffer(data, np.uint8) == mark)
        if len(marks) != len(cells):  # the character set lets characters begin with any byte
            return self._one_by_one(cells, keep)
        ends = np.zeros(len(cells) + 1, np.int32)
        ends[1:] = marks - np.arange(len(cells))
        return Utf8(data.translate(None, bytes([mark])), ends)

    def _one_by_one(self, cells: Rows, keep: Mask) -> Utf8:
        """For binary data in a field of text, which has every control character there is."""
        texts = [self._utf8(row[wanted].tobytes()) for row, wanted in zip(cells, keep, strict=True)]
        return Utf8(b"".join(texts), np.cumsum([0, *map(len, texts)], dtype=np.int32))

    def _utf8(self, data: bytes) -> bytes:
        if self.codec == "utf-8":
            data = _SURROGATE_UTF8.sub(b"\xff", data)
        text = data.decode(self.codec, "replace")
        return (_C1.sub(" ", text) if self.blank else text).encode()


_BLANKED_ASCII = bytes(32 if byte < 32 or byte == 127 else byte for byte in range(256))
_SURROGATE_UTF8 = re.compile(b"\xed[\xa0-\xbf][\x80-\xbf]")  # one undefined character, as Java reads it, and not three
_C1, _C1_UTF8 = re.compile("[\x80-\x9f]"), re.compile(b"\xc2[\x80-\x9f]")


def _valid(texts: Utf8) -> bool:
    """Tell whether each text is UTF-8 by itself."""
    try:
        texts.array().validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
