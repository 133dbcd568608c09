"""A store with golden records of invented people, for the tests of what reads them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

import polars as pl
from sqlalchemy import Connection
from test_golden_survivorship import frame, record

from canonical_model import content
from canonical_model.schema import Kind
from golden import lookup, survivorship
from golden.rules import Rules
from identity.model import packaged_prior
from store import bulk, models, tables
from store.engine import Store

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
IBAN = "NL91ABNA0417164300"
CROWD = 25  # customers that share one e-mail address
GENERIC_PHONE = "+31600000000"


def _people() -> list[dict[str, Any]]:
    jan = {"party_type": "person", "given_name": "Jan", "family_name": "Jansen", "birth_date": date(1970, 1, 2)}
    landline = {"kind": "home", "number": "+31701234567"}
    return [
        record(
            *(1, "crm", "a"),
            since=9,
            **jan,
            phones=[{"kind": "mobile", "number": "+31612345678"}, landline],
            emails=[{"kind": "home", "address": "jan@example.nl"}],
            identifiers=[
                {"type": "national_id", "value": "111222333"},
                {"type": "customer_number", "value": "K1"},
                {"type": "iban", "value": IBAN},
            ],
        ),
        record(1, "billing", "b", since=1, **jan, phones=[{"kind": "mobile", "number": "+31687654321"}]),
        record(
            *(2, "crm", "c"),
            party_type="person",
            given_name="Maria",
            family_name="Jansen",
            phones=[landline, {"kind": "mobile", "number": GENERIC_PHONE}],
        ),
        *(
            record(
                100 + n, "crm", f"crowd {n}", family_name="X", emails=[{"kind": "work", "address": "info@example.nl"}]
            )
            for n in range(CROWD)
        ),
    ]


CONTACTS = [
    {"occurred_at": datetime(2026, 1, 1, 10, tzinfo=UTC), "channel": "phone", "subject": "first"},
    {"channel": "letter", "subject": "undated"},
    {"occurred_at": datetime(2026, 3, 1, 10, 0, 0, tzinfo=UTC), "channel": "chat", "subject": "last but one"},
    {"occurred_at": datetime(2026, 3, 1, 10, 0, 0, 500_000, tzinfo=UTC), "channel": "chat", "subject": "last"},
]


def fill(store: Store) -> None:
    """Put the customers into a store.

    1 is Jan, known by two systems; 2 is Maria, who shares Jan's landline; 3 was merged into 1 and 4 into 3; 5 is
    gone; 6 was erased; from 100 on there is a crowd behind one e-mail address.
    """
    members = frame(_people())
    product = record(1, "billing", "p", product_type="card", number="5200 8282")
    products = {Kind.PRODUCT: frame([product], Kind.PRODUCT)}
    golden = survivorship.compute(members, products, Rules(), None, NOW.date())
    keys = lookup.keys(members, golden, products[Kind.PRODUCT])
    moment = pl.lit(NOW, bulk.MOMENT)
    active = golden.select("entity_id", pl.lit("active").alias("state"), pl.lit(None, pl.Int64).alias("redirect_to"))
    retired = pl.DataFrame(
        {"entity_id": [3, 4, 5], "state": ["retired"] * 3, "redirect_to": [1, 3, None]}, schema=active.schema
    )
    prior = packaged_prior()
    model = replace(prior, generic=MappingProxyType({**prior.generic, "phones": frozenset({GENERIC_PHONE})}))
    models.activate(store, model.version, model.to_json(), actor="test", now=NOW)
    with store.write() as connection:
        entities = pl.concat([active, retired])
        bulk.insert(
            connection,
            tables.entity,
            entities.with_columns(version=pl.lit(3), created_at=moment, updated_at=moment),
        )
        bulk.insert(connection, tables.golden, golden.with_columns(version=pl.lit(3), recorded_at=moment))
        bulk.insert(connection, tables.lookup_key, keys)
        connection.execute(tables.tombstone.insert().values(entity_id=6, erased_at=NOW, actor="test"))
        connection.execute(tables.source.insert().values(source_no=7, name="contact_centre", state="active"))
        crosswalk = members.select("record_no", "entity_id", moment.alias("since"))
        bulk.insert(connection, tables.crosswalk, crosswalk)
        _contacts(connection, jan=members["record_no"][1])


def _contacts(connection: Connection, *, jan: int) -> None:
    contacts = frame([record(1, "contact_centre", "-", **contact) for contact in CONTACTS], Kind.CONTACT)
    for number, text in enumerate(content.encode(contacts, Kind.CONTACT), start=9_001):
        connection.execute(
            tables.source_record.insert().values(
                record_no=number,
                source_no=7,
                kind=tables.KIND_NUMBERS[Kind.CONTACT],
                record_id=f"contact {number}",
                version=1,
                deleted=False,
                content=text,
                content_hash=number,
                since_at=NOW,
                recorded_at=NOW,
                run_id=1,
                canonical_version=1,
            )
        )
        connection.execute(
            tables.party_reference.insert().values(
                record_no=number, source_no=7, record_id="b", party_no=jan, state="attached"
            )
        )
