"""What assignment promises: ids stay with their people, are used once, and always lead somewhere."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from identity.assignment import CROSSWALK_SCHEMA, Assignment, assign


def crosswalk(clusters: dict[int, list[int]]) -> pl.DataFrame:
    rows = [(record, entity) for entity, records in clusters.items() for record in records]
    return pl.DataFrame(rows, schema=CROSSWALK_SCHEMA, orient="row")


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


def test_first_resolve_numbers_the_clusters_by_their_smallest_key() -> None:
    first = assign(NONE, partition([3, 4], [1], [2, 5]), NONE, 10)
    assert members(first) == {10: [1], 11: [2, 5], 12: [3, 4]}
    assert first.next_id == 13
    assert events(first) == [(10, "created", None), (11, "created", None), (12, "created", None)]


def test_nothing_changed_nothing_said() -> None:
    again = assign(crosswalk({10: [1, 2], 11: [3]}), partition([1, 2], [3]), NONE, 12)
    assert members(again) == {10: [1, 2], 11: [3]}
    assert again.changes.is_empty()
    assert again.redirects.is_empty()


def test_merge_keeps_the_id_of_the_larger_part() -> None:
    merged = assign(crosswalk({10: [1], 11: [2, 3]}), partition([1, 2, 3]), NONE, 12)
    assert members(merged) == {11: [1, 2, 3]}
    assert merged.redirects.rows() == [(10, 11)]
    assert events(merged) == [(10, "merged", 11), (11, "changed", None)]
    assert merged.changes["group"].to_list() == [10, 10]


def test_merge_of_equals_keeps_the_older_id() -> None:
    merged = assign(crosswalk({10: [2], 11: [1]}), partition([1, 2]), NONE, 12)
    assert members(merged) == {10: [1, 2]}


def test_split_keeps_the_id_with_the_larger_part() -> None:
    split = assign(crosswalk({10: [1, 2, 3]}), partition([1], [2, 3]), NONE, 12)
    assert members(split) == {10: [2, 3], 12: [1]}
    assert events(split) == [(10, "changed", None), (10, "split", 12), (12, "created", 10)]


def test_split_revives_the_id_that_was_merged_away() -> None:
    split = assign(crosswalk({10: [1, 2, 3]}), partition([1], [2, 3]), crosswalk({7: [1]}), 12)
    assert members(split) == {7: [1], 10: [2, 3]}
    assert events(split) == [(7, "revived", 10), (10, "changed", None), (10, "split", 7)]
    assert split.redirects.is_empty()
    assert split.next_id == 12


def test_an_id_whose_records_are_all_gone_ends() -> None:
    ended = assign(crosswalk({10: [1], 11: [2]}), partition([2]), NONE, 12)
    assert ended.redirects.rows() == [(10, None)]
    assert events(ended) == [(10, "ended", None)]


def test_a_redirect_follows_its_people() -> None:
    """Id 7 was merged into 10; now most of its last members sit with 11."""
    moved = assign(
        crosswalk({10: [1, 2, 3, 4, 5], 11: [6]}), partition([3, 4, 5], [1, 2, 6]), crosswalk({7: [1, 2]}), 12
    )
    assert members(moved) == {10: [3, 4, 5], 11: [1, 2, 6]}
    assert moved.redirects.rows() == [(7, 11)]


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
    retired = crosswalk(clusters_of(old_retired, 100))
    result = assign(crosswalk(clusters_of(before, 200)), partition(*clusters_of(after).values()), retired, 300)
    found = members(result)
    assert sorted(found.values()) == sorted(clusters_of(after).values())
    living = set(found)
    assert all(target in living for target in result.redirects["redirect_to"])
    every = set(clusters_of(before, 200)) | set(clusters_of(old_retired, 100))
    assert set(result.redirects["entity_id"]) == every - living
    assert living <= every | set(range(300, result.next_id))
    again = assign(result.crosswalk, partition(*clusters_of(after).values()), retired, result.next_id)
    assert members(again) == found
    assert again.changes.is_empty()


@given(labels, labels)
def test_a_merge_that_is_undone_gives_every_id_back(before: list[int], into: list[int]) -> None:
    """Records that join clusters come and go: afterwards everyone has the id they had."""
    start = clusters_of(before, 200)
    coarse: dict[int, list[int]] = {}
    for entity, records in start.items():
        coarse.setdefault(into[entity - 200], []).extend(records)
    merged = assign(crosswalk(start), partition(*coarse.values()), NONE, 300)
    retired = crosswalk({e: start[e] for e in merged.redirects["entity_id"]})
    undone = assign(merged.crosswalk, partition(*start.values()), retired, merged.next_id)
    assert members(undone) == start
    assert undone.next_id == 300


@given(labels, labels, st.permutations(range(8)))
def test_the_order_of_rows_does_not_matter(before: list[int], after: list[int], order: list[int]) -> None:
    old, new = crosswalk(clusters_of(before, 200)), partition(*clusters_of(after).values())
    one = assign(old, new, NONE, 300)
    other = assign(old[order], new[order], NONE, 300)
    assert one.crosswalk.equals(other.crosswalk)
    assert one.changes.equals(other.changes)
