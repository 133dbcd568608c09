"""From options to a framing: the record formats by name, and framings that others have registered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points

from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.framing.base import Framing
from adapters.mainframe.framing.counted import Counted
from adapters.mainframe.framing.described import Described, FixedInBlocks
from adapters.mainframe.framing.descriptors import Descriptor
from adapters.mainframe.framing.fixed import Fixed, FixedBlocks
from adapters.mainframe.framing.lengths import ByLength, length_of
from adapters.mainframe.framing.text import CutLines, Lines
from adapters.mainframe.options import MainframeOptions, option_error
from foundation.errors import did_you_mean

ENTRY_POINTS = "voeg.framings"
"""Group of entry points in which a package offers framings: a name, and an object that ``register`` would take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a framing of one's own may want to know."""

    options: str  # ``framing_options``, as they are
    layout: Layout
    record_length: int  # bytes of a record as the options or else the copybook say
    file_size: int | None  # bytes of the file; None where it is compressed


Factory = Callable[[Context], Framing]
"""Makes a framing for one pass over one file."""

_registered: dict[str, Factory] = {}


def register(name: str, factory: Factory) -> None:
    """Let ``framing: name`` find records by what ``factory`` makes; other processes need an entry point."""
    _registered[name] = factory


def make(options: MainframeOptions, layout: Layout) -> Callable[[int | None], Framing]:
    """Return what makes a framing for a file, given its size (None where that is not known).

    Raises:
        ConfigurationError: options contradict one another, or name a field or a framing that is not there.
    """
    if options.framing is not None:
        return _custom(options, layout)
    build = _FORMATS[options.record_format](options, layout)
    return lambda _: build()


def record_length(options: MainframeOptions, layout: Layout) -> int:
    """Return the bytes of a record of one length, with what stands around its fields."""
    inner = options.record_length
    if inner is None:
        inner = layout.length
        if options.profile == "ibm":  # a data set has one record length, of its longest record
            inner = max(inner, *(group.length for group in (layout.header, layout.trailer) if group), 0)
    return options.record_start + inner + options.record_end


_Build = Callable[[], Framing]


def _fixed(options: MainframeOptions, layout: Layout) -> _Build:
    length = record_length(options, layout)
    return lambda: Fixed(length, options.partial_record)


def _fixed_blocks(options: MainframeOptions, layout: Layout) -> _Build:
    length = record_length(options, layout)
    if options.block_length is not None and options.records_per_block is not None:
        raise option_error("block_length", "`records_per_block` says the same in other words", "leave one out")
    if options.profile == "cobrix" and options.block_length is None and options.records_per_block is None:
        bdw = _block_descriptor(options)
        return lambda: FixedInBlocks(length, bdw, options.partial_record)
    block_length = options.block_length or (options.records_per_block or 1) * length
    if block_length % length == 0:
        return lambda: Fixed(length, options.partial_record)
    if options.profile == "ibm":
        raise option_error(
            "block_length",
            f"blocks of {block_length} bytes hold no whole number of records of {length} bytes",
            "correct `block_length`, `record_length` or the copybook",
        )
    return lambda: FixedBlocks(length, block_length, options.partial_record)


def _block_descriptor(options: MainframeOptions) -> Descriptor:
    return Descriptor(
        endian=options.bdw_endian, includes_itself=options.bdw_includes_itself, adjustment=options.bdw_adjustment
    )


def _described(*, blocks: bool, spanned: bool) -> Callable[[MainframeOptions, Layout], _Build]:
    def build(options: MainframeOptions, _: Layout) -> _Build:
        rdw = Descriptor(
            endian=options.rdw_endian,
            includes_itself=options.rdw_includes_itself,
            adjustment=options.rdw_adjustment,
        )
        bdw = _block_descriptor(options)
        return lambda: Described(
            rdw,
            bdw=bdw if blocks else None,
            spanned=spanned,
            partial=options.partial_record,
            strict=options.profile == "ibm",
        )

    return build


def _text(options: MainframeOptions, layout: Layout) -> _Build:
    if options.profile == "ibm" or options.line_end == "any":
        return lambda: Lines(options.line_end)
    if options.partial_record == "keep":
        return lambda: CutLines(layout.length)
    return lambda: Lines(options.line_end, cut_to=layout.length)


def _by_length(options: MainframeOptions, layout: Layout) -> _Build:
    if options.length_field is None:
        raise option_error("record_format", "'length-field' needs `length_field`", "name the field")
    length = length_of(options.length_field, options.length_map, layout, options.rdw_adjustment)
    return lambda: ByLength(
        length,
        start=options.record_start,
        end=options.record_end,
        partial=options.partial_record,
        strict=options.profile == "ibm",
    )


def _counted(options: MainframeOptions, layout: Layout) -> _Build:
    return lambda: Counted(layout, start=options.record_start, end=options.record_end, partial=options.partial_record)


_FORMATS: dict[str, Callable[[MainframeOptions, Layout], _Build]] = {
    "F": _fixed,
    "FB": _fixed_blocks,
    "V": _described(blocks=False, spanned=False),
    "VB": _described(blocks=True, spanned=False),
    "VS": _described(blocks=False, spanned=True),
    "VBS": _described(blocks=True, spanned=True),
    "text": _text,
    "length-field": _by_length,
    "counted": _counted,
}


def _custom(options: MainframeOptions, layout: Layout) -> Callable[[int | None], Framing]:
    name = options.framing or ""
    factory = _registered.get(name)
    if factory is None:
        offered = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
        if name not in offered:
            known = [*_registered, *offered]
            raise option_error(
                "framing",
                f"no framing '{name}' is registered",
                did_you_mean(name, known)
                if known
                else f"install the package that offers it as an entry point of '{ENTRY_POINTS}'",
            )
        factory = offered[name].load()
    length = record_length(options, layout)
    made = factory
    return lambda size: made(
        Context(options=options.framing_options, layout=layout, record_length=length, file_size=size)
    )
