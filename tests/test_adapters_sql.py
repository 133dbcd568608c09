"""Databases over SQLAlchemy: SQLite and a real PostgreSQL server."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from adapters.base import Batch, Cursor
from adapters.sql import Sql, SqlOptions
from foundation.errors import ConfigurationError, SourceError, SourceUnavailable, VoegError


def batches(base: Path, cursor: Cursor | None = None, **options: Any) -> list[Batch]:
    return list(Sql(SqlOptions(**options), base=base).read(cursor))


def read(base: Path, **options: Any) -> pa.Table:
    return pa.Table.from_batches([batch.rows for batch in batches(base, **options)])


def error(base: Path, class_: type[VoegError] = SourceError, **options: Any) -> str:
    with pytest.raises(class_) as raised:
        read(base, **options)
    assert type(raised.value) is class_
    assert raised.value.__cause__ is None
    return str(raised.value)


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    with sqlite3.connect(tmp_path / "data/crm.db") as connection:
        connection.executescript(
            """
            CREATE TABLE klant (nr INTEGER, naam TEXT, geb DATE, saldo NUMERIC(10,2), mengsel, foto BLOB, leeg TEXT);
            INSERT INTO klant VALUES (NULL, NULL, NULL, NULL, NULL, NULL, NULL);
            INSERT INTO klant VALUES (12345678901, 'José', '15-03-1970', 12.10, 5, x'00ff', NULL);
            INSERT INTO klant VALUES (2, 'Zoë', '1980-01-01', 7, 'x', NULL, NULL);
            INSERT INTO klant VALUES (3, 'Piet', NULL, NULL, 1.5, NULL, NULL);
            CREATE TABLE "Order regels" ("a b" TEXT);
            CREATE VIEW jong AS SELECT nr FROM klant WHERE geb > '1975';
            """
        )
    return tmp_path


CRM = "sqlite:///data/crm.db"


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_sqlite_has_one_schema_that_follows_what_is_stored(estate: Path, batch_rows: int) -> None:
    found = batches(estate, url=CRM, table="klant", batch_rows=batch_rows)
    assert len(found) == -(-4 // batch_rows)
    table = pa.Table.from_batches([batch.rows for batch in found])
    assert {name: str(type_) for name, type_ in zip(table.schema.names, table.schema.types, strict=True)} == {
        "nr": "int64",
        "naam": "string",
        "geb": "string",
        "saldo": "double",
        "mengsel": "string",
        "foto": "binary",
        "leeg": "string",
    }
    assert table.to_pylist()[1] == {
        "nr": 12345678901,
        "naam": "José",
        "geb": "15-03-1970",
        "saldo": 12.1,
        "mengsel": "5",
        "foto": b"\x00\xff",
        "leeg": None,
    }
    assert table.column("mengsel").to_pylist() == [None, "5", "x", "1.5"]


def test_query_with_parameters(estate: Path) -> None:
    table = read(
        estate,
        url=CRM,
        query="SELECT nr AS n FROM klant WHERE naam = :naam OR nr > :nr",
        parameters={"naam": "Piet", "nr": 9},
    )
    assert table.to_pylist() == [{"n": 12345678901}, {"n": 3}]
    assert "a parameter ':x' that `parameters` does not give" in error(estate, url=CRM, query="SELECT :x")


def test_an_empty_table_still_tells_its_columns(estate: Path) -> None:
    (only,) = batches(estate, url=CRM, table="Order regels")
    assert (only.rows.num_rows, only.rows.schema.names) == (0, ["a b"])


def test_delta_resumes_at_the_cursor_and_never_passes_over_nulls(estate: Path) -> None:
    options = {"url": CRM, "table": "klant", "cursor_column": "nr", "batch_rows": 2}
    found = batches(estate, **options)
    assert [batch.rows.column("nr").to_pylist() for batch in found] == [[None, 2], [3, 12345678901]]
    assert [batch.cursor for batch in found] == [{"from": 2}, {"from": 12345678901}]
    assert [
        row for batch in batches(estate, {"from": 3}, **options) for row in batch.rows.column("nr").to_pylist()
    ] == [
        None,
        3,
        12345678901,
    ]
    query = {"url": CRM, "query": "SELECT * FROM klant WHERE nr > :nr", "parameters": {"nr": 1}, "cursor_column": "nr"}
    (only,) = batches(estate, {"from": 3}, **query)
    assert only.rows.column("nr").to_pylist() == [3, 12345678901]
    assert "there is no column 'NRr' to serve as `cursor_column`; use one of: foto" in error(
        estate, url=CRM, table="klant", cursor_column="NRr"
    )


def test_check_and_discover(estate: Path) -> None:
    adapter = Sql(SqlOptions(url=CRM, table="klant"), base=estate)
    assert adapter.check().message == f"SQLite {sqlite3.sqlite_version}, table klant, 7 columns"
    found = {thing.name: [column.name for column in thing.columns] for thing in adapter.discover()}
    assert found == {
        "Order regels": ["a b"],
        "jong": ["nr"],
        "klant": ["nr", "naam", "geb", "saldo", "mengsel", "foto", "leeg"],
    }


def test_what_is_missing_is_named(estate: Path) -> None:
    assert error(estate, url=CRM, table="klanten") == "there is no table or view 'klanten'; did you mean 'klant'?"
    assert error(estate, url=CRM, query="SELECT nope FROM klant") == (
        "sqlite refuses the statement: no such column: nope; check the names in it and the rights of the user"
    )
    assert "no database file 'data/crn.db'" in error(
        estate, SourceUnavailable, url="sqlite:///data/crn.db", table="klant"
    )
    assert not (estate / "data/crn.db").exists()
    (estate / "data/text.db").write_text("no database at all, but long enough to be looked at" * 50)
    assert "sqlite cannot read what the statement asks for" in error(
        estate, url="sqlite:///data/text.db", query="SELECT 1 FROM klant"
    )


def test_a_text_that_cannot_be_read_is_not_shown(estate: Path) -> None:
    with sqlite3.connect(estate / "data/crm.db") as connection:
        connection.execute("INSERT INTO klant (naam) VALUES (CAST(x'4a616e73ff' AS TEXT))")
    message = error(estate, url=CRM, table="klant")
    assert "Jans" not in message
    assert "cast a column that it cannot read" in message


def test_a_sqlite_file_stays_in_the_estate_and_is_only_read(
    estate: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert "leads out of the estate" in error(elsewhere, url=f"sqlite:///../{estate.name}/data/crm.db", table="klant")
    assert read(elsewhere, url=f"sqlite:///{estate}/data/crm.db", table="klant").num_rows == 4
    with pytest.raises(SourceError):
        read(estate, url=CRM, query="DELETE FROM klant RETURNING nr")
    assert read(estate, url=CRM, table="klant").num_rows == 4


@pytest.mark.parametrize("url", ["nonsense", "sqlite", "://", "${HIDDEN_URL}"])
def test_what_is_no_url_is_refused_without_showing_it(estate: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIDDEN_URL", "geheim")
    message = error(estate, ConfigurationError, url=url, table="klant")
    assert message.startswith("`url` is not a SQLAlchemy URL; write it as")
    assert "geheim" not in message


def test_an_unknown_database_names_the_package(estate: Path) -> None:
    for url, name in (("nosuch://h/d", "nosuch"), ("postgresql+psycopg2://h/d", "psycopg2")):
        assert f"the Python package for '{name}'" in error(estate, ConfigurationError, url=url, table="t")


@pytest.mark.parametrize("options", [{}, {"table": "a", "query": "b"}, {"table": "a", "parameters": {"x": 1}}])
def test_either_table_or_query(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SqlOptions(url=CRM, **options)
    assert "geheim" not in repr(SqlOptions(url="postgresql://u:geheim@h/d", table="t"))


def execute(url: str, *statements: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


EVERY_TYPE = """CREATE TABLE kinds (i int, l bigint, n numeric(10,2), u numeric, x numeric, f float8, t text, c char(3),
    d date, ts timestamp, tz timestamptz, tm time, b bool, by bytea, j jsonb, uu uuid)"""


def test_postgres_types_hold_even_when_the_first_batch_is_null(postgres_url: str, tmp_path: Path) -> None:
    execute(
        postgres_url,
        EVERY_TYPE,
        "INSERT INTO kinds (i) VALUES (1), (2)",
        "INSERT INTO kinds VALUES (3, 2, 1.10, 1.123, 'NaN', 1.5, 'x', 'z', '2020-01-01', '2020-01-01 10:00', "
        "'2020-01-01 10:00+02', '10:00', true, '\\x00ff', '{\"é\": 1}', '00000000-0000-0000-0000-000000000001')",
    )
    found = batches(tmp_path, url=postgres_url, query="SELECT * FROM kinds ORDER BY i", batch_rows=2)
    table = pa.Table.from_batches([batch.rows for batch in found])
    assert [str(column.type) for column in table.schema] == [
        *("int64", "int64", "decimal128(10, 2)", "decimal128(38, 3)", "string", "double", "string", "string"),
        *("date32[day]", "timestamp[us]", "timestamp[us, tz=UTC]", "time64[us]", "bool", "binary", "string", "string"),
    ]
    assert list(table.to_pylist()[2].values()) == [
        *(3, 2, Decimal("1.10"), Decimal("1.123"), "NaN", 1.5, "x", "z  "),
        *(
            date(2020, 1, 1),
            datetime.fromisoformat("2020-01-01T10:00"),
            datetime(2020, 1, 1, 8, tzinfo=UTC),
            time(10),
            True,
            b"\x00\xff",
        ),
        *('{"é": 1}', "00000000-0000-0000-0000-000000000001"),
    ]


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        ("timestamptz", ["2020-01-01 10:00:00.5+00", "2020-01-02 10:00+00"]),
        ("date", ["2020-01-01", "2020-01-02"]),
        ("numeric", ["1.5", "2.25"]),
        ("text", ["a", "b"]),
    ],
)
def test_cursors_of_every_type_survive_json(postgres_url: str, tmp_path: Path, type_: str, values: list[str]) -> None:
    import json

    execute(
        postgres_url,
        f"CREATE TABLE t (c {type_})",
        f"INSERT INTO t VALUES (NULL), ('{values[0]}'), ('{values[1]}')",
    )
    options = {"url": postgres_url, "table": "t", "cursor_column": "c", "batch_rows": 1}
    cursors = [batch.cursor for batch in batches(tmp_path, **options)]
    last = json.loads(json.dumps(cursors[1]))
    assert last != cursors[0]
    assert sum(batch.rows.num_rows for batch in batches(tmp_path, last, **options)) == 2  # the last one and the null


def test_postgres_streams(postgres_url: str, tmp_path: Path) -> None:
    """The first batch comes while the server still computes; the rest is never computed."""
    query = "SELECT g, CASE WHEN g = 50000 THEN 1 / (g - 50000) END AS bad FROM generate_series(1, 100000) g"
    source = Sql(SqlOptions(url=postgres_url, query=query, batch_rows=10), base=tmp_path)
    first = next(read := source.read())
    assert first.rows.num_rows == 10
    read.close()  # type: ignore[attr-defined]
    message = error(tmp_path, url=postgres_url, query=query, batch_rows=10)
    assert "(22012)" in message


def test_postgres_refusals(postgres_url: str, postgres_database: Callable[[], str], tmp_path: Path) -> None:
    execute(postgres_url, "CREATE TABLE klant (nr int)", "CREATE SCHEMA s", "CREATE TABLE s.x (y int)")
    url = sa.make_url(postgres_url)

    def written(**parts: Any) -> str:
        return url.set(**parts).render_as_string(hide_password=False)

    place = f"postgresql at {url.host}"
    assert error(tmp_path, url=written(password="geheim"), table="klant").startswith(
        f"{place}:{url.port} refuses the user or the password; "
    )
    assert error(tmp_path, url=written(username="nobody"), table="klant").startswith(
        f"{place}:{url.port} refuses the user"
    )
    assert "has no such database" in error(tmp_path, url=written(database="nope"), table="klant")
    assert error(tmp_path, SourceUnavailable, url=written(port=1, password="geheim"), table="klant") == (
        f"{place}:1 does not answer; check host and port, and whether it runs"
    )
    assert error(tmp_path, url=postgres_url, table="klanten").endswith("did you mean 'klant'?")
    assert read(tmp_path, url=postgres_url, table="x", schema="s").schema.names == ["y"]
    assert 'column "nope" does not exist' in error(tmp_path, url=postgres_url, query="SELECT nope FROM klant")
    values = error(tmp_path, url=postgres_url, query="SELECT CAST(:x AS int)", parameters={"x": "geheim"})
    assert "geheim" not in values
    assert "(22P02)" in values


def test_a_password_from_the_environment_may_hold_any_character(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(
        postgres_url,
        "CREATE TABLE klant (nr int)",
        "CREATE ROLE odd LOGIN PASSWORD 'p@ss/w:rd#%%41'",
        "GRANT SELECT ON klant TO odd",
    )
    try:
        url = sa.make_url(postgres_url)
        monkeypatch.setenv("ODD_PASSWORD", "p@ss/w:rd#%41")
        reference = f"{url.drivername}://odd:${{ODD_PASSWORD}}@{url.host}:{url.port}/{url.database}"
        assert read(tmp_path, url=reference, table="klant").num_rows == 0
    finally:
        execute(postgres_url, "DROP OWNED BY odd", "DROP ROLE odd")


def test_postgres_is_only_read(postgres_url: str, tmp_path: Path) -> None:
    execute(postgres_url, "CREATE TABLE klant (nr int)", "CREATE SEQUENCE s")
    for query in ("INSERT INTO klant VALUES (1) RETURNING nr", "SELECT setval('s', 5)"):
        error(tmp_path, url=postgres_url, query=query)


def test_postgres_check_and_discover(postgres_url: str, tmp_path: Path) -> None:
    execute(postgres_url, EVERY_TYPE)
    adapter = Sql(SqlOptions(url=postgres_url, table="kinds"), base=tmp_path)
    assert adapter.check().message.endswith(", table kinds, 16 columns")
    (kinds,) = adapter.discover()
    types = {column.name: column.type for column in kinds.columns}
    assert (types["n"], types["u"], types["tz"]) == ("decimal128(10, 2)", "decimal", "timestamp[us, tz=UTC]")
