"""The HTTP API: what an app in the contact centre can rely on."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import customers
import httpx
import pytest
import structlog
import uvicorn
from customers import GENERIC_PHONE, IBAN

from canonical_model.golden import GoldenRecord
from channels import api
from channels.access import Client, Clients
from channels.messages import ContactsAnswer, CustomerAnswer, LookupAnswer
from foundation.errors import ConfigurationError
from foundation.settings import ApiKey, ApiSettings, Settings
from store.engine import Store
from store.engine import open as open_store

KEY, ENTITLED = "desk-secret", "back-office-secret"


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


CLIENTS = Clients([Client("desk", False, digest(KEY)), Client("back office", True, digest(ENTITLED))])


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'v.db'}"
    else:
        server = request.getfixturevalue("postgres_server")
        url = server.url(server.create_database())
    store = open_store(url)
    store.migrate()
    customers.fill(store)
    yield store
    store.close()


class Desk:
    """An app that calls the API in process."""

    def __init__(self, store: Store) -> None:
        self._app = api.app(store, CLIENTS, region="NL")

    def call(self, method: str, path: str, *, key: str | None = KEY, **more: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://voeg") as client:
                headers = {"Authorization": f"Bearer {key}"} if key else {}
                return await client.request(method, path, headers=headers | more.pop("headers", {}), **more)

        return anyio.run(call)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.call("GET", path, **more)

    def lookup(self, **keys: str) -> dict[str, Any]:
        response = self.call("POST", "/v1/customers/lookup", json=keys)
        assert response.status_code == 200, response.text
        LookupAnswer.model_validate(response.json())
        answer: dict[str, Any] = response.json()
        return answer


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


def found(kind: str, state: str, shared_by: int) -> dict[str, Any]:
    return {"kind": kind, "state": state, "shared_by": shared_by}


# Look-ups -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["+31612345678", "06 12345678", "06-1234 5678", "0031612345678", "+31 6 12345678"])
def test_a_phone_is_found_however_it_is_written(desk: Desk, written: str) -> None:
    assert desk.lookup(phone=written) == {
        "keys": [{"kind": "phone", "outcome": "found", "shared_by": 1}],
        "customers": [{"id": "1", "matches": [found("phone", "current", 1)]}],
    }


def test_a_shared_phone_gives_everyone_who_has_it(desk: Desk) -> None:
    answer = desk.lookup(phone="070 1234567")
    assert answer["keys"] == [{"kind": "phone", "outcome": "found", "shared_by": 2}]
    assert [customer["id"] for customer in answer["customers"]] == ["1", "2"]


def test_several_keys_rank_by_how_many_point_to_a_customer(desk: Desk) -> None:
    answer = desk.lookup(
        phone="0701234567", email=" JAN@example.nl ", customer_number="k1", iban="nl91 abna 0417 1643 00"
    )
    assert answer["customers"] == [
        {
            "id": "1",
            "matches": [
                found("phone", "current", 2),
                found("email", "current", 1),
                found("customer_number", "current", 1),
                found("iban", "current", 1),
            ],
        },
        {"id": "2", "matches": [found("phone", "current", 2)]},
    ]
    assert [key["kind"] for key in answer["keys"]] == ["phone", "email", "customer_number", "iban"]


def test_a_product_number_finds_its_customer(desk: Desk) -> None:
    assert [customer["id"] for customer in desk.lookup(product="52008282")["customers"]] == ["1"]


def test_nobody_and_nothing_are_told_apart(desk: Desk) -> None:
    assert desk.lookup(phone="0611111111") == {
        "keys": [{"kind": "phone", "outcome": "not_found", "shared_by": 0}],
        "customers": [],
    }
    assert desk.lookup(phone="12")["keys"] == [{"kind": "phone", "outcome": "invalid", "shared_by": None}]


def test_what_says_nothing_is_too_common(desk: Desk) -> None:
    """Many share it, or the model knows it as a value that people give when they give none."""
    nothing = {"outcome": "too_common", "shared_by": None}
    assert desk.lookup(email="info@example.nl") == {"keys": [{"kind": "email", **nothing}], "customers": []}
    assert desk.lookup(phone=GENERIC_PHONE)["keys"] == [{"kind": "phone", **nothing}]
    both = desk.lookup(phone=GENERIC_PHONE, email="jan@example.nl")
    assert [customer["id"] for customer in both["customers"]] == ["1"]


@pytest.mark.parametrize(
    "body",
    [{}, {"phone": ""}, {"phone": "x" * 255}, {"telefoon": "geheim"}, {"phone": {"geheim": 1}}, ["geheim"], "geheim"],
)
def test_a_request_that_is_not_valid_is_not_repeated(desk: Desk, body: Any) -> None:
    response = desk.call("POST", "/v1/customers/lookup", json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["path"].startswith("body")
    assert "geheim" not in response.text
    assert "xxx" not in response.text


# Golden records -------------------------------------------------------------------------------------------------


def test_a_golden_record_says_where_its_values_come_from(desk: Desk) -> None:
    answer = desk.get("/v1/customers/1").json()
    CustomerAnswer.model_validate(answer)
    assert (answer["requested_id"], answer["id"], answer["redirected"], answer["version"]) == ("1", "1", False, 3)
    assert answer["recorded_at"] == "2026-05-04T03:02:01Z"
    assert answer["record"]["given_name"] == "Jan"
    assert answer["provenance"]["given_name"]["data_source"] == "crm"
    assert answer["provenance"]["products[0]"]["record_id"] == "p"
    GoldenRecord.model_validate(answer["record"])


def test_sensitive_fields_need_an_entitled_key(desk: Desk) -> None:
    plain, whole = desk.get("/v1/customers/1"), desk.get("/v1/customers/1", key=ENTITLED)
    assert IBAN not in plain.text
    assert "111222333" not in plain.text
    assert plain.json()["record"]["identifiers"] == [{"type": "customer_number", "value": "K1"}]
    assert {path for path in plain.json()["provenance"] if path.startswith("identifiers")} == {"identifiers[0]"}
    assert {each["value"] for each in whole.json()["record"]["identifiers"]} == {"111222333", "K1", IBAN}
    assert {path for path in whole.json()["provenance"] if path.startswith("identifiers")} == {
        *("identifiers[0]", "identifiers[1]", "identifiers[2]")
    }


@pytest.mark.parametrize("old", ["3", "4"])
def test_the_id_of_a_merged_customer_leads_to_the_one_it_is_now(desk: Desk, old: str) -> None:
    answer = desk.get(f"/v1/customers/{old}").json()
    assert (answer["requested_id"], answer["id"], answer["redirected"]) == (old, "1", True)
    contacts = desk.get(f"/v1/customers/{old}/contacts").json()
    assert (contacts["requested_id"], contacts["id"], contacts["redirected"]) == (old, "1", True)


@pytest.mark.parametrize(
    ("id_", "status", "detail"),
    [
        ("999", 404, "there is no customer 999"),
        ("jan", 404, "there is no customer of that id"),
        ("99999999999999999999", 404, "there is no customer of that id"),
        ("٣", 404, "there is no customer of that id"),
        ("5", 410, "customer 5 is gone: no source knows it any more"),
        ("6", 410, "customer 6 was erased"),
    ],
)
@pytest.mark.parametrize("what", ["", "/contacts"])
def test_who_is_not_there_is_a_problem(desk: Desk, id_: str, status: int, detail: str, what: str) -> None:
    response = desk.get(f"/v1/customers/{id_}{what}")
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.json()["status"], response.json()["detail"]) == (status, detail)


def test_contacts_are_paged_the_newest_first(desk: Desk) -> None:
    first = desk.get("/v1/customers/1/contacts?limit=3").json()
    ContactsAnswer.model_validate(first)
    assert [contact["subject"] for contact in first["contacts"]] == ["last", "last but one", "first"]
    assert first["total"] == 4
    assert first["contacts"][0]["data_source"] == "contact_centre"
    second = desk.get(f"/v1/customers/1/contacts?limit=3&after={first['next']}").json()
    assert [contact["subject"] for contact in second["contacts"]] == ["undated"]
    assert second["next"] is None
    assert desk.get("/v1/customers/1/contacts?after=77").status_code == 404
    assert desk.get("/v1/customers/1/contacts?limit=0").status_code == 422
    assert desk.get("/v1/customers/2/contacts").json()["contacts"] == []


# Keys, logs, operation ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "", "wrong", digest(KEY)])
@pytest.mark.parametrize("path", ["/v1/customers/1", "/v1/customers/999", "/v1/nothing"])
def test_without_a_key_nobody_learns_anything(desk: Desk, key: str | None, path: str) -> None:
    response = desk.get(path, key=key)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["title"] == "Unauthorized"


def test_a_key_may_come_in_either_header(desk: Desk) -> None:
    assert desk.get("/v1/customers/1", key=None, headers={"X-API-Key": KEY}).status_code == 200
    assert desk.get("/v1/customers/1", key=None, headers={"Authorization": f"Basic {KEY}"}).status_code == 401


def test_clients_come_from_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DESK_SHA256", digest(KEY))
    keys = (ApiKey(name="desk", sha256="${DESK_SHA256}", sensitive=True),)
    clients = Clients.of(Settings(api=ApiSettings(keys=keys)), estate=tmp_path)
    client = clients.who(KEY.encode())
    assert client is not None
    assert (client.name, client.sensitive) == ("desk", True)
    assert digest(KEY) not in repr(client)
    monkeypatch.setenv("DESK_SHA256", KEY)
    with pytest.raises(ConfigurationError, match="'desk' is not given as a SHA-256") as raised:
        Clients.of(Settings(api=ApiSettings(keys=keys)), estate=tmp_path)
    assert KEY not in str(raised.value)
    with pytest.raises(ConfigurationError, match="nobody has an API key"):
        Clients.of(Settings(), estate=tmp_path)


def test_the_access_log_holds_templates_and_names_only(desk: Desk) -> None:
    with structlog.testing.capture_logs() as logs:
        desk.lookup(phone="0612345678")
        desk.get("/v1/customers/414141414?geheim=1")
        desk.get("/v1/nothing/geheim")
        desk.get("/v1/customers/1", key="wrong")
    assert [(line["method"], line["route"], line["status"], line["client"]) for line in logs] == [
        ("POST", "/v1/customers/lookup", 200, "desk"),
        ("GET", "/v1/customers/{id}", 404, "desk"),
        ("GET", "no route", 404, "desk"),
        ("GET", "no route", 401, None),
    ]
    assert not any(word in json.dumps(logs) for word in ("612345678", "414141414", "geheim", "wrong", KEY))


def test_answers_are_not_kept_by_anyone_on_the_way(desk: Desk) -> None:
    for response in (desk.get("/v1/customers/1"), desk.get("/v1/customers/6")):
        assert response.headers["cache-control"] == "no-store"


def test_health_and_readiness_need_no_key(desk: Desk) -> None:
    assert desk.get("/health", key=None).json() == {"status": "ok"}
    assert desk.get("/ready", key=None).json() == {"status": "ok"}
    assert desk.get("/docs", key=None).status_code == 404
    assert desk.call("DELETE", "/v1/customers/1").status_code == 405


def test_a_store_that_is_gone_is_told_without_details(tmp_path: Path) -> None:
    store = open_store("postgresql+psycopg://user:geheim@127.0.0.1:1/none?connect_timeout=2")
    desk = Desk(store)
    for path in ("/ready", "/v1/customers/1"):
        response = desk.get(path)
        assert response.status_code == 503
        assert response.headers["content-type"] == "application/problem+json"
        assert "127.0.0.1" not in response.text
    assert desk.get("/health").status_code == 200


def test_the_api_describes_itself(desk: Desk) -> None:
    document = desk.get("/openapi.json", key=None).json()
    assert document["openapi"].startswith("3.")
    assert set(document["paths"]) == {
        *("/v1/customers/lookup", "/v1/customers/{id}", "/v1/customers/{id}/contacts", "/health", "/ready")
    }
    lookup = document["paths"]["/v1/customers/lookup"]["post"]
    assert lookup["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/LookupAnswer")
    assert "application/problem+json" in lookup["responses"]["422"]["content"]
    assert lookup["security"] == [{"bearer": []}, {"header": []}]
    assert document["components"]["schemas"]["LookupRequest"]["examples"]
    text = json.dumps(document)
    references = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert references <= set(document["components"]["schemas"])


def test_over_real_http(store: Store) -> None:
    served = uvicorn.Server(
        uvicorn.Config(
            api.app(store, CLIENTS, region="NL"), host="127.0.0.1", port=0, log_config=None, access_log=False
        )
    )
    thread = threading.Thread(target=served.run)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    thread.start()
    try:
        while not served.started:
            time.sleep(0.01)
        port = served.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": KEY}) as client:
            answer = client.post("/v1/customers/lookup", json={"phone": "0612345678"}).json()
            record = client.get(f"/v1/customers/{answer['customers'][0]['id']}").json()["record"]
            assert record["family_name"] == "Jansen"
    finally:
        served.should_exit = True
        thread.join(10)
    assert not thread.is_alive()


def test_a_database_that_came_back_is_answered_from(postgres_url: str) -> None:
    store = open_store(postgres_url)
    store.migrate()
    customers.fill(store)
    desk = Desk(store)
    assert desk.get("/v1/customers/1").status_code == 200
    with store.engine.connect() as connection:
        others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) {others}")
    assert desk.get("/v1/customers/1").status_code == 200
    store.close()
