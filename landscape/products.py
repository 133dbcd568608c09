"""What customers have beside their details: products, consents, contact moments, letters and mandates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from landscape import numbers
from landscape.people import TODAY, YEAR
from landscape.seeds import Bools, Stream
from landscape.systems.base import Extras

_BUNDLES = ("S005", "M010", "L020", "XL50", "UNL9")
_SUBJECTS = (
    *("factuur", "storing internet", "verhuizing", "opzegging", "simkaart", "abonnement wijzigen", "klacht monteur"),
    *("rekeningnummer wijzigen", "nummerbehoud", "tv-pakket"),
)
_OUTCOMES = ("opgelost", "doorverbonden", "teruggebeld", "klacht geregistreerd", "geen gehoor")
_PURPOSES = ("marketing", "profiling", "sharing")
_LETTERS = {"welcome": (12, 20), "reminder": (10, 30), "prices": (25, 60), "terms": (90, 200)}  # kind → lines


def extras(seed: int, number: int, people: pl.DataFrame, held: Mapping[str, Bools]) -> Extras:
    """Return what the customers of one chunk have; ``held`` says who is in which source."""
    products = pl.concat(
        [
            _mobile(seed, number, people, held["mobile_subscribers"]),
            _at_home(seed, number, people, held["billing_customers"]),
            _fixed_line(seed, number, people, held["fixed_line_subscribers"]),
        ]
    )
    return Extras(
        products=products,
        consents=_consents(seed, number, people, held["crm_customers"]),
        contacts=_contacts(seed, number, people, held["contact_centre_callers"]),
        letters=_letters(seed, number, people, held["billing_customers"]),
        mandates=_mandates(seed, number, people, held["billing_customers"]),
    )


def _periods(stream: Stream, size: int, ended: float) -> dict[str, pl.Series]:
    started = TODAY - 30 - (stream.uniform(size) ** 1.5 * 9 * YEAR).astype(np.int64)
    stopped = started + (stream.uniform(size) * (TODAY - 5 - started)).astype(np.int64)
    ends = pl.Series(stream.chance(size, ended))
    days = pl.Series(stopped).cast(pl.Int32).cast(pl.Date)
    return {
        "started_on": pl.Series(started).cast(pl.Int32).cast(pl.Date),
        "ended_on": pl.select(pl.when(ends).then(days)).to_series(),
    }


def _mobile(seed: int, number: int, people: pl.DataFrame, members: Bools) -> pl.DataFrame:
    """One to three mobile subscriptions; the first is on the customer's own number, and active."""
    stream = Stream(seed, "mobile products", number)
    holders = people.filter(members).select("person_id", "mobile")
    count = 1 + stream.weighted(holders.height, [0.78, 0.17, 0.05])
    rows = holders[np.repeat(np.arange(holders.height), count).astype(np.uint32)]
    nth = np.arange(rows.height) - np.repeat(np.cumsum(count) - count, count)
    # Beyond the serials that people's own numbers, present and previous, are made from.
    other = numbers.mobile_numbers(rows["person_id"].to_numpy() * 3 + 24_000_000 + nth)
    periods = _periods(stream, rows.height, 0.35)
    return rows.select(
        "person_id",
        product_type=pl.lit("mobile"),
        name=pl.Series(_BUNDLES).gather(stream.weighted(rows.height, [3, 4, 3, 2, 1])),
        number=pl.when(pl.Series(nth == 0)).then(pl.coalesce("mobile", other)).otherwise(other),
        started_on=periods["started_on"],
        ended_on=pl.when(pl.Series(nth > 0)).then(periods["ended_on"]),
    )


def _at_home(seed: int, number: int, people: pl.DataFrame, members: Bools) -> pl.DataFrame:
    """Internet and television of those who get a bill, by contract number."""
    stream = Stream(seed, "home products", number)
    parts = []
    for offset, (kind, name, share) in enumerate((("internet", "Glasvezel 200", 0.7), ("tv", "TV Compleet", 0.45))):
        has = members & stream.chance(people.height, share)
        holders = people.filter(has).select("person_id")
        contract = numbers.scattered(holders["person_id"].to_numpy() * 2 + offset, 90_000_000, 8)
        letter = kind[0].upper()
        parts.append(
            holders.select(
                "person_id",
                product_type=pl.lit(kind),
                name=pl.lit(name),
                number=pl.lit(letter) + numbers.digits(contract, 8),
                **_periods(stream, holders.height, 0.12),
            )
        )
    return pl.concat(parts)


def _fixed_line(seed: int, number: int, people: pl.DataFrame, members: Bools) -> pl.DataFrame:
    stream = Stream(seed, "fixed line products", number)
    holders = people.filter(members & people["landline"].is_not_null().to_numpy()).select("person_id", "landline")
    return holders.select(
        "person_id",
        product_type=pl.lit("fixed_line"),
        name=pl.lit("Vast Bellen"),
        number="landline",
        **_periods(stream, holders.height, 0.10),
    )


def _consents(seed: int, number: int, people: pl.DataFrame, members: Bools) -> pl.DataFrame:
    """What customers agreed to or refused, as asked by the agents."""
    stream = Stream(seed, "consents", number)
    holders = people.filter(members).select("person_id")
    parts = []
    for purpose in _PURPOSES:
        asked = holders.filter(pl.Series(stream.chance(holders.height, 0.4)))
        days = TODAY - 10 - (stream.uniform(asked.height) * 5 * YEAR).astype(np.int64)
        parts.append(
            asked.select(
                "person_id",
                purpose=pl.lit(purpose),
                channel=pl.Series(("email", "phone", "post")).gather(stream.integers(asked.height, 0, 2)),
                granted=pl.Series(stream.chance(asked.height, 0.55)),
                recorded_at=_moments(stream, days),
            )
        )
    return pl.concat(parts)


def _contacts(seed: int, number: int, people: pl.DataFrame, members: Bools) -> pl.DataFrame:
    """The moments at which customers called, wrote or came by: one to five each."""
    stream = Stream(seed, "contacts", number)
    holders = people.filter(members).select("person_id")
    count = 1 + stream.weighted(holders.height, [0.45, 0.25, 0.15, 0.10, 0.05])
    rows = holders[np.repeat(np.arange(holders.height), count).astype(np.uint32)]
    nth = np.arange(rows.height) - np.repeat(np.cumsum(count) - count, count)
    days = TODAY - 1 - (stream.uniform(rows.height) ** 2 * 4 * YEAR).astype(np.int64)
    return rows.select(
        "person_id",
        contact_id=numbers.digits(numbers.scattered(rows["person_id"].to_numpy() * 8 + nth, 900_000_000, 9), 9),
        occurred_at=_moments(stream, days),
        channel=pl.Series(("T", "C", "E", "W", "B")).gather(stream.weighted(rows.height, [55, 15, 20, 5, 5])),
        direction=pl.Series(("I", "U")).gather(stream.weighted(rows.height, [85, 15])),
        subject=pl.Series(_SUBJECTS).gather(stream.integers(rows.height, 0, len(_SUBJECTS) - 1)),
        outcome=pl.Series(_OUTCOMES).gather(stream.integers(rows.height, 0, len(_OUTCOMES) - 1)),
    )


def _letters(seed: int, number: int, people: pl.DataFrame, members: Bools) -> pl.DataFrame:
    """The letters that a fifth of those who get a bill had lately; long ones are rare."""
    stream = Stream(seed, "letters", number)
    holders = people.filter(members & stream.chance(people.height, 0.2)).select("person_id")
    days = TODAY - 1 - (stream.uniform(holders.height) * 2 * YEAR).astype(np.int64)
    kind = stream.weighted(holders.height, [30, 40, 25, 5])
    shortest, longest = np.array(list(_LETTERS.values())).T
    return holders.select(
        "person_id",
        letter_id=numbers.digits(numbers.scattered(holders["person_id"].to_numpy(), 900_000_000, 31), 9),
        sent_at=_moments(stream, days),
        kind=pl.Series(list(_LETTERS)).gather(kind),
        lines=pl.Series(stream.integers(holders.height, shortest[kind], longest[kind])),
    )


def _mandates(seed: int, number: int, people: pl.DataFrame, members: Bools) -> pl.DataFrame:
    """The mandates of direct debit of those who get a bill: most have one, some took it back."""
    stream = Stream(seed, "mandates", number)
    holders = people.filter(members & stream.chance(people.height, 0.7)).select("person_id")
    period = _periods(stream, holders.height, 0.08)
    serial = numbers.scattered(holders["person_id"].to_numpy(), 90_000_000, 37)
    return holders.select(
        "person_id",
        reference=pl.lit("VOEG-") + numbers.digits(serial, 8),
        signed_on=period["started_on"],
        withdrawn_on=period["ended_on"],
    )


def _moments(stream: Stream, days: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pl.Series:
    """Return times of day between eight and twenty, local."""
    seconds = days * 86_400 + stream.integers(len(days), 8 * 3600, 20 * 3600)
    return pl.Series(seconds * 1_000_000).cast(pl.Datetime("us"))
