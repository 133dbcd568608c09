"""Dutch names of persons, address lines and postcodes; column-wise by regular expressions."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from transform.operation import TextOperation
from transform.operations.text import dutch_title_case
from transform.types import Type, stripped

_MALE = r"de heer|dhr|hr|heer"
_FEMALE = r"mevrouw|mevr|mejuffrouw|mej|mw"
_TITLE = r"prof|drs|dr|ir|ing|mr|bc|ds|jhr|jkvr"
_DEGREE = r"MSc|BSc|MA|BA|LLM|LLB|PhD|MBA"
_INFIX = (
    r"(?i:(?:van|von|in|op|uit|aan|bij|onder|over|voor|de|te)(?: (?:den|der|dem|de|het|la|le|'t|\u2019t|'s))?"
    r"|den|der|het|'t|\u2019t|ter|ten|la|le|les|du|da|das|dos|di|del|della|el|zu|zur|zum|d'|d\u2019)"
)
"""Tussenvoegsels: prepositions with or without an article, articles, and the common foreign ones."""
_GLUE = "\x1f"  # keeps the parts of a double name together: Jansen-van der Berg is one word
_INITIAL = r"(?:\p{L}{1,3}\.|\p{L} )"
_LAST_INITIALS = r"(?:\p{L}{1,3}\. ?)*(?:\p{L}{1,3}\.|\p{L})"

_SALUTATION = rf"(?i)^(?:(?:{_MALE}|{_FEMALE})(?:\. ?| ))+"
_TITLES = rf"(?i)^(?:(?:{_TITLE})(?:\. ?| ))+"
_DEGREES = rf",? ((?:(?:{_DEGREE})\.?(?:,? |$))+)$"
_IN_READING_ORDER = (  # de Vries J.P. | J.P. van der Berg | J.P. Jansen Bakker | Jan Peter Jansen
    r"^(?:"
    rf"(?:(?P<infix_1>{_INFIX}) )?(?P<family_1>\p{{L}}{{2}}[^. ]*) (?P<initials_1>{_LAST_INITIALS})"
    rf"|(?P<initials_2>(?:{_INITIAL} ?)*)(?P<given_2>(?:[^ ]+ )*?)(?P<infix_2>{_INFIX}) (?P<family_2>.+)"
    rf"|(?P<initials_3>(?:{_INITIAL} ?)+)(?P<family_3>.+)"
    r"|(?P<given_4>(?:[^ ]+ )*)(?P<family_4>[^ ]+)"
    r")$"
)
_FAMILY_FIRST = rf"^(?:(?P<infix_5>{_INFIX}) )?(?P<family_5>.+)$"  # before the comma
_REST = (  # behind it: J.P. van der | van der, J.P. | Jan
    rf"^(?:(?P<infix_6>{_INFIX})(?: |$))?"
    rf"(?P<initials_6>(?:{_INITIAL} ?)*)(?P<given_6>(?:[^ ]+(?: |$))*?)(?P<infix_7>{_INFIX})?$"
)
_RUN_OF_INITIALS = r"^(\p{Lu}{2}|[B-DF-HJ-NP-TV-XZ]{3,4})(?: |$)"  # JP, JPM: two capitals, or more without a vowel

PERSON_NAME = pl.Struct(
    dict.fromkeys(("title", "initials", "given_name", "infix", "family_name", "gender"), pl.String())
)


class DutchPersonName(TextOperation):
    """Takes a person's name apart, in reading order or family name first; what is left is the family name.

    The title keeps academic ones and degrees (``prof. dr.``, ``MSc``); a salutation (``dhr.``, ``mw.``) only tells
    the gender. A name wholly in capitals or small letters is put in title case.
    """

    name: ClassVar[str] = "dutch_person_name"
    gives: ClassVar[Type] = PERSON_NAME

    def text(self, text: pl.Expr) -> pl.Expr:
        """Take apart."""
        single_spaced = text.str.replace_all(r"\s+", " ").str.strip_chars(" ,").replace("", None)
        return single_spaced.map_batches(_person_names, return_dtype=PERSON_NAME, is_elementwise=True)


def _person_names(names: pl.Series) -> pl.Series:
    """Take names apart; the frame gets the parts stage by stage."""
    name, comma = pl.col("name"), pl.col("comma")
    frame = (
        names.alias("name")
        .to_frame()
        .with_columns(called=name.str.extract(r"\(([^()]+)\)"), degrees=name.str.extract(_DEGREES))
        .with_columns(name.str.replace_all(r" ?\([^()]*\)", "").str.replace(_DEGREES, ""))
        .with_columns(comma=name.str.contains(".,"), mixed=name.str.contains(r"\p{Lu}\p{Ll}"))
        .with_columns(_glued(name), salutation=name.str.extract(_SALUTATION, 0))
        .with_columns(name.str.replace(_SALUTATION, ""))
        .with_columns(before=pl.when(comma).then(name.str.extract(r"^([^,]*),")))
        .with_columns(pl.when(comma).then(_without_commas(name)).otherwise(name))
        .with_columns(titles=name.str.extract(_TITLES, 0))
        .with_columns(name.str.replace(_TITLES, ""))
        .with_columns(_run_dotted(name, pl.col("mixed")))
        .with_columns(
            natural=pl.when(~comma).then(name).str.extract_groups(_IN_READING_ORDER),
            family=pl.col("before").str.extract_groups(_FAMILY_FIRST),
            rest=pl.when(comma).then(name).str.extract_groups(_REST),
        )
        .unnest("natural", "family", "rest")
    )
    chosen = frame.select(
        titles=stripped(pl.col("titles").str.to_lowercase().str.replace_all(r"[. ]+", ". ")),
        degrees=stripped(pl.col("degrees").str.replace_all(r"[., ]+", " ")),
        initials=_first("initials_1", "initials_2", "initials_3", "initials_6"),
        given_name=_first("called", "given_2", "given_4", "given_6").str.replace_all(_GLUE, " ", literal=True),
        infix=_first("infix_1", "infix_2", "infix_5", "infix_6", "infix_7").str.to_lowercase(),
        family_name=_first("family_1", "family_2", "family_3", "family_4", "family_5").str.replace_all(
            _GLUE, " ", literal=True
        ),
        female=pl.col("salutation").str.contains(rf"(?i){_FEMALE}"),
    )
    parts = chosen.select(
        title=pl.concat_str(["titles", "degrees"], separator=" ", ignore_nulls=True).replace("", None),
        initials=_dotted(pl.col("initials")),
        given_name=_cased(pl.col("given_name")),
        infix=pl.col("infix"),
        family_name=_cased(pl.col("family_name")),
        gender=pl.when("female").then(pl.lit("female")).when(~pl.col("female")).then(pl.lit("male")),
    )
    unread = pl.all_horizontal(pl.col("initials", "given_name", "family_name").is_null())
    parts = parts.with_columns(family_name=pl.when(unread).then(names).otherwise("family_name"))
    return pl.select(pl.when(names.is_not_null()).then(parts.to_struct())).to_series()


def _glued(name: pl.Expr) -> pl.Expr:
    """Make one word of a double name: no spaces at its hyphen, and none behind an infix that follows it."""
    double = pl.when(name.str.contains("-", literal=True)).then(name).str.replace_all(r" ?- ?", "-")
    two = double.str.replace_all(r"-(\p{L}+) ((?i:den|der|de|het|'t)) ", f"-${{1}}{_GLUE}${{2}}{_GLUE}")
    return pl.coalesce(two.str.replace_all(rf"-({_INFIX}) ", f"-${{1}}{_GLUE}"), name)


def _without_commas(name: pl.Expr) -> pl.Expr:
    """Return what stands behind the first comma, with single spaces for the others."""
    return name.str.replace(r"^[^,]*,", "").str.replace_all(r"[ ,]+", " ").str.strip_chars()


def _run_dotted(name: pl.Expr, mixed: pl.Expr) -> pl.Expr:
    """Put dots in a run of initials (``JP de Vries``), where the name isn't in capitals as a whole."""
    run = pl.when(mixed).then(name.str.extract(_RUN_OF_INITIALS))
    rest = pl.when(run.is_not_null()).then(name).str.replace(_RUN_OF_INITIALS, " ")
    dotted = run.str.replace_all(r"(\p{Lu})", "${1}.") + rest
    return pl.coalesce(dotted, name).str.strip_chars()


def _first(*parts: str) -> pl.Expr:
    """Return the first part that is not blank."""
    return pl.coalesce(stripped(pl.col(part)) for part in parts)


def _dotted(initials: pl.Expr) -> pl.Expr:
    """Write initials as ``J.P.``, ``Th.M.``."""
    dotted = initials.str.replace_all(r"\.? +|\.", ".").str.strip_chars_end(".") + "."
    return dotted.str.to_titlecase().str.replace_all("Ij.", "IJ.", literal=True)


def _cased(name: pl.Expr) -> pl.Expr:
    """Put a name in title case when it is wholly in capitals or wholly in small letters."""
    one_case = pl.when(~name.str.contains(r"\p{Ll}") | ~name.str.contains(r"\p{Lu}")).then(name)
    capital = ["-Van ", "-De ", "-Den ", "-Der ", "-Ter ", "-Ten ", "-In ", "-Op ", "-'T "]
    titled = dutch_title_case(one_case).str.replace_many(capital, [word.lower() for word in capital])
    return pl.coalesce(titled, name)


ADDRESS_LINE = pl.Struct(dict.fromkeys(("street", "house_number", "house_number_suffix"), pl.String()))

_ADDRESS_LINE = (
    r"^(?P<street>.*?[^\d\s,].*?(?: 1[89]\d\d(?:-(?:1[89])?\d\d)?)?)"  # Plein 1945 12: the year is the street's
    r",? (?P<house_number>\d{1,5})"
    r"(?P<house_number_suffix>[ /-]{0,3}[\p{L}\d][\p{L}\d /.-]{0,14})?$"
)


class DutchAddressLine(TextOperation):
    """Takes an address line apart; a line that has no house number is all street.

    The suffix is written in capitals with single spaces (``12-a hs`` has suffix ``A HS``), so that sources agree.
    """

    name: ClassVar[str] = "dutch_address_line"
    gives: ClassVar[Type] = ADDRESS_LINE

    def text(self, text: pl.Expr) -> pl.Expr:
        """Take apart."""
        line = stripped(text.str.replace_all(r"\s+", " ").str.replace_all(r"(\p{L}{4})(\d)", "${1} ${2}"))
        return line.map_batches(_address_lines, return_dtype=ADDRESS_LINE, is_elementwise=True)


def _address_lines(lines: pl.Series) -> pl.Series:
    """Take lines apart."""
    frame = lines.alias("line").to_frame().with_columns(pl.col("line").str.extract_groups(_ADDRESS_LINE).alias("parts"))
    parts = frame.unnest("parts").select(
        street=pl.coalesce("street", "line"),
        house_number=pl.col("house_number"),
        house_number_suffix=stripped(pl.col("house_number_suffix").str.replace_all(r"[ /.-]+", " ").str.to_uppercase()),
    )
    return pl.select(pl.when(lines.is_not_null()).then(parts.to_struct())).to_series()


class DutchPostcode(TextOperation):
    """Writes a postcode as ``1234 AB``. SA, SD and SS are not in use."""

    name: ClassVar[str] = "dutch_postcode"
    reason: ClassVar[str | None] = "not_a_postcode"
    clean: ClassVar[bool] = True

    def text(self, text: pl.Expr) -> pl.Expr:
        """Check the form."""
        code = text.str.to_uppercase().str.replace(r"^(?:NL ?-? ?)?([1-9]\d{3})\s*([A-Z]{2})$", "${1} ${2}")
        return pl.when(code.str.contains(r"^[1-9]\d{3} (?:[A-RT-Z][A-Z]|S[BCE-RT-Z])$")).then(code)
