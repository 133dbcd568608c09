"""Program text to tokens, each with its place in the copybook that it stands in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache

from adapters.mainframe.copybook.source import Source
from foundation.errors import Location, Problem

# A picture ends before a space, before the period or comma of its clause, and at a word stuck to its bracket
_PICTURE = re.compile(
    r"\s*(?:IS\s+)?(?P<picture>\S+?)"
    r"(?=[.,;]{0,3}(?:\s|$)|(?<=\))(?:USAGE|COMP|BINARY|PACKED|DISPLAY|OCCURS|VALUE|REDEFINES|SIGN|JUST))",
    re.IGNORECASE,
)
_USAGE_BEFORE_PICTURE = re.compile(
    r"\s*(?:USAGE\s+(?:IS\s+)?)?(?P<usage>COMP[\w-]*|BINARY|PACKED-DECIMAL|DISPLAY)(?=\s)", re.IGNORECASE
)
_WORD = re.compile(r"\S+")
_LINE = re.compile(r"[^\n]*")


@cache
def _pattern(*, decimal_comma: bool, lenient: bool) -> re.Pattern[str]:
    """Return what matches one token, its kind as the name of the group."""
    # Cobrix: 'PREFIX'-NAME is a name, and an asterisk anywhere begins a comment
    quoted = r"(?P<quoted> '[A-Z0-9:_-]+'[_-]*[A-Z0-9][\w:-]* ) |" if lenient else ""
    comment = r"\*" if lenient else r"\*>"
    point = "[.,]" if decimal_comma else "[.]"
    return re.compile(
        rf"""
          (?P<space>   [\s,;]+ )
        | (?P<comment> {comment}[^\n]* )
        | {quoted}
          (?P<literal> (?:[BHXGNUZ]|NX|BX)?(?:'(?:[^'\n]|'')*'|"(?:[^"\n]|"")*") )
        | (?P<number>  [+-]?(?:[0-9]*{point}[0-9]+|[0-9]+)(?:E[+-]?[0-9]+)?(?![\w:\#@$-]) )
        | (?P<word>    [\w:\#@$-]+ )
        | (?P<period>  \. )
        | (?P<and>     & )
        """,
        re.VERBOSE | re.IGNORECASE,
    )


class Kind(Enum):
    """What a token is."""

    WORD = auto()
    NUMBER = auto()
    LITERAL = auto()
    PICTURE = auto()
    PERIOD = auto()
    AND = auto()
    END = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A piece of a copybook."""

    kind: Kind
    text: str  # a word in upper case, the rest as written
    written: str
    location: Location
    first: bool = False  # on its line


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexed:
    """The tokens of a copybook, ending with one END, and the places that could not be read."""

    tokens: tuple[Token, ...]
    problems: tuple[Problem, ...]


def lex(source: Source, *, decimal_comma: bool = False, lenient: bool = False) -> Lexed:
    """Cut program text into tokens.

    Args:
        source: the text, COPY carried out.
        decimal_comma: DECIMAL-POINT IS COMMA: ``1,5`` is a number.
        lenient: as Cobrix: an asterisk anywhere begins a comment, a usage may stand between PIC and the picture.
    """
    lexer = _Lexer(source, decimal_comma=decimal_comma, lenient=lenient)
    return Lexed(tokens=tuple(lexer.tokens()), problems=(*source.problems, *lexer.problems))


class _Lexer:
    """Goes through a text once; ``problems`` grows on the way."""

    def __init__(self, source: Source, *, decimal_comma: bool, lenient: bool) -> None:
        self._source = source
        self._text = source.text
        self._pattern = _pattern(decimal_comma=decimal_comma, lenient=lenient)
        self._lenient = lenient
        self._position = 0
        self._first = True
        self.problems: list[Problem] = []

    def tokens(self) -> Iterator[Token]:
        """Yield the tokens in order, END last."""
        while self._position < len(self._text):
            match = self._pattern.match(self._text, self._position)
            if match is None:
                self._pass_over_unknown()
                continue
            self._position = match.end()
            kind, text = match.lastgroup or "", match.group()
            if kind in ("space", "comment"):
                self._first = self._first or "\n" in text
                continue
            if kind == "quoted":
                kind, text = "word", text.replace("'", "")
            token = self._token(Kind[kind.upper()], text, match.start())
            yield token
            if token.kind is Kind.WORD and token.text in ("PIC", "PICTURE"):
                yield from self._picture()
        yield self._token(Kind.END, "", len(self._text) - 1)

    def _picture(self) -> Iterator[Token]:
        """Yield the picture behind PIC; Cobrix takes a usage before it."""
        usage = _USAGE_BEFORE_PICTURE.match(self._text, self._position) if self._lenient else None
        if usage is not None:
            yield self._token(Kind.WORD, usage["usage"], usage.start("usage"))
            self._position = usage.end()
        match = _PICTURE.match(self._text, self._position)
        if match is not None and match["picture"] not in (".", ",", ";"):
            yield self._token(Kind.PICTURE, match["picture"], match.start("picture"))
            self._position = match.end()

    def _pass_over_unknown(self) -> None:
        start = self._position
        unclosed = self._text[start] in "'\""
        unknown = (_LINE if unclosed else _WORD).match(self._text, start)
        text = unknown.group() if unknown is not None else self._text[start]
        self._position = start + len(text)
        if unclosed:
            message, remedy = (
                "the literal that begins here is not closed",
                "close it, or continue it with - in column 7",
            )
        elif text.startswith("*"):
            message, remedy = f"'{text[:40]}' is not COBOL", "begin a comment behind text with *>"
        else:
            message, remedy = f"'{text[:40]}' is not COBOL; expected a word, a number or a literal", None
        self.problems.append(Problem(message=message, location=self._source.location(start), remedy=remedy))

    def _token(self, kind: Kind, text: str, position: int) -> Token:
        first, self._first = self._first, False
        folded = text.upper() if kind is Kind.WORD else text
        return Token(kind=kind, text=folded, written=text, location=self._source.location(position), first=first)
