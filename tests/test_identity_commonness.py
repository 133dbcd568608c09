"""What counting common keys promises: a key is common by its parties, and quick keys stand for the same keys."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from featured import Row, database, empty, records
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import blocking, commonness

PHONE = blocking.Rule("phone", (blocking.each("phones"),), at_most=2)
ANYBODY = empty() | {"party_type": "person", "phones": ["+31612345601"]}


@pytest.mark.parametrize("party_type", ["person", "organisation"])
@settings(max_examples=20, deadline=None)
@given(rows=st.lists(records, min_size=1, max_size=6), at_most=st.integers(1, 3))
def test_common_keys_are_those_of_more_parties_than_the_rule_allows(
    party_type: str, rows: list[Row], at_most: int
) -> None:
    rules = [replace(rule, at_most=at_most) for rule in blocking.RULES[party_type]]
    with database([row | {"party_type": party_type} for row in rows]) as connection:
        found = commonness.common_keys(connection, "record", {party_type: rules, "nobody": rules})
    parties_of: dict[int, set[object]] = {}
    for number, row in enumerate(rows):
        for key in itertools.chain.from_iterable(blocking.keys(row, party_type).values()):
            parties_of.setdefault(key, set()).add(party(row, number))
    assert sorted(found.values()) == sorted(key for key, parties in parties_of.items() if len(parties) > at_most)


def party(record: Row, number: int) -> tuple[object, ...]:
    """Whom a record is taken for: what it tells, or else nobody but itself."""
    name, registrations, postcodes = (record[one] for one in ("organisation", "registrations", "postcodes"))
    told = record["birth_date"] or (registrations or postcodes or [str(number)])[0]
    return record["given"], record["family"] if record["family"] is not None else name, told


def test_a_customer_of_many_systems_makes_no_key_common() -> None:
    one = ANYBODY | {"given": "jan", "family": "vries", "birth_date": "19800102"}
    other = one | {"given": "ans"}
    with database([one] * 5 + [other] * 5) as connection:
        assert not commonness.common_keys(connection, "record", {"person": [PHONE]})
    with database([one, other, one | {"given": "eva"}]) as connection:
        found = commonness.common_keys(connection, "record", {"person": [PHONE]})
    assert [*found.values()] == blocking.keys(one, "person")["phone"]


def test_parties_of_another_type_do_not_count() -> None:
    firm = ANYBODY | {"party_type": "organisation"}
    with database([ANYBODY, ANYBODY, firm, firm]) as connection:
        assert not commonness.common_keys(connection, "record", {"person": [PHONE], "organisation": []})


@pytest.mark.parametrize("party_type", ["person", "organisation"])
@settings(max_examples=20, deadline=None)
@given(rows=st.lists(records, min_size=1, max_size=6), at_most=st.integers(1, 3))
def test_quick_keys_make_the_same_candidates(party_type: str, rows: list[Row], at_most: int) -> None:
    rules = [replace(rule, at_most=at_most) for rule in blocking.RULES[party_type]]
    made = []
    with database([row | {"party_type": party_type} for row in rows]) as connection:
        common = commonness.common_keys(connection, "record", {party_type: rules})
        for keys, key in ((common.values(), blocking.hash_sql), (common.keys(), commonness.quick_sql)):
            table = blocking.create_candidates(connection, "record", rules, keys, key=key)
            made.append(sorted(connection.sql(f"SELECT l, r FROM {table}").fetchall()))
    assert made[0] == made[1]
