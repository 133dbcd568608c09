"""Comparisons: how alike two records are in one respect, as an integer level.

A comparison is a list of levels tried in order; the first whose condition holds is the pair's level. Level 0 is
*missing*: one of the records does not tell, which proves nothing and weighs nothing. The last level is *other*:
both tell, and nothing before it held.

Conditions are small values that are written as DuckDB SQL (bulk) and as Python (a pair in process), so that both give
the same level. They hold only positive tests: a null makes a test false, never unknown.

A comparison's Python is put together and compiled once: a tenth of the time of closures that call one another, and
levels are most of what matching one change costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, cast

from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler

Value = str | Sequence[str] | None
Record = Mapping[str, Value]
Side = Callable[[str], str]
"""Writes a column of one side of the pair: in SQL ``lambda column: f"l.{column}"``."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A positive test on a pair of records, symmetric in its sides."""

    sql: Callable[[Side, Side], str]  # writes it as a DuckDB expression; null counts as false
    python: Callable[[Side, Side], str]  # writes it as a Python expression of type bool, that may use ``NAMES``
    read: frozenset[str] = frozenset()  # columns of which it reads the text; of others it asks only what is the same


_ROUNDING: Final = 1e-12
"""What a similarity may fall short of a threshold: DuckDB and rapidfuzz round differently, 0.92 to 0.9199999999999999.
No other similarity of texts of less than a hundred characters comes as near to one of the thresholds."""
_CROSSED: Final = 0.8
"""Similarity of the other two names from which two names that are crossed are a swap, not a coincidence."""


def same(column: str) -> Condition:
    """Both tell, and tell the same."""
    return Condition(
        sql=lambda left, right: f"{left(column)} = {right(column)}",
        python=lambda left, right: f"{left(column)} == {right(column)} is not None",
    )


def crossed(first: str, second: str) -> Condition:
    """One side's ``first`` is the other side's ``second``, and what it has beside it does not contradict that.

    A son Peter Thomas and a father Thomas Johnson have one name in common, but not crossed.
    """

    def sql(left: Side, right: Side) -> str:
        def one_way(one: Side, other: Side) -> str:
            alike = f"jaro_winkler_similarity({one(second)}, {other(first)}) >= {_CROSSED - _ROUNDING}"
            rest = f"{one(second)} IS NULL OR {other(first)} IS NULL OR {alike}"
            return f"({one(first)} = {other(second)} AND ({rest}))"

        return f"({one_way(left, right)} OR {one_way(right, left)})"

    def python(left: Side, right: Side) -> str:
        def one_way(one: Side, other: Side) -> str:
            alike = f"jaro_winkler({one(second)}, {other(first)}) >= {_CROSSED - _ROUNDING}"
            rest = f"{one(second)} is None or {other(first)} is None or {alike}"
            return f"({one(first)} == {other(second)} is not None and ({rest}))"

        return f"({one_way(left, right)} or {one_way(right, left)})"

    return Condition(sql=sql, python=python, read=frozenset([first, second]))


def similar(column: str, at_least: float) -> Condition:
    """The texts have at least so much Jaro-Winkler similarity."""
    return Condition(
        sql=lambda left, right: f"jaro_winkler_similarity({left(column)}, {right(column)}) >= {at_least - _ROUNDING}",
        python=_on_texts(column, lambda left, right: f"jaro_winkler({left}, {right}) >= {at_least - _ROUNDING}"),
        read=frozenset([column]),
    )


def one_edit(column: str) -> Condition:
    """The texts are at most one insertion, deletion, substitution or swap of neighbours apart."""
    return Condition(
        sql=lambda left, right: _near_sql(left(column), right(column)),
        python=_on_texts(column, lambda left, right: f"damerau_levenshtein({left}, {right}) <= 1"),
        read=frozenset([column]),
    )


def same_part(column: str, start: int, length: int) -> Condition:
    """The same characters stand from ``start`` (0-based) in both texts."""

    def sql(left: Side, right: Side) -> str:
        part = f"substr({{}}, {start + 1}, {length})"
        return f"{part.format(left(column))} = {part.format(right(column))}"

    part = f"[{start}:{start + length}]"
    python = _on_texts(column, lambda left, right: f"{left}{part} == {right}{part}")
    return Condition(sql=sql, python=python, read=frozenset([column]))


def day_month_swapped(column: str) -> Condition:
    """Two dates YYYYMMDD of one year, the day of each being the month of the other."""

    def sql(left: Side, right: Side) -> str:
        date = left(column)
        return f"substr({date}, 1, 4) || substr({date}, 7, 2) || substr({date}, 5, 2) = {right(column)}"

    return Condition(
        sql=sql,
        python=_on_texts(column, lambda left, right: f"{left}[:4] + {left}[6:8] + {left}[4:6] == {right}"),
        read=frozenset([column]),
    )


def shares(column: str) -> Condition:
    """The lists have a value in common."""
    return Condition(
        sql=lambda left, right: f"list_has_any({left(column)}, {right(column)})",
        python=lambda left, right: f"have_common({left(column)}, {right(column)})",
    )


def shares_nearly(column: str) -> Condition:
    """A value of one list is a value of the other but for one typing error, swapped neighbours included."""

    def sql(left: Side, right: Side) -> str:
        return (
            f"len(list_filter({left(column)}, lambda one:"
            f" len(list_filter({right(column)}, lambda other: {_near_sql('one', 'other')})) > 0)) > 0"
        )

    return Condition(
        sql=sql,
        python=lambda left, right: f"have_near({left(column)}, {right(column)})",
        read=frozenset([column]),
    )


def disjoint(column: str) -> Condition:
    """Both lists tell, and have no value in common."""
    return Condition(
        sql=lambda left, right: f"NOT list_has_any({left(column)}, {right(column)})",
        python=lambda left, right: (
            f"({left(column)} is not None and {right(column)} is not None"
            f" and not have_common({left(column)}, {right(column)}))"
        ),
    )


def years_apart(column: str, at_least: int) -> Condition:
    """Two months, as numbers in text, are at least so many years apart."""
    months = 12 * at_least
    return Condition(
        sql=lambda left, right: f"abs({left(column)}::INTEGER - {right(column)}::INTEGER) >= {months}",
        python=_on_texts(column, lambda left, right: f"abs(int({left}) - int({right})) >= {months}"),
        read=frozenset([column]),
    )


def absent(column: str) -> Condition:
    """At least one of the sides does not tell."""
    return Condition(
        sql=lambda left, right: f"({left(column)} IS NULL OR {right(column)} IS NULL)",
        python=lambda left, right: f"({left(column)} is None or {right(column)} is None)",
    )


def neither(column: str) -> Condition:
    """None of the sides tells."""
    return Condition(
        sql=lambda left, right: f"({left(column)} IS NULL AND {right(column)} IS NULL)",
        python=lambda left, right: f"({left(column)} is None and {right(column)} is None)",
    )


def all_of(*conditions: Condition) -> Condition:
    """Every condition holds."""
    return Condition(
        sql=lambda left, right: "(" + " AND ".join(one.sql(left, right) for one in conditions) + ")",
        python=lambda left, right: "(" + " and ".join(one.python(left, right) for one in conditions) + ")",
        read=_read_by(conditions),
    )


def any_of(*conditions: Condition) -> Condition:
    """At least one condition holds."""
    return Condition(
        sql=lambda left, right: "(" + " OR ".join(one.sql(left, right) for one in conditions) + ")",
        python=lambda left, right: "(" + " or ".join(one.python(left, right) for one in conditions) + ")",
        read=_read_by(conditions),
    )


def _read_by(conditions: Iterable[Condition]) -> frozenset[str]:
    return frozenset().union(*(one.read for one in conditions))


def _near_sql(one: str, other: str) -> str:
    """Write damerau_levenshtein(one, other) <= 1 at a twentieth of its time: hamming sorts nearly all out."""
    same_length = f"CASE WHEN hamming({one}, {other}) <= 2 THEN damerau_levenshtein({one}, {other}) <= 1 ELSE false END"
    return (
        f"CASE abs(strlen({one}) - strlen({other}))"
        f" WHEN 0 THEN {same_length} WHEN 1 THEN levenshtein({one}, {other}) <= 1 ELSE false END"
    )


def _on_texts(column: str, test: Callable[[str, str], str]) -> Callable[[Side, Side], str]:
    """Write a test of two texts as one of two records that is false when either does not tell."""

    def python(left: Side, right: Side) -> str:
        one, other = left(column), right(column)
        return f"({one} is not None and {other} is not None and {test(one, other)})"

    return python


def _have_common(one: Sequence[str] | None, other: Sequence[str] | None) -> bool:
    """Whether two short lists have a value in common."""
    if one is None or other is None:
        return False
    for value in one:  # noqa: SIM110 -- a generator takes twice as long, and this is called for every pair
        if value in other:
            return True
    return False


def _have_near(one: Sequence[str] | None, other: Sequence[str] | None) -> bool:
    """Whether a value of one list is at most one typing error away from a value of the other."""
    if one is None or other is None:
        return False
    for value in one:
        for near in other:
            if -1 <= len(value) - len(near) <= 1 and DamerauLevenshtein.distance(value, near, score_cutoff=1) <= 1:
                return True
    return False


NAMES: Final = {
    "have_near": _have_near,
    "jaro_winkler": JaroWinkler.similarity,
    "damerau_levenshtein": DamerauLevenshtein.distance,
    "have_common": _have_common,
}
"""What a condition's Python may call."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a comparison."""

    name: str
    condition: Condition | None = None  # None for the last level, which takes the rest
    missing: bool = False  # proves nothing: weight 0
    frequency: str | None = None  # the column of which the shared value's rarity counts instead of u


@dataclass(frozen=True)
class Comparison:
    """One respect in which two records are compared; a level's number is its position."""

    name: str
    levels: tuple[Level, ...]

    def sql(self, left: Side, right: Side) -> str:
        """Write the level as a DuckDB expression of type UTINYINT."""
        cases = " ".join(
            f"WHEN {level.condition.sql(left, right)} THEN {number}"
            for number, level in enumerate(self.levels)
            if level.condition is not None
        )
        return f"(CASE {cases} ELSE {len(self.levels) - 1} END)::UTINYINT"

    def tests(self, left: Side, right: Side) -> list[str]:
        """Write the tests of the levels but the last as Python, to be tried in order; they may use ``NAMES``."""
        return [level.condition.python(left, right) for level in self.levels if level.condition is not None]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The features that it looks at, in the order in which it does."""
        seen: dict[str, None] = {}

        def side(column: str) -> str:
            seen[column] = None
            return column

        self.tests(side, side)
        return tuple(seen)

    @cached_property
    def read(self) -> frozenset[str]:
        """The features of which it reads the text; of the others it asks only whether they are the same."""
        return _read_by(level.condition for level in self.levels if level.condition)

    @property
    def frequencies(self) -> tuple[str, ...]:
        """The features of which a shared value's rarity counts."""
        return tuple(level.frequency for level in self.levels if level.frequency)

    @cached_property
    def level(self) -> Callable[[Record, Record], int]:
        """The function that evaluates the level in process."""
        tests = self.tests(_python_left, _python_right)
        lines = [f" if {test}: return {number}" for number, test in enumerate(tests)]
        text = "\n".join(["def level(l, r):", *lines, f" return {len(tests)}"])
        names: dict[str, object] = dict(NAMES)
        exec(compile(text, f"<levels of {self.name}>", "exec"), names)  # noqa: S102 -- our own text
        return cast("Callable[[Record, Record], int]", names["level"])


_python_left, _python_right = 'l["{}"]'.format, 'r["{}"]'.format


def _missing(condition: Condition) -> Level:
    return Level("missing", condition, missing=True)


_OTHER = Level("other")


def _one_edit(column: str) -> Level:
    return Level("one_edit", shares_nearly(column))


def _shared(name: str, column: str, *levels: Level) -> Comparison:
    return Comparison(name, (_missing(absent(column)), Level("shared", shares(column)), *levels, _OTHER))


def _shared_of_a_type(name: str, column: str, types: str, *levels: Level) -> Comparison:
    """Compare values of the same types only: a loyalty card says nothing about a customer number."""
    missing = _missing(any_of(absent(column), disjoint(types)))
    return Comparison(name, (missing, Level("shared", shares(column)), *levels, _OTHER))


GIVEN_NAME = Comparison(
    "given_name",
    (
        # A lone name that is the other's family name says nothing about the given name.
        _missing(any_of(absent("first_letters"), all_of(crossed("given", "family"), absent("family")))),
        Level("same", same("given"), frequency="given"),
        Level("crossed", crossed("given", "family")),
        Level("nickname", shares("given_roots")),
        Level("another", shares("given_names")),
        Level("initials", same("initials")),
        Level("similar", similar("given", 0.9)),
        Level("initial", all_of(absent("given"), shares("first_letters"))),
        Level("first_letter", shares("first_letters")),
        _OTHER,
    ),
)
FAMILY_NAME = Comparison(
    "family_name",
    (
        Level("same", same("family"), frequency="family"),
        # A lone name. Two names that are swapped are one fact, which the given name tells.
        Level("crossed", all_of(crossed("family", "given"), any_of(absent("given"), absent("family")))),
        _missing(any_of(absent("family"), crossed("family", "given"))),
        Level("part", shares("family_parts")),
        Level("similar", similar("family", 0.92)),
        Level("alike", similar("family", 0.82)),
        _OTHER,
    ),
)
BIRTH_DATE = Comparison(
    "birth_date",
    (
        _missing(absent("birth_date")),
        Level("same", same("birth_date"), frequency="birth_date"),
        Level("swapped", day_month_swapped("birth_date")),
        Level("one_edit", one_edit("birth_date")),
        Level("same_year_and_month", same_part("birth_date", 0, 6)),
        Level("same_day", same_part("birth_date", 4, 4)),
        Level("same_year", same_part("birth_date", 0, 4)),
        _OTHER,
    ),
)
GENDER = Comparison("gender", (_missing(absent("gender")), Level("same", same("gender")), _OTHER))
BIRTH_PLACE = Comparison(
    "birth_place",
    (
        _missing(absent("birth_place")),
        Level("same", same("birth_place"), frequency="birth_place"),
        Level("similar", similar("birth_place", 0.9)),
        _OTHER,
    ),
)
OCCUPATION = Comparison(
    "occupation",
    (_missing(absent("occupation")), Level("same", same("occupation"), frequency="occupation"), _OTHER),
)
ADDRESS = Comparison(
    "address",
    (
        _missing(all_of(absent("postcodes"), absent("cities"))),
        Level("same", shares("addresses")),
        Level("postcode", shares("postcodes")),
        _one_edit("addresses"),  # of another postcode, so they are not neighbours
        Level("area", shares("areas")),
        Level("city", shares("cities")),
        Level("moved", years_apart("address_since", 2)),  # one of them is of a later time
        _OTHER,
    ),
)
PHONE = _shared("phone", "phones", _one_edit("phones"))
EMAIL = _shared("email", "emails", _one_edit("emails"))
IBAN = _shared("iban", "ibans", _one_edit("ibans"))
NATIONAL_ID = _shared("national_id", "national_ids", _one_edit("national_ids"))
REGISTRATION = _shared_of_a_type("registration", "registrations", "registration_types", _one_edit("registrations"))
IDENTIFIER = _shared_of_a_type("identifier", "identifiers", "identifier_types")
ORGANISATION = Comparison(
    "organisation",
    (
        _missing(absent("organisation")),
        Level("same", same("organisation"), frequency="organisation"),
        Level("similar", similar("organisation", 0.94)),
        Level("alike", all_of(similar("organisation", 0.86), shares("organisation_words"))),
        Level("word", shares("organisation_words")),
        _OTHER,
    ),
)
LEGAL_FORM = Comparison("legal_form", (_missing(absent("legal_form")), Level("same", same("legal_form")), _OTHER))
BRANCH = Comparison(
    "branch",
    (
        _missing(absent("organisation")),
        Level("neither_names", neither("branch")),  # tells something: of two branches one or both are named, as a rule
        Level("same", same("branch")),
        Level("one_names", absent("branch")),
        _OTHER,
    ),
)

COMPARISONS: Mapping[str, tuple[Comparison, ...]] = {
    "person": (
        GIVEN_NAME,
        FAMILY_NAME,
        BIRTH_DATE,
        GENDER,
        BIRTH_PLACE,
        OCCUPATION,
        ADDRESS,
        PHONE,
        EMAIL,
        IBAN,
        NATIONAL_ID,
        IDENTIFIER,
    ),
    "organisation": (ORGANISATION, LEGAL_FORM, BRANCH, REGISTRATION, ADDRESS, PHONE, EMAIL, IBAN, IDENTIFIER),
}
"""What is compared, by party type. Records of different types are never compared."""


def frequencies(comparisons: Iterable[Comparison]) -> list[str]:
    """Return the features of which a shared value's rarity counts in some comparisons, sorted."""
    return sorted({name for one in comparisons for name in one.frequencies})


@dataclass(frozen=True)
class Veto:
    """Levels that together say that two records are never one party, whatever else speaks for it."""

    name: str
    levels: Mapping[str, frozenset[str]]  # by comparison: any of these

    def places(self, party_type: str) -> list[tuple[int, frozenset[int]]]:
        """Return the places of the comparisons, and the numbers of their levels."""
        return [
            (place, frozenset(number for number, level in enumerate(one.levels) if level.name in self.levels[one.name]))
            for place, one in enumerate(COMPARISONS[party_type])
            if one.name in self.levels
        ]


def _veto(name: str, **levels: str) -> Veto:
    return Veto(name, {comparison: frozenset(names.split()) for comparison, names in levels.items()})


_ANOTHER_DATE: Final = "other same_year same_day same_year_and_month"

VETOES: Mapping[str, tuple[Veto, ...]] = {
    "person": (
        _veto("another national id, name and birth date", national_id="other", given_name="other", birth_date="other"),
        _veto("another name, birth date and gender", given_name="other", birth_date="other", gender="other"),
        _veto(
            "a man and a woman of other names on one phone",
            gender="other",
            given_name="other",
            phone="shared",
            birth_date=f"missing {_ANOTHER_DATE}",
        ),
    ),
    "organisation": (),
}
"""By party type. Strict, because copies wear: measured on known pairs of one person, none of these rules out more than
one in ten thousand, where conflicting national ids alone do so for one in seven of FEBRL's."""
