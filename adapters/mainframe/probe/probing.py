"""One look at a file: the questions in the order in which they can be answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.mainframe import files, framing
from adapters.mainframe.copybook import parser, placing
from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.framing import FramingError
from adapters.mainframe.options import MainframeOptions
from adapters.mainframe.probe.fit import Fit, fit
from adapters.mainframe.probe.framings import framings
from adapters.mainframe.probe.kinds import Discriminator, discriminator
from adapters.mainframe.probe.pages import code_pages, encodings
from adapters.mainframe.probe.places import placed_fields, side_by_side
from adapters.mainframe.probe.sample import SAMPLE_BYTES, Guess, Sample
from adapters.mainframe.records import Bytes, Records

_TEXT = frozenset({"text"})
_TEXT_RECORDS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What was found out about a file; every list begins with the likeliest."""

    compression: str
    looked_at: int  # bytes, decompressed
    complete: bool  # they are the whole file
    encodings: tuple[Guess, ...]
    framings: tuple[Guess, ...]
    code_pages: tuple[Guess, ...]  # empty: ASCII
    records: Records | None  # by the first framing; None: there is none
    broken: str | None  # why that framing does not lead to the end of what was looked at
    discriminator: Discriminator | None
    fit: Fit | None  # None: no copybook, or no framing

    @property
    def options(self) -> dict[str, object]:
        """The likeliest answers together, as a mapping's ``read:`` section takes them."""
        best: dict[str, object] = {}
        for guesses in (self.encodings, self.framings, self.code_pages):
            if guesses:
                best |= guesses[0].options
        return best


def probe(file: Path, layout: Layout | None, given: Mapping[str, object]) -> Probed:
    """Look at the start of a file.

    Args:
        file: the file; it may be compressed.
        layout: of the copybook that is thought to describe it, where there is one.
        given: options that are known already; they are not guessed.

    Raises:
        SourceUnavailable: the file cannot be opened.
        SourceError: it is compressed and damaged.
        ConfigurationError: ``given`` contradicts itself.
    """
    compression = files.compression_of(file)
    sample = _sample(file, compression, int(str(given.get("skip_start", 0))), int(str(given.get("skip_end", 0))))
    found_encodings = _unless(given, "encoding", encodings(sample))
    encoding = str(given.get("encoding") or found_encodings[0].options["encoding"])
    length = layout.length if layout is not None and not layout.variable else None
    found_framings = _unless(given, "record_format", framings(sample, record_length=length, encoding=encoding))
    best = {**(found_framings[0].options if found_framings else {}), **given, "encoding": encoding}
    records, broken = _records(sample, layout, best) if "record_format" in best else (None, None)
    pages: list[Guess] = []
    if encoding == "ebcdic":
        pages = _unless(given, "code_page", code_pages(_text(records, layout) if records and layout else sample.data))
    return Probed(
        compression=compression,
        looked_at=len(sample.data),
        complete=sample.complete,
        encodings=tuple(found_encodings),
        framings=tuple(found_framings),
        code_pages=tuple(pages),
        records=records,
        broken=broken,
        discriminator=discriminator(records) if records else None,
        fit=fit(records, layout) if records and layout else None,
    )


def _unless(given: Mapping[str, object], name: str, guesses: list[Guess]) -> list[Guess]:
    """Return the guesses, or what was given in their stead."""
    if name not in given:
        return guesses
    return [Guess(options={name: given[name]}, score=1.0, reasons=("given",))]


def _sample(file: Path, compression: files.Compression, skip_start: int, skip_end: int) -> Sample:
    with files.Blocks(file, compression, start=skip_start, without_end=skip_end, size=SAMPLE_BYTES) as blocks:
        data, final = blocks.next()
        size = files.size_of(file) - skip_start - skip_end if compression == "none" else None
        return Sample(data=data.copy(), complete=final, size=size)


def _records(sample: Sample, layout: Layout | None, options: Mapping[str, object]) -> tuple[Records | None, str | None]:
    """Return the records of the sample; where the framing breaks off, those before it, and why."""
    known = {name: value for name, value in options.items() if name in MainframeOptions.model_fields}
    made = MainframeOptions.model_validate({**known, "path": "sample", "copybook": "sample"})
    make = framing.make(made, layout or _bytes_only(made.record_length or 1))
    try:
        return make(None).records(sample.data, final=sample.complete).records, None
    except FramingError as error:
        broken = f"byte {error.position:,}: {error.message}"
        whole = sample.data[: error.position]
    try:
        return make(None).records(whole, final=False).records, broken
    except FramingError:
        return None, broken


def _bytes_only(length: int) -> Layout:
    """Return a layout of nothing but bytes, where there is no copybook."""
    text = f"       01 RECORD.\n          05 BYTES PIC X({length}).\n"
    return placing.compile_layout([parser.parse(text, Path("record"))])


def _text(records: Records, layout: Layout) -> Bytes:
    """Return the bytes of the text fields at fixed places, and all that stands behind those where tables vary."""
    some = records.only(np.arange(min(_TEXT_RECORDS, len(records))))
    rows = side_by_side(some, layout.length)
    placed = placed_fields(layout)
    parts = [
        np.pad(rows[:, item.offset : item.offset + item.field.length], ((0, 0), (1, 1)), constant_values=0x40).ravel()
        for item in placed
        if item.field.encoding in _TEXT
    ]
    if layout.variable:
        behind = max((item.offset + item.field.length for item in placed), default=0)
        parts.append(rows[:, behind:][np.arange(behind, layout.length) < some.lengths[:, None]])
    return np.concatenate(parts) if parts else np.empty(0, np.uint8)
