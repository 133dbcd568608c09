"""Phone numbers and e-mail addresses."""

from __future__ import annotations

from typing import Annotated, ClassVar

import phonenumbers
import polars as pl
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberFormat
from pydantic import AfterValidator, PrivateAttr

from foundation.errors import did_you_mean
from transform.operation import TextOperation
from transform.operations.library import PerDistinctValue, by_library, settled
from transform.types import Type


def _region(region: str) -> str:
    if region not in phonenumbers.SUPPORTED_REGIONS:
        known = sorted(phonenumbers.SUPPORTED_REGIONS)
        remedy = did_you_mean(region.upper(), known) if len(region) == 2 else "use an ISO 3166-1 code such as NL"
        raise ValueError(f"unknown region '{region}'; {remedy}")
    return region


class Phone(TextOperation):
    """Writes a valid phone number as E.164.

    phonenumbers decides. The ordinary spellings of the region's own numbers are settled column-wise by the patterns
    of its metadata, with the same outcome (held by a test against the library); the rest goes to the library, once
    per distinct value.
    """

    name: ClassVar[str] = "phone"
    main: ClassVar[str | None] = "region"
    reason: ClassVar[str | None] = "not_a_phone_number"
    clean: ClassVar[bool] = True
    ensures: ClassVar[str | None] = "e164"

    region: Annotated[str, AfterValidator(_region)]

    _library: PerDistinctValue = PrivateAttr()

    def model_post_init(self, context: object) -> None:
        """Make the look-up that remembers."""
        self._library = PerDistinctValue(lambda number: parsed(number, self.region))

    def text(self, text: pl.Expr) -> pl.Expr:
        """Write as E.164."""
        plain = plain_spelling(text, self.region)
        return by_library(text, self._library) if plain is None else settled(text, plain, self._library)


def parsed(number: str, region: str) -> str | None:
    """Return a number as E.164, or None when it is not valid, by phonenumbers alone."""
    try:
        found = phonenumbers.parse(number, region)
    except NumberParseException:
        return None
    return phonenumbers.format_number(found, PhoneNumberFormat.E164) if phonenumbers.is_valid_number(found) else None


def plain_spelling(text: pl.Expr, region: str) -> pl.Expr | None:
    """Return the E.164 of numbers of ``region`` in ordinary spelling, null for all others.

    Ordinary is: the country code with ``+`` or ``00``, or the trunk ``0``; then digits with blanks and ``-/().``; a
    ``(0)`` only directly behind the country code. None when the region's own rules are more than that: another trunk
    prefix, a country code shared with other regions, or digits that the library rewrites.
    """
    rules = PhoneMetadata.metadata_for_region(region)
    if rules is None or rules.country_code is None or rules.general_desc is None:
        return None
    code = rules.country_code
    ordinary = (
        rules.national_prefix == rules.national_prefix_for_parsing == "0"
        and rules.national_prefix_transform_rule is None
        and rules.international_prefix == "00"
        and phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code] == (region,)
    )
    if not ordinary:
        return None
    types = (
        *(rules.fixed_line, rules.mobile, rules.toll_free, rules.premium_rate, rules.shared_cost),
        *(rules.personal_number, rules.voip, rules.pager, rules.uan, rules.voicemail),
    )
    patterns = {kind.national_number_pattern for kind in types if kind is not None} - {None, "NA"}
    valid = "|".join(f"(?:{pattern})" for pattern in sorted(filter(None, patterns)))
    of_any_type = rf"^(?:{rules.general_desc.national_number_pattern})$"

    trunk = text.str.replace(rf"^((?:\+|00){code} ?)\(0\)([^()]*)$", "${1}${2}")
    ordinary_characters = trunk.str.contains(r"^[+0][0-9 \-/().]{5,24}$") & ~trunk.str.contains("(0)", literal=True)
    digits = trunk.str.replace_all(r"[ \-/().]", "")
    national = digits.str.extract(rf"^(?:\+{code}|00{code}|0)([1-9][0-9]*)$")
    possible = national.str.contains(rf"^(?:{valid})$") & national.str.contains(of_any_type)
    return pl.when(ordinary_characters & possible).then(pl.lit(f"+{code}") + national)


_ATOM = r"[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?"
EMAIL = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+\p{{L}}[\p{{L}}\p{{N}}-]*\p{{L}}$"
"""The dot-atom form of RFC 5322 with a domain name of at least two labels; letters and digits of any script."""


class Email(TextOperation):
    """Writes an e-mail address in small letters and checks its form (RFC 5322 dot-atom, lengths of RFC 5321)."""

    name: ClassVar[str] = "email"
    reason: ClassVar[str | None] = "not_an_email"
    clean: ClassVar[bool] = True
    ensures: ClassVar[str | None] = "email"

    def prepare(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Write as text in small letters."""
        return super().prepare(value, type_).str.to_lowercase()

    def text(self, text: pl.Expr) -> pl.Expr:
        """Check."""
        too_long = (text.str.len_bytes() > 254) | (text.str.find("@", literal=True) > 64)
        return pl.when(text.str.contains(EMAIL) & ~too_long).then(text)
