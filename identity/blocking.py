"""Blocking: which pairs of records are worth comparing.

Records that share a key of any rule are candidates. A key is a hash of its rule and values, the same for many
records in DuckDB and for one in process. Two guards keep the number of pairs growing with the records, not their
square: keys that many parties had when the model was made, which belong to the model, so that more strangers change
nothing; and a ceiling on the live records of a key, for a model that its records have outgrown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from canonical_model.content import digest_of
from identity.comparison import Record

AT_MOST: Final = 12
"""Parties per key, when a model is made, as far as names and birth dates tell them apart. A customer may well have more
records than that, but two records with nothing in common but a value of so many parties are hardly one; what else they
share brings them together by another rule."""

OF_LITTLE: Final = 8
"""The same for the rules of records that tell little, which make most pairs of strangers. With half as many, recall on
historical_50k falls by .013; with half as many again it doesn't rise."""

CEILING: Final = 16
"""A key that more than this many times ``at_most`` live records carry makes no candidates, whatever the model says."""

MEMBERS: Final = 8_000_000
"""Members of blocks counted at a time: some 130 MB."""
PAIRS: Final = 4_000_000
"""Pairs of a piece of the records put in order at a time, repetitions included: some 200 MB."""

_SEPARATOR: Final = "\x1f"
"""Between the values of a key."""


@dataclass(frozen=True, slots=True)
class Part:
    """One value that records must share; a record may have several, or none."""

    sql: str  # DuckDB expression over the features of a record: VARCHAR, or VARCHAR[] of distinct values if ``many``
    many: bool
    values: Callable[[Record], Sequence[str]]  # the same in process; distinct
    repeating: str | None = None  # the same list, but with repetitions: to count parties by, in half the time


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which two records of a person or an organisation can come together."""

    name: str
    parts: tuple[Part, ...]  # a key needs a value of each; a record has the keys of all combinations
    at_most: int = AT_MOST  # parties per key, when a model is made: a key of more is common

    @property
    def ceiling(self) -> int:
        """How many live records a key may have to make candidates, with any model."""
        return CEILING * self.at_most


def text(column: str) -> Part:
    """The text of a feature."""

    def values(record: Record) -> Sequence[str]:
        value = record[column]
        return (value,) if isinstance(value, str) else ()

    return Part(column, many=False, values=values)


def start(column: str, length: int) -> Part:
    """The first characters of a text."""

    def values(record: Record) -> Sequence[str]:
        value = record[column]
        return (value[:length],) if isinstance(value, str) else ()

    return Part(f"substr({column}, 1, {length})", many=False, values=values)


def each(column: str) -> Part:
    """Each value of a list."""

    def values(record: Record) -> Sequence[str]:
        value = record[column]
        return () if value is None or isinstance(value, str) else value

    return Part(column, many=True, values=values)


def each_of(*columns: str) -> Part:
    """Each value of several lists."""
    first, *others = columns
    sql = first
    for column in others:  # ``list_distinct`` of all of them takes three times as long
        sql = (
            f"list_concat({sql}, list_filter({column}, lambda value: NOT coalesce(list_contains({sql}, value), false)))"
        )

    def values(record: Record) -> Sequence[str]:
        return list({value: None for column in columns for value in record[column] or ()})

    return Part(sql, many=True, values=values)


def start_of_each(length: int, *columns: str) -> Part:
    """The first characters of each value of several lists."""

    def values(record: Record) -> Sequence[str]:
        return list({value[:length]: None for column in columns for value in record[column] or ()})

    starts = f"[substr(value, 1, {length}) for value in {each_of(*columns).sql}]"
    return Part(f"list_distinct({starts})", many=True, values=values, repeating=starts)


def start_with_initial(length: int) -> Part:
    """The first characters of each given name with an initial of a family name, and the other way round.

    Names that are swapped give the same.
    """

    def values(record: Record) -> Sequence[str]:
        given, family, letters = (record[name] or () for name in ("given_names", "family_parts", "first_letters"))
        found = [one[:length] + letter for one in family for letter in letters]
        found += [one[:length] + other[:1] for one in given for other in family]
        return list(dict.fromkeys(found))

    of_family = f"flatten([[substr(one, 1, {length}) || letter for letter in first_letters] for one in family_parts])"
    of_given = (
        f"flatten([[substr(one, 1, {length}) || substr(other, 1, 1) for other in family_parts] for one in given_names])"
    )
    both = f"list_concat({of_family}, {of_given})"
    return Part(f"list_distinct({both})", many=True, values=values, repeating=both)


def sorted_pair(first: str, second: str) -> Part:
    """Two texts in the order of the alphabet: the same for records that hold them the other way round."""
    smaller, larger = f"least({first}, {second})", f"greatest({first}, {second})"

    def values(record: Record) -> Sequence[str]:
        one, other = record[first], record[second]
        return (_SEPARATOR.join(sorted((one, other))),) if isinstance(one, str) and isinstance(other, str) else ()

    return Part(
        f"CASE WHEN {first} IS NOT NULL AND {second} IS NOT NULL THEN {smaller} || chr(31) || {larger} END",
        many=False,
        values=values,
    )


_GIVEN = each("given_roots")
_FAMILY = text("family")
_NAMES = each_of("given_names", "family_parts")
_NAME_STARTS = start_of_each(3, "given_names", "family_parts")
_NAME_START_AND_INITIAL = start_with_initial(3)
_BIRTH_DATE = text("birth_date")
_BIRTH_YEAR = start("birth_date", 4)
_BIRTH_PLACE = text("birth_place")
_POSTCODES = each("postcodes")
_AREAS = each("areas")

# No two rules have one name: a key of a person is never that of an organisation, nor counted with it.
RULES: Mapping[str, tuple[Rule, ...]] = {
    "person": (
        Rule("phone", (each("phones"),)),
        Rule("email", (each("emails"),)),
        Rule("iban", (each("ibans"),)),
        Rule("national_id", (each("national_ids"),)),
        Rule("identifier", (each("identifiers"),)),
        Rule("full_name", (_GIVEN, _FAMILY)),
        Rule("full_name_crossed", (sorted_pair("given", "family"),)),
        Rule("name_start_initial_and_birth_date", (_NAME_START_AND_INITIAL, _BIRTH_DATE)),
        Rule("name_start_initial_and_postcode", (_NAME_START_AND_INITIAL, _POSTCODES)),
        Rule("name_start_and_address", (_NAME_STARTS, each("addresses"))),
        Rule("birth_date_and_postcode", (_BIRTH_DATE, _POSTCODES)),
        Rule("birth_date_and_place", (_BIRTH_DATE, _BIRTH_PLACE)),
        Rule("name_and_birth_place", (_NAMES, _BIRTH_PLACE)),
        Rule("family_name_initial_and_area", (_FAMILY, each("first_letters"), _AREAS)),
        Rule("given_name_place_and_year", (_GIVEN, _BIRTH_PLACE, _BIRTH_YEAR)),
        # For records that tell little.
        Rule("birth_place_and_area", (_BIRTH_PLACE, _AREAS), OF_LITTLE),
        Rule("postcode", (_POSTCODES,), OF_LITTLE),
        Rule("name_and_birth_year", (_NAMES, _BIRTH_YEAR), OF_LITTLE),
    ),
    "organisation": (
        Rule("organisation_registration", (each("registrations"),)),
        Rule("organisation_phone", (each("phones"),)),
        Rule("organisation_email", (each("emails"),)),
        Rule("organisation_iban", (each("ibans"),)),
        Rule("organisation_identifier", (each("identifiers"),)),
        Rule("organisation_name", (text("organisation"),)),
        Rule("organisation_name_start_and_area", (start("organisation", 4), _AREAS)),
        Rule("organisation_word_and_postcode", (each("organisation_words"), _POSTCODES)),
    ),
}


def keys(record: Record, party_type: str) -> dict[str, list[int]]:
    """Return the blocking keys of one record.

    Args:
        record: its features, generic values left out.
        party_type: of the record.

    Returns:
        By rule, of which the record has any: signed 64-bit hashes, distinct. What ``create_keys`` makes for it.
    """
    parts, rules = _PLANS[party_type]
    values = [part.values(record) for part in parts]
    found = {}
    for name, first, others in rules:
        texts = values[first]
        if not texts:  # most records tell nothing in some respects
            continue
        for place in others:
            texts = [f"{text}{_SEPARATOR}{value}" for value in values[place] for text in texts]
        if texts:
            found[name] = [digest_of(f"{name}{_SEPARATOR}{text}") for text in texts]
    return found


def _plan(rules: Sequence[Rule]) -> tuple[list[Part], list[tuple[str, int, list[int]]]]:
    """Return the distinct parts of rules, and by rule which of them it is made of: each is evaluated once a record."""
    parts = list(dict.fromkeys(part for rule in rules for part in rule.parts))
    places = [(rule.name, [parts.index(part) for part in rule.parts]) for rule in rules]
    return parts, [(name, first, others) for name, (first, *others) in places]


_PLANS: Final = {party_type: _plan(rules) for party_type, rules in RULES.items()}


def hash_sql(rule: Rule, values: Iterable[str]) -> str:
    """Write a key of a rule as a DuckDB expression, from expressions of the values of its parts; see ``keys``."""
    key = " || chr(31) || ".join([f"'{rule.name}'", *values])
    # md5_number_lower gives the same by way of a text, and takes four times as long.
    return f"(md5_number({key}) >> 64)::UBIGINT::BIT::BIGINT"


Key = Callable[[Rule, Iterable[str]], str]
"""Writes a key of a rule as a DuckDB expression of type BIGINT, from expressions of the values of its parts."""


def create_keys(
    connection: duckdb.DuckDBPyConnection, records: str, rules: Sequence[Rule], *, key: Key = hash_sql
) -> str:
    """Make the table of blocking keys.

    Args:
        connection: where the table ``records`` is.
        records: name of a table with ``i`` INTEGER (distinct) and the feature columns, generic values left out.
        rules: blocking rules.
        key: how to make keys; those that are not made by ``hash_sql`` are nobody else's.

    Returns:
        Name of the new table: ``i``, ``hash`` BIGINT, ``rule`` UTINYINT (place in ``rules``); no row twice.
    """
    table = create_table(connection, "blocking_key")
    add_keys(connection, records, rules, table, key=key)
    return table


def create_table(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """Make an empty table of blocking keys; return its name."""
    connection.execute(f"CREATE OR REPLACE TABLE {table} (i INTEGER, hash BIGINT, rule UTINYINT)")
    return table


def add_keys(
    connection: duckdb.DuckDBPyConnection, records: str, rules: Sequence[Rule], table: str, *, key: Key = hash_sql
) -> None:
    """Add the blocking keys of records to a table that ``create_table`` made; see ``create_keys``."""
    union = " UNION ALL ".join(_keys_sql(records, number, rule, key) for number, rule in enumerate(rules))
    connection.execute(f"INSERT INTO {table} {union}")


@dataclass(frozen=True, slots=True)
class Blocks:
    """Records that share a key, block after block, in the order of their number within each."""

    member: NDArray[np.int32]  # record number ``i``
    after: NDArray[np.int16]  # how many members of its block come after it: fewer than its rule's ceiling

    def pairs(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the candidates: the smaller record of every pair, and the larger; each pair once, sorted."""
        return self._pairs(np.flatnonzero(self.after))

    def pieces(self, *, tile: int, pairs: int) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
        """Yield the candidates in order, those of some smaller records at a time.

        Args:
            tile: records; no piece has smaller records of two tiles.
            pairs: of a piece, each as often as its records share a key; at most, but for a piece of one record.
        """
        ends = self._ends(tile, pairs)
        pieces = np.arange(ends.size, dtype=np.min_scalar_type(ends.size))
        places = np.flatnonzero(self.after)
        piece_of = np.repeat(pieces, np.diff(ends, prepend=0))[self.member[places]]
        for piece in pieces:
            some = places[piece_of == piece]
            if some.size:
                yield self._pairs(some)

    def _ends(self, tile: int, pairs: int) -> NDArray[np.int64]:
        """Return where the pieces end: the number after that of their last record."""
        count = np.zeros(int(self.member.max(initial=-1)) + 1)
        for start in range(0, self.member.size, MEMBERS):  # NumPy copies what it counts
            some = slice(start, start + MEMBERS)
            count += np.bincount(self.member[some], self.after[some], minlength=count.size)
        made = np.cumsum(count).astype(np.int64)  # up to and including each record
        ends = [0]
        while ends[-1] < made.size:
            first = ends[-1]
            before = made[first - 1] if first else 0
            end = int(np.searchsorted(made, before + pairs, side="right"))
            ends.append(min(max(end, first + 1), (first // tile + 1) * tile, made.size))
        return np.array(ends[1:], dtype=np.int64)

    def _pairs(self, places: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the candidates that the members at some places make with those after them."""
        found = [np.empty(0, dtype=np.int64)]
        piece = np.cumsum(self.after[places], dtype=np.int64) // PAIRS
        for some in np.split(places, np.flatnonzero(np.diff(piece)) + 1) if places.size else ():
            count = self.after[some].astype(np.int64)
            ends = np.cumsum(count)
            partner = np.arange(ends[-1]) + np.repeat(some + 1 - (ends - count), count)
            left, right = np.repeat(self.member[some], count), self.member[partner]
            found.append(_distinct_sorted(left.astype(np.int64) << 32 | right))
        pairs = _distinct_sorted(np.concatenate(found))
        return (pairs >> 32).astype(np.int32), (pairs & 0xFFFFFFFF).astype(np.int32)


def blocks(
    connection: duckdb.DuckDBPyConnection, keys_table: str, rules: Sequence[Rule], common: Collection[int]
) -> Blocks:
    """Find the records that share a key, but for common keys and those above the ceiling.

    Args:
        connection: where the table is.
        keys_table: table that ``create_keys`` made.
        rules: blocking rules.
        common: keys that make no candidates.
    """
    [(keys,)] = connection.sql(f"SELECT count(*) FROM {keys_table}").fetchall()  # noqa: S608
    members, afters, filled = np.empty(keys, dtype=np.int32), np.empty(keys, dtype=np.int16), 0
    known = np.array(sorted(common), dtype=np.int64)
    for number, rule in enumerate(rules):  # in one rule after the other there is less to sort than in all together
        key, member = _sorted_keys(connection, keys_table, number)
        start = np.flatnonzero(_begins(key))
        size = np.diff(start, append=key.size)
        useful = (size > 1) & (size <= rule.ceiling)
        useful[useful] = ~_among(key[start[useful]], known)
        chosen = np.flatnonzero(np.repeat(useful, size))
        some = slice(filled, filled := filled + chosen.size)
        members[some] = member[chosen]
        afters[some] = np.repeat((start + size)[useful], size[useful]) - chosen - 1
    return Blocks(members[:filled], afters[:filled])


def _sorted_keys(
    connection: duckdb.DuckDBPyConnection, keys_table: str, rule: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the keys of a rule and the records that have them, in the order of both."""
    rows = connection.sql(f"SELECT hash, i FROM {keys_table} WHERE rule = {rule} ORDER BY hash, i")  # noqa: S608
    keys = pl.DataFrame(rows.to_arrow_table())
    return keys["hash"].to_numpy(), keys["i"].to_numpy()


def create_candidates(
    connection: duckdb.DuckDBPyConnection,
    records: str,
    rules: Sequence[Rule],
    common: Collection[int],
    *,
    key: Key = hash_sql,
) -> str:
    """Make the table of candidate pairs.

    Args:
        connection: where the table ``records`` is.
        records: name of a table with ``i`` INTEGER (distinct) and the feature columns, generic values left out.
        rules: blocking rules.
        common: keys that make no candidates.
        key: how to make keys, these too.

    Returns:
        Name of a new table with ``l`` < ``r``, each pair once.
    """
    found = blocks(connection, create_keys(connection, records, rules, key=key), rules, common)
    left, right = found.pairs()
    connection.register("pair_frame", pl.DataFrame({"l": left, "r": right}).to_arrow())
    connection.execute("CREATE OR REPLACE TABLE candidate AS FROM pair_frame")
    connection.unregister("pair_frame")
    return "candidate"


def _keys_sql(records: str, number: int, rule: Rule, key: Key) -> str:
    found = combinations(records, rule, [part.sql for part in rule.parts], "i")
    return f"SELECT i, {key(rule, part_names(rule))} AS hash, {number}::UTINYINT AS rule FROM ({found})"  # noqa: S608


def combinations(records: str, rule: Rule, values: Iterable[str], *kept: str) -> str:
    """Write the query of all combinations of the values of a rule.

    Args:
        records: name of a table, or a query in brackets.
        rule: the rule.
        values: expressions of the values of its parts.
        kept: columns to keep.

    Returns:
        Query of the columns ``kept``, and ``part_names`` of the rule, none of them null.
    """
    names = part_names(rule)
    columns = [*kept, *(f"{value} AS {name}" for value, name in zip(values, names, strict=True))]
    rows = f"SELECT {', '.join(columns)} FROM {records}"  # noqa: S608
    for part, name in zip(rule.parts, names, strict=True):
        if part.many:  # one by one: unnesting two lists side by side pairs them off instead of combining them
            rows = f"SELECT * REPLACE (unnest({name}) AS {name}) FROM ({rows})"  # noqa: S608
    return f"SELECT * FROM ({rows}) WHERE {' AND '.join(f'{name} IS NOT NULL' for name in names)}"  # noqa: S608


def part_names(rule: Rule) -> list[str]:
    """Name the parts of a rule as columns."""
    return [f"p{place}" for place in range(len(rule.parts))]


def _among(values: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which sorted values are in a sorted array."""
    result = np.zeros(values.size, dtype=bool)
    place = np.searchsorted(values, known)
    place, known = place[place < values.size], known[place < values.size]
    result[place[values[place] == known]] = True
    return result


def _distinct_sorted(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sort in place, and leave out repetitions; ``np.unique`` hashes, which takes five times as long."""
    values.sort()
    return values[_begins(values)]


def _begins(values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where in sorted values another one begins; ``np.diff`` fills twice the memory with numbers first."""
    begins = np.ones(values.size, dtype=bool)
    np.not_equal(values[1:], values[:-1], out=begins[1:])
    return begins
