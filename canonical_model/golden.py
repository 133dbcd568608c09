"""The golden record: what survives of one customer, as a frame, as canonical JSON and as a typed value.

A golden record holds the party's content and the satellites that describe the customer now (products, consents,
relationships). Contacts are history: they are stored and paged by entity and are no part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

import polars as pl
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from canonical_model.content import to_json
from canonical_model.schema import (
    CANONICAL_VERSION,
    PARTY,
    SCHEMAS,
    SENSITIVE_IDENTIFIERS,
    Kind,
    Sensitivity,
)

SATELLITES: Mapping[Kind, str] = MappingProxyType(
    {Kind.PRODUCT: "products", Kind.CONSENT: "consents", Kind.RELATIONSHIP: "relationships"}
)
"""The satellites that a golden record holds, and the name of their list in it."""

GOLDEN = pa.schema(
    [
        pa.field("canonical_version", pa.int64(), metadata={"sensitivity": Sensitivity.NONE.value}),
        *PARTY,
        *(
            pa.field(name, pa.list_(pa.struct(list(SCHEMAS[kind]))), metadata={"sensitivity": "personal"})
            for kind, name in SATELLITES.items()
        ),
    ]
)
"""The golden record as one Arrow schema; ``canonical_version`` is the version of the model that it was made with."""


@cache
def golden_schema() -> pl.Schema:
    """Return the Polars schema of golden values: ``canonical_version``, party content, one list per satellite."""
    return pl.Schema(GOLDEN)


def encode(values: pl.DataFrame) -> pl.Series:
    """Return canonical JSON (String, one text a row) of the columns of ``golden_schema``.

    Fields in schema order, nulls and empty lists left out at every level, dates as ``YYYY-MM-DD``, times as UTC with
    ``Z``. Equal values give equal texts, so a golden record changed exactly when its text did.
    """
    return to_json(values.with_columns(_plain_times()), golden_schema().names()).alias("payload")


def decode(payloads: pl.Series, *names: str) -> pl.DataFrame:
    """Return the golden values (``golden_schema``) of canonical JSON texts, or those named; nulls for a null text."""
    return payloads.cast(pl.String).str.json_decode(_golden_type(names)).struct.unnest()


@cache
def _golden_type(names: tuple[str, ...]) -> pl.Struct:
    return pl.Struct({name: type_ for name, type_ in golden_schema().items() if name in names or not names})


@cache
def _plain_times() -> tuple[pl.Expr, ...]:
    """Write the times inside lists as text; the JSON encoder writes dates as ISO, but times its own way."""
    written = []
    for name, dtype in golden_schema().items():
        if isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Struct):
            times = [field.name for field in dtype.inner.fields if isinstance(field.dtype, pl.Datetime)]
            texts = [pl.element().struct.field(time).dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ") for time in times]
            if texts:
                written.append(pl.col(name).list.eval(pl.element().struct.with_fields(*texts)))
    return tuple(written)


_Visible = Mapping[str, "_Visible | None"]
"""The fields that anyone may see: name → those of the elements, of a list; None, of a scalar."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    def __repr__(self) -> str:
        """Name the type only: what it holds is personal data."""
        return f"<{type(self).__name__}>"

    __str__ = __repr__


class Address(_Part):
    """A postal address in one role."""

    kind: str | None = None
    street: str | None = None
    house_number: str | None = None
    house_number_suffix: str | None = None
    postcode: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None


class Phone(_Part):
    """A phone number in E.164."""

    kind: str | None = None
    number: str | None = None


class Email(_Part):
    """An e-mail address."""

    kind: str | None = None
    address: str | None = None


class Identifier(_Part):
    """A number that names the customer somewhere; its type says where."""

    type: str | None = None
    value: str | None = None


class Attribute(_Part):
    """A free typed attribute."""

    name: str | None = None
    value: str | None = None


class Product(_Part):
    """A product that the customer has or had."""

    product_type: str | None = None
    name: str | None = None
    number: str | None = None
    status: str | None = None
    started_on: date | None = None
    ended_on: date | None = None
    attributes: tuple[Attribute, ...] = ()


class Consent(_Part):
    """What the customer allowed or refused, for one purpose over one channel."""

    purpose: str | None = None
    channel: str | None = None
    granted: bool | None = None
    recorded_on: datetime | None = None
    attributes: tuple[Attribute, ...] = ()


class Relationship(_Part):
    """A tie to another party, named by its source record or by an identifier."""

    relationship_type: str | None = None
    other_source: str | None = None
    other_record_id: str | None = None
    other_identifier_type: str | None = None
    other_identifier_value: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    attributes: tuple[Attribute, ...] = ()


class GoldenRecord(_Part):
    """The golden record at the edges of the system (HTTP, events): the same fields as ``GOLDEN``, typed."""

    canonical_version: int = CANONICAL_VERSION
    party_type: Literal["person", "organisation"] | None = None
    title: str | None = None
    initials: str | None = None
    given_name: str | None = None
    infix: str | None = None
    family_name: str | None = None
    organisation_name: str | None = None
    birth_date: date | None = None
    birth_place: str | None = None
    gender: Literal["male", "female", "other"] | None = None
    language: str | None = None
    occupation: str | None = None
    addresses: tuple[Address, ...] = ()
    phones: tuple[Phone, ...] = ()
    emails: tuple[Email, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    products: tuple[Product, ...] = ()
    consents: tuple[Consent, ...] = ()
    relationships: tuple[Relationship, ...] = ()


def without_sensitive(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a golden record (its JSON as plain data) as a reader who is not entitled may see it.

    Works from the sensitivities in the schemas. Whether an identifier is sensitive depends on its type: those in
    ``SENSITIVE_IDENTIFIERS``, and those without a type, leave as a whole; a customer number stays.
    """
    seen = _strip(payload, _visible())
    identifiers = [each for each in payload.get("identifiers", ()) if not _is_sensitive(each.get("type"))]
    if identifiers:
        seen["identifiers"] = identifiers
    for stripped, whole in zip(seen.get("relationships", ()), payload.get("relationships", ()), strict=True):
        if "other_identifier_value" in whole and not _is_sensitive(whole.get("other_identifier_type")):
            stripped["other_identifier_value"] = whole["other_identifier_value"]
    return {name: seen[name] for name in payload if name in seen}


def origins_without_sensitive(payload: Mapping[str, Any], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the provenance of what ``without_sensitive`` leaves of a golden record: its paths, numbered anew."""
    identifiers = enumerate(payload.get("identifiers", ()))
    kept = [old for old, each in identifiers if not _is_sensitive(each.get("type"))]
    renamed = {f"identifiers[{old}]": f"identifiers[{new}]" for new, old in enumerate(kept)}
    return {
        renamed.get(path, path): origin
        for path, origin in provenance.items()
        if path in renamed or path.partition("[")[0] in _visible()
    }


def _is_sensitive(identifier_type: str | None) -> bool:
    return identifier_type is None or identifier_type in SENSITIVE_IDENTIFIERS


@cache
def _visible() -> _Visible:
    """Return the fields that anyone may see; plain dicts, for Arrow's schemas are slow to walk for every reader."""
    return _visible_of(GOLDEN)


def _visible_of(fields: pa.Schema | pa.StructType) -> _Visible:
    return {
        field.name: _visible_of(field.type.value_type) if pa.types.is_list(field.type) else None
        for field in fields
        if field.metadata[b"sensitivity"] != b"sensitive"
    }


def _strip(values: Mapping[str, Any], visible: _Visible) -> dict[str, Any]:
    """Leave out the sensitive fields, and those that the schema does not know."""
    kept: dict[str, Any] = {}
    for name, value in values.items():
        if name in visible:
            inner = visible[name]
            kept[name] = value if inner is None or value is None else [_strip(each, inner) for each in value]
    return kept
