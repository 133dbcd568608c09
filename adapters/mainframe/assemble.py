"""From options to how values are read and where they stand."""

from __future__ import annotations

from pathlib import Path

from adapters import paths
from adapters.mainframe.copybook import placing
from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.options import MainframeOptions
from adapters.mainframe.profile import Profile

_DEFAULT_PAGES = {("ibm", "ebcdic"): "cp037", ("cobrix", "ebcdic"): "common"}


def profile_of(options: MainframeOptions, base: Path = Path()) -> Profile:
    """Return how values are to be read; ``base`` is the estate folder, for the table of a code page."""
    page = options.code_page or _DEFAULT_PAGES.get((options.profile, options.encoding), "us-ascii")
    return Profile(
        name=options.profile,
        encoding=options.encoding,
        code_page=page,
        code_page_table=paths.resolve(options.code_page_table, base) if options.code_page_table else None,
        field_code_pages=tuple((field, name) for name, fields in options.field_code_pages.items() for field in fields),
        national=options.national_endian,
        floats=options.floats,
        native=options.native_endian,
        trim=options.trim,
        controls=options.controls,
        blanks_are_null=options.blanks_are_null,
        strict_signs=options.strict_signs,
        numbers_as_text=options.numbers_as_text,
        exact_integers=options.exact_integers,
        binary_as_hex=options.binary_as_hex,
        shift_after_tables=options.shift_after_tables,
        counts=tuple((table, tuple(values.items())) for table, values in options.counts.items()),
    )


def layout_of(options: MainframeOptions, base: Path) -> Layout:
    """Return the layout of a record.

    Raises:
        ConfigurationError: a copybook cannot be read or has problems; all are listed with line and column.
    """
    return placing.load(
        copybooks_of(options, base),
        profile_of(options, base),
        shape=options.columns,
        keep_root=options.keep_root,
        fillers=options.fillers,
        header=options.header_record,
        trailer=options.trailer_record,
        copy_folder=paths.resolve(options.copy_folder, base) if options.copy_folder else None,
        format=options.copybook_format,
        columns=options.copybook_columns,
        decimal_comma=options.decimal_comma,
    )


def copybooks_of(options: MainframeOptions, base: Path) -> list[Path]:
    """Return the files of the copybooks."""
    names = (options.copybook,) if isinstance(options.copybook, str) else options.copybook
    return [paths.resolve(name, base) for name in names]
