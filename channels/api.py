"""The HTTP API: look customers up while the phone rings, show one, page through its contacts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated, Any, ParamSpec, TypeVar

from anyio import to_thread
from fastapi import APIRouter, FastAPI, Path, Query, Request, Response
from pydantic import TypeAdapter

from channels import problems
from channels.access import Access, Clients, caller
from channels.messages import ContactsAnswer, CustomerAnswer, Health, LookupAnswer, LookupRequest
from channels.problems import ProblemDetails, problem
from foundation.errors import StoreError
from store.engine import Store
from sync.customer import Contacts, Customers, Found, Shown

_FOUND = TypeAdapter(Found)
_CONTACTS = TypeAdapter(Contacts)
Params = ParamSpec("Params")
Result = TypeVar("Result")

GUARDED = "/v1/"
"""Paths that begin so need an API key."""

MAX_BODY_BYTES = 16_384

_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
}
CustomerId = Annotated[str, Path(description="The id of a golden record.", examples=["41"], max_length=40)]


def app(store: Store, clients: Clients, *, region: str) -> FastAPI:
    """Make the API.

    Args:
        store: migrated.
        clients: who may call.
        region: of phone numbers without a country code, e.g. ``NL``.
    """
    customers = Customers(store, region=region)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        customers.close()

    api = FastAPI(
        title="Voeg",
        summary="One golden record per customer, from all the systems an organisation has.",
        version=version("voeg"),
        lifespan=lifespan,
        docs_url=None,  # their pages fetch scripts from elsewhere; /openapi.json is the documentation
        redoc_url=None,
        max_body_size=MAX_BODY_BYTES,
    )
    refusal = problem(401, "the API key is missing or not known", remedy="send it as Authorization: Bearer KEY")
    api.add_middleware(Access, clients=clients, guarded=GUARDED, refusal=refusal)
    problems.install(api)
    api.include_router(_customers(customers, inline=store.is_sqlite))
    api.include_router(_operations(customers))
    _describe_keys(api)
    return api


def _describe_keys(api: FastAPI) -> None:
    """Say in the OpenAPI document which paths need a key; FastAPI does not see the guard before it."""
    document = api.openapi()
    document["components"]["securitySchemes"] = _KEYS
    for path, methods in document["paths"].items():
        if path.startswith(GUARDED):
            for operation in methods.values():
                operation["security"] = [{name: []} for name in _KEYS]


def _customers(customers: Customers, *, inline: bool) -> APIRouter:
    """Return the routes under /v1/customers.

    Args:
        customers: who answers.
        inline: whether an answer takes microseconds, so that a thread would only cost time.
    """
    router = APIRouter(prefix=f"{GUARDED}customers", tags=["customers"], responses=_problems(401, 503))

    async def answered(ask: Callable[Params, Result], *args: Params.args, **kwargs: Params.kwargs) -> Result:
        return ask(*args, **kwargs) if inline else await to_thread.run_sync(lambda: ask(*args, **kwargs))

    @router.post("/lookup", responses={200: {"model": LookupAnswer}, **_problems(422)}, response_class=Response)
    async def lookup(asked: LookupRequest) -> Response:
        """List the customers that have a phone number, an e-mail address, a customer number, an IBAN or a product.

        The likeliest come first: those that most of the given keys point to. It never picks one: a phone is shared
        by a family. A key that says nothing, such as 0600000000, is answered with `too_common`.
        """
        found = await answered(customers.find, asked.keys())
        return _json(_FOUND.dump_json(found))

    @router.get("/{id}", responses={200: {"model": CustomerAnswer}, **_problems(404, 410)}, response_class=Response)
    async def customer(id: CustomerId, request: Request) -> Response:  # noqa: A002 - the name of the path's parameter
        """Show a golden record with the origin of every value; the id of a merged customer shows the one it is now.

        Sensitive fields (IBAN, national ids) are left out unless the API key is entitled to them.
        """
        return _json(_golden(await answered(customers.show, id, sensitive=caller(request).sensitive)))

    @router.get(
        "/{id}/contacts",
        responses={200: {"model": ContactsAnswer}, **_problems(404, 410, 422)},
        response_class=Response,
    )
    async def contacts(
        id: CustomerId,  # noqa: A002 - the name of the path's parameter
        after: Annotated[str | None, Query(description="`next` of the page before.", max_length=20)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Response:
        """Page through the contacts between the customer and the organisation, the newest first."""
        page = await answered(customers.contacts, id, after=after, limit=limit)
        return _json(_CONTACTS.dump_json(page))

    return router


def _operations(customers: Customers) -> APIRouter:
    """Return the routes for those who run it; they need no key and tell nothing."""
    router = APIRouter(tags=["operations"])

    @router.get("/health", response_model=Health)
    async def health() -> Health:
        """Say that the process lives."""
        return Health()

    @router.get("/ready", response_model=Health, responses=_problems(503))
    def ready() -> Health | Response:
        """Say whether the store answers, and so questions can be answered."""
        try:
            if customers.is_ready():
                return Health()
        except StoreError:
            pass
        return problem(503, "the store does not answer", remedy="try again later")

    return router


def _golden(shown: Shown) -> str:
    """Write a golden record around the JSON texts that the store holds; they are never parsed here."""
    head = {
        "requested_id": shown.requested_id,
        "id": shown.id,
        "redirected": shown.redirected,
        "version": shown.version,
        "recorded_at": shown.recorded_at.isoformat().replace("+00:00", "Z"),
    }
    return f'{json.dumps(head)[:-1]}, "record": {shown.record}, "provenance": {shown.provenance}}}'


def _json(text: str | bytes) -> Response:
    return Response(text, media_type="application/json", headers={"Cache-Control": "no-store"})


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the problems that a route may answer with."""
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {status: {"model": ProblemDetails, "content": content} for status in statuses}
