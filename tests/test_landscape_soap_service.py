"""The SOAP services: a real client finds its way, and what is wrong is a fault."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import zeep
from zeep.exceptions import Fault
from zeep.wsse.username import UsernameToken

from landscape.build import Landscape, build
from landscape.soap_service import PASSWORD, USERNAME, serve


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder: Path = tmp_path_factory.mktemp("landscape")
    build(folder, Landscape(seed=2, records=800))
    with serve(folder) as found:
        yield found


def client(address: str, password: str = PASSWORD) -> zeep.Client:
    return zeep.Client(address, wsse=UsernameToken(USERNAME, password))


def test_customers_come_page_by_page(addresses: dict[str, str]) -> None:
    service = client(addresses["crm"]).service
    first = service.GetCustomers(page=1, pageSize=20)
    seen = [customer.customerId for customer in first.customers.customer]
    for page in range(2, first.totalPages + 1):
        seen += [customer.customerId for customer in service.GetCustomers(page=page, pageSize=20).customers.customer]
    assert len(seen) == len(set(seen)) > 50
    beyond = service.GetCustomers(page=first.totalPages + 1, pageSize=20)
    assert beyond.customers is None or not beyond.customers.customer


def test_callers_come_by_offset_with_their_contacts(addresses: dict[str, str]) -> None:
    service = client(addresses["contact_centre"]).service
    answer = service.ZoekBellers(Vanaf=0, Aantal=5_000)
    assert answer.Totaal == len(answer.Bellers.Beller)
    assert any(len(caller.Contacten.Contact) > 1 for caller in answer.Bellers.Beller if caller.Contacten)
    rest = service.ZoekBellers(Vanaf=3, Aantal=2)
    assert [c.BellerNr for c in rest.Bellers.Beller] == [c.BellerNr for c in answer.Bellers.Beller[3:5]]


def test_basic_authentication_does_too(addresses: dict[str, str]) -> None:
    address = addresses["crm"]
    session = zeep.Client(address).transport.session
    session.auth = (USERNAME, PASSWORD)
    service = zeep.Client(address, transport=zeep.Transport(session=session)).service
    assert service.GetCustomers(page=1, pageSize=1).totalPages > 50


def test_a_wrong_password_is_a_fault(addresses: dict[str, str]) -> None:
    with pytest.raises(Fault, match="unknown user name or password"):
        client(addresses["crm"], "wrong").service.GetCustomers(page=1, pageSize=1)


@pytest.mark.parametrize(("page", "size"), [(1, 0), (1, 100_000), (0, 10), (-1, 10)])
def test_a_page_that_cannot_be_is_a_fault(addresses: dict[str, str], page: int, size: int) -> None:
    with pytest.raises(Fault):
        client(addresses["crm"]).service.GetCustomers(page=page, pageSize=size)


def test_entities_are_not_resolved(addresses: dict[str, str], tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("42")
    body = (
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "{secret.as_uri()}">]>'
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        '<c:GetCustomers xmlns:c="urn:voegtelecom:crm:v3"><page>&e;</page><pageSize>1</pageSize></c:GetCustomers>'
        "</s:Body></s:Envelope>"
    )
    answer = httpx.post(addresses["crm"].partition("?")[0], content=body, auth=(USERNAME, PASSWORD))
    assert answer.status_code == 500
    assert "page must be a whole number" in answer.text


def test_what_is_not_there_is_not_found(addresses: dict[str, str]) -> None:
    assert httpx.get(addresses["crm"].replace("crm", "erp")).status_code == 404
