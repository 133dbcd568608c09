"""Who may call the API, and the log of who did."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import structlog
from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foundation.errors import ConfigurationError, Problem, VoegError
from foundation.settings import Settings

log = structlog.get_logger()


class Unauthorized(VoegError):
    """The request carries no API key that is known here."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who calls."""

    name: str
    sensitive: bool  # may see sensitive fields
    digest: str = field(repr=False)  # SHA-256 of its key, in hexadecimal


class Clients:
    """The clients that have an API key; the keys themselves are nowhere."""

    def __init__(self, clients: Iterable[Client]) -> None:
        self._clients = tuple(clients)

    @classmethod
    def of(cls, settings: Settings, *, estate: Path) -> Clients:
        """Return the clients of ``api.keys``.

        Raises:
            ConfigurationError: there are none, or what should be a SHA-256 is none.
        """
        clients = []
        for key in settings.api.keys:
            digest = settings.secret(key.sha256, estate=estate).get_secret_value().lower()
            if not re.fullmatch("[0-9a-f]{64}", digest):
                raise ConfigurationError(
                    Problem(
                        message=f"the API key of '{key.name}' is not given as a SHA-256",
                        path="api.keys",
                        remedy='make it with: printf %s "$KEY" | sha256sum',
                    )
                )
            clients.append(Client(key.name, key.sensitive, digest))
        if not clients:
            raise ConfigurationError(
                Problem(
                    message="nobody has an API key, so nobody could ask anything",
                    path="api.keys",
                    remedy="make one with 'openssl rand -hex 32', give it to the app, and add its name and sha256 "
                    '(printf %s "$KEY" | sha256sum) to conf/voeg.yaml',
                )
            )
        return cls(clients)

    def who(self, key: str | None) -> Client:
        """Return whose key it is, in a time that does not depend on how near it comes.

        Raises:
            Unauthorized: it is nobody's.
        """
        digest = hashlib.sha256((key or "").encode()).hexdigest()
        found = None
        for client in self._clients:
            if hmac.compare_digest(client.digest, digest):
                found = client
        if found is None or not key:
            raise Unauthorized("the API key is missing or not known", remedy="send it as Authorization: Bearer KEY")
        return found


_BEARER = HTTPBearer(auto_error=False, description="An API key.")
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key.")


async def caller(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    header: Annotated[str | None, Depends(_HEADER)],
) -> Client:
    """Return the client that the request's key belongs to, and note its name for the access log."""
    clients: Clients = request.app.state.clients
    client = clients.who(bearer.credentials if bearer else header)
    request.scope["voeg.client"] = client.name
    return client


class AccessLog:
    """Logs every request by the template of its route: a path may hold an id, a query anything."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and log it when it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            log.info(
                "request",
                method=scope["method"],
                route=getattr(scope.get("route"), "path", None) or "no route",
                status=int(status),
                client=scope.get("voeg.client"),
                milliseconds=round((time.perf_counter() - started) * 1000, 3),
            )
