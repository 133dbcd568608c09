"""Expressions over the fields of a record: the condition under which a segment holds, the length of a record.

``KIND = 'A' || in(KIND, 'B', null)``, ``LENGTH * 2 + 4``, ``if(COUNT > 5, 100, 20)``. Values are whole numbers, texts
in single quotes (a quote inside is doubled), ``true``, ``false`` and ``null``; operators from the loosest to the
tightest: ``||``, ``&&``, ``= != < <= > >=``, ``+ -``, ``* /``, ``!`` and the sign. The name of a field is written with
``_`` for ``-``, and may be preceded by ``@``. The language is that of Cobrix's rules and record length expressions,
so that they can be taken over as they are.

``null`` equals ``null`` and nothing else; it is neither before nor after anything, and arithmetic with it gives null.
A number with decimals counts by its whole part; ``/`` drops the remainder, and dividing by zero gives null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from foundation.errors import ConfigurationError, Problem

_TOKEN = re.compile(
    r"\s+|@?(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)|(?P<number>\d+)"
    r"|'(?P<text>(?:[^']|'')*)'|(?P<symbol>&&|\|\||!=|<=|>=|[-+*/=<>!(),])"
)
_LARGEST = 2**63 - 1

Datum: TypeAlias = pa.Array  # a value per record; or a scalar, one for all
Kind = Literal["number", "text", "truth", "null"]
_Evaluate = Callable[[Mapping[str, pa.Array]], Datum]


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression."""

    text: str
    names: tuple[str, ...]  # of the fields it needs, as written, each once
    _evaluate: _Evaluate

    def evaluate(self, values: Mapping[str, pa.Array], count: int) -> pa.Array:
        """Return the value for each of ``count`` records: int64, string or bool, or the null type.

        Args:
            values: the column of each of ``names``; integers, decimals, floats, strings or booleans.
            count: records, which tells how long the answer is where no field is named.

        Raises:
            ConfigurationError: a text is compared with a number, or calculated with.
        """
        try:
            result = self._evaluate({name: _operand(values[name]) for name in self.names})
        except _Mismatch as error:
            raise _problem(self.text, str(error)) from None
        if isinstance(result, pa.Scalar):
            return pa.repeat(result, count) if result.is_valid else pa.nulls(count, result.type)
        return result

    def holds(self, values: Mapping[str, pa.Array], count: int) -> pa.BooleanArray:
        """Return for which records the condition is true; null counts as false.

        Raises:
            ConfigurationError: it is no condition but a number or a text, or types do not fit.
        """
        result = self.evaluate(values, count)
        if _kind(result) != "truth":
            raise _problem(self.text, "it is no condition", "compare with =, !=, <, <=, >, >= or in(…)")
        return pc.fill_null(result, False)


def parse(text: str) -> Expression:
    """Return the expression that ``text`` says.

    Raises:
        ConfigurationError: it cannot be read; tells at which character, and what was expected.
    """
    parser = _Parser(text)
    evaluate = parser.alternative()
    parser.end()
    return Expression(text, tuple(dict.fromkeys(parser.names)), evaluate)


class _Mismatch(Exception):
    """Values of types that do not go together."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: Literal["name", "number", "text", "symbol", "end"]
    value: str
    position: int  # in the text, from 0


class _Parser:
    """Recursive descent, one method for each level of precedence."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split()
        self._next = 0
        self.names: list[str] = []

    def alternative(self) -> _Evaluate:
        return self._chain(self._conjunction, {"||": _either})

    def _conjunction(self) -> _Evaluate:
        return self._chain(self._comparison, {"&&": _both})

    def _comparison(self) -> _Evaluate:
        return self._chain(self._sum, _COMPARISONS)

    def _sum(self) -> _Evaluate:
        return self._chain(self._product, {"+": _arithmetic(pc.add), "-": _arithmetic(pc.subtract)})

    def _product(self) -> _Evaluate:
        return self._chain(self._unary, {"*": _arithmetic(pc.multiply), "/": _arithmetic(_divide)})

    def _chain(self, operand: Callable[[], _Evaluate], operators: Mapping[str, _Operator]) -> _Evaluate:
        """Return operands joined by any of the operators, from left to right."""
        left = operand()
        while (operator := operators.get(self._symbol())) is not None:
            self._next += 1
            left = _joined(operator, left, operand())
        return left

    def _unary(self) -> _Evaluate:
        if self._take("!"):
            return _applied(_negation, self._unary())
        if self._take("-"):
            return _applied(_minus, self._unary())
        return self._primary()

    def _primary(self) -> _Evaluate:
        token = self._tokens[self._next]
        if self._take("("):
            inner = self.alternative()
            self._expect(")")
            return inner
        self._next += 1
        if token.kind == "number" and int(token.value) <= _LARGEST:
            return _constant(int(token.value))
        if token.kind == "text":
            return _constant(token.value)
        if token.kind == "name":
            return self._word(token)
        self._next -= 1
        raise self._unexpected("a value")

    def _word(self, token: _Token) -> _Evaluate:
        word = token.value.lower()
        if self._symbol() == "(":
            return self._call(word, token)
        if word in _CONSTANTS:
            return _constant(_CONSTANTS[word])
        self.names.append(token.value)
        return lambda values: values[token.value]

    def _call(self, function: str, token: _Token) -> _Evaluate:
        self._expect("(")
        arguments = [self.alternative()]
        while self._take(","):
            arguments.append(self.alternative())
        self._expect(")")
        if function == "in" and len(arguments) >= 2:
            return _member(*arguments)
        if function == "if" and len(arguments) == 3:
            return _choice(*arguments)
        needs = {"in": "at least 2 arguments", "if": "exactly 3 arguments"}.get(function)
        raise self._error(
            token.position,
            f"'{token.value}' needs {needs}" if needs else f"there is no function '{token.value}'",
            None if needs else "use in(value, one, another…) or if(condition, value, other)",
        )

    def _split(self) -> list[_Token]:
        tokens: list[_Token] = []
        position = 0
        while position < len(self._text):
            match = _TOKEN.match(self._text, position)
            if match is None:
                raise self._error(
                    position, f"'{self._text[position]}' cannot stand here", _remedy(self._text[position])
                )
            for kind in ("name", "number", "text", "symbol"):
                if match[kind] is not None:
                    value = match[kind].replace("''", "'") if kind == "text" else match[kind]
                    tokens.append(_Token(kind, value, position))
            position = match.end()
        tokens.append(_Token("end", "", len(self._text)))
        return tokens

    def end(self) -> None:
        if self._tokens[self._next].kind != "end":
            raise self._unexpected("an operator or the end")

    def _symbol(self) -> str:
        token = self._tokens[self._next]
        return token.value if token.kind == "symbol" else ""

    def _take(self, symbol: str) -> bool:
        taken = self._symbol() == symbol
        self._next += taken
        return taken

    def _expect(self, symbol: str) -> None:
        if not self._take(symbol):
            raise self._unexpected(f"'{symbol}'")

    def _unexpected(self, expected: str) -> ConfigurationError:
        token = self._tokens[self._next]
        found = f"'{token.value}'" if token.kind != "end" else "the end"
        return self._error(token.position, f"expected {expected}, found {found}")

    def _error(self, position: int, message: str, remedy: str | None = None) -> ConfigurationError:
        return _problem(self._text, f"{message} at character {position + 1}", remedy)


def _remedy(character: str) -> str | None:
    return {
        "&": "write && for 'and'",
        "|": "write || for 'or'",
        "'": "close the text with a single quote",
        '"': "put texts in single quotes",
    }.get(character)


def _problem(text: str, message: str, remedy: str | None = None) -> ConfigurationError:
    return ConfigurationError(Problem(message=f"expression '{text}': {message}", remedy=remedy))


# What the operators do. Constants stay scalars, which Arrow broadcasts.
_Operator = Callable[[Datum, Datum], Datum]
_CONSTANTS = {"null": None, "true": True, "false": False}


def _kind(value: Datum) -> Kind:
    if pa.types.is_null(value.type):
        return "null"
    if pa.types.is_boolean(value.type):
        return "truth"
    return "text" if pa.types.is_string(value.type) else "number"


def _operand(column: pa.Array) -> pa.Array:
    """Return the column as whole numbers, texts, truth values or nulls."""
    kind = column.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        whole = pc.trunc(column)
        fits = pc.less_equal(pc.abs(whole.cast(pa.float64())), float(_LARGEST))
        return pc.if_else(fits, whole, pa.scalar(None, whole.type)).cast(pa.int64(), safe=False)
    return column.cast(pa.int64()) if pa.types.is_integer(kind) else column


def _constant(value: int | str | bool | None) -> _Evaluate:
    return lambda _: pa.scalar(value)  # only now: where pandas is installed, the first one imports it for a second


def _joined(operator: _Operator, left: _Evaluate, right: _Evaluate) -> _Evaluate:
    return lambda values: operator(left(values), right(values))


def _applied(operator: Callable[[Datum], Datum], operand: _Evaluate) -> _Evaluate:
    return lambda values: operator(operand(values))


def _truth(value: Datum) -> Datum:
    if _kind(value) not in ("truth", "null"):
        raise _Mismatch(f"a {_kind(value)} is no condition")
    return value.cast(pa.bool_())


def _number(value: Datum) -> Datum:
    if _kind(value) not in ("number", "null"):
        raise _Mismatch(f"cannot calculate with a {_kind(value)}")
    return value.cast(pa.int64())


def _both(left: Datum, right: Datum) -> Datum:
    return pc.and_kleene(_truth(left), _truth(right))


def _either(left: Datum, right: Datum) -> Datum:
    return pc.or_kleene(_truth(left), _truth(right))


def _negation(value: Datum) -> Datum:
    return pc.invert(_truth(value))


def _minus(value: Datum) -> Datum:
    return pc.negate(_number(value))


def _arithmetic(operator: _Operator) -> _Operator:
    return lambda left, right: operator(_number(left), _number(right))


def _divide(left: Datum, right: Datum) -> Datum:
    return pc.divide(left, pc.if_else(pc.equal(right, 0), pa.scalar(None, pa.int64()), right))


def _equal(left: Datum, right: Datum) -> Datum:
    """Return where both are the same; null is the same as null."""
    kinds = {_kind(left), _kind(right)}
    if len(kinds - {"null"}) > 1:
        raise _Mismatch(f"cannot compare a {_kind(left)} with a {_kind(right)}")
    both_null = pc.and_(pc.is_null(left), pc.is_null(right))
    if "null" in kinds:
        return both_null
    return pc.or_(pc.fill_null(pc.equal(left, right), False), both_null)


def _ordered(operator: _Operator) -> _Operator:
    def compare(left: Datum, right: Datum) -> Datum:
        kinds = {_kind(left), _kind(right)} - {"null"}
        if len(kinds) > 1 or "truth" in kinds:
            raise _Mismatch(f"cannot compare a {_kind(left)} with a {_kind(right)}")
        kind = pa.string() if kinds == {"text"} else pa.int64()
        return pc.fill_null(operator(left.cast(kind), right.cast(kind)), False)

    return compare


_COMPARISONS: dict[str, _Operator] = {
    "=": _equal,
    "!=": lambda left, right: pc.invert(_equal(left, right)),
    "<": _ordered(pc.less),
    "<=": _ordered(pc.less_equal),
    ">": _ordered(pc.greater),
    ">=": _ordered(pc.greater_equal),
}


def _member(value: _Evaluate, *options: _Evaluate) -> _Evaluate:
    """Return where the value equals one of the options; one of another type equals nothing."""

    def evaluate(values: Mapping[str, pa.Array]) -> Datum:
        wanted = value(values)
        found: Datum = pa.scalar(False)
        for option in options:
            candidate = option(values)
            if "null" in (_kind(wanted), _kind(candidate)) or _kind(wanted) == _kind(candidate):
                found = pc.or_(found, _equal(wanted, candidate))
        return found

    return evaluate


def _choice(condition: _Evaluate, yes: _Evaluate, no: _Evaluate) -> _Evaluate:
    def evaluate(values: Mapping[str, pa.Array]) -> Datum:
        chosen, otherwise = yes(values), no(values)
        kinds = {_kind(chosen), _kind(otherwise)} - {"null"}
        if len(kinds) > 1:
            raise _Mismatch(f"'if' cannot give a {_kind(chosen)} or a {_kind(otherwise)}")
        return pc.if_else(pc.fill_null(_truth(condition(values)), False), chosen, otherwise)

    return evaluate
