"""Code pages with one byte per character.

Python's library knows some, the package ``ebcdic`` most of the others. Two of IBM's rules are put over both: line
ends are as in CDRA (NEXT LINE is X'15', LINE FEED X'25'; ``ebcdic`` has LINE FEED twice, or the other way round), and
a byte for which a codec gives SUBSTITUTE is undefined.
"""

from __future__ import annotations

import codecs
import re

import ebcdic  # type: ignore[import-untyped]  # noqa: F401 - makes its codecs known to Python

from adapters.mainframe.codepages.page import REPLACEMENT, CodePage

NUMBERS = (
    "037", "273", "274", "275", "277", "278", "280", "284", "285", "297", "424", "500", "838", "870", "871", "875",
    "1025", "1026", "1047", "1140", "1141", "1142", "1143", "1144", "1145", "1146", "1147", "1148", "1149", "1160",
)  # fmt: skip

_FROM: dict[str, tuple[str, str]] = {
    # Belgium and Brazil: an older national page under the characters of Latin 1, each national character exchanged
    # with the one whose place it takes. https://en.wikibooks.org/wiki/Character_Encodings/Code_Tables/EBCDIC
    "274": ("500", "44@ 48\\ 51{ 54} 6Aù 7Cà A1¨ BD~ C0é D0è DD¦ E0ç"),
    "275": ("500", "46` 48¦ 4AÉ 51} 5A$ 5BÇ 66@ 68] 6Aç 71[ 79ã 7BÕ 7CÃ C0õ CF{ D0é EF#"),
    "1160": ("838", "FE€"),  # Thai with a euro sign
}
"""Pages that are like another but for some bytes: the other page, and byte and character of each difference."""

_NAME = re.compile(r"(?:cp|ibm|ccsid|cs|ebcdic|x)*[-_ ]?(?:cp|ibm)?[-_ ]?0*(\d+)")
_NEXT_LINE, _LINE_FEED, _SUBSTITUTE = 0x15, 0x25, 0x3F
_SPACE, _ZERO, _NINE = 0x40, 0xF0, 0xF9  # the same in every EBCDIC page


def number(name: str) -> str | None:
    """Return the number in the name of a code page, of three digits at least; None where there is none."""
    match = _NAME.fullmatch(name.strip().lower())
    return match[1].zfill(3) if match else None


def get(name: str) -> CodePage | None:
    """Return the page, or None where no codec has the name or it is not EBCDIC of one byte per character."""
    digits = number(name)
    if digits in _FROM:
        base, differences = _FROM[digits]
        characters = _changed(get(base), differences)
        return CodePage(name=f"cp{digits}", characters=characters)
    codec = _codec(f"cp{digits}") or _codec(name)
    characters = _characters(codec) if codec else ""
    if not codec or characters[_SPACE] != " " or characters[_ZERO : _NINE + 1] != "0123456789":
        return None
    return CodePage(name=codec, characters=characters)


def _changed(page: CodePage | None, differences: str) -> str:
    if page is None:
        raise LookupError("the package ebcdic lacks a page that it had")
    return changed(page.characters, differences)


def changed(characters: str, differences: str) -> str:
    """Return a page's characters with some exchanged.

    Args:
        characters: of the bytes 0 to 255.
        differences: separated by spaces, each two hexadecimal digits and the character: ``9F€ 5A!``.
    """
    new = list(characters)
    for difference in differences.split(" ") if differences else ():
        new[int(difference[:2], 16)] = difference[2:]
    return "".join(new)


def _codec(name: str) -> str | None:
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


def _characters(codec: str) -> str:
    """Return the character of every byte; what is no codec of single bytes gives something that is not EBCDIC."""
    characters = [_character(byte, codec) for byte in range(256)]
    if {characters[_NEXT_LINE], characters[_LINE_FEED]} <= {"\n", "\x85"}:
        characters[_NEXT_LINE], characters[_LINE_FEED] = "\x85", "\n"
    return "".join(
        REPLACEMENT if character == "\x1a" and byte != _SUBSTITUTE else character
        for byte, character in enumerate(characters)
    )


def _character(byte: int, codec: str) -> str:
    try:
        text = bytes([byte]).decode(codec, "replace")
    except (LookupError, UnicodeError):  # a codec between bytes and bytes, or one that refuses single bytes
        return REPLACEMENT
    return text if isinstance(text, str) and len(text) == 1 else REPLACEMENT
