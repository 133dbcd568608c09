"""A file that is not what its trailer says fails its read, and the error tells both numbers."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.mainframe import assemble
from adapters.mainframe.options import MainframeOptions
from adapters.mainframe.reader import ReadBatch, Reader
from adapters.mainframe.reconciliation import Reconciliation
from foundation.errors import ConfigurationError, SourceError, SourceUnavailable

COPYBOOK = """
01 START-REC.
   05 MADE PIC X(8).
01 PAYMENT.
   05 ID PIC 9(4).
   05 AMOUNT PIC S9(16)V99.
   05 PARTS OCCURS 2.
      10 PART PIC 9(3).
   05 RATE COMP-1.
01 END-REC.
   05 RECORDS PIC 9(6).
   05 TOTAL PIC S9(16)V99.
   05 PART-TOTAL PIC 9(6).
   05 SAID PIC X(4).
"""
LENGTH = 34
ENDS = {"header_record": "START-REC", "trailer_record": "END-REC"}


def record(number: int, cents: int, parts: tuple[int, int] = (0, 0)) -> bytes:
    return signed(f"{number:04}", cents) + f"{parts[0]:03}{parts[1]:03}".encode("cp037") + bytes(4)


def trailer(records: int, cents: int = 0, parts: int = 0, said: str = "") -> bytes:
    return signed(f"{records:06}", cents) + f"{parts:06}{said:4}".encode("cp037")


def signed(before: str, cents: int) -> bytes:
    digits = bytearray(f"{before}{abs(cents):018}".encode("cp037"))
    digits[-1] = digits[-1] & 0x0F | (0xD0 if cents < 0 else 0xC0)
    return bytes(digits)


def write(folder: Path, records: list[bytes], name: str = "data") -> Path:
    path = folder / name
    path.write_bytes(b"".join(item.ljust(LENGTH, b"\x40") for item in records))
    return path


def read(
    folder: Path, paths: list[Path], reconcile: dict[str, Any], copybook_text: str = COPYBOOK, **options: Any
) -> Iterator[ReadBatch]:
    (folder / "p.cpy").write_text(copybook_text)
    values = {"path": "data*", "copybook": "p.cpy", "copybook_format": "free", **ENDS, **options}
    chosen = MainframeOptions.model_validate({**values, "reconcile": reconcile})
    layout = assemble.layout_of(chosen, folder)
    reader = Reader(chosen, layout)
    assert chosen.reconcile is not None
    held = Reconciliation(chosen.reconcile, layout, reader.schema)
    return held.checked(reader.read(paths), paths, reader.ends)


def rows(batches: Iterator[ReadBatch]) -> int:
    return sum(batch.rows.num_rows for batch in batches)


PAYMENTS = [record(1, 1050, (1, 2)), record(2, -2000, (3, 4)), record(3, 5, (5, 6))]
CENTS, PARTS = -945, 21


def test_a_file_that_is_what_its_trailer_says_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, [b"", *PAYMENTS, trailer(3, CENTS, PARTS, " 5 ")])
    sums = {"TOTAL": "AMOUNT", "PART-TOTAL": "PARTS[*].PART"}
    assert rows(read(tmp_path, [path], {"count": "RECORDS", "sums": sums})) == 3
    assert rows(read(tmp_path, [path], {"count": "SAID", "count_of": "all"})) == 3


def test_a_count_or_a_total_that_differs_fails_with_both_numbers(tmp_path: Path) -> None:
    path = write(tmp_path, [b"", *PAYMENTS, trailer(4, CENTS + 1)])
    with pytest.raises(SourceError) as caught:
        rows(read(tmp_path, [path], {"count": "RECORDS", "sums": {"TOTAL": "AMOUNT"}}))
    assert not isinstance(caught.value, SourceUnavailable)
    count, total = map(str, caught.value.problems)
    assert count.startswith(f"{path} RECORDS: the trailer says 4, and the file has 3 records; ")
    assert total.startswith(f"{path} TOTAL: the trailer says -9.44, and AMOUNT adds up to -9.45 in the rows read; ")
    assert "nothing of this read counts" in total


def test_every_file_has_its_own_trailer(tmp_path: Path) -> None:
    first = write(tmp_path, [b"", *PAYMENTS, trailer(3)], "data1")
    second = write(tmp_path, [b"", PAYMENTS[0], trailer(3)], "data2")
    with pytest.raises(SourceError) as caught:
        rows(read(tmp_path, [first, second], {"count": "RECORDS"}))
    [problem] = caught.value.problems
    assert str(problem).startswith(f"{second} RECORDS: the trailer says 3, and the file has 1 records")


def test_a_file_cut_off_between_two_records_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, [b"", *PAYMENTS])
    with pytest.raises(SourceError, match=r"RECORDS: the trailer says .*, and the file has 2 records"):
        rows(read(tmp_path, [path], {"count": "RECORDS"}))
    for records in ([], [b""]):
        with pytest.raises(SourceError, match="there is no trailer record"):
            rows(read(tmp_path, [write(tmp_path, records)], {"count": "RECORDS"}))


def test_a_trailer_that_says_no_number_fails(tmp_path: Path) -> None:
    path = write(tmp_path, [b"", *PAYMENTS, trailer(3, said="many")])
    with pytest.raises(SourceError, match="SAID: the trailer says no number, and the file has 3 records"):
        rows(read(tmp_path, [path], {"count": "SAID"}))


def test_rows_that_are_left_out_count_as_records(tmp_path: Path) -> None:
    path = write(tmp_path, [b"", *PAYMENTS, trailer(3)])
    assert rows(read(tmp_path, [path], {"count": "RECORDS"}, segments={"field": "ID", "only": ["2"]})) == 1


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(-(10**18) + 1, 10**18 - 1), min_size=1, max_size=40), st.integers(1, 7))
def test_totals_are_exact_whatever_the_batches(tmp_path: Path, amounts: list[int], batch_rows: int) -> None:
    path = write(tmp_path, [b"", *(record(n, cents) for n, cents in enumerate(amounts)), trailer(len(amounts), 1)])
    total = Decimal(sum(amounts)).scaleb(-2)
    options: dict[str, Any] = {"batch_rows": batch_rows}
    if total == Decimal("0.01"):
        assert rows(read(tmp_path, [path], {"sums": {"TOTAL": "AMOUNT"}}, **options)) == len(amounts)
        return
    with pytest.raises(SourceError) as caught:
        rows(read(tmp_path, [path], {"sums": {"TOTAL": "AMOUNT"}}, **options))
    assert f"AMOUNT adds up to {total:.2f} in" in str(caught.value)


@pytest.mark.parametrize(
    ("reconcile", "options", "told"),
    [
        ({"count": "RECORD"}, {}, "reconcile.count: the trailer has no field 'RECORD'; did you mean 'RECORDS'"),
        ({"sums": {"TOTALS": "AMOUNT"}}, {}, "the trailer has no field 'TOTALS'; did you mean 'TOTAL'"),
        ({"sums": {"TOTAL": "AMOUNTS"}}, {}, "the column 'AMOUNTS' is not there; did you mean 'AMOUNT'"),
        ({"sums": {"TOTAL": "RATE"}}, {}, "reconcile.sums.TOTAL: the column 'RATE' is no exact number"),
        ({"count": "RECORDS"}, {"trailer_record": None}, "there is no trailer record to look at; name it"),
        ({"count": "RECORDS"}, {"profile": "cobrix"}, "there is no trailer record to look at"),
    ],
)
def test_what_cannot_be_held_against_a_trailer_is_refused(
    reconcile: dict[str, Any], options: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, [], reconcile, **options)
    assert told in str(caught.value)


def test_a_file_without_header_has_one_record_less_beside_its_payments(tmp_path: Path) -> None:
    path = write(tmp_path, [*PAYMENTS, trailer(3, said="4")])
    without = {"copybook_text": COPYBOOK[COPYBOOK.index("01 PAYMENT") :], "header_record": None}
    assert rows(read(tmp_path, [path], {"count": "RECORDS"}, **without)) == 3
    assert rows(read(tmp_path, [path], {"count": "SAID", "count_of": "all"}, **without)) == 3
