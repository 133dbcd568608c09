"""The SOAP services of the landscape, served on loopback: WSDL, paged responses, faults, and a log-in.

A service answers from the records that the build wrote, one XML element per line; it keeps where every line begins
and reads a page when it is asked for. Only what a well-behaved client needs is here: one operation per service,
SOAP 1.1, document/literal.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from lxml import etree

USERNAME = "voeg"
PASSWORD = "mortar"  # noqa: S105 - of a simulated service on loopback, named in its mapping's defaults
"""What the services expect, by WS-Security UsernameToken (text) or HTTP Basic."""

_ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
_SECURITY = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
_MOST_ROWS = 5_000  # of a page
_LARGEST_REQUEST = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service: its address, its records, and the words of its operation."""

    name: str  # its path, and its WSDL in the package's data
    records: str  # file in the landscape's folder
    namespace: str
    operation: str
    start: str  # request: page number from 1, or the number of the first record
    size: str  # request: how many records
    by_page: bool
    response: str  # ``{rows}``, ``{page}``, ``{pages}``, ``{total}``


SERVICES = (
    Service(
        name="crm",
        records="crm/customers.xml",
        namespace="urn:voegtelecom:crm:v3",
        operation="GetCustomers",
        start="page",
        size="pageSize",
        by_page=True,
        response="<page>{page}</page><totalPages>{pages}</totalPages><customers>{rows}</customers>",
    ),
    Service(
        name="contact_centre",
        records="contact_centre/callers.xml",
        namespace="urn:voegtelecom:contactcentrum",
        operation="ZoekBellers",
        start="Vanaf",
        size="Aantal",
        by_page=False,
        response="<Totaal>{total}</Totaal><Bellers>{rows}</Bellers>",
    ),
)
"""The services of the landscape."""


class _Fault(Exception):
    """Something to answer with a SOAP fault."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class _Records:
    """The lines of a file, by number."""

    def __init__(self, file: Path) -> None:
        self._file = file
        data = np.memmap(file, dtype=np.uint8, mode="r") if file.stat().st_size else np.zeros(0, dtype=np.uint8)
        self._starts = np.concatenate([[0], np.flatnonzero(data == ord("\n")) + 1])

    def __len__(self) -> int:
        return len(self._starts) - 1

    def slice(self, first: int, count: int) -> str:
        """Return ``count`` lines from number ``first`` (from 0), without line ends."""
        first = min(max(first, 0), len(self))
        last = min(first + count, len(self))
        with self._file.open("rb") as file:
            file.seek(int(self._starts[first]))
            return file.read(int(self._starts[last] - self._starts[first])).decode().replace("\n", "")


@contextmanager
def serve(folder: Path, *, port: int = 0) -> Iterator[dict[str, str]]:
    """Serve the landscape in ``folder`` on loopback until the block ends.

    Args:
        folder: a landscape that was built.
        port: of loopback; 0 takes a free one.

    Yields:
        The WSDL address of every service, by its name.
    """
    records = {service.name: _Records(folder / service.records) for service in SERVICES}
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(records))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="landscape-services", daemon=True)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        yield {service.name: f"{address}/{service.name}?wsdl" for service in SERVICES}
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(records: dict[str, _Records]) -> type[BaseHTTPRequestHandler]:
    services = {service.name: service for service in SERVICES}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Answer with the WSDL."""
            name, _, query = self.path.lstrip("/").partition("?")
            if name not in services or query.lower() != "wsdl":
                self._send(404, b"not found", "text/plain")
                return
            host = self.headers.get("Host", "127.0.0.1")
            text = files("landscape").joinpath("data", "wsdl", f"{name}.wsdl").read_text(encoding="utf-8")
            self._send(200, text.replace("{location}", escape(f"http://{host}/{name}")).encode(), "text/xml")

        def do_POST(self) -> None:
            """Answer a request with a page or a fault."""
            body = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), _LARGEST_REQUEST))
            service = services.get(self.path.lstrip("/"))
            if service is None:
                self._send(404, b"not found", "text/plain")
                return
            try:
                content = _answer(service, records[service.name], body, self.headers.get("Authorization"))
            except _Fault as fault:
                text = f"<faultcode>s:{fault.code}</faultcode><faultstring>{escape(str(fault))}</faultstring>"
                self._send(500, _enveloped(f"<s:Fault>{text}</s:Fault>"), "text/xml; charset=utf-8")
            else:
                self._send(200, _enveloped(content), "text/xml; charset=utf-8")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            """Say nothing."""

        def _send(self, status: int, content: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler


def _enveloped(content: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<s:Body>{content}</s:Body></s:Envelope>"
    ).encode()


def _answer(service: Service, records: _Records, body: bytes, authorization: str | None) -> str:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        envelope = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        raise _Fault("Client", "the request is not XML") from None
    if not _logged_in(envelope, authorization):
        raise _Fault("Client.Authentication", "unknown user name or password")
    request = envelope.find(f"{_ENVELOPE}Body/{{{service.namespace}}}{service.operation}")
    if request is None:
        raise _Fault("Client", f"the service has one operation: {service.operation}")
    start, size = _number(request, service.start), _number(request, service.size)
    if not 1 <= size <= _MOST_ROWS:
        raise _Fault("Client", f"{service.size} must be from 1 to {_MOST_ROWS}")
    first = (start - 1) * size if service.by_page else start
    if first < 0:
        raise _Fault("Client", f"{service.start} is too low")
    values = {"page": start, "pages": -(-len(records) // size), "total": len(records)}
    response = service.response.format(rows=records.slice(first, size), **values)
    return f'<r:{service.operation}Response xmlns:r="{service.namespace}">{response}</r:{service.operation}Response>'


def _number(request: etree._Element, name: str) -> int:
    text = request.findtext(name) or ""
    if not text.strip().isdecimal():
        raise _Fault("Client", f"{name} must be a whole number")
    return int(text)


def _logged_in(envelope: etree._Element, authorization: str | None) -> bool:
    token = envelope.find(f"{_ENVELOPE}Header/{_SECURITY}Security/{_SECURITY}UsernameToken")
    if token is not None:
        given = (token.findtext(f"{_SECURITY}Username") or "", token.findtext(f"{_SECURITY}Password") or "")
    elif authorization and authorization.startswith("Basic "):
        try:
            user, _, password = (
                base64.b64decode(authorization.removeprefix("Basic "), validate=True).decode().partition(":")
            )
        except (binascii.Error, UnicodeDecodeError):
            return False
        given = (user, password)
    else:
        return False
    return hmac.compare_digest("\0".join(given).encode(), f"{USERNAME}\0{PASSWORD}".encode())
