"""Errors as RFC 9457 problem details; they never repeat what the caller sent."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from foundation.errors import NotFound, StoreError, VoegError
from sync.customer import Gone

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"


class Invalid(BaseModel):
    """One part of a request that is not as it should be."""

    path: str = Field(examples=["body.phone"])
    message: str = Field(examples=["String should have at most 254 characters"])


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str | None = Field(default=None, examples=["there is no customer 17"])
    remedy: str | None = Field(default=None, description="What to do about it.")
    errors: list[Invalid] | None = Field(default=None, description="Of a request that is not valid: what is wrong.")


def problem(
    status: int, detail: str | None = None, *, remedy: str | None = None, errors: list[Invalid] | None = None
) -> JSONResponse:
    """Return a problem as a response."""
    details = ProblemDetails(
        title=HTTPStatus(status).phrase, status=status, detail=detail, remedy=remedy, errors=errors
    )
    headers = {"Cache-Control": "no-store"}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(details.model_dump(exclude_none=True), status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have the app answer with problems."""
    statuses: dict[type[VoegError], int] = {
        Gone: HTTPStatus.GONE,
        NotFound: HTTPStatus.NOT_FOUND,
        StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
        VoegError: HTTPStatus.INTERNAL_SERVER_ERROR,
    }

    async def expected(_: Request, error: VoegError) -> JSONResponse:
        status = next(status for class_, status in statuses.items() if isinstance(error, class_))
        first = error.problems[0]
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("request failed", problem=first.message)
            return problem(status, "the answer cannot be given now", remedy="try again later")
        return problem(status, first.message, remedy=first.remedy)

    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            Invalid(path=".".join(str(part) for part in detail["loc"]), message=str(detail["msg"]))
            for detail in error.errors()
        ]
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the request is not valid", errors=errors)

    async def plain(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code)

    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        log.error("request failed", problem=type(error).__name__)
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR)

    app.add_exception_handler(VoegError, expected)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, invalid)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, plain)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, unexpected)
