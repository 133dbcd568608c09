"""Single-byte EBCDIC code pages, as tables of 256 characters.

Any codec that Python knows under the name is taken once it proves to be single-byte EBCDIC; the standard library
has cp037, cp273, cp424, cp500, cp875, cp1026 and cp1140. The byte X'00' (LOW-VALUE) is padding and reads as a space.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from functools import cache

from foundation.errors import ConfigurationError, did_you_mean

BUILT_IN = ("cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1140")

_SPACE, _ZERO, _NINE = 0x40, 0xF0, 0xF9  # the same in every EBCDIC page
_NOT_ASCII = 0x80
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"  # for bytes that the page leaves undefined


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePage:
    """A code page, ready for whole columns of bytes at a time."""

    name: str
    characters: str  # of the bytes 0 to 255
    ascii: bytes  # for bytes.translate: the ASCII character, or 0x80 for any other
    utf8_lengths: bytes  # for bytes.translate: how many UTF-8 bytes the character takes

    def decode(self, text: bytes) -> str:
        """Return the characters of ``text``; one per byte."""
        return codecs.charmap_decode(text, "strict", self.characters)[0]

    def encode(self, text: str) -> bytes:
        """Return the bytes of ``text``; one per character.

        Raises:
            UnicodeEncodeError: a character that the page does not have.
        """
        return text.encode(self.name)


@cache
def get(name: str) -> CodePage:
    """Return the code page ``name``, e.g. ``cp037``; ``037`` and ``IBM037`` are the same.

    Raises:
        ConfigurationError: no codec has the name, or it is not single-byte EBCDIC; names the nearest.
    """
    codec = _codec(name)
    characters = _characters(codec) if codec else ""
    if not codec or characters[_SPACE] != " " or characters[_ZERO : _NINE + 1] != "0123456789":
        raise ConfigurationError(
            f"'{name}' is no EBCDIC code page that is known here", remedy=did_you_mean(name.lower(), BUILT_IN)
        )
    return CodePage(
        name=codec,
        characters=characters,
        ascii=bytes(ord(character) if character.isascii() else _NOT_ASCII for character in characters),
        utf8_lengths=bytes(len(character.encode()) for character in characters),
    )


def _codec(name: str) -> str | None:
    number = name.lower().removeprefix("ibm").removeprefix("cp").lstrip("-")
    for candidate in (name, f"cp{number}"):
        try:
            return codecs.lookup(candidate).name
        except LookupError:
            continue
    return None


def _characters(codec: str) -> str:
    """Return the character of every byte; an empty-handed codec gives something that is not EBCDIC."""
    text = "".join(_character(byte, codec) for byte in range(256))
    return " " + text[1:] if len(text) == 256 else _REPLACEMENT * 256


def _character(byte: int, codec: str) -> str:
    try:
        text = bytes([byte]).decode(codec, "replace")
    except (LookupError, UnicodeError):  # a codec between bytes and bytes, or one that refuses single bytes
        return _REPLACEMENT
    return text if isinstance(text, str) and len(text) == 1 else _REPLACEMENT
