"""How records are found: ``record_format`` and the options beside it."""

from __future__ import annotations

from adapters.mainframe.cobrix.given import Given
from adapters.mainframe.cobrix.segments import levels

RDW = ("is_rdw_big_endian", "is_rdw_part_of_record_length", "rdw_adjustment")
HEADER_PARSER = ("record_header_parser", "rhp_additional_info")

_HEADERS = {"xcom": "little", "rdw": "little", "rdw_little_endian": "little", "rdw_big_endian": "big"}
"""Parsers of record headers that Cobrix has itself, and the byte order of their record descriptors."""

_FORMATS = {name: name for name in ("F", "FB", "V", "VB", "D", "D2", "T")}
_SIZES = {"false": "fixed", "max_size": "fixed", "true": "shift", "shift_record": "shift", "pad_record": "pad"}


def record_format(given: Given) -> str:
    """Return F, FB, V, VB, D, D2 or T, also where older options say it."""
    if "record_format" in given:
        return given.choice("record_format", _FORMATS, default="F")
    sequence = "is_xcom" if "is_xcom" in given else "is_record_sequence"
    if given.flag(sequence, default=False):
        return "V"
    return "D" if given.flag("is_text", default=False) else "F"


def is_text(given: Given) -> bool:
    """Say whether records are lines of text."""
    return record_format(given) in ("D", "D2", "T")


def table_sizes(given: Given) -> str:
    """Return how much room tables DEPENDING ON take.

    ``fixed``: that of their maximum. ``shift``: that of their elements. ``pad``: that of their elements, and the
    record has its full length all the same.
    """
    return given.choice("variable_size_occurs", _SIZES, default="fixed")


def as_stream(given: Given) -> bool:
    """Say whether Cobrix reads records one after the other, and not as lines or as pieces of one size.

    This decides which options are of use, and what becomes of a last record that is cut off.
    """
    form = record_format(given)
    lines = form in ("D", "T") and not given.flag("allow_partial_records", default=False)
    return (
        form in ("FB", "V", "VB", "D2")
        or (form in ("D", "T") and not lines)
        or "record_length_field" in given
        or "record_extractor" in given
        or given.flag("generate_record_id", default=False)
        or bool(levels(given))
        or any((given.number(name, default=0) or 0) > 0 for name in ("file_start_offset", "file_end_offset"))
        or (table_sizes(given) != "fixed" and not lines)
        or bool(given.family("segment-children"))
    )


def records(given: Given) -> dict[str, object]:
    """Return our options for finding records."""
    values = {**_descriptors(given), **_lengths(given), **_ends(given), **_framing(given)}
    form = record_format(given)
    if is_text(given):
        partial = given.flag("allow_partial_records", default=False)
        line_end = "lf" if as_stream(given) else "any"  # as Spark reads text
        return values | {"record_format": "text", "partial_record": "keep" if partial else "drop", "line_end": line_end}
    if form in ("F", "V") and "record_length_field" in given:
        return values | {"record_format": "length-field", "partial_record": "keep"}
    header = (given.text("record_header_parser") or "").lower()
    if form in ("F", "V") and header in _HEADERS and as_stream(given):
        return values | {"record_format": "V", "rdw_endian": _HEADERS[header], "partial_record": "keep"}
    if form != "F":
        return values | {"record_format": form, "partial_record": "keep"}
    if table_sizes(given) == "shift" and "record_length" not in given:
        return values | {"record_format": "counted", "partial_record": "keep"}
    return values | {"record_format": "F", "partial_record": "keep" if as_stream(given) else "refuse"}


def _descriptors(given: Given) -> dict[str, object]:
    return {
        "rdw_endian": endian(given, "is_rdw_big_endian", big=False),
        "rdw_includes_itself": given.flag("is_rdw_part_of_record_length", default=False),
        "rdw_adjustment": given.number("rdw_adjustment", default=0),
        "bdw_endian": endian(given, "is_bdw_big_endian", big=False),
        "bdw_includes_itself": False,
        "bdw_adjustment": given.number("bdw_adjustment", default=0),
    }


def _lengths(given: Given) -> dict[str, object]:
    blocks = record_format(given) == "FB"
    return {
        "record_length": given.number("record_length", least=1),
        "block_length": given.number("block_length", least=1) if blocks else None,
        "records_per_block": given.number("records_per_block", least=1) if blocks else None,
        "minimum_length": given.number("minimum_record_length", default=1, least=1),
        "maximum_length": given.number("maximum_record_length", least=1),
        "length_field": given.text("record_length_field"),
        "length_map": _length_map(given),
    }


def _ends(given: Given) -> dict[str, object]:
    return {
        "skip_start": given.number("file_start_offset", default=0, least=0),
        "skip_end": given.number("file_end_offset", default=0, least=0),
        "record_start": given.number("record_start_offset", default=0, least=0),
        "record_end": given.number("record_end_offset", default=0, least=0),
        "header_record": given.text("record_header_name") or given.text("file_header_field"),
        "trailer_record": given.text("record_trailer_name") or given.text("file_trailer_field"),
    }


def _framing(given: Given) -> dict[str, object]:
    """Return the way of finding records that is registered under the name of a class."""
    header, extractor = given.text("record_header_parser"), given.text("record_extractor")
    if extractor is not None:
        return {"framing": extractor, "framing_options": given.text("re_additional_info") or ""}
    if header is None or header.lower() in _HEADERS or not as_stream(given):
        return {}
    return {"framing": header, "framing_options": given.text("rhp_additional_info") or ""}


def _length_map(given: Given) -> dict[str, int]:
    lengths: dict[str, int] = {}
    for value, length in given.document("record_length_map").items():
        whole = type(length) is int or (isinstance(length, str) and length.strip().isdecimal())
        if whole:
            lengths[value] = int(str(length))
        else:
            given.refuse("record_length_map", f"the length of '{value}' is not a whole number")
    return lengths


def endian(given: Given, name: str, *, big: bool) -> str:
    """Return the byte order that a flag says."""
    return "big" if given.flag(name, default=big) else "little"
