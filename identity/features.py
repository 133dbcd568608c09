"""Features: what the matcher compares, made from canonical party content.

One row per source record, every text folded to ASCII once, so that the edit distances of DuckDB (which compares
bytes) and rapidfuzz (code points) agree. A feature is null when the record does not tell; lists are sorted, hold
no nulls and no duplicates, and are null rather than empty.

What a value means is decided here (infix, nickname, honorific, legal form); whether it is *generic* is decided by
the model, because that depends on how many people share it.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources

import polars as pl

from canonical_model import content

CODE_VERSION = 2
"""Raised when a feature changes its meaning; a model made for another version is refused."""

_TEXTS = pl.List(pl.String)
SCHEMA = pl.Schema(
    {
        "record_no": pl.Int64(),
        "key": pl.UInt64(),  # hash of (data_source, record_id): breaks ties, carries no meaning
        "data_source": pl.String(),
        "party_type": pl.String(),  # person, organisation
        "given": pl.String(),  # first given name, letters only, two or more
        "given_roots": _TEXTS,  # the names it may stand for: "ed" → "ed", "edmund", "edward"
        "given_names": _TEXTS,  # all of them, single letters left out
        "initials": pl.String(),  # two letters or more: "jp"
        "first_letters": _TEXTS,  # of the first given name and of the initials: a call name may differ from both
        "family": pl.String(),  # without infix, letters only: "de Vries-Jansen" → "vriesjansen"
        "family_parts": _TEXTS,  # "jansen", "vries"
        "gender": pl.String(),
        "birth_date": pl.String(),  # YYYYMMDD
        "birth_place": pl.String(),
        "occupation": pl.String(),
        "organisation": pl.String(),  # without legal form, letters and digits
        "organisation_words": _TEXTS,
        "legal_form": pl.String(),  # "bv"
        "branch": pl.String(),  # which one a name says it is: "Zon, filiaal Ede" → "ede"
        "postcodes": _TEXTS,
        "areas": _TEXTS,  # postcodes without their last two characters
        "addresses": _TEXTS,  # postcode and house number, or street, number and city
        "cities": _TEXTS,
        "address_since": pl.String(),  # the newest month from which an address is valid, counted from the year 0
        "phones": _TEXTS,
        "emails": _TEXTS,
        "ibans": _TEXTS,
        "national_ids": _TEXTS,  # of which one has one; passports and licences are renewed, so they are identifiers
        "registrations": _TEXTS,  # chamber of commerce, VAT: "type:value"
        "registration_types": _TEXTS,
        "identifiers": _TEXTS,  # every other identifier: "type:value"
        "identifier_types": _TEXTS,
    }
)
"""The features frame. Sensitivity is that of the fields they come from: personal, identifiers sensitive."""

REGISTRATION_TYPES = ("chamber_of_commerce", "vat")
_NOT_LETTERS = r"[^a-z]+"
_NOT_LETTERS_OR_DIGITS = r"[^a-z0-9]+"


def compute(parties: pl.DataFrame) -> pl.DataFrame:
    """Return the features of parties.

    Args:
        parties: ``record_no`` Int64, ``data_source``, ``record_id``, and the content columns of a party.

    Returns:
        One row per party in the same order, with the columns of ``SCHEMA``.
    """
    folded = parties.with_columns(
        _key(parties), *_folded(parties.select("initials", *_NAMES)).with_columns(_spelled_alike(pl.col(_NAMES)))
    )
    lists = [_addresses(parties), _contact_points(parties), _identifiers(parties)]
    told = pl.concat([_names(folded), *lists], how="horizontal").with_columns(branch=_branch())
    return told.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


def words(names: pl.DataFrame) -> pl.DataFrame:
    """Return the words of names, as they are written and as they are compared.

    Args:
        names: columns of text, whatever they are called.

    Returns:
        The same columns of List[Struct{written, compared}]: folded, and in one spelling.
    """
    return _folded(names).select(
        pl.all()
        .str.extract_all(r"[a-z0-9]+")
        .list.eval(pl.struct(written=pl.element(), compared=_spelled_alike(pl.element())))
    )


_NAMES = (
    "given_name",
    "family_name",
    "organisation_name",
    "birth_place",
    "occupation",
)


_FOREIGN = r"[^\x00-\x7F]"


def _folded(texts: pl.DataFrame) -> pl.DataFrame:
    """Return lower-case ASCII text: accents dropped, ligatures spelled out, other scripts as code points."""
    plain = texts.select(pl.all().str.to_lowercase().str.normalize("NFKD").str.replace_all(r"\p{M}", ""))
    foreign = plain.select(pl.all().str.contains(_FOREIGN).any()).row(0, named=True)
    return plain.with_columns(_spelled_out(plain[name]) for name, found in foreign.items() if found)


def _spelled_out(texts: pl.Series) -> pl.Series:
    foreign = texts.filter(texts.str.contains(_FOREIGN)).unique()
    return texts.replace(foreign, pl.Series([_spell(text) for text in foreign], dtype=pl.String))


def _spell(text: str) -> str:
    """Spell out letters that have no ASCII base; a letter of another script becomes letters that stand for it."""
    known = _letters()
    return "".join(char if char.isascii() else known[char] if char in known else _letters_of(char) for char in text)


@cache
def _letters() -> dict[str, str]:
    """Return letters without an ASCII base → how they are written in ASCII."""
    return {letter: "".join(written) for letter, written in _entries(_packaged("letters"))}


def _letters_of(char: str) -> str:
    if not char.isalpha():
        return " "
    name = unicodedata.name(char, "")
    last = name.rpartition(" ")[2].lower()
    return last if last.isascii() and last.isalpha() else f"{ord(char):x}".translate(_CONSONANTS)


_CONSONANTS = str.maketrans("0123456789abcdef", "bcdfghklmnpqrstv")
"""Letters that stand for hexadecimal digits: none of which ``_spelled_alike`` takes two for one."""


def _spelled_alike(text: pl.Expr) -> pl.Expr:
    """Return folded text with one way to write what many write in two: Müller is Mueller, Århus Aarhus, Dijk Dyk.

    Folding drops the dots, rings and strokes, so what is written for them goes as well, in names of any language.
    """
    return (
        text.str.replace_all(r"([aou])e", "${1}")
        .str.replace_all("aa", "a", literal=True)
        .str.replace_all("ij", "y", literal=True)
    )


def _key(parties: pl.DataFrame) -> pl.Series:
    """Hash (data_source, record_id) to 64 bits, the same on every machine and in every release."""
    named = parties.select(pl.concat_str("data_source", pl.lit("\x1f"), "record_id")).to_series()
    return content.digest(named).reinterpret(signed=False).rename("key")


# --- names -----------------------------------------------------------------------------------------------------


def _names(parties: pl.DataFrame) -> pl.DataFrame:
    """Return key, party type, name, and the other plain features."""
    given = _tokens("given_name", pl.col("given_name"), drop=_words("honorifics"))
    family = _tokens(
        "family_name", pl.col("family_name"), drop=_words("honorifics") | _words("infixes"), keep_last=True
    )
    spelled = pl.col("organisation_name").str.replace_all(r"[.'\u2019]", "")
    branch = rf"\b(?:{'|'.join(sorted(_words('branches')))})\b"
    whole = spelled.str.replace(rf"{branch}.*$", "")
    organisation = _tokens(
        "organisation_name",
        pl.when(whole.str.contains("[a-z0-9]")).then(whole).otherwise(spelled),
        drop=_words("organisation_fillers") | _legal_forms().keys(),
        keep_last=True,
        pattern=_NOT_LETTERS_OR_DIGITS,
    )
    frame = parties.with_columns(
        given_tokens=given,
        family_tokens=family,
        organisation_tokens=organisation,
        legal_form=spelled.str.extract(rf"\b({'|'.join(sorted(_legal_forms()))})\b"),
        branch=spelled.str.extract(rf"[a-z0-9].*?{branch}(.*)$"),
    )
    longer = pl.col("given_tokens").list.eval(pl.element().filter(pl.element().str.len_bytes() > 1))
    first = pl.col("given_tokens").list.first()
    given_name = pl.when(first.str.len_bytes() > 1).then(first)
    initials = pl.col("initials").str.replace_all(_NOT_LETTERS, "")
    is_organisation = (pl.col("party_type") == "organisation") | (
        pl.col("party_type").is_null() & pl.col("organisation_name").is_not_null() & pl.col("family_name").is_null()
    )
    return frame.select(
        "record_no",
        "key",
        "data_source",
        party_type=pl.when(is_organisation).then(pl.lit("organisation")).otherwise(pl.lit("person")),
        given=given_name,
        given_roots=_roots(given_name),
        given_names=_set(longer),
        initials=pl.when(initials.str.len_bytes() > 1).then(initials),
        first_letters=_set(pl.concat_list(first.str.slice(0, 1), _text(initials.str.slice(0, 1)))),
        family=_text(pl.col("family_tokens").list.join("")),
        family_parts=_set("family_tokens"),
        gender=pl.when(pl.col("gender").is_in(["male", "female"])).then(pl.col("gender")),
        birth_date=pl.col("birth_date").dt.strftime("%Y%m%d"),
        birth_place=_text(pl.col("birth_place").str.replace_all(_NOT_LETTERS, "")),
        occupation=_text(pl.col("occupation").str.replace_all(_NOT_LETTERS, "")),
        organisation=_text(pl.col("organisation_tokens").list.join("")),
        organisation_words=_set("organisation_tokens"),
        legal_form=pl.col("legal_form").replace(_legal_forms()),
        branch=_text(pl.col("branch").str.replace_all(_NOT_LETTERS_OR_DIGITS, "")),
        organisation_tokens="organisation_tokens",
    )


def _branch() -> pl.Expr:
    """Return which branch a name means: what follows a word for it, else a number, else the record's own city."""
    words = pl.col("organisation_tokens")
    numbers = words.list.eval(pl.element().filter(pl.element().str.contains(r"^\d+$")))  # "Bakkerij 12"
    last = words.list.last()
    own_city = (words.list.len() > 1) & pl.col("cities").list.contains(last)
    return pl.coalesce(
        "branch",
        pl.when((numbers.list.len() > 0) & (numbers.list.len() < words.list.len())).then(numbers.list.join("")),
        pl.when(own_city).then(last),
    )


def _tokens(
    name: str, text: pl.Expr, *, drop: Iterable[str], keep_last: bool = False, pattern: str = _NOT_LETTERS
) -> pl.Expr:
    """Split folded text into words without those of ``drop``; ``keep_last`` keeps all when none would remain."""
    words = text.str.replace_all(pattern, " ").str.strip_chars().str.split(" ")
    kept = words.list.eval(pl.element().filter(~pl.element().is_in(sorted(drop)) & (pl.element() != "")))
    if keep_last:
        kept = (
            pl.when(kept.list.len() > 0).then(kept).otherwise(words.list.eval(pl.element().filter(pl.element() != "")))
        )
    return kept.alias(name)


def _text(text: pl.Expr) -> pl.Expr:
    """Make an empty text null."""
    return pl.when(text != "").then(text)


def _set(values: str | pl.Expr) -> pl.Expr:
    """Sort a list, drop nulls and duplicates, and make an empty list null."""
    column = pl.col(values) if isinstance(values, str) else values
    distinct = column.list.drop_nulls().list.unique().list.sort()
    return pl.when(distinct.list.len() > 0).then(distinct)


def _packaged(name: str) -> list[str]:
    """Return the lines of a packaged list as they are written; lines that start with # are comments."""
    text = resources.files("identity").joinpath("data", f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _as_in_names(lines: list[str]) -> pl.Series:
    return pl.DataFrame({"line": lines}).select(_spelled_alike(pl.col("line"))).to_series()


def _entries(lines: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Take lines ``word: word word …`` apart."""
    for line in lines:
        first, _, others = line.partition(":")
        yield first, others.split()


@cache
def _words(name: str) -> frozenset[str]:
    """Return a packaged word list, as names hold the words."""
    return frozenset(word for line in _as_in_names(_packaged(name)) for word in line.split())


@cache
def _legal_forms() -> dict[str, str]:
    """Return every way to write a legal form → the form. The packaged lines are ``form: written written …``."""
    lines = _packaged("legal_forms")
    forms: dict[str, str] = {}
    for (form, _), (spelled, written) in zip(_entries(lines), _entries(_as_in_names(lines)), strict=True):
        forms |= dict.fromkeys((spelled, *written), form)
    return forms


def _roots(given: pl.Expr) -> pl.Expr:
    """Return the names that a given name may stand for, itself included."""
    return given.replace(*_nicknames()).str.split(" ")


@cache
def _nicknames() -> tuple[pl.Series, pl.Series]:
    """Return forms, and for each the names it may stand for, itself included, sorted and joined by a space.

    The packaged lines are ``full: short short …``.
    """
    roots: dict[str, set[str]] = {}
    for full, short in _entries(_as_in_names(_packaged("nicknames"))):
        for name in (full, *short):
            roots.setdefault(name, {name}).add(full)
    return pl.Series([*roots]), pl.Series([" ".join(sorted(names)) for names in roots.values()])


# --- lists -----------------------------------------------------------------------------------------------------

_ZIP_PLUS_FOUR = r"^\s*(\d{5})-\d{4}\s*$"
"""A ZIP code of the United States with the four digits that most leave out."""
_NUMBERS = (r"^(\d+)() [a-z]", r"[a-z].* (\d+) ?([a-z]?)$", r"[a-z](\d+)([a-z]?)$", r"^(\d+)([a-z]?) [a-z]")
"""Where the house number stands in a street that holds it: before the name, or behind it."""
_STREET = 3
"""Letters of the name of a street that stand for it: what comes after is abbreviated and misspelt."""


def _addresses(parties: pl.DataFrame) -> pl.DataFrame:
    """Return postcodes, areas, addresses, cities and the month of the newest address of every party."""
    parts = _exploded(parties, "addresses")
    folded = _folded(
        parts.select(
            "street",
            "city",
            "house_number",
            "house_number_suffix",
            pl.col("postcode").str.replace(_ZIP_PLUS_FOUR, "${1}"),
        )
    )
    compact = pl.col("house_number", "house_number_suffix", "postcode"), _spelled_alike(pl.col("city"))
    parts = parts.select("position", "valid_from").hstack(
        folded.select(
            *(_text(text.str.replace_all(_NOT_LETTERS_OR_DIGITS, "")) for text in compact),
            written=_spelled_alike(pl.col("street")).str.replace_all(_NOT_LETTERS_OR_DIGITS, " ").str.strip_chars(),
        )
    )
    parts = parts.with_columns(
        street=_tokens(
            "street",
            pl.col("written"),
            drop=_words("streets") | _words("infixes") | frozenset(string.ascii_lowercase),
            keep_last=True,
        ),
    )
    street = _text(pl.col("street").list.join(""))
    number = pl.coalesce(
        pl.concat_str("house_number", pl.col("house_number_suffix").fill_null("")),
        *(pl.concat_str(pl.col("written").str.extract(pattern, group) for group in (1, 2)) for pattern in _NUMBERS),
    )
    # A postcode with letters (NL, GB, CA, IE …) is that of a few doors; one of digits that of a whole town or quarter.
    doors = pl.col("postcode").str.contains("[a-z]")
    parts = parts.with_columns(
        address=pl.coalesce(
            pl.when(doors | street.is_null()).then(pl.concat_str(pl.col("postcode"), pl.lit(":"), number)),
            pl.concat_str(pl.col("postcode"), pl.lit(":"), number, pl.lit(":"), street.str.head(_STREET)),
            pl.concat_str(street, pl.lit(":"), number, pl.lit(":"), pl.col("city")),
            pl.when(doors).then(pl.concat_str(pl.col("postcode"), pl.lit(":"), street)),  # a house may have a name
        ),
        area=pl.when(pl.col("postcode").str.len_bytes() > 4).then(pl.col("postcode").str.head(-2)),
    )
    since = pl.col("valid_from")
    months = since.dt.year().cast(pl.Int64) * 12 + since.dt.month().cast(pl.Int64)
    newest = parts.group_by("position").agg(address_since=months.max().cast(pl.String))
    lists = _gathered(
        parties, parts, {"postcodes": "postcode", "areas": "area", "addresses": "address", "cities": "city"}
    )
    return lists.with_columns(_placed(parties, newest)["address_since"])


def _contact_points(parties: pl.DataFrame) -> pl.DataFrame:
    """Return phones and e-mail addresses of every party."""
    phones = _exploded(parties, "phones").with_columns(pl.col("number").str.replace_all(r"[^0-9+]", ""))
    emails = _exploded(parties, "emails").with_columns(pl.col("address").str.strip_chars())
    emails = emails.with_columns(_folded(emails.select("address")))
    return pl.concat(
        [_gathered(parties, phones, {"phones": "number"}), _gathered(parties, emails, {"emails": "address"})],
        how="horizontal",
    )


def _identifiers(parties: pl.DataFrame) -> pl.DataFrame:
    """Return IBANs, national ids, registrations and other identifiers of every party."""
    parts = _exploded(parties, "identifiers")
    parts = parts.with_columns(_folded(parts.select("value"))).with_columns(
        _text(pl.col("value").str.to_uppercase().str.replace_all(r"[\s.\-/]", ""))
    )
    qualified = pl.concat_str("type", pl.lit(":"), "value")
    kind = pl.col("type")
    registers = kind.is_in(REGISTRATION_TYPES) & qualified.is_not_null()
    others = ~kind.is_in(["iban", "national_id", *REGISTRATION_TYPES]) & qualified.is_not_null()
    parts = parts.select(
        "position",
        iban=pl.when(kind == "iban").then("value"),
        national_id=pl.when(kind == "national_id").then("value"),
        registration=pl.when(registers).then(qualified),
        registration_type=pl.when(registers).then(kind),
        identifier=pl.when(others).then(qualified),
        identifier_type=pl.when(others).then(kind),
    )
    return _gathered(
        parties,
        parts,
        {
            "ibans": "iban",
            "national_ids": "national_id",
            "registrations": "registration",
            "registration_types": "registration_type",
            "identifiers": "identifier",
            "identifier_types": "identifier_type",
        },
    )


def _exploded(parties: pl.DataFrame, column: str) -> pl.DataFrame:
    """Return the structs of a list column, one per row, with the ``position`` of their party."""
    return parties.select(pl.col(column)).with_row_index("position").explode(column).drop_nulls(column).unnest(column)


def _gathered(parties: pl.DataFrame, parts: pl.DataFrame, columns: dict[str, str]) -> pl.DataFrame:
    """Return one row per party with, for each new column, the sorted distinct values of a column of ``parts``."""
    lists = parts.group_by("position").agg(
        pl.col(source).drop_nulls().unique().sort().alias(name) for name, source in columns.items()
    )
    return _placed(parties, lists).select(
        pl.when(pl.col(name).list.len() > 0).then(pl.col(name)).alias(name) for name in columns
    )


def _placed(parties: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """Return one row per party, with its ``position`` and what ``values`` holds for that."""
    positions = pl.DataFrame({"position": pl.int_range(parties.height, dtype=pl.UInt32, eager=True)})
    return positions.join(values, on="position", how="left", maintain_order="left")
