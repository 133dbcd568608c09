"""The ``read:`` section of a mapping with ``adapter: mainframe``; ``voeg copybook`` takes the same options.

The text below each option is its help on the command line.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, field_validator

from adapters.base import ReadOptions
from adapters.delivery import Delivery
from adapters.mainframe.profile import Endian, Floats, Trim
from foundation.errors import ConfigurationError, Problem

RecordFormat = Literal["F", "FB", "V", "VB", "VS", "VBS", "text", "length-field", "counted"]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        populate_by_name=True,
    )


class Segments(_Section):
    """Records of several kinds in one file, told apart by a field."""

    field: str | None = None
    """the field that tells the kind of a record"""
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """a REDEFINES group: the values of `field` for which it holds"""
    when: dict[str, str] = Field(default_factory=dict)
    """a REDEFINES group: the condition under which it holds, e.g. `in(KIND, 'A', null)`"""
    only: tuple[str, ...] | None = None
    """read the records with these values of `field`, and no others"""
    children: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """a parent group: the groups whose records follow it and belong to it"""
    as_: Literal["columns", "nested", "table"] = Field(default="columns", alias="as")
    """one row per record with a column per group, one row per root with lists of children, or one group as a table"""
    table: str | None = None
    """with `as: table`: the group whose records are the rows"""
    levels: tuple[tuple[str, ...], ...] = ()
    """values of `field` per level, root first, for generated ids; `_` is every other value"""
    id_prefix: str | None = None
    """what generated ids begin with"""


class Reconcile(_Section):
    """What the trailer of a file says of its records; a read that finds anything else fails."""

    count: str | None = None
    """the field of the trailer that says how many records the file has"""
    count_of: Literal["records", "all"] = "records"
    """whether that counts the records between header and trailer, or these two as well"""
    sums: dict[str, str] = Field(default_factory=dict)
    """a field of the trailer that is a total, and the column that it is the total of, as mappings address it"""


class Columns(_Section):
    """Columns that no field of the copybook fills, by the name that each gets; without a name it is not there."""

    file: str | None = None
    """name of the file"""
    file_id: str | None = None
    """number of the file within the read, from 0"""
    record_id: str | None = None
    """number of the record within its file, from 0"""
    record_length: str | None = None
    """bytes of the record"""
    record_bytes: str | None = None
    """the record as it came, without its descriptor"""
    conditions: dict[str, str] | None = None
    """a field with level 88 names: the column that says which of them holds"""
    unreadable: str | None = None
    """what of this record could not be read: a list of `field_name` and `raw_value`"""


class MainframeOptions(ReadOptions):
    """The ``read:`` section of a mapping with ``adapter: mainframe``."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    # What is read
    path: str
    """a file or a glob, relative to the estate; the files together are one snapshot"""
    copybook: str | tuple[str, ...]
    """the copybook, relative to the estate; of several, the 01 levels redefine one another"""
    copy_folder: str | None = None
    """where COPY finds its members; beside the copybook if not given"""
    copybook_format: Literal["auto", "fixed", "free"] = "auto"
    """the reference format of the copybook"""
    copybook_columns: tuple[PositiveInt, PositiveInt] | None = None
    """first and last column of program text; 7 and 72 if not given"""
    decimal_comma: bool = False
    """whether point and comma change places in pictures, as DECIMAL-POINT IS COMMA has it in the program"""
    compression: Literal["auto", "none", "gzip", "bz2", "xz", "zstd"] = "auto"
    """how the files are compressed; `auto` looks at their first bytes"""
    delivery: Delivery | None = None
    """from which server files come, which of them are read, and what must hold before"""

    # Records
    profile: Literal["ibm", "cobrix"] = "ibm"
    """whose rules hold where the two differ"""
    record_format: RecordFormat = "F"
    """how one record is told from the next"""
    record_length: PositiveInt | None = None
    """bytes of a record of format F or FB; as the copybook says if not given"""
    block_length: PositiveInt | None = None
    """bytes of a block of format FB"""
    records_per_block: PositiveInt | None = None
    """records in a block of format FB"""
    rdw_endian: Endian = "big"
    """byte order of record descriptors"""
    rdw_includes_itself: bool = True
    """whether the length in a record descriptor counts its own four bytes"""
    rdw_adjustment: int = 0
    """added to the length in a record descriptor"""
    bdw_endian: Endian = "big"
    """byte order of block descriptors"""
    bdw_includes_itself: bool = True
    """whether the length in a block descriptor counts its own four bytes"""
    bdw_adjustment: int = 0
    """added to the length in a block descriptor"""
    line_end: Literal["lf", "any"] = "lf"
    """with `text`: what ends a line: LF or CR LF, or CR alone too"""
    length_field: str | None = None
    """with `length-field`: the field that holds the length, or an expression such as `LEN * 2 + 4`"""
    length_map: dict[str, PositiveInt] = Field(default_factory=dict)
    """with `length-field`: the value of the field and the bytes of the record"""
    framing: str | None = None
    """name of a registered function that finds the records"""
    framing_options: str = ""
    """text for that function"""
    minimum_length: PositiveInt = 1
    """shorter records are left out, and counted"""
    maximum_length: PositiveInt | None = None
    """longer records are left out, and counted"""
    partial_record: Literal["refuse", "keep", "drop"] = "refuse"
    """what happens with a last record that is cut off"""
    skip_start: NonNegativeInt = 0
    """bytes before the first record of a file"""
    skip_end: NonNegativeInt = 0
    """bytes after the last record of a file"""
    record_start: NonNegativeInt = 0
    """bytes of a record before its first field"""
    record_end: NonNegativeInt = 0
    """bytes of a record after its last field"""
    header_record: str | None = None
    """the level 01 that stands once, at the start of a file"""
    trailer_record: str | None = None
    """the level 01 that stands once, at the end of a file"""
    reconcile: Reconcile | None = None
    """what the trailer says of the records"""
    segments: Segments | None = None
    """records of several kinds, see below"""

    # Values
    encoding: Literal["ebcdic", "ascii"] = "ebcdic"
    """of text and DISPLAY numbers"""
    code_page: str | None = None
    """the EBCDIC code page of text, `cp037` if not given; of ASCII data its character set, else `us-ascii`"""
    code_page_table: str | None = None
    """a code page of your own: a file with its 256 characters, or a mapping table of unicode.org or ICU"""
    field_code_pages: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """a code page and the fields that are written in it"""
    national_endian: Endian = "big"
    """byte order of NATIONAL text"""
    native_endian: Endian = "big"
    """byte order of COMP-5"""
    floats: Floats = "ibm"
    """how COMP-1 and COMP-2 are stored"""
    trim: Trim = "both"
    """ends of a text that lose their spaces; `keep` leaves low-values too"""
    controls: Literal["blank", "keep"] = "blank"
    """what becomes of characters that cannot be printed"""
    blanks_are_null: bool = True
    """whether a field of nothing but spaces, low-values or high-values is null"""
    strict_signs: bool = True
    """whether a sign is read only where the picture has one"""
    invalid: Literal["count", "refuse"] = "count"
    """numbers that are none: null in the rows and counted, or the end of the read"""
    numbers_as_text: bool = False
    """whether DISPLAY numbers stay text"""
    exact_integers: bool = False
    """whether integers become decimals of just their digits"""
    binary_as_hex: bool = False
    """whether binary bytes become hexadecimal text"""
    shift_after_tables: bool = True
    """whether what stands behind a table DEPENDING ON moves up when the table is short"""
    counts: dict[str, dict[str, NonNegativeInt]] = Field(default_factory=dict)
    """a table, and for values of its DEPENDING ON field the number of elements"""

    # Columns
    columns: Literal["names", "nested", "flattened"] = "names"
    """a column per field, a struct per group, or a column per occurrence of every field"""
    keep_root: bool = False
    """with `nested`: whether the 01 level is a column"""
    fillers: Literal["drop", "keep", "groups"] = "drop"
    """FILLER: no columns, columns, or columns for those that hold named fields"""
    add: Columns = Columns()
    """columns that no field fills, see below"""

    # For those who come from Cobrix
    cobrix_options: dict[str, str] | None = None
    """reader options of Cobrix by their own names, in the stead of those above"""

    @field_validator("cobrix_options", mode="before")
    @classmethod
    def _as_spark_takes_them(cls, given: object) -> object:
        """Take ``true`` and ``4`` of YAML for the texts that they are in Spark."""
        if not isinstance(given, dict):
            return given
        return {name: _text(value) for name, value in given.items()}


def _text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def option_error(path: str, message: str, remedy: str) -> ConfigurationError:
    """Return the error of one option, whose ``path`` is as in the section: ``segments.children``."""
    return ConfigurationError(Problem(path=path, message=message, remedy=remedy))
