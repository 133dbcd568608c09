"""The SOAP adapter against a real server on loopback: pages, faults, outages, passwords, and what it gives away."""

from __future__ import annotations

import base64
import datetime
import io
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pyarrow as pa
import pytest
from spyne import Application, Fault, Service, rpc
from spyne.model.complex import Array, ComplexModel
from spyne.model.primitive import Boolean, Date, DateTime, Decimal, Integer, Unicode, UnsignedShort
from spyne.protocol.soap import Soap11, Soap12
from spyne.server.wsgi import WsgiApplication

from adapters.base import Adapter
from adapters.soap import Soap, SoapOptions
from foundation.errors import ConfigurationError, SourceError, SourceUnavailable

NAMESPACE = "urn:example:crm"
PASSWORD = "correct horse"


class Phone(ComplexModel):
    __namespace__ = NAMESPACE
    kind = Unicode
    number = Unicode(nillable=True)


class Customer(ComplexModel):
    __namespace__ = NAMESPACE
    Id = Integer
    Name = Unicode
    BirthDate = Date
    Changed = DateTime
    Balance = Decimal
    Active = Boolean
    Score = UnsignedShort
    Phone = Phone.customize(max_occurs="unbounded")


class CustomerPage(ComplexModel):
    __namespace__ = NAMESPACE
    Customers = Array(Customer)
    HasMore = Boolean
    Total = Integer
    Next = Unicode


def customer(number: int) -> Customer:
    phones = [Phone(kind="mobile", number=f"06{number:08d}"), Phone(kind="home", number=None)]
    return Customer(
        Id=number,
        Name=f"Naam {number} <&>" if number % 3 else None,
        BirthDate=datetime.date(1970, 1, 1) + datetime.timedelta(number),
        Changed=datetime.datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001 - many services give no offset
        Balance=f"{number}.50",
        Active=number % 2 == 0,
        Score=number,
        Phone=phones[: number % 3],
    )


@dataclass
class Control:
    """How the server behaves, set by the tests."""

    records: int = 25
    cap: int = 1_000  # the most records that a page holds, whatever was asked
    plan: list[str] = field(default_factory=list)  # what happens to the next calls: drop, slow, drip, 503, page …
    calls: int = 0
    ignore_position: bool = False
    total: int | None = None

    def next(self, only: str | None = None) -> str:
        """Take the next act off the plan; with ``only``, no other."""
        return self.plan.pop(0) if self.plan and only in (None, self.plan[0]) else ""

    def page(self, start: int, size: int | None) -> CustomerPage:
        if self.ignore_position:
            start = 0
        end = min(start + min(size or 10, self.cap), self.records)
        return CustomerPage(
            Customers=[customer(number) for number in range(start + 1, end + 1)],
            HasMore=end < self.records,
            Total=self.records if self.total is None else self.total,
            Next=f"from-{end}" if end < self.records else None,
        )


def application(control: Control, protocol: type[Soap11]) -> WsgiApplication:
    class CustomerService(Service):
        @rpc(Integer, Integer, Unicode, _returns=CustomerPage)
        def ByPage(ctx, Page, Size, Region):
            return control.page((Page - 1) * (Size or 10), Size)

        @rpc(Integer, Integer, _returns=CustomerPage)
        def ByOffset(ctx, Offset, Size):
            return control.page(Offset, Size)

        @rpc(Unicode, Integer, _returns=CustomerPage)
        def ByToken(ctx, Token, Size):
            return control.page(int(Token.removeprefix("from-")) if Token else 0, Size)

        @rpc(_returns=Array(Customer))
        def All(ctx):
            return [customer(number) for number in range(1, control.records + 1)]

        @rpc(_returns=Array(Unicode))
        def Names(ctx):
            return ["a", "b"]

        @rpc(_returns=CustomerPage)
        def Failing(ctx):
            raise Fault("Client.CustomerLocked", "customer Jansen, born 1970-01-01, is locked")

    return WsgiApplication(Application([CustomerService], NAMESPACE, in_protocol=protocol(), out_protocol=protocol()))


class Handler(WSGIRequestHandler):
    def handle(self):
        control = self.server.control
        if control.next("drop"):
            return
        super().handle()

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def guarded(control: Control, inner: WsgiApplication):
    """Ask for the password the way the path says, and misbehave as planned."""

    def app(environ, start_response):
        if environ["REQUEST_METHOD"] == "GET":
            return inner(environ, start_response)
        control.calls += 1
        act = control.next()
        size = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(size)
        if environ["PATH_INFO"] == "/basic":
            given = environ.get("HTTP_AUTHORIZATION", "")
            if given != "Basic " + base64.b64encode(f"voeg:{PASSWORD}".encode()).decode():
                start_response("401 Unauthorized", [("Content-Type", "text/html")])
                return [b"<html>who are you, jansen?"]
        if environ["PATH_INFO"] == "/wsse" and f">{PASSWORD}<".encode() not in body:
            start_response("500 Error", [("Content-Type", "text/xml")])
            return [FAULT]
        if act == "slow":
            time.sleep(1.5)
        if act == "503":
            start_response("503 Unavailable", [("Content-Type", "text/html")])
            return [b"<html>secret page</html>"]
        if act == "html":
            start_response("200 OK", [("Content-Type", "text/html")])
            return [b"<html>log in, jansen</html>"]
        if act == "entity":
            start_response("200 OK", [("Content-Type", "text/xml")])
            return [ENTITY]
        if act == "cut":
            start_response("200 OK", [("Content-Type", "text/xml"), ("Content-Length", "5000")])
            return [b"<e:Envelope"]
        if act == "drip":
            start_response("200 OK", [("Content-Type", "text/xml")])
            return drip()
        environ["wsgi.input"] = io.BytesIO(body)
        return inner(environ, start_response)

    return app


FAULT = b"""<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault>
<faultcode xmlns:w="urn:w">w:FailedAuthentication</faultcode><faultstring>no, jansen</faultstring></e:Fault>
</e:Body></e:Envelope>"""
ENTITY = b"""<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><x>&a;</x></e:Body></e:Envelope>"""


def drip() -> Iterator[bytes]:
    """Give a little, for ever, always before the socket's own time-out."""
    yield b"<a>" + b" " * 8192
    while True:
        time.sleep(0.2)
        yield b" " * 4096


@dataclass
class Running:
    control: Control
    url: str
    server: Server

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(params=[Soap11, Soap12], ids=["soap-1.1", "soap-1.2"])
def service(request: pytest.FixtureRequest) -> Iterator[Running]:
    yield from running(request.param)


@pytest.fixture
def soap11() -> Iterator[Running]:
    yield from running(Soap11)


def running(protocol: type[Soap11]) -> Iterator[Running]:
    control = Control()
    server = Server(("127.0.0.1", 0), Handler)
    server.control = control  # type: ignore[attr-defined]
    server.set_app(guarded(control, application(control, protocol)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    result = Running(control, f"http://127.0.0.1:{server.server_port}", server)
    yield result
    result.stop()
    thread.join()


QUICK = {"attempts": 3, "first_wait": 0.01, "longest_wait": 0.02}


def adapter(service: Running, base: Path, /, **options: object) -> Soap:
    defaults: dict[str, object] = {
        "wsdl": f"{service.url}/?wsdl",
        "operation": "ByPage",
        "records": "ByPageResult.Customers.Customer",
        "paging": {
            "style": "page",
            "page": "Page",
            "size": "Size",
            "page_size": 10,
            "more": "ByPageResult.HasMore",
        },
        "retries": QUICK,
    }
    return Soap(SoapOptions.model_validate(defaults | options), base=base)


def read(source: Soap) -> list[dict[str, object]]:
    return [row for batch in source.read() for row in batch.rows.to_pylist()]


def ids(source: Soap) -> list[object]:
    return [row["Id"] for row in read(source)]


def all_at_once(service: Running, base: Path, /, **options: object) -> Soap:
    return adapter(service, base, operation="All", records="AllResult.Customer", paging={"style": "none"}, **options)


def test_it_is_an_adapter(soap11: Running, tmp_path: Path):
    assert isinstance(adapter(soap11, tmp_path), Adapter)


def test_records_have_the_types_of_the_schema(service: Running, tmp_path: Path):
    batches = list(adapter(service, tmp_path).read())
    phone = pa.struct({"kind": pa.string(), "number": pa.string()})
    assert batches[0].rows.schema == pa.schema(
        {
            "Id": pa.int64(),
            "Name": pa.string(),
            "BirthDate": pa.date32(),
            "Changed": pa.string(),
            "Balance": pa.string(),
            "Active": pa.bool_(),
            "Score": pa.uint16(),
            "Phone": pa.list_(phone),
        }
    )
    assert [batch.origin for batch in batches] == ["ByPage: page 1", "ByPage: page 2", "ByPage: page 3"]
    assert [batch.rows.num_rows for batch in batches] == [10, 10, 5]
    first, second = batches[0].rows.slice(1, 2).to_pylist()
    assert first == {
        "Id": 2,
        "Name": "Naam 2 <&>",
        "BirthDate": datetime.date(1970, 1, 3),
        "Changed": "2026-01-02T03:04:05",
        "Balance": "2.50",
        "Active": True,
        "Score": 2,
        "Phone": [{"kind": "mobile", "number": "0600000002"}, {"kind": "home", "number": None}],
    }
    assert (second["Id"], second["Name"], second["Phone"]) == (3, None, None)


@pytest.mark.parametrize(
    "paging",
    [
        {"style": "page", "page": "Page", "size": "Size", "page_size": 7},
        {"style": "page", "page": "Page", "size": "Size", "page_size": 5},
        {"style": "page", "page": "Page", "size": "Size", "page_size": 7, "more": "HasMore"},
        {"style": "page", "page": "Page", "size": "Size", "page_size": 25, "total": "Total"},
        {"style": "offset", "offset": "Offset", "size": "Size", "page_size": 7},
        {"style": "offset", "offset": "Offset", "size": "Size", "page_size": 7, "more": "HasMore", "total": "Total"},
        {"style": "token", "token": "Token", "next": "Next", "size": "Size", "page_size": 7},
        {"style": "token", "token": "Token", "next": "Next", "total": "Total"},
    ],
)
def test_every_style_of_paging_reads_everything_once(soap11: Running, tmp_path: Path, paging: dict[str, object]):
    operation = {"page": "ByPage", "offset": "ByOffset", "token": "ByToken"}[str(paging["style"])]
    places = {key: f"{operation}Result.{paging[key]}" for key in ("more", "total", "next") if key in paging}
    source = adapter(
        soap11,
        tmp_path,
        operation=operation,
        records=f"{operation}Result.Customers.Customer",
        paging=paging | places,
    )
    assert ids(source) == list(range(1, 26))


def test_a_service_that_gives_less_than_asked_is_still_read_whole(soap11: Running, tmp_path: Path):
    soap11.control.cap = 3
    source = adapter(
        soap11,
        tmp_path,
        operation="ByOffset",
        records="ByOffsetResult.Customers.Customer",
        paging={"style": "offset", "offset": "Offset", "size": "Size", "page_size": 10},
    )
    assert ids(source) == list(range(1, 26))


def test_without_paging_one_answer_is_cut_into_batches(service: Running, tmp_path: Path):
    source = all_at_once(service, tmp_path, batch_rows=10)
    assert [batch.rows.num_rows for batch in source.read()] == [10, 10, 5]


def test_no_records_are_no_rows(service: Running, tmp_path: Path):
    service.control.records = 0
    assert read(adapter(service, tmp_path)) == []
    assert read(all_at_once(service, tmp_path)) == []


def test_plain_values_are_one_column(soap11: Running, tmp_path: Path):
    source = adapter(soap11, tmp_path, operation="Names", records="NamesResult.string", paging={"style": "none"})
    assert read(source) == [{"string": "a"}, {"string": "b"}]


def test_check_and_discover(service: Running, tmp_path: Path):
    found = adapter(service, tmp_path).check()
    version = "1.2" if "1.2" in found.message else "1.1"
    assert found.message == f"SOAP {version}, ByPage: 10 records in the first answer, 8 columns"
    discovered = {item.name: item for item in adapter(service, tmp_path).discover()}
    assert set(discovered) == {
        "ByPage: ByPageResult.Customers.Customer",
        "ByOffset: ByOffsetResult.Customers.Customer",
        "ByToken: ByTokenResult.Customers.Customer",
        "All: AllResult.Customer",
        "Failing: FailingResult.Customers.Customer",
    }
    assert [(column.name, column.type) for column in discovered["All: AllResult.Customer"].columns] == [
        ("Id", "int64"),
        ("Name", "string"),
        ("BirthDate", "date32[day]"),
        ("Changed", "string"),
        ("Balance", "string"),
        ("Active", "bool"),
        ("Score", "uint16"),
        ("Phone[*].kind", "string"),
        ("Phone[*].number", "string"),
    ]


def test_a_fault_is_told_by_its_code_only(service: Running, tmp_path: Path):
    source = adapter(
        service, tmp_path, operation="Failing", records="FailingResult.Customers.Customer", paging={"style": "none"}
    )
    with pytest.raises(SourceError) as caught:
        read(source)
    assert not isinstance(caught.value, SourceUnavailable)
    assert "CustomerLocked" in str(caught.value)
    assert "Jansen" not in str(caught.value) and "1970" not in str(caught.value)
    assert service.control.calls == 1  # a fault is an answer: not asked again


@pytest.mark.parametrize("trouble", ["drop", "503", "slow", "cut"])
def test_a_passing_outage_between_pages_is_ridden_out(soap11: Running, tmp_path: Path, trouble: str):
    source = adapter(soap11, tmp_path, timeout=0.5)
    batches = source.read()
    first = next(batches)
    soap11.control.plan[:] = [trouble]
    rest = list(batches)
    numbers = [row["Id"] for batch in [first, *rest] for row in batch.rows.to_pylist()]
    assert numbers == list(range(1, 26))


def test_a_service_that_goes_down_between_pages_is_no_complete_read(soap11: Running, tmp_path: Path):
    batches = adapter(soap11, tmp_path).read()
    next(batches)
    soap11.stop()
    with pytest.raises(SourceUnavailable, match="refused or broken off"):
        list(batches)


def test_retries_are_counted_and_bounded_in_time(soap11: Running, tmp_path: Path):
    soap11.control.plan[:] = ["503"] * 10
    with pytest.raises(SourceUnavailable, match="HTTP 503"):
        read(adapter(soap11, tmp_path))
    assert soap11.control.calls == 3
    soap11.control.plan[:] = ["503"] * 10
    started = time.monotonic()
    with pytest.raises(SourceUnavailable):
        read(adapter(soap11, tmp_path, retries={"attempts": 100, "first_wait": 0.2, "total": 0.5}))
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("trouble", ["slow", "drip"])
def test_a_slow_answer_is_given_up(soap11: Running, tmp_path: Path, trouble: str):
    source = adapter(soap11, tmp_path, timeout=0.6, retries={"attempts": 1})
    soap11.control.plan[:] = [trouble]
    started = time.monotonic()
    with pytest.raises(SourceUnavailable, match=r"no complete answer within 0\.6 s"):
        read(source)
    assert time.monotonic() - started < 5


def test_an_unreachable_service_is_unavailable(soap11: Running, tmp_path: Path):
    soap11.stop()
    with pytest.raises(SourceUnavailable, match="refused or broken off") as caught:
        adapter(soap11, tmp_path).check()
    assert f"{soap11.url}/: " in str(caught.value)


def test_the_wsdl_is_cached_between_reads(soap11: Running, tmp_path: Path):
    read(adapter(soap11, tmp_path))
    assert (tmp_path / "var" / "wsdl-cache.db").is_file()
    calls = soap11.control.calls
    soap11.stop()
    with pytest.raises(SourceUnavailable, match="ByPage: the connection"):  # the call fails, no longer the WSDL
        read(adapter(soap11, tmp_path))
    assert soap11.control.calls == calls


@pytest.mark.parametrize(
    ("path", "authentication", "said"), [("wsse", "wsse", "FailedAuthentication"), ("basic", "basic", "HTTP 401")]
)
def test_passwords_by_reference(
    soap11: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, authentication: str, said: str
):
    options: dict[str, object] = {
        "address": f"{soap11.url}/{path}",
        "username": "voeg",
        "password": "${CRM_PASSWORD}",
        "authentication": authentication,
    }
    monkeypatch.setenv("CRM_PASSWORD", PASSWORD)
    assert len(read(adapter(soap11, tmp_path, **options))) == 25
    monkeypatch.setenv("CRM_PASSWORD", "wrong staple")
    calls = soap11.control.calls
    with pytest.raises(SourceError) as caught:
        read(adapter(soap11, tmp_path, **options))
    assert not isinstance(caught.value, SourceUnavailable)
    assert soap11.control.calls == calls + 1  # a wrong password is not tried again: accounts get locked
    assert said in str(caught.value) and "check username, password" in str(caught.value)
    assert "wrong staple" not in str(caught.value) and "jansen" not in str(caught.value)
    monkeypatch.delenv("CRM_PASSWORD")
    with pytest.raises(ConfigurationError, match="CRM_PASSWORD is not set"):
        read(adapter(soap11, tmp_path, **options))


def test_a_password_never_shows(soap11: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG")
    source = adapter(soap11, tmp_path, username="voeg", password=PASSWORD, address=f"{soap11.url}/wsse")
    assert len(read(source)) == 25
    shown = caplog.text + repr(source) + repr(source._options)
    assert PASSWORD not in shown and "Naam 1" not in shown


@pytest.mark.parametrize(("trouble", "said"), [("html", "no SOAP"), ("entity", "no SOAP")])
def test_an_answer_that_is_no_soap(soap11: Running, tmp_path: Path, trouble: str, said: str):
    source = adapter(soap11, tmp_path)
    soap11.control.plan[:] = [trouble]
    with pytest.raises(SourceError, match=said) as caught:
        read(source)
    assert not isinstance(caught.value, SourceUnavailable)
    assert "jansen" not in str(caught.value) and "root:" not in str(caught.value)


def test_a_service_that_repeats_itself_is_found_out(soap11: Running, tmp_path: Path):
    soap11.control.ignore_position = True
    with pytest.raises(SourceError, match="page 2 is the same as the page before it"):
        read(adapter(soap11, tmp_path))
    source = adapter(
        soap11,
        tmp_path,
        operation="ByToken",
        records="ByTokenResult.Customers.Customer",
        paging={"style": "token", "token": "Token", "next": "ByTokenResult.Next"},
    )
    with pytest.raises(SourceError, match="page 2 gives a token that was used before"):
        read(source)


def test_a_count_that_does_not_add_up_is_no_complete_read(soap11: Running, tmp_path: Path):
    soap11.control.total = 30
    for more in ({}, {"more": "ByPageResult.HasMore"}):
        paging = {"style": "page", "page": "Page", "size": "Size", "page_size": 10, "total": "ByPageResult.Total"}
        with pytest.raises(SourceError, match=r"counts 30 records but gave 25|page 4 is empty"):
            read(adapter(soap11, tmp_path, paging=paging | more))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"operation": "ByPag"}, "no operation 'ByPag'; did you mean 'ByPage'"),
        ({"service": "Nothing"}, "no service 'Nothing'"),
        ({"port": "Nothing"}, "no SOAP port 'Nothing'"),
        ({"records": "ByPageResult.Customers.Custmer"}, "no 'Custmer' in .*; did you mean 'Customer'"),
        ({"records": "ByPageResult.HasMore.X"}, "goes on below a plain value"),
        ({"request": {"RegionX": "x"}}, "no field 'RegionX'; did you mean 'Region'"),
        ({"paging": {"style": "page", "page": "Pag"}}, "paging.page: .* no field 'Pag'; did you mean 'Page'"),
        (
            {"paging": {"style": "page", "page": "Page", "more": "ByPageResult.HaveMore"}},
            "paging.more: the answer has no 'HaveMore' in .*; did you mean 'HasMore'",
        ),
    ],
)
def test_options_that_do_not_fit_the_wsdl(soap11: Running, tmp_path: Path, options: dict[str, object], said: str):
    with pytest.raises(ConfigurationError, match=said):
        adapter(soap11, tmp_path, **options).check()
    assert soap11.control.calls == 0


def test_a_request_of_the_wrong_type_does_not_show_its_value(
    soap11: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SIZE", "top-secret")
    source = adapter(soap11, tmp_path, request={"Size": "${SIZE}"}, paging={"style": "page", "page": "Page"})
    with pytest.raises((ConfigurationError, SourceError)) as caught:
        source.check()
    assert "top-secret" not in str(caught.value)


def test_a_wsdl_from_a_file(soap11: Running, tmp_path: Path):
    import requests

    (tmp_path / "crm.wsdl").write_bytes(requests.get(f"{soap11.url}/?wsdl", timeout=5).content)
    assert len(read(adapter(soap11, tmp_path, wsdl="crm.wsdl"))) == 25
    with pytest.raises(SourceError, match=r"none\.wsdl: cannot read the WSDL: No such file"):
        adapter(soap11, tmp_path, wsdl="none.wsdl").check()
    (tmp_path / "bad.wsdl").write_text("<html>")
    with pytest.raises(SourceError, match=r"bad\.wsdl: not a WSDL"):
        adapter(soap11, tmp_path, wsdl="bad.wsdl").check()
    (tmp_path / "dtd.wsdl").write_bytes(ENTITY)
    with pytest.raises(SourceError, match="DTD or entities, which are refused"):
        adapter(soap11, tmp_path, wsdl="dtd.wsdl").check()


def test_unknown_options_are_refused():
    with pytest.raises(ValueError, match="Extra inputs"):
        SoapOptions.model_validate({"wsdl": "a", "operation": "b", "records": "c", "pagign": {}})


def test_a_password_needs_a_username():
    with pytest.raises(ValueError, match="add `username:`") as caught:
        SoapOptions.model_validate({"wsdl": "a", "operation": "b", "records": "c", "password": PASSWORD})
    assert PASSWORD not in str(caught.value)
