"""The people and organisations: who really exists, what is true of them now, and what was true before.

Made in chunks of households, each from its own streams, so that a landscape of any size needs the memory of one
chunk. Within a chunk everything is a column.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date

import numpy as np
import polars as pl

from landscape import numbers
from landscape.seeds import Bools, Ints, Stream
from landscape.wordlists import COHORT_STARTS, family_names, given_names, pick, places, streets

REFERENCE_DATE = date(2026, 1, 1)
"""Today in the landscape: it has no other clock."""

TODAY = (REFERENCE_DATE - date(1970, 1, 1)).days
YEAR = 365.25
HOUSEHOLDS_PER_CHUNK = 20_000
SERIALS_PER_CHUNK = 100_000  # at most this many customers come from one chunk

SCHEMA = pl.Schema(
    {
        "person_id": pl.Int64,  # the truth: one number per customer; organisations are customers too
        "household": pl.Int64,
        "head_id": pl.Int64,  # person_id of the head of the household, who pays for the children
        "party_type": pl.String,
        "gender": pl.String,
        "official_name": pl.String,  # first given name as registered: Johannes
        "call_name": pl.String,  # the one in daily use: Jan
        "initials": pl.String,  # of all official given names: J.P.
        "infix": pl.String,
        "family_name": pl.String,
        "birth_infix": pl.String,  # of the name at birth
        "birth_family_name": pl.String,
        "married_on": pl.Date,  # since when family_name differs from the name at birth
        "organisation_name": pl.String,
        "birth_date": pl.Date,
        "namesake": pl.Boolean,  # another customer of this household has the same first initial and family name
        "street": pl.String,
        "house_number": pl.Int64,
        "house_number_suffix": pl.String,
        "postcode": pl.String,
        "city": pl.String,
        "landline": pl.String,
        "previous_street": pl.String,
        "previous_house_number": pl.Int64,
        "previous_house_number_suffix": pl.String,
        "previous_postcode": pl.String,
        "previous_city": pl.String,
        "previous_landline": pl.String,
        "moved_on": pl.Date,
        "mobile": pl.String,
        "previous_mobile": pl.String,
        "mobile_since": pl.Date,
        "family_mobile": pl.String,  # the number of the head of the household
        "email": pl.String,
        "previous_email": pl.String,
        "email_since": pl.Date,
        "iban": pl.String,
        "previous_iban": pl.String,
        "iban_since": pl.Date,
        "national_id": pl.String,
        "chamber_of_commerce": pl.String,
        "vat": pl.String,
    }
)
"""One row per true customer. Phones in national form, e-mail addresses at reserved domains (RFC 2606)."""

_MAIL_DOMAINS = (
    *("postbak.example", "snelmail.example", "kabelpost.example", "mijnmail.example", "polder.example"),
    *("thuispost.example", "webbrief.example", "letterbus.example"),
)
_MAIL_WEIGHTS = (30, 22, 14, 10, 8, 6, 6, 4)
_SUFFIXES = ("A", "B", "C", "bis", "hs", "1", "2", "3")
_TRADES = (
    *("Bakkerij", "Installatietechniek", "Bouwbedrijf", "Schildersbedrijf", "Administratiekantoor", "Kapsalon"),
    *("Autobedrijf", "Transport", "Advies", "Fysiotherapie", "Hoveniersbedrijf", "Slagerij", "Makelaardij"),
    *("Tandartspraktijk", "Rijschool", "Bloemisterij", "Loodgietersbedrijf", "Timmerwerken", "Catering"),
    *("Consultancy", "Grafisch Ontwerp", "Stukadoorsbedrijf", "Fotografie", "Notariskantoor", "Dierenkliniek"),
)
_LEGAL_FORMS = ("B.V.", "V.O.F.", "", "Holding B.V.", "Stichting", "N.V.")


def chunks(seed: int, households: int) -> Iterator[pl.DataFrame]:
    """Yield the customers of ``households`` households, chunk by chunk, with the columns of ``SCHEMA``."""
    for number, start in enumerate(range(0, households, HOUSEHOLDS_PER_CHUNK)):
        yield chunk(seed, number, min(HOUSEHOLDS_PER_CHUNK, households - start))


def chunk(seed: int, number: int, households: int) -> pl.DataFrame:
    """Return one chunk; its content depends on the seed, its number and its size only."""
    persons = _persons(seed, number, households)
    organisations = _organisations(seed, number, persons)
    columns = [pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()]
    return pl.concat([persons.select(columns), organisations.select(columns)])


# --- persons ---------------------------------------------------------------------------------------------------


class _Members:
    """The shape of the households: arrays over all members, in order of household, head first."""

    def __init__(self, stream: Stream, households: int) -> None:
        kind = stream.weighted(households, [0.36, 0.30, 0.27, 0.07])  # single, couple, family, one parent
        children = np.where(kind >= 2, 1 + stream.weighted(households, [0.35, 0.42, 0.17, 0.06]), 0)
        adults = np.where((kind == 1) | (kind == 2), 2, 1)
        size = adults + children
        self.household = np.repeat(np.arange(households), size)
        self.head = np.repeat(np.cumsum(size) - size, size)  # position of the household's head
        self.rank = np.arange(size.sum()) - self.head
        self.count = len(self.rank)
        self.has_partner = adults[self.household] == 2
        self.is_partner = self.has_partner & (self.rank == 1)
        self.is_child = self.rank >= adults[self.household]
        self.child_rank = np.where(self.is_child, self.rank - adults[self.household], -1)
        self.kind = kind[self.household]
        self.born = self._births(stream)
        self.female = self._genders(stream)
        self.age = (TODAY - self.born) / YEAR
        leaves = np.select([self.age > 30, self.age > 24, self.age > 19], [0.97, 0.75, 0.3], 0.0)
        self.left_home = self.is_child & stream.chance(self.count, leaves)

    def _births(self, stream: Stream) -> Ints:
        """Draw birth days: heads by kind of household, partners near them, children in steps, some as twins."""
        oldest = np.array([1932, 1938, 1958, 1960])[self.kind]
        youngest = np.array([2005, 1999, 1994, 1994])[self.kind]
        head = ((stream.uniform(self.count) * (youngest - oldest) + oldest - 1970) * YEAR).astype(np.int64)
        apart = ((stream.uniform(self.count) + stream.uniform(self.count) - 1) * 8 * YEAR).astype(np.int64)
        first_child = (stream.uniform(self.count) * 13 + 20) * YEAR
        twins = (self.child_rank > 0) & stream.chance(self.count, 0.03)
        steps = np.where(self.child_rank > 0, (1.3 + 3 * stream.uniform(self.count)) * YEAR, 0)
        steps = np.where(twins, 0, steps).astype(np.int64)
        since_first = np.cumsum(steps)
        since_first -= since_first[self.head]  # the head's own step is zero
        child = np.maximum(head, head + apart)[self.head] + first_child[self.head].astype(np.int64) + since_first
        adult = np.where(self.is_partner, head[self.head] + apart, head)
        return np.asarray(np.where(self.is_child, child, adult))

    def _genders(self, stream: Stream) -> Bools:
        female = stream.chance(self.count, 0.5)
        same = stream.chance(self.count, 0.04)
        return np.where(self.is_partner, female[self.head] == same, female)


def _persons(seed: int, number: int, households: int) -> pl.DataFrame:
    stream = Stream(seed, "people", number)
    members = _Members(stream, households)
    serial = number * SERIALS_PER_CHUNK + np.arange(members.count)
    names = _names(stream, members)
    addresses = _addresses(stream, members, serial)
    contact = _contact_details(stream, members, serial)
    frame = pl.DataFrame(
        {
            "person_id": serial,
            "household": number * SERIALS_PER_CHUNK + members.household,
            "head_id": serial[members.head],
            "party_type": pl.select(pl.repeat("person", members.count)).to_series(),
            "gender": pick(("male", "female"), members.female.astype(np.int64)),
            "birth_date": pl.Series(members.born).cast(pl.Int32).cast(pl.Date),
            "national_id": numbers.national_ids(serial),
            "organisation_name": pl.Series([None], dtype=pl.String).new_from_index(0, members.count),
            "chamber_of_commerce": pl.Series([None], dtype=pl.String).new_from_index(0, members.count),
            "vat": pl.Series([None], dtype=pl.String).new_from_index(0, members.count),
            **names,
            **addresses,
            **contact,
        }
    )
    frame = _with_emails(stream, members, frame)
    frame = frame.filter(pl.Series(members.age >= 12))
    initial = pl.col("initials").str.head(1)
    return frame.with_columns(namesake=pl.len().over("household", "family_name", initial) > 1)


def _names(stream: Stream, members: _Members) -> dict[str, pl.Series]:
    """Draw given and family names; partners may take each other's, children have the head's or father's."""
    given = _given_names(stream, members)
    second = _given_index(stream, members)
    third = _given_index(stream, members)
    how_many = stream.weighted(members.count, [0.50, 0.38, 0.12])
    listed = given_names()
    call_choices = [listed.call_names[index] for index in range(len(listed.name))]
    called = stream.chance(members.count, 0.75)
    nth = stream.uniform(members.count)
    call = [
        choices[int(part * len(choices))] if use and (choices := call_choices[index]) else listed.name[index]
        for index, use, part in zip(given.tolist(), called.tolist(), nth.tolist(), strict=True)
    ]
    letters = pl.Series([name[0] + "." for name in listed.name])
    initials = pl.DataFrame({"a": letters.gather(given), "b": letters.gather(second), "c": letters.gather(third)})
    initials = initials.with_columns(pl.Series("n", how_many)).select(
        pl.col("a")
        + pl.when(pl.col("n") > 0).then("b").otherwise(pl.lit(""))
        + pl.when(pl.col("n") > 1).then("c").otherwise(pl.lit(""))
    )
    return {
        "official_name": pick(listed.name, given),
        "call_name": pl.Series(call, dtype=pl.String),
        "initials": initials.to_series(),
        **_family_names(stream, members),
    }


def _given_index(stream: Stream, members: _Members) -> Ints:
    """Draw given names fit for gender and year of birth."""
    listed = given_names()
    cohort = np.searchsorted(np.array(COHORT_STARTS), 1970 + members.born / YEAR, side="right")
    drawn = np.zeros(members.count, dtype=np.int64)
    for female in (False, True):
        for column in range(listed.weights.shape[1]):
            group = np.flatnonzero((members.female == female) & (cohort == column))
            weights = listed.weights[:, column] * (listed.female == female)
            drawn[group] = stream.weighted(len(group), weights)
    return drawn


def _given_names(stream: Stream, members: _Members) -> Ints:
    """Draw first names: siblings get different ones, some eldest sons and daughters get their parent's."""
    given = _given_index(stream, members)
    for _ in range(4):
        key = members.household * 1_000 + given
        _, first = np.unique(key, return_index=True)
        again = np.ones(members.count, dtype=np.bool_)
        again[first] = False
        given = np.where(again, _given_index(stream, members), given)
    eldest = members.child_rank == 0
    parent = np.where(
        members.female[members.head] == members.female, members.head, np.minimum(members.head + 1, members.count - 1)
    )
    alike = (members.female[parent] == members.female) & (members.household[parent] == members.household)
    named_after = eldest & alike & (parent < np.arange(members.count)) & stream.chance(members.count, 0.10)
    return np.where(named_after, given[parent], given)


def _family_names(stream: Stream, members: _Members) -> dict[str, pl.Series]:
    listed = family_names()
    size = members.count
    common = stream.weighted(size, listed.weights)
    compound = len(listed.common) + stream.integers(size, 0, listed.compounds - 1)
    own = np.where(stream.chance(size, 0.45), common, compound)
    father = np.where(
        members.female[members.head] & members.has_partner & ~members.female[_next(members.head, size)],
        _next(members.head, size),
        members.head,
    )
    birth = np.where(members.is_child, own[father], own)
    spouse = np.where(members.is_partner, members.head, _next(np.arange(size), size))
    adult_pair = members.has_partner & ~members.is_child
    married = adult_pair & stream.chance(size, 0.72)[members.household]
    takes = np.where(members.female, 0.78, 0.03)
    changes = married & stream.chance(size, takes)
    double = changes & stream.chance(size, 0.35)
    marriage_age = (20 + 16 * stream.uniform(size)[members.head]) * YEAR
    married_on = np.maximum(members.born, members.born[spouse]) + marriage_age.astype(np.int64)
    changes &= married_on < TODAY - 30
    birth_infix, birth_family = listed.text(birth)
    partner_infix, partner_family = listed.text(own[spouse])
    frame = pl.DataFrame(
        {
            "birth_infix": birth_infix,
            "birth_family_name": birth_family,
            "partner_infix": partner_infix,
            "partner_family": partner_family,
            "changes": changes,
            "double": double & changes,
            "married_on": pl.Series(married_on).cast(pl.Int32).cast(pl.Date),
        }
    )
    with_own = (
        pl.col("partner_family")
        + "-"
        + pl.concat_str("birth_infix", "birth_family_name", separator=" ", ignore_nulls=True)
    )
    return frame.select(
        "birth_infix",
        "birth_family_name",
        infix=pl.when("changes").then("partner_infix").otherwise("birth_infix"),
        family_name=pl.when("double")
        .then(with_own)
        .when("changes")
        .then("partner_family")
        .otherwise("birth_family_name"),
        married_on=pl.when("changes").then("married_on"),
    ).to_dict()


def _next(positions: Ints, size: int) -> Ints:
    return np.minimum(positions + 1, size - 1)


# --- addresses -------------------------------------------------------------------------------------------------


_POSTCODE_LETTERS = "ABCDEGHJKLMNPRTVWXZ"


@dataclass(frozen=True, slots=True)
class _Addresses:
    """Invented addresses as indices; the postcode follows from city, street and block, as it should."""

    city: Ints
    street: Ints
    number: Ints
    suffix: Ints

    @classmethod
    def drawn(cls, stream: Stream, size: int, city: Ints | None = None) -> _Addresses:
        """Draw addresses, in the given cities or anywhere."""
        cities = stream.weighted(size, places().weight)
        return cls(
            city=cities if city is None else city,
            street=stream.weighted(size, (1.0 / (np.arange(len(streets())) + 20.0)).tolist()),
            number=1 + (stream.uniform(size) ** 2 * 240).astype(np.int64),
            suffix=np.where(stream.chance(size, 0.09), stream.integers(size, 1, len(_SUFFIXES)), 0),
        )

    def at(self, positions: Ints) -> _Addresses:
        """Return the addresses at ``positions``."""
        return _Addresses(*(getattr(self, field.name)[positions] for field in fields(self)))

    def replaced(self, where: Bools, other: _Addresses) -> _Addresses:
        """Return these addresses with those of ``other`` where ``where`` holds."""
        pairs = ((getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return _Addresses(*(np.where(where, theirs, ours) for ours, theirs in pairs))

    def columns(self, prefix: str = "") -> dict[str, pl.Series]:
        """Return the columns of the population's schema."""
        return {
            f"{prefix}street": pick(streets(), self.street),
            f"{prefix}house_number": pl.Series(self.number),
            f"{prefix}house_number_suffix": pick((None, *_SUFFIXES), self.suffix),
            f"{prefix}postcode": self._postcodes(),
            f"{prefix}city": pick(places().name, self.city),
        }

    def _postcodes(self) -> pl.Series:
        first, last = places().postcode_from[self.city], places().postcode_to[self.city]
        number = first + (self.city * 31 + self.street * 17) % (last - first + 1)
        block = self.city * 1_000_003 + self.street * 40_503 + self.number // 24 * 7_919
        alphabet = pl.Series(list(_POSTCODE_LETTERS))
        size = len(_POSTCODE_LETTERS)
        parts = pl.DataFrame(
            [alphabet.gather(block % size).alias("a"), alphabet.gather(block // size % size).alias("b")]
        )
        return parts.select(pl.concat_str(pl.Series(number).cast(pl.String), "a", "b")).to_series()

    def landlines(self, serials: Ints) -> pl.Series:
        """Return a landline number in each address's area."""
        return numbers.landline_numbers(pick(places().area_code, self.city), serials)


def _addresses(stream: Stream, members: _Members, serial: Ints) -> dict[str, pl.Series]:
    """Draw where households live and lived; children who left have their own address, and come from their parents'."""
    size = members.count
    own = _Addresses.drawn(stream, size)
    nearby = np.where(stream.chance(size, 0.65), own.city, stream.weighted(size, places().weight))
    before = _Addresses.drawn(stream, size, city=nearby)
    home = own.at(members.head)
    current = home.replaced(members.left_home, own)
    previous = before.at(members.head).replaced(members.left_home, home)
    family_moved = stream.chance(size, 0.45)[members.head]
    days_ago = 20 + (stream.uniform(size) * 11 * YEAR).astype(np.int64)
    moved_on = TODAY - np.where(members.left_home, days_ago, days_ago[members.head])
    left_on = np.maximum(moved_on, members.born + int(18 * YEAR))
    moved_on = np.where(members.left_home, np.minimum(left_on, TODAY - 20), moved_on)
    has_landline = np.where(members.left_home, stream.chance(size, 0.12), stream.chance(size, 0.6)[members.head])
    same_area = current.city == previous.city
    line = current.landlines(np.where(members.left_home, serial, serial[members.head]) * 2)
    old_line = previous.landlines(np.where(members.left_home, serial[members.head] * 2, serial[members.head] * 2 + 1))
    moves = members.left_home | family_moved
    kept = pl.Series(same_area & ~members.left_home)  # the number moves along inside an area
    frame = pl.DataFrame(
        {
            **current.columns(),
            **previous.columns("previous_"),
            "landline": line,
            "old_line": old_line,
            "moved_on": pl.Series(moved_on).cast(pl.Int32).cast(pl.Date),
        }
    ).with_columns(pl.Series("moves", moves), pl.Series("kept", kept), pl.Series("has_line", has_landline))
    previous_columns = [name for name in frame.columns if name.startswith("previous_")]
    return (
        frame.with_columns(
            pl.when("moves").then(pl.col(*previous_columns, "moved_on")),
            previous_landline=pl.when(pl.col("moves") & ~pl.col("kept")).then("old_line"),
            landline=pl.when("has_line").then("landline"),
        )
        .drop("moves", "kept", "has_line", "old_line")
        .to_dict()
    )


# --- phones, bank accounts, e-mail -----------------------------------------------------------------------------


def _contact_details(stream: Stream, members: _Members, serial: Ints) -> dict[str, pl.Series]:
    """Draw mobile numbers and bank accounts: changed now and then, shared in some households."""
    size = members.count
    mobile = numbers.mobile_numbers(serial * 2)
    old_mobile = numbers.mobile_numbers(serial * 2 + 1)
    joint = stream.chance(size, 0.45)[members.head] & members.is_partner
    joint |= members.is_child & ~members.left_home & stream.chance(size, np.where(members.age < 18, 0.85, 0.15))
    holder = np.where(joint, members.head, np.arange(size))
    new_account = stream.chance(size, 0.12)
    frame = pl.DataFrame(
        {
            "mobile": mobile,
            "previous_mobile": old_mobile,
            "family_mobile": mobile.gather(members.head),
            "iban": numbers.ibans(serial * 2).gather(holder),
            "previous_iban": numbers.ibans(serial * 2 + 1).gather(holder),
            "mobile_since": _days(TODAY - 10 - (stream.uniform(size) * 8 * YEAR).astype(np.int64)),
            "iban_since": _days((TODAY - 10 - (stream.uniform(size) * 10 * YEAR).astype(np.int64))[holder]),
        }
    ).with_columns(
        pl.Series("has_mobile", stream.chance(size, np.where(members.age > 78, 0.75, 0.98))),
        pl.Series("new_mobile", stream.chance(size, 0.28)),
        pl.Series("new_account", new_account[holder]),
    )
    return frame.select(
        "iban",
        family_mobile=pl.when(pl.Series(~members.left_home)).then("family_mobile"),
        mobile=pl.when("has_mobile").then("mobile"),
        previous_mobile=pl.when(pl.col("has_mobile") & pl.col("new_mobile")).then("previous_mobile"),
        mobile_since=pl.when(pl.col("has_mobile") & pl.col("new_mobile")).then("mobile_since"),
        previous_iban=pl.when("new_account").then("previous_iban"),
        iban_since=pl.when("new_account").then("iban_since"),
    ).to_dict()


def _days(values: Ints) -> pl.Series:
    return pl.Series(values).cast(pl.Int32).cast(pl.Date)


def _with_emails(stream: Stream, members: _Members, frame: pl.DataFrame) -> pl.DataFrame:
    """Add e-mail addresses made of names; couples and children share some, common names carry digits."""
    size = members.count
    address = _addresses_of(stream, frame, "family_name", "infix")
    old = _addresses_of(stream, frame, "birth_family_name", "birth_infix")
    shares = stream.chance(size, np.where(members.is_partner, 0.20, np.where(members.age < 18, 0.30, 0.05)))
    shares &= (members.is_partner | members.is_child) & ~members.left_home
    holder = np.where(shares, members.head, np.arange(size))
    has = stream.chance(size, np.select([members.age > 80, members.age > 68], [0.45, 0.8], 0.96))
    changed = stream.chance(size, 0.28)
    since = _days((TODAY - 10 - (stream.uniform(size) * 9 * YEAR).astype(np.int64))[holder])
    return frame.with_columns(
        email=address.gather(holder), previous_email=old.gather(holder), email_since=since
    ).with_columns(
        email=pl.when(pl.Series(has[holder])).then("email"),
        previous_email=pl.when(pl.Series((has & changed)[holder])).then("previous_email"),
        email_since=pl.when(pl.Series((has & changed)[holder])).then("email_since"),
    )


def _addresses_of(stream: Stream, frame: pl.DataFrame, family: str, infix: str) -> pl.Series:
    size = frame.height
    plain = frame.select(
        given=_mail_text(pl.col("call_name")),
        initials=_mail_text(pl.col("initials")),
        family=_mail_text(pl.concat_str(infix, family, ignore_nulls=True)),
        year=pl.col("birth_date").dt.strftime("%y"),
        serial=pl.col("person_id").cast(pl.String),
    ).with_columns(
        pl.Series("pattern", stream.weighted(size, [0.30, 0.22, 0.18, 0.14, 0.10, 0.06])),
        pl.Series("bare", stream.chance(size, 0.03)),
        pl.Series("domain", stream.weighted(size, _MAIL_WEIGHTS)),
    )
    given, initials, surname, year = (pl.col(name) for name in ("given", "initials", "family", "year"))
    local = (
        pl.when(pl.col("pattern") == 0).then(given + "." + surname)
        .when(pl.col("pattern") == 1).then(initials + surname)
        .when(pl.col("pattern") == 2).then(initials + "." + surname)
        .when(pl.col("pattern") == 3).then(given + year)
        .when(pl.col("pattern") == 4).then(surname + "." + initials)
        .otherwise(given + surname.str.head(1) + year)
    )  # fmt: skip
    # Two people cannot have one address: digits set them apart, but for the few whose address was noted wrongly.
    bare = pl.col("bare") & (pl.col("pattern") < 3)
    digits = pl.when(bare).then(pl.lit("")).otherwise(pl.col("serial").str.tail(6))
    domains = pl.Series(_MAIL_DOMAINS)
    return plain.select(local + digits + "@" + domains.gather(plain["domain"])).to_series()


def _mail_text(text: pl.Expr) -> pl.Expr:
    return text.str.to_lowercase().str.normalize("NFKD").str.replace_all("[^a-z]", "")


# --- organisations ---------------------------------------------------------------------------------------------


def _organisations(seed: int, number: int, persons: pl.DataFrame) -> pl.DataFrame:
    """Return organisations, about 8 % of the customers; a quarter is one person's business at home."""
    stream = Stream(seed, "organisations", number)
    adults = persons.filter(pl.col("birth_date") < date(2003, 1, 1))
    size = int(persons.height * 0.087)
    owners = adults[stream.order(adults.height)[:size].astype(np.uint32)]
    serial = number * SERIALS_PER_CHUNK + SERIALS_PER_CHUNK * 3 // 4 + np.arange(size)
    located = _Addresses.drawn(stream, size)
    former = _Addresses.drawn(stream, size)
    at_home = stream.chance(size, 0.25)
    moved = stream.chance(size, 0.25)
    own = pl.DataFrame(
        {
            **located.columns(),
            **former.columns("previous_"),
            "landline": located.landlines(serial * 2),
            "previous_landline": former.landlines(serial * 2 + 1),
            "mobile": numbers.mobile_numbers(serial * 2),
            "iban": numbers.ibans(serial * 2),
            "moved_on": _days(TODAY - 20 - (stream.uniform(size) * 9 * YEAR).astype(np.int64)),
        }
    )
    trade = pick(_TRADES, stream.integers(size, 0, len(_TRADES) - 1))
    form = pick(_LEGAL_FORMS, stream.weighted(size, [0.5, 0.15, 0.15, 0.08, 0.08, 0.04]))
    surname = pl.concat_str("infix", "family_name", separator=" ", ignore_nulls=True)
    named = owners.select(
        home=pl.col("call_name") + " " + surname + " " + trade,
        trade_first=pl.lit(trade) + " " + surname + " " + form,
        name_first=surname.str.head(1).str.to_uppercase() + surname.str.slice(1) + " " + pl.lit(trade) + " " + form,
    ).with_columns(pl.Series("at_home", at_home), pl.Series("turned", stream.chance(size, 0.5)))
    name = named.select(
        pl.when("at_home").then("home").when("turned").then("name_first").otherwise("trade_first").str.strip_chars()
    ).to_series()
    shared = ["street", "house_number", "house_number_suffix", "postcode", "city", "mobile"]
    own = own.with_columns(
        pl.when(pl.Series(at_home)).then(owners[column]).otherwise(pl.col(column)).alias(column) for column in shared
    ).with_columns(
        pl.when(pl.Series(moved & ~at_home)).then(pl.col("^previous_.*$", "moved_on")),
        landline=pl.when(pl.Series(at_home)).then(owners["landline"]).otherwise("landline"),
    )
    slug = name.str.to_lowercase().str.normalize("NFKD").str.replace_all("[^a-z]", "").str.head(24)
    mailbox = pick(("info", "administratie", "contact", "post"), stream.weighted(size, [0.7, 0.1, 0.1, 0.1]))
    email = pl.select(mailbox + "@" + slug + pl.Series(serial % 1_000_000).cast(pl.String) + ".example").to_series()
    nothing = [
        pl.lit(None).alias(column)
        for column in SCHEMA
        if column not in own.columns
        and column
        not in (
            "person_id",
            "household",
            "head_id",
            "party_type",
            "organisation_name",
            "namesake",
            "email",
            "chamber_of_commerce",
            "vat",
        )
    ]
    return own.with_columns(
        person_id=pl.Series(serial),
        household=pl.Series(serial),
        head_id=pl.Series(serial),
        party_type=pl.lit("organisation"),
        organisation_name=name,
        namesake=pl.lit(False),
        email=email,
        chamber_of_commerce=numbers.chamber_of_commerce_numbers(serial),
        vat=numbers.vat_numbers(serial),
    ).with_columns(nothing)
