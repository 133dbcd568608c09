"""Code pages: which character each byte, or pair of bytes, stands for.

``get`` finds one by name: pages of one byte per character come from the Python library, the package ``ebcdic`` or a
few facts here (``single``), those of Japan, Korea and China with two bytes per character from ``double``, any other
from a table that the operator hands in (``tables``). ``cobrix`` has the pages as Cobrix draws them.

May import: NumPy and ``ebcdic``. Must never know: fields, records, Arrow.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from adapters.mainframe.codepages import double, single, tables
from adapters.mainframe.codepages.page import REPLACEMENT, CodePage
from foundation.errors import ConfigurationError, did_you_mean

__all__ = ["BUILT_IN", "REPLACEMENT", "CodePage", "get"]

BUILT_IN = tuple(f"cp{number}" for number in (*single.NUMBERS, *double.NUMBERS))
"""The names that are promised; other pages that Python or ``ebcdic`` know are found as well."""


@cache
def get(name: str, table: Path | None = None) -> CodePage:
    """Return the code page ``name``, e.g. ``cp037``; ``037``, ``IBM-037`` and ``ccsid37`` are the same.

    Args:
        name: with ``table``, only what messages call the page.
        table: a file that says what the bytes mean; see ``tables.read`` for its three forms.

    Raises:
        ConfigurationError: the page is not known; names the nearest. Or the table cannot be read.
    """
    if table is not None:
        return tables.read(name, table)
    number = single.number(name)
    page = double.get(number) if number in double.NUMBERS else single.get(name)
    if page is None:
        raise ConfigurationError(
            f"'{name}' is no EBCDIC code page that is known here",
            remedy=f"{did_you_mean(name.lower(), BUILT_IN)} Any other page can be given as a file "
            "(`code_page_table`): 256 characters, or a table of unicode.org or ICU",
        )
    return page
