"""What every adapter promises (``adapters.base``), held against each of them.

To plug an adapter in, add a function to ``KINDS`` that puts ``PEOPLE`` where the adapter reads them and returns a
``Kind``.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import polars as pl
import pyarrow as pa
import pytest
from pydantic import ValidationError
from spyne import Application, Fault, Service, rpc
from spyne.model.complex import Array, ComplexModel
from spyne.model.primitive import Integer, Unicode
from spyne.protocol.soap import Soap11
from spyne.server.wsgi import WsgiApplication

from adapters.base import Adapter, Batch, Check, ReadOptions
from adapters.files import Files, FilesOptions
from adapters.mainframe import Mainframe, MainframeOptions
from adapters.mainframe.copybook.placing import load
from adapters.mainframe.encoder import encode
from adapters.odbc import Odbc, OdbcOptions
from adapters.soap import Soap, SoapOptions
from adapters.sql import Sql, SqlOptions
from foundation.errors import SourceError, SourceUnavailable

PEOPLE = [{"NR": str(10 + n), "NAME": f"Ünique {n}" if n != 3 else None} for n in range(7)]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One adapter with a source that holds ``PEOPLE``."""

    make: Callable[..., Adapter]  # takes options over ``options``
    options: dict[str, Any]
    model: type[ReadOptions]
    gone: dict[str, Any]  # options under which the system does not answer
    broken: dict[str, Any]  # options under which it answers, but not as described


def made(class_: Any, model: type[ReadOptions], base: Path, **options: Any) -> Callable[..., Adapter]:
    def make(**changed: Any) -> Adapter:
        adapter: Adapter = class_(model.model_validate(options | changed), base=base)
        return adapter

    return make


def kind(class_: Any, model: type[ReadOptions], base: Path, *, gone: Any, broken: Any, **options: Any) -> Kind:
    return Kind(make=made(class_, model, base, **options), options=options, model=model, gone=gone, broken=broken)


def csv(estate: Path, _: pytest.FixtureRequest) -> Kind:
    for name, people in (("a.csv", PEOPLE[:4]), ("b.csv", PEOPLE[4:])):
        rows = [f"{person['NR']},{person['NAME'] or ''}\n" for person in people]
        (estate / name).write_text("NR,NAME\n" + "".join(rows))
    (estate / "broken").write_text('NR,NAME\n1,"geheim\n')
    return kind(
        Files, FilesOptions, estate, format="csv", path="*.csv", gone={"path": "*.none"}, broken={"path": "broken"}
    )


def fixed(estate: Path, _: pytest.FixtureRequest) -> Kind:
    rows = [f"{person['NR']:4}{person['NAME'] or '':12}\n" for person in PEOPLE]
    (estate / "a.txt").write_text("".join(rows))
    (estate / "broken").write_text("1   geheim\n")
    columns = [{"name": "NR", "start": 1, "length": 4}, {"name": "NAME", "start": 5, "length": 12}]
    return kind(
        *(Files, FilesOptions, estate),
        format="fixed",
        path="a.txt",
        columns=columns,
        gone={"path": "none.txt"},
        broken={"path": "broken"},
    )


def jsonl(estate: Path, _: pytest.FixtureRequest) -> Kind:
    (estate / "a.jsonl").write_text("\n".join(json.dumps(person) for person in PEOPLE))
    (estate / "broken").write_text('{"NR": "geheim"')
    return kind(
        Files, FilesOptions, estate, format="jsonl", path="a.jsonl", gone={"path": "none"}, broken={"path": "broken"}
    )


def database(estate: Path) -> None:
    with sqlite3.connect(estate / "crm.db") as connection:
        connection.execute("CREATE TABLE people (NR TEXT, NAME TEXT)")
        connection.executemany("INSERT INTO people VALUES (:NR, :NAME)", PEOPLE)
    connection.close()


def sql(estate: Path, _: pytest.FixtureRequest) -> Kind:
    database(estate)
    return kind(
        *(Sql, SqlOptions, estate),
        url="sqlite:///crm.db",
        table="people",
        cursor_column="NR",
        gone={"url": "postgresql+psycopg://user:geheim@127.0.0.1:1/none"},
        broken={"table": "peeple"},
    )


def odbc(estate: Path, request: pytest.FixtureRequest) -> Kind:
    database(estate)
    driver = request.getfixturevalue("odbc_sqlite_driver")
    postgres = request.getfixturevalue("odbc_postgres_driver")
    return kind(
        *(Odbc, OdbcOptions, estate),
        connection=f"Driver={driver};Database=crm.db",
        table="people",
        cursor_column="NR",
        gone={"connection": f"Driver={postgres};Server=127.0.0.1;Port=1;Uid=user;Pwd=geheim"},
        broken={"table": "peeple"},
    )


def mainframe(estate: Path, _: pytest.FixtureRequest) -> Kind:
    (estate / "people.cpy").write_text("       01 P.\n           05 NR PIC X(2).\n           05 NAME PIC X(12).\n")
    data = encode(load([estate / "people.cpy"]), pa.Table.from_pylist(PEOPLE))
    (estate / "PEOPLE.PS").write_bytes(data)
    (estate / "broken").write_bytes(data[:-1])
    return kind(
        *(Mainframe, MainframeOptions, estate),
        path="PEOPLE.PS",
        copybook="people.cpy",
        gone={"path": "NONE.PS"},
        broken={"path": "broken"},
    )


class Person(ComplexModel):
    """One of ``PEOPLE`` in the service."""

    __namespace__ = "urn:people"
    NR = Unicode
    NAME = Unicode


class PeopleService(Service):
    """A service that pages through ``PEOPLE``, and one operation that fails."""

    @rpc(Integer, Integer, _returns=Array(Person))
    def People(ctx: Any, Page: int, Size: int) -> list[Person]:
        return [Person(**person) for person in PEOPLE[(Page - 1) * Size : Page * Size]]

    @rpc(_returns=Array(Person))
    def Failing(ctx: Any) -> list[Person]:
        raise Fault("Client.Locked", "geheim")


class Quiet(WSGIRequestHandler):
    """Does not log requests on the tests' standard error."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def soap(estate: Path, request: pytest.FixtureRequest) -> Kind:
    service = WsgiApplication(Application([PeopleService], "urn:people", in_protocol=Soap11(), out_protocol=Soap11()))
    server = make_server("127.0.0.1", 0, service, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    request.addfinalizer(stop)
    once = {"attempts": 1}
    return kind(
        *(Soap, SoapOptions, estate),
        wsdl=f"http://127.0.0.1:{server.server_port}/?wsdl",
        operation="People",
        records="PeopleResult.Person",
        paging={"style": "page", "page": "Page", "size": "Size", "page_size": 3},
        retries=once,
        gone={"wsdl": "http://127.0.0.1:1/?wsdl", "username": "user", "password": "geheim"},
        broken={"operation": "Failing", "records": "FailingResult.Person", "paging": {"style": "none"}},
    )


KINDS = {"csv": csv, "fixed": fixed, "jsonl": jsonl, "sql": sql, "odbc": odbc, "mainframe": mainframe, "soap": soap}


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    return KINDS[request.param](tmp_path, request)


def rows(batches: list[Batch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.rows.to_pylist()]


def test_it_is_an_adapter_made_from_its_own_options(source: Kind) -> None:
    adapter = source.make()
    assert isinstance(adapter, Adapter)
    assert type(adapter).options is source.model
    with pytest.raises(ValidationError, match="unknown_key"):
        source.make(unknown_key=1)


def test_check_reaches_the_source(source: Kind) -> None:
    found = source.make().check()
    assert isinstance(found, Check)
    assert found.message
    json.dumps(found.details)


def test_discover_lists_the_columns_that_read_yields(source: Kind) -> None:
    adapter = source.make()
    listed = [{column.name for column in thing.columns} for thing in adapter.discover()]
    assert {"NR", "NAME"} in listed
    assert next(iter(adapter.read())).rows.schema.names == ["NR", "NAME"]


@pytest.mark.parametrize("batch_rows", [1, 3, 1000])
def test_a_read_is_the_same_however_it_is_cut(source: Kind, batch_rows: int) -> None:
    batches = list(source.make(batch_rows=batch_rows).read())
    assert rows(batches) == PEOPLE
    assert len({batch.rows.schema for batch in batches}) == 1
    assert all(batch.rows.num_rows <= batch_rows for batch in batches)
    assert all(batch.origin for batch in batches)
    assert not any("nique" in batch.origin for batch in batches)


def test_an_adapter_reads_again_and_after_a_read_that_was_given_up(source: Kind) -> None:
    adapter = source.make(batch_rows=2)
    given_up = adapter.read()
    next(given_up)
    assert isinstance(given_up, Iterator)
    given_up.close()  # type: ignore[attr-defined]
    assert rows(list(adapter.read())) == rows(list(adapter.read())) == PEOPLE


def test_polars_takes_the_batches_as_they_are(source: Kind) -> None:
    for batch in source.make().read():
        assert pl.DataFrame(pl.from_arrow(batch.rows)).to_dicts() == batch.rows.to_pylist()


def test_a_cursor_resumes_without_losing_a_row(source: Kind) -> None:
    adapter = source.make(batch_rows=2)
    batches = list(adapter.read())
    for position, batch in enumerate(batches):
        if batch.cursor is not None:
            resumed = rows(list(adapter.read(json.loads(json.dumps(batch.cursor)))))
            rest = rows(batches[position + 1 :])
            assert [row for row in rest if row not in resumed] == []


def test_a_system_that_does_not_answer_may_later(source: Kind) -> None:
    adapter = source.make(**source.gone)
    for attempt in (adapter.check, lambda: list(adapter.read())):
        with pytest.raises(SourceUnavailable) as raised:
            attempt()
        (problem,) = raised.value.problems
        assert problem.remedy
        assert "geheim" not in str(raised.value)


def test_what_cannot_be_read_as_described_is_one_problem_with_a_remedy(source: Kind) -> None:
    with pytest.raises(SourceError) as raised:
        list(source.make(**source.broken).read())
    assert not isinstance(raised.value, SourceUnavailable)
    (problem,) = raised.value.problems
    assert problem.remedy
    assert "geheim" not in str(raised.value)


def test_options_do_not_show_secrets(source: Kind) -> None:
    assert "geheim" not in repr(source.model.model_validate(source.options | source.gone))
