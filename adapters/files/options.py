"""The ``read:`` options of delivered files."""

from __future__ import annotations

import codecs
from typing import Annotated, Literal, Self

import pyarrow as pa
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, field_validator, model_validator

from adapters.base import ReadOptions
from adapters.files.json_types import arrow_type


class ColumnOptions(BaseModel):
    """One described column: a name alone (csv, tsv), with a place (fixed) or with a type (jsonl)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(min_length=1)
    start: int | None = Field(default=None, ge=1)  # fixed: the first character, counted from 1
    length: int | None = Field(default=None, ge=1)  # fixed: in characters, not bytes
    type: JsonValue = None  # jsonl: `string`, `decimal(12,2)`, {name: type} for an object, [type] for an array

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: JsonValue) -> JsonValue:
        if value is not None:
            arrow_type(value)
        return value

    @property
    def end(self) -> int:
        """Return the last character of a fixed column, counted from 1."""
        return (self.start or 1) + (self.length or 0) - 1


def _named(value: object) -> object:
    """Let a bare name stand for a column."""
    return {"name": value} if isinstance(value, str) else value


class FilesOptions(ReadOptions):
    """How to read one or more delivered files as one source."""

    format: Literal["csv", "tsv", "fixed", "jsonl"]
    path: str  # a glob; relative to the estate. All its files together are one snapshot, in order of their path
    encoding: str = "utf-8"  # any of Python's text encodings; a byte order mark is skipped
    delimiter: str | None = None  # csv: a comma unless given; tsv: a tab
    quote: str = '"'  # csv, tsv; "" when the file does not quote
    header: bool | None = None  # csv, tsv: the first line holds the names unless given; fixed: skip the first line
    columns: tuple[Annotated[ColumnOptions, BeforeValidator(_named)], ...] | None = None
    null_values: tuple[str, ...] = ("",)  # csv, tsv, fixed: texts that stand for "no value"

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
            return codecs.lookup(value).name
        except LookupError:
            raise ValueError(f"unknown encoding '{value}'; use a name such as utf-8, cp1252, latin-1") from None

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        """Hold every option against the format."""
        delimited = self.format in ("csv", "tsv")
        if not delimited and (self.delimiter is not None or "quote" in self.model_fields_set):
            raise ValueError(f"`delimiter` and `quote` do not belong to format {self.format}")
        if delimited and (len(self.separator) != 1 or not self.separator.isascii()):
            raise ValueError("`delimiter` must be one ASCII character")
        if delimited and self.quote and (len(self.quote) != 1 or not self.quote.isascii()):
            raise ValueError('`quote` must be one ASCII character, or "" for none')
        if self.format == "jsonl" and self.header is not None:
            raise ValueError("`header` does not belong to format jsonl")
        names = [column.name for column in self.columns or ()]
        if len(set(names)) < len(names):
            raise ValueError("`columns` names a column twice")
        if self.format == "fixed":
            if not self.columns or any(c.start is None or c.length is None for c in self.columns):
                raise ValueError("format fixed needs `columns`, each with name, start (from 1) and length")
        elif any(c.start is not None or c.length is not None for c in self.columns or ()):
            raise ValueError("`start` and `length` belong to format fixed only")
        if self.format == "jsonl" and any(c.type is None for c in self.columns or ()):
            raise ValueError("for format jsonl each of `columns` needs a type")
        if self.format != "jsonl" and any(c.type is not None for c in self.columns or ()):
            raise ValueError("`type` belongs to format jsonl only: here all columns are texts")
        if delimited and self.header is False and not self.columns:
            raise ValueError("a file without a header needs `columns`, the list of names")
        return self

    @property
    def separator(self) -> str:
        """Return the delimiter in force."""
        return self.delimiter if self.delimiter is not None else "\t" if self.format == "tsv" else ","

    @property
    def has_header(self) -> bool:
        """Return whether the first line of each file is a header."""
        return self.header if self.header is not None else self.format in ("csv", "tsv")

    def text_schema(self, names: list[str]) -> pa.Schema:
        """Return the schema of a format in which every column is a text."""
        return pa.schema([(name, pa.string()) for name in names])
