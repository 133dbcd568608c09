"""What blocking promises: one record has the same keys in process as among many, and common keys bring nobody."""

from __future__ import annotations

import itertools

import duckdb
import pytest
from featured import Row, database, empty, records, sets
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import blocking

PHONE_KEY = -1074481712635137253
"""Lower half of md5("phone" 0x1F "+31612345601"), little-endian and signed."""


def candidates(connection: duckdb.DuckDBPyConnection, *rules: blocking.Rule, **more: object) -> set[tuple[int, int]]:
    table = blocking.create_candidates(connection, "record", rules, **more)  # type: ignore[arg-type]
    rows = connection.sql(f"SELECT l, r FROM {table}").fetchall()
    assert len(rows) == len(set(rows))
    return set(rows)


@pytest.mark.parametrize("party_type", ["person", "organisation"])
@settings(max_examples=40, deadline=None)
@given(rows=st.lists(records, min_size=1, max_size=4))
def test_one_record_has_the_same_keys_in_process_as_in_bulk(party_type: str, rows: list[Row]) -> None:
    rules = blocking.RULES[party_type]
    with database(rows) as connection:
        blocking.create_keys(connection, "record", rules)
        bulk = connection.sql("SELECT i, rule, hash FROM blocking_key ORDER BY ALL").fetchall()
    numbers = {rule.name: number for number, rule in enumerate(rules)}
    online = [
        (i, numbers[name], key)
        for i, row in enumerate(rows)
        for name, hashes in blocking.keys(row, party_type).items()
        for key in hashes
    ]
    assert bulk == sorted(online)
    assert len(bulk) == len(set(bulk))


def test_keys_of_a_rule_are_all_combinations_of_its_values() -> None:
    record = empty() | {"given_names": ["ed", "edward"], "addresses": ["1234AB 1", "9999CD 2", "5555EF 3"]}
    assert len(blocking.keys(record, "person")["name_start_and_address"]) == 6


def test_swapped_names_have_the_same_starts_with_initials() -> None:
    one = empty() | {
        "given_names": ["simon"],
        "first_letters": ["s"],
        "family_parts": ["thomas"],
        "postcodes": ["1234AB"],
    }
    other = one | {"given_names": ["thomas"], "first_letters": ["t"], "family_parts": ["simon"]}
    initial = one | {"given_names": None}
    rule = "name_start_initial_and_postcode"
    found, swapped, without = (set(blocking.keys(record, "person")[rule]) for record in (one, other, initial))
    assert len(found) == 2
    assert found == swapped
    assert len(found & without) == 1


def test_the_hash_of_a_key_stays_as_it_is_stored() -> None:
    record = empty() | {"phones": ["+31612345601"]}
    assert blocking.keys(record, "person") == {"phone": [PHONE_KEY]}


def test_a_rule_of_common_values_makes_no_pairs() -> None:
    phone = blocking.Rule("phone", (blocking.each("phones"),), at_most=2)
    common, rare = empty() | {"phones": ["+31612345601"]}, empty() | {"phones": ["+31612345602"]}
    with database([common, rare, common, rare, common]) as connection:
        assert candidates(connection, phone, common=()) == {(1, 3), (0, 2), (0, 4), (2, 4)}
        [key] = blocking.keys(common, "person")["phone"]
        assert candidates(connection, phone, common={key}) == {(1, 3)}


def test_a_customer_of_many_systems_shares_keys_with_himself() -> None:
    phone = blocking.Rule("phone", (blocking.each("phones"),), at_most=2)
    one = empty() | {"given": "jan", "family": "vries", "birth_date": "19800102", "phones": ["+31612345601"]}
    with database([one] * 5 + [one | {"given": "ans"}] * 5) as connection:
        assert len(candidates(connection, phone, common=())) == 45


def test_no_model_makes_a_key_of_very_many_records_block() -> None:
    phone = blocking.Rule("phone", (blocking.each("phones"),), at_most=2)
    one = empty() | {"phones": ["+31612345601"]}
    with database([one] * phone.ceiling) as connection:
        assert candidates(connection, phone, common=())
    with database([one] * (phone.ceiling + 1)) as connection:
        assert not candidates(connection, phone, common=())


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(st.fixed_dictionaries({"phones": st.none() | sets, "emails": st.none() | sets}), max_size=12),
    tile=st.integers(1, 12),
    pieces=st.integers(1, 5),
)
def test_pairs_are_those_that_share_a_key_however_they_are_cut(
    rows: list[dict[str, list[str] | None]], tile: int, pieces: int
) -> None:
    rules = [blocking.Rule("phone", (blocking.each("phones"),)), blocking.Rule("email", (blocking.each("emails"),))]
    full: list[Row] = [empty() | dict(row) for row in rows]
    shared = {
        (one, other)
        for one, other in itertools.combinations(range(len(full)), 2)
        if any(set(full[one][name] or ()) & set(full[other][name] or ()) for name in ("phones", "emails"))
    }
    with database(full) as connection, pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocking, "PAIRS", pieces)
        table = blocking.create_keys(connection, "record", rules)
        blocks = blocking.blocks(connection, table, rules, common=())
        whole, parts = [blocks.pairs()], [*blocks.pieces(tile=tile, pairs=pieces)]
    for pairs in (whole, parts):
        found = [pair for left, right in pairs for pair in zip(left.tolist(), right.tolist(), strict=True)]
        assert found == sorted(shared)
    assert all(len({int(one) // tile for one in left}) == 1 for left, _ in parts)
