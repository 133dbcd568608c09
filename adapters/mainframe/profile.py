"""How the bytes of a value are to be read, where the copybook does not say: the two profiles and their options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Endian = Literal["big", "little"]
Floats = Literal["ibm", "ibm-little", "ieee", "ieee-little"]
Trim = Literal["both", "left", "right", "none", "keep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a value means beyond its PICTURE and USAGE.

    ``ibm`` reads what Enterprise COBOL would read; ``cobrix`` reads what Cobrix reads, also where they differ.
    """

    name: Literal["ibm", "cobrix"] = "ibm"
    encoding: Literal["ebcdic", "ascii"] = "ebcdic"  # of text and of DISPLAY numbers
    code_page: str = "cp037"  # of EBCDIC text, or the character set of ASCII text, e.g. ``us-ascii``, ``utf-8``
    code_page_table: Path | None = None  # a file that says what the bytes of ``code_page`` mean
    field_code_pages: tuple[tuple[str, str], ...] = ()  # (name of a field, its code page)
    national: Endian = "big"  # byte order of UTF-16
    floats: Floats = "ibm"
    native: Endian = "big"  # byte order of COMP-5
    trim: Trim = "both"  # none: only control characters become spaces; keep: nothing is touched at all
    controls: Literal["blank", "keep"] = "blank"  # characters that cannot be printed: a space, or as the page has them
    blanks_are_null: bool = True  # spaces, low-values and high-values throughout mean that nothing was filled in
    strict_signs: bool = True  # an overpunched sign only where the picture has an S, and nowhere but at its place
    numbers_as_text: bool = False  # DISPLAY numbers stay text
    exact_integers: bool = False  # integers become decimals of just their digits
    binary_as_hex: bool = False  # COMP text (PIC X COMP) as hexadecimal text, not as bytes
    shift_after_tables: bool = True  # a table DEPENDING ON takes the room of its elements, not of its maximum
    counts: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()  # of a table: its name, (a value, elements)


IBM = Profile()
