"""What bulk and in process promise each other: the same levels, the same whole numbers, the same pairs and clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from random import Random

import numpy as np
import polars as pl
import pytest
from febrl import febrl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matched import Kept, in_bulk, people

from identity import features
from identity.comparison import COMPARISONS, Value
from identity.evidence import Evidence
from identity.linking import gathered
from identity.model import Model, packaged_prior
from identity.online import changes
from identity.packing import FIELDS, LISTS, pack
from identity.scoring import Record, Scorer

PRIOR = packaged_prior()

words = st.sampled_from(["jan", "johannes", "jansen", "janssen", "marie", "vroegindeweij", "vroegindewey"])
BY_FIELD: Mapping[str, st.SearchStrategy[str]] = {
    "birth_date": st.sampled_from(["19610304", "19610403", "19620304", "19610305", "19900130"]),
    "gender": st.sampled_from(["male", "female"]),
    "address_since": st.sampled_from(["24000", "24010", "24100"]),
    "data_source": st.sampled_from(["crm", "billing"]),
    "phones": st.sampled_from(["+31612345601", "+31612345602", "+31612345610"]),
}


def _value(name: str) -> st.SearchStrategy[Value]:
    one = BY_FIELD.get(name, words)
    return st.none() | (st.lists(one, min_size=1, max_size=3, unique=True).map(sorted) if name in LISTS else one)


records = st.fixed_dictionaries({name: _value(name) for name in FIELDS if name != "party_type"})


def both(frame: pl.DataFrame, model: Model, pairs: list[tuple[int, int]]) -> tuple[Evidence, Evidence]:
    """Weigh pairs of records of one party type, by place in the order of keys, in bulk and in process."""
    party_type = frame["party_type"][0]
    ordered = frame.sort("key", "record_no")
    left, right = np.array(pairs, dtype=np.int64).T
    with gathered(ordered, model) as gathered_:
        bulk = gathered_.pairs(party_type).weigh(left, right)
    seen = [Record(content, key, model) for _, key, content in pack(ordered).iter_rows()]
    return bulk, Scorer(model, party_type).evidence(seen, left, right)


def assert_equal(bulk: Evidence, online: Evidence) -> None:
    for name in ("left", "right", "stranger", "relative", "told", "veto", "weight"):
        assert getattr(bulk, name).tolist() == getattr(online, name).tolist(), name


@pytest.mark.parametrize("party_type", list(COMPARISONS))
@settings(max_examples=25, suppress_health_check=[HealthCheck.large_base_example])
@given(pair=st.tuples(records, records))
def test_generated_pairs_weigh_the_same(party_type: str, pair: tuple[Mapping[str, Value], Mapping[str, Value]]) -> None:
    rows = [
        {"record_no": number, "key": number, **record, "party_type": party_type} for number, record in enumerate(pair)
    ]
    model = PRIOR.with_constraints(duplicate_free=["crm"])
    assert_equal(*both(pl.DataFrame(rows, schema=features.SCHEMA), model, [(0, 1)]))


def test_real_pairs_weigh_the_same() -> None:
    frame = febrl(3)[0]
    chance = Random(3)
    pairs = [chance.sample(range(frame.height), 2) for _ in range(1500)]
    by_name = frame.sort("key", "record_no").with_row_index("i").sort("family", "given", "birth_date")["i"].to_list()
    pairs += [list(pair) for pair in pairwise(by_name)]
    bulk, online = both(frame, PRIOR, [(min(pair), max(pair)) for pair in pairs])
    assert_equal(bulk, online)
    assert len(np.unique(online.weight)) > 100


@pytest.mark.parametrize("separators", [False, True])
def test_hopeless_pairs_are_given_up_and_no_others(separators: bool) -> None:
    frame = febrl(3)[0].head(80).sort("key", "record_no")
    if separators:
        frame = frame.with_columns(
            pl.col("family") + "\x1f", pl.col("family_parts", "addresses").list.eval(pl.element() + "\x1e\x1b")
        )
    model = replace(
        PRIOR.with_constraints(duplicate_free=["febrl0"] if separators else []),
        genders=dict.fromkeys(frame["given"].drop_nulls().head(30), "female"),
        generic={
            "given": frozenset(frame["given"].drop_nulls().tail(5)),
            "postcodes": frozenset(frame["postcodes"].explode().drop_nulls().head(5)),
            "national_ids": frozenset(frame["national_ids"].explode().drop_nulls().head(5)),
        },
    )
    contents = pack(frame)["content"].to_list()
    seen = [Record(content, 0, model) for content in contents]
    scorer = Scorer(model, "person")
    left, right = np.triu_indices(frame.height, k=1)
    exact = scorer.evidence(seen, left.astype(np.int64), right.astype(np.int64))
    for at_least in (-60_000, -3_000, 1_000):
        for one, other, weight, veto in zip(left, right, exact.weight.tolist(), exact.veto.tolist(), strict=True):
            apart = frozenset(name for name in LISTS if set(seen[one][name] or ()).isdisjoint(seen[other][name] or ()))
            expected = (weight, veto) if weight >= at_least else None
            assert scorer.against(seen[one], at_least)(apart)(contents[other]) == expected


@pytest.mark.parametrize("size", [1, 40])
def test_real_records_one_by_one_or_in_batches_end_as_in_bulk(size: int) -> None:
    frame = febrl(3)[0].sort("family", "given").head(400)
    kept = Kept()
    kept.match(PRIOR, *(changes(batch) for batch in frame.iter_slices(size)))
    assert (kept.pairs, kept.clusters) == in_bulk(frame, [], PRIOR)
    assert len(kept.pairs) > 50


def test_worn_copies_that_share_everything_end_as_in_bulk() -> None:
    kept = Kept()
    kept.match(PRIOR, *(changes(batch) for batch in people(150).sort("key").iter_slices(7)))
    assert (kept.pairs, kept.clusters) == in_bulk(people(150), [], PRIOR)
    apart = {weight for (a, b), (weight, _) in kept.pairs.items() if kept.clusters[a] != kept.clusters[b]}
    assert max(apart) >= PRIOR.link_threshold, "there is something to keep apart"
