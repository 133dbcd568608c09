"""The golden record's three forms agree, and sensitive values stay where they are allowed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from canonical_model.golden import (
    GOLDEN,
    GoldenRecord,
    decode,
    encode,
    golden_schema,
    origins_without_sensitive,
    without_sensitive,
)


def strategy(dtype: pl.DataType) -> st.SearchStrategy[Any]:
    """Draw any value of a type; lists are null or have elements, as everywhere in the project."""
    if isinstance(dtype, pl.List):
        return st.none() | st.lists(strategy(dtype.inner), min_size=1, max_size=2)
    if isinstance(dtype, pl.Struct):
        return st.fixed_dictionaries({field.name: strategy(field.dtype) for field in dtype.fields})
    if isinstance(dtype, pl.Datetime):
        micros = st.integers(0, 4_000_000_000_000_000)
        return st.none() | micros.map(lambda passed: datetime.fromtimestamp(0, UTC) + timedelta(microseconds=passed))
    drawn: dict[type[pl.DataType], st.SearchStrategy[Any]] = {
        pl.String: st.text(min_size=1, max_size=12) | st.sampled_from(['","a":null', '{"a":null}', 'x\\"y":null']),
        pl.Date: st.dates(date(1850, 1, 1), date(2100, 1, 1)),
        pl.Boolean: st.booleans(),
        pl.Int64: st.just(1),
    }
    return st.none() | drawn[type(dtype)]


@settings(max_examples=80)
@given(strategy(pl.Struct(golden_schema())))
def test_what_is_encoded_is_decoded(values: dict[str, Any]) -> None:
    frame = pl.DataFrame([values], schema=golden_schema())
    text = encode(frame)
    assert ":null" not in json.dumps(json.loads(text[0]), separators=(",", ":")).replace('\\":null', "")
    assert decode(text).equals(frame)


def test_the_typed_record_has_the_fields_of_the_schema() -> None:
    _assert_same(GoldenRecord, list(GOLDEN))


def _assert_same(model: type[BaseModel], fields: list[pa.Field]) -> None:
    assert list(model.model_fields) == [field.name for field in fields]
    for field in fields:
        if pa.types.is_list(field.type):
            inner = model.model_fields[field.name].annotation.__args__[0]  # type: ignore[union-attr]
            _assert_same(inner, list(field.type.value_type))


RECORD: dict[str, Any] = {
    "canonical_version": 1,
    "family_name": "Jansen",
    "identifiers": [
        {"type": "customer_number", "value": "123"},
        {"type": "iban", "value": "NL91ABNA0417164300"},
        {"value": "whatever"},
    ],
    "products": [{"product_type": "mobile", "number": "+31612345678"}],
    "relationships": [
        {"relationship_type": "partner", "other_identifier_type": "national_id", "other_identifier_value": "111222333"},
        {"relationship_type": "guardian", "other_identifier_type": "customer_number", "other_identifier_value": "9"},
    ],
}


def test_sensitive_values_are_left_out_for_those_who_are_not_entitled() -> None:
    seen = without_sensitive(RECORD)
    assert seen == RECORD | {
        "identifiers": [{"type": "customer_number", "value": "123"}],
        "relationships": [
            {"relationship_type": "partner", "other_identifier_type": "national_id"},
            {
                "relationship_type": "guardian",
                "other_identifier_type": "customer_number",
                "other_identifier_value": "9",
            },
        ],
    }
    assert list(seen) == list(RECORD)


def test_the_origins_of_what_is_left_point_to_where_it_stands_now() -> None:
    record = {"identifiers": [{"type": "iban"}, {"type": "customer_number"}, {"type": "vat"}]}
    identifiers = {"identifiers[0]": "b", "identifiers[1]": "c", "identifiers[2]": "d"}
    origins = {"family_name": "a", "phones[0]": "e", "of_a_later_model": "f", **identifiers}
    assert origins_without_sensitive(record, origins) == {
        "family_name": "a",
        "phones[0]": "e",
        "identifiers[0]": "c",
        "identifiers[1]": "d",
    }


def test_a_record_with_only_sensitive_identifiers_has_none() -> None:
    assert without_sensitive({"identifiers": [{"type": "iban", "value": "NL91ABNA0417164300"}]}) == {}


def test_a_record_never_shows_itself() -> None:
    record = GoldenRecord.model_validate(RECORD)
    assert "Jansen" not in repr(record)
    assert "Jansen" not in f"{record} {record.identifiers!r}"
