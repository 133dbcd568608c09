"""Look-up keys: every live value finds its customer, and says whether it still holds."""

from __future__ import annotations

import re
from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from test_golden_survivorship import frame, record

from canonical_model.schema import Kind
from golden import lookup
from golden.rules import Rules
from golden.survivorship import compute

TODAY = date(2026, 6, 1)


def keys(members: pl.DataFrame, products: pl.DataFrame | None = None) -> set[tuple[str, str, bool]]:
    satellites = {} if products is None else {Kind.PRODUCT: products}
    found = lookup.keys(members, compute(members, satellites, Rules(), None, TODAY), products)
    assert found.schema == lookup.LOOKUP_KEYS
    assert found.n_unique(["entity_id", "kind", "value"]) == found.height
    return set(found.drop("entity_id").iter_rows())


def test_superseded_values_still_find_their_customer() -> None:
    members = frame(
        [
            record(1, "crm", "a", since=1, emails=[{"address": "Old@Example.NL"}]),
            record(1, "web", "b", since=2, emails=[{"address": "new@example.nl"}]),
        ]
    )
    assert keys(members) == {("email", "old@example.nl", False), ("email", "new@example.nl", True)}


def test_identifiers_are_keys_of_their_type() -> None:
    identifiers = [{"type": "iban", "value": "NL91 ABNA 0417 1643 00"}, {"type": "customer_number", "value": "k-12"}]
    members = frame([record(1, "crm", "a", identifiers=identifiers)])
    assert keys(members) == {("iban", "NL91ABNA0417164300", True), ("customer_number", "K-12", True)}


def test_a_subscription_is_found_by_phone_and_a_card_by_product_number() -> None:
    products = frame(
        [
            record(1, "billing", "p", product_type="mobile", number="+31612345678"),
            record(1, "cards", "q", product_type="card", number="5200 8282"),
            record(1, "tv", "r", product_type="tv"),
        ],
        Kind.PRODUCT,
    )
    members = frame([record(1, "crm", "a", phones=[{"kind": "mobile", "number": "+31612345678"}])])
    assert keys(members, products) == {("phone", "+31612345678", True), ("product", "52008282", True)}


def test_what_is_asked_for_is_written_as_the_keys_are() -> None:
    assert lookup.normal("email", " Jan@Example.NL ") == "jan@example.nl"
    assert lookup.normal("iban", "nl91 abna 0417 1643 00") == "NL91ABNA0417164300"
    assert lookup.normal("phone", "+31 6 12345678") == "+31612345678"


@given(kind=st.sampled_from(["email", "phone", "iban", "customer_number"]), value=st.text(max_size=12))
def test_one_value_is_written_as_columns_are(kind: str, value: str) -> None:
    value = re.sub("[\x1c-\x1f]", "", value)  # white space to Python alone
    column = pl.select(lookup._normal(pl.lit(kind), pl.lit(value))).item()
    assert lookup.normal(kind, value) == column


def test_members_without_keys_have_none() -> None:
    assert keys(frame([record(1, "crm", "a", family_name="Jansen")])) == set()
