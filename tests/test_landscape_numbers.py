"""Numbers of the landscape: each passes the check of the real thing, and none comes twice."""

import numpy as np
import phonenumbers
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban
from stdnum.nl import bsn, btw

from landscape import numbers
from landscape.wordlists import places

SERIALS = np.arange(5_000, dtype=np.int64) * 7


@given(st.integers(100, 2**31), st.integers(0, 300), st.integers(0, 2**31))
def test_scattered_serials_never_meet(space: int, salt: int, start: int) -> None:
    """Within one number space every serial has its own number."""
    found = numbers.scattered(np.arange(start, start + 90, dtype=np.int64), space, salt)
    assert len(set(found.tolist())) == 90
    assert found.min() >= 0
    assert found.max() < space


@pytest.mark.parametrize(
    ("made", "is_valid"),
    [
        (numbers.ibans(SERIALS), iban.is_valid),
        (numbers.national_ids(SERIALS), bsn.is_valid),
        (numbers.vat_numbers(SERIALS), btw.is_valid),
    ],
    ids=["iban", "bsn", "vat"],
)
def test_check_digits(made: pl.Series, is_valid) -> None:
    """IBANs pass modulo 97, national ids and VAT numbers the eleven-test."""
    assert made.n_unique() == len(made)
    assert all(is_valid(number) for number in made)


def test_phones_are_valid_dutch_numbers() -> None:
    """Mobile numbers, and landlines in every area that the places name."""
    areas = pl.Series(places().area_code)
    landlines = numbers.landline_numbers(areas, np.arange(len(areas), dtype=np.int64))
    for number in [*numbers.mobile_numbers(SERIALS[:500]), *landlines]:
        assert phonenumbers.is_valid_number(phonenumbers.parse(number, "NL")), number
