"""Commands about copybooks and the mainframe files that they describe; they need no estate.

``decode`` and ``probe`` take the options of a mapping's ``read:`` section, so that what is found out here can be
written there as it is.
"""

from __future__ import annotations

import inspect
import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, TypeVar, get_origin

import pyarrow as pa
import pyarrow.parquet
import typer
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from adapters.mainframe import assemble, codepages
from adapters.mainframe.cobrix.rows import json_lines
from adapters.mainframe.conversion import convert
from adapters.mainframe.copybook import describe
from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.options import MainframeOptions
from adapters.mainframe.probe import Discriminator, Fit, Guess, Probed, dump_of, fields_of
from adapters.mainframe.probe import probe as probe_file
from adapters.mainframe.reader import UnreadableValues
from adapters.mainframe.source import Source, Target
from foundation.errors import ConfigurationError, Problem, did_you_mean
from sync.cli.console import JsonOption, note, out, print_json, print_table, progress, reports_errors

copybook_app = typer.Typer(help="Work on copybooks and mainframe files.", no_args_is_help=True)

CopybookOption = Annotated[
    list[Path] | None,
    typer.Option("--copybook", metavar="FILE", help="The copybook; of several, the 01 levels redefine one another."),
]
CobrixOption = Annotated[
    list[str] | None,
    typer.Option("--cobrix-option", metavar="KEY=VALUE", help="A reader option of Cobrix by its own name; repeatable."),
]
FilesArgument = Annotated[list[Path] | None, typer.Argument(metavar="FILE...", help="The data, in this order.")]

_APART = ("path", "copybook", "cobrix_options", "delivery")  # have arguments of their own
_GUESSES = 4  # shown of each list
_PANEL = "Options of a mapping's read: section; sections and lists as YAML: '{field: KIND}', '[A, B]'"

Command = TypeVar("Command", bound=Callable[..., None])


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(copybook_app, name="copybook")


def takes_read_options(command: Command) -> Command:
    """Add one command line option per mainframe option; the command receives them as keywords, None if not given."""
    signature = inspect.signature(command, eval_str=True)
    own = [item for item in signature.parameters.values() if item.kind is not inspect.Parameter.VAR_KEYWORD]
    read = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None,
                typer.Option(
                    "--" + name.replace("_", "-"), metavar=_metavar(info.annotation), help=info.description,
                    rich_help_panel=_PANEL, show_default=False,
                ),
            ],
        )
        for name, info in MainframeOptions.model_fields.items()
        if name not in _APART
    ]  # fmt: skip
    command.__signature__ = signature.replace(parameters=[*own, *read])  # type: ignore[attr-defined]
    command.__annotations__ = {item.name: item.annotation for item in [*own, *read]}
    return command


def _metavar(annotation: Any) -> str:
    """Return what a person may write: the choices, or the type."""
    if get_origin(annotation) is Literal:
        return "|".join(annotation.__args__)
    if annotation is bool:
        return "true|false"
    return "INTEGER" if _holds(annotation, int) else "YAML" if not _holds(annotation, str) else "TEXT"


def _holds(annotation: Any, kind: type) -> bool:
    return annotation is kind or kind in getattr(annotation, "__args__", ())


def read_options(
    given: dict[str, str | None],
    *,
    path: str,
    copybooks: Sequence[Path] | None,
    cobrix_options: Sequence[str] | None,
) -> MainframeOptions:
    """Return the options that a command was given.

    Raises:
        ConfigurationError: every option that is not as it should be, with what is expected.
    """
    if not copybooks and not cobrix_options:
        raise ConfigurationError("no copybook", remedy="name it with --copybook FILE")
    values: dict[str, object] = {name: _parsed(name, text) for name, text in given.items() if text is not None}
    names = tuple(str(file.absolute()) for file in copybooks or ())
    values |= {"path": path, "copybook": names, "cobrix_options": _pairs(cobrix_options) if cobrix_options else None}
    try:
        return MainframeOptions.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(
            Problem(
                message=f"{_option(detail['loc'])}: {detail['msg'][0].lower()}{detail['msg'][1:]}", remedy="see --help"
            )
            for detail in error.errors(include_url=False, include_input=False)
        ) from None


def _option(place: Sequence[int | str]) -> str:
    first, *rest = [str(part) for part in place]
    return ".".join(["--" + first.replace("_", "-"), *rest])


def _parsed(name: str, text: str) -> object:
    """Return an option's value: a section or a list is YAML of which every scalar is text, the rest as it stands."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return YAML(typ="base").load(text)
    except YAMLError:
        raise ConfigurationError(
            f"{_option([name])}: not YAML", remedy="write sections as '{key: value}' and lists as '[a, b]'"
        ) from None


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    pairs = dict(text.partition("=")[::2] for text in texts)
    wrong = [text for text in texts if "=" not in text]
    if wrong:
        raise ConfigurationError(f"--cobrix-option {wrong[0]}: no value", remedy="write KEY=VALUE")
    return pairs


@copybook_app.command()
@reports_errors
@takes_read_options
def show(
    copybooks: Annotated[list[Path], typer.Argument(metavar="COPYBOOK...", help="One copybook, or several to merge.")],
    as_json: JsonOption = False,
    **given: str | None,
) -> None:
    """Show where every field of a record stands, and a ruler of its bytes."""
    layout = assemble.layout_of(read_options(given, path="", copybooks=copybooks, cobrix_options=None), Path.cwd())
    described = describe.describe(layout)
    if as_json:
        print_json(
            {
                "record": layout.name,
                "length": layout.length,
                "shortest": layout.shortest,
                "fields": [asdict(row) for row in described],
                "notes": layout.notes,
            }
        )
        return
    size = f"{layout.length:,} bytes"
    if layout.variable:
        size = f"{layout.shortest:,} to {size}"
    print_table(f"{layout.name}: {size}", *_table(described))
    out.print()
    for line in describe.ruler(described):
        out.print(line, style="dim" if line.startswith(" ") else None, markup=False, soft_wrap=True)
    for text in layout.notes:
        note(text)


def _table(described: Sequence[describe.Row]) -> tuple[list[str], list[list[object]]]:
    """Return the heads and rows of a layout; what no entry has is no column."""
    columns: dict[str, list[object]] = {
        "": [row.mark for row in described],
        "offset": [row.offset for row in described],
        "length": [row.length for row in described],
        "level": [f"{row.level:02d}" for row in described],
        "name": ["  " * row.depth + row.name for row in described],
        "type": [row.type if row.picture else None for row in described],
        "picture": [row.picture for row in described],
        "occurs": [row.occurs for row in described],
        "redefines": [row.redefines for row in described],
        "values": [", ".join(row.conditions) or None for row in described],
    }
    shown = {head: cells for head, cells in columns.items() if any(cell is not None for cell in cells)}
    rows = [["" if cell is None else cell for cell in row] for row in zip(*shown.values(), strict=True)]
    return list(shown), rows


@copybook_app.command()
@reports_errors
@takes_read_options
def decode(
    files: FilesArgument = None,
    *,
    copybook: CopybookOption = None,
    cobrix_option: CobrixOption = None,
    to: Annotated[Literal["jsonl", "parquet"], typer.Option("--to", help="The form of the answer.")] = "jsonl",
    output: Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Write to a file.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Stop after so many rows.")] = None,
    processes: Annotated[
        int,
        typer.Option("--processes", min=1, max=64, help="With Parquet: so many parts at a time, to a folder."),
    ] = 1,
    **given: str | None,
) -> None:
    """Decode mainframe files to JSON Lines (null fields left out) or Parquet. Shows personal data.

    With --cobrix-option everything is read as Cobrix reads it, and rows have the shape that it gives them.
    """
    if to == "parquet" and output is None:
        raise typer.BadParameter("Parquet is not text: name a file with --output", param_hint="--to")
    reading = _Reading(given, copybook, cobrix_option)
    if processes > 1:
        if to != "parquet" or output is None or limit is not None:
            raise typer.BadParameter("goes with --to parquet, and not with --limit", param_hint="--processes")
        reading.convert(files or [], output, processes)
        return
    total = 0
    with _writer(to, output) as write, progress() as bars:
        task = bars.add_task("decode", total=None)
        for batch in reading.batches(files or []):
            part = batch if limit is None else batch.slice(0, limit - total)
            write(part)
            total += part.num_rows
            bars.advance(task, part.num_rows)
            if total == limit:
                break
    reading.report()


def _data_files(given: Sequence[Path]) -> list[Path]:
    """Return the files, those of a folder by name; names that begin with ``.`` or ``_`` hold no data there."""
    found: list[Path] = []
    for path in given:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        found.extend(file for file in inside if file is path or (file.is_file() and file.name[0] not in "._"))
    return found


class _Reading:
    """A decode: what it reads, and what it could not."""

    def __init__(
        self, given: dict[str, str | None], copybooks: list[Path] | None, cobrix_options: list[str] | None
    ) -> None:
        self._options = read_options(given, path="", copybooks=copybooks, cobrix_options=cobrix_options)
        self._source = Source(self._options, Path.cwd())
        self._unreadable: dict[str, list[UnreadableValues]] = defaultdict(list)

    def batches(self, files: Sequence[Path]) -> Iterator[pa.RecordBatch]:
        """Yield the rows; at least one batch, so that an empty file has columns too."""
        data = self._data(files)
        yield pa.RecordBatch.from_pylist([], schema=self._source.schema)
        for batch in self._source.read(data):
            for values in batch.unreadable:
                self._unreadable[values.path].append(values)
            yield batch.rows

    def convert(self, files: Sequence[Path], output: Path, processes: int) -> None:
        """Write the rows to a folder by several processes, and report; a folder not finished is not left behind."""
        if output.exists():
            raise ConfigurationError(f"{output} is there already", remedy="name a folder that is not, for --processes")
        unfinished = output.with_name(output.name + ".part")
        try:
            unfinished.mkdir()
            for converted in convert(self._options, Path.cwd(), self._data(files), unfinished, processes):
                self._source.reader.counts.add(converted.counts)
                for values in converted.unreadable:
                    self._unreadable[values.path].append(values)
            unfinished.replace(output)
        except OSError as error:
            raise ConfigurationError(f"cannot write {output}: {error.strerror}") from None
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        self.report()

    def _data(self, files: Sequence[Path]) -> list[Path]:
        data = _data_files(files or [Path(name) for name in self._source.named])
        if not data:
            raise ConfigurationError("no data", remedy="name a file")
        return data

    def report(self) -> None:
        """Tell what was left out or could not be read."""
        for text in self._source.notes:
            note(text)
        counts = self._source.reader.counts
        for count, what in (
            (counts.filtered, "of other kinds"),
            (counts.too_short, "shorter than minimum_length"),
            (counts.too_long, "longer than maximum_length"),
            (counts.partial, "cut off at the end of their file"),
        ):
            if count:
                note(f"{count:,} records {what}")
        for path, found in self._unreadable.items():
            first = found[0]
            places = "; ".join(
                f"{place}: {content}" for place, content in zip(first.places, first.hexadecimal, strict=True)
            )
            note(f"{path}: {sum(values.count for values in found):,} values are no numbers; {places}")


@contextmanager
def _writer(to: str, output: Path | None) -> Iterator[Callable[[pa.RecordBatch], None]]:
    """Open what rows are written to."""
    if output is None:
        yield lambda batch: _write_lines(sys.stdout.buffer, batch)
        return
    with _finished(output) as file:
        if to == "jsonl":
            yield lambda batch: _write_lines(file, batch)
        else:
            with _Parquet(file) as parquet:
                yield parquet.write


@contextmanager
def _finished(output: Path) -> Iterator[BinaryIO]:
    """Open a file that gets its name when it is finished; what is not finished is not left behind."""
    unfinished = output.with_name(output.name + ".part")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(output)
    except OSError as error:
        raise ConfigurationError(f"cannot write {output}: {error.strerror}") from None
    finally:
        unfinished.unlink(missing_ok=True)


def _write_lines(file: BinaryIO, batch: pa.RecordBatch) -> None:
    file.write(json_lines(batch))


class _Parquet:
    """A Parquet file, opened when its columns are known."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._writer: pyarrow.parquet.ParquetWriter | None = None

    def __enter__(self) -> _Parquet:
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        if self._writer is None:
            self._writer = pyarrow.parquet.ParquetWriter(self._file, batch.schema, compression="zstd")
        self._writer.write_batch(batch)

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


@copybook_app.command("encode")
@reports_errors
@takes_read_options
def encode_rows(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The rows: JSON Lines, or Parquet (.parquet).")],
    *,
    copybook: CopybookOption = None,
    cobrix_option: CobrixOption = None,
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="The file of records.")],
    **given: str | None,
) -> None:
    """Encode rows as a mainframe file: what ``decode`` with the same options reads back."""
    options = read_options(given, path="", copybooks=copybook, cobrix_options=cobrix_option)
    target = Target(options, Path.cwd())
    total = 0
    with _finished(output) as written:
        for rows in _rows(file, target.layout.schema, options.batch_rows):
            written.write(target.encode(rows))
            total += rows.num_rows
    note(f"{total:,} records")


def _rows(file: Path, schema: pa.Schema, batch_rows: int) -> Iterator[pa.Table]:
    """Yield the rows of a file, so many at a time."""
    try:
        if file.suffix == ".parquet":
            with pyarrow.parquet.ParquetFile(file) as parquet:
                for batch in parquet.iter_batches(batch_rows):
                    yield pa.Table.from_batches([batch])
            return
        with file.open("rb") as lines:
            first = 0
            while some := list(islice(lines, batch_rows)):
                yield _table_of(some, schema, first)
                first += len(some)
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror or 'it is no Parquet file'}") from None


def _table_of(lines: Sequence[bytes], schema: pa.Schema, first: int) -> pa.Table:
    """Return lines of JSON as columns; decimals stay exact."""
    rows = []
    for number, line in enumerate(lines, start=first + 1):
        try:
            rows.append(json.loads(line, parse_float=Decimal))
        except ValueError:
            raise ConfigurationError(f"line {number}: not JSON", remedy="write one object on each line") from None
    names = set().union(*(row.keys() for row in rows if isinstance(row, dict)))
    unknown = sorted(names - set(schema.names))
    if unknown:
        remedy = did_you_mean(unknown[0], schema.names)
        raise ConfigurationError(f"the layout has no column '{unknown[0]}'", remedy=remedy)
    try:
        return pa.Table.from_pylist(rows, schema=schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError, AttributeError):
        last = first + len(lines)
        raise ConfigurationError(
            f"lines {first + 1} to {last}: a value is not of its column's type",
            remedy="hold them against `voeg copybook show`, or encode fewer lines to find the place",
        ) from None


@copybook_app.command()
@reports_errors
@takes_read_options
def probe(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The data.")],
    copybook: CopybookOption = None,
    records: Annotated[int, typer.Option("--records", min=0, max=100, help="Records to show.")] = 2,
    as_json: JsonOption = False,
    **given: str | None,
) -> None:
    """Look at the bytes of a file: which record format, which code page, does the copybook fit? Shows personal data.

    Options that are given are taken for known and not guessed.
    """
    known = {name: _parsed(name, text) for name, text in given.items() if text is not None}
    layout = None
    if copybook:
        options = read_options(given, path="", copybooks=copybook, cobrix_options=None)
        layout = assemble.layout_of(options, Path.cwd())
    found = probe_file(file, layout, known)
    if as_json:
        print_json(_probed_as_dict(found))
        return
    _print_probed(file, found)
    for number in range(min(records, len(found.records) if found.records else 0)):
        _print_record(found, layout, number)


def _print_probed(file: Path, found: Probed) -> None:
    size = f"{found.looked_at:,} bytes" + ("" if found.complete else " from its start")
    packed = "" if found.compression == "none" else f", compressed ({found.compression})"
    out.print(f"{file.name}: looked at {size}{packed}", markup=False)
    for title, guesses in (
        ("Encoding", found.encodings),
        ("Record format", found.framings),
        ("Code page", found.code_pages),
    ):
        rows = [
            (f"{guess.score:.2f}", ", ".join(f"{name}: {value}" for name, value in guess.options.items()), reason)
            for guess in guesses[:_GUESSES]
            for reason in ("\n".join(guess.reasons),)
        ]
        out.print()
        print_table(title, ("score", "options", "because"), rows)
    if not found.framings:
        note("no record format fits: give what is known, e.g. --skip-start for a header, or --copybook")
    if found.broken:
        note(f"the record format breaks off at {found.broken}")
    if found.discriminator:
        _print_kinds(found.discriminator)
    if found.fit:
        _print_fit(found.fit)
    out.print()
    print_table("In a mapping", ("option", "value"), [(name, str(value)) for name, value in found.options.items()])


def _print_kinds(found: Discriminator) -> None:
    last = found.offset + found.length - 1
    place = f"byte {found.offset}" if found.length == 1 else f"bytes {found.offset} to {last}"
    rows = [(kind.value, kind.records, kind.shortest, kind.longest) for kind in found.kinds]
    out.print()
    print_table(
        f"Kinds of records: {place} of a record tell how long it is ({found.certainty:.0%})",
        ("hex", "records", "shortest", "longest"),
        rows,
    )


def _print_fit(found: Fit) -> None:
    out.print()
    wrong = [field for field in found.fields if field.wrong]
    out.print(f"The copybook fits {found.share:.1%} of the values of {found.records:,} records", style="bold")
    if wrong:
        print_table(
            None,
            ("offset", "length", "field", "picture", "records", "wrong"),
            [(f.offset, f.length, f.path, f.description, f.records, f.wrong) for f in wrong],
        )
    if found.stops is None:
        return
    note(f"it stops fitting at byte {found.stops.offset}, with {found.stops.path}")
    if found.moved:
        side = "later" if found.moved > 0 else "earlier"
        what = "lacks" if found.moved > 0 else "has too many:"
        note(
            f"from there on the fields fit {abs(found.moved)} bytes {side}:"
            f" the copybook {what} {abs(found.moved)} bytes before {found.stops.path}"
        )


def _print_record(found: Probed, layout: Layout | None, number: int) -> None:
    records = found.records
    if records is None:
        return
    out.print()
    length = int(records.lengths[number])
    title = f"Record {number + 1}: {length:,} bytes"
    if layout is not None:
        shown = fields_of(records, layout, number)
        rows = [(field.offset, field.path, field.picture, field.hexadecimal, field.value) for field in shown]
        print_table(title, ("offset", "field", "picture", "hex", "value"), rows)
        return
    page = codepages.get(str(found.options.get("code_page", "cp037")))
    print_table(title, ("offset", "hex", "text"), dump_of(records, number, page))


def _probed_as_dict(found: Probed) -> dict[str, object]:
    def guesses(answers: Sequence[Guess]) -> list[dict[str, object]]:
        return [{"options": dict(a.options), "score": round(a.score, 3), "reasons": a.reasons} for a in answers]

    return {
        "looked_at": found.looked_at,
        "complete": found.complete,
        "compression": found.compression,
        "options": found.options,
        "encodings": guesses(found.encodings),
        "record_formats": guesses(found.framings),
        "code_pages": guesses(found.code_pages),
        "records": len(found.records) if found.records else 0,
        "breaks_off": found.broken,
        "kinds": asdict(found.discriminator) if found.discriminator else None,
        "fit": asdict(found.fit) if found.fit else None,
    }
