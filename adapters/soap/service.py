"""A SOAP service: its WSDL loaded and cached, its operation called with retries, its answers checked.

zeep reads the WSDL, writes the requests and signs them; the answer is taken as XML, so that faults, HTTP errors and
records are told apart here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import requests
import tenacity
import zeep
import zeep.exceptions
from lxml import etree
from pydantic import JsonValue
from requests.auth import HTTPBasicAuth
from zeep.loader import parse_xml
from zeep.wsdl.bindings.soap import Soap12Binding, SoapBinding
from zeep.wsse.username import UsernameToken

from adapters import paths
from adapters.soap import failures
from adapters.soap.options import SoapOptions
from adapters.soap.records import Node, local_name, node_of
from adapters.soap.transport import Answer, Transport
from foundation.errors import ConfigurationError, Location, Problem, SourceError, SourceUnavailable, did_you_mean
from foundation.references import resolve

_ENVELOPES = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")
_SETTINGS = zeep.Settings(
    raw_response=True,
    forbid_dtd=True,
    forbid_entities=True,
    xml_huge_tree=True,  # texts of more than 10 MB
    force_https=False,  # call the address that is written down
)
_Result = TypeVar("_Result")


class Service:
    """One operation of a service, ready to be called.

    Raises (on construction):
        SourceUnavailable: the WSDL cannot be loaded now.
        SourceError: it is refused, or is no WSDL.
        ConfigurationError: the service, port, operation or a field of the request is not in the WSDL, or a secret
            cannot be resolved.
    """

    def __init__(self, options: SoapOptions, *, base: Path) -> None:
        self._options = options
        self._base = base
        transport = Transport(options, session=self._session(), folder=base / "var")
        self._client = self._retry(lambda: self._load(transport))
        binding, address = self._port()
        if options.address:
            address = self._text(options.address)
        self._proxy = self._client.create_service(binding.name, address)  # type: ignore[no-untyped-call]
        self._operation = f"{failures.shown(address)} {options.operation}"  # for people
        self._operations = binding.all()  # type: ignore[no-untyped-call]
        if options.operation not in self._operations:
            raise ConfigurationError(
                f"the service has no operation '{options.operation}'",
                remedy=did_you_mean(options.operation, list(self._operations)),
            )
        self._request = self._resolved(options.request)
        self._headers = self._resolved(options.soap_headers)
        self.version = "1.2" if isinstance(binding, Soap12Binding) else "1.1"

    @property
    def operations(self) -> Mapping[str, Node]:
        """What each operation of the service answers, below the outermost element of the answer."""
        answers = {name: _body(operation.output) for name, operation in self._operations.items()}
        return {name: node for name, node in answers.items() if node is not None}

    @property
    def answer(self) -> Node:
        """What the operation answers.

        Raises:
            ConfigurationError: it answers nothing.
        """
        try:
            return self.operations[self._options.operation]
        except KeyError:
            raise ConfigurationError(f"operation '{self._options.operation}' answers nothing to read") from None

    def check_request(self, field: str, *, what: str) -> None:
        """See that the request has the ``field``; ``what`` names the option in errors.

        Raises:
            ConfigurationError: it has not; names the nearest.
        """
        name = field.partition(".")[0]
        body = self._operations[self._options.operation].input.body
        names = (
            [known for known, _ in body.type.elements] if body is not None and hasattr(body.type, "elements") else []
        )
        if name not in names:
            raise ConfigurationError(
                f"{what}: the request of '{self._options.operation}' has no field '{name}'",
                remedy=did_you_mean(name, names) if names else "it has no fields at all",
            )

    def call(self, fields: Mapping[str, JsonValue]) -> etree._Element:
        """Call the operation with the constants and ``fields`` (dotted paths); return the answer's outermost element.

        Raises:
            SourceUnavailable: the service is down, slow or refuses, also after the retries.
            SourceError: it answers with a fault, or with something that is no SOAP.
            ConfigurationError: the request does not fit the WSDL.
        """
        request = _deep_copy(self._request)
        for path, value in fields.items():
            _put(request, path, value)
        return self._retry(lambda: self._once(request))

    def _once(self, request: dict[str, JsonValue]) -> etree._Element:
        headers = {"_soapheaders": self._headers} if self._headers else {}
        try:
            answer = self._proxy[self._options.operation](**request, **headers)
        except requests.RequestException as error:
            raise failures.transport(error, self._operation, self._options) from None
        except zeep.exceptions.ValidationError as error:
            place = ".".join(map(str, error.path)) or self._options.operation
            raise ConfigurationError(
                f"the request does not fit the WSDL at {place}", remedy="see what `request:` must hold there"
            ) from None
        except (TypeError, ValueError, AttributeError):  # zeep's words may hold a resolved secret
            raise ConfigurationError(
                f"the request of '{self._options.operation}' does not fit the WSDL",
                remedy="compare names and types in `request:` and `soap_headers:` with the WSDL",
            ) from None
        return self._body_of(answer)

    def _body_of(self, answer: Answer) -> etree._Element:
        """Return the element in the body of the answer, or raise what it says instead."""
        try:
            root = parse_xml(answer.content, self._client.transport, settings=_SETTINGS)  # type: ignore[arg-type]
        except zeep.exceptions.Error:
            root = None
        body = next((child for child in root if local_name(child) == "Body"), None) if root is not None else None
        if root is None or body is None or etree.QName(root).namespace not in _ENVELOPES:
            raise failures.http(answer, self._operation)
        element: etree._Element | None = next(iter(body), None)
        if element is not None and local_name(element) == "Fault":
            raise failures.fault(element, self._operation)
        if answer.status != 200:
            raise failures.http(answer, self._operation)
        if element is None:
            raise SourceError(f"{self._operation}: the answer is empty")
        return element

    def _load(self, transport: Transport) -> zeep.Client:
        """Return a client for the WSDL."""
        wsdl = self._text(self._options.wsdl)
        remote = urlsplit(wsdl).scheme in ("http", "https")
        place = failures.shown(wsdl) if remote else wsdl
        location = wsdl if remote else str(paths.resolve(wsdl, self._base))
        try:
            return zeep.Client(  # type: ignore[no-untyped-call]
                location, wsse=self._token(), transport=transport, settings=_SETTINGS
            )
        except requests.RequestException as error:
            raise failures.transport(error, place, self._options) from None
        except OSError as error:
            raise SourceError(
                Problem(
                    message=f"cannot read the WSDL: {error.strerror}",
                    location=Location(file=place),
                    remedy="check `wsdl:` (a path is relative to the estate folder)",
                )
            ) from None
        except (zeep.exceptions.DTDForbidden, zeep.exceptions.EntitiesForbidden):
            raise SourceError(
                f"{place}: the WSDL holds a DTD or entities, which are refused", remedy="have them removed"
            ) from None
        except (zeep.exceptions.Error, NotImplementedError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise SourceError(
                f"{place}: not a WSDL that can be read ({type(error).__name__})", remedy="check `wsdl:`"
            ) from None

    def _port(self) -> tuple[SoapBinding, str]:
        """Return binding and address of the port that the options name, else of the first that speaks SOAP."""
        services = self._client.wsdl.services
        name = self._options.service or next(iter(services), "")
        if name not in services:
            raise ConfigurationError(f"the WSDL has no service '{name}'", remedy=did_you_mean(name, list(services)))
        ports = {
            port.name: (port.binding, str(port.binding_options["address"]))
            for port in services[name].ports.values()
            if isinstance(port.binding, SoapBinding)
        }
        wanted = self._options.port or next(iter(ports), "")
        if wanted not in ports:
            raise ConfigurationError(
                f"service '{name}' has no SOAP port '{wanted}'", remedy=did_you_mean(wanted, list(ports))
            )
        return ports[wanted]

    def _retry(self, call: Callable[[], _Result]) -> _Result:
        """Return the result of ``call``, repeated with growing pauses while the service is unavailable."""
        retries = self._options.retries
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(SourceUnavailable),
            stop=tenacity.stop_after_attempt(retries.attempts) | tenacity.stop_before_delay(retries.total),
            wait=tenacity.wait_exponential_jitter(
                multiplier=retries.first_wait, max=retries.longest_wait, jitter=retries.first_wait
            ),
            reraise=True,
        )
        return retrying(call)

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.headers.update({name: self._text(value) for name, value in self._options.headers.items()})
        if self._options.username and self._options.authentication == "basic":
            session.auth = HTTPBasicAuth(self._text(self._options.username), self._password())
        return session

    def _token(self) -> UsernameToken | None:
        if not self._options.username or self._options.authentication == "basic":
            return None
        return UsernameToken(  # type: ignore[no-untyped-call]
            self._text(self._options.username),
            self._password(),
            use_digest=self._options.authentication == "wsse_digest",
        )

    def _password(self) -> str:
        password = self._options.password
        return self._text(password.get_secret_value()) if password else ""

    def _text(self, text: str) -> str:
        return resolve(text, base=self._base).get_secret_value()

    def _resolved(self, values: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        return {name: self._resolve_value(value) for name, value in values.items()}

    def _resolve_value(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return self._resolved(value)
        if isinstance(value, list):
            return [self._resolve_value(item) for item in value]
        return value


def _body(message: object) -> Node | None:
    body = getattr(message, "body", None)
    return node_of(body.type) if body is not None else None


def _put(request: dict[str, JsonValue], path: str, value: JsonValue) -> None:
    """Set the field at the dotted ``path``, making the elements around it as needed."""
    name, _, rest = path.partition(".")
    if not rest:
        request[name] = value
        return
    inner = request.setdefault(name, {})
    if not isinstance(inner, dict):
        raise ConfigurationError(f"`request:` gives '{name}' a plain value, but paging needs '{path}' in it")
    _put(inner, rest, value)


def _deep_copy(values: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {name: _deep_copy(value) if isinstance(value, dict) else value for name, value in values.items()}
