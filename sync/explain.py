"""Explain: why two records or customers are one or are not, and how a customer was put together.

Tells what matching does from what matching keeps: the features, edges and decisions in the store, weighed by the
model that resolving uses. Nothing is decided or written here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl
from sqlalchemy import Connection

from foundation.errors import NotFound, Problem, VoegError, did_you_mean
from identity import blocking, clustering, explanation, features, packing, release, statements
from identity.comparison import Value
from identity.explanation import Assembly, Packed, Weighing
from identity.linking import MUST_LINK, NEVER_LINK
from identity.model import Model
from store import explaining, matching, resolving, stewarding
from store.engine import Store
from sync.customer import current_id

MOST: Final = 1_000
"""Records that may hang together and still be explained; more than that is a mistake that no table would show."""

VERDICTS: Final = {
    "decided_same": "a steward decided that they are one",
    "decided_different": "a steward decided that they are not one",
    "party_type": "one is a person and the other an organisation: they are never one",
    "veto": "something rules out that they are one, whatever they have in common",
    "links": "enough to link them, if nothing else speaks against it",
    "review": "not enough to link them, enough to ask a steward",
    "too_little": "too little to link them, or to ask anyone",
}
"""What becomes of a pair of records by itself."""

REASONS: Final = {
    "party_type": "one is a person and the other an organisation: these are never one, but may be related",
    "decision": "a steward decided that they are not one",
    "no_common_key": "no blocking key brings any of their records together, so that they were never compared",
    "veto": "something rules it out",
    "too_little": "the strongest pair of their records stays below the review threshold",
    "review": "the strongest pair of their records stays below the link threshold: a question for a steward",
    "contradiction": "pairs of their records would link, but taken together the records contradict one another",
    "size": "too many records hang together: only the strongest pairs among them link",
    "not_resolved": "at least one of them changed since the last resolve, which may bring them together",
}
"""Why two customers are not one."""

KEY_STATES: Final = {
    "blocks": "brings them together",
    "generic": "its value is too common to mean anything",
    "common": "too many had it when the model was made",
    "over_ceiling": "too many records have it",
}
"""What becomes of a blocking key that two records share."""


@dataclass(frozen=True, slots=True)
class Named:
    """A live source record."""

    record_no: int
    data_source: str
    record_id: str
    entity_id: int | None  # None: it landed, and was not resolved yet

    def __str__(self) -> str:
        """Name it as the command line takes it."""
        return f"{self.data_source}/{self.record_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was asked about: one source record, or all of a customer's."""

    asked: str
    entity_id: int | None  # the customer it is or belongs to now
    records: tuple[Named, ...]
    whole: bool  # a customer was asked about, not one record

    def __str__(self) -> str:
        """Name it for people."""
        return f"customer {self.entity_id}" if self.whole else str(self.records[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two records and what they prove."""

    a: Named
    b: Named
    weighing: Weighing


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a steward decided about two source records, and did not revoke."""

    a: Named
    b: Named
    kind: str  # must_link, never_link
    author: str
    reason: str = field(repr=False)
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A blocking key that two records share."""

    rule: str
    state: str  # see KEY_STATES
    records: int | None  # how many live records have it; None when that was not counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What speaks for two being one, and against it."""

    a: Subject
    b: Subject
    together: bool  # they are one customer now
    verdict: str  # of the strongest pair by itself; see VERDICTS
    strongest: Pair | None  # None: a person and an organisation
    pairs: tuple[Pair, ...]  # all pairs between the two, strongest first
    between: int | None  # weight between the two as a whole, 1/1000 bit; None: ruled out, or a pair of single records
    decisions: tuple[Decision, ...]
    notes: tuple[str, ...]  # what makes this less than the last word


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """What keeps two apart."""

    why: Why
    reasons: tuple[str, ...]  # see REASONS, the decisive one first
    keys: tuple[Key, ...]  # blocking keys that any two of their records share, those that block first


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Two groups of a customer's records became one."""

    one: tuple[Named, ...]
    other: tuple[Named, ...]
    weight: int | None  # between them as a whole, 1/1000 bit; None: a steward decided it
    strongest: Pair  # of the pairs between them


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """What a higher link threshold would take apart."""

    above: int  # the highest threshold at which it holds, 1/1000 bit
    parts: tuple[tuple[Named, ...], ...]  # what it falls into, the largest part first
    strongest: Pair  # of the pairs between the parts: what holds them together until then


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How a customer was put together."""

    asked: str
    entity_id: int
    records: tuple[Named, ...]
    steps: tuple[Step, ...]  # in the order in which the records come together
    falls: tuple[Fall, ...]  # lowest threshold first
    decisions: tuple[Decision, ...]
    link_threshold: int
    notes: tuple[str, ...]

    @property
    def weakest(self) -> Fall | None:
        """The link that a higher threshold breaks first; None when only decisions hold, or there is nothing to hold."""
        return self.falls[0] if self.falls else None


class Explainer:
    """Explains the customers of a store by one model. May be shared by threads."""

    def __init__(self, store: Store, model: Model) -> None:
        """Explain by ``model``: the version that resolving uses, with the estate's thresholds and constraints."""
        self._store = store
        self._model = model

    def why(self, a: str, b: str) -> Why:
        """Return what speaks for and against two being one.

        Args:
            a: a source record as ``source/record_id``, or the id of a customer (redirects are followed).
            b: another one.

        Raises:
            NotFound: there is no such source, record or customer.
            VoegError: the two are the same, or too large.
        """
        with self._store.read() as connection:
            return self._why(connection, *self._two(connection, a, b))

    def why_not(self, a: str, b: str) -> WhyNot:
        """Return what keeps two apart, record by record of both customers; takes and raises what ``why`` does."""
        with self._store.read() as connection:
            one, other = (self._all_of(connection, subject) for subject in self._two(connection, a, b))
            if one.entity_id is not None and one.entity_id == other.entity_id:
                raise VoegError(
                    f"nothing keeps them apart: both are customer {one.entity_id}",
                    remedy=f"what holds them together tells: voeg customer why {a} {b}",
                )
            why = self._why(connection, one, other)
            keys = self._common_keys(connection, one, other) if why.pairs else ()
            hanging_together = len(self._component(connection, _numbers(one)))
        return WhyNot(why=why, reasons=tuple(self._reasons(why, keys, hanging_together)), keys=keys)

    def how(self, id_: str) -> How:
        """Return how a customer was put together.

        Args:
            id_: of a customer; redirects are followed.

        Raises:
            NotFound: there is no such customer.
            VoegError: too many records hang together.
        """
        with self._store.read() as connection:
            subject = self._customer(connection, id_)
            records = _numbers(subject)
            group = self._group(connection, self._component(connection, records))
            decisions = self._decisions(connection, records, records)
            notes = self._notes(connection, subject.records)
        members = sorted(group.place[number] for number in records)
        threshold = self._model.link_threshold
        if frozenset(members) not in group.assembly.groups(threshold):
            notes = (*notes, "matched anew, its records would be grouped otherwise: 'voeg resolve' does that")
        return How(
            asked=id_,
            entity_id=_entity_id(subject),
            records=subject.records,
            steps=tuple(self._steps(group, members)),
            falls=tuple(self._falls(group, members)),
            decisions=decisions,
            link_threshold=threshold,
            notes=notes,
        )

    # What was asked about ---------------------------------------------------------------------------------------

    def _two(self, connection: Connection, a: str, b: str) -> tuple[Subject, Subject]:
        one, other = (self._subject(connection, asked) for asked in (a, b))
        if one.whole and other.whole and one.entity_id == other.entity_id:
            raise VoegError(
                f"both are customer {one.entity_id}", remedy=f"how it came together tells: voeg customer how {a}"
            )
        shared = {*one.records} & {*other.records}
        if shared and one.whole:
            one = replace(one, records=tuple(record for record in one.records if record not in shared))
        elif shared:
            other = replace(other, records=tuple(record for record in other.records if record not in shared))
        if not (one.records and other.records):
            raise VoegError("both are the same source record", remedy="name two that differ")
        return one, other

    def _subject(self, connection: Connection, asked: str) -> Subject:
        if "/" not in asked:
            return self._customer(connection, asked)
        record = named(connection, asked)
        return Subject(asked=asked, entity_id=record.entity_id, records=(record,), whole=False)

    def _customer(self, connection: Connection, asked: str) -> Subject:
        entity_id = current_id(self._store, asked)
        records = _named(explaining.members(connection, [entity_id]))
        return Subject(asked=asked, entity_id=entity_id, records=records, whole=True)

    def _all_of(self, connection: Connection, subject: Subject) -> Subject:
        """Return the customer that a record belongs to, or the record alone while it belongs to none."""
        if subject.entity_id is None:
            return subject
        records = _named(explaining.members(connection, [subject.entity_id]))
        return replace(subject, records=records, whole=True)

    # What the matcher keeps -------------------------------------------------------------------------------------

    def _component(self, connection: Connection, records: Sequence[int]) -> list[int]:
        """Return the records that linked pairs and must-links connect with these, themselves included."""
        mine = pl.Series(records, dtype=pl.Int64)
        links = stewarding.hanging_together(connection, mine, self._model.link_threshold)
        found = pl.concat([mine, links["a"], links["b"]]).unique().sort()
        if found.len() > MOST:
            raise VoegError(
                f"more than {MOST:,} records hang together", remedy="raise identity.link_threshold, or train a model"
            )
        return found.to_list()

    def _group(self, connection: Connection, records: Sequence[int]) -> _Group:
        """Return records of one party type, to be put together anew."""
        known = self._features(connection, records)
        as_seen = {number: explanation.seen(record, self._model) for number, record in known.items()}
        ordered = sorted(known, key=lambda number: (as_seen[number].key, number))
        place = {number: position for position, number in enumerate(ordered)}
        index = matching.Index(connection)

        def local(a: int, b: int) -> clustering.Pair | None:
            return (min(place[a], place[b]), max(place[a], place[b])) if a in place and b in place else None

        edges = sorted(
            (*pair, weight, bool(veto)) for a, b, weight, veto in index.edges(ordered) if (pair := local(a, b))
        )
        left, right, weight = (np.array([edge[n] for edge in edges], dtype=np.int64) for n in range(3))
        decided = sorted((pair, kind) for a, b, kind in index.decisions(ordered) if (pair := local(a, b)))
        return _Group(
            names={one.record_no: one for one in _named(explaining.numbered(connection, ordered))},
            ordered=ordered,
            place=place,
            features=known,
            assembly=Assembly(
                [as_seen[number] for number in ordered],
                clustering.Edges(left, right, weight, np.array([edge[3] for edge in edges], dtype=bool)),
                clustering.Decisions(
                    must_link=[pair for pair, kind in decided if kind == MUST_LINK],
                    never_link=[pair for pair, kind in decided if kind == NEVER_LINK],
                ),
                self._model,
            ),
        )

    def _features(self, connection: Connection, records: Sequence[int]) -> dict[int, Packed]:
        """Return the features by record; of one that matching has not looked at yet, from its content.

        What a record says goes with them, unless it changed since: then it is no longer what the features are made of.
        """
        parties = resolving.parties(connection, pl.Series(sorted({*records}), dtype=pl.Int64))
        said = statements.stated(parties)
        now = packing.pack(features.compute(parties)).rows()
        known = {number: Packed(key, content, said[number]) for number, key, content in now}
        for number, key, content in matching.Index(connection).features(records):
            if number not in known or known[number].content != content:
                known[number] = Packed(key, content)
        return known

    def _decisions(self, connection: Connection, one: Sequence[int], other: Sequence[int]) -> tuple[Decision, ...]:
        """Return the decisions between two groups of records."""
        found = explaining.decisions(connection, one)
        wanted = [
            row
            for row in found.iter_rows(named=True)
            if (row["a"] in one and row["b"] in other) or (row["a"] in other and row["b"] in one)
        ]
        numbers = sorted({row[side] for row in wanted for side in "ab"})
        names = {record.record_no: record for record in _named(explaining.numbered(connection, numbers))}
        return tuple(
            Decision(
                a=names[row["a"]],
                b=names[row["b"]],
                kind=row["kind"],
                author=row["author"],
                reason=row["reason"],
                decided_at=row["decided_at"],
            )
            for row in wanted
            if row["a"] in names and row["b"] in names
        )

    def _notes(self, connection: Connection, records: Iterable[Named]) -> tuple[str, ...]:
        """Return what makes the answer less than the last word."""
        numbers = [record.record_no for record in records]
        made_with = resolving.made_with(connection)
        notes = []
        if explaining.waiting(connection, numbers) or any(record.entity_id is None for record in records):
            notes.append("something changed since the last resolve: 'voeg resolve' may decide otherwise")
        if made_with.model is not None and made_with.model != self._model.version:
            notes.append(
                "the model, its thresholds or its constraints changed since the last resolve: run 'voeg resolve'"
            )
        elif made_with.model is not None and made_with.code != release.digest():
            notes.append("another release of the program, which matches otherwise, resolved last: run 'voeg resolve'")
        return tuple(notes)

    # What it comes to -------------------------------------------------------------------------------------------

    def _why(self, connection: Connection, one: Subject, other: Subject) -> Why:
        numbers = _numbers(one), _numbers(other)
        known = self._features(connection, [*numbers[0], *numbers[1]])
        types = [{explanation.seen(known[number], self._model).party_type for number in side} for side in numbers]
        alike = types[0] == types[1]
        pairs = self._pairs(known, one.records, other.records) if alike else []
        between = None
        if alike and len(known) > 2:
            group = self._group(connection, [*numbers[0], *numbers[1]])
            between = group.assembly.between(*([group.place[number] for number in side] for side in numbers))
        decisions = self._decisions(connection, *numbers)
        return Why(
            a=one,
            b=other,
            together=one.entity_id is not None and one.entity_id == other.entity_id,
            verdict=_verdict(decisions, pairs),
            strongest=pairs[0] if pairs else None,
            pairs=tuple(pairs),
            between=between,
            decisions=decisions,
            notes=self._notes(connection, [*one.records, *other.records]),
        )

    def _pairs(self, known: Mapping[int, Packed], one: Sequence[Named], other: Sequence[Named]) -> list[Pair]:
        """Weigh all pairs between two groups of records; the strongest first."""
        if len(one) * len(other) > MOST:
            raise VoegError(
                f"there are {len(one) * len(other):,} pairs between them",
                remedy="name a source record instead of a customer",
            )
        pairs = [
            Pair(a=a, b=b, weighing=explanation.weighed(known[a.record_no], known[b.record_no], self._model))
            for a in one
            for b in other
        ]
        return sorted(pairs, key=lambda pair: (-pair.weighing.weight, pair.a.record_no, pair.b.record_no))

    def _steps(self, group: _Group, members: Sequence[int]) -> Iterator[Step]:
        together: dict[int, tuple[int, ...]] = {place: (place,) for place in members}
        for join in group.assembly.joins(members):
            one, other = together[join.left], together.pop(join.right)
            together[join.left] = (*one, *other)
            strongest = self._pair(group, group.assembly.strongest(one, other))
            yield Step(one=group.named(one), other=group.named(other), weight=join.weight, strongest=strongest)

    def _falls(self, group: _Group, members: Sequence[int]) -> Iterator[Fall]:
        for fall in group.assembly.falls(members, self._model.link_threshold):
            parts = sorted(fall.parts, key=len, reverse=True)
            between = (
                self._pair(group, group.assembly.strongest(one, other))
                for one, other in itertools.combinations(parts, 2)
            )
            yield Fall(
                above=fall.above,
                parts=tuple(group.named(part) for part in parts),
                strongest=max(between, key=lambda pair: pair.weighing.weight),
            )

    def _pair(self, group: _Group, places: clustering.Pair) -> Pair:
        a, b = group.named(places)
        weighing = explanation.weighed(group.features[a.record_no], group.features[b.record_no], self._model)
        return Pair(a=a, b=b, weighing=weighing)

    def _common_keys(self, connection: Connection, one: Subject, other: Subject) -> tuple[Key, ...]:
        """Return the blocking keys that any two records of theirs share; by rule, that which blocks before another."""
        numbers = _numbers(one), _numbers(other)
        known = self._features(connection, [*numbers[0], *numbers[1]])
        sides = [[known[number] for number in side] for side in numbers]
        party_type = explanation.seen(sides[0][0], self._model).party_type
        plain = [
            {key for record in side for key in _keys(packing.unpack_one(record.content), party_type)} for side in sides
        ]
        specific = [
            {key for record in side for key in _keys(explanation.seen(record, self._model), party_type)}
            for side in sides
        ]
        shared = plain[0] & plain[1]
        rules = {rule.name: rule for rule in blocking.RULES[party_type]}
        ceiling = max(rule.ceiling for rule in rules.values())
        counts = {
            hash_: len(records)
            for hash_, records in matching.Index(connection).holders(
                sorted({hash_ for _, hash_ in shared}), ceiling + 1
            )
        }
        keys: dict[str, Key] = {}
        for name, hash_ in sorted(shared):
            count = counts.get(hash_)
            if (name, hash_) not in specific[0] & specific[1]:
                state = "generic"
            elif hash_ in self._model.common_keys:
                state = "common"
            elif (count or 0) > rules[name].ceiling:
                state = "over_ceiling"
            else:
                state = "blocks"
            if name not in keys or _ORDER[state] < _ORDER[keys[name].state]:
                keys[name] = Key(rule=name, state=state, records=count)
        return tuple(sorted(keys.values(), key=lambda key: _ORDER[key.state]))

    def _reasons(self, why: Why, keys: Sequence[Key], hanging_together: int) -> Iterator[str]:
        """Say what keeps two apart, the decisive reason first."""
        if any(decision.kind == NEVER_LINK for decision in why.decisions):
            yield "decision"
        if why.strongest is None:
            yield "party_type"
            return
        if any(pair.weighing.vetoes for pair in why.pairs):
            yield "veto"
        if not any(key.state == "blocks" for key in keys):
            yield "no_common_key"
        weight = why.strongest.weighing.weight
        if weight < self._model.review_threshold:
            yield "too_little"
        elif weight < self._model.link_threshold:
            yield "review"
        elif why.between is not None and why.between < self._model.link_threshold:
            yield "contradiction"
        elif hanging_together > clustering.LARGE:
            yield "size"
        if why.notes:
            yield "not_resolved"


def named(connection: Connection, asked: str) -> Named:
    """Return the live customer record that is called ``source/record_id``.

    Raises:
        NotFound: there is no such source, or it has no such record.
    """
    data_source, slash, record_id = asked.partition("/")
    found = _named(explaining.named(connection, data_source, record_id))
    if slash and found:
        return found[0]
    known = explaining.source_names(connection)
    if slash and data_source not in known:
        raise NotFound(Problem(message=f"no source '{data_source}'", remedy=did_you_mean(data_source, known)))
    message = "there is no live customer record of that name"
    if slash:
        message = f"source '{data_source}' has no live customer record of that key"
    raise NotFound(Problem(message=message, remedy="name it as 'voeg export crosswalk' does: data_source/record_id"))


_ORDER: Final = {state: place for place, state in enumerate(KEY_STATES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Records of one party type that are put together anew; by their places in the order of keys, or by number."""

    names: Mapping[int, Named]
    ordered: Sequence[int]  # record_no, by place
    place: Mapping[int, int]  # by record_no
    features: Mapping[int, Packed]
    assembly: Assembly

    def named(self, places: Iterable[int]) -> tuple[Named, ...]:
        """Return the records at places."""
        return tuple(self.names[self.ordered[place]] for place in places)


def _verdict(decisions: Sequence[Decision], pairs: Sequence[Pair]) -> str:
    kinds = {decision.kind for decision in decisions}
    if NEVER_LINK in kinds:
        return "decided_different"
    if not pairs:
        return "party_type"
    if MUST_LINK in kinds:
        return "decided_same"
    strongest = pairs[0].weighing
    if strongest.vetoes:
        return "veto"
    if strongest.weight >= strongest.link_threshold:
        return "links"
    return "review" if strongest.weight >= strongest.review_threshold else "too_little"


def _named(found: pl.DataFrame) -> tuple[Named, ...]:
    return tuple(Named(**row) for row in found.iter_rows(named=True))


def _numbers(subject: Subject) -> list[int]:
    return [record.record_no for record in subject.records]


def _keys(record: Mapping[str, Value], party_type: str) -> Iterator[tuple[str, int]]:
    """Yield the blocking keys of a record with the names of their rules."""
    for rule, hashes in blocking.keys(record, party_type).items():
        for hash_ in hashes:
            yield rule, hash_


def _entity_id(subject: Subject) -> int:
    if subject.entity_id is None:
        raise AssertionError("a customer has an id")
    return subject.entity_id
