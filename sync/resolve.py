"""Resolve: decide which live source records are one customer, and write what that changes.

There are two ways to the same result. Where little changed since the last time, each change is matched against what
the store keeps for that, in batches: the cost grows with the changes. Otherwise (the first time, with another model,
or when much landed) everything is linked anew. Either way only differences are written, whole entities at a time, and
a run that is killed leaves its queue entries to the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Final

import polars as pl
import structlog
from sqlalchemy import Connection

from foundation.settings import IdentitySettings
from golden.rules import Rules
from identity import features, online, release
from identity.assignment import RETIRED_SCHEMA, Assignment, assign, unmoved
from identity.linking import CLUSTER_SCHEMA
from identity.model import BIT, Model
from identity.online import Matched, Matcher, Pending
from store import bulk, leases, matching, references, resolving, work
from store.engine import Held, Store
from store.resolving import MadeWith
from sync import steward
from sync.estate import Estate
from sync.link import Engine, link_landed
from sync.plan import Plan, cut, plan
from sync.survive import changes
from sync.train import active_model, outgrown

log = structlog.get_logger()

BATCH_RECORDS: Final = 500
"""Changed records matched, and written, at once: some 200 ms."""

BATCH_ENTITIES: Final = 4_000
"""Entities of which golden records are computed at once: some 50 MB."""

COMMIT_ENTITIES: Final = 400
"""Entities written in one transaction, about 100 ms; a larger unit is not cut."""

AT_MOST: Final = 50
"""Records that may hang together for one of them to be decided while somebody waits."""

PATIENCE: Final = timedelta(seconds=10)
"""How long a resolve waits for another that is about to be done: ``resolve_one`` is in less than a second."""

Stage = Callable[[str, int | None], None]
"""Called with what begins now and how many steps it has (None: unknown), for a progress bar."""
Advance = Callable[[int], None]
"""Called with the number of steps just done."""


@dataclass(slots=True, kw_only=True)
class Resolved:
    """What a resolve did."""

    model: str  # version of the model
    prior: bool  # whether it is the packaged one, because none was trained
    records: int = 0  # live parties
    entities: int = 0  # after it
    changes: int = 0  # parties that waited to be looked at
    events: dict[str, int] = field(default_factory=dict)  # by event type
    seconds: dict[str, float] = field(default_factory=dict)  # by stage
    anew: bool = False  # whether everything was linked anew
    idle: bool = True  # whether there was nothing to do
    outgrown: str | None = None  # why the model should be trained again

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started


def resolve(
    store: Store,
    rules: Rules,
    *,
    actor: str,
    now: datetime,
    settings: IdentitySettings | None = None,
    duplicate_free: frozenset[str] = frozenset(),
    engine: Engine = Engine.DUCKDB,
    stage: Stage = lambda name, steps: None,
    advance: Advance = lambda steps: None,
) -> Resolved:
    """Bring entities, golden records, look-up keys, questions and outbox to what the landed records say.

    Args:
        store: where everything is.
        rules: what survives.
        actor: who or what asked for it.
        now: the time of all that changes.
        settings: thresholds, and when to link everything anew.
        duplicate_free: sources that have a customer once.
        engine: what links everything, when that is due.
        stage: for a progress bar.
        advance: for a progress bar.

    Raises:
        StoreError: another process is resolving and was not done in ``PATIENCE``, or the store is gone.
    """
    settings = settings or IdentitySettings()
    model, prior = model_in_use(store, settings, duplicate_free)
    report = Resolved(model=model.version, prior=prior)
    with store.read() as connection:
        standing = _look(connection, rules, now)
    if not (standing.size and standing.few(model, settings)):  # after a first load no reference was looked at
        references.attach(store)
    with leases.hold(store, "resolve", patience=PATIENCE, waiting=partial(_say_waiting, stage)) as held:
        with store.read() as connection:
            standing = _look(connection, rules, now)
        made_with = _making_with(model, rules)
        if standing.queue.is_empty() and standing.due.is_empty() and standing.made_with == made_with:
            return report
        report.idle = False
        report.changes = standing.queue["record_no"].n_unique()
        run = _Run(
            store=store, held=held, rules=rules, model=model, actor=actor, report=report, stage=stage, advance=advance
        )
        if standing.few(model, settings):
            run.match(standing)
        else:
            run.link(standing, engine)
            references.attach(store, held)
        with store.write(held) as connection:
            resolving.finish(connection, made_with, model.duplicate_free)
            report.records, report.entities = resolving.size(connection), resolving.active(connection)
        report.outgrown = outgrown(model, report.records)
        if report.outgrown:
            made_from = model.profile["records"]
            log.warning("model outgrown", model=model.version, made_from=made_from, records=report.records)
    log.info(
        "resolved", records=report.records, entities=report.entities, anew=report.anew, changes=report.changes,
        events=report.events,
    )  # fmt: skip
    return report


def resolve_estate(
    estate: Estate,
    *,
    actor: str,
    now: datetime,
    engine: Engine = Engine.DUCKDB,
    stage: Stage = lambda name, steps: None,
    advance: Advance = lambda steps: None,
) -> Resolved:
    """Resolve all that an estate landed, by its rules and settings; see ``resolve``.

    Raises:
        ConfigurationError: the survivorship rules or a mapping are wrong.
        StoreError: as ``resolve``.
    """
    return resolve(
        estate.store,
        estate.rules,
        actor=actor,
        now=now,
        settings=estate.settings.identity,
        duplicate_free=estate.duplicate_free,
        engine=engine,
        stage=stage,
        advance=advance,
    )


def _say_waiting(stage: Stage, holder: str) -> None:
    stage(f"waiting for {holder}", None)
    log.warning("waiting for another resolve", holder=holder)


class Waits(StrEnum):
    """Why a record is pending: what ``resolve`` does and ``resolve_one`` does not."""

    BUSY = "busy"  # another process is resolving
    ANEW = "anew"  # everything has to be linked anew, or every golden record to be computed
    CROWDED = "crowded"  # too many records hang together


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Which entity a record belongs to."""

    entity_id: int | None  # as far as is known; None: none yet, or the record is gone
    waits: Waits | None = None  # why the next ``resolve`` has still to look at it; None: it is decided


def resolve_one(store: Store, rules: Rules, model: Model, record_no: int, *, actor: str, now: datetime) -> Decided:
    """Decide about one record that just landed, while somebody waits; with all that ``resolve`` writes for it.

    Takes some 80 ms of CPU at 26,000 records, and 125 ms at a million. Most of it goes into some 480 steps of Polars,
    of 0.15 ms each whatever they have to do: they are those by which everything is resolved, so that one record comes
    to what a million do. Matching alone takes 1 ms.

    Args:
        store: where everything is.
        rules: what survives.
        model: as ``model_in_use`` returns it; worth keeping between calls.
        record_no: a party.
        actor: who or what asked for it.
        now: the time of what changes.

    Returns:
        Pending, with nothing written, when more than ``AT_MOST`` records hang together, when another process is
        resolving, or when what is kept for matching is not of this model, this program and these rules.

    Raises:
        StoreError: the store is gone.
    """
    try:
        with leases.hold(store, "resolve") as held:
            waits = _resolve_one(store, held, rules, model, record_no, actor=actor, now=now)
    except leases.Taken:
        with store.read() as connection:
            waits = None if work.of(connection, record_no).is_empty() else Waits.BUSY
    with store.read() as connection:
        home = resolving.homes(connection, pl.Series([record_no]))["entity_id"]
    return Decided(entity_id=None if home.is_empty() else int(home[0]), waits=waits)


def _resolve_one(
    store: Store, held: Held, rules: Rules, model: Model, record_no: int, *, actor: str, now: datetime
) -> Waits | None:
    with store.read() as connection:  # only now: whoever had the lease may have resolved by another model
        up_to_date = resolving.made_with(connection) == _making_with(model, rules)
        queue = work.of(connection, record_no)
        moment = resolving.moment(connection, now)
    if queue.is_empty():
        return None
    if not up_to_date:
        return Waits.ANEW
    report = Resolved(model=model.version, prior=False)
    run = _Run(store=store, held=held, rules=rules, model=model, actor=actor, report=report)
    decided = run.match_batch(queue, now=moment, at_most=AT_MOST)
    return Waits.CROWDED if isinstance(decided, Pending) else None


def model_in_use(
    store: Store, settings: IdentitySettings, duplicate_free: frozenset[str] = frozenset()
) -> tuple[Model, bool]:
    """Return the active model with what the estate sets, and whether it is the packaged prior; a version of its own."""
    trained, prior = active_model(store)
    return with_settings(trained, settings, duplicate_free), prior


def model_of(estate: Estate) -> Model:
    """Return the model by which an estate decides who is who; see ``model_in_use``."""
    return model_in_use(estate.store, estate.settings.identity, estate.duplicate_free)[0]


def with_settings(model: Model, settings: IdentitySettings, duplicate_free: frozenset[str] = frozenset()) -> Model:
    """Return a model with the thresholds and constraints of an estate.

    Whatever links is kept: a review threshold above the link threshold is brought down to it.
    """
    link = model.link_threshold if settings.link_threshold is None else round(settings.link_threshold * BIT)
    review = model.review_threshold if settings.review_threshold is None else round(settings.review_threshold * BIT)
    return model.with_thresholds(link=link, review=min(link, review)).with_constraints(duplicate_free=duplicate_free)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """How things stand before a resolve."""

    queue: pl.DataFrame  # seq, record_no
    due: pl.Series  # entities of which the golden record is computed again
    made_with: MadeWith
    size: int  # records in the crosswalk
    now: datetime  # the time of what changes

    def few(self, model: Model, settings: IdentitySettings) -> bool:
        """Whether what waits can be matched: by what is kept of this model and code, and quicker than linking anew."""
        waiting = self.queue["record_no"].n_unique()
        small = waiting <= max(BATCH_RECORDS, settings.few_changes * self.size)
        return small and (self.made_with.model, self.made_with.code) == (model.version, release.digest())


def _making_with(model: Model, rules: Rules) -> MadeWith:
    return MadeWith(model=model.version, code=release.digest(), rules=rules.digest)


def _look(connection: Connection, rules: Rules, now: datetime) -> _Standing:
    before = resolving.made_with(connection)
    due = resolving.due(connection, now)
    if before.rules != rules.digest:  # every golden record may differ
        due = resolving.clusters(connection)["entity_id"].unique()
    return _Standing(
        queue=work.waiting(connection),
        due=due,
        made_with=before,
        size=resolving.size(connection),
        now=resolving.moment(connection, now),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What the steps of one resolve share."""

    store: Store
    held: Held
    rules: Rules
    model: Model
    actor: str
    report: Resolved
    stage: Stage = lambda name, steps: None
    advance: Advance = lambda steps: None

    # Everything ------------------------------------------------------------------------------------------------

    def link(self, standing: _Standing, engine: Engine) -> None:
        """Link everything anew, and write what that changes."""
        self.report.anew = True
        self.stage("who is who", None)
        with self.report.timed("who is who"):
            old, assignment = self._assigned(engine)
            changing = plan(old, assignment, standing.queue, standing.due)
        self.write(changing, now=standing.now)
        with self.store.write(self.held) as connection:
            answered = changing.work["seq"]
            work.done(connection, standing.queue.filter(~pl.col("seq").is_in(answered.implode()))["seq"])
        steward.refresh_all(self.store, self.held, model=self.model, now=standing.now, actor=self.actor)

    def _assigned(self, engine: Engine) -> tuple[pl.DataFrame, Assignment]:
        """Link all live parties, keep what the matcher needs, and give every cluster its id.

        Returns:
            The crosswalk as it stands, and as it should be.
        """
        with self.store.read() as connection:
            decisions = resolving.decisions(connection)
            old = resolving.clusters(connection)
            retired = resolving.retired_members(connection)
            next_id = resolving.next_entity(connection)
        linked = link_landed(self.store, self.held, decisions, self.model, engine)
        assignment = assign(old, linked.clusters, retired, next_id)
        with self.store.write(self.held) as connection:
            bulk.allocate(connection, "entity", assignment.next_id - next_id)
        return old, assignment

    def write(self, changing: Plan, *, now: datetime) -> None:
        """Compute the golden records of all affected entities, and write them, some whole units at a time."""
        self.stage("golden records", changing.affected.height)
        for batch in cut(changing.affected, BATCH_ENTITIES):
            with self.report.timed("golden records"):
                found = list(changes(self.store, changing, batch, self.rules, now=now, size=COMMIT_ENTITIES))
            with self.report.timed("write"):
                for change in found:
                    with self.store.write(self.held) as connection:
                        resolving.write(connection, change, now=now, actor=self.actor)
                    self.count(change.events)
            self.advance(batch.height)

    # A few changes ---------------------------------------------------------------------------------------------

    def match(self, standing: _Standing) -> None:
        """Match what waits, batch by batch, then compute again the golden records that fall due."""
        now = standing.now
        self.stage("changes", self.report.changes)
        for batch in _batches(standing.queue):
            self.match_batch(batch, now=now, at_most=None)
            now += timedelta(microseconds=1)  # see resolving.moment
            self.advance(batch["record_no"].n_unique())
        if not standing.due.is_empty():
            with self.store.read() as connection:
                members = resolving.clusters_of(connection, standing.due)
            self.write(plan(members, unmoved(members), standing.queue.clear(), standing.due), now=now)

    def match_batch(self, queue: pl.DataFrame, *, now: datetime, at_most: int | None) -> Pending | None:
        """Match the records of some queue entries, and write all that follows in one transaction.

        Args:
            queue: seq, record_no.
            now: the time of what changes.
            at_most: see ``Matcher.match``.

        Returns:
            Pending, when too much hangs together: then nothing was written.
        """
        with self.report.timed("who is who"), self.store.read() as connection:
            found = _match(connection, self.model, queue["record_no"].unique(), at_most)
        if isinstance(found, Pending):
            return found
        with self.report.timed("golden records"):
            nobody = pl.Series([], dtype=pl.Int64)
            changing = plan(found.old, found.assignment, queue, nobody)
            whole = changing.affected.height or 1
            written = list(changes(self.store, changing, changing.affected, self.rules, now=now, size=whole))
        touched = pl.concat([queue["record_no"], found.old["record_no"]]).unique()
        with self.report.timed("write"), self.store.write(self.held) as connection:
            references.lock(connection)
            bulk.allocate(connection, "entity", found.assignment.next_id - found.next_id)
            matching.apply(connection, found.matched)
            for change in written:
                resolving.write(connection, change, now=now, actor=self.actor)
                self.count(change.events)
            work.done(connection, queue["seq"])  # also of parties that were gone before they had an entity
            references.follow(connection, touched)
            steward.refresh(
                connection,
                model=self.model,
                now=now,
                actor=self.actor,
                records=pl.concat([touched, _ends(found.matched)]).unique(),
            )
        return None

    def count(self, events: pl.DataFrame) -> None:
        """Add events to the report."""
        for name, count in events.group_by("type").len().iter_rows():
            self.report.events[name] = self.report.events.get(name, 0) + count


def _ends(matched: Matched) -> pl.Series:
    """Return the records of the pairs that changed: also of some that link nobody, but that people are asked about."""
    pairs = [*matched.edges_gone, *((new.a, new.b) for new in matched.edges_new)]
    return pl.Series("record_no", [record for pair in pairs for record in pair], dtype=pl.Int64)


def _batches(queue: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Cut the queue into the entries of some hundred records each, in the order of the records."""
    numbered = queue.sort("record_no", "seq").with_columns(batch=pl.col("record_no").rank("dense") - 1)
    for _, part in numbered.with_columns(pl.col("batch") // BATCH_RECORDS).group_by("batch", maintain_order=True):
        yield part.select("seq", "record_no")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What matching a batch found."""

    matched: Matched
    old: pl.DataFrame  # record_no, entity_id: all members of the entities concerned, as they stand
    assignment: Assignment
    next_id: int  # the first id that the assignment may have given


def _match(connection: Connection, model: Model, records: pl.Series, at_most: int | None) -> _Found | Pending:
    """Match records as they have landed, and give the clusters that they and their neighbours are in their ids."""
    index = matching.Index(connection)
    landed = features.compute(resolving.parties(connection, records))
    gone = records.filter(~records.is_in(landed["record_no"].implode()))
    changes = online.changes(landed, gone.to_list())
    matcher = Matcher(model, index)
    while True:
        matched = matcher.match(changes, at_most=at_most)
        if isinstance(matched, Pending):
            return matched
        clusters = pl.DataFrame(matched.clusters, schema=CLUSTER_SCHEMA, orient="row")
        looked_at = pl.concat([records, clusters["record_no"]]).unique()
        entities = resolving.homes(connection, looked_at)["entity_id"].unique()
        old = resolving.clusters_of(connection, entities)
        # An entity is decided as a whole: usually all of it hangs together, but a decision may have been revoked.
        left_out = old.filter(~pl.col("record_no").is_in(looked_at.implode()))["record_no"]
        if left_out.is_empty():
            break
        changes += [online.Change(*kept) for kept in index.features(left_out.to_list())]
        records = pl.concat([records, left_out])
    retired = resolving.retired_members(connection, looked_at)
    next_id = resolving.next_entity(connection)
    elsewhere = resolving.homes(connection, retired["record_no"].unique())
    elsewhere = elsewhere.filter(~pl.col("record_no").is_in(looked_at.implode()))
    assignment = assign(old, clusters, retired.select(RETIRED_SCHEMA.names()), next_id, elsewhere)
    return _Found(matched=matched, old=old, assignment=assignment, next_id=next_id)
