"""Content survives its text; the hash moves when, and only when, what it covers does."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canonical_model.content import FEW, decode, digest, encode, encode_groups
from canonical_model.schema import Kind, content_schema, field_groups

TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
    st.sampled_from([',"name":null', '{"a":null,', "\\", '"', ",", "{", "null", "[]", '":[]', "\x00", "\n", "é", "😀"]),
)


def values(type_: pl.DataType) -> st.SearchStrategy[Any]:
    """Any value of a type, or null."""
    if isinstance(type_, pl.String):
        inner: st.SearchStrategy[Any] = TEXT
    elif isinstance(type_, pl.Boolean):
        inner = st.booleans()
    elif isinstance(type_, pl.Date):
        inner = st.dates()
    elif isinstance(type_, pl.Datetime):
        inner = st.datetimes(timezones=st.just(UTC))
    elif isinstance(type_, pl.List):
        inner = st.lists(values(type_.inner).filter(lambda item: item is not None), min_size=1, max_size=3)  # type: ignore[arg-type]
    elif isinstance(type_, pl.Struct):
        inner = st.fixed_dictionaries({name: values(field) for name, field in type_.to_schema().items()})
    else:
        raise AssertionError(type_)
    return st.none() | inner


def records(kind: Kind) -> st.SearchStrategy[list[dict[str, Any]]]:
    row = st.fixed_dictionaries({name: values(type_) for name, type_ in content_schema(kind).items()})
    return st.lists(row, min_size=0, max_size=4)


@settings(max_examples=60)
@given(st.data(), st.sampled_from(list(Kind)))
def test_round_trip_is_the_identity(data: st.DataObject, kind: Kind) -> None:
    frame = pl.DataFrame(data.draw(records(kind)), schema=content_schema(kind))
    content = encode(frame, kind)
    back = decode(content, kind)
    assert back.schema == content_schema(kind)
    assert back.equals(frame)
    assert encode(back, kind).to_list() == content.to_list()


@settings(max_examples=40)
@given(st.data(), st.sampled_from(list(Kind)))
def test_the_text_is_json_without_nulls(data: st.DataObject, kind: Kind) -> None:
    rows = data.draw(records(kind))

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: bare(inner) for name, inner in value.items() if inner is not None}
        return [bare(item) for item in value] if isinstance(value, list) else value

    def read(written: Any, type_: pl.DataType) -> Any:
        if isinstance(type_, pl.Struct):
            return {name: read(inner, type_.to_schema()[name]) for name, inner in written.items()}
        if isinstance(type_, pl.List):
            return [read(item, type_.inner) for item in written]  # type: ignore[arg-type]
        if isinstance(type_, pl.Date):
            return date.fromisoformat(written)
        return datetime.fromisoformat(written) if isinstance(type_, pl.Datetime) else written

    schema = content_schema(kind)
    for text, row in zip(encode(pl.DataFrame(rows, schema=schema), kind).to_list(), rows, strict=True):
        written = json.loads(text)
        assert read(written, pl.Struct(schema)) == bare(row)
        assert list(written) == [name for name in schema if name in written]


def party(**fields: Any) -> pl.DataFrame:
    return pl.DataFrame([fields], schema_overrides={k: v for k, v in content_schema(Kind.PARTY).items() if k in fields})


def test_a_new_nullable_field_changes_nothing() -> None:
    before = encode(party(family_name="Jansen", phones=[{"kind": "home", "number": "+31201234567"}]), Kind.PARTY)
    wide = dict.fromkeys(content_schema(Kind.PARTY)) | {
        "family_name": "Jansen",
        "phones": [{"kind": "home", "number": "+31201234567"}],
        "emails": [],
    }
    after = encode(pl.DataFrame([wide], schema=content_schema(Kind.PARTY)), Kind.PARTY)
    assert (
        after.to_list()
        == before.to_list()
        == ['{"family_name":"Jansen","phones":[{"kind":"home","number":"+31201234567"}]}']
    )
    assert digest(after).to_list() == digest(before).to_list()


def test_the_hash_is_the_same_everywhere() -> None:
    hashes = digest(pl.Series(["{}", '{"family_name":"Jansen"}', None]))
    assert hashes.dtype == pl.Int64
    assert hashes.to_list() == [4316993580104516537, -2867767718795738401, None]
    md5 = hashlib.md5(b"{}").digest()
    assert hashes[0] == int.from_bytes(md5[8:], "little", signed=True)
    assert digest(pl.Series([], dtype=pl.String)).len() == 0


def test_the_hash_is_the_same_for_few_texts_and_for_many() -> None:
    few = pl.Series(["", "é № 𝄞", None, "a\x1fb"])
    many = pl.concat([few] * FEW)
    assert digest(many).head(4).to_list() == digest(few).to_list()


def test_the_schemas_do_not_wait_for_pandas() -> None:
    """Where pandas is installed, PyArrow imports it to lay out an empty table: a second of every command."""
    told = (
        "from canonical_model import golden, schema; golden.golden_schema(), schema.content_schema(schema.Kind.PARTY)"
    )
    subprocess.run([sys.executable, "-c", f"import sys; {told}; sys.exit('pandas' in sys.modules)"], check=True)


def test_groups_show_which_fields_changed() -> None:
    old = encode_groups(party(given_name="Jan", family_name="Jansen", gender="male"), Kind.PARTY)
    new = encode_groups(party(given_name="Jan", family_name="Smit", gender="male"), Kind.PARTY)
    changed = [group for group in field_groups(Kind.PARTY) if group in new and not new[group].equals(old[group])]
    assert changed == ["name"]


def test_text_that_is_not_of_the_kind_is_refused() -> None:
    with pytest.raises(pl.exceptions.ComputeError):
        decode(pl.Series(['{"birth_date":']), Kind.PARTY)
