"""Which options contradict one another, as Cobrix has it."""

from __future__ import annotations

from adapters.mainframe.cobrix.given import Given
from adapters.mainframe.cobrix.records import HEADER_PARSER, RDW, record_format
from adapters.mainframe.cobrix.segments import levels


def refuse(given: Given) -> None:
    """Note every contradiction as a problem of the option that has it."""
    _of_input(given)
    _of_record_formats(given)
    _of_record_lengths(given)
    _of_file_ends(given)
    _of_values(given)
    _of_hierarchies(given)
    _of_columns(given)


def _of_input(given: Given) -> None:
    given.never_together("copybook", ("copybooks", "copybook_contents"))
    given.never_together("copybooks", ("copybook_contents",))
    given.never_together("data_paths", ("path", "paths"))
    if not given.flag("truncate_comments", default=True):
        given.never_together("truncate_comments", ("comments_lbound", "comments_ubound"))


def _of_record_formats(given: Given) -> None:
    descriptors = (*RDW, *HEADER_PARSER, "is_record_sequence", "is_xcom", "record_length_field")
    given.never_together("record_format", ("is_xcom", "is_record_sequence", "is_text"))
    given.never_together("record_length_field", ("is_record_sequence", "is_xcom"))
    given.never_together("record_extractor", ("record_length", *descriptors))
    given.never_together("record_length", ("minimum_record_length", "maximum_record_length", *descriptors))
    if given.flag("is_text", default=False):
        given.never_together("is_text", ("record_extractor", "record_length", *RDW, *HEADER_PARSER, "is_xcom"))
    if record_format(given) in ("FB", "VB"):
        given.never_together("block_length", ("records_per_block",))


def _of_record_lengths(given: Given) -> None:
    if "record_length_map" in given and "record_length_field" not in given:
        given.refuse("record_length_map", "'record_length_map' needs 'record_length_field'")
    least, most = given.number("minimum_record_length", least=1), given.number("maximum_record_length", least=1)
    if least is not None and most is not None and least > most:
        name = "minimum_record_length"
        given.refuse(name, f"'{name}' ({least}) is more than 'maximum_record_length' ({most})")


def _of_file_ends(given: Given) -> None:
    given.never_together("record_header_name", ("file_start_offset",))
    given.never_together("record_trailer_name", ("file_end_offset",))
    header, trailer = given.text("record_header_name"), given.text("record_trailer_name")
    if header and trailer and header.upper() == trailer.upper():
        name = "record_header_name"
        given.refuse(name, f"'{name}' and 'record_trailer_name' are the same record ('{header}')")


def _of_values(given: Given) -> None:
    encoding = (given.text("encoding") or "").lower()
    for other, name in (("ebcdic", "ascii_charset"), ("ascii", "ebcdic_code_page")):
        if encoding == other and name in given:
            given.refuse(name, f"'{name}' cannot be used with 'encoding={encoding}'")
    as_text, as_decimals = "display_pic_always_string", "strict_integral_precision"
    if given.flag(as_text, default=False) and given.flag(as_decimals, default=False):
        given.never_together(as_text, (as_decimals,))
    if not given.flag("enable_indexes", default=True) and given.flag("enable_index_cache", default=False):
        given.refuse("enable_index_cache", "'enable_index_cache=true' cannot be used with 'enable_indexes=false'")


def _of_hierarchies(given: Given) -> None:
    if not given.family("segment_children", "segment-children"):
        return
    for name in ("generate_record_bytes", "generate_corrupt_fields"):
        if given.flag(name, default=False):
            given.refuse(name, f"'{name}=true' cannot be used with 'segment-children': a row is several records")
    if levels(given):
        given.refuse(
            "segment-children", "'segment-children' cannot be used with 'segment_id_level*' or 'segment_id_root'"
        )


def _of_columns(given: Given) -> None:
    name = "with_input_file_name_col"
    places = ("record_length_field", "file_start_offset", "file_end_offset")
    framed = record_format(given) in ("V", "VB", "D", "T", "D2") or any(place in given for place in places)
    if name in given and not framed:
        given.refuse(
            name,
            f"'{name}' is for records of format V, VB or D, or with one of {', '.join(places)}",
            f"say the format with 'record_format', or leave out '{name}'",
        )
