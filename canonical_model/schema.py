"""THE canonical schemas: one Arrow schema per kind of record, with the sensitivity and group of every field.

A canonical record of any kind is addressed by (``data_source``, ``record_id``). What stands here is its content;
the envelope that travels with it is in ``ENVELOPE``. Field names are TM Forum's where it has them (party, contact
medium), otherwise the plain English word.

Metadata keys on every field (bytes, as Arrow wants them): ``sensitivity`` (``none``, ``personal``, ``sensitive``)
and ``group`` (the field group whose ``since`` is kept together).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from types import MappingProxyType

import polars as pl
import pyarrow as pa

CANONICAL_VERSION = 1
"""Raised when the meaning of a field changes; a new nullable field does not raise it."""


class Kind(StrEnum):
    """The kinds of canonical records. Everything but a party is a satellite and carries a party reference."""

    PARTY = "party"
    PRODUCT = "product"
    CONTACT = "contact"
    CONSENT = "consent"
    RELATIONSHIP = "relationship"


class Sensitivity(StrEnum):
    """Who may see a field: ``personal`` never in logs, ``sensitive`` also not in events unless entitled."""

    NONE = "none"
    PERSONAL = "personal"
    SENSITIVE = "sensitive"


SENSITIVE_IDENTIFIERS = frozenset({"iban", "national_id", "passport", "driving_licence"})
"""Identifier types whose ``value`` is sensitive; the others' are personal.

``customer_number``, ``chamber_of_commerce`` and ``vat`` are the other types in common use; any lower-case name is
allowed.
"""

PARTY_TYPES = ("person", "organisation")
GENDERS = ("male", "female", "other")
TIMESTAMP = pa.timestamp("us", "UTC")


def _field(name: str, type_: pa.DataType, sensitivity: Sensitivity, group: str | None = None) -> pa.Field:
    return pa.field(name, type_, metadata={"sensitivity": sensitivity.value, "group": group or name})


_none, _personal, _sensitive = Sensitivity.NONE, Sensitivity.PERSONAL, Sensitivity.SENSITIVE
_text = pa.string()

ADDRESS = pa.struct(
    [
        _field("kind", _text, _none),  # home, postal, visiting, billing, delivery
        _field("street", _text, _personal),
        _field("house_number", _text, _personal),
        _field("house_number_suffix", _text, _personal),
        _field("postcode", _text, _personal),
        _field("city", _text, _personal),
        _field("region", _text, _personal),
        _field("country", _text, _none),  # ISO 3166-1 alpha-2
        _field("valid_from", pa.date32(), _none),
        _field("valid_to", pa.date32(), _none),
    ]
)
PHONE = pa.struct([_field("kind", _text, _none), _field("number", _text, _personal)])  # number in E.164
EMAIL = pa.struct([_field("kind", _text, _none), _field("address", _text, _personal)])
IDENTIFIER = pa.struct([_field("type", _text, _none), _field("value", _text, _sensitive)])
ATTRIBUTE = pa.struct([_field("name", _text, _none), _field("value", _text, _personal)])

PARTY = pa.schema(
    [
        _field("party_type", _text, _none),  # PARTY_TYPES
        _field("title", _text, _personal, "name"),
        _field("initials", _text, _personal, "name"),  # "J.P."
        _field("given_name", _text, _personal, "name"),
        _field("infix", _text, _personal, "name"),  # tussenvoegsel: "van der"
        _field("family_name", _text, _personal, "name"),  # without the infix
        _field("organisation_name", _text, _personal, "name"),
        _field("birth_date", pa.date32(), _personal),
        _field("birth_place", _text, _personal),
        _field("gender", _text, _personal),  # GENDERS
        _field("language", _text, _none),  # ISO 639-1
        _field("occupation", _text, _personal),
        _field("addresses", pa.list_(ADDRESS), _personal),
        _field("phones", pa.list_(PHONE), _personal),
        _field("emails", pa.list_(EMAIL), _personal),
        _field("identifiers", pa.list_(IDENTIFIER), _sensitive),
        _field("attributes", pa.list_(ATTRIBUTE), _personal),
    ]
)

PRODUCT = pa.schema(
    [
        _field("product_type", _text, _none),  # mobile, internet, tv, energy, card …
        _field("name", _text, _none),
        _field("number", _text, _personal),  # what the customer knows it by: subscription or card number
        _field("status", _text, _none),  # active, suspended, ended
        _field("started_on", pa.date32(), _none),
        _field("ended_on", pa.date32(), _none),
        _field("attributes", pa.list_(ATTRIBUTE), _personal),
    ]
)

CONTACT = pa.schema(
    [
        _field("occurred_at", TIMESTAMP, _personal),
        _field("channel", _text, _none),  # phone, chat, e-mail, shop, letter, web
        _field("direction", _text, _none),  # inbound, outbound
        _field("subject", _text, _personal),
        _field("outcome", _text, _personal),
        _field("reference", _text, _personal),
        _field("attributes", pa.list_(ATTRIBUTE), _personal),
    ]
)

CONSENT = pa.schema(
    [
        _field("purpose", _text, _none),  # marketing, profiling, sharing …
        _field("channel", _text, _none),  # e-mail, phone, post, sms; null for any
        _field("granted", pa.bool_(), _personal),
        _field("recorded_on", TIMESTAMP, _none),
        _field("attributes", pa.list_(ATTRIBUTE), _personal),
    ]
)

RELATIONSHIP = pa.schema(
    [
        _field("relationship_type", _text, _none),  # household, partner, contact_person, guardian …
        _field("other_source", _text, _none, "other"),  # the other party's reference, as in REFERENCE
        _field("other_record_id", _text, _personal, "other"),
        _field("other_identifier_type", _text, _none, "other"),
        _field("other_identifier_value", _text, _sensitive, "other"),
        _field("valid_from", pa.date32(), _none),
        _field("valid_to", pa.date32(), _none),
        _field("attributes", pa.list_(ATTRIBUTE), _personal),
    ]
)

SCHEMAS: Mapping[Kind, pa.Schema] = MappingProxyType(
    {
        Kind.PARTY: PARTY,
        Kind.PRODUCT: PRODUCT,
        Kind.CONTACT: CONTACT,
        Kind.CONSENT: CONSENT,
        Kind.RELATIONSHIP: RELATIONSHIP,
    }
)

ENVELOPE = pa.schema(
    [
        pa.field("row", pa.uint32(), nullable=False),  # 0-based row of the raw batch that yielded the record
        pa.field("record_id", _text, nullable=False),
        pa.field("changed_at", TIMESTAMP),  # when the source says it changed; null when it does not say
    ]
)
"""Columns that come before the content in every mapped frame."""

REFERENCE = pa.schema(
    [
        pa.field("party_source", _text),  # with party_record_id: a source record …
        pa.field("party_record_id", _text),
        pa.field("party_identifier_type", _text),  # … or an identifier
        pa.field("party_identifier_value", _text),
    ]
)
"""The party reference of a satellite; stands between envelope and content. Exactly one of the two pairs is set."""


@cache
def frame_schema(kind: Kind) -> pl.Schema:
    """Return the Polars schema of a mapped frame: envelope, reference (satellites only), content."""
    fields = [*ENVELOPE, *(REFERENCE if kind is not Kind.PARTY else ()), *SCHEMAS[kind]]
    return pl.Schema(pa.schema(fields))


@cache
def content_schema(kind: Kind) -> pl.Schema:
    """Return the Polars schema of the content alone."""
    return pl.Schema(SCHEMAS[kind])


@cache
def field_groups(kind: Kind) -> Mapping[str, tuple[str, ...]]:
    """Return the field groups of a kind: group name → its fields, in schema order."""
    groups: dict[str, tuple[str, ...]] = {}
    for field in SCHEMAS[kind]:
        name = field.metadata[b"group"].decode()
        groups[name] = (*groups.get(name, ()), field.name)
    return MappingProxyType(groups)
