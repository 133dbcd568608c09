"""What the golden records are worth, measured against the truth: clusters, and the re-ask table.

Only this module reads ``truth/``. The re-ask table says for every channel which share of the details that it needs
to help a customer it finds, present and equal to the truth: in the system that it works with alone, and in the golden
record that the same customer's entry in that system belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from canonical_model.golden import decode
from canonical_model.schema import Kind
from identity.evaluation import Scores, score
from store import exporting, resolving
from store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A place where customers are helped: the source its system is read as, and what it needs to know."""

    name: str
    source: str
    needs: tuple[str, ...]  # names of DETAILS


SUBSCRIPTIONS = ("mobile", "internet", "tv", "fixed_line")
"""The products that a channel helps with; a loyalty card is none."""

DETAILS = ("name", "birth_date", "address", "phone", "email", "iban", "customer_number", "products")
"""What a channel may need. A detail that a customer truly does not have is not asked for."""

CHANNELS = (
    Channel(name="agent desktop", source="crm_customers", needs=DETAILS),
    Channel(
        name="IVR",
        source="billing_customers",
        needs=("name", "birth_date", "phone", "iban", "customer_number", "products"),
    ),
    Channel(name="web shop", source="webshop_customers", needs=("name", "birth_date", "address", "phone", "email")),
    Channel(
        name="shop", source="dealer_customers", needs=("name", "birth_date", "address", "phone", "iban", "products")
    ),
    Channel(
        name="self-care app",
        source="self_care_accounts",
        needs=("name", "birth_date", "phone", "email", "iban", "customer_number", "products"),
    ),
    Channel(
        name="engineer",
        source="field_service_clients",
        needs=("name", "address", "phone", "customer_number", "products"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reask:
    """One cell row of the re-ask table."""

    channel: str
    detail: str
    customers: int  # entries in the channel's system of customers who have this detail
    own: float  # share of them for whom the channel's own system has it right
    golden: float  # share of them for whom the golden record has it right


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The golden records against the truth."""

    clusters: Scores
    reask: tuple[Reask, ...]


def evaluate(store: Store, folder: Path, channels: Sequence[Channel] = CHANNELS) -> Evaluation:
    """Measure what a store made of the landscape in ``folder``."""
    crosswalk = pl.concat(exporting.crosswalk(store))
    records = pl.read_parquet(folder / "truth" / "records.parquet").drop_nulls("person_id")
    return Evaluation(
        clusters=_clusters(crosswalk, records), reask=tuple(_reask(store, folder, crosswalk, records, channels))
    )


def _clusters(crosswalk: pl.DataFrame, records: pl.DataFrame) -> Scores:
    numbered = crosswalk.with_row_index("record_no")
    truth = numbered.join(records, on=["data_source", "record_id"])
    return score(numbered.select("record_no", cluster="entity_id"), truth.select("record_no", cluster="person_id"))


# --- the re-ask table ------------------------------------------------------------------------------------------


def _reask(
    store: Store, folder: Path, crosswalk: pl.DataFrame, records: pl.DataFrame, channels: Sequence[Channel]
) -> Iterator[Reask]:
    sources = {channel.source for channel in channels}
    entries = crosswalk.filter(pl.col("data_source").is_in(sorted(sources))).join(
        records, on=["data_source", "record_id"]
    )
    if entries.is_empty():
        return
    truth = _truth(folder, records)
    own = pl.concat(_own_details(store, sources))
    golden = pl.concat(_golden_details(store, entries["entity_id"]))
    in_own = _right(entries.join(own, on=["data_source", "record_id"], how="left").join(truth, on="person_id"))
    in_golden = _right(entries.join(golden, on="entity_id", how="left").join(truth, on="person_id"))
    for channel in channels:
        mine, best = (frame.filter(pl.col("data_source") == channel.source) for frame in (in_own, in_golden))
        for detail in channel.needs:
            asked = mine[detail].drop_nulls()
            if asked.is_empty():
                continue
            yield Reask(
                channel=channel.name,
                detail=detail,
                customers=asked.len(),
                own=_share(asked),
                golden=_share(best[detail].drop_nulls()),
            )


def _share(found: pl.Series) -> float:
    return int(found.sum()) / found.len()


def _own_details(store: Store, sources: set[str]) -> Iterator[pl.DataFrame]:
    """Yield data_source, record_id and the details of the entries in the channels' systems."""
    for parties in resolving.live_parties(store):
        mine = parties.filter(pl.col("data_source").is_in(sorted(sources)))
        with store.read() as connection:
            products = resolving.satellites(connection, mine["record_no"])[Kind.PRODUCT]
        listed = products.group_by("party_no").agg(products=pl.struct("product_type", "number", "status"))
        yield _details(mine.join(listed, left_on="record_no", right_on="party_no", how="left"))


def _golden_details(store: Store, entities: pl.Series) -> Iterator[pl.DataFrame]:
    """Yield entity_id and the details of the golden records of ``entities``."""
    for batch in exporting.golden(store):
        wanted = batch.filter(pl.col("entity_id").is_in(entities.unique().implode()))
        yield _details(wanted.select("entity_id").hstack(decode(wanted["payload"])))


def _details(content: pl.DataFrame) -> pl.DataFrame:
    """Return the details of parties or golden records in comparable form, beside their keys."""
    keys = [name for name in ("data_source", "record_id", "entity_id") if name in content.columns]
    part = pl.element().struct.field
    product = pl.concat_str(part("product_type"), part("number"), separator=" ")
    is_active = (part("status") == "active") & part("product_type").is_in(SUBSCRIPTIONS)
    return content.select(
        *keys,
        has_organisation=_organisation(pl.col("organisation_name")),
        has_family=_letters(pl.col("family_name")),
        has_first=_letters(pl.coalesce("given_name", pl.col("initials").str.head(1))),
        has_birth_date="birth_date",
        has_addresses=pl.col("addresses").list.eval(
            _place(part("postcode"), part("house_number"), part("house_number_suffix"))
        ),
        has_phones=pl.col("phones").list.eval(part("number")),
        has_emails=pl.col("emails").list.eval(part("address")),
        has_ibans=pl.col("identifiers").list.eval(part("value").filter(part("type") == "iban")),
        has_customer_numbers=pl.col("identifiers").list.eval(part("value").filter(part("type") == "customer_number")),
        has_products=pl.col("products").list.eval(product.filter(is_active)).list.unique().list.sort(),
    )


def _truth(folder: Path, records: pl.DataFrame) -> pl.DataFrame:
    """Return what is true of every customer, in the form of ``_details``."""
    people = pl.read_parquet(folder / "truth" / "people.parquet")
    products = pl.read_parquet(folder / "truth" / "products.parquet")
    active = products.group_by("person_id").agg(
        true_products=pl.concat_str("product_type", "number", separator=" ").unique().sort()
    )
    billed = records.filter(pl.col("data_source") == "billing_customers")
    numbers = billed.group_by("person_id").agg(true_customer_numbers="record_id")
    return (
        people.select(
            "person_id",
            true_organisation=_organisation(pl.col("organisation_name")),
            true_family=_letters(pl.col("family_name")),
            true_call=_letters(pl.col("call_name")),
            true_official=_letters(pl.col("official_name")),
            true_birth_date="birth_date",
            true_address=_place(pl.col("postcode"), pl.col("house_number"), pl.col("house_number_suffix")),
            true_phones=pl.concat_list(_international("mobile"), _international("landline")).list.drop_nulls(),
            true_email="email",
            true_iban="iban",
        )
        .join(active, on="person_id", how="left")
        .join(numbers, on="person_id", how="left")
    )


def _right(both: pl.DataFrame) -> pl.DataFrame:
    """Return data_source and, per detail, whether it is there and right; null where the customer has no such detail."""
    first = pl.col("has_first")
    called = (first == pl.col("true_call")) | (first == pl.col("true_official"))
    initial = (first.str.len_chars() == 1) & (first == pl.col("true_official").str.head(1))
    as_person = (pl.col("has_family") == pl.col("true_family")) & (called | initial)
    as_organisation = pl.col("has_organisation") == pl.col("true_organisation")
    found: Mapping[str, pl.Expr] = {
        "name": pl.when(pl.col("true_organisation").is_null()).then(as_person).otherwise(as_organisation),
        "birth_date": pl.col("has_birth_date") == pl.col("true_birth_date"),
        "address": pl.col("has_addresses").list.contains(pl.col("true_address")),
        "phone": pl.col("has_phones").list.set_intersection("true_phones").list.len() > 0,
        "email": pl.col("has_emails").list.contains(pl.col("true_email")),
        "iban": pl.col("has_ibans").list.contains(pl.col("true_iban")),
        "customer_number": pl.col("has_customer_numbers").list.set_intersection("true_customer_numbers").list.len() > 0,
        "products": pl.col("has_products") == pl.col("true_products"),
    }
    exists: Mapping[str, pl.Expr] = {
        "name": pl.lit(value=True),
        "birth_date": pl.col("true_birth_date").is_not_null(),
        "address": pl.col("true_address").is_not_null(),
        "phone": pl.col("true_phones").list.len() > 0,
        "email": pl.col("true_email").is_not_null(),
        "iban": pl.col("true_iban").is_not_null(),
        "customer_number": pl.col("true_customer_numbers").is_not_null(),
        "products": pl.col("true_products").is_not_null(),
    }
    return both.select(
        "data_source",
        *(pl.when(exists[detail]).then(found[detail].fill_null(value=False)).alias(detail) for detail in DETAILS),
    )


def _letters(text: pl.Expr) -> pl.Expr:
    plain = text.str.to_lowercase().str.normalize("NFKD").str.replace_all("[^a-z]", "")
    return pl.when(plain != "").then(plain)


def _organisation(text: pl.Expr) -> pl.Expr:
    return _letters(text.str.replace(r"(?i) (holding )?(b\.?v\.?|n\.?v\.?|v\.?o\.?f\.?)$", ""))


def _place(postcode: pl.Expr, number: pl.Expr, suffix: pl.Expr) -> pl.Expr:
    written = pl.concat_str(postcode, pl.lit(" "), number, suffix.fill_null("")).str.to_lowercase()
    return written.str.replace_all("[^a-z0-9]", "")


def _international(phone: str) -> pl.Expr:
    return "+31" + pl.col(phone).str.slice(1)
