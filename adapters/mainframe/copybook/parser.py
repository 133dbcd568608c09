"""Copybook tokens to the tree of data description entries.

Grammar: *Enterprise COBOL for z/OS Language Reference*, "Data division — data description entry". After an error the
parser goes on behind the next period, so that one reading finds every problem of a copybook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from adapters.mainframe.copybook.lexer import Kind, Token, lex
from adapters.mainframe.copybook.picture import Picture, PictureError
from adapters.mainframe.copybook.picture import parse as parse_picture
from adapters.mainframe.copybook.syntax import Condition, Copybook, Entry, Occurs, Sign, Usage
from foundation.errors import ConfigurationError, Location, Problem, did_you_mean

_USAGES = {
    "DISPLAY": Usage.DISPLAY,
    "COMP": Usage.BINARY,
    "COMPUTATIONAL": Usage.BINARY,
    "COMP-1": Usage.FLOAT,
    "COMP-2": Usage.DOUBLE,
    "COMP-3": Usage.PACKED,
    "COMP-4": Usage.BINARY,
    "COMP-5": Usage.NATIVE,
    "COMP-6": Usage.UNSIGNED_PACKED,
    "COMP-9": Usage.LITTLE,
    "COMP-X": Usage.BYTES,
    "COMPUTATIONAL-1": Usage.FLOAT,
    "COMPUTATIONAL-2": Usage.DOUBLE,
    "COMPUTATIONAL-3": Usage.PACKED,
    "COMPUTATIONAL-4": Usage.BINARY,
    "COMPUTATIONAL-5": Usage.NATIVE,
    "BINARY": Usage.BINARY,
    "PACKED-DECIMAL": Usage.PACKED,
    "NATIONAL": Usage.NATIONAL,
    "DISPLAY-1": Usage.DBCS,
    "INDEX": Usage.INDEX,
    "POINTER": Usage.POINTER,
}
_NO_PICTURE = (Usage.FLOAT, Usage.DOUBLE, Usage.INDEX, Usage.POINTER)
_UNSUPPORTED_CLAUSES = {"BLANK": "BLANK WHEN ZERO", "RENAMES": "RENAMES"}
_FIGURATIVES = frozenset({
    "ALL", "SPACE", "SPACES", "ZERO", "ZEROS", "ZEROES", "LOW-VALUE", "LOW-VALUES", "HIGH-VALUE", "HIGH-VALUES",
    "QUOTE", "QUOTES",
})  # fmt: skip
_CLAUSES = ("PIC", "PICTURE", "USAGE", "SIGN", "OCCURS", "VALUE", "JUSTIFIED", "REDEFINES", "SYNC", *_USAGES)
_ENTRY_LEVELS = range(1, 50)


class _SyntaxError(Exception):
    """Ends the reading of one entry."""

    def __init__(self, token: Token, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.problem = Problem(message=message, location=token.location, remedy=remedy)


def load(file: Path) -> Copybook:
    """Read and parse a copybook file (ASCII, UTF-8 or Latin-1 text).

    Raises:
        ConfigurationError: the file cannot be read, or ``parse`` finds problems in it.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            Problem(
                message=f"cannot read the copybook: {error.strerror}",
                location=Location(file=file),
                remedy="check `copybook:` (it is relative to the estate folder)",
            )
        ) from None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # only comments and literals hold other letters
    return parse(text, file)


def parse(text: str, file: Path) -> Copybook:
    """Return the record that the copybook ``text`` describes; ``file`` is named in errors.

    Raises:
        ConfigurationError: with every problem found, each with line and column, the text, and what was expected.
    """
    lexed = lex(text, file)
    parser = _Parser(lexed.tokens)
    entries = parser.entries()
    problems = [*lexed.problems, *parser.problems]
    records = _tree(entries, file, problems)
    if problems:
        raise ConfigurationError(sorted(problems, key=_place))
    return Copybook(records=records, notes=tuple(parser.notes))


def _place(problem: Problem) -> tuple[int, int]:
    location = problem.location
    return (location.line or 0, location.column or 0) if location else (0, 0)


class _Parser:
    """Reads entries one after the other; ``problems`` and ``notes`` grow on the way."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = tokens
        self._position = 0
        self.problems: list[Problem] = []
        self.notes: list[str] = []

    def entries(self) -> list[Entry]:
        """Return the entries of levels 01 to 49 in order, not yet nested; conditions hang on theirs."""
        entries: list[Entry] = []
        while self._peek().kind is not Kind.END:
            try:
                self._sentence(entries)
            except _SyntaxError as error:
                self.problems.append(error.problem)
                self._skip_sentence()
        return entries

    def _sentence(self, entries: list[Entry]) -> None:
        token = self._next()
        level = int(token.text) if token.kind is Kind.NUMBER and token.text.isdigit() else -1
        if level in _ENTRY_LEVELS:
            entries.append(self._entry(level, token))
        elif level == 88:
            if not entries:
                raise _SyntaxError(token, "level 88 stands before the field it belongs to")
            entries[-1].conditions.append(self._condition())
        elif level == 77:
            self.notes.append(f"{token.location}: level 77 '{self._peek().text}' is no part of a record")
            self._skip_sentence()
        elif level == 66:
            raise _SyntaxError(token, "level 66 (RENAMES) is not supported", "remove the entry")
        elif token.text in ("COPY", "REPLACE", "EXEC"):
            raise _SyntaxError(token, f"{token.text} is not supported", "insert the text that it stands for")
        else:
            raise _SyntaxError(
                token,
                f"'{token.text}' stands where a level number (01 to 49, 77 or 88) was expected",
                "write the copybook in the fixed format: text in columns 8 to 72, a period after each entry",
            )

    def _entry(self, level: int, start: Token) -> Entry:
        name = "FILLER"
        if self._peek().kind is Kind.WORD and not self._at_clause():
            name = self._next().text
        entry = Entry(level=level, name=None if name == "FILLER" else name, written=name, location=start.location)
        while self._peek().kind is not Kind.PERIOD:
            self._clause(entry, self._next())
        self._next()
        return entry

    def _at_clause(self) -> bool:
        text = self._peek().text
        return text in _CLAUSES or text in _UNSUPPORTED_CLAUSES

    def _clause(self, entry: Entry, token: Token) -> None:
        word = token.text if token.kind is Kind.WORD else None
        if word in ("PIC", "PICTURE"):
            entry.picture = self._picture(token)
        elif word == "USAGE":
            self._skip("IS")
            entry.usage = self._usage(self._next())
        elif word in _USAGES:
            entry.usage = self._usage(token)
        elif word == "SIGN":
            self._skip("IS")
            entry.sign = self._sign(self._next())
        elif word in ("LEADING", "TRAILING"):
            entry.sign = self._sign(token)
        elif word == "OCCURS":
            entry.occurs = self._occurs()
        elif word in ("VALUE", "VALUES"):
            self._values()
        elif word in ("JUSTIFIED", "JUST"):
            entry.justified = True
            self._skip("RIGHT")
        elif word == "REDEFINES":
            entry.redefines = self._next().text
        elif word in ("SYNC", "SYNCHRONIZED"):
            entry.synchronized = True
            self._skip("LEFT") or self._skip("RIGHT")
        elif word in ("EXTERNAL", "GLOBAL"):
            pass  # where the compiler keeps the item; the bytes are the same
        elif word in _UNSUPPORTED_CLAUSES:
            raise _SyntaxError(token, f"{_UNSUPPORTED_CLAUSES[word]} is not supported", "remove the clause")
        elif token.kind is Kind.END or token.text.isdigit():
            raise _SyntaxError(token, "the entry before this is not ended", "end it with a period within column 72")
        else:
            raise _SyntaxError(token, f"'{token.text}' is not a clause", did_you_mean(token.text, _CLAUSES))

    def _picture(self, keyword: Token) -> Picture:
        token = self._next()
        if token.kind is not Kind.PICTURE:
            raise _SyntaxError(keyword, "no picture follows on this line", "write it behind the word PIC")
        try:
            return parse_picture(token.text)
        except PictureError as error:
            place = token.location
            at = Location(file=place.file, line=place.line, column=(place.column or 1) + error.offset)
            raise _SyntaxError(
                Token(kind=token.kind, text=token.text, location=at), f"PICTURE {token.text}: {error}"
            ) from None

    def _usage(self, token: Token) -> Usage:
        if token.text in _USAGES:
            return _USAGES[token.text]
        raise _SyntaxError(token, f"'{token.text}' is not a USAGE", did_you_mean(token.text, list(_USAGES)))

    def _sign(self, token: Token) -> Sign:
        if token.text not in ("LEADING", "TRAILING"):
            raise _SyntaxError(token, f"'{token.text}' stands where LEADING or TRAILING was expected")
        separate = self._skip("SEPARATE")
        self._skip("CHARACTER")
        return Sign(leading=token.text == "LEADING", separate=separate)

    def _occurs(self) -> Occurs:
        least = most = self._times()
        if self._skip("TO"):
            most = self._times()
        self._skip("TIMES")
        depending = None
        if self._skip("DEPENDING"):
            self._skip("ON")
            depending = self._next().text
            while self._skip("OF") or self._skip("IN"):
                depending = f"{self._next().text}.{depending}"
        self._skip_keys_and_indexes()
        return Occurs(least=least, most=most, depending=depending)

    def _times(self) -> int:
        token = self._next()
        if token.kind is not Kind.NUMBER or not token.text.isdigit():
            raise _SyntaxError(token, f"OCCURS is followed by '{token.text}'; expected how many times")
        return int(token.text)

    def _skip_keys_and_indexes(self) -> None:
        """Pass over ASCENDING KEY IS … and INDEXED BY …: how a program searches, not what the bytes are."""
        while self._peek().text in ("ASCENDING", "DESCENDING", "INDEXED"):
            self._next()
            for word in ("KEY", "IS", "BY"):
                self._skip(word)
            while self._peek().kind is Kind.WORD and not self._at_clause_or_key():
                self._next()

    def _at_clause_or_key(self) -> bool:
        return self._at_clause() or self._peek().text in ("ASCENDING", "DESCENDING", "INDEXED", "SIGN")

    def _condition(self) -> Condition:
        name = self._next()
        if name.kind is not Kind.WORD:
            raise _SyntaxError(name, f"'{name.text}' stands where a condition name was expected")
        keyword = self._next()
        if keyword.text not in ("VALUE", "VALUES"):
            raise _SyntaxError(keyword, f"'{keyword.text}' stands where VALUE was expected")
        values = self._values()
        end = self._next()
        if end.kind is not Kind.PERIOD:
            raise _SyntaxError(end, f"'{end.text}' stands where a value or a period was expected")
        return Condition(name=name.text, values=values)

    def _values(self) -> tuple[tuple[str, str | None], ...]:
        self._skip("IS") or self._skip("ARE")
        values: list[tuple[str, str | None]] = []
        while self._peek().kind in (Kind.LITERAL, Kind.NUMBER) or self._at_figurative():
            first = self._value()
            through = self._skip("THRU") or self._skip("THROUGH")
            values.append((first, self._value() if through else None))
        if not values:
            raise _SyntaxError(self._peek(), f"'{self._peek().text}' stands where a value was expected")
        return tuple(values)

    def _at_figurative(self) -> bool:
        return self._peek().text in _FIGURATIVES

    def _value(self) -> str:
        token = self._next()
        if token.text == "ALL":
            return f"ALL {self._value()}"
        if token.kind is Kind.LITERAL and token.text[0] in "'\"":
            quote = token.text[0]
            return token.text[1:-1].replace(quote * 2, quote)
        return token.text

    def _peek(self) -> Token:
        return self._tokens[self._position]

    def _next(self) -> Token:
        token = self._tokens[self._position]
        if token.kind is not Kind.END:
            self._position += 1
        return token

    def _skip(self, word: str) -> bool:
        """Pass over ``word`` when it stands next; say whether it did."""
        found = self._peek().text == word
        if found:
            self._next()
        return found

    def _skip_sentence(self) -> None:
        if self._position and self._tokens[self._position - 1].kind is Kind.PERIOD:
            return
        while self._next().kind not in (Kind.PERIOD, Kind.END):
            pass


def _tree(entries: Iterable[Entry], file: Path, problems: list[Problem]) -> tuple[Entry, ...]:
    """Hang every entry below the nearest one before it with a smaller level number; return the records."""
    roots: list[Entry] = []
    open_groups: list[Entry] = []
    for entry in entries:
        while open_groups and open_groups[-1].level >= entry.level:
            open_groups.pop()
        (open_groups[-1].children if open_groups else roots).append(entry)
        open_groups.append(entry)
    report: Callable[[Problem], None] = problems.append
    if not roots:
        if not problems:
            report(Problem(message="the copybook describes no record", location=Location(file=file, line=1)))
        return ()
    records = [root for root in roots if root.level == 1]
    # A copybook meant for inclusion below a program's own 01 starts at a deeper level.
    if not records:
        records = [Entry(level=0, name=None, location=roots[0].location, children=roots)]
    elif len(roots) > len(records):
        stray = next(root for root in roots if root.level != 1)
        report(Problem(message="this entry stands outside the record", location=stray.location))
    if not problems:  # a clause that could not be read would be missed here again
        for record in records:
            _check(record, problems)
    return tuple(records)


def _check(entry: Entry, problems: list[Problem]) -> None:
    """Report a group with a picture, a field without one, and a record that occurs."""
    name = entry.name or "FILLER"
    message = None
    if entry.children and entry.picture is not None:
        message = f"'{name}' has a PICTURE and entries below it"
    elif not entry.children and entry.picture is None and entry.usage not in _NO_PICTURE:
        message = f"'{name}' has no PICTURE and nothing below it"
    elif entry.level <= 1 and entry.occurs is not None:
        message = f"'{name}' is the record itself and cannot have OCCURS"
    if message is not None:
        problems.append(Problem(message=message, location=entry.location))
    for child in entry.children:
        _check(child, problems)
