"""Numbers that look as the real thing and pass its checks; each a function of a serial, so that none repeats.

Serials go through a multiplication modulo the number space (the multiplier shares no factor with it): neighbours
in the population get numbers far apart.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl

from landscape.seeds import Ints

_MULTIPLIER = 387_420_489  # 3^18
_BANKS = ("VOEG", "DELT", "POLD", "DUIN", "KADE")  # invented: the check digits are real, the banks are not
_BANK_WEIGHT = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3, 4])


def scattered(serials: Ints, space: int, salt: int = 0) -> Ints:
    """Map serials to distinct numbers below ``space``.

    The largest prime that does not exceed ``space`` is the modulus: any multiplier is then a bijection.
    """
    modulus = _prime_below(space)
    multiplier = (_MULTIPLIER + 2 * salt) % modulus or 1  # nought would send every serial to one number
    # Split the multiplication, so that the product of two 40-bit numbers stays inside 64 bits.
    high, low = np.divmod(serials.astype(np.int64) % modulus, 1 << 20)
    shifted = (multiplier * (1 << 20)) % modulus
    product = (_mulmod(high, shifted, modulus) + _mulmod(low, multiplier, modulus)) % modulus
    return (product + (2 * salt + 1) * (modulus // 17)) % modulus


def _mulmod(values: Ints, multiplier: int, modulus: int) -> Ints:
    """Return ``values * multiplier % modulus`` for values below 2^20 and a modulus below 2^42."""
    return (values * multiplier) % modulus


@cache
def _prime_below(limit: int) -> int:
    number = limit
    while any(number % divisor == 0 for divisor in range(2, int(number**0.5) + 1)):
        number -= 1
    return number


def digits(values: Ints, width: int) -> pl.Series:
    """Write numbers with leading zeros."""
    return pl.Series(values).cast(pl.String).str.zfill(width)


def mobile_numbers(serials: Ints) -> pl.Series:
    """Return Dutch mobile numbers in national form: 06 and eight digits, of ranges that are in use."""
    number = scattered(serials, 60_000_000, salt=1)
    first = np.array([1, 2, 3, 4, 5, 8])[number // 10_000_000]
    return pl.select(pl.lit("06") + digits(first * 10_000_000 + number % 10_000_000, 8)).to_series()


def landline_numbers(area_codes: pl.Series, serials: Ints) -> pl.Series:
    """Return Dutch landline numbers in national form: ten digits with the area code."""
    number = digits(2_000_000 + scattered(serials, 7_900_000, salt=2), 7)
    frame = pl.DataFrame({"area": area_codes, "number": number})
    return frame.select(pl.col("area") + pl.col("number").str.tail(10 - pl.col("area").str.len_chars())).to_series()


def ibans(serials: Ints) -> pl.Series:
    """Return Dutch IBANs with right check digits (ISO 13616: modulo 97) at banks that do not exist."""
    account = 100_000_000 + scattered(serials, 800_000_000, salt=3)
    bank = _BANK_WEIGHT[account % 10]
    letters = np.array([int("".join(str(ord(letter) - 55) for letter in name)) for name in _BANKS])[bank]
    remainder = letters % 97
    remainder = (remainder * (10**10 % 97) + account) % 97
    remainder = (remainder * 10**6 + 232_100) % 97  # N = 23, L = 21, 00
    check = digits(98 - remainder, 2)
    frame = pl.DataFrame({"check": check, "bank": pl.Series(_BANKS).gather(bank), "account": digits(account, 10)})
    return frame.select("NL" + pl.col("check") + pl.col("bank") + pl.col("account")).to_series()


def national_ids(serials: Ints) -> pl.Series:
    """Return nine-digit numbers that pass the eleven-test of the Dutch citizen service number (BSN)."""
    base = 10_000_000 + 2 * scattered(serials, 44_000_000, salt=4)  # even, so that adding one is always possible
    places = (base[:, None] // 10 ** np.arange(7, -1, -1)) % 10
    last = (places * np.arange(9, 1, -1)).sum(axis=1) % 11
    # A remainder of ten has no last digit; one more in the eighth place (weight 2) makes it 12, so 1.
    impossible = last == 10
    return digits((base + impossible) * 10 + np.where(impossible, 1, last), 9)


def chamber_of_commerce_numbers(serials: Ints) -> pl.Series:
    """Return eight-digit Dutch chamber of commerce (KvK) numbers."""
    return digits(10_000_000 + scattered(serials, 80_000_000, salt=5), 8)


def vat_numbers(serials: Ints) -> pl.Series:
    """Return Dutch VAT numbers: NL, nine digits that pass the eleven-test, B01."""
    return pl.select(pl.lit("NL") + national_ids(serials) + pl.lit("B01")).to_series()
