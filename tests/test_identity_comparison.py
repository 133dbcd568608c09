"""What comparisons promise: one definition, the same level in DuckDB and in process, whichever side comes first."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import duckdb
import polars as pl
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

    def record() -> dict[str, Value]:
        name = worn(random.choice(["vroegindeweij", "jansen", "vanderheijden", "li", "johanna", "bakkerijdezon"]))
        day = worn(random.choice(["19610304", "19900130"]).replace("0", "3"))
        texts = dict.fromkeys(("given", "family", "birth_place", "organisation"), name)
        return {**dict.fromkeys(COLUMNS), **texts, "first_letters": [name[0]], "birth_date": day}

    left, right = ([record() for _ in range(4000)] for _ in range(2))
    every = [one for comparisons in COMPARISONS.values() for one in comparisons]
    expected = [tuple(one.level(a, b) for one in every) for a, b in zip(left, right, strict=True)]
    assert bulk_levels(left, right) == expected
    assert len(set(expected)) > 20


def test_every_comparison_ends_with_a_level_that_takes_the_rest() -> None:
    for comparisons in COMPARISONS.values():
        for one in comparisons:
            assert one.levels[-1].condition is None
            assert all(level.condition for level in one.levels[:-1])
            assert len({level.name for level in one.levels}) == len(one.levels)
