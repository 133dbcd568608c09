"""The copies that systems hold: who is in which system, how old each copy is, and what went wrong in it.

A copy tells what was true on the day it was made, part by part; some parts were refreshed later. On top of that
come misspellings, missing values, swapped fields and dummies. Every copy keeps enough that a careful reader can
still tell who it is, but for a few per thousand: the landscape is meant to be hard, not undecidable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from landscape import noise, numbers
from landscape.people import SERIALS_PER_CHUNK, TODAY, YEAR
from landscape.seeds import Bools, Ints, Stream

DUMMY_BIRTH_DATE = date(1900, 1, 1)
DUMMY_MOBILES = ("0600000000", "0612345678")  # the second is a valid number, shared by many
DUMMY_EMAILS = ("info@voegtelecom.example", "geen@email.example", "onbekend@onbekend.example")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Whom a system holds, and what it holds of them."""

    source: str
    adults: float = 0.0  # share of the adults that are in it
    elders: float | None = None  # of those above 65; as adults when None
    minors: float = 0.0  # of those below 18
    organisations: float = 0.0
    twice: float = 0.03  # share of its customers that it holds twice
    fills: Mapping[str, float]  # detail → share of the copies that have it
    given: tuple[float, float, float] = (0.7, 0.2, 0.1)  # call name, official name, initials only
    age: float = 3.0  # of the copies: the higher, the more recent most are
    wear: float = 1.0  # how careless its typing is, times the usual
    closed: float = 0.02  # share of the customers that it marks as gone
    tests: int = 2  # test customers per chunk, which every such system has


_DETAILS = ("address", "landline", "mobile", "email", "iban")
_MISSPELT = {"family_name": 0.03, "given": 0.03, "street": 0.035, "city": 0.015, "organisation_name": 0.03}
_MISTYPED = {"landline": 0.012, "mobile": 0.012, "email": 0.015, "iban": 0.008, "address": 0.02}


def memberships(seed: int, number: int, people: pl.DataFrame, holdings: Sequence[Holding]) -> dict[str, Bools]:
    """Return per source which of ``people`` it holds.

    People differ in how many systems they meet; the draws of one system do not depend on the other systems.
    """
    age = _ages(people)
    organisation = (people["party_type"] == "organisation").to_numpy()
    busy = 0.45 + 1.1 * Stream(seed, "busy", number).uniform(people.height)
    held = {}
    for holding in holdings:
        elders = holding.adults if holding.elders is None else holding.elders
        share = np.select(
            [organisation, age < 18, age > 65], [holding.organisations, holding.minors, elders], holding.adults
        )
        stream = Stream(seed, "membership", number, holding.source)
        held[holding.source] = stream.chance(people.height, np.minimum(share * busy, 0.97))
    return held


def _ages(people: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    born = people["birth_date"].cast(pl.Int32).fill_null(0).to_numpy()
    return np.asarray((TODAY - born) / YEAR)


def billing_numbers(person_ids: pl.Series, copy: pl.Series | int = 0) -> pl.Series:
    """Return the customer number that billing gives; other systems refer to it."""
    serials = (person_ids * 2 + copy).to_numpy()
    return numbers.digits(10_000_000 + numbers.scattered(serials, 89_000_000, 11), 8)


def copies(seed: int, number: int, people: pl.DataFrame, held: Mapping[str, Bools], holding: Holding) -> pl.DataFrame:
    """Return the copies that one system holds of one chunk of people, in the order of its keys.

    Args:
        seed: of the landscape.
        number: of the chunk.
        people: the chunk, as ``people.SCHEMA``.
        held: who is in which source, as ``memberships`` drew it.
        holding: the system's description.

    Returns:
        person_id (null for test customers), copy (0, or 1 for the second copy in the same system), key (Int64, unique
        in the system), billing_key (the number billing gives this copy), changed_at, changed_on, party_type, gender,
        given, initials, infix, family_name, organisation_name, chamber_of_commerce, vat, birth_date, street,
        house_number, house_number_suffix, postcode, city, landline, mobile, email, iban, national_id,
        billing_number, payer (the billing number of who pays, if another), closed.
    """
    stream = Stream(seed, "copies", number, holding.source)
    first = np.flatnonzero(held[holding.source])
    second = first[stream.chance(len(first), holding.twice)]
    positions = np.concatenate([first, second])
    copy = np.concatenate([np.zeros(len(first), dtype=np.int64), np.ones(len(second), dtype=np.int64)])
    people = people.with_columns(pl.Series("in_billing", held["billing_customers"]))
    billed = people.filter("in_billing")["person_id"]
    people = people.with_columns(head_in_billing=pl.col("head_id").is_in(billed.implode()))[positions.astype(np.uint32)]
    worn = _Wear(stream, people, copy, holding)
    frame = worn.frame()
    frame = frame.with_columns(pl.Series("copy", copy))
    frame = pl.concat([frame, _test_customers(number, holding, frame.schema)])
    serials = frame.select(pl.col("person_id") * 2 + pl.col("copy")).to_series().to_numpy()
    key = pl.Series("key", numbers.scattered(serials, 900_000_000, _salt(holding.source)))
    second_of_day = pl.duration(seconds=pl.col("key") % 79_200 + 7_200)  # no copy is made at night
    return (
        frame.with_columns(key)
        .with_columns(
            changed_at=pl.col("changed_on").cast(pl.Datetime("us")) + second_of_day,
            billing_key=billing_numbers(frame["person_id"], frame["copy"]),
            person_id=pl.when(pl.col("person_id") % SERIALS_PER_CHUNK < TEST_SERIALS).then("person_id"),
        )
        .sort("key")
    )


TEST_SERIALS = SERIALS_PER_CHUNK - 100  # serials from here on are of test customers


def _test_customers(number: int, holding: Holding, schema: pl.Schema) -> pl.DataFrame:
    """Return the customers that testers left in the live system; they are nobody."""
    serials = number * SERIALS_PER_CHUNK + TEST_SERIALS + np.arange(holding.tests)
    made = pl.DataFrame({"person_id": serials}).with_columns(
        copy=pl.lit(0, pl.Int64),
        party_type=pl.lit("person"),
        given=pl.lit("Test"),
        initials=pl.lit("T."),
        family_name=pl.lit("Test"),
        birth_date=pl.lit(DUMMY_BIRTH_DATE),
        street=pl.lit("Teststraat"),
        house_number=pl.lit("1"),
        postcode=pl.lit("1234AB"),
        city=pl.lit("Utrecht"),
        mobile=pl.lit(DUMMY_MOBILES[0]),
        email=pl.lit("test@test.example"),
        changed_on=pl.lit(date(2020, 1, 1)),
        closed=pl.lit(value=False),
    )
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in schema.items() if name not in made.columns]
    return made.with_columns(missing).select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def _salt(source: str) -> int:
    return 20 + sum(map(ord, source)) % 200


class _Wear:
    """Decides, for every copy and detail, whether it is there, out of date, or wrong; then writes it out."""

    def __init__(self, stream: Stream, people: pl.DataFrame, copy: Ints, holding: Holding) -> None:
        self.stream, self.people, self.holding = stream, people, holding
        self.size = people.height
        self.organisation = (people["party_type"] == "organisation").to_numpy()
        self.as_of = self._dates(copy)
        self.present = {name: stream.chance(self.size, share) for name, share in holding.fills.items()}
        self.wrong = {
            name: stream.chance(self.size, rate * holding.wear) for name, rate in {**_MISTYPED, **_MISSPELT}.items()
        }
        self.birth_date_wrong = stream.chance(self.size, 0.012 * holding.wear)
        self.birth_date_swapped = stream.chance(self.size, 0.010 * holding.wear)
        self.form = stream.weighted(self.size, holding.given)
        self.birth_name = stream.chance(self.size, 0.06)  # some always sign with the name they were born with
        self.turned = stream.chance(self.size, 0.004 * holding.wear) & (self.form < 2)
        self.family_mobile = stream.chance(self.size, np.where(_ages(people) < 18, 0.25, 0.03))
        self._rescue()

    def _dates(self, copy: Ints) -> dict[str, Ints]:
        """Draw when each part of a copy was made; a quarter of the parts were refreshed since."""
        made = TODAY - 5 - (self.stream.uniform(self.size) ** self.holding.age * 11 * YEAR).astype(np.int64)
        made -= copy * 400
        dates = {}
        for part in ("name", *_DETAILS):
            later = made + (self.stream.uniform(self.size) * (TODAY - made)).astype(np.int64)
            dates[part] = np.where(self.stream.chance(self.size, 0.25), later, made)
        return dates

    def _stale(self, part: str) -> Bools:
        since = {"name": "married_on", "address": "moved_on", "landline": "moved_on"}.get(part, f"{part}_since")
        days = self.people[since].cast(pl.Int32).fill_null(0).to_numpy()
        return np.asarray(self.as_of[part] < days)

    def _has(self, detail: str) -> Bools:
        present = self.present.get(detail)
        return np.zeros(self.size, dtype=np.bool_) if present is None else present

    def _rescue(self) -> None:
        """Give copies that could be anybody's what they lack; leave the few that systems really have."""
        evidence = np.zeros(self.size)
        for detail in _DETAILS:
            column = "street" if detail == "address" else detail
            told = self._has(detail) & self.people[column].is_not_null().to_numpy()
            right = told & ~self._stale(detail) & ~self.wrong[detail]
            evidence += np.where(right, 0.5 if detail == "landline" else 1.0, 0.0)
        dated = self._has("birth_date") & ~self.birth_date_wrong & ~self.birth_date_swapped
        full = (self.form < 2) & ~self.wrong["given"]
        other_name = self._stale("name") | self.birth_name
        named_alike = self.people["namesake"].to_numpy()
        weak = (
            np.where(dated, evidence < 1, evidence < 2)
            | (~dated & ~full & (evidence < 3))
            | (named_alike & ~dated & ~full)
        )
        weak |= other_name & ~(dated & full) & (evidence < 2)
        weak |= self.organisation & (evidence < 2)
        saved = weak & self.stream.chance(self.size, 0.93)
        for part, dates in self.as_of.items():
            self.as_of[part] = np.where(saved, TODAY - 5, dates)
        for detail in ("birth_date", "address", "mobile", "email"):
            if detail in self.present:
                self.present[detail] |= saved
        for name in self.wrong:
            self.wrong[name] &= ~saved
        self.birth_date_wrong &= ~saved
        self.birth_date_swapped &= ~saved
        self.form = np.where(saved & (self.form == 2) & (np.asarray(self.holding.given[:2]).sum() > 0), 0, self.form)
        self.birth_name &= ~saved

    def frame(self) -> pl.DataFrame:
        """Write the copies out."""
        names = self._names()
        columns = {
            "person_id": self.people["person_id"],
            "party_type": self.people["party_type"],
            "gender": self._where("gender", self._has("gender")),
            **names,
            **self._address(),
            **self._details(),
            "birth_date": self._birth_dates(),
            "national_id": self._where("national_id", self._has("national_id")),
            "chamber_of_commerce": self._where("chamber_of_commerce", self._has("chamber_of_commerce")),
            "vat": self._where("vat", self._has("vat")),
            "billing_number": self._billing_numbers(),
            "payer": self._payers(),
            "changed_on": pl.Series(np.max(list(self.as_of.values()), axis=0)).cast(pl.Int32).cast(pl.Date),
            "closed": pl.Series(self.stream.chance(self.size, self.holding.closed)),
        }
        return pl.DataFrame(columns)

    def _where(self, column: str, mask: Bools) -> pl.Series:
        return self.people.select(pl.when(pl.Series(mask)).then(column)).to_series()

    def _then(self, column: str, stale: Bools) -> pl.Series:
        """Return a detail as it was when the copy was made."""
        return self.people.select(pl.when(pl.Series(stale)).then(f"previous_{column}").otherwise(column)).to_series()

    def _names(self) -> dict[str, pl.Series]:
        maiden = pl.Series(self._stale("name") | self.birth_name)
        chosen = self.people.select(
            given=pl.when(pl.Series(self.form == 0))
            .then("call_name")
            .when(pl.Series(self.form == 1))
            .then("official_name"),
            initials="initials",
            infix=pl.when(maiden).then("birth_infix").otherwise("infix"),
            family_name=pl.when(maiden).then("birth_family_name").otherwise("family_name"),
            organisation_name="organisation_name",
        )
        for name in ("given", "family_name", "organisation_name"):
            chosen = chosen.with_columns(noise.misspelt(self.stream, chosen[name], self.wrong[name]).alias(name))
        short = pl.Series(self.stream.chance(self.size, 0.25))  # B.V. left off or written without dots
        nameless = pl.Series(self.stream.chance(self.size, 0.003))  # lost in some migration: the row is unusable
        bare = pl.col("organisation_name").str.replace(r" (Holding )?(B\.V\.|N\.V\.|V\.O\.F\.)$", "")
        turned = pl.Series(self.turned & ~self.organisation)
        return chosen.select(
            "initials",
            given=pl.when(turned).then("family_name").otherwise("given"),
            infix=pl.when(~turned).then("infix"),
            family_name=pl.when(~nameless).then(pl.when(turned).then("given").otherwise("family_name")),
            organisation_name=pl.when(~nameless).then(pl.when(short).then(bare).otherwise("organisation_name")),
        ).to_dict()

    def _address(self) -> dict[str, pl.Series]:
        parts = ("street", "house_number", "house_number_suffix", "postcode", "city")
        stale = self._stale("address")
        told = pl.DataFrame([self._then(part, stale).alias(part) for part in parts]).with_columns(
            pl.col("house_number").cast(pl.String)
        )
        told = told.with_columns(
            noise.misspelt(self.stream, told["street"], self.wrong["street"]),
            noise.misspelt(self.stream, told["city"], self.wrong["city"]),
            noise.misdialled(self.stream, told["house_number"], self.wrong["address"]),
        )
        return told.select(pl.when(pl.Series(self._has("address"))).then(pl.all())).to_dict()

    def _details(self) -> dict[str, pl.Series]:
        values = {name: self._then(name, self._stale(name)) for name in ("landline", "mobile", "email", "iban")}
        family = self.people["family_mobile"]
        shared = pl.Series(self.family_mobile) & family.is_not_null()
        values["mobile"] = pl.select(pl.when(shared).then(family).otherwise(values["mobile"])).to_series()
        for name, value in values.items():
            spoil = noise.slipped if name == "email" else noise.misdialled
            told = pl.select(pl.when(pl.Series(self._has(name))).then(value)).to_series()
            values[name] = spoil(self.stream, told, self.wrong[name])
        return {
            **values,
            "mobile": self._dummies(values["mobile"], "mobile", DUMMY_MOBILES),
            "email": self._dummies(values["email"], "email", DUMMY_EMAILS),
        }

    def _dummies(self, values: pl.Series, name: str, dummies: tuple[str, ...]) -> pl.Series:
        """Fill a part of the gaps with what clerks type to get past an obligatory field."""
        if name not in self.present:
            return values
        filled = values.is_null() & pl.Series(self.stream.chance(self.size, 0.10))
        dummy = pl.Series(dummies).gather(self.stream.integers(self.size, 0, len(dummies) - 1))
        return pl.select(pl.when(filled).then(dummy).otherwise(values)).to_series()

    def _birth_dates(self) -> pl.Series:
        dates = self._where("birth_date", self._has("birth_date"))
        dates = noise.day_and_month_swapped(dates, self.birth_date_swapped)
        dates = noise.dates_off(self.stream, dates, self.birth_date_wrong)
        if "birth_date" not in self.present:
            return dates
        gap = dates.is_null() & pl.Series(~self.organisation & self.stream.chance(self.size, 0.10))
        return pl.select(pl.when(gap).then(pl.lit(DUMMY_BIRTH_DATE)).otherwise(dates)).to_series()

    def _payers(self) -> pl.Series:
        """Name the billing number of the head of the household, where that is who pays."""
        head = self.people["head_id"]
        share = np.where(_ages(self.people) < 18, 0.8, 0.04)
        paid = (head != self.people["person_id"]) & self.people["head_in_billing"]
        paid &= pl.Series(self.stream.chance(self.size, share))
        return pl.select(pl.when(paid).then(billing_numbers(head))).to_series()

    def _billing_numbers(self) -> pl.Series:
        """Refer to billing where the customer is there; a digit is wrong now and then."""
        told = self._has("billing_number") & self.people["in_billing"].to_numpy()
        right = billing_numbers(self.people["person_id"])
        right = noise.misdialled(self.stream, right, self.stream.chance(self.size, 0.006 * self.holding.wear))
        return pl.select(pl.when(pl.Series(told)).then(right)).to_series()
