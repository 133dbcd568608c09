"""Which fields of a golden record changed between two versions of it."""

from __future__ import annotations

import polars as pl

from canonical_model.golden import decode, golden_schema


def changed_paths(old: pl.Series, new: pl.Series) -> pl.Series:
    """Return the fields in which payloads differ, as List[String] in the order of the schema.

    Args:
        old: canonical JSON of the version before, null where there was none.
        new: canonical JSON of the version after, null where there is none any more.

    An empty list means that no value changed; a newer ``canonical_version`` alone is no change. A list field
    (``addresses``) changes as a whole.
    """
    pairs = pl.DataFrame({"old": old.cast(pl.String), "new": new.cast(pl.String)}).with_row_index("row")
    differing = pairs.filter(pl.col("old").ne_missing(pl.col("new")))
    values = decode(pl.concat([differing["old"], differing["new"]]))
    before, after = values.head(differing.height), values.tail(differing.height)
    names = [name for name in golden_schema() if name != "canonical_version"]
    both = before.select(names).hstack(after.select(pl.col(names).name.prefix("new ")))
    differ = (pl.when(pl.col(name).ne_missing(pl.col(f"new {name}"))).then(pl.lit(name)) for name in names)
    paths = differing.select("row").hstack(both.select(paths=pl.concat_list(differ).list.drop_nulls()))
    return (
        pairs.select("row")
        .join(paths, on="row", how="left", maintain_order="left")
        .select(pl.col("paths").fill_null(pl.lit([], pl.List(pl.String))))
        .to_series()
        .alias("changed_paths")
    )
