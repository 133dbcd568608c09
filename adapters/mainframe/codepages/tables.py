"""Code pages from files of the operator."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from adapters.mainframe.codepages.page import REPLACEMENT, CodePage
from foundation.errors import ConfigurationError, Location, Problem

# A line of a ``.ucm`` file of ICU: code point, bytes, precision (0 both ways, 3 only from bytes to Unicode).
_ICU = re.compile(r"^<U([0-9A-Fa-f]{4,6})>\s+((?:\\x[0-9A-Fa-f]{2}){1,2})\s*(?:\|([0-4]))?\s*(?:#.*)?$", re.MULTILINE)
# A line of a mapping file of unicode.org: bytes, code point.
_UNICODE = re.compile(r"^0x([0-9A-Fa-f]{2}|[0-9A-Fa-f]{4})[ \t]+0x([0-9A-Fa-f]{4,6})\b", re.MULTILINE)

_LAST, _SURROGATES = 0x10FFFF, range(0xD800, 0xE000)


def read(name: str, file: Path) -> CodePage:
    r"""Return the code page that a file in UTF-8 describes, in one of three forms.

    - 256 characters, of the bytes 0 to 255 in their order, and perhaps a line end. U+FFFD stands for undefined.
    - A mapping file as on unicode.org: lines like ``0x41  0x00A0``; two bytes (``0x4141``) are pairs of a mixed page.
    - A ``.ucm`` file of ICU: lines like ``<U00A0> \x41 |0``, with one byte or two.

    Raises:
        ConfigurationError: the file cannot be read, or is none of these.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        what, remedy = "is not in UTF-8", "save it as UTF-8"
        if isinstance(error, OSError):
            what, remedy = (
                f"cannot be read: {error.strerror}",
                "check `code_page_table` and the permissions of the file",
            )
        raise ConfigurationError(
            Problem(message=f"the table of a code page {what}", location=Location(file=file), remedy=remedy)
        ) from None
    mappings = _mappings(text)
    wrong = next((point for _, point in mappings if point > _LAST or point in _SURROGATES), None)
    if wrong is not None:
        raise ConfigurationError(
            Problem(
                message=f"U+{wrong:04X} in the table of a code page is no character",
                location=Location(file=file),
                remedy="correct the lines that name it",
            )
        )
    if mappings:
        return _page(name, mappings)
    characters = text.removesuffix("\n").removesuffix("\r")
    if len(characters) != 256:
        raise ConfigurationError(
            Problem(
                message=f"the table of a code page has {len(characters)} characters instead of 256",
                location=Location(file=file),
                remedy="give one character for each byte (U+FFFD where it has none), or a table of unicode.org or ICU",
            )
        )
    return CodePage(name=name, characters=characters)


def _mappings(text: str) -> list[tuple[str, int]]:
    """Return the hexadecimal digits of one byte or two, and the code point, of every line that maps."""
    icu = [
        (bytes_.replace("\\x", ""), int(point, 16))
        for point, bytes_, precision in _ICU.findall(text)
        if precision in ("", "0", "3")
    ]
    return icu or [(bytes_, int(point, 16)) for bytes_, point in _UNICODE.findall(text)]


def _page(name: str, mappings: list[tuple[str, int]]) -> CodePage:
    singles = [REPLACEMENT] * 256
    doubles = np.full(65_536, ord(REPLACEMENT), np.uint32)
    for digits, point in mappings:
        if len(digits) == 2:
            singles[int(digits, 16)] = chr(point)
        else:
            doubles[int(digits, 16)] = point
    mixed = any(len(digits) == 4 for digits, _ in mappings)
    return CodePage(name=name, characters="".join(singles), double=doubles if mixed else None)
