"""PICTURE character-strings: ``X(30)``, ``S9(11)V99``, ``+9(5).99``, ``$$,$$9.99CR``.

Rules: *Enterprise COBOL for z/OS Language Reference*, "PICTURE clause". What holds digits, a sign and a decimal point
at fixed places is a number, also when sign and point are characters of the data; any other edited picture is text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

MAX_DIGITS = 76  # of decimal256; Enterprise COBOL itself stops at 31
MAX_TEXT = 256  # characters of a picture as written; Enterprise COBOL itself takes 50
MAX_CHARACTERS = 134_217_727  # of one data item in Enterprise COBOL

Category = Literal["text", "number", "edited", "national", "dbcs"]

_ITEM = re.compile(r"(?P<symbol>CR|DB|.)(?:\((?P<count>[^()]*)\))?", re.DOTALL)
_SYMBOLS = frozenset("XANG9SVPZ*+-,./0BE$") | {"CR", "DB"}
_NO_CHARACTER = frozenset("SVP")  # symbols that say something of the digits and take no room
_POINT_AND_COMMA = {".": ",", ",": "."}

# Pictures with each run of one symbol written once, the decimal point as a full stop
_TEXT = re.compile(r"[XA9]+")
# S beside a point as a character: no standard has it, but it is written, and means a sign in the last digit
_NUMBER = re.compile(r"S?(?:9[V.]?9?|[V.]9|V?P9|9PV?)|[+-]?(?:9[V.]?9?|[V.]9)[+-]?")
# Without the symbols that are only inserted, $ + - once or floating: a sign, digits of which the first may be blank,
# a sign; or a sign or currency symbol that floats through the point
_INSERTED = frozenset(",B0/")
_EDITED = re.compile(
    r"(?:[+-]?\$?|\$[+-])(?:[Z*]?9?(?:[V.]9?|PV?)?|[Z*]?[V.][Z*]|V?P9)(?:[+-]|CR|DB)?\$?"
    r"|[+-]?\$?[V.]\$(?:[+-]|CR|DB)?|\$?([+-])?[V.][+-]\$?"
)
_TWO_SIGNS = re.compile(r"[+-].*(?:[9Z*$].*[+-]|CR|DB)|\+.*-|-.*\+")
_EDITED_TEXT = re.compile(r"[XA9/0B]+")
_FLOATING_POINT = re.compile(r"[+-]9?[V.]?9?E[+-]9")
# What Cobrix reads as numbers beyond that: Z is a digit that may be blank, S may stand beside a point
_NUMBER_OF_COBRIX = re.compile(r"[+-]?(?:S?9?[V.]P?9?|S?9P?|S?P9|Z9?[V.]P?9?Z?|Z9?P?)[+-]?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a picture describes: text of so many characters, or a number of so many digits."""

    text: str  # as written
    category: Category
    size: int  # characters of text (national and DBCS too), or digits of a number
    scale: int = 0  # digits after the decimal point; ``9(3)PP`` -2, ``VPP9(3)`` 5
    signed: bool = False
    point: Literal[".", ","] | None = None  # the character that stands among the digits; None: implied
    sign_char: Literal["+", "-"] | None = None  # beside the digits; ``+``: + or -, ``-``: a space or -
    sign_first: bool = False  # before the digits, else behind them

    @property
    def length(self) -> int:
        """How many characters the value has with USAGE DISPLAY, a SIGN SEPARATE not counted."""
        return self.size + (self.point is not None) + (self.sign_char is not None)


class PictureError(ValueError):
    """A picture that cannot be read; ``offset`` counts characters from its start."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """The same symbol several times in a row."""

    symbol: str
    count: int
    offset: int


def parse(text: str, *, decimal_comma: bool = False, lenient: bool = False) -> Picture:
    """Return what the picture ``text`` describes.

    Args:
        text: the character-string, in either case.
        decimal_comma: DECIMAL-POINT IS COMMA: point and comma change places.
        lenient: take what Cobrix takes: ``Z(5)`` and ``S9(3).99`` are numbers, a comma alone is a decimal point.

    Raises:
        PictureError: a character that is no symbol, an impossible count, or an impossible combination.
    """
    if len(text) > MAX_TEXT:
        raise PictureError(f"it is longer than the {MAX_TEXT} characters that a picture can have")
    runs = _runs(text.upper())
    characters = sum(run.count * len(run.symbol) for run in runs if run.symbol not in _NO_CHARACTER)
    if characters > MAX_CHARACTERS:
        raise PictureError(f"{characters} characters are more than the {MAX_CHARACTERS} that an item can have")

    swapped = [replace(run, symbol=_POINT_AND_COMMA.get(run.symbol, run.symbol)) for run in runs]
    if decimal_comma:
        runs = swapped
    if _is_number(runs, lenient=lenient):
        return _as_number(text, runs, point="," if decimal_comma else ".")
    if lenient and not any(run.symbol == "." for run in runs) and _is_number(swapped, lenient=True):
        return _as_number(text, swapped, point=",")
    category = _category(runs)
    if category is None:
        raise PictureError(_impossible(runs))
    return Picture(text=text, category=category, size=characters)


def _runs(text: str) -> list[_Run]:
    """Return the symbols with their repetition counts, neighbours of one kind added up."""
    items = (_item(match) for match in _ITEM.finditer(text))
    return [
        _Run(symbol=symbol, count=sum(run.count for run in (first, *rest)), offset=first.offset)
        for symbol, (first, *rest) in groupby(items, key=lambda run: run.symbol)
    ]


def _item(match: re.Match[str]) -> _Run:
    symbol, count = match["symbol"], match["count"]
    if symbol == "(":
        raise PictureError("a repetition count stands behind no symbol, or is not closed", match.start())
    if unicodedata.category(symbol[0]) == "Sc":
        symbol = "$"  # any currency sign
    if symbol not in _SYMBOLS:
        expected = "expected X A N G 9 S V P Z * + - CR DB $ , . / 0 B E, each with a count in brackets or none"
        raise PictureError(f"'{symbol}' is no symbol of a picture; {expected}", match.start())
    if count is None:
        return _Run(symbol=symbol, count=1, offset=match.start())
    digits = count.strip()
    possible = digits.isascii() and digits.isdigit() and len(digits.lstrip("0")) in range(1, 10)
    if not possible or symbol in ("S", "V", "CR", "DB", "E"):
        raise PictureError(f"{symbol}({count[:20]}) is an impossible repetition", match.start())
    return _Run(symbol=symbol, count=int(digits), offset=match.start())


def _shape(runs: Iterable[_Run]) -> str:
    return "".join(run.symbol for run in runs)


def _is_number(runs: Sequence[_Run], *, lenient: bool) -> bool:
    """Say whether a picture has digits, one sign and one decimal point at most, and nothing else."""
    shape = _shape(runs)
    known = _NUMBER.fullmatch(shape) or (lenient and _NUMBER_OF_COBRIX.fullmatch(shape))
    once = all(run.count == 1 for run in runs if run.symbol in "SV+-.,")
    one_sign = sum(symbol in "S+-" for symbol in shape) <= 1
    return bool(known) and bool(set(shape) & set("9Z")) and once and one_sign


def _as_number(text: str, runs: Sequence[_Run], *, point: Literal[".", ","]) -> Picture:
    """Return a number whose digits, sign and point stand at fixed places."""
    shape = _shape(runs)
    digits, pads = _count(runs, "9Z"), _count(runs, "P")
    whole = _count(runs, "9Z", until=("V", "."))
    scale = digits - whole if "V" in shape or "." in shape else 0
    if pads and not _count(runs, "9Z", until=("P",)):
        scale = digits + pads  # VPP99 and PP99 are .0099
    elif pads:
        scale = scale + pads if "VP" in shape else -pads  # 99PP are hundreds
    if max(digits, scale, digits - scale) > MAX_DIGITS:
        raise PictureError(
            f"a number of {max(digits, scale, digits - scale)} digits; at most {MAX_DIGITS} are possible"
        )
    sign = next((symbol for symbol in shape if symbol in "+-"), None)
    return Picture(
        text=text,
        category="number",
        size=digits,
        scale=scale,
        signed=sign is not None or "S" in shape,
        point=point if "." in shape else None,
        sign_char=None if sign is None else ("+" if sign == "+" else "-"),
        sign_first=shape[0] in "+-",
    )


def _count(runs: Iterable[_Run], symbols: str, until: tuple[str, ...] = ()) -> int:
    """Add up how often ``symbols`` stand, up to the first symbol of ``until``."""
    total = 0
    for run in runs:
        if run.symbol in until:
            break
        total += run.count if run.symbol in symbols else 0
    return total


def _category(runs: Sequence[_Run]) -> Category | None:
    """Return what a picture is that is no number; None: nothing that COBOL knows."""
    shape = _shape(runs)
    kinds = {run.symbol for run in runs}
    if kinds & set("NG"):
        wide: Category = "dbcs" if "G" in kinds else "national"
        return wide if kinds <= set("NB/0") or kinds <= set("GB") else None
    if kinds & set("XA"):
        plain = _TEXT.fullmatch(shape) is not None
        return "text" if plain else "edited" if _EDITED_TEXT.fullmatch(shape) else None
    if _FLOATING_POINT.fullmatch(shape) and "9" in shape.partition("E")[0]:
        return "edited"
    digits = bool(kinds & set("9Z*"))
    floats = {symbol for symbol in "+-$" if sum(run.count for run in runs if run.symbol == symbol) > 1}
    core = "".join(symbol for symbol, _ in groupby(run.symbol for run in runs if run.symbol not in _INSERTED))
    one_point = sum(run.count for run in runs if run.symbol in "V.") <= 1
    floats_alone = len(floats) <= 1 and not (floats and kinds & set("Z*")) and not (digits and core[-1] in floats)
    well_formed = _EDITED.fullmatch(core) is not None and _TWO_SIGNS.search(core) is None
    return "edited" if one_point and floats_alone and well_formed and (digits or floats) else None


def _impossible(runs: list[_Run]) -> str:
    """Say what is wrong with a picture of known symbols that describes nothing."""
    symbols = [run.symbol for run in runs]
    if not symbols:
        return "it is empty; expected symbols such as X(10) or S9(5)V99"
    if "S" in symbols[1:] or any(run.symbol == "S" and run.count > 1 for run in runs):
        return "S may stand only once, as the first symbol"
    if symbols[0] == "S" and set(symbols) - set("S9VP"):
        return "behind S only 9, V and P may stand"
    if sum(run.count for run in runs if run.symbol in "V.") > 1:
        return "a number has only one decimal point"
    if not set(symbols) & set("XANG9Z*"):
        return "it has no digit and no character; expected at least one of X A N G 9 Z *"
    return f"the symbols {' '.join(dict.fromkeys(symbols))} do not go together in this order"
