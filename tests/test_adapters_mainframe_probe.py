"""A probe names the record format, code page and fit of files that it has never seen, and says why."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mainframe_files import layout_of_text

from adapters.mainframe import codepages
from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.encoder import WriteOptions, encode
from adapters.mainframe.probe import Probed, dump_of, fields_of, probe
from adapters.mainframe.probe.framings import framings
from adapters.mainframe.probe.pages import code_pages
from adapters.mainframe.probe.sample import Sample
from foundation.errors import VoegError

COPYBOOK = """\
       01  CUSTOMER.
           05  ID          PIC 9(8).
           05  FAMILY      PIC X(24).
           05  GIVEN       PIC X(16).
           05  BORN        PIC 9(8) COMP-3.
           05  BALANCE     PIC S9(7)V99 COMP-3.
           05  STATUS      PIC S9(4) COMP.
           05  PHONES      PIC 9.
           05  PHONE       PIC X(12) OCCURS 0 TO 3 DEPENDING ON PHONES.
"""
FIXED = COPYBOOK.replace("OCCURS 0 TO 3 DEPENDING ON PHONES", "OCCURS 3")
FAMILIES = ("Bakker", "Visser", "Smit", "Meijer", "Mulder", "Bos", "Vos", "Peters", "Hendriks", "Dekker")


def layout(text: str = COPYBOOK, **profile: str) -> Layout:
    return layout_of_text(text, **profile)


def customers(count: int, phones: int | None = None) -> pa.Table:
    numbers = range(count)
    held = [phones if phones is not None else n * 7 % 4 for n in numbers]
    return pa.table(
        {
            "ID": pa.array([10_000 + n * 37 for n in numbers], pa.int32()),
            "FAMILY": [FAMILIES[n * 3 % len(FAMILIES)] for n in numbers],
            "GIVEN": [FAMILIES[n * 7 % len(FAMILIES)][::-1].title() for n in numbers],
            "BORN": pa.array([int(f"{date(1940, 1, 1) + timedelta(days=n * 97 % 20000):%Y%m%d}") for n in numbers]),
            "BALANCE": [Decimal(n * 1237 % 99_999) / 100 for n in numbers],
            "STATUS": pa.array([n % 5 for n in numbers], pa.int16()),
            "PHONES": pa.array(held, pa.int8()),
            "PHONE": [[f"06{n:04d}{i:04d}" for i in range(some)] for n, some in zip(numbers, held, strict=True)],
        }
    )


def probed(folder: Path, content: bytes, known: Layout | None = None, **given: object) -> Probed:
    file = folder / "customers.dat"
    file.write_bytes(content)
    return probe(file, known, given)


DESCRIBED = [
    WriteOptions(record_format=kind, rdw_endian=endian, rdw_includes_itself=itself, bdw_endian=endian)
    for kind in ("V", "VB", "VBS")
    for endian in ("big", "little")
    for itself in (True, False)
    if not (kind == "VBS" and not (itself and endian == "big"))
]


@pytest.mark.parametrize(
    "options", DESCRIBED, ids=lambda o: f"{o.record_format}-{o.rdw_endian}-{o.rdw_includes_itself}"
)
@pytest.mark.parametrize("with_copybook", [True, False])
def test_descriptors_are_named_as_they_are(tmp_path: Path, options: WriteOptions, with_copybook: bool) -> None:
    known = layout()
    if options.record_format == "VBS":
        options = replace(options, block_length=70)
    found = probed(tmp_path, encode(known, customers(300), options), known if with_copybook else None)
    best = found.framings[0].options
    assert best["record_format"] == options.record_format, [(dict(g.options), g.score) for g in found.framings]
    assert (best["rdw_endian"], best["rdw_includes_itself"]) == (options.rdw_endian, options.rdw_includes_itself)
    assert found.records is not None
    assert len(found.records) == 300
    assert found.broken is None
    if with_copybook:
        assert found.fit is not None
        assert found.fit.share == 1
        assert found.fit.stops is None


def test_a_fixed_length_is_found_with_and_without_the_copybook(tmp_path: Path) -> None:
    known = layout(FIXED)
    content = encode(known, customers(500, phones=3))
    assert probed(tmp_path, content).options["record_length"] == known.length
    found = probed(tmp_path, content, known)
    assert dict(found.framings[0].options) == {"record_format": "F"}
    assert found.fit is not None and found.fit.share == 1
    assert found.options == {"encoding": "ebcdic", "record_format": "F", "code_page": "cp037"}


@pytest.mark.parametrize("with_copybook", [True, False])
def test_of_a_large_file_the_start_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_copybook: bool
) -> None:
    monkeypatch.setattr("adapters.mainframe.probe.probing.SAMPLE_BYTES", 20_000)
    known = layout(FIXED)
    content = encode(known, customers(1_000, phones=3))
    found = probed(tmp_path, content, known if with_copybook else None)
    assert not found.complete
    assert found.options.get("record_length", known.length) == known.length
    assert found.framings[0].options["record_format"] == "F"


def test_lines_of_text_are_told_from_records(tmp_path: Path) -> None:
    lines = "".join(f"{n:08d}{FAMILIES[n % 10]:<24}\r\n" for n in range(200)).encode("ascii")
    found = probed(tmp_path, lines)
    assert found.options == {"encoding": "ascii", "record_format": "text"}
    assert "CR LF" in found.framings[0].reasons[0]


def test_a_compressed_file_is_looked_at_unpacked(tmp_path: Path) -> None:
    known = layout()
    found = probed(tmp_path, gzip.compress(encode(known, customers(100), WriteOptions(record_format="V"))), known)
    assert (found.compression, found.options["record_format"]) == ("gzip", "V")


def test_what_is_known_is_not_guessed(tmp_path: Path) -> None:
    known = layout(FIXED)
    header = b"\x00" * 13
    content = header + encode(known, customers(100, phones=3))
    found = probed(tmp_path, content, known, record_format="F", skip_start=13)
    assert found.framings[0].reasons == ("given",)
    assert found.fit is not None and found.fit.share == 1


@pytest.mark.parametrize(("missing", "moved"), [("", 0), ("           05  NEW         PIC X(5).\n", 5)])
def test_a_field_that_the_copybook_lacks_is_missed_at_its_place(tmp_path: Path, missing: str, moved: int) -> None:
    written = layout(FIXED.replace("           05  BORN", f"{missing}           05  BORN"))
    table = customers(200, phones=3)
    if missing:
        table = table.append_column("NEW", pa.array(["ABCDE"] * 200))
    found = probed(tmp_path, encode(written, table), layout(FIXED), record_length=written.length, record_format="F")
    assert found.fit is not None
    if moved:
        assert found.fit.stops is not None
        assert (found.fit.stops.path, found.fit.stops.offset, found.fit.moved) == ("BORN", 48, moved)
    else:
        assert found.fit.stops is None


def test_what_tells_kinds_of_records_apart(tmp_path: Path) -> None:
    kinds = """\
       01  RECORD.
           05  KIND   PIC X.
           05  ONE.
               10  A  PIC X(9).
           05  TWO REDEFINES ONE.
               10  B  PIC X(4).
"""
    known = layout(kinds)
    whole = [b"\xc1" + b"\xc1\xc2\xc3" * 3, b"\xd7" + b"\xf1\xf2\xf3\xf4"]
    records = [whole[n % 3 == 0] for n in range(90)]
    content = b"".join((len(record) + 4).to_bytes(2, "big") + b"\0\0" + record for record in records)
    found = probed(tmp_path, content, known).discriminator
    assert found is not None
    assert (found.offset, found.length) == (0, 1)
    assert [(kind.value, kind.records, kind.shortest) for kind in found.kinds] == [("C1", 60, 10), ("D7", 30, 5)]


NAMES: Mapping[str, tuple[str, ...]] = {
    "cp273": ("Müller", "Schröder", "Straße", "Jäger", "Weiß"),
    "cp277": ("Sørensen", "Kjær", "Århus", "Bjørn"),
    "cp278": ("Sjögren", "Åkesson", "Lindén", "Björk", "Öberg"),
    "cp284": ("Muñoz", "Peña", "Ibáñez", "Martínez"),
    "cp297": ("Lefèvre", "François", "Hélène", "Benoît"),
    "cp870": ("Wiśniewski", "Kovács", "Dvořák", "Žižka"),
    "cp875": ("Παπαδόπουλος", "Γεωργίου"),
    "cp1025": ("Иванов", "Смирнова"),
    "cp037": ("Lefèvre", "Müller", "Peña"),
}


@pytest.mark.parametrize("page", NAMES)
def test_names_tell_their_code_page(page: str) -> None:
    text = "  ".join(NAMES[page] * 40).encode("utf-8").decode("utf-8")
    content = np.frombuffer(codepages.get(page).encode(text), np.uint8)
    guesses = code_pages(content)
    alike = [guess.options["code_page"] for guess in guesses if guess.score >= guesses[0].score - 1e-9]
    assert page in alike
    assert len(alike) <= 8  # of 24


@pytest.mark.parametrize("page", ["cp037", "cp273", "cp297", "cp500", "cp1140", "cp1141", "cp1144", "cp1147"])
def test_signs_in_addresses_and_before_amounts_tell_their_code_page(page: str) -> None:
    text = "jan.smit@post.example  een café in België  vragen@voorbeeld.example  "
    text += "€ 12,50  €7  " if page.startswith("cp11") else ""
    content = np.frombuffer(codepages.get(page).encode(text * 20), np.uint8)
    guesses = code_pages(content)
    alike = [guess.options["code_page"] for guess in guesses if guess.score >= guesses[0].score - 1e-9]
    assert page in alike
    assert ("cp037" in alike) == (page in ("cp037", "cp500"))
    assert ("cp1140" in alike) == (page in ("cp037", "cp500", "cp1140"))


def test_numbers_are_not_taken_for_text() -> None:
    numbers = b"".join(bytes([0x31, 0x60 + n, 0x55, 0x57, 0x76, 0x9F]) + b"\xc1\x40\x40" for n in range(16))
    [guess] = code_pages(np.frombuffer(numbers * 10, np.uint8))
    assert guess.options == {"code_page": "cp037"}
    assert "nothing in the sample" in guess.reasons[0]
    [guess] = code_pages(np.frombuffer(b"\x55\x40\x9f\x40\x76\x40" * 50, np.uint8))
    assert guess.options == {"code_page": "cp037"}
    assert "can be letters of words" in guess.reasons[0]


def test_text_in_a_table_of_any_length_tells_its_code_page(tmp_path: Path) -> None:
    known = layout(LINES, code_page="cp273")
    table = pa.table({"LINE": [["Grüße aus Köln", "Straße und Häuser"][: n % 3] for n in range(60)]})
    content = encode(known, table, WriteOptions(record_format="V"))
    found = probed(tmp_path, content, known)
    assert found.options["code_page"] == "cp273"


LINES = """
       01  RECORD.
           05  COUNT-1  PIC S9(4) COMP.
           05  LINE     PIC X(20) OCCURS 0 TO 9 DEPENDING ON COUNT-1.
"""


def test_plain_text_tells_nothing_and_says_so() -> None:
    [guess] = code_pages(np.frombuffer("SMITH  JONES ".encode("cp037") * 20, np.uint8))
    assert guess.options == {"code_page": "cp037"}
    assert "nothing in the sample" in guess.reasons[0]


def test_records_are_shown_as_bytes_beside_their_values(tmp_path: Path) -> None:
    known = layout(FIXED)
    found = probed(tmp_path, encode(known, customers(20, phones=3)), known)
    assert found.records is not None
    shown = {field.path: field for field in fields_of(found.records, known, 1)}
    assert (shown["ID"].offset, shown["ID"].hexadecimal, shown["ID"].value) == (0, "F0F0F0F1F0F0F3F7", "10037")
    assert shown["BORN"].hexadecimal == f"0{shown['BORN'].value}F"
    assert shown["PHONE[0]"].value == "0600010000"
    offset, hexadecimal, characters = dump_of(found.records, 1, codepages.get("cp037"))[0]
    assert (offset, hexadecimal[:17], characters[:8]) == (0, "F0F0F0F1 F0F0F3F7", "00010037")


@given(st.binary(max_size=600), st.booleans())
def test_any_bytes_give_guesses_or_none(content: bytes, complete: bool) -> None:
    sample = Sample(data=np.frombuffer(content, np.uint8), complete=complete)
    for encoding in ("ebcdic", "ascii"):
        for length in (None, 7):
            guesses = framings(sample, record_length=length, encoding=encoding)
            assert all(0 <= guess.score <= 1 and guess.reasons for guess in guesses)


@pytest.mark.parametrize("content", [b"", b"\x00", b"\xff" * 100, bytes(range(256)) * 3])
def test_a_file_of_nothing_sensible_is_no_crash(tmp_path: Path, content: bytes) -> None:
    for known in (None, layout()):
        try:
            probed(tmp_path, content, known)
        except VoegError as error:
            assert str(error)
