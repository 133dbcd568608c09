"""A compiler that knows nothing of this project writes records and prints them: we read what it printed.

GnuCOBOL runs on machines of ASCII and little-endian numbers. A program for a mainframe's file therefore translates
its characters to EBCDIC (of code page 1047) before it writes; COMP-5, COMP-1 and COMP-2 stay as the machine has them.
What GnuCOBOL 3.1 does not do as IBM is not asked of it: tables DEPENDING ON within one another, packed numbers with P
in the picture, national characters (it stores one byte for each and a space), POINTER (8 bytes here), COMP-5 of one
or two digits (one byte), SYNCHRONIZED numbers of more than nine digits (doublewords), slack bytes within tables of
groups, V beside BLANK WHEN ZERO (a byte). ``copybooks`` leaves those out.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random

import copybooks
import gnucobol
import pyarrow as pa
import pytest
from copybooks import Index, Inventor, Item, Record
from gnucobol import Compiler
from servers import NotInstalled

from adapters.mainframe import encoder
from adapters.mainframe.copybook import placing
from adapters.mainframe.copybook.layout import Column, Group, Layout, Table
from adapters.mainframe.encoder import WriteOptions
from adapters.mainframe.options import MainframeOptions
from adapters.mainframe.reader import ReadBatch
from adapters.mainframe.source import Source

AS_WRITTEN = {
    "columns": "nested",
    "code_page": "cp1047",
    "native_endian": "little",
    "floats": "ieee-little",
    "trim": "keep",
}


@pytest.fixture
def compiler(tmp_path: Path) -> Compiler:
    """GnuCOBOL, in a folder of the test's own."""
    try:
        return Compiler(tmp_path)
    except NotInstalled as error:
        pytest.skip(str(error))


def options_of(record: Record, options: Mapping[str, object]) -> MainframeOptions:
    """Return the options that read a record's file."""
    files = {"path": f"{record.name}.dat", "copybook": f"{record.name}.cpy"}
    return MainframeOptions.model_validate({**files, **AS_WRITTEN, **options})


def read(folder: Path, record: Record, **options: object) -> tuple[Layout, pa.Table]:
    """Return the rows of a record's file as the adapter reads it; fails if a value cannot be read."""
    given = options_of(record, options)
    source = Source(given, folder)
    batches = list(source.read([folder / given.path]))
    assert [batch.unreadable for batch in batches if batch.unreadable] == []
    return source.layout, pa.Table.from_batches([batch.rows for batch in batches], source.schema)


def values(row: Mapping[str, object], items: Sequence[Item]) -> Iterator[tuple[str, Index, object]]:
    """Yield what is in the fields of a row, in the order of the copybook."""

    def visit(item: Item, value: object, index: Index) -> Iterator[tuple[str, Index, object]]:
        if isinstance(value, list):
            for number, element in enumerate(value, 1):
                yield from visit(item, element, (*index, number))
        elif item.children:
            for child in item.children:
                if child.name != "FILLER":
                    yield from visit(child, value[child.name], index)
        else:
            yield item.name, index, value

    for item in items:
        if item.name != "FILLER":
            yield from visit(item, row[item.name], ())


def meant(item: Item, printed: str) -> object:
    """Return the value that a printed line stands for."""
    if item.kind in ("text", "edited"):
        return printed
    text = printed.strip()
    if not text:
        return None
    if item.kind == "float":
        return pytest.approx(float(text), rel=1e-6 if item.clauses == "COMP-1" else 1e-14)
    return Decimal(text[-1] + text[:-1] if text[-1] in "+-" else text)


def witnessed(records: Sequence[Record], printed: list[str]) -> dict[str, list[list[tuple[str, Index, object]]]]:
    """Return what a program said of the rows of its records."""
    lines = iter(printed)
    said = {
        record.name: [
            [(item.name, index, meant(item, next(lines))) for item, index in record.fields(row.counts)]
            for row in record.rows
        ]
        for record in records
    }
    assert list(lines) == []
    return said


def differences(
    record: Record, said: list[list[tuple[str, Index, object]]], rows: list[dict[str, object]]
) -> list[str]:
    """Tell what was read otherwise than it was printed."""
    found = [list(values(row, record.items)) for row in rows]
    assert [[place[:2] for place in row] for row in found] == [[place[:2] for place in row] for row in said]
    clauses = {item.name: item.clauses for entry in record.items for item in entry.walk()}
    return [
        f"{record.name} row {number}: {name}{index or ''} {clauses[name]}: printed {right!r}, read {value!r}"
        for number, pairs in enumerate(zip(said, found, strict=True))
        for (name, index, right), (_, _, value) in zip(*pairs, strict=True)
        if right != value
    ]


def save_copybooks(folder: Path, records: Sequence[Record]) -> None:
    for record in records:
        (folder / f"{record.name}.cpy").write_text(record.copybook)


@pytest.mark.parametrize("seed", range(4))
def test_what_a_program_writes_is_read_and_what_we_write_it_reads(compiler, seed):
    inventor = Inventor(seed)
    there_and_back(compiler, [inventor.record() for _ in range(12)])


def test_numbers_of_any_count_of_bytes(compiler):
    inventor = Inventor(4)
    kinds = (copybooks.byte_number, copybooks.packed_number)
    there_and_back(compiler, [inventor.record(kinds=kinds) for _ in range(6)], *gnucobol.BYTES)


@pytest.mark.parametrize("sign", ["ASCII", "EBCDIC"])
def test_files_of_ascii(compiler, sign):
    """GnuCOBOL's own way is a minus in p to y; -fsign=EBCDIC makes it } and J to R, as translation does."""
    inventor = Inventor(5)
    records = [inventor.record() for _ in range(8)]
    flags = (*gnucobol.IBM, f"-fsign={sign}")
    there_and_back(
        compiler, records, *flags, ebcdic=False, encoding="ascii", code_page="us-ascii", back=sign == "EBCDIC"
    )


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("0", {}),  # two bytes of length, two of zero
        ("2", {"rdw_endian": "little"}),  # four bytes of length, little-endian
    ],
)
def test_variable_records_with_tables_depending_on(compiler, form, options):
    inventor = Inventor(int(form))
    records = [inventor.record(depending=True, rows=4) for _ in range(8)]
    there_and_back(compiler, records, COB_VARSEQ_FORMAT=form, record_format="V", rdw_includes_itself=False, **options)


@pytest.mark.parametrize(
    ("form", "options", "prefix"),
    [
        ("1", {"record_format": "V", "rdw_includes_itself": False}, ""),  # four bytes of length, big-endian
        ("3", {"record_format": "length-field", "length_field": "PREFIX + 2"}, "    05 PREFIX PIC 9(4) COMP."),
        ("3", {"record_format": "counted"}, "    05 PREFIX PIC 9(4) COMP."),  # the tables tell how long a record is
    ],
)
def test_variable_records_behind_other_lengths(compiler, form, options, prefix):
    inventor = Inventor(7)
    records = [inventor.record(depending=True, rows=4) for _ in range(6)]
    said = witnessed(records, write(compiler, records, COB_VARSEQ_FORMAT=form))
    for record in records:
        head, _, rest = record.copybook.partition(".\n")
        (compiler.folder / f"{record.name}.cpy").write_text(f"{head}.\n       {prefix}\n{rest}")
        _, rows = read(compiler.folder, record, **options)
        assert differences(record, said[record.name], rows.to_pylist()) == []


@pytest.mark.parametrize("fixed", ["TRUE", "FALSE"])
def test_lines(compiler, fixed):
    """Without COB_LS_FIXED a program leaves out the spaces at the end of a line.

    That makes an incomplete number, which is null, of one that ends with a space for plus (PIC 9(4)-): not asked then.
    """
    inventor = Inventor(8)
    kinds = (copybooks.text, copybooks.display_number)
    kinds += (copybooks.edited_number,) if fixed == "TRUE" else ()
    records = [inventor.record(kinds=kinds, rows=5) for _ in range(6)]
    said = witnessed(
        records, write(compiler, records, ebcdic=False, organization="LINE SEQUENTIAL", COB_LS_FIXED=fixed)
    )
    for record in records:
        _, rows = read(
            compiler.folder, record, record_format="text", encoding="ascii", code_page="us-ascii", trim="right"
        )
        trimmed = [[(*place, trimmed_right(value)) for *place, value in row] for row in said[record.name]]
        assert differences(record, trimmed, rows.to_pylist()) == []


def trimmed_right(value: object) -> object:
    return value.rstrip(" ") or None if isinstance(value, str) else value


def test_tables_at_their_full_length(compiler):
    """Without -fodoslide a table takes the room of its maximum, whatever it holds."""
    inventor = Inventor(9)
    records = [inventor.record(depending=True, rows=4) for _ in range(6)]
    flags = [flag for flag in gnucobol.IBM if flag != "-fodoslide"]
    said = witnessed(records, write(compiler, records, *flags))
    for record in records:
        _, rows = read(compiler.folder, record, record_format="V", rdw_includes_itself=False, shift_after_tables=False)
        assert differences(record, said[record.name], rows.to_pylist()) == []


def write(
    compiler: Compiler,
    records: Sequence[Record],
    *flags: str,
    ebcdic: bool = True,
    organization: str = "SEQUENTIAL",
    **variables: str,
) -> list[str]:
    """Let a program write records; return what it prints of them."""
    save_copybooks(compiler.folder, records)
    statements = [line for record in records for line in gnucobol.writing(record, ebcdic=ebcdic)]
    source = gnucobol.program(records, statements, organization=organization)
    return compiler.run("WRITES", source, *flags, **variables)


def there_and_back(
    compiler: Compiler,
    records: Sequence[Record],
    *flags: str,
    ebcdic: bool = True,
    back: bool = True,
    COB_VARSEQ_FORMAT: str = "0",
    **options: object,
) -> None:
    """Let a program write and print records and read them; write what was read, and let a program print that."""
    variables = {"COB_VARSEQ_FORMAT": COB_VARSEQ_FORMAT}
    printed = write(compiler, records, *flags, ebcdic=ebcdic, **variables)
    said = witnessed(records, printed)
    for record in records:
        layout, rows = read(compiler.folder, record, **options)
        assert differences(record, said[record.name], rows.to_pylist()) == []
        how = WriteOptions.of(options_of(record, options))
        encoder.write(compiler.folder / f"{record.name}.dat", layout, rows, how)
    if back:
        statements = [line for record in records for line in gnucobol.reading(record, ebcdic=ebcdic)]
        assert compiler.run("READS", gnucobol.program(records, statements), *flags, **variables) == printed


@pytest.mark.parametrize("trim", ["both", "right", "none"])
def test_kinds_of_records_views_of_their_bytes_and_names_of_values(compiler, trim):
    """Three level 01 in one file, REDEFINES, 66 RENAMES, 88 and DEPENDING ON, in a program written by hand."""
    for source in COBOL.iterdir():
        shutil.copy(source, compiler.folder)
    printed = compiler.run("ORDERS", (COBOL / "ORDERS.cob").read_text())
    source = Source(ORDERS.model_copy(update={"trim": trim}), compiler.folder)
    batches = list(source.read([compiler.folder / "ORDERS.dat"]))
    assert [batch.unreadable for batch in batches] == [()]
    rows = batches[0].rows.to_pylist()
    said = list(said_of_orders(printed))
    assert len(rows) == len(said) == 41
    for row, record in zip(rows, said, strict=True):
        found = {name: value for name, value in row.items() if value is not None}
        if "ORDER-NUMBER" not in record:
            found.pop("colour", None)  # of another kind of record; blank is what NO-COLOUR is the name for
        assert [name for name in found.keys() ^ record.keys() if record.get(name) != ""] == []
        assert {name: (value, record[name]) for name, value in found.items() if not same(value, record[name])} == {}


def same(value: object, printed: object) -> bool:
    if isinstance(value, list) and isinstance(printed, list):
        return len(value) == len(printed) and all(map(same, value, printed))
    if isinstance(value, str | None):
        return (value or "").strip() == printed
    return value == Decimal(str(printed))


COBOL = Path(__file__).parent / "cobol"
ORDERS = MainframeOptions.model_validate(
    {
        "path": "ORDERS.dat",
        "copybook": "ORDERS.cpy",
        "record_format": "V",
        "rdw_includes_itself": False,
        "code_page": "cp1047",
        "segments": {
            "field": "KIND",
            "groups": {"ORDER-HEADER": ["H"], "ORDER-LINE": ["L"], "ORDER-NOTE": ["N"]},
        },
        "add": {
            "record_length": "BYTES",
            "conditions": {"PROGRESS": "progress", "COLOUR": "colour", "AMOUNT": "amount"},
        },
    }
)


def said_of_orders(printed: Sequence[str]) -> Iterator[dict[str, object]]:
    """Yield what a program printed of each record, as ``NAME=value``; a name that comes again is of a table."""
    for record in "\n".join(printed).split("RECORD\n")[1:]:
        fields: dict[str, list[str]] = {}
        for line in record.splitlines():
            name, _, value = line.partition("=")
            fields.setdefault(name, []).append(value.strip())
        if fields["KIND"] != ["H"]:
            del fields["KIND"]  # the field is one of the header
        yield {name: values if name in ("PRICE-DIGIT", "LETTER") else values[0] for name, values in fields.items()}


@pytest.mark.parametrize("seed", range(4))
def test_everything_is_where_a_program_has_it(compiler, seed):
    inventor = Inventor(seed)
    records = [inventor.structure() for _ in range(100)]
    save_copybooks(compiler.folder, records)
    statements = [line for record in records for line in gnucobol.measuring(record)]
    source = gnucobol.measured(records, statements)
    lines = iter(compiler.run("measures", source, *gnucobol.IBM, "-flarger-redefines-ok"))
    for record in records:
        layout = placing.load([compiler.folder / f"{record.name}.cpy"], shape="nested")
        # Slack bytes at the end of an element: GnuCOBOL has them before its last field and what redefines that
        shifted = {name for entry in record.items for item in entry.walk() for name in item.behind_slack}
        different = [
            (name, index, f"told {told}, placed {ours}")
            for name, index, told, ours in told_and_placed(record, layout, lines)
            if told != ours and not (name in shifted and told[1] == ours[1])
        ]
        assert different == [], record.copybook
        assert layout.length == int(next(lines)), record.copybook


def test_copybooks_within_copybooks(compiler):
    """COPY REPLACING, columns, comments, continued literals, debugging lines, entries that share a line."""
    for copybook in COBOL.glob("*.cpy"):
        shutil.copy(copybook, compiler.folder)
    (compiler.folder / "CUST-RECORD.cpy").write_text('       COPY "CUSTOMER.cpy".\n')
    record = Record(
        name="CUST-RECORD",
        items=(
            Item(name="CUST-NAME"),
            Item(name="CUST-NUMBERS", occurs=3, children=(Item(name="NEW-CODE"), Item(name="CUST-SUM"))),
            Item(name="ADR-LINES", children=tuple(Item(name=f"ADR-{name}") for name in ADDRESS)),
            Item(name="LAST-FIELD"),
        ),
    )
    lines = iter(compiler.run("COPIES", gnucobol.measured([record], gnucobol.measuring(record))))
    layout = placing.load([compiler.folder / "CUSTOMER.cpy"], shape="nested")
    both = told_and_placed(record, layout, lines)
    assert [(name, index, told) for name, index, told, _ in both] == [
        (name, index, ours) for name, index, _, ours in both
    ]
    assert layout.length == int(next(lines))


ADDRESS = ("STREET", "NUMBER", "EXTRA", "CITY")


def told_and_placed(
    record: Record, layout: Layout, lines: Iterator[str]
) -> list[tuple[str, Index, tuple[int, int], tuple[int, int]]]:
    """Return offset and length of everything in a record, as a program told them and as the layout has them."""
    ours = {name: place for column in layout.roots[0].columns for name, place in placed(column, 0, ())}
    return [
        (item.name, index, offset_and_length(next(lines)), ours[item.name, index])
        for item, index in record.everything()
        if item.name != "FILLER"
    ]


def offset_and_length(line: str) -> tuple[int, int]:
    offset, length = line.split()
    return int(offset), int(length)


def placed(column: Column, start: int, index: Index) -> Iterator[tuple[tuple[str, Index], tuple[int, int]]]:
    """Yield offset and length of everything in a column, by name and index."""
    at = start + column.place.offset
    if isinstance(column, Table):
        for number in range(column.most):
            yield from placed(column.element, at + number * column.length, (*index, number + 1))
        return
    yield (column.name, index), (at, column.length)
    if isinstance(column, Group):
        for below in column.columns:
            yield from placed(below, start, index)


_HALVES = "0123456789" * 3 + "abcdef"  # of a byte; mostly digits, so that whole numbers come about
_ZONED = "0123456789" * 2 + " -+\0@"
_SIGNED = _ZONED + "{ABCDEFGHI}JKLMNOPQR"

CLASSES = {  # clauses, of what the bytes are made, of what the last sign is made
    "PACKED-SIGNED": ("PIC S9(3) COMP-3", _HALVES, "cdf0159"),
    "PACKED": ("PIC 9(5) COMP-3", _HALVES, "fffd0"),
    "PACKED-NO-SIGN": ("PIC 9(4) COMP-6", _HALVES, _HALVES),
    "ZONED": ("PIC 9(2)", _ZONED, _ZONED),
    "SIGN-BEHIND": ("PIC S9(2)", _ZONED, _SIGNED),
    "SIGN-BEFORE": ("PIC S9(2) SIGN LEADING", _SIGNED, _ZONED),
    "SEPARATE-BEHIND": ("PIC S9(2) SIGN TRAILING SEPARATE", _ZONED, "+- 0"),
    "SEPARATE-BEFORE": ("PIC S9(2) SIGN LEADING SEPARATE", "+-0123456789 ", _ZONED),
}


def test_what_is_numeric(compiler):
    """Any bytes are a number for us where a program finds IS NUMERIC, and else null.

    GnuCOBOL takes preferred signs only. Of the others (A, B, E; a plus on an unsigned number), which IBM's machines
    take, there are none here.
    """
    random, count = Random(1), 500
    record = Record(name="CLASSES", items=tuple(Item(name=name, clauses=kind[0]) for name, kind in CLASSES.items()))
    save_copybooks(compiler.folder, [record])
    layout = placing.load([compiler.folder / "CLASSES.cpy"], shape="nested")
    blanks = [byte * layout.length for byte in (b" ", b"\0", b"\xff")]
    fields = layout.roots[0].columns
    content = [some_bytes(random, field.length, *CLASSES[field.name][1:]) for _ in range(count) for field in fields]
    statements = [
        "    OPEN INPUT F-CLASSES.",
        f"    PERFORM TELL {count + len(blanks)} TIMES.",
        "    STOP RUN.",
        "TELL.",
        '    READ F-CLASSES AT END DISPLAY "no record".',
        *(f'    IF {name} IS NUMERIC DISPLAY {name} ELSE DISPLAY " ".' for name in CLASSES),
        "THE-END.",
    ]
    (compiler.folder / "CLASSES.dat").write_bytes(b"".join([*blanks, *content]))
    lines = compiler.run("TELLS", gnucobol.program([record], statements))
    numbers = [meant(record.items[0], line) for line in lines]
    said = [dict(zip(CLASSES, row, strict=True)) for row in batched(numbers, len(CLASSES))]
    batch = only_batch(compiler.folder, record)
    assert batch.rows.to_pylist() == said
    nulls = {name: sum(row[name] is None for row in said) for name in CLASSES}
    assert all(20 < number < count - 20 for number in nulls.values()), nulls
    assert {item.path for item in batch.unreadable} == CLASSES.keys()
    # Spaces, low-values and high-values: nothing was filled in, and nothing is wrong
    (compiler.folder / "CLASSES.dat").write_bytes(b"".join(blanks))
    batch = only_batch(compiler.folder, record)
    assert (batch.rows.to_pylist(), batch.unreadable) == (said[: len(blanks)], ())


def only_batch(folder: Path, record: Record) -> ReadBatch:
    options = options_of(record, {"encoding": "ascii", "code_page": "us-ascii"})
    (batch,) = Source(options, folder).read([folder / options.path])
    return batch


def batched(values: Sequence[object], size: int) -> Iterator[Sequence[object]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def some_bytes(random: Random, length: int, letters: str, sign: str) -> bytes:
    """Return bytes made of characters, or of half bytes where those are hexadecimal digits; the last is a sign."""
    if letters is _HALVES:
        return bytes.fromhex("".join([*random.choices(letters, k=2 * length - 1), random.choice(sign)]))
    return "".join([*random.choices(letters, k=length - 1), random.choice(sign)]).encode()
