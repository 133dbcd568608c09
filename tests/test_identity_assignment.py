"""What assignment promises: ids stay with their people, are used once, and always lead somewhere."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from identity import assignment
from identity.assignment import CROSSWALK_SCHEMA, RETIRED_SCHEMA, Assignment, Retired, assign, decide


def crosswalk(clusters: dict[int, list[int]]) -> pl.DataFrame:
    rows = [(record, entity) for entity, records in clusters.items() for record in records]
    return pl.DataFrame(rows, schema=CROSSWALK_SCHEMA, orient="row")


def gone(clusters: dict[int, list[int]], into: dict[int, int] | None = None) -> pl.DataFrame:
    """Retired ids with their last members, and where they redirect to."""
    rows = [(record, entity, (into or {}).get(entity)) for entity, records in clusters.items() for record in records]
    return pl.DataFrame(rows, schema=RETIRED_SCHEMA, orient="row")


def partition(*clusters: list[int]) -> pl.DataFrame:
    """Clusters of records; a record's key is its number here."""
    rows = [(record, min(records), record) for records in clusters for record in records]
    return pl.DataFrame(rows, schema={"record_no": pl.Int64, "cluster": pl.Int64, "key": pl.UInt64}, orient="row")


def members(assignment: Assignment) -> dict[int, list[int]]:
    return {
        entity: sorted(records)
        for entity, records in assignment.crosswalk.group_by("entity_id").agg("record_no").iter_rows()
    }


def events(assignment: Assignment) -> list[tuple[int, str, int | None]]:
    return assignment.changes.select("entity_id", "change", "other_id").rows()


NONE = crosswalk({})
NOBODY = gone({})


def test_first_resolve_numbers_the_clusters_by_their_smallest_key() -> None:
    first = assign(NONE, partition([3, 4], [1], [2, 5]), NOBODY, 10)
    assert members(first) == {10: [1], 11: [2, 5], 12: [3, 4]}
    assert first.next_id == 13
    assert events(first) == [(10, "created", None), (11, "created", None), (12, "created", None)]


def test_nothing_changed_nothing_said() -> None:
    again = assign(crosswalk({10: [1, 2], 11: [3]}), partition([1, 2], [3]), NOBODY, 12)
    assert members(again) == {10: [1, 2], 11: [3]}
    assert again.changes.is_empty()
    assert again.redirects.is_empty()


def test_merge_keeps_the_id_of_the_larger_part() -> None:
    merged = assign(crosswalk({10: [1], 11: [2, 3]}), partition([1, 2, 3]), NOBODY, 12)
    assert members(merged) == {11: [1, 2, 3]}
    assert merged.redirects.rows() == [(10, 11)]
    assert events(merged) == [(10, "merged", 11), (11, "changed", None)]
    assert merged.changes["group"].to_list() == [10, 10]


def test_merge_of_equals_keeps_the_older_id() -> None:
    merged = assign(crosswalk({10: [2], 11: [1]}), partition([1, 2]), NOBODY, 12)
    assert members(merged) == {10: [1, 2]}


def test_split_keeps_the_id_with_the_larger_part() -> None:
    split = assign(crosswalk({10: [1, 2, 3]}), partition([1], [2, 3]), NOBODY, 12)
    assert members(split) == {10: [2, 3], 12: [1]}
    assert events(split) == [(10, "changed", None), (10, "split", 12), (12, "created", 10)]


def test_split_revives_the_id_that_was_merged_away() -> None:
    split = assign(crosswalk({10: [1, 2, 3]}), partition([1], [2, 3]), gone({7: [1]}, {7: 10}), 12)
    assert members(split) == {7: [1], 10: [2, 3]}
    assert events(split) == [(7, "revived", 10), (10, "changed", None), (10, "split", 7)]
    assert split.redirects.is_empty()
    assert split.next_id == 12


def test_an_id_whose_records_are_all_gone_ends() -> None:
    ended = assign(crosswalk({10: [1], 11: [2]}), partition([2]), NOBODY, 12)
    assert ended.redirects.rows() == [(10, None)]
    assert events(ended) == [(10, "ended", None)]


def test_a_redirect_follows_its_people() -> None:
    """Id 7 was merged into 10; now most of its last members sit with 11."""
    moved = assign(
        crosswalk({10: [1, 2, 3, 4, 5], 11: [6]}), partition([3, 4, 5], [1, 2, 6]), gone({7: [1, 2]}, {7: 10}), 12
    )
    assert members(moved) == {10: [3, 4, 5], 11: [1, 2, 6]}
    assert moved.redirects.rows() == [(7, 11)]
    assert (7, "redirected", 11) in events(moved)
    assert moved.changes["group"].to_list() == [7, 7, 7]


labels = st.lists(st.integers(0, 4), min_size=8, max_size=8)


def clusters_of(label: list[int], base: int = 0) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for record, name in enumerate(label):
        found.setdefault(base + name, []).append(record)
    return found


@given(labels, labels, labels)
def test_every_id_once_every_cluster_one_id_and_redirects_lead_to_the_living(
    before: list[int], after: list[int], old_retired: list[int]
) -> None:
    last = clusters_of(old_retired, 100)
    retired = gone(last)
    result = assign(crosswalk(clusters_of(before, 200)), partition(*clusters_of(after).values()), retired, 300)
    found = members(result)
    assert sorted(found.values()) == sorted(clusters_of(after).values())
    living = set(found)
    assert all(target in living for target in result.redirects["redirect_to"])
    every = set(clusters_of(before, 200)) | set(clusters_of(old_retired, 100))
    assert set(result.redirects["entity_id"]) == every - living
    assert living <= every | set(range(300, result.next_id))
    now_retired = {entity: records for entity, records in last.items() if entity not in living}
    settled = gone(now_retired, dict(result.redirects.iter_rows()))
    again = assign(result.crosswalk, partition(*clusters_of(after).values()), settled, result.next_id)
    assert members(again) == found
    assert again.changes.is_empty()


@given(labels, labels)
def test_a_merge_that_is_undone_gives_every_id_back(before: list[int], into: list[int]) -> None:
    """Records that join clusters come and go: afterwards everyone has the id they had."""
    start = clusters_of(before, 200)
    coarse: dict[int, list[int]] = {}
    for entity, records in start.items():
        coarse.setdefault(into[entity - 200], []).extend(records)
    merged = assign(crosswalk(start), partition(*coarse.values()), NOBODY, 300)
    retired = gone({e: start[e] for e in merged.redirects["entity_id"]}, dict(merged.redirects.iter_rows()))
    undone = assign(merged.crosswalk, partition(*start.values()), retired, merged.next_id)
    assert members(undone) == start
    assert undone.next_id == 300


@given(labels, labels, st.permutations(range(8)))
def test_the_order_of_rows_does_not_matter(before: list[int], after: list[int], order: list[int]) -> None:
    old, new = crosswalk(clusters_of(before, 200)), partition(*clusters_of(after).values())
    one = assign(old, new, NOBODY, 300)
    other = assign(old[order], new[order], NOBODY, 300)
    assert one.crosswalk.equals(other.crosswalk)
    assert one.changes.equals(other.changes)


many = st.lists(st.integers(0, 11), min_size=24, max_size=24)
some_gone = st.sets(st.integers(0, 23), max_size=5)


@given(many, many, many, some_gone, some_gone)
def test_what_is_put_aside_changes_nothing(
    before: list[int], after: list[int], old_retired: list[int], new: set[int], left: set[int]
) -> None:
    """An estate is decided column by column where nothing moves; the rule on everything says the same."""
    was = {entity: [one for one in its if one not in new] for entity, its in clusters_of(before, 200).items()}
    now = [[one for one in its if one not in left] for its in clusters_of(after).values()]
    last = {entity: its for entity, its in clusters_of(old_retired, 100).items() if entity < 104}
    arguments = crosswalk(was), partition(*(its for its in now if its)), gone(last, holders(last, was)), 300
    at_once = assign(*arguments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assignment, "FEW", 0)
        aside = assign(*arguments)
    assert named_anew(aside) == named_anew(at_once)
    assert aside.next_id == at_once.next_id


@given(many, many, many)
def test_a_closed_set_of_records_is_decided_as_within_everything(
    before: list[int], after: list[int], old_retired: list[int]
) -> None:
    """Records 0 to 11 and 12 to 23 never meet, but a retired id may have had some of both.

    It can come back in one place only: where both could have it, who is decided alone does not know of the other.
    """
    old = {record: 200 + name + 20 * (record >= 12) for record, name in enumerate(before)}
    clusters: dict[int, list[int]] = {}
    for record, name in enumerate(after):
        clusters.setdefault(name + 20 * (record >= 12), []).append(record)
    ordered = sorted(clusters.values())
    retired = {entity: Retired(its, None) for entity, its in clusters_of(old_retired, 100).items()}
    everything = decide(old, ordered, retired, {}, 300)
    first = range(12)
    theirs = {entity for entity, its in retired.items() if set(its.members) & set(first)}
    assume(theirs.isdisjoint(everything.crosswalk[record] for record in range(12, 24)))
    alone = decide(
        {record: old[record] for record in first},
        [its for its in ordered if its[0] in first],
        {entity: retired[entity] for entity in theirs},
        {record: everything.crosswalk[record] for record in range(12, 24)},
        300,
    )
    assert alone.crosswalk == {record: everything.crosswalk[record] for record in first}
    revived = {entity for entity, change, _, _ in everything.changes if change == "revived"}
    for entity, target in alone.redirects.items():
        if entity not in revived:
            assert everything.redirects[entity] == target


def holders(last: dict[int, list[int]], entities: dict[int, list[int]]) -> dict[int, int]:
    """Return where retired ids redirect to: the entity with most of their last members, ties to the older."""
    shared = {
        retired: [(-len(set(its) & set(members)), entity) for entity, members in entities.items()]
        for retired, its in last.items()
    }
    return {retired: min(counts)[1] for retired, counts in shared.items() if min(counts)[0] < 0}


def named_anew(result: Assignment) -> tuple[object, ...]:
    """Tell an assignment without the numbers of new ids, and without the redirects that stay as they are."""
    by_id = members(result)
    created = {entity: tuple(records) for entity, records in by_id.items() if entity >= 300}

    def name(entity: int | None) -> object:
        return created.get(entity, entity) if entity is not None else None

    changes = [
        (name(entity), change, name(other), name(group)) for entity, change, other, group in result.changes.iter_rows()
    ]
    told = {(entity, name(other)) for entity, change, other, _ in result.changes.iter_rows() if change == "redirected"}
    entities = {name(entity): records for entity, records in by_id.items()}
    return entities, sorted(changes, key=repr), told
