"""Layout and columns as Cobrix has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from adapters.mainframe import assemble
from adapters.mainframe.cobrix.options import Translated
from adapters.mainframe.copybook import parser, placing
from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.copybook.syntax import Copybook
from adapters.mainframe.options import MainframeOptions
from foundation.errors import ConfigurationError, Problem


def options_of(translated: Translated) -> MainframeOptions:
    """Return our options; the files and the copybook are given apart."""
    return translated.options(path="*", copybook="*")


def layout_of(translated: Translated, copybooks: Sequence[Path]) -> Layout:
    """Return the layout that the copybooks have for Cobrix.

    Args:
        translated: the options; they may name copybooks, or hold one.
        copybooks: copybooks given beside the options.

    Raises:
        ConfigurationError: there is no copybook, there are two answers which it is, or one has problems.
    """
    parsed = list(_copybooks(translated, copybooks))
    options = options_of(translated)
    return placing.compile_layout(
        parsed,
        assemble.profile_of(options),
        shape="nested",
        keep_root=options.keep_root,
        fillers=translated.fillers,
        filler_names=translated.filler_names,
        header=options.header_record,
        trailer=options.trailer_record,
        as_text=translated.non_terminals,
        debug=translated.debug,
    )


def _copybooks(translated: Translated, given: Sequence[Path]) -> Iterator[Copybook]:
    options = options_of(translated)
    names = [Path(name) for name in translated.copybooks]
    if given and (names or translated.copybook_text):
        message = "a copybook is given, and the options 'copybook', 'copybooks' or 'copybook_contents' name one, too"
        raise ConfigurationError(Problem(message=message, remedy="leave out one of them"))
    if translated.copybook_text is not None:
        yield parser.parse(
            translated.copybook_text,
            Path("copybook_contents"),
            format=options.copybook_format,
            columns=options.copybook_columns,
            lenient=True,
        )
        return
    files = [*given, *names]
    if not files:
        remedy = "name it by 'copybook', 'copybooks' or 'copybook_contents'"
        raise ConfigurationError(Problem(message="no copybook is given", remedy=remedy))
    for file in files:
        yield parser.load(file, format=options.copybook_format, columns=options.copybook_columns, lenient=True)


def columns(names: Sequence[str], layout: Layout, translated: Translated) -> list[str]:
    """Return the columns in Cobrix's order: numbers, bytes, file, segment ids, fields, what is corrupt."""
    added = options_of(translated).add
    fields = [output.name for output in layout.outputs if output.name in names]
    first = [added.file_id, added.record_id, added.record_length, added.record_bytes, added.file]
    known = {*first, *fields, added.unreadable}
    ids = [name for name in names if name not in known]
    return [name for name in [*first, *ids, *fields, added.unreadable] if name is not None]
