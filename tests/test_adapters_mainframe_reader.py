"""Files to rows: any format, any size of blocks and parts, compressed or not; what is wrong is told by its place."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.mainframe import assemble, files
from adapters.mainframe.options import MainframeOptions
from adapters.mainframe.reader import ReadBatch, Reader
from foundation.errors import ConfigurationError, SourceError, SourceUnavailable

COPYBOOK = """
01 CUSTOMER.
   05 ID PIC 9(4).
   05 NAME PIC X(6).
   05 N PIC 9.
   05 PAID PIC S9(3) COMP-3 OCCURS 0 TO 3 DEPENDING ON N.
"""


def ebcdic(text: str) -> bytes:
    return text.encode("cp037")


def customer(number: int) -> bytes:
    count = number % 4
    paid = b"".join(bytes([number % 10 << 4 | 1, 0x2C]) for _ in range(count))
    return ebcdic(f"{number % 10_000:04}{'N' * (number % 7):6}{count}") + paid


def row(number: int) -> dict[str, object]:
    return {
        "ID": number % 10_000,
        "NAME": "N" * (number % 7) or None,
        "N": number % 4,
        "PAID": [number % 10 * 100 + 12] * (number % 4),
    }


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("estate")
    (folder / "customer.cpy").write_text(COPYBOOK)
    return folder


def reader_of(estate: Path, copybook: str | None = None, **values: object) -> Reader:
    """Return a reader with some options."""
    if copybook is not None:
        (estate / "other.cpy").write_text(copybook)
    options = MainframeOptions.model_validate(
        {"path": "x", "copybook": "other.cpy" if copybook else "customer.cpy", "copybook_format": "free", **values}
    )
    return Reader(options, assemble.layout_of(options, estate))


def write(estate: Path, content: bytes, name: str = "data") -> Path:
    path = estate / name
    path.write_bytes(content)
    return path


def rows_of(batches: Iterator[ReadBatch]) -> list[dict[str, object]]:
    return [item for batch in batches for item in batch.rows.to_pylist()]


def word(length: int) -> bytes:
    return struct.pack(">HH", length, 0)


def as_v(records: Sequence[bytes]) -> bytes:
    return b"".join(word(4 + len(record)) + record for record in records)


def as_vb(records: Sequence[bytes]) -> bytes:
    blocks = [as_v(records[start : start + 3]) for start in range(0, len(records), 3)]
    return b"".join(word(4 + len(block)) + block for block in blocks)


def as_vbs(records: Sequence[bytes]) -> bytes:
    segments = []
    for record in records:
        middle = len(record) // 2
        segments.append(struct.pack(">HBB", 4 + middle, 1, 0) + record[:middle])
        segments.append(struct.pack(">HBB", 4 + len(record) - middle, 2, 0) + record[middle:])
    blocks = [b"".join(segments[start : start + 5]) for start in range(0, len(segments), 5)]
    return b"".join(word(4 + len(block)) + block for block in blocks)


FORMATS: dict[str, Callable[[Sequence[bytes]], bytes]] = {
    "F": lambda records: b"".join(record.ljust(17, b"\x00") for record in records),
    "V": as_v,
    "VB": as_vb,
    "VBS": as_vbs,
    "counted": b"".join,
}


@pytest.mark.parametrize("record_format", FORMATS)
@pytest.mark.parametrize("block", [20, 64, 1000, files.BLOCK])
def test_every_format_gives_the_same_rows_wherever_the_file_is_cut(
    record_format: str, block: int, estate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BLOCK", block)
    path = write(estate, FORMATS[record_format]([customer(number) for number in range(100)]))
    reader = reader_of(estate, record_format=record_format, batch_rows=7)
    batches = list(reader.read([path]))
    assert rows_of(iter(batches)) == [row(number) for number in range(100)]
    assert reader.counts.read == 100
    assert (batches[0].first, batches[-1].last) == (0, 99)
    assert all(len(batch.rows) <= 7 for batch in batches)


@pytest.mark.parametrize("record_format", FORMATS)
@pytest.mark.parametrize("count", [1, 2, 5, 50])
def test_parts_together_are_the_file(
    record_format: str, count: int, estate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BLOCK", 64)
    records = [customer(number) for number in range(300)]
    paths = [
        write(estate, FORMATS[record_format](records[:200]), "a"),
        write(estate, FORMATS[record_format](records[200:]), "b"),
    ]
    added = {"record_id": "NUMBER", "file_id": "FILE"}
    reader = reader_of(estate, record_format=record_format, add=added)
    parts = reader.parts(paths, count)
    assert count <= 2 or len(parts) >= min(count, 20) * 0.6
    rows = rows_of(batch for part in parts for batch in reader.read_part(part))
    expected = [{"FILE": file, "NUMBER": n - 200 * file, **row(n)} for n in range(300) for file in [int(n >= 200)]]
    assert rows == expected
    assert reader.counts.read == 300


def test_memory_does_not_grow_with_the_file(estate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK", 20_000)
    peaks = []
    for count in (4_000, 40_000):
        path = write(estate, as_vbs([customer(number) for number in range(10)]) * (count // 10))
        reader = reader_of(estate, record_format="VBS", batch_rows=2_000)
        for _ in reader.read([write(estate, as_vbs([customer(1)]), "first")]):  # what is compiled once
            pass
        tracemalloc.start()
        arrow = 0
        for _ in reader.read([path]):
            arrow = max(arrow, pa.total_allocated_bytes())
        peaks.append(tracemalloc.get_traced_memory()[1] + arrow)
        tracemalloc.stop()
        assert reader.counts.read == count + 1
    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < 3_000_000


COMPRESSORS = {"gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zstd": pa.Codec("zstd").compress}


def compressed(name: str, content: bytes) -> bytes:
    return bytes(memoryview(COMPRESSORS[name](content)))


@pytest.mark.parametrize("name", COMPRESSORS)
def test_a_compressed_file_reads_like_a_plain_one(name: str, estate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = FORMATS["F"]([customer(number) for number in range(100)])
    for pieces in ([content], [content[:340], content[340:]]):  # archives may be joined end to end
        path = write(estate, b"".join(compressed(name, piece) for piece in pieces))
        assert files.compression_of(path) == name
        assert rows_of(reader_of(estate).read([path])) == [row(number) for number in range(100)]
        skipping = reader_of(estate, skip_start=17, skip_end=34)
        assert rows_of(skipping.read([path])) == [row(number) for number in range(1, 98)]


@pytest.mark.parametrize("name", COMPRESSORS)
@pytest.mark.parametrize("cut", [1, 4, 20])
def test_a_compressed_file_that_is_cut_off_is_refused(name: str, cut: int, estate: Path) -> None:
    content = FORMATS["F"]([customer(number) for number in range(100)])
    path = write(estate, compressed(name, content)[:-cut])
    with pytest.raises(SourceError, match=rf"data: the file is compressed \({name}\) and damaged or cut off; have it"):
        list(reader_of(estate).read([path]))


def test_plain_bytes_are_not_taken_for_compressed_ones(estate: Path) -> None:
    for content in (b"", b"\x1f\x8b", b"\x1f\x8b\x00\x00AB", b"BZh9 is the start of a line", b"\xfd7zX"):
        assert files.compression_of(write(estate, content)) == "none"
    path = write(estate, compressed("gzip", b"A" * 34))
    reader = reader_of(estate, compression="none", partial_record="drop", encoding="ascii")
    assert reader.counts.read == 0
    assert len(rows_of(reader.read([path]))) == path.stat().st_size // 17


# Ends of files, lengths of records


def test_header_and_trailer_are_no_rows_but_known(estate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copybook = """
01 START-REC.
   05 MADE PIC X(8).
01 CUSTOMER.
   05 ID PIC 9(4).
   05 NAME PIC X(6).
01 END-REC.
   05 KIND PIC X.
   05 TOTAL PIC 9(5).
"""
    records = [ebcdic("20260131"), *(ebcdic(f"{n:04}NAME  ") for n in range(50)), ebcdic("T00050")]
    for record_format, block in (("V", 30), ("V", 1 << 20), ("F", 64), ("VB", 100)):
        monkeypatch.setattr(files, "BLOCK", block)
        content = as_v(records) if record_format == "V" else as_vb(records) if record_format == "VB" else None
        path = write(estate, content or b"".join(record.ljust(10, b"\x40") for record in records))
        reader = reader_of(
            estate, copybook, record_format=record_format, header_record="START-REC", trailer_record="END-REC"
        )
        assert [item["ID"] for item in rows_of(reader.read([path]))] == list(range(50))
        ends = reader.ends[path]
        assert ends.header is not None
        assert ends.trailer is not None
        assert ends.header.to_pylist() == [{"MADE": "20260131"}]
        assert ends.trailer.to_pylist() == [{"KIND": "T", "TOTAL": 50}]
        assert (reader.counts.read, reader.counts.ends) == (52, 2)


def test_short_and_long_records_are_left_out_and_counted(estate: Path) -> None:
    path = write(estate, as_v([customer(number) for number in range(8)]))  # 11, 13, 15, 17 bytes
    reader = reader_of(estate, record_format="V", minimum_length=13, maximum_length=15, add={"record_id": "NUMBER"})
    assert [item["NUMBER"] for item in rows_of(reader.read([path]))] == [1, 2, 5, 6]
    assert (reader.counts.read, reader.counts.too_short, reader.counts.too_long) == (8, 2, 2)


def test_bytes_around_the_fields_are_passed(estate: Path) -> None:
    records = [b"\x01\x02" + customer(number) + b"\x03" for number in range(20)]
    added = {"record_length": "LENGTH", "record_bytes": "BYTES", "file": "FILE"}
    reader = reader_of(estate, record_format="V", record_start=2, record_end=1, add=added)
    assert rows_of(reader.read([write(estate, as_v(records))])) == [
        {"FILE": "data", "LENGTH": len(record), "BYTES": record, **row(number)} for number, record in enumerate(records)
    ]
    assert reader.schema.names[:3] == ["FILE", "LENGTH", "BYTES"]


def test_an_added_column_needs_a_name_of_its_own(estate: Path) -> None:
    with pytest.raises(ConfigurationError, match="add: there is a column NAME already; choose another name"):
        _ = reader_of(estate, add={"file": "NAME"}).schema


def test_point_and_comma_change_places_where_the_program_says_so(estate: Path) -> None:
    path, copybook = write(estate, ebcdic("1234,50")), "01 R.\n   05 PRICE PIC 9(4),99.\n"
    assert rows_of(reader_of(estate, copybook).read([path])) == [{"PRICE": "1234,50"}]
    assert rows_of(reader_of(estate, copybook, decimal_comma=True).read([path])) == [{"PRICE": Decimal("1234.50")}]


# Errors


def test_files_of_no_whole_number_of_records_are_refused_before_anything_is_read(estate: Path) -> None:
    whole, cut = write(estate, bytes(34), "whole"), write(estate, bytes(40), "cut")
    with pytest.raises(SourceError) as error:
        next(reader_of(estate).read([whole, cut]))
    assert "cut: 40 bytes are 2 records of 17 bytes and 6 bytes left over; have it delivered again" in str(error.value)


def test_an_error_tells_file_byte_and_remedy(estate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK", 40)
    path = write(estate, as_v([customer(number) for number in range(20)]) + b"\xc1\xc2\xc3\xc4\xc5")
    with pytest.raises(SourceError) as error:
        list(reader_of(estate, record_format="V").read([path]))
    assert f"{path}: byte 360: C1 C2 C3 C4 is no record descriptor; " in str(error.value)
    assert error.value.problems[0].remedy


def test_a_file_without_records_of_the_format_is_refused_and_not_read_into_memory(
    estate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BLOCK", 64)
    monkeypatch.setattr("adapters.mainframe.chunks.LARGEST_RECORD", 1000)
    path = write(estate, b"A" * 100_000)
    with pytest.raises(SourceError, match=r"data: byte 0: no record ends within \d{4} bytes; check `record_format`"):
        list(reader_of(estate, record_format="text").read([path]))


def test_a_file_that_is_not_there_is_unavailable(estate: Path) -> None:
    with pytest.raises(SourceUnavailable, match="missing: cannot read the file"):
        list(reader_of(estate).read([estate / "missing"]))


NUMBERS = """
01 R.
   05 ID PIC 9(4).
   05 PAID PIC S9(3) COMP-3 OCCURS 2.
"""


def test_unreadable_values_are_null_and_told_by_place(estate: Path) -> None:
    good, bad = ebcdic("0001") + b"\x01\x2c\x01\x2c", ebcdic("0002") + b"\x01\x2c\xc1\xc2"
    path = write(estate, as_v([good, good, bad]))
    reader = reader_of(estate, NUMBERS, record_format="V", record_start=0)
    (batch,) = reader.read([path])
    assert batch.rows.to_pylist()[2] == {"ID": 2, "PAID": [12, None]}
    (told,) = batch.unreadable
    assert (told.path, told.count) == ("PAID[*]", 1)
    assert told.places == ("data: record 3 (byte 28), offset 6",)
    assert told.hexadecimal == ("C1C2",)


def test_unreadable_values_can_be_refused(estate: Path) -> None:
    path = write(estate, ebcdic("0001") + b"\x01\x2c\x01\x2c" + ebcdic("0002") + b"\x01\x2c\xc1\xc2")
    with pytest.raises(SourceError) as error:
        list(reader_of(estate, NUMBERS, invalid="refuse").read([path]))
    assert f"{path} PAID[*]: record 2 (byte 8), offset 6: the bytes are not of its type" in str(error.value)
    assert "C1" not in str(error.value)  # which may tell something about a person
    assert "`invalid: count`" in str(error.value)
    assert len(rows_of(reader_of(estate, NUMBERS, invalid="count").read([path]))) == 2


def test_what_could_not_be_read_can_be_a_column(estate: Path) -> None:
    path = write(estate, ebcdic("0002") + b"\x01\x2c\xc1\xc2")
    reader = reader_of(estate, NUMBERS, add={"unreadable": "WRONG"})
    (batch,) = reader.read([path])
    assert batch.rows.schema == reader.schema
    assert batch.rows.to_pylist()[0]["WRONG"] == [{"field_name": "PAID[1]", "raw_value": b"\xc1\xc2"}]


def test_rows_outlive_the_block_they_were_read_from(estate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK", 50)
    path = write(estate, as_v([customer(number) for number in range(60)]))
    batches = list(reader_of(estate, record_format="V", add={"record_bytes": "BYTES"}).read([path]))
    assert [item["BYTES"] for item in rows_of(iter(batches))] == [customer(number) for number in range(60)]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200) | st.integers(0, 20).map(lambda n: as_vb([customer(i) for i in range(n)])),
    st.sampled_from(["F", "V", "VB", "VS", "VBS", "text", "counted", "length-field"]),
    st.sampled_from(["ibm", "cobrix"]),
    st.sampled_from(["refuse", "keep", "drop"]),
    st.tuples(*[st.integers(0, 30) | st.just(0)] * 4),
)
def test_any_bytes_give_rows_or_one_located_error(
    estate: Path, content: bytes, record_format: str, profile: str, partial: str, ends: tuple[int, int, int, int]
) -> None:
    path = write(estate, content, "fuzz")
    reader = reader_of(
        estate,
        record_format=record_format,
        profile=profile,
        partial_record=partial,
        skip_start=ends[0],
        skip_end=ends[1],
        record_start=ends[2],
        record_end=ends[3],
        length_field="ID",
        compression="none",
    )
    try:
        rows = rows_of(reader.read([path]))
    except SourceError as error:
        assert str(path) in str(error)
        assert error.problems[0].remedy
    else:
        assert len(rows) + reader.counts.too_short == reader.counts.read
