"""The reader options of Cobrix by their own names, translated into ours.

Names, defaults and contradictions are those of Cobrix (Apache-2.0, https://github.com/AbsaOSS/cobrix), as its
documentation and its tests show them. ``docs/cobrix.md`` has the table of all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.mainframe.cobrix import contradictions
from adapters.mainframe.cobrix.given import Given, column, listed
from adapters.mainframe.cobrix.records import (
    HEADER_PARSER,
    RDW,
    as_stream,
    endian,
    is_text,
    record_format,
    records,
    table_sizes,
)
from adapters.mainframe.cobrix.segments import levels, segments
from adapters.mainframe.copybook.naming import FillerNames, Fillers
from adapters.mainframe.copybook.views import Debug
from adapters.mainframe.options import Columns, MainframeOptions
from foundation.errors import ConfigurationError, did_you_mean

FAMILIES = (
    "field_code_page:",
    "redefine_segment_id_map",
    "redefine-segment-id-map",
    "redefine_rule",
    "redefine-rule",
    "segment_children",
    "segment-children",
)
"""Options that are given several times, each with a suffix of its own: ``segment-children:1``."""

_INPUT = ("path", "data_paths", "paths", "copybook", "copybooks", "copybook_contents")
_SPARK_ONLY = (
    "enable_index_cache",
    "enable_indexes",
    "enable_self_checks",
    "improve_locality",
    "input_split_records",
    "input_split_size_compressed_mb",
    "input_split_size_mb",
    "metadata",
    "optimize_allocation",
)
"""How Spark cuts, places and describes the data; none of them changes a value."""

_WITHOUT_EFFECT = ("debug_ignore_file_size", "debug_layout_positions", "strict_schema")
_WRITER = (
    "write_null_comp3_numbers_as_zeros",
    "write_null_display_numbers_as_zeros",
    "write_null_strings_as_spaces",
)
_TRANSLATED = (
    "allow_partial_records",
    "ascii_charset",
    "bdw_adjustment",
    "binary_as_hex",
    "block_length",
    "comments_lbound",
    "comments_ubound",
    "debug",
    "display_pic_always_string",
    "drop_group_fillers",
    "drop_value_fillers",
    "ebcdic_code_page",
    "ebcdic_code_page_class",
    "encoding",
    "file_end_offset",
    "file_header_field",
    "file_start_offset",
    "file_trailer_field",
    "filler_naming_policy",
    "floating_point_format",
    "generate_corrupt_fields",
    "generate_record_bytes",
    "generate_record_id",
    "improved_null_detection",
    "is_bdw_big_endian",
    "is_rdw_big_endian",
    "is_rdw_part_of_record_length",
    "is_record_sequence",
    "is_text",
    "is_utf16_big_endian",
    "is_xcom",
    "maximum_record_length",
    "minimum_record_length",
    "non_terminals",
    "occurs_mappings",
    "pedantic",
    "rdw_adjustment",
    "re_additional_info",
    "record_end_offset",
    "record_extractor",
    "record_format",
    "record_header_name",
    "record_header_parser",
    "record_length",
    "record_length_field",
    "record_length_map",
    "record_start_offset",
    "record_trailer_name",
    "records_per_block",
    "rhp_additional_info",
    "schema_retention_policy",
    "segment_field",
    "segment_filter",
    "segment_id_prefix",
    "segment_id_root",
    "strict_integral_precision",
    "strict_sign_overpunching",
    "string_trimming_policy",
    "truncate_comments",
    "variable_size_occurs",
    "with_input_file_name_col",
)
NAMES = tuple(sorted((*_INPUT, *_SPARK_ONLY, *_WITHOUT_EFFECT, *_WRITER, *_TRANSLATED)))
"""Every option that has one fixed name; ``segment_id_level0``, ``segment_id_level1``, … come beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NullsAs:
    """What a writer puts for a null, by kind of field; False: bytes 0."""

    text_as_spaces: bool = False
    display_as_zeros: bool = False
    packed_as_zeros: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """Options of Cobrix as ours, with what only its rows need."""

    values: Mapping[str, object]  # of MainframeOptions, without path and copybook
    paths: tuple[str, ...] = ()  # data files that the options name
    copybooks: tuple[str, ...] = ()  # copybook files that the options name
    copybook_text: str | None = None  # the copybook itself, given as an option
    fillers: Fillers = "groups"
    filler_names: FillerNames = "numbers"
    debug: Debug | None = None  # columns with the bytes of each field beside it
    non_terminals: tuple[str, ...] = ()  # groups that are columns of text, too
    nulls: NullsAs = field(default_factory=NullsAs)  # for writing
    strict_schema: bool = True  # for writing: every column of the copybook must be there
    pad_records: bool = False  # short tables move up what follows, but a record has its full length
    ignored: tuple[str, ...] = ()  # known, without effect here
    unknown: tuple[str, ...] = ()  # not options of Cobrix, or of no use beside the others given

    @property
    def notes(self) -> tuple[str, ...]:
        """What became of options that change nothing, for people."""
        ignored = [f"Cobrix's option '{name}' has no effect here" for name in self.ignored]
        unknown = [f"Cobrix's option '{name}' is unknown, or of no use beside the others" for name in self.unknown]
        return (*ignored, *unknown)

    def options(self, *, path: str, copybook: str | tuple[str, ...]) -> MainframeOptions:
        """Return our options for reading ``path`` (a file or glob) as ``copybook`` describes it."""
        return MainframeOptions.model_validate({**self.values, "path": path, "copybook": copybook})


def translate(options: Mapping[str, str]) -> Translated:
    """Translate reader options of Cobrix; names are compared without regard to case.

    Raises:
        ConfigurationError: options that contradict one another, values that are none, and, with ``pedantic``,
            options that Cobrix does not know or does not need; all of them at once.
    """
    given = Given(options)
    contradictions.refuse(given)
    translated = _translated(given)
    if given.flag("pedantic", default=False):
        for name in translated.unknown:
            given.refuse(name, f"'{name}' is unknown, or of no use beside the other options", _remedy(name))
    if given.problems:
        raise ConfigurationError(given.problems)
    return translated


_TRIMS = {"both": "both", "left": "left", "right": "right", "none": "none", "keep_all": "keep"}
_FLOATS = {
    "IBM": "ibm",
    "IBM_little_endian": "ibm-little",
    "IEEE754": "ieee",
    "IEEE754_little_endian": "ieee-little",
}
_DEBUGS: dict[str, Debug | None] = {
    "none": None,
    "false": None,
    "hex": "hex",
    "true": "hex",
    "raw": "raw",
    "binary": "raw",
    "string": "string",
}
_FILLERS: dict[tuple[bool, bool], Fillers] = {  # (groups, fields) dropped
    (False, True): "groups",
    (False, False): "keep",
    (True, True): "drop",
    (True, False): "fields",
}
_FILLER_NAMES: dict[str, FillerNames] = {"sequence_numbers": "numbers", "previous_field_name": "previous"}
_METADATA = {"false": None, "basic": None, "extended": None}
_ALL_COLUMNS = (1, 100_000)  # of a copybook line


def _translated(given: Given) -> Translated:
    given.choice("metadata", _METADATA, default=None)
    values = {
        "profile": "cobrix",
        "columns": "nested",
        "keep_root": given.choice(
            "schema_retention_policy", {"collapse_root": False, "keep_original": True}, default=False
        ),
        "shift_after_tables": table_sizes(given) != "fixed",
        "counts": _counts(given),
        "segments": segments(given),
        "add": _columns(given),
        **_copybook(given),
        **records(given),
        **_values(given),
    }
    dropped = given.flag("drop_group_fillers", default=False), given.flag("drop_value_fillers", default=True)
    return Translated(
        values=values,
        paths=_files(given.text("data_paths") or given.text("paths") or given.text("path")),
        copybooks=_files(given.text("copybooks") or given.text("copybook")),
        copybook_text=given.verbatim("copybook_contents"),
        fillers=_FILLERS[dropped],
        filler_names=given.choice("filler_naming_policy", _FILLER_NAMES, default="numbers"),
        debug=_debug(given),
        non_terminals=tuple(map(column, listed(given.text("non_terminals")))),
        nulls=NullsAs(
            text_as_spaces=given.flag("write_null_strings_as_spaces", default=False),
            display_as_zeros=given.flag("write_null_display_numbers_as_zeros", default=False),
            packed_as_zeros=given.flag("write_null_comp3_numbers_as_zeros", default=False),
        ),
        strict_schema=given.flag("strict_schema", default=True),
        pad_records=table_sizes(given) == "pad",
        ignored=tuple(name for name in given.names if name in (*_SPARK_ONLY, *_WITHOUT_EFFECT)),
        unknown=_useless(given),
    )


def _debug(given: Given) -> Debug | None:
    debug = given.choice("debug", _DEBUGS, default=None)
    if debug == "string" and not is_text(given):
        given.refuse("debug", "'debug=string' is for text files", "use 'debug=hex', or 'record_format=D'")
    return debug


def _files(text: str | None) -> tuple[str, ...]:
    """Return the names of files that stand in an option; Spark may have them as URIs."""
    return tuple(name.removeprefix("file://") for name in listed(text))


def _copybook(given: Given) -> dict[str, object]:
    """Return which columns of a copybook are program text."""
    if not given.flag("truncate_comments", default=True):
        return {"copybook_columns": _ALL_COLUMNS, "copybook_format": "fixed"}
    if "comments_lbound" not in given and "comments_ubound" not in given:
        return {}
    before = given.number("comments_lbound", default=6, least=0) or 0
    last = given.number("comments_ubound", default=72, least=1)
    return {"copybook_columns": (before + 1, last), "copybook_format": "fixed"}


def _values(given: Given) -> dict[str, object]:
    """Return how bytes become values."""
    encodings = {"ebcdic": "ebcdic", "ascii": "ascii"}
    encoding = given.choice("encoding", encodings, default="ascii" if is_text(given) else "ebcdic")
    if "ebcdic_code_page_class" in given:
        given.refuse(
            "ebcdic_code_page_class",
            "classes of the JVM cannot be loaded",
            "name a page with 'ebcdic_code_page', or write its 256 characters into a file for our `code_page_table`",
        )
    charset, page = given.text("ascii_charset") or "utf-8", given.text("ebcdic_code_page") or "common"
    return {
        "encoding": encoding,
        "code_page": page if encoding == "ebcdic" else charset,
        "field_code_pages": _field_code_pages(given),
        "national_endian": endian(given, "is_utf16_big_endian", big=True),
        "floats": given.choice("floating_point_format", _FLOATS, default="ibm"),
        "trim": given.choice("string_trimming_policy", _TRIMS, default="both"),
        "blanks_are_null": given.flag("improved_null_detection", default=True),
        "strict_signs": given.flag("strict_sign_overpunching", default=True),
        "numbers_as_text": given.flag("display_pic_always_string", default=False),
        "exact_integers": given.flag("strict_integral_precision", default=False),
        "binary_as_hex": given.flag("binary_as_hex", default=False),
    }


def _field_code_pages(given: Given) -> dict[str, tuple[str, ...]]:
    pages = {name.partition(":")[2].strip(): fields for name, fields in given.family("field_code_page:").items()}
    return {page: tuple(map(column, listed(fields))) for page, fields in pages.items() if page}


def _counts(given: Given) -> dict[str, dict[str, int]]:
    """Return for tables how many elements a value of the field that they depend on stands for."""
    counts: dict[str, dict[str, int]] = {}
    for table, values in given.document("occurs_mappings").items():
        if isinstance(values, dict) and all(type(count) is int for count in values.values()):
            counts[column(table)] = values
        else:
            given.refuse("occurs_mappings", f"'{table}' has counts that are not whole numbers")
    return counts


def _columns(given: Given) -> Columns:
    numbered = given.flag("generate_record_id", default=False)
    return Columns(
        file=given.text("with_input_file_name_col"),
        file_id="File_Id" if numbered else None,
        record_id="Record_Id" if numbered else None,
        record_length="Record_Byte_Length" if numbered else None,
        record_bytes="Record_Bytes" if given.flag("generate_record_bytes", default=False) else None,
        unreadable="_corrupt_fields" if given.flag("generate_corrupt_fields", default=False) else None,
    )


_OF_STREAMS = (
    *RDW,
    *HEADER_PARSER,
    "re_additional_info",
    "record_length_map",
    "enable_indexes",
    "enable_index_cache",
    "input_split_records",
    "input_split_size_mb",
    "input_split_size_compressed_mb",
    "improve_locality",
    "optimize_allocation",
)
_OF_BLOCKS = ("is_bdw_big_endian", "bdw_adjustment", "block_length", "records_per_block")
_OF_SEGMENTS = ("segment_filter", "segment_id_prefix", "redefine_segment_id_map", "redefine-segment-id-map")


def _useless(given: Given) -> tuple[str, ...]:
    """Return the options that Cobrix does not know, or does not look at beside the others."""
    useless: tuple[str, ...] = () if as_stream(given) else _OF_STREAMS
    useless += () if record_format(given) in ("FB", "VB") else _OF_BLOCKS
    useless += () if "segment_field" in given else _OF_SEGMENTS
    known = {*NAMES, *(f"segment_id_level{number}" for number in range(len(levels(given))))}.difference(useless)
    families = tuple(family for family in FAMILIES if family not in useless)
    return tuple(name for name in given.names if name not in known and not name.startswith(families))


def _remedy(name: str) -> str:
    return "leave it out" if name in NAMES or name.startswith(FAMILIES) else did_you_mean(name, NAMES)
