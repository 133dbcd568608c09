"""Identifiers with check digits."""

from __future__ import annotations

import importlib
import re
from functools import cache
from types import ModuleType
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import AfterValidator, PrivateAttr
from stdnum import iban as stdnum_iban
from stdnum import numdb
from stdnum.exceptions import ValidationError
from stdnum.util import get_cc_module, get_number_modules

from foundation.errors import did_you_mean
from transform.operation import TextOperation
from transform.operations.library import PerDistinctValue, by_library, settled
from transform.types import Type

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Iban(TextOperation):
    """Writes a valid IBAN without spaces and in capitals.

    Country, length, structure and check digits as python-stdnum has them; column-wise, except for the countries
    with check digits of their own inside and for very long numbers, which the library decides.
    """

    name: ClassVar[str] = "iban"
    reason: ClassVar[str | None] = "not_an_iban"
    clean: ClassVar[bool] = True

    _library: PerDistinctValue = PrivateAttr()

    def model_post_init(self, context: object) -> None:
        """Make the look-up that remembers."""
        self._library = PerDistinctValue(lambda number: validated(stdnum_iban, number))

    def prepare(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Write as text in capitals, without the separators in use."""
        text = super().prepare(value, type_)
        return text.str.replace_many([" ", ".", "-"], ["", "", ""]).str.to_uppercase()

    def text(self, text: pl.Expr) -> pl.Expr:
        """Check."""
        plain = text.str.contains(_plain_structures()) & _remainder_97_is_1(text)
        return settled(text, pl.when(plain).then(text), self._library)


def _remainder_97_is_1(number: pl.Expr) -> pl.Expr:
    """Check ISO 7064 mod 97-10; null where the number is too long for 128 bits."""
    turned = number.str.slice(4) + number.str.slice(0, 4)
    digits = turned.str.replace_many(list(_LETTERS), [str(value) for value in range(10, 36)])
    return digits.cast(pl.Int128, strict=False) % 97 == 1


@cache
def _plain_structures() -> str:
    """Return one pattern for the IBANs of all countries without check digits of their own."""
    classes = {"n": "[0-9]", "a": "[A-Z]", "c": "[A-Z0-9]"}

    def structure(country: str) -> str | None:
        info = numdb.get("iban").info(country)[0][1]
        if not info.get("bban") or get_cc_module(country.lower(), "iban"):
            return None
        pattern = re.sub(r"([1-9][0-9]*)!([nac])", lambda m: f"{classes[m[2]]}{{{m[1]}}}", info["bban"])
        return f"{country}[0-9]{{2}}{pattern}"

    countries = (first + second for first in _LETTERS for second in _LETTERS)
    return "^(?:" + "|".join(filter(None, map(structure, countries))) + ")$"


def _number(name: str) -> str:
    """Refuse names that python-stdnum does not have."""
    if not re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)?", name) or _module(name) is None:
        known = sorted(vars(module)["__name__"].removeprefix("stdnum.") for module in get_number_modules())
        near = did_you_mean(name, known)
        remedy = near if near.startswith("did") else "see the list of python-stdnum"
        raise ValueError(f"unknown number '{name}'; {remedy}")
    return name


def _module(name: str) -> ModuleType | None:
    try:
        module = importlib.import_module(f"stdnum.{name}")
    except ImportError:
        return None
    return module if hasattr(module, "validate") else None


class Stdnum(TextOperation):
    """Checks a number by python-stdnum, by the name of its module, and writes it in its compact form."""

    name: ClassVar[str] = "stdnum"
    main: ClassVar[str | None] = "number"
    reason: ClassVar[str | None] = "not_valid"
    clean: ClassVar[bool] = True

    number: Annotated[str, AfterValidator(_number)]

    _library: PerDistinctValue = PrivateAttr()

    def model_post_init(self, context: object) -> None:
        """Make the look-up that remembers."""
        module = _module(self.number)
        self._library = PerDistinctValue(lambda number: validated(module, number))

    def text(self, text: pl.Expr) -> pl.Expr:
        """Check."""
        return by_library(text, self._library)


def validated(module: Any, number: str) -> str | None:
    """Return a number in its compact form by a module of python-stdnum, or None when it is not valid."""
    try:
        return str(module.validate(number)) or None
    except ValidationError:
        return None


class Kvk(TextOperation):
    """Dutch chamber of commerce number: eight digits; the old form with a branch suffix ``0000`` is cut."""

    name: ClassVar[str] = "kvk"
    reason: ClassVar[str | None] = "not_a_kvk_number"
    clean: ClassVar[bool] = True

    def text(self, text: pl.Expr) -> pl.Expr:
        """Check the form; the number has no check digit."""
        return text.str.replace_all(r"[ .\-]", "").str.extract(r"^([0-9]{8})(?:0000)?$")
