"""Which encoding and code page: by the kinds of bytes, and by what stands inside words.

Code pages for one alphabet agree on letters without accents, digits and the space. Where they differ, one page has a
letter and another a symbol; symbols hardly ever stand between letters, and letters often do. But @ does in e-mail
addresses, and a currency stands before amounts: where those have a sign, it counts and not as a letter.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import numpy as np
import numpy.typing as npt

from adapters.mainframe import codepages
from adapters.mainframe.codepages import CodePage
from adapters.mainframe.probe.sample import Guess, Sample
from adapters.mainframe.records import Bytes, Mask

CANDIDATES = (
    "cp037", "cp1047", "cp1140", "cp500", "cp1148", "cp273", "cp1141", "cp277", "cp1142", "cp278", "cp1143", "cp280",
    "cp1144", "cp284", "cp1145", "cp285", "cp1146", "cp297", "cp1147", "cp870", "cp875", "cp1025", "cp1026", "cp838",
)  # fmt: skip
"""The single-byte pages that are compared, the most common first."""


def encodings(sample: Sample) -> list[Guess]:
    """Return whether text is EBCDIC or ASCII, the likelier first."""
    counts = np.bincount(sample.data, minlength=256)
    ebcdic = _count(counts, (0x40, 0x40), (0xC1, 0xC9), (0xD1, 0xD9), (0xE2, 0xE9), (0xF0, 0xF9), (0x81, 0x89),
                    (0x91, 0x99), (0xA2, 0xA9))  # fmt: skip
    ascii_ = _count(counts, (0x20, 0x20), (0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A))
    total = max(1, len(sample.data))
    guesses = [
        Guess(
            options={"encoding": name},
            score=found / total,
            reasons=(f"{found / total:.0%} of the bytes are {title} letters, digits or spaces",),
        )
        for name, title, found in (("ebcdic", "EBCDIC", ebcdic), ("ascii", "ASCII", ascii_))
    ]
    return sorted(guesses, key=lambda guess: -guess.score)


def _count(counts: npt.NDArray[np.int64], *ranges: tuple[int, int]) -> int:
    return sum(int(counts[first : last + 1].sum()) for first, last in ranges)


def code_pages(text: Bytes) -> list[Guess]:
    """Return the EBCDIC code pages that ``text`` may be in, best first.

    Args:
        text: bytes of text fields one after the other, or of the whole sample where fields are not known.
    """
    telling = _telling(text)
    if not len(telling):
        return [_usual("nothing in the sample tells one code page from another")]
    signs = _signs(text, telling)
    guesses = []
    for name in CANDIDATES:
        page = codepages.get(name)
        fitting = _fitting(text, telling, page, signs)
        native = _native(text, telling, page, signs)
        reasons = [f"{fitting:.0%} of {len(telling):,} bytes on which code pages differ fit what stands beside them"]
        if native is not None:
            reasons.append(f"{native:.0%} of the letters among them are of the languages for which the page was made")
        score = fitting * (1 - _ALPHABET_COUNTS * (1 - (native if native is not None else 0.9)))
        score *= _SIGN_COUNTS ** sum(page.characters[byte] not in characters for byte, characters in signs.items())
        guesses.append(Guess(options={"code_page": name}, score=score, reasons=tuple(reasons)))
    best = max(guesses, key=lambda guess: guess.score)
    if best.score < _ENOUGH:
        return [_usual(f"of the bytes on which code pages differ at most {best.score:.0%} can be letters of words")]
    return sorted(guesses, key=lambda guess: -guess.score)


def _usual(reason: str) -> Guess:
    return Guess(options={"code_page": _USUAL}, score=0.5, reasons=(f"{reason}; {_USUAL} is the most common",))


def _telling(text: Bytes) -> npt.NDArray[np.intp]:
    """Return the places of bytes on which pages differ; not near control characters: those may be parts of numbers."""
    if not len(text):
        return np.empty(0, np.intp)
    controls, around = (text < _LOWEST).astype(np.int8), np.ones(2 * _AROUND + 1, np.int8)
    near = np.convolve(controls, around)[_AROUND:-_AROUND] > 0
    return np.flatnonzero((_differing()[text] & ~near)[1:-1]) + 1


def _signs(text: Bytes, telling: npt.NDArray[np.intp]) -> dict[int, str]:
    """Return the bytes that stand mostly where only a sign can: in an e-mail address, before an amount; and which."""
    shape = text.tobytes().translate(_shapes())
    usual = np.bincount(text[telling], minlength=256)
    found: dict[int, str] = {}
    for characters, pattern in _SIGNS:
        places = np.fromiter((match.start() for match in pattern.finditer(shape)), np.intp)
        here = np.bincount(text[np.intersect1d(places, telling)], minlength=256)
        found |= {int(byte): characters for byte in np.flatnonzero((here >= _OFTEN) & (here * 2 > usual))}
    return found


def _native(text: Bytes, telling: npt.NDArray[np.intp], page: CodePage, signs: dict[int, str]) -> float | None:
    """Return the share of letters of a national page's own languages among the telling bytes that are no signs.

    None for a page that is not national, or if all of these bytes mean the same in the most common page.
    """
    usual = codepages.get(_USUAL).characters
    for letters, pages in _ALPHABETS.items():
        if page.name in pages:
            values = text[telling]
            values = values[~np.isin(values, list(signs))]
            if all(page.characters[value] == usual[value] for value in np.unique(values)):
                return None
            native = np.array([character.lower() in letters for character in page.characters])
            return float(np.mean(native[values]))
    return None


_ALPHABETS = {
    "äöüß": ("cp273", "cp1141"),
    "æøå": ("cp277", "cp1142"),
    "åäöé": ("cp278", "cp1143"),
    "àèéìòù": ("cp280", "cp1144"),
    "ñáéíóúü": ("cp284", "cp1145"),
    "éèàçùêëîïôœ": ("cp297", "cp1147"),
    "çğöşü": ("cp1026",),
}
"""The letters that the languages of a national page are written with beyond a to z."""

_SIGNS = (
    ("@", re.compile(rb"(?<=[wd])x(?=[wd][wd.]*\.w)")),
    ("€£$¥", re.compile(rb"(?<= )x(?= ?d)")),
)
"""Signs, and in which shape of text they stand; see ``_shapes``."""

_USUAL = "cp037"
_SIGN_COUNTS = 0.5  # for each sign that a page does not have there: signs are surer than letters
_OFTEN = 3  # times that a byte must stand where only a sign can
_LOWEST = 0x40  # bytes below are control characters
_AROUND = 8  # bytes to either side of a control character that may be part of the same number
_ENOUGH = 0.5  # share of bytes that must fit, or they are no text

_OTHER, _UPPER, _LOWER, _FOREIGN = 0, 1, 2, 3  # what a character is; foreign: a letter that is not Latin
_CASE_COUNTS = 0.2
_ALPHABET_COUNTS = 0.05  # decides between pages that fit alike


def _fitting(text: Bytes, telling: npt.NDArray[np.intp], page: CodePage, signs: dict[int, str]) -> float:
    """Return how well telling bytes fit their neighbours: a letter beside letters of its script and case, a sign."""
    kinds = _kinds(page)
    own, before, after = kinds[text[telling]], kinds[text[telling - 1]], kinds[text[telling + 1]]
    letter = own != _OTHER
    foreign = own == _FOREIGN
    beside = ((before != _OTHER) & ((before == _FOREIGN) == foreign)) | (
        (after != _OTHER) & ((after == _FOREIGN) == foreign)
    )
    same_case = (own == before) | (own == after)
    fits = np.where(letter & beside, np.where(same_case, 1.0, 1.0 - _CASE_COUNTS), 0.0)
    for byte, characters in signs.items():
        fits[text[telling] == byte] = page.characters[byte] in characters
    return float(np.mean(fits))


@cache
def _shapes() -> bytes:
    """Return for every byte what it is in all pages: w of words, d a digit, the full stop, x where they differ."""
    shapes = np.full(256, ord(" "), np.uint8)
    for first, last in ((0x81, 0x89), (0x91, 0x99), (0xA2, 0xA9), (0xC1, 0xC9), (0xD1, 0xD9), (0xE2, 0xE9)):
        shapes[first : last + 1] = ord("w")
    shapes[[0x60, 0x6D]] = ord("w")  # hyphen and underscore
    shapes[0xF0:0xFA] = ord("d")
    shapes[0x4B] = ord(".")
    shapes[_differing()] = ord("x")
    return shapes.tobytes()


@cache
def _differing() -> Mask:
    """Return the bytes that are not of one kind in all pages."""
    kinds = np.array([_kinds(codepages.get(name)) for name in CANDIDATES])
    return np.asarray((kinds != kinds[0]).any(axis=0))


def _kinds(page: CodePage) -> npt.NDArray[np.uint8]:
    return np.array([_kind(character) for character in page.characters], np.uint8)


def _kind(character: str) -> int:
    if not character.isalpha():
        return _OTHER
    if "LATIN" not in unicodedata.name(character, ""):
        return _FOREIGN
    return _LOWER if character.islower() else _UPPER
