"""What was read of a file against what its trailer says: the number of records, and totals of fields."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Context, Decimal, InvalidOperation
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from adapters.mainframe.chunks import Ends
from adapters.mainframe.columns import addresses
from adapters.mainframe.copybook import naming
from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.options import Reconcile
from adapters.mainframe.reader import ReadBatch
from foundation.errors import ConfigurationError, Location, Problem, SourceError, did_you_mean

_EXACT = Context(prec=100)  # digits: more than the rows of any file can sum to
_REMEDY = "have it delivered again, complete; nothing of this read counts"


class Reconciliation:
    """Holds files against their trailers while they are read."""

    def __init__(self, wanted: Reconcile, layout: Layout, schema: pa.Schema) -> None:
        """Prepare.

        Args:
            wanted: what is held against what.
            layout: of a record, with its trailer.
            schema: of the rows.

        Raises:
            ConfigurationError: there is no trailer, it has no such field, or the rows have no such number.
        """
        self._wanted = wanted
        self._totals: defaultdict[Path, dict[str, Decimal]] = defaultdict(
            lambda: dict.fromkeys(wanted.sums, Decimal(0))
        )
        self._has_header = layout.header is not None
        if problems := list(_problems(wanted, layout, schema)):
            raise ConfigurationError(problems)

    def checked(
        self, batches: Iterable[ReadBatch], paths: Sequence[Path], ends: Mapping[Path, Ends]
    ) -> Iterator[ReadBatch]:
        """Yield the batches, and raise at the end if a file is not what its trailer says.

        Args:
            batches: all rows of the files.
            paths: the files.
            ends: headers and trailers, known once the batches have been read.

        Raises:
            SourceError: a file has no trailer, or another number of records or another total than that says.
        """
        for batch in batches:
            totals = self._totals[batch.file]
            for field, column in self._wanted.sums.items():
                totals[field] = _EXACT.add(totals[field], _sum(_leaf(batch.rows, column)))
            yield batch
        if problems := [problem for path in paths for problem in self._differences(path, ends.get(path, Ends()))]:
            raise SourceError(problems)

    def _differences(self, path: Path, ends: Ends) -> Iterator[Problem]:
        """Yield what of a file is not as its trailer says."""
        if ends.trailer is None or ends.records is None:
            yield Problem(location=Location(file=path), message="there is no trailer record", remedy=_REMEDY)
            return
        count = ends.records
        if self._wanted.count_of == "records":
            count -= 2 if self._has_header else 1
        found = [(self._wanted.count, Decimal(count), f"the file has {count} records")] if self._wanted.count else []
        for field, column in self._wanted.sums.items():
            total = self._totals[path][field]
            found.append((field, total, f"{column} adds up to {total:f} in the rows read"))
        for field, number, what in found:
            said = _number(ends.trailer.column(field)[0].as_py())
            if said != number:
                told = "no number" if said is None else f"{said:f}"
                yield Problem(
                    location=Location(file=path),
                    path=field,
                    message=f"the trailer says {told}, and {what}",
                    remedy=_REMEDY,
                )


def _problems(wanted: Reconcile, layout: Layout, schema: pa.Schema) -> Iterator[Problem]:
    if layout.trailer is None or layout.profile.name == "cobrix":
        yield Problem(
            path="reconcile", message="there is no trailer record to look at", remedy="name it in `trailer_record`"
        )
        return
    trailer = [output.name for output in naming.outputs([layout.trailer], "names", layout.profile)]
    for path, field in [("count", wanted.count), *(("sums", field) for field in wanted.sums)]:
        if field is not None and field not in trailer:
            yield Problem(
                path=f"reconcile.{path}",
                message=f"the trailer has no field '{field}'",
                remedy=did_you_mean(field, trailer),
            )
    columns = {path: kind for field in schema for path, kind in addresses(field.name, field.type)}
    numbers = [name for name, kind in columns.items() if pa.types.is_integer(kind) or pa.types.is_decimal(kind)]
    for field, column in wanted.sums.items():
        if column not in numbers:
            what = "is no exact number" if column in columns else "is not there"
            yield Problem(
                path=f"reconcile.sums.{field}",
                message=f"the column '{column}' {what}",
                remedy=did_you_mean(column, numbers),
            )


def _leaf(rows: pa.RecordBatch, path: str) -> pa.Array:
    """Return the values at a path such as ``ITEMS[*].PRICE``, which ``addresses`` gave for the schema."""
    array: pa.Array = pa.StructArray.from_arrays(rows.columns, fields=list(rows.schema))
    while path:
        if path.startswith("[*]"):
            array, path = array.flatten(), path[3:].removeprefix(".")
            continue
        # a name may hold a period itself: GROUP.NAME
        name = max((f.name for f in array.type if _begins(path, f.name)), key=len)
        array, path = pc.struct_field(array, [array.type.get_field_index(name)]), path[len(name) :].removeprefix(".")
    return array


def _begins(path: str, name: str) -> bool:
    return path.startswith(name) and path[len(name) : len(name) + 1] in ("", ".", "[")


def _sum(array: pa.Array) -> Decimal:
    """Return the exact sum of numbers, without the nulls among them."""
    scale = array.type.scale if pa.types.is_decimal(array.type) else 0
    total = pc.sum(array.cast(pa.decimal256(76, scale))).as_py()
    return Decimal(0) if total is None else total


def _number(value: object) -> Decimal | None:
    """Return the number that a field of a trailer holds, as text too."""
    try:
        return None if value is None else Decimal(str(value).strip())
    except InvalidOperation:
        return None
