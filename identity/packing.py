"""Features as one text per record, as the matcher's tables keep them, and as one record reads them back.

The text is the columns of ``features.SCHEMA`` but for the record's number and key, in that order, with a unit separator
between them; a list has a record separator after each of its values. Null is the empty text. The characters that
separate are escaped where a value holds one, so that unpacking gives back what was packed, whatever it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from identity.comparison import Value
from identity.features import SCHEMA

_BETWEEN: Final = "\x1f"  # fields
_AFTER: Final = "\x1e"  # every value of a list
_ESCAPE: Final = "\x1b"
_ESCAPED: Final = {_ESCAPE: _ESCAPE + "0", _AFTER: _ESCAPE + "1", _BETWEEN: _ESCAPE + "2"}
_UNESCAPED: Final = (_BETWEEN, _AFTER, _ESCAPE)  # the escape last: what it stood for must not begin another

FIELDS: Final = tuple(name for name in SCHEMA if name not in ("record_no", "key"))
"""What is packed, in order."""
_PLACES: Final = {name: place for place, name in enumerate(FIELDS)}
LISTS: Final = frozenset(name for name in FIELDS if SCHEMA[name] == pl.List(pl.String))
"""Those that hold several values."""
_KINDS: Final = tuple((name, name in LISTS) for name in FIELDS)


def pack(features: pl.DataFrame) -> pl.DataFrame:
    """Pack features.

    Args:
        features: the features frame (``features.SCHEMA``).

    Returns:
        ``record_no`` Int64, ``key`` Int64 (the bits of the unsigned key, signed), ``content`` String: as the store's
        table ``feature``, in the same order.
    """
    packed = features.select(
        "record_no",
        pl.col("key").reinterpret(signed=True),
        content=pl.concat_str([_field(name) for name in FIELDS], separator=_BETWEEN),
        separators=pl.sum_horizontal(pl.col(name).list.len().fill_null(0) for name in FIELDS if name in LISTS),
    )
    # Nothing a source holds should have these characters: where one has, the text has more of them than it should.
    strange = (
        (pl.col("content").str.count_matches(_AFTER, literal=True) != pl.col("separators"))
        | (pl.col("content").str.count_matches(_BETWEEN, literal=True) != len(FIELDS) - 1)
        | pl.col("content").str.contains(_ESCAPE, literal=True)
    )
    rows = packed.select(strange.arg_true()).to_series()
    content = packed["content"]
    if not rows.is_empty():
        content = content.scatter(rows, [pack_one(row) for row in features[rows].iter_rows(named=True)])
    return packed.select("record_no", "key", content=content)


def pack_one(record: Mapping[str, Value]) -> str:
    """Return the text of one record; of many, ``pack`` makes them at once."""
    return _BETWEEN.join(
        "".join(_escaped(value) + _AFTER for value in record[name] or ()) if name in LISTS else _scalar(record[name])
        for name in FIELDS
    )


def unpack_one(content: str) -> dict[str, Value]:
    """Return the features of one record."""
    texts = fields(content)
    if _ESCAPE in content:
        return {name: read(texts, name) for name in FIELDS}
    return {
        name: None if not text else text[:-1].split(_AFTER) if is_list else text
        for (name, is_list), text in zip(_KINDS, texts, strict=True)
    }


def cut(content: pl.Series, names: Sequence[str]) -> pl.DataFrame:
    """Cut many packed records into some of their fields; each as its text, which ``values`` reads."""
    parts = content.to_frame("content").select(pl.col("content").str.split(_BETWEEN))
    return parts.select(pl.col("content").list.get(_PLACES[name]).alias(name) for name in names)


def values(name: str) -> pl.Expr:
    """Return the values of a field that was ``cut``, as ``features.SCHEMA`` has them."""
    text = pl.when(pl.col(name) != "").then(pl.col(name))
    if name not in LISTS:
        return _plain(text).alias(name)
    return text.str.strip_suffix(_AFTER).str.split(_AFTER).list.eval(_plain(pl.element())).alias(name)


def fields(content: str) -> list[str]:
    """Cut a packed record into its fields, for ``read``."""
    return content.split(_BETWEEN)


def read(texts: list[str], name: str) -> Value:
    """Return the value of one field."""
    text = texts[_PLACES[name]]
    if not text:
        return None
    if name in LISTS:
        values = text[:-1].split(_AFTER)
        return [_unescaped(value) for value in values] if _ESCAPE in text else values
    return _unescaped(text) if _ESCAPE in text else text


def reading(name: str) -> str:
    """Write as Python how a field is read; where nothing was escaped, without a call.

    The text may use ``content``, its fields as ``texts``, and ``read``.
    """
    text = f"texts[{_PLACES[name]}]"
    plain = f"{text}[:-1].split({_AFTER!r}) if {text} else None" if name in LISTS else f"{text} or None"
    return f"read(texts, {name!r}) if {_ESCAPE!r} in content else {plain}"


def _field(name: str) -> pl.Expr:
    if name not in LISTS:
        return pl.col(name).fill_null("")
    joined = pl.col(name).list.join(_AFTER) + _AFTER
    return pl.when(pl.col(name).list.len() > 0).then(joined).otherwise(pl.lit(""))


def _scalar(value: Value) -> str:
    return _escaped(value) if isinstance(value, str) else ""


def _escaped(text: str) -> str:
    return "".join(_ESCAPED.get(char, char) for char in text)


def _plain(text: pl.Expr) -> pl.Expr:
    for char in _UNESCAPED:
        text = text.str.replace_all(_ESCAPED[char], char, literal=True)
    return text


def _unescaped(text: str) -> str:
    for char in _UNESCAPED:
        text = text.replace(_ESCAPED[char], char)
    return text
