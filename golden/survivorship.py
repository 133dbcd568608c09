"""Golden records of many entities at once: which value of which source record survives, and where it came from.

Column-wise throughout. For each field group the members' values become *candidates*, the candidates are ranked by
one total order (what the rule asks for, then ``since``, then source priority, then a hash of the record key), and
the first of each entity survives. Nulls are no candidates. Nothing depends on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from canonical_model import content
from canonical_model.golden import SATELLITES, encode, golden_schema
from canonical_model.schema import CANONICAL_VERSION, PARTY, Kind, content_schema
from golden.rules import LISTS, Choice, Keep, Rule, Rules

MOMENT = pl.Datetime("us", "UTC")

OVERRIDES = pl.Schema(
    {
        "entity_id": pl.Int64(),
        "path": pl.String(),
        "value": pl.String(),
        "author": pl.String(),
        "created_at": MOMENT,
    }
)
"""A steward's word: ``path`` is a field of ``golden_schema``, ``value`` its JSON (null: the field must be empty)."""

GOLDEN_RECORDS = pl.Schema({"entity_id": pl.Int64(), "payload": pl.String(), "provenance": pl.String()})

ONCE = frozenset({"phones", "emails"})
"""Lists in which one value stands once, whatever kinds the sources give it. (An address may have several roles.)"""

OWN_NAME: Mapping[Kind, tuple[str, ...]] = {
    Kind.PRODUCT: ("product_type", "number"),
    Kind.CONSENT: ("purpose", "channel"),
    Kind.RELATIONSHIP: (
        "relationship_type",
        "other_source",
        "other_record_id",
        "other_identifier_type",
        "other_identifier_value",
    ),
}
"""What tells two satellites of one customer apart; of those that agree in it, one survives, as a whole."""

_ORIGIN = ("data_source", "record_id", "since", "rule", "author")
_ORIGINS = pl.Schema(
    {"entity_id": pl.Int64(), "path": pl.String()}
    | {name: MOMENT if name == "since" else pl.String() for name in _ORIGIN}
)
_VALIDITY = ("valid_from", "valid_to")


def compute(
    members: pl.DataFrame,
    satellites: Mapping[Kind, pl.DataFrame],
    rules: Rules,
    overrides: pl.DataFrame | None,
    as_of: date,
) -> pl.DataFrame:
    """Return the golden records of the entities that have members.

    Args:
        members: the live source records: entity_id Int64, record_no Int64, data_source String, record_id String,
            changed_at, since Struct{field group: Datetime[us, UTC]}, and the content columns of a party.
        satellites: the same for products, consents and relationships, with their content; other kinds are ignored.
        rules: from ``golden.rules.load``.
        overrides: columns ``OVERRIDES``, or None. The last word on a field wins over every source.
        as_of: the day for which values must be valid; those that start later or ended before do not survive.

    Returns:
        Columns ``GOLDEN_RECORDS``, one row per entity in the order of entity_id: ``payload`` is canonical JSON,
        ``provenance`` a JSON object from payload path (``birth_date``, ``addresses[0]``) to its origin
        ``{data_source, record_id, since, rule}``, or ``{rule: override, author, since}``.
    """
    members = _tie_broken(members, rules)
    values, origins = _surviving_fields(members, rules)
    for name in LISTS:
        survivors = _surviving_elements(members, name, rules, as_of)
        values, origins = _with_list(values, origins, survivors, name)
    for kind, name in SATELLITES.items():
        survivors = _surviving_satellites(satellites.get(kind), kind, rules, as_of)
        values, origins = _with_list(values, origins, survivors, name)
    absent = {name: type_ for name, type_ in golden_schema().items() if name not in values.columns}
    values = values.with_columns(pl.lit(None, type_).alias(name) for name, type_ in absent.items())
    if overrides is not None and not overrides.is_empty():
        values, origins = _overridden(values, origins, overrides)
    values = values.sort("entity_id").with_columns(canonical_version=pl.lit(CANONICAL_VERSION, pl.Int64))
    provenance = _provenance(pl.concat(origins))
    return (
        values.select("entity_id", payload=encode(values))
        .join(provenance, on="entity_id", how="left", maintain_order="left")
        .with_columns(pl.col("provenance").fill_null("{}"))
        .select(GOLDEN_RECORDS.names())
    )


def next_change(members: pl.DataFrame, satellites: Mapping[Kind, pl.DataFrame], as_of: date) -> pl.DataFrame:
    """Return the next day on which validity alone may change a golden record.

    Same frames as ``compute``. Columns: entity_id Int64, on Date (always after ``as_of``); entities for which
    nothing starts or ends in the future are left out.
    """
    spans = [members.select("entity_id", pl.col("addresses")).explode("addresses").unnest("addresses")]
    related = satellites.get(Kind.RELATIONSHIP)
    if related is not None:
        spans.append(related)
    days = pl.concat(
        span.select("entity_id", on=day)
        for span in spans
        for day in (pl.col("valid_from"), pl.col("valid_to").dt.offset_by("1d"))
    )
    return days.filter(pl.col("on") > as_of).group_by("entity_id").agg(pl.col("on").min()).sort("entity_id")


def _tie_broken(records: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Add ``_tie`` (UInt32): the place of each record in the order of source priority, then hash of its key."""
    keyed = records.with_columns(
        _place_in(rules.sources, rules).alias("_priority"), _hash_of_key(records).alias("_hash")
    )
    return keyed.sort("_priority", "_hash").with_row_index("_tie").drop("_priority", "_hash")


def _hash_of_key(records: pl.DataFrame) -> pl.Series:
    """Hash the record keys by MD5: the same in every version of every library, so that ties stay where they fell."""
    return content.digest(records.select(pl.concat_str("data_source", pl.lit("\x1f"), "record_id")).to_series())


def _place_in(sources: Sequence[str], rules: Rules) -> pl.Expr:
    """Return the place of a record's source, or of the system it is read from, in a list; unlisted ones come last."""
    places = {name: place for place, name in enumerate(sources)}
    for source, system in rules.systems.items():
        if source not in places and system in places:
            places[source] = places[system]
    if not places:
        return pl.lit(0, pl.UInt32)
    return pl.col("data_source").replace_strict(
        list(places), list(places.values()), default=len(sources), return_dtype=pl.UInt32
    )


def _since(schema: pl.Schema, *groups: str) -> pl.Expr:
    """Return when the source first gave its present value of these field groups, the latest of them."""
    dtype = schema["since"]
    known = {entry.name for entry in dtype.fields} if isinstance(dtype, pl.Struct) else set()
    found = [pl.col("since").struct.field(group) for group in groups if group in known]
    return pl.max_horizontal(found).cast(MOMENT) if found else pl.lit(None, MOMENT)


def _best_first(
    within: Sequence[str], fields: Sequence[str], choice: Choice, rules: Rules, schema: pl.Schema
) -> list[pl.Expr]:
    """Return what a rule goes by before anything else, as an Int64 that is highest where it is met best; or nothing."""
    best: list[pl.Expr] = []
    if choice.rule is Rule.SOURCE_PRIORITY and choice.sources:
        best = [-_place_in(choice.sources, rules).cast(pl.Int64)]
    elif choice.rule is Rule.MOST_FREQUENT:
        best = [pl.col("_tie").n_unique().over(*within, *fields)]
    elif choice.rule is Rule.LONGEST:
        texts = [pl.col(name).str.len_chars() for name in fields if schema[name] == pl.String]
        best = [pl.sum_horizontal(texts)] if texts else []
    return [each.cast(pl.Int64) for each in best]


def _ranked(
    candidates: pl.DataFrame, within: Sequence[str], fields: Sequence[str], choice: Choice, rules: Rules
) -> pl.DataFrame:
    """Sort candidates by entity and rank, best first; adds ``rule``.

    Needs the columns entity_id, data_source, record_id, since, _tie and the fields; may have valid_from and
    _position, which break ties inside one record.
    """
    schema = candidates.schema
    highest_first = _best_first(within, fields, choice, rules, schema)
    later_first = ["since", *(name for name in ("valid_from",) if name in schema)]
    earlier_first = ["_tie", *(name for name in ("_position",) if name in schema)]
    return candidates.with_columns(pl.lit(choice.rule.value).alias("rule")).sort(
        "entity_id",
        *highest_first,
        *later_first,
        *earlier_first,
        descending=[False, *(True for _ in [*highest_first, *later_first]), *(False for _ in earlier_first)],
        nulls_last=True,
    )


def _surviving_fields(members: pl.DataFrame, rules: Rules) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return one row per entity with the single values that survive, and where those came from.

    Fields that nobody tells are left out.
    """
    values = members.select(pl.col("entity_id").unique())
    told = {name for name in members.columns if members[name].null_count() < members.height}
    sets = [([name for name in fields if name in told], choice) for fields, choice in rules.scalars()]
    sets = [(fields, choice) for fields, choice in sets if fields]
    if not sets:
        return values, [pl.DataFrame(schema=_ORIGINS)]
    winners = _winners(members, sets, rules)
    survivors, origins = [winners["entity_id"]], []
    for fields, choice in sets:
        since = members.select(_since(members.schema, _group_of(fields[0]))).to_series()
        for name in fields:
            survivors.append(members[name].gather(winners[name]))
            origins.append(
                winners.select(
                    "entity_id",
                    pl.lit(name).alias("path"),
                    pl.when(survivors[-1].is_not_null()).then(name).alias("_tie"),
                    since.gather(winners[name]).alias("since"),
                    pl.lit(choice.rule.value).alias("rule"),
                )
            )
    known = pl.concat(origins).drop_nulls("_tie")
    known = known.hstack(members.select("data_source", "record_id")[known["_tie"]])
    return values.join(pl.DataFrame(survivors), on="entity_id", how="left"), [_origins(known, pl.col("path"))]


def _winners(members: pl.DataFrame, sets: Sequence[tuple[Sequence[str], Choice]], rules: Rules) -> pl.DataFrame:
    """Return one row per entity with the member, by its ``_tie``, from which each field survives.

    All sets of fields are ranked at once: for one customer the number of steps counts, not of rows.
    """
    schema = members.schema
    ranked = pl.concat(
        members.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in fields)).select(
            "entity_id",
            "_tie",
            _since(schema, _group_of(fields[0])).alias("since"),
            pl.coalesce(*_best_first(["entity_id"], fields, choice, rules, schema), pl.lit(0, pl.Int64)).alias("_best"),
            pl.lit(number, pl.UInt8).alias("_set"),
        )
        for number, (fields, choice) in enumerate(sets)
    ).sort("entity_id", "_best", "since", "_tie", descending=[False, True, True, False], nulls_last=True)
    winners = _first_of(ranked, {name: pl.col("_set") == n for n, (fields, _) in enumerate(sets) for name in fields})
    for number, (fields, choice) in enumerate(sets):
        if choice.fill_gaps:
            filled = _gaps_filled(members, ranked.filter(pl.col("_set") == number), fields)
            winners = winners.drop(fields).join(filled, on="entity_id", how="left", maintain_order="left")
    return winners


def _first_of(ranked: pl.DataFrame, wanted: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Return one row per entity with, for each name, the ``_tie`` of the first candidate that is wanted."""
    firsts = (pl.col("_tie").filter(condition).first().alias(name) for name, condition in wanted.items())
    return ranked.group_by("entity_id", maintain_order=True).agg(firsts)


def _gaps_filled(members: pl.DataFrame, ranked: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """Return who tells each part of a name first of those who call the entity as the winner does.

    That is: by the same surname, and by no other first letter.
    """
    surname = pl.coalesce("family_name", "organisation_name").str.to_lowercase()
    letter = pl.coalesce("given_name", "initials").str.slice(0, 1).str.to_lowercase()
    called = members.select(*fields, surname.alias("_surname"), letter.alias("_letter"))[ranked["_tie"]]
    same_surname = pl.col("_surname").eq_missing(pl.col("_surname").first())
    same_letter = (pl.col("_letter") == pl.col("_letter").first()).fill_null(value=True)
    bearers = ranked.hstack(called).filter((same_surname & same_letter).over("entity_id"))
    return _first_of(bearers, {name: pl.col(name).is_not_null() for name in fields})


def _surviving_elements(members: pl.DataFrame, name: str, rules: Rules, as_of: date) -> pl.DataFrame:
    """Return the elements of a list that survive, in the order in which they stand in the golden record."""
    choice = rules.choice(name)
    element = _element_type(name)
    members = members.filter(pl.col(name).list.len() > 0)
    if members.is_empty():
        return _no_survivors(name)
    kind, *values = [entry.name for entry in element.fields if entry.name not in _VALIDITY]
    candidates = _valid(
        members.select(
            "entity_id",
            "data_source",
            "record_id",
            _since(members.schema, name).alias("since"),
            "_tie",
            name,
            _position=pl.int_ranges(pl.col(name).list.len()),
        )
        .explode(name, "_position")
        .unnest(name),
        as_of,
    )
    if candidates.is_empty():
        return _no_survivors(name)
    slot = ["entity_id", kind]
    survivors = _ranked(candidates, slot, values, choice, rules).unique(
        [*slot, *values], keep="first", maintain_order=True
    )
    survivors = survivors.filter((pl.int_range(pl.len()).over(slot) == 0) | _keeps_all(kind, choice))
    survivors = _said_once(survivors, kind, values, everywhere=name in ONCE)
    return survivors.sort("entity_id", kind, maintain_order=True, nulls_last=True).select(
        "entity_id",
        *("data_source", "record_id", "since", "rule"),
        pl.struct(entry.name for entry in element.fields).alias(name),
    )


def _said_once(survivors: pl.DataFrame, kind: str, values: Sequence[str], *, everywhere: bool) -> pl.DataFrame:
    """Leave out what stands there already: an element without a kind, or ``everywhere`` one under another kind."""
    named_first = survivors.sort(pl.col(kind).is_null(), maintain_order=True)
    again = pl.int_range(pl.len()).over("entity_id", *values) > 0
    return named_first.filter(~(again & (pl.lit(everywhere) | pl.col(kind).is_null())))


def _surviving_satellites(records: pl.DataFrame | None, kind: Kind, rules: Rules, as_of: date) -> pl.DataFrame:
    """Return the satellites that survive, each as a whole, in the order in which they stand in the golden record."""
    name = SATELLITES[kind]
    fields = content_schema(kind).names()
    if records is None or records.is_empty():
        return _no_survivors(name)
    choice = rules.choice(name)
    groups = [entry.name for entry in _struct(records.schema["since"]).fields]
    candidates = _valid(
        _tie_broken(records, rules).select(
            "entity_id",
            "data_source",
            "record_id",
            _since(records.schema, *groups).alias("since"),
            "_tie",
            *fields,
            _own_name(kind).alias("_own_name"),
        ),
        as_of,
    )
    if kind is Kind.CONSENT:  # a consent says itself when it was given; only the rest goes by when we heard of it
        candidates = candidates.with_columns(pl.coalesce("recorded_on", "since").alias("since"))
    texts = [each for each, type_ in content_schema(kind).items() if type_ == pl.String]
    ranked = _ranked(candidates, ["entity_id", "_own_name"], texts, choice, rules)
    return (
        ranked.unique(["entity_id", "_own_name"], keep="first", maintain_order=True)
        .sort("entity_id", *OWN_NAME[kind], "_tie", nulls_last=True)
        .select("entity_id", "data_source", "record_id", "since", "rule", pl.struct(fields).alias(name))
    )


def _own_name(kind: Kind) -> pl.Expr:
    """Return what names a satellite within its customer; a product without a number is known by its record."""
    names = pl.struct(OWN_NAME[kind]).struct.json_encode()
    if kind is not Kind.PRODUCT:
        return names
    by_record = pl.struct("data_source", "record_id").struct.json_encode()
    return pl.when(pl.col("number").is_null()).then(by_record).otherwise(names)


def _valid(candidates: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Leave out what starts after the day or ended before it; a start counts as a moment of news, as ``since`` does."""
    if "valid_from" not in candidates.columns:
        return candidates
    started = pl.col("valid_from").is_null() | (pl.col("valid_from") <= as_of)
    running = pl.col("valid_to").is_null() | (pl.col("valid_to") >= as_of)
    news = pl.max_horizontal("since", pl.col("valid_from").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    return candidates.filter(started & running).with_columns(news.alias("since"))


def _with_list(
    values: pl.DataFrame, origins: list[pl.DataFrame], survivors: pl.DataFrame, name: str
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Add a list column to the values, and the origin of each of its elements; nothing when none survives."""
    if survivors.is_empty():
        return values, origins
    lists = survivors.group_by("entity_id", maintain_order=True).agg(name)
    position = pl.int_range(pl.len()).over("entity_id").cast(pl.String)
    return (
        values.join(lists, on="entity_id", how="left"),
        [*origins, _origins(survivors, pl.concat_str(pl.lit(f"{name}["), position, pl.lit("]")))],
    )


def _origins(winners: pl.DataFrame, path: pl.Expr) -> pl.DataFrame:
    return winners.select(
        "entity_id",
        path.alias("path"),
        "data_source",
        "record_id",
        pl.col("since").cast(MOMENT),
        "rule",
        pl.lit(None, pl.String).alias("author"),
    )


def _overridden(
    values: pl.DataFrame, origins: list[pl.DataFrame], overrides: pl.DataFrame
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Put the stewards' values in the place of the surviving ones, and name the stewards as their origin."""
    last = (
        overrides.select(OVERRIDES.names())
        .join(values.select("entity_id"), on="entity_id", how="semi")
        .sort("created_at", "author", "value")
        .unique(["entity_id", "path"], keep="last", maintain_order=True)
    )
    spoken_for = last.select("entity_id", field="path")
    kept = [
        part.with_columns(field=_field_of_path())
        .join(spoken_for, on=["entity_id", "field"], how="anti", maintain_order="left")
        .drop("field")
        for part in origins
    ]
    for (name,), words in last.partition_by("path", as_dict=True, maintain_order=True).items():
        spoken = words.select("entity_id", pl.col("value").str.json_decode(golden_schema()[name]), _spoken=True)
        values = (
            values.join(spoken, on="entity_id", how="left")
            .with_columns(pl.when("_spoken").then("value").otherwise(name).alias(name))
            .drop("value", "_spoken")
        )
    stewards = last.filter(pl.col("value").is_not_null()).select(
        "entity_id",
        "path",
        pl.lit(None, pl.String).alias("data_source"),
        pl.lit(None, pl.String).alias("record_id"),
        pl.col("created_at").alias("since"),
        pl.lit("override").alias("rule"),
        "author",
    )
    return values, [*kept, stewards]


def _provenance(origins: pl.DataFrame) -> pl.DataFrame:
    """Fold the origins of each entity into one JSON object, in the order of the golden record's fields."""
    order = {name: place for place, name in enumerate(golden_schema().names())}
    written = origins.with_columns(
        _field_of_path().replace_strict(order, return_dtype=pl.UInt8).alias("_place"),
    ).sort("entity_id", "_place", maintain_order=True)
    entry = pl.concat_str(pl.lit('"'), "path", pl.lit('":'), content.to_json(written, _ORIGIN))
    return (
        written.select("entity_id", entry.alias("entry"))
        .group_by("entity_id", maintain_order=True)
        .agg(pl.concat_str(pl.lit("{"), pl.col("entry").str.join(","), pl.lit("}")).alias("provenance"))
    )


def _field_of_path() -> pl.Expr:
    """Return the field that a provenance path is about: ``addresses`` of ``addresses[0]``."""
    return pl.col("path").str.replace(r"\[\d+\]$", "")


def _keeps_all(kind: str, choice: Choice) -> pl.Expr:
    exceptions = [name for name, keep in choice.keep_of.items() if keep is not choice.keep]
    excepted = pl.col(kind).is_in(exceptions).fill_null(False)
    return ~excepted if choice.keep is Keep.ALL else excepted


def _group_of(field: str) -> str:
    return str(PARTY.field(field).metadata[b"group"].decode())


def _element_type(name: str) -> pl.Struct:
    """Return the type of the elements of a list field."""
    dtype = golden_schema()[name]
    return _struct(dtype.inner if isinstance(dtype, pl.List) else dtype)


def _struct(dtype: object) -> pl.Struct:
    if not isinstance(dtype, pl.Struct):
        raise TypeError(f"expected a struct, not {dtype}")
    return dtype


def _no_survivors(name: str) -> pl.DataFrame:
    columns = {"data_source": pl.String(), "record_id": pl.String(), "since": MOMENT, "rule": pl.String()}
    return pl.DataFrame(schema={"entity_id": pl.Int64(), **columns, name: _element_type(name)})
