"""Code pages as Cobrix draws them: the standard ones with its own ideas of control characters, and two of its own.

In its *plain* pages every control character is a space, and so are the required space and the soft hyphen. In the
others only those of C1 are (but NEXT LINE is kept). In all of them X'0D' and X'25' are line feed and carriage return,
which elsewhere are the other way round, and X'FF' is a space. Facts from the tables of its package
``cobol.parser.encoding.codepage``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from adapters.mainframe.codepages import double, single, tables
from adapters.mainframe.codepages.page import REPLACEMENT, CodePage
from adapters.mainframe.codepages.single import changed
from foundation.errors import ConfigurationError, did_you_mean

_PLAIN = {
    "037": "15\x85 41\xa0 CA\xad",
    "838": "",
    "870": "90˚",
    "875": "CA- DD· E1₯ EC\u037a FC€",
    "1025": "",
    "1047": "",
    "1160": "FB\x17",  # meant as a Thai letter
}
"""Pages without control characters, and what else in them differs from ours."""

_FULL = {
    **dict.fromkeys(("274", "275", "277", "278", "280", "284", "285", "297", "500"), ""),
    **dict.fromkeys(("1140", "1141", "1142", "1143", "1144", "1145", "1146", "1147", "1148"), ""),
    "273": "BC¯",
}
"""Pages with the control characters of C0, and what else in them differs from ours."""

_DOUBLE = ("300", "1364", "1388")

_SUBSTITUTED = ("04", "06", "08", "09", "0A", "14", "15", "17", "1A", "1B")
"""Bytes that ``common_extended`` reads as SUBSTITUTE."""

NAMES = (
    *("common", "common_extended", "cp037_extended", "cp00300"),
    *(f"cp{number}" for number in (*_PLAIN, *_FULL, *_DOUBLE)),
)


@cache
def get(name: str, table: Path | None = None) -> CodePage:
    """Return the code page that Cobrix calls ``name``; see ``codepages.get`` for ``table``.

    In a mixed page, bytes and pairs that are undefined have the code point 0: Cobrix leaves them out.

    Raises:
        ConfigurationError: Cobrix has no page of that name; names the nearest.
    """
    if table is not None:
        return tables.read(name, table)
    number = name.removeprefix("cp").zfill(3)
    if name == "cp00300":
        number = "300"
    if name in ("common", "common_extended"):
        characters = _common(extended=name == "common_extended")
    elif name == "cp037_extended":
        characters = _controls(_standard("037"), plain=False)
    elif name not in NAMES:
        raise ConfigurationError(f"Cobrix has no code page '{name}'", remedy=did_you_mean(name, NAMES))
    elif number in _DOUBLE:
        return _mixed(number)
    elif number in _PLAIN:
        characters = changed(_controls(_standard(number), plain=True), _PLAIN[number])
    else:
        characters = changed(_controls(_standard(number), plain=False), _FULL[number])
    return CodePage(name=name, characters=characters)


def _standard(number: str) -> str:
    page = single.get(f"cp{number}")
    if page is None:
        raise LookupError(f"cp{number} is built in")
    return page.characters


def _controls(characters: str, *, plain: bool) -> str:
    """Return a page's characters with the control characters that Cobrix has."""
    blank = frozenset(map(chr, (*range(0x80, 0x85), *range(0x86, 0xA0)))) | {REPLACEMENT}
    if plain:
        blank |= set(map(chr, (*range(0x20), 0x7F, 0x85, 0xA0, 0xAD)))
    new = [" " if character in blank else character for character in characters]
    new[0x0D], new[0x25], new[0xFF] = "\n", "\r", " "
    return "".join(new)


def _common(*, extended: bool) -> str:
    """Return what of page 037 is ASCII, or the broken bar; and a hyphen for the soft one."""
    characters = changed(_controls(_standard("037"), plain=not extended), "CA-")
    if extended:
        characters = changed(characters, " ".join(f"{byte}\x1a" for byte in _SUBSTITUTED))
        characters = characters.replace("\x7f", " ")
        characters = characters[:0x3F] + " " + characters[0x40:]
    return "".join(character if character.isascii() or character == "¦" else " " for character in characters)


def _mixed(number: str) -> CodePage:
    page = double.get(number)
    if page.double is None:
        raise LookupError(f"cp{number} has pairs")
    pairs = np.where(page.double == ord(REPLACEMENT), np.uint32(0), page.double)
    return CodePage(name=f"cp{number}", characters=page.characters.replace(REPLACEMENT, "\0"), double=pairs)
