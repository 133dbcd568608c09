"""Find customers by what they say of themselves, and show one: what channels and ``voeg customer`` ask."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from canonical_model.golden import origins_without_sensitive, without_sensitive
from foundation.errors import NotFound, Problem
from golden import lookup as keys
from identity.model import Model, packaged_prior
from store import models
from store.engine import Store
from store.lookup import Lookup
from transform.operations.contact import parsed

KINDS = ("phone", "email", "customer_number", "iban", "product")
"""The kinds of key that customers are looked up by."""

MOST_SHARED = 20
"""Customers that may share a key and still be listed; beyond it the key tells nothing worth reading."""

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_FEATURES = {"phone": "phones", "email": "emails", "iban": "ibans"}  # where the model lists a kind's generic values
_MODEL_SECONDS = 30.0  # how long a new model may go unnoticed

Outcome = Literal["found", "not_found", "too_common", "invalid"]
State = Literal["current", "superseded"]


class Gone(NotFound):
    """The customer existed: erased, or no source knows it any more."""


@dataclass(frozen=True, slots=True)
class Key:
    """What a customer is looked up by."""

    kind: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyOutcome:
    """What a key led to."""

    kind: str
    outcome: Outcome  # too_common: generic, or shared by more than MOST_SHARED; invalid: no such phone number
    shared_by: int | None  # customers that have it; None when that was not counted


@dataclass(frozen=True, slots=True)
class Match:
    """How a key points to a customer."""

    kind: str
    state: State  # in the golden record, or superseded there by another value
    shared_by: int  # customers that have it, this one included


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer that at least one key points to."""

    id: str
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a look-up."""

    keys: tuple[KeyOutcome, ...]
    customers: tuple[Candidate, ...]  # ranked; see ``Customers.find``


@dataclass(frozen=True, slots=True)
class Shown:
    """A golden record, as JSON texts."""

    requested_id: str
    id: str
    version: int
    recorded_at: datetime
    record: str = field(repr=False)
    provenance: str = field(repr=False)

    @property
    def redirected(self) -> bool:
        """Whether the requested customer was merged into this one."""
        return self.id != self.requested_id


@dataclass(frozen=True, slots=True)
class Contacts:
    """A page of a customer's contacts, the newest first."""

    requested_id: str
    id: str
    redirected: bool
    total: int
    contacts: tuple[dict[str, Any], ...] = field(repr=False)  # content, with data_source and record_id
    next: str | None  # where the next page starts


class Customers:
    """Answers questions about single customers; may be shared by threads.

    Every method raises StoreError when the store does not answer.
    """

    def __init__(self, store: Store, *, region: str) -> None:
        """Open the look-ups of a store; ``region`` is that of phone numbers without a country code."""
        self._store = store
        self._region = region
        self._lookup = Lookup(store)
        self._generic: Mapping[str, frozenset[str]] = {}
        self._model: str | None = None
        self._model_seen = -_MODEL_SECONDS

    def find(self, asked: Iterable[Key]) -> Found:
        """Return all customers that have any of the keys, never picking one.

        Ranked by the number of keys that are current, then by the number of keys, then by how few share the rarest
        of them; ties in the order of their ids. A generic key, or one that more than ``MOST_SHARED`` have, adds
        nobody to the list.
        """
        outcomes: list[KeyOutcome] = []
        matches: dict[int, list[Match]] = {}
        for key in dict.fromkeys(asked):
            value = self._normal(key)
            if value is None:
                outcomes.append(KeyOutcome(key.kind, "invalid", None))
                continue
            holders = self._lookup.holders(key.kind, value, MOST_SHARED + 1)
            if len(holders) > MOST_SHARED or (holders and self._is_generic(key.kind, value)):
                outcomes.append(KeyOutcome(key.kind, "too_common", None))
                continue
            shared_by = len(holders)
            outcomes.append(KeyOutcome(key.kind, "found" if holders else "not_found", shared_by))
            for holder in holders:
                match = Match(key.kind, "current" if holder.current else "superseded", shared_by)
                matches.setdefault(holder.entity_id, []).append(match)
        ranked = sorted(matches, key=lambda id_: (*_rank(matches[id_]), id_)) if len(matches) > 1 else matches
        return Found(tuple(outcomes), tuple([Candidate(str(id_), tuple(matches[id_])) for id_ in ranked]))

    def show(self, id_: str, *, sensitive: bool) -> Shown:
        """Return a customer's golden record with the origin of its values, following redirects.

        Args:
            id_: the entity's id; of one that was merged into another, that one is shown.
            sensitive: whether the reader may see sensitive fields; they are left out otherwise.

        Raises:
            NotFound: there never was such a customer.
            Gone: it was erased, or no source knows it any more.
        """
        entity_id = _number(id_)
        golden = self._lookup.golden(entity_id)
        if golden is None:
            entity_id = _active(self._lookup, id_, entity_id)
            golden = self._lookup.golden(entity_id)
        if golden is None:
            raise Gone(Problem(message=f"customer {id_} is gone: no source knows it any more"))
        record, provenance = golden.payload, golden.provenance
        if not sensitive:
            record, provenance = _without_sensitive(record, provenance)
        return Shown(id_, str(entity_id), golden.version, golden.recorded_at, record, provenance)

    def contacts(self, id_: str, *, after: str | None = None, limit: int = 50) -> Contacts:
        """Return a page of the customer's contacts, the newest first; those without a time come last.

        Args:
            id_: the entity's id; redirects are followed.
            after: ``next`` of the page before; None for the first page.
            limit: contacts on a page.

        Raises:
            NotFound, Gone: as ``show``; NotFound also when ``after`` is no page of this customer.
        """
        entity_id = _active(self._lookup, id_, _number(id_))
        found = [(json.loads(row.content), row) for row in self._lookup.contacts(entity_id)]
        found.sort(key=lambda pair: (pair[0].get("occurred_at", "").rstrip("Z"), pair[1].record_no), reverse=True)
        start = 0
        if after is not None:
            start = next((place + 1 for place, (_, row) in enumerate(found) if str(row.record_no) == after), 0)
            if start == 0:
                raise NotFound(Problem(message="there is no such page of contacts", remedy="start from the first"))
        page = found[start : start + limit]
        return Contacts(
            requested_id=id_,
            id=str(entity_id),
            redirected=str(entity_id) != id_,
            total=len(found),
            contacts=tuple(
                {"data_source": row.data_source, "record_id": row.record_id, **content} for content, row in page
            ),
            next=str(page[-1][1].record_no) if start + limit < len(found) else None,
        )

    def is_ready(self) -> bool:
        """Return whether the store answers."""
        return self._lookup.is_ready()

    def close(self) -> None:
        """Close the connections."""
        self._lookup.close()

    def _normal(self, key: Key) -> str | None:
        """Return the value as it stands in the keys; None when it is no phone number."""
        if key.kind != keys.PHONE or _E164.fullmatch(key.value):
            return keys.normal(key.kind, key.value)
        return parsed(key.value, self._region)

    def _is_generic(self, kind: str, value: str) -> bool:
        """Return whether the model in use knows a value as one that says nothing, such as 0600000000."""
        now = time.monotonic()
        if now - self._model_seen > _MODEL_SECONDS:
            version = self._lookup.active_model()
            if version != self._model or not self._generic:
                artefact = models.active(self._store)
                self._generic = (Model.from_json(artefact) if artefact else packaged_prior()).generic
                self._model = version
            self._model_seen = now
        return value in self._generic.get(_FEATURES.get(kind, ""), ())


def current_id(store: Store, id_: str) -> int:
    """Return the active entity that an id stands for now, following redirects.

    Raises:
        NotFound: there never was such a customer.
        Gone: it was erased, or no source knows it any more.
        StoreError: the store does not answer.
    """
    with closing(Lookup(store)) as lookup:
        return _active(lookup, id_, _number(id_))


def _number(id_: str) -> int:
    if not _is_number(id_):
        raise _unknown(id_)
    return int(id_)


def _active(lookup: Lookup, id_: str, entity_id: int) -> int:
    """Follow redirects to an active entity."""
    seen: set[int] = set()
    while entity_id not in seen:
        seen.add(entity_id)
        standing = lookup.standing(entity_id)
        if lookup.is_erased(entity_id):
            raise Gone(Problem(message=f"customer {id_} was erased"))
        if standing is None:
            raise _unknown(id_)
        state, redirect_to = standing
        if state == "active":
            return entity_id
        if redirect_to is None:
            break
        entity_id = redirect_to
    raise Gone(Problem(message=f"customer {id_} is gone: no source knows it any more"))


def _rank(matches: list[Match]) -> tuple[int, int, int]:
    current = sum(match.state == "current" for match in matches)
    return -current, -len(matches), min(match.shared_by for match in matches)


def _is_number(id_: str) -> bool:
    return id_.isascii() and id_.isdecimal() and len(id_) <= 18


def _unknown(id_: str) -> NotFound:
    named = id_ if _is_number(id_) else "of that id"
    remedy = "find one by a phone number, customer number, e-mail address, IBAN or product"
    return NotFound(Problem(message=f"there is no customer {named}", remedy=remedy))


def _without_sensitive(record: str, provenance: str) -> tuple[str, str]:
    """Return both without sensitive fields."""
    whole: dict[str, Any] = json.loads(record)
    return _json(without_sensitive(whole)), _json(origins_without_sensitive(whole, json.loads(provenance)))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
