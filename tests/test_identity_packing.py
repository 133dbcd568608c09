"""What packing promises: what comes out is what went in, whatever it holds, one by one or many at once."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from identity.features import SCHEMA
from identity.packing import FIELDS, LISTS, pack, pack_one, unpack_one

texts = st.text(st.one_of(st.sampled_from("\x1b\x1e\x1f012ab"), st.characters(codec="ascii")), min_size=1, max_size=6)
records = st.fixed_dictionaries(
    {
        name: st.none() | (st.lists(texts, min_size=1, max_size=3) if name in LISTS else texts)
        for name in FIELDS
    }
)  # fmt: skip
numbered = st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 2**64 - 1), records)


@given(st.lists(numbered, max_size=5))
def test_packed_features_come_back_whole(rows: list[tuple[int, int, dict[str, str | list[str] | None]]]) -> None:
    frame = pl.DataFrame([{"record_no": number, "key": key, **record} for number, key, record in rows], schema=SCHEMA)
    packed = pack(frame).rows()
    assert [(number, key % 2**64, unpack_one(content)) for number, key, content in packed] == rows
    assert [content for _, _, content in packed] == [pack_one(record) for _, _, record in rows]


def test_a_value_of_nothing_is_not_no_value() -> None:
    record = {**dict.fromkeys(FIELDS), "phones": [""], "emails": ["", "a"]}
    assert unpack_one(pack_one(record)) == record
