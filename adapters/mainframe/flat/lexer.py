"""Copybook text to tokens, each with its line and column.

Reads the fixed reference format: columns 1 to 6 are a sequence number and 73 to 80 an identification, both ignored;
column 7 marks comments (``*`` or ``/``) and debugging lines (``D``), which are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from foundation.errors import Location, Problem

_INDICATOR = 6  # column 7, counted from 0
_LAST_COLUMN = 72

_TOKEN = re.compile(
    r"""
      (?P<space>   [\s,;]+ )
    | (?P<comment> \*>.* )
    | (?P<literal> [XNZ]?'(?:[^']|'')*' | [XNZ]?"(?:[^"]|"")*" )
    | (?P<number>  [+-]?(?:\d+\.\d+|\d+)(?![A-Z0-9-]) )
    | (?P<word>    [A-Z0-9](?:[A-Z0-9_-]*[A-Z0-9])? )
    | (?P<period>  \. )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PICTURE = re.compile(r"\s*(?:IS\s+)?(?P<picture>\S+?)(?=[.,;]?(?:\s|$))", re.IGNORECASE)


class Kind(Enum):
    """What a token is."""

    WORD = auto()
    NUMBER = auto()
    LITERAL = auto()
    PICTURE = auto()
    PERIOD = auto()
    END = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A piece of a copybook; words are in upper case, the rest is as written."""

    kind: Kind
    text: str
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexed:
    """The tokens of a copybook, ending with one END, and the places that could not be read."""

    tokens: tuple[Token, ...]
    problems: tuple[Problem, ...]


def lex(text: str, file: Path) -> Lexed:
    """Cut the copybook ``text`` into tokens; ``file`` is named in their locations."""
    tokens: list[Token] = []
    problems: list[Problem] = []
    line_number = 1
    for line_number, line in enumerate(text.splitlines(), start=1):
        indicator = line[_INDICATOR : _INDICATOR + 1]
        if indicator in ("*", "/", "D", "d"):
            continue
        if indicator in ("", " "):
            scanner = _Line(file=file, number=line_number, text=line[:_LAST_COLUMN])
            tokens.extend(scanner.tokens())
            problems.extend(scanner.problems)
            continue
        message = (
            "a continuation line is not supported"
            if indicator == "-"
            else f"column 7 holds '{indicator}'; expected a space, or * or / for a comment"
        )
        problems.append(
            Problem(
                message=message,
                location=Location(file=file, line=line_number, column=_INDICATOR + 1),
                remedy="write the copybook in the fixed format: text in columns 8 to 72",
            )
        )
    tokens.append(Token(kind=Kind.END, text="", location=Location(file=file, line=line_number)))
    return Lexed(tokens=tuple(tokens), problems=tuple(problems))


class _Line:
    """One line of program text, columns 8 to 72."""

    def __init__(self, *, file: Path, number: int, text: str) -> None:
        self._file = file
        self._number = number
        self._text = text
        self.problems: list[Problem] = []

    def tokens(self) -> Iterator[Token]:
        position = _INDICATOR + 1
        while position < len(self._text):
            match = _TOKEN.match(self._text, position)
            if match is None:
                self.problems.append(
                    Problem(
                        message=f"'{self._text[position:].split()[0]}' is not COBOL",
                        location=self._location(position),
                        remedy="close the quote or remove the character",
                    )
                )
                return
            position = match.end()
            kind = match.lastgroup or ""
            if kind in ("space", "comment"):
                continue
            token = self._token(Kind[kind.upper()], match.group(), match.start())
            yield token
            if token.kind is Kind.WORD and token.text in ("PIC", "PICTURE"):
                picture = _PICTURE.match(self._text, position)
                if picture is not None:
                    yield self._token(Kind.PICTURE, picture["picture"], picture.start("picture"))
                    position = picture.end()

    def _token(self, kind: Kind, text: str, position: int) -> Token:
        folded = text.upper() if kind is Kind.WORD else text
        return Token(kind=kind, text=folded, location=self._location(position))

    def _location(self, position: int) -> Location:
        return Location(file=self._file, line=self._number, column=position + 1)
