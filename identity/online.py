"""Matching in process: a few changed records against all the others, with the answer that bulk would give.

A change touches little: the pairs of the changed records, and the groups of linked records that these pairs join or
joined before. So only those are read, through an ``Index`` that the store implements, and decided by the same
functions as in bulk: the result is that of linking everything anew.

- Pairs are those that share a key. A key that comes to have more records than its ceiling, or no longer has, makes
  all its records change.
- A pair's levels are evaluated by ``identity.comparison`` in process, and weighed by ``identity.evidence``.
- Groups of linked records (pairs at or above the link threshold that no veto forbids, and must-links) are put
  together by ``identity.clustering``, which depends on nothing outside a group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import polars as pl

from identity import packing
from identity.model import Model


class Placed(NamedTuple):
    """The cluster of a record; as in ``linking.CLUSTER_SCHEMA``."""

    record_no: int
    cluster: int  # the record of its smallest key
    key: int  # unsigned


class Conflict(NamedTuple):
    """A pair that would link but was kept apart, or a must-link that cannot hold; as in ``linking.CONFLICT_SCHEMA``."""

    a: int  # its key is the smaller
    b: int
    weight: int | None
    reason: str


class Edge(NamedTuple):
    """A pair at or above the review threshold, as in the store's table ``edge``."""

    a: int  # the smaller record_no
    b: int
    weight: int  # 1/1000 bit
    veto: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A record that is new, has other features, is gone, or is in a decision that was made or revoked."""

    record_no: int
    key: int = 0  # signed, as in the store's table ``feature``
    content: str | None = field(default=None, repr=False)  # packed features; None: the record is gone


def changes(features: pl.DataFrame, gone: Sequence[int] = ()) -> list[Change]:
    """Make the changes of a batch.

    Args:
        features: of the records as they are now (``features.SCHEMA``).
        gone: record_nos of records that live no more; one that never did is allowed.
    """
    return [Change(*row) for row in packing.pack(features).iter_rows()] + [Change(record_no) for record_no in gone]


class Index(Protocol):
    """What the matcher reads; records that are not live are in none of it."""

    def holders(self, hashes: Sequence[int], at_most: int) -> Iterator[tuple[int, Sequence[int]]]:
        """Yield the records that have each key, ``at_most`` of them in no order; none for an unknown key."""

    def features(self, records: Sequence[int]) -> list[tuple[int, int, str]]:
        """Return record_no, key (signed) and packed features of those of the records that there are."""

    def edges(self, records: Sequence[int]) -> list[tuple[int, int, int, bool]]:
        """Return every edge that one of the records is in, once: a < b, weight, veto."""

    def decisions(self, records: Sequence[int]) -> list[tuple[int, int, str]]:
        """Return every decision that holds about one of the records, once: a < b, kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What a batch changes. ``store.matching.apply`` writes all but clusters and conflicts."""

    keys_gone: list[tuple[int, int]]  # hash, record_no
    keys_new: list[tuple[int, int]]
    features_gone: list[int]  # record_no
    features_new: list[tuple[int, int, str]]  # record_no, key (signed), content: new, or in place of what there was
    edges_gone: list[tuple[int, int]]  # a, b
    edges_new: list[Edge]  # new, or in place of what there was
    clusters: list[Placed]  # whole clusters: every record of which the cluster may have changed, and those with it
    conflicts: list[Conflict]  # all of these records; those of before no longer hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Too much hangs together to be decided while somebody waits; nothing was decided."""

    records: int  # how many were found to be affected before it was left


class Matcher:
    """Matches changes by one model version."""

    def __init__(self, model: Model, index: Index) -> None:
        self._model = model
        self._index = index

    def match(self, changes: Sequence[Change], *, at_most: int | None = 50) -> Matched | Pending:
        """Find, score and decide.

        Args:
            changes: of distinct records. Later ones of one record must be in a later call, after its ``Matched`` was
                written.
            at_most: how many records may hang together; None: it always decides.
        """
        raise NotImplementedError
