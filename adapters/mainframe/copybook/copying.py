"""COPY … REPLACING and REPLACE: program text with the text of other members in it.

Rules: *Enterprise COBOL for z/OS Language Reference*, "COPY statement", "REPLACE statement" and "Text words". What is
compared are text words; what is replaced is text, so that ``:TAG:-NAME`` becomes one word again. Also takes
``EXEC SQL INCLUDE``, and leaves any other EXEC … END-EXEC out: a DCLGEN member declares its table before its record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.mainframe.copybook.source import Format, Piece, Source, joined, read
from foundation.errors import ConfigurationError, Location, Problem

Library = Callable[[str], tuple[str, Path] | None]
"""Returns text and file of a member: ``NAME``, or ``FOLDER/NAME`` for ``COPY NAME OF FOLDER``; None: there is none."""

MAX_TEXT = 16 << 20  # characters of all that is copied and replaced
MAX_COPIES = 2_000
MAX_DEPTH = 32  # members that copy members
_SUFFIXES = (".CPY", ".COPY", ".CBL", ".COB", ".CPB", ".INC", ".TXT")
_EBCDIC_SPACE = b"\x40"

_WORD = re.compile(
    r"""
      (?P<space>   (?:\s|[,;](?=\s|$))+ )
    | (?P<comment> \*>[^\n]* )
    | (?P<literal> '(?:[^'\n]|'')*' | "(?:[^"\n]|"")*" )
    | (?P<pseudo>  == )
    | (?P<word>    [\w#@$+*/-]+ )
    | (?P<other>   . )
    """,
    re.VERBOSE | re.DOTALL,
)
_STATEMENT = re.compile(r"\b(?:COPY|REPLACE|EXEC)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    """A text word: what is compared, and where it stands."""

    text: str  # upper case, a literal as written
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replacement:
    """What is looked for, and the text that takes its place."""

    words: tuple[str, ...]
    text: str
    part: str = ""  # LEADING or TRAILING: the beginning or the end of one word


class _Unreadable(Exception):
    """Ends the reading of one statement."""

    def __init__(self, message: str, at: int, remedy: str | None = None) -> None:
        super().__init__(message)
        self.at = at
        self.remedy = remedy


class Members:
    """The members that a copybook can bring in; keeps count of how much it does."""

    def __init__(
        self,
        library: Library | None,
        *,
        reference_format: Format = "auto",
        columns: tuple[int, int] | None = None,
        lenient: bool = False,
    ) -> None:
        self._library = library
        self._format: Format = reference_format
        self._columns = columns
        self._lenient = lenient
        self._copies = 0
        self._characters = 0

    def find(self, name: str, at: int) -> tuple[str, Path]:
        """Return the text and the file of a member.

        Raises:
            _Unreadable: there is none.
        """
        if self._library is None:
            raise _Unreadable(f"COPY {name}: nothing is known of where members are", at, "set `copy_folder`")
        found = self._library(name)
        if found is None:
            remedy = "put it beside the copybook, or name the folder where it is: `copy_folder`"
            raise _Unreadable(f"COPY {name}: there is no such member", at, remedy)
        return found

    def read(self, text: str, file: Path, by: Location) -> Source:
        """Return the program text of a member."""
        return read(text, file, reference_format=self._format, columns=self._columns, lenient=self._lenient, by=by)

    def count(self, characters: int, at: int) -> None:
        """Count text that was brought in.

        Raises:
            _Unreadable: it is too much.
        """
        self._copies += 1
        self._characters += characters
        if self._copies > MAX_COPIES or self._characters > MAX_TEXT:
            limits = f"{MAX_COPIES} copies or {MAX_TEXT} characters"
            raise _Unreadable(f"what is copied and replaced grows beyond {limits}", at, "copy less")


def expand(source: Source, file: Path, members: Members) -> Source:
    """Return ``source`` with its COPY and REPLACE statements carried out; problems are added to its own.

    A member that cannot be found, that copies itself, or that makes the text too large is left out and reported.
    """
    return _Replacer(_Expander(source, (file,), members).result(), members).result()


class _Statements:
    """Reads the words of statements in a source; what is not a statement is kept as it is."""

    def __init__(self, source: Source, members: Members) -> None:
        self._source = source
        self._members = members
        self._words = _words(source.text)
        self._index = 0
        self.problems: list[Problem] = list(source.problems)

    def _peek(self, ahead: int = 0) -> _Word:
        index = self._index + ahead
        length = len(self._source.text)
        return self._words[index] if index < len(self._words) else _Word(text="", start=length - 1, end=length)

    def _next(self) -> _Word:
        word = self._peek()
        self._index = min(self._index + 1, len(self._words))
        return word

    def _skip(self, *texts: str) -> bool:
        found = self._peek().text in texts
        if found:
            self._index += 1
        return found

    def _expect(self, text: str) -> None:
        word = self._next()
        if word.text != text:
            raise _Unreadable(f"'{_shown(word.text)}' stands where {text} was expected", word.start)

    def _report(self, problem: _Unreadable) -> None:
        location = self._source.location(problem.at)
        self.problems.append(Problem(message=str(problem), location=location, remedy=problem.remedy))

    def _replacements(self) -> tuple[_Replacement, ...]:
        """Read pairs ``x BY y`` up to a period."""
        found: list[_Replacement] = []
        while self._peek().text not in (".", ""):
            part = self._next().text if self._peek().text in ("LEADING", "TRAILING") else ""
            at = self._peek().start
            old = self._operand()
            self._expect("BY")
            new = self._operand()
            words = tuple(word.text for word in _words(old))
            if not words or (part and len(words) != 1):
                raise _Unreadable("the text to be replaced is empty, or no single word for LEADING or TRAILING", at)
            found.append(_Replacement(words=words, text=new, part=part))
        if not found:
            raise _Unreadable("REPLACING is followed by nothing", self._peek().start, "write ==old== BY ==new==")
        return tuple(found)

    def _operand(self) -> str:
        """Read ``==pseudo-text==``, or a word with its qualifiers; return its text."""
        first = self._next()
        if first.text != "==":
            end = first.end
            while self._skip("OF", "IN"):
                end = self._next().end
            return self._source.text[first.start : end]
        while self._peek().text not in ("==", ""):
            self._index += 1
        last = self._next()
        if last.text != "==":
            raise _Unreadable("the pseudo-text that begins here is not closed", first.start, "close it with ==")
        return self._source.text[first.end : last.start]


class _Expander(_Statements):
    """Carries out COPY."""

    def __init__(self, source: Source, chain: tuple[Path, ...], members: Members) -> None:
        super().__init__(source, members)
        self._chain = chain

    def result(self) -> Source:
        """Return the source with its members in place."""
        if _STATEMENT.search(self._source.text) is None:
            return self._source
        carry_out = {"COPY": self._copy, "++INCLUDE": self._include, "EXEC": self._exec}
        parts: list[tuple[str, Piece]] = []
        kept = 0
        while self._peek().text:
            word = self._peek()
            statement = carry_out.get(word.text)
            if statement is None:
                self._index += 1
                continue
            parts.extend(self._source.between(kept, word.start))
            try:
                parts.extend(statement())
            except _Unreadable as error:
                self._report(error)
                if self._peek(-1).text not in (".", "END-EXEC"):
                    self._skip_to(".")
            kept = self._peek(-1).end
        parts.extend(self._source.between(kept, len(self._source.text)))
        return joined(parts, self.problems)

    def _copy(self) -> Sequence[tuple[str, Piece]]:
        statement = self._next()
        name = _unquoted(self._next().text)
        if self._skip("OF", "IN"):
            name = f"{_unquoted(self._next().text)}/{name}"
        self._skip("SUPPRESS")
        replacements = self._replacements() if self._skip("REPLACING") else ()
        end = self._next()
        if end.text != ".":
            found = f"'{_shown(end.text)}' stands where REPLACING or a period was expected"
            raise _Unreadable(found, end.start, "end the COPY statement with a period")
        return self._member(name, statement.start, replacements)

    def _include(self) -> Sequence[tuple[str, Piece]]:
        """Carry out the ++INCLUDE of Panvalet."""
        statement = self._next()
        name = _unquoted(self._next().text)
        self._skip(".")
        return self._member(name, statement.start)

    def _exec(self) -> Sequence[tuple[str, Piece]]:
        statement = self._next()
        words = [self._peek(ahead).text for ahead in range(4)]
        self._skip_to("END-EXEC")
        if self._peek(-1).text != "END-EXEC":
            raise _Unreadable("EXEC is not ended", statement.start, "end it with END-EXEC")
        self._skip(".")
        included = words[:2] == ["SQL", "INCLUDE"] and words[3] == "END-EXEC"
        return self._member(_unquoted(words[2]), statement.start) if included else ()

    def _skip_to(self, text: str) -> None:
        while self._peek().text not in (text, ""):
            self._index += 1
        self._skip(text)

    def _member(self, name: str, at: int, replacements: Sequence[_Replacement] = ()) -> Sequence[tuple[str, Piece]]:
        """Return the text of a member, its own COPY statements carried out."""
        text, file = self._members.find(name, at)
        chain = (*self._chain, file)
        names = " → ".join(path.name for path in chain)
        if file in self._chain:
            raise _Unreadable(f"COPY {name}: the member copies itself: {names}", at, "remove the COPY statement")
        if len(chain) > MAX_DEPTH:
            raise _Unreadable(f"COPY {name}: more than {MAX_DEPTH} members deep: {names}", at, "copy less deeply")
        self._members.count(len(text), at)
        expander = _Expander(self._members.read(text, file, self._source.location(at)), chain, self._members)
        member = expander.result()
        self.problems.extend(member.problems)
        if not replacements:
            return tuple(member.between(0, len(member.text)))
        replaced = _replaced(member, replacements)
        self._members.count(sum(len(part) for part, _ in replaced), at)
        return replaced


class _Replacer(_Statements):
    """Carries out REPLACE, on text without COPY."""

    def result(self) -> Source:
        """Return the source with what REPLACE names replaced, up to REPLACE OFF or the next REPLACE."""
        text = self._source.text
        if "REPLACE" not in text.upper():
            return self._source
        parts: list[tuple[str, Piece]] = []
        active: tuple[_Replacement, ...] = ()
        kept = 0
        while self._peek().text:
            word = self._next()
            if word.text != "REPLACE":
                continue
            parts.extend(self._apply(active, kept, word.start))
            try:
                active = self._statement(active)
            except _Unreadable as error:
                self._report(error)
            kept = self._peek(-1).end
        parts.extend(self._apply(active, kept, len(text)))
        return joined(parts, self.problems)

    def _statement(self, active: tuple[_Replacement, ...]) -> tuple[_Replacement, ...]:
        self._skip("LAST")
        if self._skip("OFF"):
            self._expect(".")
            return ()
        also = self._skip("ALSO")
        new = self._replacements()
        self._expect(".")
        return (*new, *active) if also else new

    def _apply(self, active: tuple[_Replacement, ...], start: int, end: int) -> Sequence[tuple[str, Piece]]:
        stretch = tuple(self._source.between(start, end))
        if not active or not stretch:
            return stretch
        replaced = _replaced(joined(stretch), active)
        try:
            self._members.count(sum(len(part) for part, _ in replaced), start)
        except _Unreadable as error:
            self._report(error)
            return stretch
        return replaced


def _words(text: str) -> tuple[_Word, ...]:
    return tuple(
        _Word(
            text=match.group() if match.lastgroup == "literal" else match.group().upper(),
            start=match.start(),
            end=match.end(),
        )
        for match in _WORD.finditer(text)
        if match.lastgroup not in ("space", "comment")
    )


def _replaced(source: Source, replacements: Sequence[_Replacement]) -> list[tuple[str, Piece]]:
    """Return the text of a source with what the replacements name replaced; at each word the first that fits."""
    words = _words(source.text)
    parts: list[tuple[str, Piece]] = []
    index = kept = length = 0
    while index < len(words) and length <= MAX_TEXT:
        found = next((each for each in replacements if _fits(each, words, index)), None)
        if found is None:
            index += 1
            continue
        start, end = words[index].start, words[index + len(found.words) - 1].end
        parts.extend(source.between(kept, start))
        _, piece = next(source.between(start, end))
        new = _text_of(found, source.text[start:end])
        parts.append((new, piece))
        length += len(new)
        kept, index = end, index + len(found.words)
    parts.extend(source.between(kept, len(source.text)))
    return parts


def _fits(replacement: _Replacement, words: Sequence[_Word], index: int) -> bool:
    if replacement.part:
        word, part = words[index].text, replacement.words[0]
        return word.startswith(part) if replacement.part == "LEADING" else word.endswith(part)
    there = words[index : index + len(replacement.words)]
    return tuple(word.text for word in there) == replacement.words


def _text_of(replacement: _Replacement, old: str) -> str:
    """Return the text that takes the place of ``old``."""
    size = len(replacement.words[0])
    if replacement.part == "LEADING":
        return replacement.text.strip() + old[size:]
    if replacement.part == "TRAILING":
        return old[: len(old) - size] + replacement.text.strip()
    return replacement.text


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] in ("'", '"') and len(text) > 1 else text


def _shown(text: str) -> str:
    """Return a word as an error quotes it."""
    return text[:40] or "the end of the copybook"


def library(folder: Path) -> Library:
    """Return a library of the files in ``folder``: a member is a file's name, with or without its suffix, in any case.

    ``COPY NAME OF LIB`` looks in the sub-folder ``LIB`` where there is one, else in the folder itself.
    """
    listings: dict[Path, dict[str, Path]] = {}

    def listing(place: Path) -> dict[str, Path]:
        if place not in listings:
            found = sorted(place.iterdir()) if place.is_dir() else []
            listings[place] = {path.name.upper(): path for path in found}
        return listings[place]

    def find(name: str) -> tuple[str, Path] | None:
        *outer, member = name.upper().split("/")
        place = folder
        for part in outer:
            inner = listing(place).get(part)
            place = inner if inner is not None and inner.is_dir() else place
        names = (member, *(member + suffix for suffix in _SUFFIXES))
        files = (listing(place).get(each) for each in names)
        file = next((each for each in files if each is not None and each.is_file()), None)
        return None if file is None else (text_of(file), file)

    return find


def text_of(file: Path) -> str:
    """Return the text of a copybook file: UTF-8, or Latin-1, which only comments and literals tell apart.

    Raises:
        ConfigurationError: it cannot be read, or is no text of this machine.
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
    if content.count(_EBCDIC_SPACE) > 4 * content.count(b" ") + 8:
        raise ConfigurationError(
            Problem(
                message="the copybook is in EBCDIC",
                location=Location(file=file),
                remedy="transfer it as text, not as binary",
            )
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
