"""Who may call the API, and the log of who did."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foundation.errors import ConfigurationError, Problem
from foundation.settings import Settings

log = structlog.get_logger()


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

    def who(self, key: bytes | None) -> Client | None:
        """Return whose key it is, or None, in a time that does not depend on how near it comes."""
        digest = hashlib.sha256(key or b"").hexdigest()
        found = None
        for client in self._clients:
            if hmac.compare_digest(client.digest, digest):
                found = client
        return found if key else None


class Access:
    """Lets those in who have a key, and logs every request.

    Stands before routing, so that without a key nobody learns which paths there are, and no body is read. The log
    names the template of the route: a path may hold an id, a query anything.
    """

    def __init__(self, app: ASGIApp, *, clients: Clients, guarded: str, refusal: ASGIApp) -> None:
        """Guard the paths that begin with ``guarded``; ``refusal`` answers those who have no key."""
        self._app = app
        self._clients = clients
        self._guarded = guarded
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it, and log it when it is answered."""
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

        client = self._clients.who(_key(scope["headers"])) if scope["path"].startswith(self._guarded) else None
        scope["voeg.client"] = client
        refused = client is None and scope["path"].startswith(self._guarded)
        try:
            await (self._refusal if refused else self._app)(scope, receive, watched)
        finally:
            probe = not scope["path"].startswith(self._guarded)  # they come every second
            level = logging.DEBUG if probe else logging.INFO
            log.log(
                level,
                "request",
                method=scope["method"],
                route=getattr(scope.get("route"), "path", None) or "no route",
                status=int(status),
                client=client.name if client else None,
                milliseconds=round((time.perf_counter() - started) * 1000, 3),
            )


def caller(request: Request) -> Client:
    """Return the client that ``Access`` let in."""
    client: Client = request.scope["voeg.client"]
    return client


def _key(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Return the key of ``Authorization: Bearer KEY``, else of ``X-API-Key``."""
    given = {name: value for name, value in headers if name in (b"authorization", b"x-api-key")}
    scheme, _, key = given.get(b"authorization", b"").partition(b" ")
    return key.strip() if scheme.lower() == b"bearer" else given.get(b"x-api-key")
