"""The ``read:`` section of a mapping with ``adapter: mainframe``; ``voeg copybook`` takes the same options."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from adapters.base import ReadOptions
from adapters.mainframe.profile import Endian, Floats, Trim

RecordFormat = Literal["F", "FB", "V", "VB", "VBS", "text", "length-field", "counted"]


class Segments(BaseModel):
    """Records of several kinds in one file, told apart by a field."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    field: str | None = None  # the discriminator
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)  # a REDEFINES group: the values that choose it
    when: dict[str, str] = Field(default_factory=dict)  # a REDEFINES group: the condition under which it holds
    only: tuple[str, ...] | None = None  # read the records with these values of ``field``, and no others
    children: dict[str, tuple[str, ...]] = Field(default_factory=dict)  # a parent group: the groups below it
    as_: Literal["columns", "nested", "table"] = Field(default="columns", alias="as")
    table: str | None = None  # with ``as: table``: the group whose records are rows
    levels: tuple[tuple[str, ...], ...] = ()  # values of ``field`` per level, root first; ``_`` for all others
    id_prefix: str | None = None  # of the generated ids of ``levels``


class Columns(BaseModel):
    """Columns that no field of the copybook fills, by the name that each gets; not asked for: not there."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    file: str | None = None  # name of the file
    file_id: str | None = None  # number of the file within the read, from 0
    record_id: str | None = None  # number of the record within its file, from 0
    record_length: str | None = None  # bytes
    record_bytes: str | None = None  # the record as it came, without its descriptor
    unreadable: str | None = None  # list of {field, raw_value}: what of this record could not be read


class MainframeOptions(ReadOptions):
    """The ``read:`` section of a mapping with ``adapter: mainframe``."""

    # What is read
    path: str  # a file or a glob, relative to the estate; the files together are one snapshot
    copybook: str | tuple[str, ...]  # relative to the estate; several are one record, their 01 levels REDEFINE
    copy_folder: str | None = None  # where COPY finds its members; default: beside the copybook
    copybook_format: Literal["auto", "fixed", "free"] = "auto"
    copybook_columns: tuple[PositiveInt, PositiveInt] | None = None  # first and last column of text; default 7 and 72
    compression: Literal["auto", "none", "gzip", "bz2", "xz", "zstd"] = "auto"

    # Records
    profile: Literal["ibm", "cobrix"] = "ibm"
    record_format: RecordFormat = "F"
    record_length: PositiveInt | None = None  # default: of the copybook
    block_length: PositiveInt | None = None  # FB
    records_per_block: PositiveInt | None = None  # FB
    rdw_endian: Endian = "big"
    rdw_includes_itself: bool = True  # whether the length in a record descriptor counts its own four bytes
    rdw_adjustment: int = 0  # added to the length that a record descriptor gives
    bdw_endian: Endian = "big"
    bdw_includes_itself: bool = True
    bdw_adjustment: int = 0
    length_field: str | None = None  # a field, or an expression of fields: ``LEN * 2 + 4``
    length_map: dict[str, PositiveInt] = Field(default_factory=dict)  # value of the length field: bytes
    framing: str | None = None  # name of a registered function that finds the records
    framing_options: str = ""  # handed to it as they are
    minimum_length: PositiveInt = 1  # shorter records are left out, and counted
    maximum_length: PositiveInt | None = None  # longer ones likewise
    partial_record: Literal["refuse", "keep", "drop"] = "refuse"  # at the end of a file
    skip_start: NonNegativeInt = 0  # bytes of the file before its records
    skip_end: NonNegativeInt = 0
    record_start: NonNegativeInt = 0  # bytes of each record before its fields
    record_end: NonNegativeInt = 0
    header_record: str | None = None  # level 01 that stands once, at the start of the file
    trailer_record: str | None = None
    segments: Segments | None = None

    # Values
    encoding: Literal["ebcdic", "ascii"] = "ebcdic"
    code_page: str | None = None  # default cp037; of ASCII data its character set, default us-ascii
    code_page_table: str | None = None  # a file of 256 characters, relative to the estate
    field_code_pages: dict[str, tuple[str, ...]] = Field(default_factory=dict)  # a code page: the fields in it
    national_endian: Endian = "big"
    native_endian: Endian = "big"  # COMP-5
    floats: Floats = "ibm"
    trim: Trim = "both"
    controls: Literal["blank", "keep"] = "blank"
    blanks_are_null: bool = True
    strict_signs: bool = True
    invalid: Literal["null", "refuse"] = "null"  # numbers that are none
    numbers_as_text: bool = False
    exact_integers: bool = False
    binary_as_hex: bool = False
    shift_after_tables: bool = True
    counts: dict[str, dict[str, NonNegativeInt]] = Field(default_factory=dict)  # a table: its DEPENDING ON values

    # Columns
    columns: Literal["names", "nested", "flattened"] = "names"
    keep_root: bool = False  # nested: keep the 01 level as a column
    fillers: Literal["drop", "keep", "groups"] = "drop"  # groups: keep FILLER groups that hold named fields
    add: Columns = Columns()

    # People come from Cobrix
    cobrix_options: dict[str, str] = Field(default_factory=dict)

    workers: Annotated[PositiveInt, Field(le=64)] = 1  # processes that decode parts of the files side by side
