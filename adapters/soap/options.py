"""The ``read:`` section of a mapping with ``adapter: soap``.

Any text may hold secrets by reference, ``${NAME}`` or ``file:PATH``; they are resolved when the service is called.
Fields of the request and places in the answer are named by dotted paths of element names: ``Paging.Page``; those in
the answer start below the answer's outermost element.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, model_validator

from adapters.base import ReadOptions


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class NoPaging(_Options):
    """One call gives everything."""

    style: Literal["none"] = "none"


class _Pages(_Options):
    size: str | None = None  # field of the request that takes ``page_size``
    page_size: int = Field(default=500, gt=0)
    total: str | None = None  # place in the answer that tells how many records there are in all


class _CountedPages(_Pages):
    """How the last page is known: ``more`` says false, or ``total`` is reached, or a page is empty."""

    more: str | None = None  # place in the answer that tells whether there is more (true or false)


class PagePaging(_CountedPages):
    """Pages are asked for by number."""

    style: Literal["page"]
    page: str  # field of the request that takes the number
    first: int = 1


class OffsetPaging(_CountedPages):
    """Pages are asked for by the number of records to pass over."""

    style: Literal["offset"]
    offset: str  # field of the request that takes it
    first: int = 0  # the offset of the first record


class TokenPaging(_Pages):
    """Every answer gives the token that asks for the next page; the last one gives none."""

    style: Literal["token"]
    token: str  # field of the request that takes it; left out on the first call
    next: str  # place in the answer that gives it


Paging = Annotated[NoPaging | PagePaging | OffsetPaging | TokenPaging, Field(discriminator="style")]


class Retries(_Options):
    """How a call is repeated when the service is down, slow or refuses: a growing pause between attempts."""

    attempts: int = Field(default=4, ge=1)  # of one call, the first included
    first_wait: float = Field(default=0.5, ge=0)  # seconds; doubles each time, with a random part
    longest_wait: float = Field(default=30, ge=0)  # seconds
    total: float = Field(default=120, ge=0)  # seconds after which a call is not repeated any more


class SoapOptions(ReadOptions):
    """What to call, how to go through its pages, and where in the answer the records are."""

    wsdl: str  # URL, or a path relative to the estate
    operation: str
    records: str  # place in the answer of the element that is one record: ``Customers.Customer``
    service: str | None = None  # of the WSDL; default the first
    port: str | None = None  # of the service; default the first that speaks SOAP
    address: str | None = None  # where to call, when the WSDL names a host that is not reachable from here
    request: dict[str, JsonValue] = Field(default_factory=dict)  # constants of the request
    soap_headers: dict[str, JsonValue] = Field(default_factory=dict)  # constants of the SOAP header
    headers: dict[str, str] = Field(default_factory=dict)  # HTTP headers
    paging: Paging = NoPaging()
    username: str | None = None
    password: SecretStr | None = None
    authentication: Literal["wsse", "wsse_digest", "basic"] = "wsse"  # used when there is a username
    connect_timeout: float = Field(default=10, gt=0)  # seconds
    timeout: float = Field(default=60, gt=0)  # seconds for one answer, from the call to its last byte
    retries: Retries = Retries()
    wsdl_cache: int = Field(default=3600, ge=0)  # seconds for which a WSDL is not loaded again

    @model_validator(mode="after")
    def _password_belongs_to_a_user(self) -> SoapOptions:
        if self.password is not None and not self.username:
            raise ValueError("a password without a username would not be sent; add `username:`")
        return self
