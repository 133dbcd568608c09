"""Tokens to data description entries, one sentence each, not yet nested.

Grammar: *Enterprise COBOL for z/OS Language Reference*, "Data division — data description entry". After an error the
reading goes on with the next sentence, so that one reading finds every problem of a copybook.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from adapters.mainframe.copybook import picture
from adapters.mainframe.copybook.lexer import Kind, Token
from adapters.mainframe.copybook.syntax import Condition, Entry, Occurs, Sign, Usage
from foundation.errors import Problem, did_you_mean

MAX_OCCURS = 999_999_999

_COMPUTATIONAL = {
    "": Usage.BINARY, "-0": Usage.BINARY, "-1": Usage.FLOAT, "-2": Usage.DOUBLE, "-3": Usage.PACKED,
    "-3U": Usage.UNSIGNED_PACKED, "-4": Usage.BINARY, "-5": Usage.NATIVE, "-6": Usage.UNSIGNED_PACKED,
    "-9": Usage.LITTLE, "-X": Usage.BYTES,
}  # fmt: skip
_USAGES = {
    **{f"{word}{suffix}": usage for word in ("COMP", "COMPUTATIONAL") for suffix, usage in _COMPUTATIONAL.items()},
    "BINARY": Usage.BINARY,
    "DISPLAY": Usage.DISPLAY,
    "DISPLAY-1": Usage.DBCS,
    "FUNCTION-POINTER": Usage.POINTER,
    "INDEX": Usage.INDEX,
    "NATIONAL": Usage.NATIONAL,
    "OBJECT": Usage.POINTER,
    "PACKED-DECIMAL": Usage.PACKED,
    "POINTER": Usage.POINTER,
    "POINTER-32": Usage.POINTER,
    "PROCEDURE-POINTER": Usage.PROCEDURE_POINTER,
}
_FIGURATIVES = frozenset({
    "SPACE", "SPACES", "ZERO", "ZEROS", "ZEROES", "LOW-VALUE", "LOW-VALUES", "HIGH-VALUE", "HIGH-VALUES",
    "QUOTE", "QUOTES", "NULL", "NULLS", "TRUE", "FALSE",
})  # fmt: skip
_ZEROS = frozenset({"ZERO", "ZEROS", "ZEROES"})
# Words of the language that fields are called by all the same; then a PICTURE follows at once
_ALSO_NAMES = frozenset({"VALUE", "VALUES", "SIGN", "INDEX", "POINTER", "BLANK", "DATE", "OBJECT", "DISPLAY"})
# Paragraphs that stand around records in a program
_PARAGRAPHS = frozenset({
    "FD", "SD", "PROGRAM-ID", "AUTHOR", "SOURCE-COMPUTER", "OBJECT-COMPUTER", "SPECIAL-NAMES", "DECIMAL-POINT",
    "FILE-CONTROL", "SELECT", "REPOSITORY", "I-O-CONTROL",
})  # fmt: skip
_NAME = re.compile(r"[\w-]*[^\W\d_][\w-]*")

_Clause = Callable[[Entry, Token], None]


class _SyntaxError(Exception):
    """Ends the reading of one sentence."""

    def __init__(self, token: Token, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.problem = Problem(message=message, location=token.location, remedy=remedy)


class Sentences:
    """Reads the sentences of a copybook; ``problems`` and ``broken`` grow on the way."""

    def __init__(self, tokens: Sequence[Token], *, decimal_comma: bool = False, lenient: bool = False) -> None:
        self._tokens = tokens
        self._position = 0
        self._decimal_comma = decimal_comma
        self._lenient = lenient
        self._entries: list[Entry] = []
        self._outside = False  # of the data descriptions, in other parts of a program
        self.problems: list[Problem] = []
        self.broken: list[Entry] = []  # entries with a clause that could not be read
        self._clauses: dict[str, _Clause] = {
            "PIC": self._picture,
            "PICTURE": self._picture,
            "USAGE": self._usage,
            **dict.fromkeys(_USAGES, self._usage),
            "GROUP-USAGE": self._usage,
            "SIGN": self._sign,
            "LEADING": self._sign,
            "TRAILING": self._sign,
            "OCCURS": self._occurs,
            "REDEFINES": self._redefines,
            "VALUE": self._value_clause,
            "VALUES": self._value_clause,
            "JUST": self._justified,
            "JUSTIFIED": self._justified,
            "SYNC": self._synchronized,
            "SYNCHRONIZED": self._synchronized,
            "BLANK": self._blank_when_zero,
            "DATE": self._date_format,
            "IS": self._visibility,
            "GLOBAL": self._visibility,
            "EXTERNAL": self._visibility,
            "VOLATILE": self._visibility,
        }

    def entries(self) -> list[Entry]:
        """Return the entries in order, conditions hung on theirs."""
        while self._peek().kind is not Kind.END:
            try:
                self._sentence()
            except _SyntaxError as error:
                self.problems.append(error.problem)
                self._recover()
        return self._entries

    def _sentence(self) -> None:
        token = self._next()
        level = _level(token)
        if level is not None:
            self._outside = False
            self._described(level, token)
        elif token.text in _PARAGRAPHS or self._peek().text in ("DIVISION", "SECTION"):
            self._outside = True
            if token.text == "PROCEDURE":
                self._position = len(self._tokens) - 1  # what follows are statements
            self._skip_to_period()
        elif self._outside:
            self._skip_to_period()
        elif token.kind is not Kind.PERIOD:
            raise _SyntaxError(
                token,
                f"'{_shown(token)}' stands where a level number (01 to 49, 66, 77 or 88) was expected",
                "write text in columns 8 to 72 or say which format the copybook has, and end each entry with a period",
            )

    def _described(self, level: int, token: Token) -> None:
        if level == 88:
            self._condition(token)
        elif level == 66:
            self._renames(token)
        elif level in range(1, 50) or level == 77:
            self._entry(level, token)
        else:
            raise _SyntaxError(token, f"level {token.text} does not exist; expected 01 to 49, 66, 77 or 88")

    def _entry(self, level: int, start: Token) -> None:
        entry = self._add(level, start, self._entry_name())
        try:
            done: list[_Clause] = []
            while not self._at_end_of_entry():
                token = self._peek()
                clause = self._clauses.get(token.text) if token.kind is Kind.WORD else None
                if clause is None:
                    raise _SyntaxError(token, f"'{_shown(token)}' is not a clause", self._meant(token))
                if clause in done and clause != self._visibility:
                    raise _SyntaxError(token, f"a second clause of this kind: {token.text}", "remove one of the two")
                done.append(clause)
                clause(entry, self._next())
            self._check_sign(entry)
        except _SyntaxError:
            self.broken.append(entry)
            raise

    def _add(self, level: int, start: Token, name: Token | None) -> Entry:
        entry = Entry(
            level=level,
            name=None if name is None or name.text == "FILLER" else name.text,
            written="FILLER" if name is None else name.written,
            location=start.location,
        )
        self._entries.append(entry)
        return entry

    def _entry_name(self) -> Token | None:
        token = self._peek()
        if token.kind is not Kind.WORD:
            return None
        follows = self._tokens[self._position + 1].text
        if token.text in self._clauses and not (token.text in _ALSO_NAMES and follows in ("PIC", "PICTURE")):
            return None
        self._check_name(token)
        return self._next()

    def _check_name(self, token: Token) -> None:
        if self._lenient or _NAME.fullmatch(token.text):
            return
        remedy = "use letters, digits and hyphens"
        if ":" in token.text:
            remedy = (
                "it stands for what COPY … REPLACING ==:TAG:== BY ==…== fills in: write such a statement in a copybook"
            )
        self.problems.append(
            Problem(message=f"'{token.written}' is not a name", location=token.location, remedy=remedy)
        )

    def _check_sign(self, entry: Entry) -> None:
        """Refuse a SIGN clause that its picture does not go with; Cobrix takes it for the S that is missing."""
        shape = entry.picture
        if entry.sign is None or shape is None:
            return
        if self._lenient and shape.category == "number" and not shape.signed:
            entry.picture = replace(shape, signed=True)
        elif not shape.signed or shape.sign_char is not None:
            message = f"SIGN needs a number with S; expected PIC S9…, found PIC {shape.text}"
            self.problems.append(
                Problem(message=message, location=entry.location, remedy="write S as first symbol, or leave SIGN out")
            )

    def _at_end_of_entry(self) -> bool:
        """Pass over the period that ends an entry; say whether it was there."""
        token = self._peek()
        if token.kind is Kind.PERIOD:
            self._next()
            return True
        if token.kind is Kind.END or (token.first and _level(token) is not None):
            raise _SyntaxError(
                token, "the entry before this is not ended; expected a period", "end it with a period within column 72"
            )
        return False

    def _meant(self, token: Token) -> str | None:
        return did_you_mean(token.text, list(self._clauses)) if token.kind is Kind.WORD else None

    def _picture(self, entry: Entry, keyword: Token) -> None:
        if self._peek().kind is Kind.WORD:
            self._usage(entry, self._next())  # Cobrix: PIC COMP-3 S9(5)
        token = self._next()
        if token.kind is not Kind.PICTURE:
            raise _SyntaxError(keyword, "no picture follows; expected symbols such as X(10) or S9(5)V99")
        try:
            entry.picture = picture.parse(token.text, decimal_comma=self._decimal_comma, lenient=self._lenient)
        except picture.PictureError as error:
            message = f"PICTURE {_shown(token)}: {error}"
            raise _SyntaxError(_behind(token, error.offset), message) from None

    def _usage(self, entry: Entry, token: Token) -> None:
        if token.text in ("USAGE", "GROUP-USAGE"):
            self._skip("IS")
            token = self._next()
        usage = _USAGES.get(token.text)
        if usage is None:
            raise _SyntaxError(token, f"'{_shown(token)}' is not a USAGE", did_you_mean(token.text, list(_USAGES)))
        entry.usage = usage
        if token.text == "OBJECT":
            self._skip("REFERENCE")
            if self._peek().kind is Kind.WORD and self._peek().text not in self._clauses:
                self._next()  # the class
        elif token.text == "PACKED-DECIMAL":
            self._skip("WITH")
            if self._skip("NO"):
                self._expect("SIGN")
                entry.usage = Usage.UNSIGNED_PACKED

    def _sign(self, entry: Entry, token: Token) -> None:
        if token.text == "SIGN":
            self._skip("IS")
            token = self._next()
        if token.text not in ("LEADING", "TRAILING"):
            raise _SyntaxError(token, f"'{_shown(token)}' stands where LEADING or TRAILING was expected")
        separate = self._skip("SEPARATE")
        self._skip("CHARACTER")
        entry.sign = Sign(leading=token.text == "LEADING", separate=separate)

    def _occurs(self, entry: Entry, token: Token) -> None:
        first = self._times()
        most = self._times() if self._skip("TO") else None
        self._skip("TIMES")
        depending = None
        while self._peek().text in ("DEPENDING", "ASCENDING", "DESCENDING", "INDEXED"):
            if self._skip("DEPENDING"):
                self._skip("ON")
                depending = self._qualified()
            else:
                self._skip_key_or_index()
        if most is not None and depending is None and not self._lenient:
            raise _SyntaxError(
                token, f"OCCURS {first} TO {most} without DEPENDING ON", "say which field holds the number"
            )
        least = first
        if most is None:  # Enterprise COBOL takes the TO for optional, and so does Cobrix
            least, most = (first if depending is None else 0), first
        if not least <= most or most < 1:
            raise _SyntaxError(token, f"OCCURS {least} TO {most}: expected at least one, and no more than at most")
        entry.occurs = Occurs(least=least, most=most, depending=depending)

    def _times(self) -> int:
        token = self._next()
        digits = token.text
        if token.kind is not Kind.NUMBER or not digits.isdigit() or len(digits) > len(str(MAX_OCCURS)):
            message = f"OCCURS is followed by '{_shown(token)}'; expected how many times, from 1 to {MAX_OCCURS}"
            raise _SyntaxError(token, message)
        return int(digits)

    def _skip_key_or_index(self) -> None:
        """Pass over ASCENDING KEY IS … or INDEXED BY …: how a program searches, not what the bytes are."""
        self._next()
        for word in ("KEY", "IS", "BY"):
            self._skip(word)
        others = ("DEPENDING", "ASCENDING", "DESCENDING", "INDEXED")
        while self._peek().kind is Kind.WORD and self._peek().text not in (*others, *self._clauses):
            self._next()

    def _redefines(self, entry: Entry, token: Token) -> None:
        entry.redefines = self._name("the name of the entry whose bytes it redefines")

    def _value_clause(self, entry: Entry, token: Token) -> None:
        (entry.value, _), *_ = self._values()

    def _justified(self, entry: Entry, token: Token) -> None:
        entry.justified = True
        self._skip("RIGHT")

    def _synchronized(self, entry: Entry, token: Token) -> None:
        entry.synchronized = True
        self._skip("LEFT") or self._skip("RIGHT")

    def _blank_when_zero(self, entry: Entry, token: Token) -> None:
        entry.blank_when_zero = True
        self._skip("WHEN")
        zero = self._next()
        if zero.text not in _ZEROS:
            raise _SyntaxError(zero, f"'{_shown(zero)}' stands where ZERO was expected")

    def _date_format(self, entry: Entry, token: Token) -> None:
        """Pass over DATE FORMAT, which told early compilers the century of a date."""
        self._expect("FORMAT")
        self._skip("IS")
        self._next()

    def _visibility(self, entry: Entry, token: Token) -> None:
        """Pass over where a program keeps an item: the bytes are the same."""
        if token.text == "IS" and self._peek().text not in ("GLOBAL", "EXTERNAL", "VOLATILE"):
            raise _SyntaxError(token, "'IS' is followed by no clause", "remove the word")
        if token.text == "EXTERNAL" and (self._skip("AS") or self._skip("BY")):
            self._next()

    def _renames(self, start: Token) -> None:
        name = self._peek()
        self._name("a name")
        entry = self._add(66, start, name)
        self._expect("RENAMES")
        first = self._qualified()
        through = self._skip("THRU") or self._skip("THROUGH")
        entry.renames = (first, self._qualified() if through else None)
        self._end()

    def _condition(self, start: Token) -> None:
        if not self._entries:
            raise _SyntaxError(start, "level 88 stands before the field it belongs to")
        name = self._name("a condition name")
        keyword = self._next()
        if keyword.text not in ("VALUE", "VALUES"):
            raise _SyntaxError(keyword, f"'{_shown(keyword)}' stands where VALUE was expected")
        values = self._values()
        for word in ("WHEN", "SET", "TO"):
            self._skip(word)
        if self._skip("FALSE"):
            self._skip("IS")
            self._value()
        self._end()
        self._entries[-1].conditions.append(Condition(name=name, values=values))

    def _values(self) -> tuple[tuple[str, str | None], ...]:
        self._skip("IS") or self._skip("ARE")
        values: list[tuple[str, str | None]] = []
        while not values or self._at_value():
            first = self._value()
            through = self._skip("THRU") or self._skip("THROUGH")
            values.append((first, self._value() if through else None))
        return tuple(values)

    def _at_value(self) -> bool:
        token = self._peek()
        if token.kind is Kind.NUMBER:
            behind = self._tokens[self._position + 1]
            named = behind.kind is Kind.WORD and behind.text not in ("THRU", "THROUGH")
            return not (token.first and named)  # the next entry
        return (
            token.kind is Kind.LITERAL or token.text == "ALL" or (token.text in _FIGURATIVES and token.text != "FALSE")
        )

    def _value(self) -> str:
        every = "ALL " if self._skip("ALL") else ""
        text = self._constant()
        while self._peek().kind is Kind.AND:
            self._next()
            text += self._constant()
        return every + text

    def _constant(self) -> str:
        token = self._next()
        if token.kind is Kind.LITERAL:
            return _literal(token.text)
        if token.kind is Kind.NUMBER or (token.kind is Kind.WORD and token.text in _FIGURATIVES):
            return token.text
        raise _SyntaxError(token, f"'{_shown(token)}' stands where a value was expected")

    def _name(self, expected: str) -> str:
        token = self._next()
        if token.kind is not Kind.WORD:
            raise _SyntaxError(token, f"'{_shown(token)}' stands where {expected} was expected")
        return token.text

    def _qualified(self) -> str:
        """Read ``B OF A``; return ``A.B``."""
        names = [self._name("the name of a field")]
        while self._skip("OF") or self._skip("IN"):
            names.insert(0, self._name("the name of a group"))
        return ".".join(names)

    def _end(self) -> None:
        if not self._at_end_of_entry():
            token = self._peek()
            raise _SyntaxError(token, f"'{_shown(token)}' stands where a period was expected")

    def _peek(self) -> Token:
        return self._tokens[self._position]

    def _next(self) -> Token:
        token = self._tokens[self._position]
        if token.kind is not Kind.END:
            self._position += 1
        return token

    def _skip(self, word: str) -> bool:
        """Pass over ``word`` when it stands next; say whether it did."""
        token = self._peek()
        found = token.kind is Kind.WORD and token.text == word
        if found:
            self._next()
        return found

    def _expect(self, word: str) -> None:
        if not self._skip(word):
            raise _SyntaxError(self._peek(), f"'{_shown(self._peek())}' stands where {word} was expected")

    def _skip_to_period(self) -> None:
        if self._tokens[self._position - 1].kind is not Kind.PERIOD:
            while self._next().kind not in (Kind.PERIOD, Kind.END):
                pass

    def _recover(self) -> None:
        """Go to the next sentence: behind a period, or where a line begins with a level number and a name."""
        if self._position and self._tokens[self._position - 1].kind is Kind.PERIOD:
            return
        while (token := self._peek()).kind is not Kind.END:
            begins = token.first and _level(token) is not None
            if begins and self._tokens[self._position + 1].kind is Kind.WORD:
                return
            self._next()
            if token.kind is Kind.PERIOD:
                return


def _level(token: Token) -> int | None:
    """Return the level number that a token can be."""
    if token.kind is Kind.NUMBER and token.text.isdigit() and len(token.text) <= 2:
        return int(token.text)
    return None


def _literal(text: str) -> str:
    """Return what a literal means; hexadecimal ones stay as written, their bytes depend on the code page."""
    prefix, quote = text[: -len(text.lstrip("BHXGNUZbhxgnuz"))] if text[0] not in "'\"" else "", text[-1]
    if prefix.upper() not in ("", "N", "G", "Z", "U"):
        return text
    return text[len(prefix) + 1 : -1].replace(quote * 2, quote)


def _behind(token: Token, offset: int) -> Token:
    """Return the token as it would stand ``offset`` columns further on its line."""
    place = token.location
    at = replace(place, column=(place.column or 1) + offset)
    return replace(token, location=at)


def _shown(token: Token) -> str:
    """Return a token as an error quotes it."""
    return token.written[:40] if token.kind is not Kind.END else "the end of the copybook"
