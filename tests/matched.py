"""People for tests of the matcher, and what it keeps of them in plain dictionaries."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache

import polars as pl

from canonical_model.schema import Kind, content_schema
from identity import features
from identity.linking import CLUSTER_SCHEMA, DECISION_SCHEMA, link
from identity.model import Model
from identity.online import Change, Matched, Matcher

Pair = tuple[int, int]
GIVEN = ("Jan", "Johannes", "Piet", "Marie", "Els", "J.", None)
FAMILY = ("Jansen", "de Vries", "Vroegindeweij", "Jansen-de Vries", None)
BORN = (date(1961, 3, 4), date(1961, 4, 3), date(1990, 12, 1), date(1962, 3, 4), None, None)
PLACES = (("1234AB", "5"), ("1234AB", "7"), ("9999ZZ", "5"), None)


def worn(seed: int, count: int) -> list[dict[str, object]]:
    """Content of parties that share much: a few families and firms, copied with all that goes wrong in copies."""
    chance = random.Random(seed)

    def some(values: Sequence[object], share: float = 0.5) -> object:
        return chance.choice(values) if chance.random() < share else None

    rows: list[dict[str, object]] = []
    for _ in range(count):
        place = chance.choice(PLACES)
        phone, email = some(["+31612345601", "+31612345602"]), some(["thuis@vroeg.example", "els@vroeg.example"])
        iban, number = some(["NL01ABCD1", "NL01ABCD2"], 0.3), some(["123456782", "123456783", "987654321"], 0.2)
        identifiers = [
            {"type": type_, "value": value}
            for type_, value in (("iban", iban), ("national_id", number), ("customer_number", some(["K1", "K2"], 0.2)))
            if value
        ]
        row: dict[str, object] = {
            "addresses": [{"postcode": place[0], "house_number": place[1]}] if place else None,
            "phones": [{"kind": None, "number": phone}] if phone else None,
            "emails": [{"kind": None, "address": email}] if email else None,
            "identifiers": identifiers or None,
        }
        if chance.random() < 0.1:
            name = chance.choice(["Bakkerij de Zon B.V.", "Bakkerij Zon", "Fietsen Vroegindeweij VOF"])
            row |= {"party_type": "organisation", "organisation_name": name}
        else:
            row |= {
                "party_type": "person",
                "given_name": chance.choice(GIVEN),
                "family_name": chance.choice(FAMILY),
                "birth_date": chance.choice(BORN),
                "gender": some(["male", "female"], 0.3),
            }
        rows.append(row)
    return rows


def computed(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Features of parties, numbered from 0; of two sources in turns."""
    envelope = {"record_no": pl.Int64(), "data_source": pl.String(), "record_id": pl.String()}
    content = content_schema(Kind.PARTY)
    full = [
        {
            "record_no": number,
            "data_source": ("crm", "billing")[number % 2],
            "record_id": f"r{number}",
            **dict.fromkeys(content),
            **row,
        }
        for number, row in enumerate(rows)
    ]
    return features.compute(pl.DataFrame(full, schema={**envelope, **content}))


@cache
def people(count: int = 60) -> pl.DataFrame:
    """Features of worn copies."""
    return computed(worn(11, count))


class Kept:
    """What the matcher keeps, as an ``identity.online.Index``, with clusters as they were decided."""

    def __init__(self) -> None:
        self.keys: dict[int, set[int]] = {}
        self.contents: dict[int, tuple[int, str]] = {}
        self.pairs: dict[Pair, tuple[int, bool]] = {}
        self.decided: list[tuple[int, int, str]] = []
        self.clusters: dict[int, int] = {}

    def holders(self, hashes: Sequence[int], at_most: int) -> Iterator[tuple[int, Sequence[int]]]:
        return ((key, sorted(self.keys[key])[:at_most]) for key in hashes if self.keys.get(key))

    def features(self, records: Sequence[int]) -> list[tuple[int, int, str]]:
        return [(number, *self.contents[number]) for number in records if number in self.contents]

    def edges(self, records: Sequence[int]) -> list[tuple[int, int, int, bool]]:
        wanted = set(records)
        return [(a, b, *found) for (a, b), found in self.pairs.items() if a in wanted or b in wanted]

    def decisions(self, records: Sequence[int]) -> list[tuple[int, int, str]]:
        wanted = set(records)
        return [one for one in self.decided if one[0] in wanted or one[1] in wanted]

    def write(self, found: Matched) -> None:
        """Take over what a batch found; whatever it takes away must be there, whatever it adds must not."""
        for key, number in found.keys_gone:
            self.keys[key].remove(number)
        for key, number in found.keys_new:
            assert number not in self.keys.setdefault(key, set())
            self.keys[key].add(number)
        for number in found.features_gone:
            del self.contents[number]
        self.contents |= {number: (key, content) for number, key, content in found.features_new}
        for pair in found.edges_gone:
            del self.pairs[pair]
        self.pairs |= {(edge.a, edge.b): (edge.weight, edge.veto) for edge in found.edges_new}
        affected = {placed.record_no for placed in found.clusters} | set(found.features_gone)
        self.clusters = {number: cluster for number, cluster in self.clusters.items() if number not in affected}
        self.clusters |= {placed.record_no: placed.cluster for placed in found.clusters}

    def match(self, model: Model, *batches: Sequence[Change]) -> None:
        """Match batches one after the other, however much hangs together."""
        matcher = Matcher(model, self)
        for batch in batches:
            found = matcher.match(batch, at_most=None)
            assert isinstance(found, Matched)
            self.write(found)

    def state(self) -> tuple[object, ...]:
        """All of it as it is now, to be compared."""
        keys = {key: set(held) for key, held in self.keys.items() if held}
        return keys, dict(self.contents), dict(self.pairs), dict(self.clusters)


def in_bulk(live: pl.DataFrame, decided: Sequence[tuple[int, int, str]], model: Model) -> tuple[object, ...]:
    """Edges and clusters of linking everything anew, in the shape of ``Kept.state``."""
    linked = link(live, pl.DataFrame(decided, schema=DECISION_SCHEMA, orient="row"), model)
    assert linked.clusters.schema == CLUSTER_SCHEMA
    edges = {(min(a, b), max(a, b)): (weight, veto) for a, b, weight, veto in linked.edges.iter_rows()}
    clusters = dict(linked.clusters.select("record_no", "cluster").iter_rows())
    return edges, clusters
