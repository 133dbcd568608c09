"""The population: repeatable, plausible, and with the traps that make matching hard."""

import hashlib
from datetime import date

import polars as pl
import pytest

from landscape import copies, people
from landscape.systems.listing import ALL

HOLDINGS = [system.holding for system in ALL]


@pytest.fixture(scope="module")
def chunk() -> pl.DataFrame:
    return people.chunk(seed=1, number=0, households=4_000)


def test_the_same_seed_gives_the_same_people(chunk: pl.DataFrame) -> None:
    assert people.chunk(seed=1, number=0, households=4_000).equals(chunk)
    assert not people.chunk(seed=2, number=0, households=4_000).equals(chunk)


def test_the_same_seed_gives_the_same_people_everywhere() -> None:
    """Nothing depends on a clock, the order of a set or the machine: this digest holds on all of them."""
    text = people.chunk(seed=7, number=3, households=50).write_csv()
    assert hashlib.sha256(text.encode()).hexdigest() == PINNED


PINNED = "6dc37f2def0d4527f7b36593b6f9f58163749531333d70f71d93539051a4e0e3"


def test_every_customer_has_a_number_of_its_own(chunk: pl.DataFrame) -> None:
    second = people.chunk(seed=1, number=1, households=4_000)
    both = pl.concat([chunk, second])
    for column in ("person_id", "national_id", "chamber_of_commerce", "vat"):
        assert both[column].drop_nulls().is_unique().all(), column


def test_organisations_are_about_eight_percent(chunk: pl.DataFrame) -> None:
    share = (chunk["party_type"] == "organisation").mean()
    assert 0.07 < share < 0.09


def test_families_share_what_families_share(chunk: pl.DataFrame) -> None:
    """In households of several: the address and landline always, e-mail address and bank account often."""
    persons = chunk.filter(pl.col("party_type") == "person")
    adults = persons.filter(pl.col("birth_date") < date(1990, 1, 1))
    couples = adults.filter(pl.len().over("household", "postcode", "house_number") == 2)
    assert couples.group_by("household").agg(pl.col("landline").n_unique())["landline"].max() == 1
    for column, least, most in (("iban", 0.3, 0.6), ("email", 0.1, 0.35), ("mobile", 0, 0)):
        known = couples.drop_nulls(column).filter(pl.len().over("household") == 2)
        shared = (known.group_by("household").agg(pl.col(column).n_unique())[column] == 1).mean()
        assert least <= shared <= most, (column, shared)


def test_the_traps_are_there(chunk: pl.DataFrame) -> None:
    """Twins, parents and children of one name, married names, moves, and names that many have."""
    persons = chunk.filter(pl.col("party_type") == "person")
    twins = persons.filter(pl.len().over("household", "birth_date") > 1)
    assert twins.height > 10
    assert persons["namesake"].mean() > 0.01
    assert persons["married_on"].is_not_null().mean() > 0.1
    assert persons["moved_on"].is_not_null().mean() > 0.3
    commonest = persons["birth_family_name"].value_counts(sort=True)["count"][0]
    assert commonest > 20
    rare = persons.filter(pl.col("household").n_unique().over("birth_family_name") == 1)
    assert rare.height > 0.1 * persons.height


def test_nobody_is_real(chunk: pl.DataFrame) -> None:
    """Mail goes to domains that RFC 2606 keeps free, and money to banks that do not exist."""
    assert chunk["email"].drop_nulls().str.ends_with(".example").all()
    assert not chunk["iban"].drop_nulls().str.contains("INGB|RABO|ABNA|SNSB|TRIO|KNAB|ASNB|BUNQ").any()


@pytest.fixture(scope="module")
def all_copies(chunk: pl.DataFrame) -> dict[str, pl.DataFrame]:
    held = copies.memberships(1, 0, chunk, HOLDINGS)
    return {holding.source: copies.copies(1, 0, chunk, held, holding) for holding in HOLDINGS}


def test_keys_are_unique_in_a_system(all_copies: dict[str, pl.DataFrame]) -> None:
    for source, frame in all_copies.items():
        assert frame["key"].is_unique().all(), source
        assert frame["billing_key"].is_unique().all(), source


def test_copies_are_worn_but_recognisable(chunk: pl.DataFrame, all_copies: dict[str, pl.DataFrame]) -> None:
    """A part of the copies is out of date or wrong in each respect; most are not."""
    for source in ("crm_customers", "dealer_customers"):
        both = all_copies[source].drop_nulls("person_id").join(chunk, on="person_id", suffix="_true")
        for column, most in (("postcode", 0.3), ("mobile", 0.3), ("birth_date", 0.12), ("email", 0.3)):
            told = both.drop_nulls([column, f"{column}_true"])
            wrong = (told[column] != told[f"{column}_true"]).mean()
            assert 0.005 < wrong < most, (source, column, wrong)


def test_few_copies_say_too_little(chunk: pl.DataFrame, all_copies: dict[str, pl.DataFrame]) -> None:
    """Hard is not undecidable: under one in a hundred copies has neither a date nor two details that are right."""
    undecidable, total = 0, 0
    for frame in all_copies.values():
        both = frame.drop_nulls("person_id").join(chunk, on="person_id", suffix="_true")
        details = sum(
            (pl.col(column) == pl.col(f"{column}_true")).fill_null(value=False).cast(pl.Int32)
            for column in ("postcode", "landline", "mobile", "email", "iban")
        )
        dated = (pl.col("birth_date") == pl.col("birth_date_true")).fill_null(value=False)
        undecidable += both.filter((details == 0) | (~dated & (details < 2))).height
        total += both.height
    assert undecidable / total < 0.01
