"""Candidates of a batch: everybody who shares a key with a changed record, each pair once, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from matched import people

from identity import blocking, packing
from identity.candidates import Keys
from identity.model import packaged_prior
from identity.scoring import Record

PEOPLE = [Record(content, key, packaged_prior()) for _, key, content in packing.pack(people()).iter_rows()]
KEYS = [
    frozenset(key for keys in blocking.keys(record, record.party_type).values() for key in keys) for record in PEOPLE
]

numbers, copies = st.integers(0, 30), st.integers(0, len(PEOPLE) - 1)  # fewer records than a key may have
some_keys = st.sets(st.sampled_from(sorted(frozenset[int]().union(*KEYS))), max_size=20)


@given(st.dictionaries(numbers, copies), st.dictionaries(numbers, st.none() | copies, max_size=8), some_keys)
def test_who_shares_a_key_is_a_candidate_once(
    stored: dict[int, int], said: dict[int, int | None], common: set[int]
) -> None:
    now = {number: copy for number, copy in {**stored, **said}.items() if copy is not None}
    before, after = _keys(stored, common), _keys(now, common)

    def read(hashes: Sequence[int], at_most: int) -> Iterator[tuple[int, Sequence[int]]]:
        return ((key, [number for number, keys in before.items() if key in keys][:at_most]) for key in hashes)

    was, changed = ({number: PEOPLE[of[number]] for number in said if number in of} for of in (stored, now))
    keys = Keys(read, frozenset(common), was, changed)
    found = list(keys.candidates({}))

    assert not keys.crossing
    assert sorted(keys.gone) == sorted((key, one) for one in was for key in before[one] - after.get(one, set()))
    assert sorted(keys.new) == sorted((key, one) for one in changed for key in after[one] - before.get(one, set()))
    pairs = [frozenset((one.record_no, other)) for one in found for other in one.others]
    assert len(pairs) == len(set(pairs))
    sharing = {frozenset(pair) for pair in product(changed, now) if after[pair[0]] & after[pair[1]]}
    assert set(pairs) == {pair for pair in sharing if len(pair) == 2}
    for one in found:
        for other, name in product(one.others, one.apart):  # what they are said not to share, they don't
            mine, theirs = (PEOPLE[now[number]][name] or () for number in (one.record_no, other))
            assert set(mine).isdisjoint(theirs)


def _keys(copy_of: Mapping[int, int], common: set[int]) -> dict[int, set[int]]:
    return {number: KEYS[copy] - common for number, copy in copy_of.items()}
