"""Every operation by example: what goes in, with which parameters, and what comes out or fails."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from stdnum import iban as stdnum_iban

from transform.operation import Combining, Operation
from transform.operations import LIBRARY, OPERATIONS
from transform.operations.contact import EMAIL, parsed, plain_spelling
from transform.operations.identifiers import validated


class Failed:
    """What comes out where a value could not be used: null, and counted."""

    def __repr__(self) -> str:
        return "FAILED"


FAILED = Failed()
CONTEXT = {
    "timezone": "Europe/Amsterdam",
    "code_tables": {"gender": {"M": "male", "V": "female", "O": None}, "yes": {"J": True, "N": False}},
}


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]


def local(*parts: int) -> datetime:
    return utc(*parts).replace(tzinfo=None)


def made(name: str, parameters: dict[str, Any] | None = None) -> Operation:
    return OPERATIONS[name].model_validate(parameters or {}, context=CONTEXT)


def applied(operation: Operation, values: pl.Series) -> list[Any]:
    """Return what an operation makes of a column, with FAILED where a value was there and could not be used."""
    type_ = values.dtype
    assert operation.refuses(type_) is None
    prepared = values.alias("value").to_frame().with_columns(operation.prepare(pl.col("value"), type_))
    result = prepared.select(operation.apply(pl.col("value"), type_).alias("value")).to_series()
    assert result.dtype == operation.output(type_)
    if not operation.can_fail(type_):
        return result.to_list()
    failed = prepared.get_column("value").is_not_null() & result.is_null()
    return [FAILED if fails else value for fails, value in zip(failed, result.to_list(), strict=True)]


def column(*values: Any) -> pl.Series:
    """Return values as the column that a source gives; text when nothing else is known."""
    if any(isinstance(value, list) for value in values):
        numbers = any(isinstance(part, int) for value in values for part in value or ())
        return pl.Series(values, dtype=pl.List(pl.Int64 if numbers else pl.String))
    return pl.Series(values, dtype=pl.String if all(value is None for value in values) else None)


CASES: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("trim", {}, "  a b ", "a b"),
    ("trim", {}, None, None),
    ("squeeze", {}, "  a \t b\n", "a b"),
    ("upper", {}, "straße", "STRASSE"),
    ("lower", {}, "ÉÉN", "één"),
    ("title_case", {}, "DEN HAAG", "Den Haag"),
    ("title_case", {"language": "nl"}, "CAPELLE AAN DEN IJSSEL", "Capelle aan den IJssel"),
    ("title_case", {"language": "nl"}, "'S-HERTOGENBOSCH", "'s-Hertogenbosch"),
    ("title_case", {"language": "nl"}, "'t harde", "'t Harde"),
    ("replace", {"find": ".", "put": ""}, "1.234.5", "12345"),
    ("regex_replace", {"pattern": r"(\d)-(\d)", "put": "${2}${1}"}, "1-2", "21"),
    ("regex_extract", {"pattern": r"^(\d+)"}, "12a", "12"),
    ("regex_extract", {"pattern": r"(a)(b)", "group": 2}, "ab", "b"),
    ("regex_extract", {"pattern": r"^(\d+)"}, "a", FAILED),
    ("regex_extract", {"pattern": r"^(\d+)"}, "  ", None),
    ("slice", {"start": 1, "length": 4}, "1234AB", "1234"),
    ("slice", {"start": 5}, "1234AB", "AB"),
    ("slice", {"start": -2}, "1234AB", "AB"),
    ("pad", {"length": 4}, "7", "0007"),
    ("pad", {"length": 3, "with": " ", "side": "right"}, "ab", "ab "),
    ("pad", {"length": 4}, " ", None),
    ("strip_leading_zeros", {}, "00070", "70"),
    ("strip_leading_zeros", {}, "0000", "0"),
    ("strip_leading_zeros", {}, "A007", "A007"),
    ("digits", {}, "06-12 34", "061234"),
    ("split", {"by": ";"}, "a;b", ["a", "b"]),
    ("split", {"by": ";", "part": 2}, "a;b", "b"),
    ("split", {"by": ";", "part": -1}, "a;b;c", "c"),
    ("split", {"by": ";", "part": 4}, "a;b", None),
    ("split", {"by": ";"}, "", None),
    ("join", {"separator": "-"}, ["a", None, " ", "b"], "a-b"),
    ("join", {"separator": "-", "complete": True}, ["a", None], None),
    ("join", {"separator": "-"}, [1, 2], "1-2"),
    ("join", {}, [], None),
    ("coalesce", {}, "a", "a"),
    ("default", {"value": "x"}, None, "x"),
    ("default", {"value": "x"}, "  ", "x"),
    ("default", {"value": "x"}, "a", "a"),
    ("default", {"value": False}, pl.Series([None], dtype=pl.Boolean), False),
    ("default", {"value": date(2000, 1, 1)}, pl.Series([None], dtype=pl.Date), date(2000, 1, 1)),
    ("null_if", {"values": ["-", "0"]}, " - ", None),
    ("null_if", {"values": 0}, 0, None),
    ("null_if", {"values": "9999-12-31"}, date(9999, 12, 31), None),
    ("null_if", {"values": ["-"]}, "a", "a"),
    ("code_table", {"table": "gender"}, " M ", "male"),
    ("code_table", {"table": "gender"}, "O", None),
    ("code_table", {"table": "gender"}, "X", FAILED),
    ("code_table", {"table": "gender"}, "m", FAILED),
    ("code_table", {"table": "gender", "ignore_case": True}, "m", "male"),
    ("code_table", {"table": "gender", "otherwise": "other"}, "X", "other"),
    ("code_table", {"table": "gender", "otherwise": "other"}, "", None),
    ("code_table", {"table": "yes"}, "J", True),
    ("code_table", {"table": {"1": "one"}}, 1, "one"),
    ("code_table", {"table": {"1": "one"}}, 1.0, "one"),
    ("code_table", {"table": {"true": "yes"}}, True, "yes"),
    ("parse_date", {"formats": "%d-%m-%Y"}, " 31-01-1970", date(1970, 1, 31)),
    ("parse_date", {"formats": ["%d-%m-%Y", "%Y%m%d"]}, "19700131", date(1970, 1, 31)),
    ("parse_date", {"formats": "%Y%m%d"}, 19700131, date(1970, 1, 31)),
    ("parse_date", {"formats": "%Y%m%d"}, "00000000", FAILED),
    ("parse_date", {"formats": "%d-%m-%Y"}, "31-02-1970", FAILED),
    ("parse_date", {"formats": "%d-%m-%Y"}, "01-02-70", FAILED),  # the year 70 is no year
    ("parse_date", {"formats": "%d-%m-%Y"}, "01-02--203", FAILED),
    ("parse_date", {"formats": "%d-%m-%Y"}, "", None),
    ("parse_date", {"formats": ["%d-%m-%Y", "%d-%m-%y"], "pivot": 30}, "01-02-70", date(1970, 2, 1)),
    ("parse_date", {"formats": "%d%m%y", "pivot": 30}, "010230", date(2030, 2, 1)),
    ("parse_date", {"formats": "%d%m%y", "pivot": 30}, "010231", date(1931, 2, 1)),
    ("parse_date", {"formats": "%d%m%y", "pivot": 75}, "290272", date(2072, 2, 29)),
    ("parse_date", {"formats": "%d%m%y", "pivot": 0}, "290204", date(1904, 2, 29)),
    ("parse_date", {"formats": "%d-%m-%Y"}, date(1970, 1, 31), date(1970, 1, 31)),
    ("parse_date", {"formats": "%d-%m-%Y"}, local(1970, 1, 31, 23, 30), date(1970, 1, 31)),
    ("parse_date", {"formats": "%d-%m-%Y"}, utc(2026, 7, 1, 23, 30), date(2026, 7, 2)),
    ("parse_datetime", {"formats": "%Y-%m-%d %H:%M:%S"}, "2026-07-01 12:00:00", utc(2026, 7, 1, 10)),
    ("parse_datetime", {"formats": "%Y-%m-%d %H.%M.%S.%f"}, "2026-01-01 12.00.00.5", utc(2026, 1, 1, 11, 0, 0, 500000)),
    ("parse_datetime", {"formats": "%Y-%m-%dT%H:%M:%S%z"}, "2026-07-01T12:00:00+05:00", utc(2026, 7, 1, 7)),
    ("parse_datetime", {"formats": "%Y-%m-%dT%H:%M:%S%z"}, "2026-07-01T12:00:00Z", utc(2026, 7, 1, 12)),
    ("parse_datetime", {"formats": "%d-%m-%Y"}, "01-07-2026", utc(2026, 6, 30, 22)),
    ("parse_datetime", {"formats": "%Y-%m-%d %H:%M"}, "2026-03-29 02:30", utc(2026, 3, 29, 1, 30)),  # skipped hour
    ("parse_datetime", {"formats": "%Y-%m-%d %H:%M"}, "2026-10-25 02:30", utc(2026, 10, 25, 0, 30)),  # first of two
    ("parse_datetime", {"formats": "%Y-%m-%d %H:%M"}, "2026-10-25 25:30", FAILED),
    ("parse_datetime", {"formats": "%Y-%m-%d %H:%M"}, local(2026, 1, 1, 12), utc(2026, 1, 1, 11)),
    ("parse_datetime", {"formats": "%Y-%m-%d %H:%M"}, utc(2026, 1, 1, 12), utc(2026, 1, 1, 12)),
    ("parse_datetime", {"formats": "%Y-%m-%d %H:%M"}, date(2026, 1, 2), utc(2026, 1, 1, 23)),
    ("decimal", {}, "12.5", Decimal("12.50")),
    ("decimal", {"separator": ",", "thousands": "."}, "1.234.567,89", Decimal("1234567.89")),
    ("decimal", {"separator": ",", "thousands": "."}, "1234567,8", Decimal("1234567.80")),
    ("decimal", {"separator": ",", "thousands": "."}, "1.5", FAILED),  # not fifteen
    ("decimal", {"separator": ","}, "12,50-", Decimal("-12.50")),
    ("decimal", {"separator": ","}, "- 12,5", Decimal("-12.50")),
    ("decimal", {}, "1e5", FAILED),
    ("decimal", {}, "abc", FAILED),
    ("decimal", {}, 12.345, Decimal("12.34")),
    ("decimal", {"scale": 0}, "2.6", Decimal(3)),
    ("integer", {}, " 0042 ", 42),
    ("integer", {}, "42-", -42),
    ("integer", {}, Decimal("42.00"), 42),
    ("integer", {}, "4.2", FAILED),
    ("phone", {"region": "NL"}, "06-12345678", "+31612345678"),
    ("phone", {"region": "NL"}, "+31 (0)6 12345678", "+31612345678"),
    ("phone", {"region": "NL"}, "0032 470 12 34 56", "+32470123456"),
    ("phone", {"region": "NL"}, 612345678, "+31612345678"),
    ("phone", {"region": "NL"}, "n/a", FAILED),
    ("phone", {"region": "NL"}, "0600000000", FAILED),
    ("phone", {"region": "NL"}, " ", None),
    ("phone", {"region": "US"}, "(201) 555-0123", "+12015550123"),
    ("email", {}, " Jan.Jansen@Example.NL ", "jan.jansen@example.nl"),
    ("email", {}, "jan@münchen.de", "jan@münchen.de"),
    ("email", {}, "jan+nieuws@sub.example.co.uk", "jan+nieuws@sub.example.co.uk"),
    ("email", {}, "jan..jansen@example.nl", FAILED),
    ("email", {}, "jan@example", FAILED),
    ("email", {}, "jan@-example.nl", FAILED),
    ("email", {}, "geen", FAILED),
    ("email", {}, "j" * 65 + "@example.nl", FAILED),
    ("iban", {}, "nl91 abna 0417 1643 00", "NL91ABNA0417164300"),
    ("iban", {}, "NL91ABNA0417164301", FAILED),
    ("iban", {}, "BE31435411161155", "BE31435411161155"),
    ("iban", {}, "MT84MALT011000012345MTLCAST001S", "MT84MALT011000012345MTLCAST001S"),
    ("iban", {}, "0417164300", FAILED),
    ("stdnum", {"number": "nl.bsn"}, "1112.22.333", "111222333"),
    ("stdnum", {"number": "nl.bsn"}, "111222334", FAILED),
    ("stdnum", {"number": "nl.btw"}, "NL4495445B01", "004495445B01"),
    ("kvk", {}, "12 34.56 78", "12345678"),
    ("kvk", {}, "123456780000", "12345678"),
    ("kvk", {}, "1234567", FAILED),
    ("dutch_postcode", {}, "1234ab", "1234 AB"),
    ("dutch_postcode", {}, "NL-1234  AB", "1234 AB"),
    ("dutch_postcode", {}, "0123AB", FAILED),
    ("dutch_postcode", {}, "1234SS", FAILED),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parameters", "value", "expected"), CASES)
def test_operation(name: str, parameters: dict[str, Any], value: Any, expected: Any) -> None:
    values = value if isinstance(value, pl.Series) else column(value)
    assert applied(made(name, parameters), values) == [expected]


def test_every_operation_has_a_case() -> None:
    assert {operation.name for operation in LIBRARY} - {name for name, *_ in CASES} == {
        "dutch_person_name",  # have tables of their own, below
        "dutch_address_line",
    }


@pytest.mark.parametrize("operation", LIBRARY, ids=lambda operation: operation.name)
def test_every_operation_takes_columns_without_values(operation: type[Operation]) -> None:
    parameters = next((parameters for name, parameters, *_ in CASES if name == operation.name), {})
    one = made(operation.name, parameters)
    assert applied(one, pl.Series([], dtype=pl.String)) == []
    assert applied(one, column(None, None)) == (
        [parameters["value"]] * 2 if operation.name == "default" else [None, None]
    )


NAMES = [
    ("Jansen, J.P. van der", {"initials": "J.P.", "infix": "van der", "family_name": "Jansen"}),
    ("dhr. drs. J. Vries", {"title": "drs.", "initials": "J.", "family_name": "Vries", "gender": "male"}),
    ("van den Berg-Jansen", {"infix": "van den", "family_name": "Berg-Jansen"}),
    ("VAN DEN BERG, A. (ANNA)", {"initials": "A.", "given_name": "Anna", "infix": "van den", "family_name": "Berg"}),
    ("Jan Peter Bakker MSc", {"title": "MSc", "given_name": "Jan Peter", "family_name": "Bakker"}),
    ("Jan Peter de Vries", {"given_name": "Jan Peter", "infix": "de", "family_name": "Vries"}),
    ("J.P.M. (Jan) de Vries", {"initials": "J.P.M.", "given_name": "Jan", "infix": "de", "family_name": "Vries"}),
    ("VRIES, DE, J.", {"initials": "J.", "infix": "de", "family_name": "Vries"}),
    ("van der Berg, Jan", {"given_name": "Jan", "infix": "van der", "family_name": "Berg"}),
    ("Jansen Bakker, Jan", {"given_name": "Jan", "family_name": "Jansen Bakker"}),
    ("J. Jansen Bakker", {"initials": "J.", "family_name": "Jansen Bakker"}),
    ("JAN DE VRIES", {"given_name": "Jan", "infix": "de", "family_name": "Vries"}),
    ("Anna Jansen - van der Berg", {"given_name": "Anna", "family_name": "Jansen-van der Berg"}),
    ("JANSEN-VAN DER BERG, A.", {"initials": "A.", "family_name": "Jansen-van der Berg"}),
    ("prof.dr. Th.M. IJsbrandy MSc", {"title": "prof. dr. MSc", "initials": "Th.M.", "family_name": "IJsbrandy"}),
    ("JP de Vries", {"initials": "J.P.", "infix": "de", "family_name": "Vries"}),
    ("Jansen, JPM", {"initials": "J.P.M.", "family_name": "Jansen"}),
    ("mevr. A. in 't Veld", {"initials": "A.", "infix": "in 't", "family_name": "Veld", "gender": "female"}),
    ("Mw. El Idrissi, F.", {"initials": "F.", "infix": "el", "family_name": "Idrissi", "gender": "female"}),
    ("de Vries J", {"initials": "J.", "infix": "de", "family_name": "Vries"}),
    ("j p van den berg", {"initials": "J.P.", "infix": "van den", "family_name": "Berg"}),
    ("Bergen, A.M. van", {"initials": "A.M.", "infix": "van", "family_name": "Bergen"}),
    ("O'Neill, Mary", {"given_name": "Mary", "family_name": "O'Neill"}),
    ("Heer, J. de", {"initials": "J.", "infix": "de", "family_name": "Heer"}),
    ("ij. de boer", {"initials": "IJ.", "infix": "de", "family_name": "Boer"}),
    ("Özgür Çelik", {"given_name": "Özgür", "family_name": "Çelik"}),
    ("Jansen", {"family_name": "Jansen"}),
    (", Jansen ,", {"family_name": "Jansen"}),
    ("..", {"family_name": ".."}),
    (" , ", None),
    ("", None),
    (None, None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_dutch_person_name(name: str | None, expected: dict[str, str] | None) -> None:
    (found,) = applied(made("dutch_person_name"), column(name))
    assert (found and {part: value for part, value in found.items() if value}) == expected


LINES = [
    ("Dorpsstraat 12-a hs", ("Dorpsstraat", "12", "A HS")),
    ("Dorpsstraat 12", ("Dorpsstraat", "12", None)),
    ("Dorpsstraat12a", ("Dorpsstraat", "12", "A")),
    ("1e Dorpsstraat 12", ("1e Dorpsstraat", "12", None)),
    ("2e Jan van der Heijdenstraat 45-3", ("2e Jan van der Heijdenstraat", "45", "3")),
    ("Plein 1940-1945 12", ("Plein 1940-1945", "12", None)),
    ("Laan van 1940 12 bis", ("Laan van 1940", "12", "BIS")),
    ("Postbus 123", ("Postbus", "123", None)),
    ("'s-Gravelandseweg 258 A-2", ("'s-Gravelandseweg", "258", "A 2")),
    ("Hoofdstraat, 5", ("Hoofdstraat", "5", None)),
    ("Kade 100 II", ("Kade", "100", "II")),
    ("Dorpsstraat", ("Dorpsstraat", None, None)),
    ("12 Main Street", ("12 Main Street", None, None)),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_dutch_address_line(line: str | None, expected: tuple[str | None, ...] | None) -> None:
    (found,) = applied(made("dutch_address_line"), column(line))
    assert (found and tuple(found.values())) == expected


@given(st.lists(st.one_of(st.text(max_size=40), st.sampled_from([name for name, _ in NAMES if name])), max_size=8))
@settings(max_examples=60)
def test_a_name_with_letters_always_gives_a_name(names: list[str]) -> None:
    found = applied(made("dutch_person_name"), column(*names)) if names else []
    for name, parts in zip(names, found, strict=True):
        if any(letter.isalpha() for letter in name):
            assert any(parts[part] for part in ("initials", "given_name", "family_name", "infix", "title", "gender")), (
                name
            )


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("parse_date", {"formats": ["%d-%m-%y"]}, "pivot"),
    ("parse_date", {"formats": ["%d-%m"]}, "year, month and day"),
    ("parse_date", {"formats": ["%Q"]}, "%Q"),
    ("parse_date", {"formats": ["%Y-%m-%d %H:%M:%S%f"]}, "fraction"),
    ("phone", {"region": "XX"}, "unknown region"),
    ("stdnum", {"number": "nl.bns"}, "did you mean 'nl.bsn'"),
    ("stdnum", {"number": "../etc"}, "unknown number"),
    ("code_table", {"table": "gendre"}, "did you mean 'gender'"),
    ("code_table", {"table": {"a": "x", "b": True}}, "either texts or booleans"),
    ("regex_extract", {"pattern": "abc"}, "no group 1"),
    ("regex_replace", {"pattern": "(?=a)", "put": ""}, "not a regular expression"),
    ("slice", {"start": 0}, "counted from 1"),
    ("split", {"by": ";", "part": 0}, "counted from 1"),
    ("decimal", {"separator": ",", "thousands": ","}, "the same"),
    ("title_case", {"language": "xx"}, "nl"),
]


@pytest.mark.parametrize(("name", "parameters", "said"), WRONG)
def test_wrong_parameters_are_refused(name: str, parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        made(name, parameters)
    assert said in str(raised.value)


def test_local_times_need_a_time_zone() -> None:
    with pytest.raises(ValidationError, match="time zone"):
        OPERATIONS["parse_datetime"].model_validate({"formats": "%Y-%m-%d"}, context={})


REFUSED = [
    ("trim", pl.List(pl.String())),
    ("parse_date", pl.Boolean()),
    ("decimal", pl.Date()),
    ("phone", pl.Struct({"a": pl.String()})),
    ("default", pl.List(pl.String())),
]


@pytest.mark.parametrize(("name", "type_"), REFUSED)
def test_types_that_make_no_sense_are_refused(name: str, type_: pl.DataType) -> None:
    parameters = next(parameters for case, parameters, *_ in CASES if case == name)
    assert made(name, parameters).refuses(type_)


def test_combining_takes_the_first_that_is_there() -> None:
    operation = made("coalesce")
    assert isinstance(operation, Combining)
    frame = pl.DataFrame({"a": [" ", None, "x"], "b": ["y", None, "z"]})
    chosen = frame.select(operation.combine([pl.col("a"), pl.col("b")], [pl.String(), pl.String()]))
    assert chosen.to_series().to_list() == ["y", None, "x"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (2.5, "2.5"),
        (float("nan"), None),
        (Decimal("12.00"), "12"),
        (Decimal("12.50"), "12.50"),
        (True, "true"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(3, 4), "03:04:00"),
        (local(2026, 1, 2, 3), "2026-01-02T03:00:00"),
        (utc(2026, 1, 2, 3, 4, 5, 6), "2026-01-02T03:04:05.000006Z"),
    ],
)
def test_text_of_other_types(value: Any, text: str | None) -> None:
    (found,) = applied(made("trim"), column(value))
    assert found == text


SPELLINGS = (
    "",
    "0",
    "0 ",
    "0/",
    "(0)",
    "+{cc}",
    "+{cc}-",
    "+{cc}(0)",
    "+{cc} (0)",
    "00{cc}",
    "00{cc} (0)",
    "+49 0",
    "+43",
)


@pytest.mark.parametrize(("region", "code"), [("NL", 31), ("BE", 32), ("DE", 49), ("FR", 33)])
def test_the_short_way_for_phones_agrees_with_the_library(region: str, code: int) -> None:
    chance = random.Random(region)
    starts = ["6", "20", "30", "70", "800", "900", "88", "85", "14", "116", "4", "1", "9", "151", "049", "066"]
    numbers = []
    for _ in range(3_000):
        body = chance.choice(["", *starts]) + "".join(chance.choices("0123456789", k=chance.randint(3, 11)))
        number = chance.choice(SPELLINGS).format(cc=code) + body
        if chance.random() < 0.4:
            place = chance.randrange(len(number))
            number = number[:place] + chance.choice([" ", "-", "/", "(", ")", ".", " (0) ", "+"]) + number[place:]
        numbers.append(number)
    plain = plain_spelling(pl.col("number"), region)
    assert plain is not None
    short = pl.DataFrame({"number": numbers}).select(plain).to_series().to_list()
    pairs = zip(numbers, short, strict=True)
    disagreeing = [number for number, found in pairs if found not in (None, parsed(number, region))]
    assert disagreeing == []
    assert sum(found is not None for found in short) > 50  # it does settle some


IBANS = (
    *("NL91ABNA0417164300", "BE31435411161155", "GR1601101050000010547023795", "DE89370400440532013000"),
    *("MT84MALT011000012345MTLCAST001S", "GB29NWBK60161331926819", "ES9121000418450200051332"),
)


@given(st.sampled_from(IBANS), st.integers(0, 30), st.sampled_from(["", *"0123456789ABXZ -.é"]), st.integers(0, 1))
@settings(max_examples=150)
def test_iban_agrees_with_python_stdnum(number: str, place: int, put: str, taken: int) -> None:
    changed = number[:place] + put + number[place + taken :]
    assert applied(made("iban"), column(changed)) == [validated(stdnum_iban, changed) or FAILED]


def test_the_email_form_is_shared_with_the_check_of_the_field() -> None:
    assert column("a@b.nl", "a@b", "@b.nl", "a b@c.nl").str.contains(EMAIL).to_list() == [True, False, False, False]
