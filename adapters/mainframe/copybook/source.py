"""Copybook files to program text: columns, comments and continuation lines taken away, the place of every letter kept.

Rules: *Enterprise COBOL for z/OS Language Reference*, "Reference format". In the fixed format columns 1 to 6 are a
sequence number, column 7 an indicator, 73 to 80 an identification; in the free format (COBOL 2002) text may stand
anywhere.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from foundation.errors import Location, Problem

Format = Literal["auto", "fixed", "free"]

FIXED_COLUMNS = (7, 72)  # the indicator and the last column of text
_TAB = 8  # columns; where editors for COBOL stop

_LINE_END = re.compile(r"\r\n|\r|\n")
_DIRECTIVE = re.compile(
    r"""[ \d]{0,7} [ ]* (?: >> [ ]* SOURCE [ ]+ (?:FORMAT [ ]+)? (?:IS [ ]+)? | \$ [ ]* SET [ ]+ SOURCEFORMAT [ (]* )
        ["']? (?P<format>FREE|FIXED|VARIABLE) """,
    re.VERBOSE | re.IGNORECASE,
)
_ANY_DIRECTIVE = re.compile(r"[ ]*(?:>>|\$ *(?:SET|IF|ELSE|END)\b)", re.IGNORECASE)
# Statements to the compiler's listing, on lines of their own
_LISTING = re.compile(
    r"[ ]*(?:(?:EJECT|SKIP[123])[ ]*\.?|TITLE[ ]+(?:'[^']*'|\"[^\"]*\")[ ]*\.?|\*?(?:CBL|CONTROL)\b.*)[ ]*",
    re.IGNORECASE,
)
_FREE_ENTRY = re.compile(r" {0,6}\d{1,2} +[A-Z:(]", re.IGNORECASE)  # begins left of where fixed text does
_FIXED_ENTRY = re.compile(r".{6} +\d{1,2} +[A-Z:(]", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied(Location):
    """A place in a file that another copybook brought in with COPY."""

    by: Location  # the COPY statement

    def __str__(self) -> str:
        """The place, and the chain of COPY statements that led to it."""
        return f"{Location(file=self.file, line=self.line, column=self.column)}, copied by {self.by}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of program text that stands on one line of one file."""

    start: int  # offset in the text
    file: Path
    line: int
    column: int
    by: Location | None  # the COPY statement that brought it in

    def location(self, offset: int) -> Location:
        """Return the place of the letter at ``offset`` of the text."""
        column = self.column + offset - self.start
        if self.by is None:
            return Location(file=self.file, line=self.line, column=column)
        return Copied(file=self.file, line=self.line, column=column, by=self.by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Program text, its lines ended by newlines, and where each piece of it comes from."""

    text: str
    pieces: tuple[Piece, ...]  # in the order of the text; the first starts at 0
    problems: tuple[Problem, ...] = ()

    def location(self, offset: int) -> Location:
        """Return the place of the letter at ``offset``."""
        return self.pieces[self._at(offset)].location(offset)

    def between(self, start: int, end: int) -> Iterator[tuple[str, Piece]]:
        """Yield the text from ``start`` to ``end`` piece by piece."""
        index = self._at(start)
        while start < end:
            following = self.pieces[index + 1].start if index + 1 < len(self.pieces) else len(self.text)
            stop = min(end, following)
            piece = self.pieces[index]
            yield self.text[start:stop], replace(piece, start=start, column=piece.column + start - piece.start)
            start, index = stop, index + 1

    def _at(self, offset: int) -> int:
        return bisect_right(self.pieces, offset, key=lambda piece: piece.start) - 1


def joined(parts: Iterable[tuple[str, Piece]], problems: Iterable[Problem] = ()) -> Source:
    """Return the parts, at least one of them not empty, as one source; each keeps the place that its piece names."""
    texts: list[str] = []
    pieces: list[Piece] = []
    length = 0
    for text, piece in parts:
        if text:
            texts.append(text)
            pieces.append(replace(piece, start=length))
            length += len(text)
    return Source(text="".join(texts), pieces=tuple(pieces), problems=tuple(problems))


def read(
    text: str,
    file: Path,
    *,
    reference_format: Format = "auto",
    columns: tuple[int, int] | None = None,
    lenient: bool = False,
    by: Location | None = None,
) -> Source:
    """Return the program text of a copybook.

    Args:
        text: what the file holds.
        file: named in places.
        reference_format: ``auto`` judges by where entries begin; ``>>SOURCE FORMAT`` overrules it from its line on.
        columns: of the indicator and of the last text in the fixed format, from 1; given, the format is fixed.
        lenient: as Cobrix reads: text may stand in the indicator's column too, a tab is one space.
        by: the COPY statement that brings this text in.
    """
    lines = [_without_tabs(line, lenient=lenient) for line in _LINE_END.split(text.replace("\x1a", " "))]
    fixed = (
        columns is not None
        or reference_format == "fixed"
        or (reference_format == "auto" and (lenient or _is_fixed(lines)))
    )
    reader = _Reader(file, columns or FIXED_COLUMNS, fixed=fixed, lenient=lenient, by=by)
    for number, line in enumerate(lines, start=1):
        reader.line(number, line)
    return joined([*reader.parts, ("\n", reader.end())], reader.problems)


def _without_tabs(line: str, *, lenient: bool) -> str:
    line = line.replace("\xa0", " ").replace("\f", " ").replace("\v", " ")
    return line.replace("\t", " ") if lenient else line.expandtabs(_TAB)


def _is_fixed(lines: Iterable[str]) -> bool:
    """Judge by the entries: does their text begin left of column 8, or behind it with something before?"""
    free = fixed = 0
    for line in lines:
        if _FIXED_ENTRY.match(line) and line[:6].strip():
            fixed += 1
        elif _FREE_ENTRY.match(line):
            free += 1
    return fixed >= free


class _Reader:
    """Takes a file line by line; ``parts`` is its program text so far."""

    def __init__(
        self, file: Path, columns: tuple[int, int], *, fixed: bool, lenient: bool, by: Location | None
    ) -> None:
        self._file = file
        self._first, self._last = columns
        self._fixed = fixed
        self._lenient = lenient
        self._by = by
        self._quote = ""  # of the literal that the last line of text left open
        self._room = 0  # columns that the last line of text left empty
        self.parts: list[tuple[str, Piece]] = []
        self.problems: list[Problem] = []

    def piece(self, line: int, column: int) -> Piece:
        """Return the place of a letter; ``joined`` sets its start."""
        return Piece(start=0, file=self._file, line=line, column=column, by=self._by)

    def end(self) -> Piece:
        """Return the place behind the last text."""
        text, last = self.parts[-1] if self.parts else ("", self.piece(1, 1))
        return self.piece(last.line, last.column + len(text.rstrip()))

    def line(self, number: int, line: str) -> None:
        """Add a line."""
        directive = _DIRECTIVE.match(line)
        if directive is not None:
            self._fixed = directive["format"].upper() == "FIXED"
        elif self._fixed:
            self._fixed_line(number, line)
        elif line.strip() and not line.lstrip().startswith("*") and not _passed_over(line):
            self._append(number, 1, line)

    def _fixed_line(self, number: int, line: str) -> None:
        area = line[self._first - 1 : self._last]
        indicator, text = area[:1], area[1:]
        if not area.strip() or indicator in ("*", "/") or _passed_over(text) or _passed_over(area):
            return
        if indicator == " ":
            self._append(number, self._first + 1, text)
        elif indicator == "-":
            self._continue(number, text)
        elif indicator in ("D", "d") and text[:1] in ("", " "):
            pass  # debugging lines are comments
        elif self._lenient:
            self._append(number, self._first, area)
        else:
            self._report(
                number,
                self._first,
                f"column {self._first} holds '{indicator}'; expected a space, * or / for a comment, D or -",
                "write text in columns 8 to 72, or say which columns hold it: `copybook_format`, `copybook_columns`",
            )

    def _append(self, number: int, column: int, text: str) -> None:
        if self.parts:
            self.parts.append(("\n", self.piece(number, column)))
        self.parts.append((text, self.piece(number, column)))
        self._quote = _open_quote(text)
        self._room = self._last - (column + len(text) - 1)

    def _continue(self, number: int, text: str) -> None:
        """Join the text of a line with - in column 7 to the text before it."""
        start = len(text) - len(text.lstrip())
        column = self._first + 1 + start
        if not self.parts:
            self._report(number, self._first, "this line continues none: nothing stands before it", "remove the -")
            return
        if not self._quote:
            last, piece = self.parts[-1]
            self.parts[-1] = (last.rstrip(), piece)
        elif text[start : start + 1] == self._quote:
            self.parts.append((" " * self._room, self.piece(number, column)))
            start, column = start + 1, column + 1
        else:
            self._report(
                number,
                column,
                f"a literal is continued here; expected {self._quote} before the rest of it",
                f"close the literal on the line before, or begin this text with {self._quote}",
            )
            return
        self.parts.append((text[start:], self.piece(number, column)))
        self._quote = _open_quote(text[start:], self._quote)
        self._room = self._last - (self._first + len(text))

    def _report(self, line: int, column: int, message: str, remedy: str) -> None:
        self.problems.append(Problem(message=message, location=self.piece(line, column).location(0), remedy=remedy))


def _passed_over(text: str) -> bool:
    """Say whether a line speaks to the compiler and not of data."""
    return _LISTING.fullmatch(text) is not None or _ANY_DIRECTIVE.match(text) is not None


def _open_quote(text: str, quote: str = "") -> str:
    """Return the quote of the literal that is open behind ``text``; ``quote`` is the one open before it."""
    for index, letter in enumerate(text):
        if letter == quote:
            quote = ""
        elif quote:
            continue
        elif letter in "'\"":
            quote = letter
        elif letter == "*" and text[index : index + 2] == "*>":
            break
    return quote
