"""Characters to bytes, a whole column of text in one call."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from adapters.mainframe import codepages
from adapters.mainframe.codepages import REPLACEMENT, CodePage
from adapters.mainframe.codepages import cobrix as cobrix_pages
from adapters.mainframe.copybook.layout import Field
from adapters.mainframe.profile import Profile
from foundation.errors import ConfigurationError, Problem

_SPACE = 0x40
_UNDEFINED = "\ufffe"  # in the tables of ``codecs``
_ASCII = "".join(map(chr, range(128)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Charset:
    """How text becomes bytes."""

    name: str  # for messages
    encode: Callable[[str], bytes]  # raises UnicodeEncodeError
    encode_double: Callable[[str], bytes]  # two bytes per character, without shift codes
    mixed: bool  # characters differ in their number of bytes


def charset(field: Field, profile: Profile) -> Charset:
    """Return how the text of ``field`` is written.

    Raises:
        ConfigurationError: the code page or character set is not known.
    """
    name = field.code_page or profile.code_page
    table = None if field.code_page else profile.code_page_table
    if profile.encoding == "ascii" and field.encoding != "dbcs" and table is None:
        return _python(name)
    return _ebcdic(name, table, profile.name == "cobrix")


@cache
def _python(name: str) -> Charset:
    try:
        codec = codecs.lookup(name)
        single = all(len(bytes([byte]).decode(codec.name, "replace")) == 1 for byte in range(256))
    except LookupError:
        raise ConfigurationError(
            Problem(message=f"'{name}' is no character set that is known here", remedy="use e.g. us-ascii or utf-8")
        ) from None
    mixed = not single or codec.name.startswith("utf")
    return Charset(
        name=codec.name,
        encode=lambda text: text.encode(codec.name),
        encode_double=lambda text: text.encode(codec.name),
        mixed=mixed,
    )


@cache
def _ebcdic(name: str, table: Path | None, cobrix: bool) -> Charset:
    page = cobrix_pages.get(name, table) if cobrix else codepages.get(name, table)
    return Charset(
        name=f"code page {page.name}",
        encode=_with_shifts(page) if page.double is not None else _single(page, last=cobrix),
        encode_double=_double(page),
        mixed=page.double is not None,
    )


def _with_shifts(page: CodePage) -> Callable[[str], bytes]:
    return page.encode


def _single(page: CodePage, *, last: bool) -> Callable[[str], bytes]:
    """Return the encoder of a page of one byte per character.

    Where several bytes stand for a character, the first is written. Cobrix writes the ``last``, and a space for what
    the page does not have.
    """
    bytes_of: dict[str, int] = {}
    for byte in range(256) if last else range(255, -1, -1):
        bytes_of[page.characters[byte]] = byte
    bytes_of[" "] = _SPACE
    bytes_of.pop(REPLACEMENT, None)
    table = codecs.charmap_build("".join(_only(page.characters, bytes_of)))
    whole_ascii = all(character in bytes_of for character in _ASCII)
    quick = bytes(bytes_of.get(chr(code), _SPACE) for code in range(256))
    errors = "voeg-space" if last else "strict"

    def encode(text: str) -> bytes:
        if text.isascii() and (whole_ascii or last):
            return text.encode("ascii").translate(quick)
        return codecs.charmap_encode(text, errors, table)[0]

    return encode


def _only(characters: str, bytes_of: dict[str, int]) -> list[str]:
    """Return the characters of a page, each at one byte only."""
    return [character if bytes_of.get(character) == byte else _UNDEFINED for byte, character in enumerate(characters)]


def _double(page: CodePage) -> Callable[[str], bytes]:
    """Return the encoder of the pairs of a page, by looking code points up in the sorted ones of the page."""
    if page.double is None:
        known, pairs = np.zeros(0, np.uint32), np.zeros(0, np.int64)
    else:
        defined = np.flatnonzero(page.double != ord(REPLACEMENT))
        known, first = np.unique(page.double[defined], return_index=True)
        pairs = defined[first]

    def encode(text: str) -> bytes:
        points = np.frombuffer(text.encode("utf-32-le"), "<u4")
        places = np.minimum(np.searchsorted(known, points), max(len(known) - 1, 0))
        wrong = np.flatnonzero(known[places] != points) if len(known) else np.arange(len(points))
        if len(wrong):
            start = int(wrong[0])
            raise UnicodeEncodeError(page.name, text, start, start + 1, "not among the pairs of the code page")
        return pairs[places].astype(">u2").tobytes()

    return encode


def _space(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return " " * (error.end - error.start), error.end


codecs.register_error("voeg-space", _space)
