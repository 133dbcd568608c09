"""Conditions and lengths are read as Cobrix reads them, for all records at once."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mainframe import expressions
from foundation.errors import ConfigurationError


def evaluate(text: str, **values: object) -> object:
    columns = {name: pa.array([value]) for name, value in values.items()}
    return expressions.parse(text).evaluate(columns, 1).to_pylist()[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 4", 6),
        ("10 * (2 + 5) * 3", 210),
        ("10 * 2 / (6 / 3)", 10),
        ("7 / 2", 3),
        ("(0 - 7) / 2", -3),
        ("1 / 0", None),
        ("-3 + 5", 2),
        ("null + 1", None),
        ("10 - 2 - 3", 5),
        ("'It''s' = 'It''s'", True),
        ("'abc' != 'def'", True),
        ("'xyz' > 'abc'", True),
        ("'' = ''", True),
        ("null = null", True),
        ("NULL != null", False),
        ("5 != null", True),
        ("5 > null", False),
        ("in(5, 1, 5, 10)", True),
        ("in('Y', 'A', 5, null)", False),
        ("in(null, 'A', null)", True),
        ("if(3 > 2, if(1 = 2, 5, 6), 7)", 6),
        ("if(in('B', 'A', 'B'), 'yes', 'no')", "yes"),
        ("!!(1 = 1)", True),
        ("1 = 0 || 2 = 2 && 3 = 0", False),
        ("TRUE && !false", True),
    ],
)
def test_constants(text: str, value: object):
    assert evaluate(text) == value


def test_fields_for_all_records_at_once():
    expression = expressions.parse("STATUS = 'A' && (@AMOUNT > 100 || in(AMOUNT, null, 7))")
    assert expression.names == ("STATUS", "AMOUNT")
    values = {
        "STATUS": pa.array(["A", "A", "A", "A", "B", None]),
        "AMOUNT": pa.array([150, 7, None, 8, 150, 150], pa.int16()),
    }
    assert expression.holds(values, 6).to_pylist() == [True, True, True, False, False, False]


@pytest.mark.parametrize(
    ("value", "holds"), [(Decimal("1.1"), True), (Decimal("1.9"), True), (1.5, True), (None, False), (2, False)]
)
def test_numbers_count_by_their_whole_part(value: object, holds: bool):
    kind = pa.decimal128(3, 1) if value is None or isinstance(value, Decimal) else None
    assert expressions.parse("ID = 1").holds({"ID": pa.array([value], kind)}, 1).to_pylist() == [holds]


@given(st.integers(-99, 99), st.integers(-99, 99), st.integers(-99, 99))
def test_arithmetic_is_that_of_whole_numbers(a: int, b: int, c: int):
    assert evaluate("A + B * C - (A - B)", A=a, B=b, C=c) == a + b * c - (a - b)
    assert evaluate("A < B && B <= C || A = C", A=a, B=b, C=c) == ((a < b and b <= c) or a == c)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A & B", "expression 'A & B': '&' cannot stand here at character 3; write && for 'and'"),
        ("A = 'x", "expression 'A = 'x': ''' cannot stand here at character 5; close the text with a single quote"),
        ("A =", "expression 'A =': expected a value, found the end at character 4"),
        ("(A = 1", "expression '(A = 1': expected ')', found the end at character 7"),
        ("A B", "expression 'A B': expected an operator or the end, found 'B' at character 3"),
        ("in(A)", "expression 'in(A)': 'in' needs at least 2 arguments at character 1"),
        ("if(A, 1)", "expression 'if(A, 1)': 'if' needs exactly 3 arguments at character 1"),
        ("max(A, 1)", "expression 'max(A, 1)': there is no function 'max' at character 1; use in("),
        ("", "expression '': expected a value, found the end at character 1"),
    ],
)
def test_what_cannot_be_read_is_located(text: str, message: str):
    with pytest.raises(ConfigurationError) as caught:
        expressions.parse(text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A > 'x'", "cannot compare a number with a text"),
        ("A = 'x'", "cannot compare a number with a text"),
        ("'x' + 1 = 2", "cannot calculate with a text"),
        ("A && true", "a number is no condition"),
        ("A + 1", "it is no condition"),
        ("if(true, 1, 'x') = 1", "'if' cannot give a number or a text"),
    ],
)
def test_types_that_do_not_go_together(text: str, message: str):
    with pytest.raises(ConfigurationError, match=message):
        expressions.parse(text).holds({"A": pa.array([1])}, 1)
