"""The mainframe adapter keeps the promises of ``adapters.base``, on files written by the encoder."""

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from adapters.base import Adapter
from adapters.mainframe import Mainframe, MainframeOptions
from adapters.mainframe.copybook.layout import Field, walk
from adapters.mainframe.copybook.placing import load
from adapters.mainframe.encoder import encode
from adapters.mainframe.profile import Profile
from foundation.errors import ConfigurationError, SourceError, SourceUnavailable

COPYBOOK = """\
       01  CUSTOMER.
           05  ID       PIC 9(5).
           05  NAME     PIC X(12).
           05  BALANCE  PIC S9(5)V99 COMP-3.
           05  SCORE    PIC S9(4) COMP.
           05  PHONE    PIC X(10) OCCURS 2.
"""
RECORD = 5 + 12 + 4 + 2 + 20


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    (tmp_path / "customer.cpy").write_text(COPYBOOK)
    return tmp_path


def customers(count: int) -> pa.Table:
    return pa.table(
        {
            "ID": pa.array(range(1, count + 1), pa.int32()),
            "NAME": [None if i % 7 == 0 else f"Müller {i}" for i in range(count)],
            "BALANCE": pa.array([Decimal(i - 3) / 4 for i in range(count)], pa.decimal128(7, 2)),
            "SCORE": pa.array([i % 100 - 50 for i in range(count)], pa.int16()),
            "PHONE": [[f"06{i:08d}", None] for i in range(count)],
        },
    )


def write(estate: Path, name: str, table: pa.Table, code_page: str = "cp037") -> Path:
    file = estate / name
    file.write_bytes(encode(load([estate / "customer.cpy"], Profile(code_page=code_page)), table))
    return file


def adapter(estate: Path, **options: object) -> Mainframe:
    defaults = {"path": "CUST*.PS", "copybook": "customer.cpy"}
    return Mainframe(MainframeOptions.model_validate(defaults | options), base=estate)


def read(source: Mainframe) -> pa.Table:
    return pa.Table.from_batches([batch.rows for batch in source.read()], schema=source.layout.schema)


def unreadable(source: Mainframe) -> dict[str, list[str]]:
    places: dict[str, list[str]] = {}
    for batch in source.read():
        for field in batch.unreadable:
            places.setdefault(field.path, []).extend(field.places)
    return places


def test_it_is_an_adapter(estate: Path):
    assert isinstance(adapter(estate), Adapter)


def test_reads_back_what_was_written(estate: Path):
    table = customers(100)
    write(estate, "CUST.PS", table, code_page="cp273")
    source = adapter(estate, code_page="cp273")
    assert read(source).to_pylist() == table.to_pylist()
    assert unreadable(source) == {}


@pytest.mark.parametrize("batch_rows", [1, 7, 99, 100, 20_000])
def test_batches_do_not_change_what_is_read_and_say_where_they_come_from(estate: Path, batch_rows: int):
    write(estate, "CUST.PS", customers(100))
    source = adapter(estate, batch_rows=batch_rows)
    batches = list(source.read())
    assert all(batch.rows.num_rows <= batch_rows for batch in batches)
    assert batches[-1].origin.endswith(" to 100")
    assert batches[0].origin.startswith("CUST.PS: records 1 to ")
    assert pa.Table.from_batches([batch.rows for batch in batches]).equals(read(adapter(estate)))


def test_a_glob_is_one_snapshot_in_the_order_of_names(estate: Path):
    table = customers(10)
    write(estate, "CUST2.PS", table.slice(6))
    write(estate, "CUST1.PS", table.slice(0, 6))
    assert read(adapter(estate)).to_pylist() == table.to_pylist()
    assert adapter(estate).check().details == {"files": 2, "bytes": 10 * RECORD, "record_length": RECORD, "notes": []}


def test_an_empty_file_is_an_empty_snapshot(estate: Path):
    write(estate, "CUST.PS", customers(1).slice(1))
    assert list(adapter(estate).read()) == []


def test_a_file_cut_off_is_refused_before_anything_is_read(estate: Path):
    write(estate, "CUST1.PS", customers(10))
    cut = write(estate, "CUST2.PS", customers(10))
    cut.write_bytes(cut.read_bytes()[:-5])
    for attempt in (adapter(estate).check, lambda: next(adapter(estate).read())):
        with pytest.raises(SourceError) as caught:
            attempt()
        assert not isinstance(caught.value, SourceUnavailable)
        text = str(caught.value)
        assert (
            f"CUST2.PS: {10 * RECORD - 5} bytes are 9 records of {RECORD} bytes and {RECORD - 5} bytes left over"
            in text
        )
        assert "copybook" in text and "binary mode" in text


@pytest.mark.parametrize("change", ["cut", "grow"])
def test_a_file_that_changes_while_it_is_read_is_no_complete_read(estate: Path, change: str):
    file = write(estate, "CUST.PS", customers(100))
    batches = adapter(estate, batch_rows=10).read()
    next(batches)
    content = file.read_bytes()
    file.write_bytes(content[: -RECORD * 50] if change == "cut" else content + content[:RECORD])
    with pytest.raises(SourceUnavailable, match="changed"):
        list(batches)


def test_a_file_that_is_not_there_may_come_later(estate: Path):
    with pytest.raises(SourceUnavailable, match=r"CUST\*\.PS"):
        list(adapter(estate).read())


def test_relative_paths_stay_in_the_estate(estate: Path):
    with pytest.raises(SourceError, match="leads out of the estate"):
        adapter(estate, copybook="../customer.cpy").check()


def test_an_unknown_code_page_names_the_nearest(estate: Path):
    write(estate, "CUST.PS", customers(1))
    with pytest.raises(ConfigurationError, match="did you mean 'cp1141'"):
        adapter(estate, code_page="cp1141x").check()
    with pytest.raises(ConfigurationError, match="no EBCDIC code page"):
        adapter(estate, code_page="latin-1").check()


@pytest.mark.parametrize("name", ["cp1140", "1140", "IBM1140", "ibm-1140", "CP1140"])
def test_a_code_page_has_many_spellings(estate: Path, name: str):
    table = customers(1).set_column(1, "NAME", pa.array(["10 €"]))
    write(estate, "CUST.PS", table, code_page="cp1140")
    assert read(adapter(estate, code_page=name))["NAME"].to_pylist() == ["10 €"]


def test_discover_lists_fields_without_the_file(estate: Path):
    (found,) = adapter(estate).discover()
    assert found.name == "CUSTOMER"
    assert [(column.name, column.type, column.note) for column in found.columns] == [
        ("ID", "int32", "PIC 9(5), offset 0, 5 bytes"),
        ("NAME", "string", "PIC X(12), offset 5, 12 bytes"),
        ("BALANCE", "decimal128(7, 2)", "PIC S9(5)V99 COMP-3, offset 17, 4 bytes"),
        ("SCORE", "int16", "PIC S9(4) COMP, offset 21, 2 bytes"),
        ("PHONE[*]", "string", "PIC X(10), offset 23, 10 bytes"),
    ]


def test_what_is_no_number_is_null_counted_and_placed(estate: Path):
    file = write(estate, "CUST.PS", customers(100))
    content = bytearray(file.read_bytes())
    for record in (3, 50, 51):
        content[record * RECORD : record * RECORD + 5] = "O0123".encode("cp037")
    content[20 * RECORD + 17] = 0xFA
    content[30 * RECORD : 30 * RECORD + 5] = b"\x40" * 5  # never filled: null, and no error
    content[31 * RECORD + 17 : 31 * RECORD + 21] = b"\x00" * 4
    file.write_bytes(content)
    source = adapter(estate, batch_rows=40)
    table = read(source)
    assert [row for row, value in enumerate(table["ID"].to_pylist()) if value is None] == [3, 30, 50, 51]
    assert [row for row, value in enumerate(table["BALANCE"].to_pylist()) if value is None] == [20, 31]
    assert unreadable(source) == {
        "ID": [f"CUST.PS: record {record} (byte {(record - 1) * RECORD}), offset 0" for record in (4, 51, 52)],
        "BALANCE": [f"CUST.PS: record 21 (byte {20 * RECORD}), offset 17"],
    }
    assert sum(field.count for batch in source.read() for field in batch.unreadable) == 4


def test_a_folder_for_a_copybook_is_named(estate: Path):
    (estate / "folder").mkdir()
    with pytest.raises(ConfigurationError, match="cannot read the copybook"):
        adapter(estate, copybook="folder").check()


def test_carddemo_customers_equal_their_ascii_twin(carddemo_data: Path):
    source = Mainframe(
        MainframeOptions(path=str(carddemo_data / "CUSTDATA.PS"), copybook=str(carddemo_data / "customer.cpy")),
        base=carddemo_data,
    )
    lines = (carddemo_data / "custdata.ascii.txt").read_text("ascii").splitlines()
    records = read(source).to_pylist()
    assert len(records) == len(lines) == 50
    starts = dict.fromkeys(records[0])
    position = 0
    for name, width in {
        "CUST-ID": 9, "CUST-FIRST-NAME": 25, "CUST-MIDDLE-NAME": 25, "CUST-LAST-NAME": 25, "CUST-ADDRESS-LINE": 150,
        "CUST-STATE": 2, "CUST-COUNTRY": 3, "CUST-ZIP": 10, "CUST-PHONE-1": 15, "CUST-PHONE-2": 15, "CUST-SSN": 9,
        "CUST-GOVT-ID": 20, "CUST-BIRTH-DATE": 10, "CUST-EFT-ACCOUNT": 10, "CUST-PRIMARY-HOLDER": 1,
        "CUST-FICO-SCORE": 3,
    }.items():  # fmt: skip
        starts[name] = slice(position, position + width)
        position += width
    for record, line in zip(records, lines, strict=True):
        for name, value in record.items():
            text = line[starts[name]]
            if isinstance(value, list):
                assert value == [text[i : i + 50].strip() or None for i in (0, 50, 100)]
            elif isinstance(value, int):
                assert value == int(text)
            else:
                assert value == (text.strip() or None)
    assert unreadable(source) == {}


@pytest.mark.parametrize(
    ("file", "copybook"),
    [("ACCTDATA.PS", "account.cpy"), ("CARDDATA.PS", "card.cpy"), ("CARDXREF.PS", "card_xref.cpy")],
)
def test_carddemo_files_decode_and_encode_to_the_same_bytes(carddemo_data: Path, file: str, copybook: str):
    source = Mainframe(MainframeOptions(path=file, copybook=copybook), base=carddemo_data)
    table = read(source)
    assert table.num_rows == 50
    assert unreadable(source) == {}
    content = (carddemo_data / file).read_bytes()
    written = encode(source.layout, table)
    for path, field in walk(source.layout.roots):  # flat records: every offset is from the start of the record
        if isinstance(field, Field) and not field.filler:
            for start in range(field.place.offset, len(content), source.layout.length):
                assert written[start : start + field.length] == content[start : start + field.length], path


def test_carddemo_signs(carddemo_data: Path):
    source = Mainframe(MainframeOptions(path="ACCTDATA.PS", copybook="account.cpy"), base=carddemo_data)
    first = read(source).to_pylist()[0]  # 00000019400{ is +194.00
    assert (first["ACCT-ID"], first["ACCT-BALANCE"], first["ACCT-OPENED"]) == (1, Decimal("194.00"), "2014-11-20")


def test_records_that_are_not_wanted_are_counted(estate: Path):
    write(estate, "CUST.PS", customers(100))
    source = adapter(estate, batch_rows=7, segments={"field": "SCORE", "only": ["-50", "49"]}, record_format="F")
    batches = list(source.read())
    assert sum(batch.rows.num_rows for batch in batches) == 2
    assert sum(batch.left_out for batch in batches) == 98


def test_the_newest_generation_is_read_once_it_is_ready(estate: Path):
    for generation, count in (("G0009V00", 3), ("G0010V00", 5)):
        write(estate, f"CUST.{generation}", customers(count))
    delivered = {"path": "CUST.G????V00", "delivery": {"choose": "newest", "ready": "{name}.ready"}}
    with pytest.raises(SourceUnavailable, match=r"waiting for CUST\.G0010V00\.ready"):
        adapter(estate, **delivered).check()
    (estate / "CUST.G0010V00.ready").touch()
    source = adapter(estate, **delivered)
    assert source.check().details["files"] == 1
    assert read(source).num_rows == 5


def test_a_trailer_that_counts_otherwise_stops_the_read(estate: Path):
    trailer = "       01  TRAILER.\n           05  TAG  PIC X(4).\n           05  RECORDS  PIC 9(6).\n"
    (estate / "customer.cpy").write_text(COPYBOOK + trailer)
    layout = load([estate / "customer.cpy"], trailer="TRAILER")
    options = {"trailer_record": "TRAILER", "reconcile": {"count": "RECORDS"}}
    for count, right in ((10, True), (11, False)):
        last = pa.table({"TAG": ["END"], "RECORDS": [count]})
        (estate / "CUST.PS").write_bytes(encode(layout, customers(10), trailer=last))
        source = adapter(estate, **options)
        if right:
            assert read(source).num_rows == 10
            continue
        with pytest.raises(SourceError, match="the trailer says 11, and the file has 10 records"):
            list(source.read())


def test_options_of_cobrix_stand_in_a_mapping_as_yaml_has_them(estate: Path):
    write(estate, "CUST.PS", customers(4))
    source = adapter(estate, cobrix_options={"record_length": RECORD, "generate_record_id": True})
    (batch,) = source.read()
    assert batch.rows.column_names[:4] == ["File_Id", "Record_Id", "Record_Byte_Length", "ID"]
