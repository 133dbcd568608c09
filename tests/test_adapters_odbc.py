"""Databases over ODBC: the real drivers of SQLite and PostgreSQL."""

from __future__ import annotations

import builtins
import sqlite3
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from adapters.base import Batch, Cursor
from adapters.odbc import Odbc, OdbcOptions
from foundation.errors import ConfigurationError, SourceError, SourceUnavailable, VoegError


def batches(base: Path, cursor: Cursor | None = None, **options: Any) -> list[Batch]:
    return list(Odbc(OdbcOptions(**options), base=base).read(cursor))


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
            CREATE TABLE klant (nr INTEGER, naam TEXT, geb DATE, saldo NUMERIC(10,2), score INTEGER, actief BOOLEAN,
                foto BLOB, leeg TEXT, maat REAL);
            INSERT INTO klant VALUES (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
            INSERT INTO klant VALUES (12345678901, 'José', '15-03-1970', 12.10, 5, 1, x'00ff', NULL, 0.1);
            INSERT INTO klant VALUES (2, 'Zoë', '1980-01-01', 7, 'n/a', 0, NULL, NULL, 2);
            INSERT INTO klant VALUES (3, 'Piet', NULL, NULL, NULL, 'J', NULL, NULL, NULL);
            """
        )
    return tmp_path


@pytest.fixture
def crm(odbc_sqlite_driver: str) -> str:
    return f"Driver={odbc_sqlite_driver};Database=data/crm.db"


@pytest.mark.parametrize("batch_rows", [1, 100])
def test_sqlite_gives_what_is_stored_not_what_its_driver_makes_of_it(estate: Path, crm: str, batch_rows: int) -> None:
    found = batches(estate, connection=crm, table="klant", batch_rows=batch_rows)
    table = pa.Table.from_batches([batch.rows for batch in found])
    assert [str(type_) for type_ in table.schema.types] == [
        *("int64", "string", "string", "double", "string", "string", "binary", "string", "double")
    ]
    assert [list(row.values()) for row in table.to_pylist()] == [
        [None] * 9,
        [12345678901, "José", "15-03-1970", 12.1, "5", "1", b"\x00\xff", None, 0.1],
        [2, "Zoë", "1980-01-01", 7.0, "n/a", "0", None, None, 2.0],
        [3, "Piet", None, None, None, "J", None, None, None],
    ]


def test_query_parameters_and_delta(estate: Path, crm: str) -> None:
    query = {"connection": crm, "query": "SELECT nr AS n, geb FROM klant WHERE nr > ?", "parameters": [2]}
    assert sorted(read(estate, **query).column("n").to_pylist()) == [3, 12345678901]
    delta = {"connection": crm, "table": "klant", "cursor_column": "nr", "batch_rows": 2}
    assert [batch.cursor for batch in batches(estate, **delta)] == [{"from": 2}, {"from": 12345678901}]
    again = [row for batch in batches(estate, {"from": 3}, **delta) for row in batch.rows.column("nr").to_pylist()]
    assert again == [None, 3, 12345678901]
    (only,) = batches(estate, {"from": 3}, **query, cursor_column="n")
    assert only.rows.column("n").to_pylist() == [3, 12345678901]
    assert "no such column: q.nrr" in error(estate, connection=crm, table="klant", cursor_column="nrr")


def test_an_empty_result_still_tells_its_columns(estate: Path, crm: str) -> None:
    (only,) = batches(estate, connection=crm, query="SELECT nr, naam FROM klant WHERE 1 = 0")
    assert (only.rows.num_rows, only.rows.schema.names) == (0, ["nr", "naam"])


def test_check_and_discover(estate: Path, crm: str) -> None:
    adapter = Odbc(OdbcOptions(connection=crm, table="klant"), base=estate)
    assert adapter.check().message.startswith("SQLite 3.")
    assert adapter.check().message.endswith(", table klant, 9 columns")
    (klant,) = adapter.discover()
    assert klant.name == "klant"
    assert [(column.name, column.note) for column in klant.columns][:3] == [
        ("nr", "INTEGER"),
        ("naam", "TEXT"),
        ("geb", "DATE"),
    ]


def test_what_is_missing_is_named(estate: Path, crm: str) -> None:
    assert error(estate, connection=crm, table="klanten") == (
        "there is no table or view 'klanten'; did you mean 'klant'?"
    )
    assert "no such column: nope" in error(estate, connection=crm, query="SELECT nope FROM klant")
    assert "(near" in error(estate, connection=crm, query="SELEC")
    assert "no database file 'data/crn.db'" in error(
        estate, SourceUnavailable, connection=crm.replace("crm.db", "crn.db"), table="klant"
    )
    assert not (estate / "data/crn.db").exists()
    assert "leads out of the estate" in error(estate, connection=crm.replace("data/", "../"), table="klant")


def test_a_missing_driver_or_data_source_is_named(estate: Path) -> None:
    message = error(estate, connection="Driver=/nowhere/libnone.so;Uid=u;Pwd=geheim", table="t")
    assert message.startswith("the driver of the ODBC connection is not installed; install it (apt-get install")
    assert "geheim" not in message
    assert error(estate, dsn="nowhere", table="t").startswith(
        "ODBC data source nowhere names no data source or driver that is known here; "
    )


def test_a_missing_driver_manager_names_the_package(estate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `import pyodbc` says on a machine without unixODBC."""
    original = builtins.__import__

    def without_unixodbc(name: str, *rest: Any) -> Any:
        if name == "pyodbc":
            raise ImportError("libodbc.so.2: cannot open shared object file: No such file or directory")
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_unixodbc)
    message = error(estate, ConfigurationError, connection="Driver=x", table="t")
    assert message.startswith(
        "the driver manager unixODBC is not installed; install it: apt-get install unixodbc, and the driver"
    )


def test_importing_the_adapter_does_not_import_pyodbc() -> None:
    import subprocess
    import sys

    check = "import sys, adapters.odbc; sys.exit('pyodbc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=Path(__file__).parent.parent, check=False).returncode == 0


@pytest.mark.parametrize(
    "options",
    [
        {"table": "t"},
        {"dsn": "d"},
        {"dsn": "d", "table": "t", "query": "q"},
        {"dsn": "d", "table": "t", "parameters": [1]},
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OdbcOptions(**options)
    assert "geheim" not in repr(OdbcOptions(connection="Pwd=geheim", table="t"))


@pytest.fixture
def postgres(postgres_url: str, odbc_postgres_driver: str) -> tuple[str, sa.Engine]:
    url = sa.make_url(postgres_url)
    written = (
        f"Driver={odbc_postgres_driver};Server={url.host};Port={url.port};Database={url.database};"
        f"Uid={url.username};Pwd={url.password}"
    )
    return written, sa.create_engine(postgres_url, poolclass=sa.NullPool)


def execute(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_postgres_types_hold_even_when_the_first_batch_is_null(postgres: tuple[str, sa.Engine], tmp_path: Path) -> None:
    written, engine = postgres
    execute(
        engine,
        "CREATE TABLE kinds (i int, l bigint, n numeric(10,2), u numeric, f float8, t text, d date, ts timestamp,"
        " by bytea)",
        "INSERT INTO kinds (i) VALUES (1), (2)",
        "INSERT INTO kinds VALUES (3, 12345678901, 1.10, 1.12345678901, 1.5, 'Zoë', '2020-01-01', '2020-01-01 10:00',"
        " '\\x00ff')",
    )
    found = batches(tmp_path, connection=written, query="SELECT * FROM kinds ORDER BY i", batch_rows=2)
    table = pa.Table.from_batches([batch.rows for batch in found])
    assert [str(column.type) for column in table.schema] == [
        *("int64", "int64", "decimal128(10, 2)", "decimal128(38, 11)", "double", "string"),
        *("date32[day]", "timestamp[us]", "binary"),
    ]
    assert list(table.to_pylist()[2].values()) == [
        *(3, 12345678901, Decimal("1.10"), Decimal("1.12345678901"), 1.5, "Zoë"),
        *(date(2020, 1, 1), datetime.fromisoformat("2020-01-01T10:00"), b"\x00\xff"),
    ]


def test_postgres_streams(postgres: tuple[str, sa.Engine], tmp_path: Path) -> None:
    """The first batch comes while the server still computes; the rest is never computed."""
    written, _ = postgres
    query = "SELECT g, CASE WHEN g = 50000 THEN 1 / (g - 50000) END AS bad FROM generate_series(1, 100000) g"
    read = Odbc(OdbcOptions(connection=written, query=query, batch_rows=10), base=tmp_path).read()
    assert next(read).rows.num_rows == 10
    read.close()  # type: ignore[attr-defined]
    assert "(22012)" in error(tmp_path, connection=written, query=query, batch_rows=10)


def test_postgres_refusals(postgres: tuple[str, sa.Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, engine = postgres
    execute(engine, "CREATE TABLE klant (nr int)", "CREATE SCHEMA s", "CREATE TABLE s.x (y int)")
    stem, _, password = written.partition("Pwd=")
    assert error(tmp_path, connection=f"{stem}Pwd=geheim", table="klant").startswith(
        "the ODBC connection refuses the user or the password; check both"
    )
    gone = written.replace(f"Port={engine.url.port}", "Port=1")
    assert error(tmp_path, SourceUnavailable, connection=gone, table="klant").startswith(
        "the ODBC connection does not answer"
    )
    nowhere = written.replace(f"Database={engine.url.database}", "Database=nope")
    assert "has no such database" in error(tmp_path, connection=nowhere, table="klant")
    assert error(tmp_path, connection=written, table="klanten").endswith("did you mean 'klant'?")
    assert read(tmp_path, connection=written, table="x", schema="s").schema.names == ["y"]
    assert 'column "nope" does not exist' in error(tmp_path, connection=written, query="SELECT nope FROM klant")
    values = error(tmp_path, connection=written, query="SELECT CAST(CAST(? AS text) AS int)", parameters=["geheim"])
    assert "geheim" not in values
    assert "(22P02)" in values
    monkeypatch.setenv("ODBC_PASSWORD", password)
    assert read(tmp_path, connection=f"{stem}Pwd=${{ODBC_PASSWORD}}", table="klant").num_rows == 0
    (tmp_path / "secret").write_text(password + "\n")
    assert read(tmp_path, connection=f"{stem}Pwd=file:secret", table="klant").num_rows == 0


def test_a_password_from_the_environment_may_hold_any_character(
    postgres: tuple[str, sa.Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, engine = postgres
    execute(
        engine,
        "CREATE TABLE klant (nr int)",
        "CREATE ROLE odd_odbc LOGIN PASSWORD 'p;Database=x}'",
        "GRANT SELECT ON klant TO odd_odbc",
    )
    try:
        monkeypatch.setenv("ODD_PASSWORD", "p;Database=x}")
        stem = written.partition("Uid=")[0]
        odd = f"{stem}Uid=odd_odbc;Pwd=${{ODD_PASSWORD}}"
        assert read(tmp_path, connection=odd, table="klant").num_rows == 0
    finally:
        execute(engine, "DROP OWNED BY odd_odbc", "DROP ROLE odd_odbc")


def test_nothing_is_ever_committed(postgres: tuple[str, sa.Engine], tmp_path: Path) -> None:
    written, engine = postgres
    execute(engine, "CREATE TABLE klant (nr int)")
    assert read(tmp_path, connection=written, query="INSERT INTO klant VALUES (1) RETURNING nr").num_rows == 1
    assert read(tmp_path, connection=written, table="klant").num_rows == 0
