"""What comparisons promise: one definition, the same level in DuckDB and in process, whichever side comes first."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity import features
from identity.comparison import COMPARISONS, Value

NAMES = ["jan", "johannes", "jansen", "janssen", "marie", "vries", "j", "vroegindeweij", "vroegindewey", None]
words = st.one_of(st.sampled_from(NAMES), st.text("abc", min_size=1, max_size=6))
dates = st.sampled_from(["19610304", "19610403", "19620304", "19610305", "19900130", None])


def sets(*values: str) -> st.SearchStrategy[list[str] | None]:
    return st.one_of(st.none(), st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True).map(sorted))


BY_TYPE: Mapping[str, st.SearchStrategy[Value]] = {
    **dict.fromkeys(("given", "family", "initials", "birth_place", "occupation", "organisation"), words),
    "birth_date": dates,
    "address_since": st.sampled_from(["24300", "24301", "24324", "24340", None]),
    **dict.fromkeys(("legal_form", "branch"), words),
    **dict.fromkeys(
        ("phones", "emails", "ibans", "national_ids", "registrations", "addresses"),
        sets("31612345678", "31612345687", "31612345679", "3161234567", "41612345679", "abc", "b", ""),
    ),
    "gender": st.sampled_from(["male", "female", None]),
    "given_roots": sets("jan", "johannes", "marie"),
    "given_names": sets("jan", "piet", "marie"),
    "first_letters": sets("j", "m"),
    "family_parts": sets("jansen", "vries"),
    "organisation_words": sets("zon", "bakkerij"),
}
records = st.fixed_dictionaries(
    {
        name: BY_TYPE.get(name, sets("a", "b", "c") if dtype == pl.List(pl.String) else st.none())
        for name, dtype in features.SCHEMA.items()
        if name not in ("record_no", "key", "data_source", "party_type")
    }
)
COLUMNS = {
    name: dtype
    for name, dtype in features.SCHEMA.items()
    if name not in ("record_no", "key", "data_source", "party_type")
}


def bulk_levels(left: list[Mapping[str, Value]], right: list[Mapping[str, Value]]) -> list[tuple[int, ...]]:
    every = [one for comparisons in COMPARISONS.values() for one in comparisons]
    levels = ", ".join(one.sql(lambda c: f"a.{c}", lambda c: f"b.{c}") for one in every)
    with duckdb.connect() as connection:
        for name, side in (("a_frame", left), ("b_frame", right)):
            connection.register(name, pl.DataFrame(side, schema=COLUMNS).with_row_index("i").to_arrow())
        return connection.sql(f"SELECT {levels} FROM a_frame a JOIN b_frame b ON a.i = b.i ORDER BY a.i").fetchall()


@settings(max_examples=30, suppress_health_check=[HealthCheck.large_base_example])
@given(st.lists(st.tuples(records, records), min_size=1, max_size=8))
def test_bulk_and_in_process_levels_are_equal_and_symmetric(
    pairs: list[tuple[Mapping[str, Value], Mapping[str, Value]]],
) -> None:
    left, right = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    every = [one for comparisons in COMPARISONS.values() for one in comparisons]
    expected = [tuple(one.level(a, b) for one in every) for a, b in pairs]
    assert bulk_levels(left, right) == expected
    assert bulk_levels(right, left) == expected


def test_levels_agree_on_thousands_of_misspellings() -> None:
    """Distances near the thresholds, where a difference in rounding would show."""
    random = Random(7)

    def worn(name: str) -> str:
        letters = list(name)
        for _ in range(random.randrange(4)):
            place = random.randrange(len(letters))
            letters[place : place + random.randrange(3)] = random.choices("aeinrst", k=random.randrange(1, 3))
        return "".join(letters)

    def record() -> Mapping[str, Value]:
        name = worn(random.choice(["vroegindeweij", "jansen", "vanderheijden", "li", "johanna", "bakkerijdezon"]))
        day = worn(random.choice(["19610304", "19900130"]).replace("0", "3"))
        texts = dict.fromkeys(("given", "family", "birth_place", "organisation"), name)
        lists = {"first_letters": [name[0]], "phones": sorted({worn("31612345678"), worn("31201234567")})}
        return {**dict.fromkeys(COLUMNS), **texts, **lists, "birth_date": day}

    left, right = ([record() for _ in range(4000)] for _ in range(2))
    every = [one for comparisons in COMPARISONS.values() for one in comparisons]
    expected = [tuple(one.level(a, b) for one in every) for a, b in zip(left, right, strict=True)]
    assert bulk_levels(left, right) == expected
    assert len(set(expected)) > 20


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("31612345678", "31612345678", "shared"),
        ("31612345678", "31612345679", "one_edit"),
        ("31612345678", "31612345687", "one_edit"),
        ("31612345678", "3161234567", "one_edit"),
        ("31612345678", "31612345789", "other"),
        ("31612345678", None, "missing"),
    ],
)
def test_a_mistyped_number_is_nearly_the_same(one: str, other: str | None, level: str) -> None:
    left, right = ({**dict.fromkeys(COLUMNS), "phones": [number] if number else None} for number in (one, other))
    assert level_of("phone", left, right) == level


@pytest.mark.parametrize(
    ("one", "other"),
    [("febhdgcghggg", "fbdhgcghgg"), ("ggaheeeghaac", "gaeheehaac"), ("hgahhcfcffaaechdce", "hfgahhcgcffaaechdece")],
)
def test_levels_agree_where_a_similarity_is_a_threshold(one: str, other: str) -> None:
    """Of these it is 0.92, which DuckDB and rapidfuzz round differently."""
    nothing: dict[str, Value] = dict.fromkeys(COLUMNS)
    left, right = nothing | {"family": one}, nothing | {"family": other}
    every = [comparison for comparisons in COMPARISONS.values() for comparison in comparisons]
    assert bulk_levels([left], [right]) == [tuple(comparison.level(left, right) for comparison in every)]
    assert level_of("family_name", left, right) == "similar"


def test_identifiers_of_different_types_say_nothing_about_each_other() -> None:
    def record(kind: str, value: str) -> Mapping[str, Value]:
        return {**dict.fromkeys(COLUMNS), "identifiers": [f"{kind}:{value}"], "identifier_types": [kind]}

    assert level_of("identifier", record("loyalty_card", "1"), record("customer_number", "2")) == "missing"
    assert level_of("identifier", record("loyalty_card", "1"), record("loyalty_card", "2")) == "other"
    assert level_of("identifier", record("loyalty_card", "1"), record("loyalty_card", "1")) == "shared"


def test_another_address_since_years_later_may_be_a_move() -> None:
    def record(city: str, since: int) -> Mapping[str, Value]:
        return {**dict.fromkeys(COLUMNS), "cities": [city], "address_since": str(since)}

    assert level_of("address", record("ede", 24000), record("tiel", 24023)) == "other"
    assert level_of("address", record("ede", 24000), record("tiel", 24024)) == "moved"
    assert level_of("address", record("ede", 24000), record("ede", 24100)) == "city"


def test_names_are_swapped_when_both_are() -> None:
    def record(given: str | None, family: str | None) -> Mapping[str, Value]:
        letters = [given[0]] if given else None
        return {**dict.fromkeys(COLUMNS), "given": given, "first_letters": letters, "family": family}

    son, father = record("peter", "thomas"), record("thomas", "johnson")
    swapped, misspelt = record("johnson", "thomas"), record("jonson", "thomas")
    assert level_of("given_name", son, father) == level_of("family_name", son, father) == "other"
    assert level_of("given_name", swapped, father) == level_of("given_name", father, misspelt) == "crossed"
    assert level_of("family_name", swapped, father) == "missing"  # one fact counts once
    assert level_of("family_name", record("johnson", None), father) == "crossed"


def level_of(comparison: str, left: Mapping[str, Value], right: Mapping[str, Value]) -> str:
    one = next(one for one in COMPARISONS["person"] if one.name == comparison)
    return one.levels[one.level(left, right)].name


def test_every_comparison_ends_with_a_level_that_takes_the_rest() -> None:
    for comparisons in COMPARISONS.values():
        for one in comparisons:
            assert one.levels[-1].condition is None
            assert all(level.condition for level in one.levels[:-1])
            assert len({level.name for level in one.levels}) == len(one.levels)
