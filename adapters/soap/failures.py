"""What went wrong with a call, as errors that say what to do; never with a word of a request or an answer in them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import requests
from lxml import etree

from adapters.soap.options import SoapOptions
from adapters.soap.records import local_name
from adapters.soap.transport import Answer
from foundation.errors import SourceError, SourceUnavailable

REFUSED = "check username, password and authentication"
_NO_ACCESS = ("authenti", "authori", "security", "password", "login", "credential")  # in the code of a fault


def fault(element: etree._Element, place: str) -> SourceError:
    """Return the error for a SOAP fault (1.1 or 1.2): its code, never its text, which may tell about a customer."""
    codes = [
        re.sub(r"[^A-Za-z0-9_.-]", "", (child.text or "").rpartition(":")[2])[:100]
        for child in element.iter()
        if local_name(child) == "faultcode" or (local_name(child) == "Value" and _under_code(child))
    ]
    code = ".".join(code for code in codes if code) or "without a code"
    if any(word in code.lower() for word in _NO_ACCESS):
        remedy = REFUSED
    else:
        remedy = "look into the service's own log; the text of the fault may hold personal data and is left out"
    return SourceError(f"{place}: the service answers with fault {code}", remedy=remedy)


def _under_code(element: etree._Element) -> bool:
    parent = element.getparent()
    return parent is not None and local_name(parent) in ("Code", "Subcode")


def http(answer: Answer, place: str) -> SourceError:
    """Return the error for an answer that is no SOAP, by its HTTP status."""
    error = _status(answer.status, place)
    return error or SourceError(
        f"{place}: the answer is no SOAP (HTTP {answer.status}, {answer.media_type})",
        remedy="check the address, and that no proxy or log-in page answers instead",
    )


def _status(status: int, place: str) -> SourceError | None:
    if status in (401, 403):
        return SourceError(f"{place}: the service refuses (HTTP {status})", remedy=REFUSED)
    if status == 429 or status >= 500:
        return SourceUnavailable(f"{place}: the service fails (HTTP {status})", remedy="check that it is well")
    return None


def transport(error: requests.RequestException, place: str, options: SoapOptions) -> SourceError:
    """Return the error for a call or a load of the WSDL that got no answer, or a WSDL's HTTP error."""
    if isinstance(error, requests.exceptions.SSLError):
        return SourceError(
            f"{place}: the certificate is not trusted", remedy="add its issuer's certificate to REQUESTS_CA_BUNDLE"
        )
    if isinstance(error, requests.HTTPError) and error.response is not None:
        status = error.response.status_code
        return _status(status, place) or SourceError(f"{place}: no WSDL there (HTTP {status})", remedy="check `wsdl:`")
    if isinstance(error, ValueError):  # what a malformed URL has in common
        return SourceError(f"{place}: not a URL that can be called", remedy="write http:// or https://")
    if isinstance(error, requests.ConnectTimeout):
        return SourceUnavailable(
            f"{place}: no connection within {options.connect_timeout:g} s", remedy="check host and firewall"
        )
    if isinstance(error, requests.Timeout):
        return SourceUnavailable(
            f"{place}: no complete answer within {options.timeout:g} s",
            remedy="raise `timeout:`, or ask for smaller pages",
        )
    return SourceUnavailable(f"{place}: the connection was refused or broken off", remedy="check that the service runs")


def shown(url: str) -> str:
    """Return the URL without user, password and query."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the service"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
