"""Expectation maximisation: what a pass of pairs that can't be learned from leaves of the others."""

from __future__ import annotations

from itertools import product

import duckdb
import numpy as np
import polars as pl

from identity import expectation
from identity.comparison import BIRTH_DATE, EMAIL, GENDER, GIVEN_NAME, IBAN, NATIONAL_ID, PHONE, Comparison
from identity.model import packaged_prior
from identity.sampling import Pass

COMPARISONS = (GIVEN_NAME, BIRTH_DATE, GENDER, PHONE, EMAIL, IBAN, NATIONAL_ID)
BY_NAME, BY_DATE = Pass(("given", "family"), ("given",)), Pass(("birth_date", "phones"), ("birth_date",))


def number(one: Comparison, *names: str) -> int:
    return next(place for place, level in enumerate(one.levels) if level.name in names)


def passed() -> pl.DataFrame:
    """By date, pairs that agree in everything; by name, pairs that mostly agree, and as many that mostly don't."""
    equal = {one.name: number(one, "same", "shared") for one in COMPARISONS}
    rows = [equal | {"by_name": False, "by_date": True}] * 500
    untold = {one.name: number(one, "missing") for one in (EMAIL, IBAN, NATIONAL_ID)}
    for agreeing, *agrees in product((True, False), repeat=4):
        told = {
            one.name: equal[one.name] if same else number(one, "other")
            for one, same in zip((BIRTH_DATE, GENDER, PHONE), agrees, strict=True)
        }
        pairs = 9 ** agrees.count(agreeing)
        rows += [equal | untold | told | {"by_name": True, "by_date": False}] * pairs
    numbered = pl.int_range(pl.len(), dtype=pl.Int32)
    return pl.DataFrame(rows).with_columns(l=numbered, r=numbered + 1)


def test_a_pass_that_teaches_nothing_takes_nothing_from_those_after_it() -> None:
    prior = packaged_prior().populations["person"].comparisons
    u = {one.name: np.array([level.u for level in prior[one.name]]) for one in COMPARISONS}
    with duckdb.connect() as connection:
        connection.register("passed", passed().to_arrow())
        alone = expectation.parties(connection, COMPARISONS, u, {BY_NAME: "by_name"})
        after = expectation.parties(connection, COMPARISONS, u, {BY_DATE: "by_date", BY_NAME: "by_name"})
    assert alone.keys() == {"birth_date", "gender", "phone"}
    assert after.keys() == alone.keys()
    for name, m in alone.items():
        assert m[0] > m[-1]
        np.testing.assert_allclose(after[name], m)
