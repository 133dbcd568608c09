"""Copybooks that are made up: fields of every PICTURE and USAGE with literals to move to them, groups, tables, records.

What GnuCOBOL 3.1, which is to compile them, does not do as IBM is left out, each with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

WIDTH = 38  # characters of text and digits of numbers, at most


@dataclass(frozen=True, kw_only=True)
class Item:
    """An entry of a made-up copybook."""

    name: str
    clauses: str = ""
    kind: str = "group"  # text, edited, number, float
    plain: bool = False  # shown with 18 digits before and behind the point, however DISPLAY would show it
    characters: bool = False  # which a program for a mainframe has in EBCDIC
    literals: tuple[str, ...] = ()  # that may be moved to it
    children: tuple[Item, ...] = ()
    occurs: int = 1
    counter: str | None = None  # the field that tells how often it occurs
    redefines: str | None = None

    def lines(self, level: int = 5) -> Iterator[str]:
        """Yield the lines of the copybook."""
        occurs = "" if self.occurs == 1 else f" OCCURS {self.occurs}"
        if self.counter:
            occurs = f" OCCURS 0 TO {self.occurs} DEPENDING ON {self.counter}"
        redefines = f" REDEFINES {self.redefines}" if self.redefines else ""
        yield f"{level:02} {self.name}{redefines}{occurs}{' ' if self.clauses else ''}{self.clauses}."
        for child in self.children:
            yield from child.lines(level + 5)

    @property
    def behind_slack(self) -> tuple[str, ...]:
        """Names of the last entries of a table whose elements may end with slack bytes."""
        if self.occurs == 1 or not any("SYNC" in child.clauses for child in self.children):
            return ()
        last = self.children[-1].redefines or self.children[-1].name
        return tuple(child.name for child in self.children if last in (child.name, child.redefines))

    def walk(self) -> Iterator[Item]:
        """Yield this entry and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


Index = tuple[int, ...]  # from 1, one for each table around


@dataclass(frozen=True, kw_only=True)
class Row:
    """A record: what is moved to each field, and how many elements the tables have."""

    literals: Mapping[tuple[str, Index], str]
    counts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Record:
    """A made-up copybook and records for it."""

    name: str
    items: tuple[Item, ...]
    rows: tuple[Row, ...] = ()
    variable: bool = False

    @property
    def copybook(self) -> str:
        """The text of the copybook."""
        lines = [f"01 {self.name}.", *(line for item in self.items for line in item.lines())]
        return sentences(*lines)

    def fields(self, counts: Mapping[str, int]) -> Iterator[tuple[Item, Index]]:
        """Yield the fields of a record as often as they occur in it."""
        yield from _fields(self.items, counts, ())

    def everything(self) -> Iterator[tuple[Item, Index]]:
        """Yield groups and fields as often as they occur."""
        yield from _everything(self.items, ())


def _everything(items: Sequence[Item], index: Index) -> Iterator[tuple[Item, Index]]:
    for item in items:
        for inner in [(*index, number + 1) for number in range(item.occurs)] if item.occurs > 1 else [index]:
            yield item, inner
            yield from _everything(item.children, inner)


def _fields(items: Sequence[Item], counts: Mapping[str, int], index: Index) -> Iterator[tuple[Item, Index]]:
    for item in items:
        if item.name == "FILLER":
            continue
        is_table = item.occurs > 1 or item.counter is not None
        elements = counts[item.counter] if item.counter else item.occurs
        for number in range(1, elements + 1):
            inner = (*index, number) if is_table else index
            if item.children:
                yield from _fields(item.children, counts, inner)
            else:
                yield item, inner


def sentences(*lines: str) -> str:
    """Return lines of a program or copybook in fixed format; what does not fit a line goes on in the next."""
    return "".join(f"       {piece}\n" for line in lines for piece in _pieces(line))


def _pieces(line: str) -> Iterator[str]:
    """Split a line between words and literals, so that each piece has a place in columns 8 to 72."""
    margin = " " * (len(line) - len(line.lstrip()))
    piece = ""
    for word in re.findall(r'"[^"]*"\S*|\S+', line):
        if piece and len(piece) + len(word) > 64:
            yield piece
            piece = ""
        piece = f"{piece} {word}" if piece else margin + word
    yield piece


def quoted(text: str) -> str:
    """Return text as a literal; it may hold no quotation mark."""
    return f'"{text}"'


# Fields and records that are made up


def literals_of(random: Random, digits: int, scale: int, *, signed: bool) -> tuple[str, ...]:
    """Return numbers of so many digits as literals: the largest, zero, and some in between."""
    largest = 10**digits - 1
    numbers = [largest, 0, 1, random.randint(0, largest), random.randint(0, 10 ** random.randint(1, digits) - 1)]
    if signed:
        numbers += [-number for number in numbers if number]
    return tuple(literal(number, scale) for number in numbers)


def literal(number: int, scale: int) -> str:
    """Return a number, counted in its last digit, as a literal."""
    if number == 0:
        return "0"
    sign, digits = "-" if number < 0 else "", str(abs(number))
    if scale <= 0:
        return sign + digits + "0" * -scale
    digits = digits.zfill(scale)
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"


def digits_of(random: Random, most: int) -> tuple[int, int, str]:
    """Return how many digits a number has, how many of them behind the point, and its picture without a sign."""
    digits = random.randint(1, most)
    scale = random.choice([0, 0, random.randint(0, digits)])
    whole = f"9({digits - scale})" if digits > scale else ""
    return digits, scale, whole + (f"V9({scale})" if scale else "")


def display_number(random: Random, name: str) -> Item:
    """Return a zoned number: unsigned, or with its sign in one of four places."""
    digits, scale, picture = digits_of(random, WIDTH)
    sign = random.choice([None, "", "SIGN LEADING", "SIGN IS TRAILING SEPARATE", "LEADING SEPARATE CHARACTER"])
    clauses = f"PIC {picture}" if sign is None else f"PIC S{picture} {sign}"
    if sign is None and random.random() < 0.3 and not scale:  # GnuCOBOL 3.1 gives V a byte then
        clauses += " BLANK WHEN ZERO"
    return Item(
        name=name,
        clauses=clauses,
        kind="number",
        characters=True,
        literals=literals_of(random, digits, scale, signed=sign is not None),
    )


def scaled_number(random: Random, name: str) -> Item:
    """Return a number with digits that are not stored.

    GnuCOBOL 3.1 does not shift packed ones, and never ends a MOVE of zero.
    """
    digits, zeros, signed = random.randint(1, 9), random.randint(1, 4), random.random() < 0.5
    behind = random.random() < 0.5
    picture = f"9({digits}){'P' * zeros}" if behind else f"V{'P' * zeros}9({digits})"
    usage = random.choice(["", "", "COMP"])
    literals = literals_of(random, digits, -zeros if behind else digits + zeros, signed=signed)
    return Item(
        name=name,
        clauses=f"PIC {'S' if signed else ''}{picture} {usage}".rstrip(),
        kind="number",
        plain=True,  # DISPLAY does not mind the P of a picture, MOVE does
        characters=not usage,
        literals=tuple(literal for literal in literals if literal != "0"),
    )


def binary_number(random: Random, name: str) -> Item:
    """Return a binary number; COMP-5 with all that its bytes can hold."""
    usage = random.choice(["COMP", "BINARY", "COMP-4", "COMPUTATIONAL", "COMP-5"])
    digits, scale, picture = digits_of(random, 18)
    if usage == "COMP-5" and digits < 3:  # of which GnuCOBOL makes one byte, as Micro Focus does
        digits, scale, picture = 3, 1, "9(2)V9"
    signed = random.random() < 0.6
    literals = literals_of(random, digits, scale, signed=signed)
    if usage == "COMP-5":
        bits = 8 * (2 if digits <= 4 else 4 if digits <= 9 else 8)
        limits = [-(1 << bits - 1), (1 << bits - 1) - 1] if signed else [(1 << bits) - 1]
        literals += tuple(literal(number, scale) for number in limits)
    return Item(
        name=name,
        clauses=f"PIC {'S' if signed else ''}{picture} {usage}",
        kind="number",
        plain=usage == "COMP-5" and scale > 0,  # DISPLAY forgets its point
        literals=literals,
    )


def byte_number(random: Random, name: str) -> Item:
    """Return a number of any count of bytes, given by its digits or by its bytes; the compiler is to take BYTES."""
    count = random.randint(1, 8)
    if random.random() < 0.5:
        picture, digits = f"X({count})", min(18, len(str(256**count)) - 1)  # DISPLAY shows no more
    else:
        digits = random.randint(1, 18)
        picture = f"9({digits})"
    literals = literals_of(random, digits, 0, signed=False)
    return Item(name=name, clauses=f"PIC {picture} COMP-X", kind="number", literals=literals)


def packed_number(random: Random, name: str) -> Item:
    """Return a packed number, with or without a half byte for its sign."""
    usage = random.choice(["COMP-3", "PACKED-DECIMAL", "COMPUTATIONAL-3", "COMP-6"])
    digits, scale, picture = digits_of(random, WIDTH)
    signed = usage != "COMP-6" and random.random() < 0.7
    return Item(
        name=name,
        clauses=f"PIC {'S' if signed else ''}{picture} {usage}",
        kind="number",
        literals=literals_of(random, digits, scale, signed=signed),
    )


def float_number(random: Random, name: str) -> Item:
    """Return a number in floating point."""
    usage = random.choice(["COMP-1", "COMP-2", "COMPUTATIONAL-2"])
    numbers = [0, 1, -1, random.randint(-(10**6), 10**6), random.randint(-(10**6), 10**6)]
    return Item(
        name=name,
        clauses=usage,
        kind="float",
        literals=tuple(literal(number, random.randint(0, 9)) for number in numbers),
    )


EDITED = (
    "ZZ,ZZ9.99-", "-(7)9.99", "+(5)9", "$$,$$9.99CR", "ZZZ9DB", "*(6)9.99", "99/99/9999", "9(3)B9(3)", "ZZZ.ZZ", "$ZZ9",
    "0099", "++,++9",
)  # fmt: skip
POINTED = ("9(3).99", "+9(5)", "9(4).9-", "-9(3)", "+9(3).9(4)", "9(7)+")  # numbers to us, edited to a compiler


def edited_number(random: Random, name: str) -> Item:
    """Return a number with a picture that says how it is printed."""
    kind = random.choice(["edited", "number"])
    picture = random.choice(EDITED if kind == "edited" else POINTED)
    literals = ("0", "1", "-1", "12.34", "-123.45", "999")
    return Item(name=name, clauses=f"PIC {picture}", kind=kind, characters=True, literals=literals)


LETTERS = "".join(sorted(set(map(chr, range(0x20, 0x7F))) - set('"|')))  # GnuCOBOL makes a broken bar of |


def text(random: Random, name: str) -> Item:
    """Return text, flush left or right."""
    width = random.randint(1, WIDTH)
    clauses, letters = random.choice(
        [
            (f"PIC X({width})", LETTERS),
            (f"PIC X({width})", LETTERS),
            (f"PIC X({width}) JUSTIFIED RIGHT", LETTERS),
            (f"PIC A({width})", "ABC xyz"),
        ]
    )
    literals = ["SPACES", *(quoted("".join(random.choices(letters, k=random.randint(1, width)))) for _ in range(5))]
    return Item(name=name, clauses=clauses, kind="text", characters=True, literals=tuple(literals))


Kind = Callable[[Random, str], Item]
"""Makes up a field of this name."""

KINDS: tuple[Kind, ...] = (
    text, display_number, display_number, scaled_number, binary_number, binary_number, packed_number, packed_number,
    float_number, edited_number,
)  # fmt: skip


class Inventor:
    """Makes up copybooks and rows; every name stands once in all of them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self._numbers = 0

    def name(self, letter: str) -> str:
        """Return a new name."""
        self._numbers += 1
        return f"{letter}-{self._numbers}"

    def record(
        self,
        *,
        fields: int = 12,
        kinds: Sequence[Kind] = KINDS,
        depending: bool = False,
        rows: int = 3,
    ) -> Record:
        """Return a record with groups and tables; with tables DEPENDING ON, which are never nested, if asked."""
        items: list[Item] = []
        while sum(1 for item in items for _ in item.walk()) < fields:
            if depending and self.random.random() < 0.4:
                clauses = self.random.choice(COUNTERS)
                characters = "COMP" not in clauses
                counter = Item(name=self.name("N"), clauses=clauses, kind="number", characters=characters)
                items.append(counter)
                most = self.random.randint(1, 5)
                items.append(replace(self._item(kinds, 1), occurs=most, counter=counter.name))
            else:
                items.append(self._item(kinds, 2))
        record = Record(name=self.name("R"), items=tuple(items), variable=depending)
        return replace(record, rows=tuple(self._row(record) for _ in range(rows)))

    def _item(self, kinds: Sequence[Kind], depth: int) -> Item:
        random = self.random
        occurs = random.randint(2, 3) if random.random() < 0.2 else 1
        if depth and random.random() < 0.25:
            children = tuple(self._item(kinds, depth - 1) for _ in range(random.randint(1, 3)))
            return Item(name=self.name("G"), children=children, occurs=occurs)
        if depth == 2 and random.random() < 0.05:
            return Item(name="FILLER", clauses=f"PIC X({random.randint(1, 4)})")
        return replace(random.choice(kinds)(random, self.name("F")), occurs=occurs)

    def structure(self) -> Record:
        """Return a record of groups, tables, redefinitions and slack bytes, to which nothing is moved."""
        return Record(name=self.name("R"), items=self._entries(3, slack=True))

    def _entries(self, depth: int, *, slack: bool) -> tuple[Item, ...]:
        """Return what is below a group; with slack bytes or without.

        Where IBM has slack bytes before a group, GnuCOBOL has them in it: no group begins with what is SYNCHRONIZED.
        In a table with groups GnuCOBOL loses its way: there is none in such tables.
        """
        random, items = self.random, list[Item]()
        for _ in range(random.randint(1, 4)):
            kinds = SYNCHRONIZED if slack and items and random.random() < 0.3 else PLACED
            items.append(self._entry(depth, kinds, slack=slack))
            while random.random() < 0.15 and items[-1].occurs == 1:
                items.append(
                    replace(self._entry(depth, PLACED, slack=slack), redefines=items[-1].redefines or items[-1].name)
                )
        return tuple(items)

    def _entry(self, depth: int, kinds: Sequence[str], *, slack: bool) -> Item:
        random = self.random
        occurs = random.randint(2, 4) if random.random() < 0.25 else 1
        if depth == 0 or random.random() < 0.6:
            return Item(name=self.name("F"), clauses=random.choice(kinds), occurs=occurs)
        if random.random() < 0.25:
            clauses = random.choice(sorted(FOR_ALL_BELOW))
            below = random.choices(FOR_ALL_BELOW[clauses], k=random.randint(1, 3))
            children = tuple(Item(name=self.name("F"), clauses=kind) for kind in below)
            return Item(name=self.name("G"), clauses=clauses, children=children, occurs=occurs)
        if occurs > 1:
            slack = slack and random.random() < 0.5
            depth = 1 if slack else depth
        return Item(name=self.name("G"), children=self._entries(depth - 1, slack=slack), occurs=occurs)

    def _row(self, record: Record) -> Row:
        counts = {
            item.counter: self.random.randint(0, item.occurs)
            for entry in record.items
            for item in entry.walk()
            if item.counter
        }
        literals = {
            (item.name, index): self.random.choice(item.literals)
            for item, index in record.fields(counts)
            if item.literals
        }
        return Row(literals=literals, counts=counts)


COUNTERS = ("PIC 9(2)", "PIC S9(4) COMP", "PIC 9(3) COMP-3")


# Places

PLACED = (
    "PIC X(7)", "PIC A", "PIC N(3)", "PIC XXBXX/XX0",
    "PIC 9(5)", "PIC S9(4)V99", "PIC S9(3) SIGN LEADING SEPARATE", "PIC 9(3)PP", "PIC 9(5).99", "PIC -9(3)",
    "PIC ZZ,ZZ9.99-", "PIC $(5)9.99CR", "PIC Z(5)9DB", "PIC *(3)9.9",
    "PIC 9(7) COMP-3", "PIC S9(8) PACKED-DECIMAL", "PIC S9(18) COMP-3", "PIC 9(5) COMP-6", "PIC 9(4) COMP-6",
    "PIC 9(2) COMP", "PIC S9(4) BINARY", "PIC S9(5) COMP-4", "PIC S9(10)V99 COMP", "PIC 9(9) COMP-5",
    "PIC S9(18) COMP-5", "COMP-1", "COMP-2", "INDEX",
)  # fmt: skip
SYNCHRONIZED = (
    "PIC S9(4) COMP SYNC", "PIC 9(9) BINARY SYNCHRONIZED", "PIC S9(5)V99 COMP-5 SYNC LEFT", "COMP-1 SYNC RIGHT",
    "COMP-2 SYNC", "INDEX SYNC", "PIC X(3) SYNC", "PIC 9(3) COMP-3 SYNC",
)  # fmt: skip
FOR_ALL_BELOW = {
    "USAGE COMP-3": ("PIC 9(5)", "PIC S9(4)V9"),
    "USAGE IS BINARY": ("PIC 9(5)", "PIC S9(4)V9"),
    "COMP-5": ("PIC S9(12)",),
    "SIGN IS LEADING SEPARATE": ("PIC S9(3)", "PIC S9(5)V99", "PIC 9(3)"),
    "USAGE DISPLAY": ("PIC X(3)",),
    "COMP-1": ("",),
}
