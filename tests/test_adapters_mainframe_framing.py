"""Framing: whatever way records are told apart, every one is found, once, wherever the file is cut into blocks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mainframe_files import layout_of_text

from adapters.mainframe import framing
from adapters.mainframe.framing import Framed, Framing, FramingError
from adapters.mainframe.framing.chain import Steps, follow
from adapters.mainframe.framing.described import Described, FixedInBlocks
from adapters.mainframe.framing.descriptors import Descriptor
from adapters.mainframe.framing.fixed import Fixed, FixedBlocks
from adapters.mainframe.framing.text import CutLines, Lines
from adapters.mainframe.options import MainframeOptions, RecordFormat
from adapters.mainframe.records import Bytes
from foundation.errors import ConfigurationError


@dataclass
class Found:
    """What a framing found in a file."""

    records: list[bytes]
    offsets: list[int]
    partial: int = 0


def read(make: Callable[[], Framing], content: bytes, size: int) -> Found:
    """Hand ``content`` to a framing in blocks of ``size`` bytes, as the reader does."""
    found = Found([], [])
    unread, made, base = b"", make(), 0
    for start in range(0, max(len(content), 1), size):
        unread += content[start : start + size]
        final = start + size >= len(content)
        done = made.records(np.frombuffer(unread, np.uint8), final=final)
        data = done.records.data.tobytes()
        places = zip(done.records.starts.tolist(), done.records.lengths.tolist(), strict=True)
        found.records += [data[at : at + length] for at, length in places]
        found.offsets += [base + offset for offset in done.records.offsets.tolist()]
        found.partial += done.partial
        base, unread = base + done.consumed, unread[done.consumed :]
    assert unread == b""
    return found


T = TypeVar("T")

SIZES = st.integers(1, 60) | st.sampled_from([128, 1000, 10_000])
RECORDS = st.lists(st.binary(min_size=1, max_size=40), max_size=30)
RUNS = st.lists(st.tuples(st.binary(min_size=1, max_size=9), st.integers(1, 400)), max_size=4).map(
    lambda runs: [record for record, times in runs for _ in range(times)]
)
DESCRIPTORS = st.builds(
    Descriptor,
    endian=st.sampled_from(["big", "little"]),
    includes_itself=st.booleans(),
    adjustment=st.sampled_from([0, 0, 1, -1, 4]),
)


def word(length: int, how: Descriptor, *, second_half: bool = False, segment: int = 0) -> bytes:
    """Write a descriptor of ``length`` bytes of content."""
    says = length + 4 - how.extra
    half = says.to_bytes(2, how.endian)
    return bytes(2) + half if second_half else half + bytes([segment, 0])


def block_word(length: int, how: Descriptor, *, extended: bool) -> bytes:
    says = length + 4 - how.extra
    whole = (says | 0x80000000).to_bytes(4, "big") if extended else says.to_bytes(2, "big") + bytes(2)
    return whole if how.endian == "big" else whole[::-1]


def chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


# Record and block descriptors


@given(RECORDS | RUNS, DESCRIPTORS, st.booleans(), SIZES)
def test_finds_every_record_behind_its_descriptor(
    records: list[bytes], how: Descriptor, second_half: bool, size: int
) -> None:
    records = [record for record in records if len(record) + 4 - how.extra > 0]
    content = b"".join(word(len(record), how, second_half=second_half) + record for record in records)
    found = read(lambda: Described(how), content, size)
    assert found.records == records
    assert [content[at : at + len(record)] for at, record in zip(found.offsets, records, strict=True)] == records


@given(RUNS.map(lambda records: b"".join(word(len(r), Descriptor()) + r for r in records)) | st.binary(), DESCRIPTORS)
def test_numba_follows_the_same_chain(content: bytes, how: Descriptor) -> None:
    accelerated = pytest.importorskip("adapters.mainframe.framing.accelerated", reason="Numba is not installed")
    block = np.frombuffer(content, np.uint8)
    for half in (0, 2):
        steps = Steps(half, half + 1, how.least, how.extra)
        words, position = follow(block, 0, len(block), steps)
        others, other = accelerated.follow(block, 0, len(block), steps)
        assert (words.tolist(), position) == (others.tolist(), other)


@given(RUNS, st.lists(st.booleans(), min_size=1, max_size=7), SIZES)
def test_reads_lengths_in_either_half_of_the_descriptor(records: list[bytes], halves: list[bool], size: int) -> None:
    how = Descriptor()
    content = b"".join(
        word(len(record), how, second_half=halves[number % len(halves)]) + record
        for number, record in enumerate(records)
    )
    assert read(lambda: Described(how), content, size).records == records


@given(RECORDS | RUNS, DESCRIPTORS, DESCRIPTORS, st.integers(1, 90), st.booleans(), SIZES)
def test_finds_every_record_in_its_block(
    records: list[bytes], rdw: Descriptor, bdw: Descriptor, in_block: int, extended: bool, size: int
) -> None:
    records = [record for record in records if len(record) + 4 - rdw.extra > 0]
    blocks = [b"".join(word(len(r), rdw) + r for r in part) for part in chunks(records, in_block)]
    content = b"".join(block_word(len(block), bdw, extended=extended) + block for block in blocks)
    found = read(lambda: Described(rdw, bdw=bdw), content, size)
    assert found.records == records
    assert [content[at : at + len(record)] for at, record in zip(found.offsets, records, strict=True)] == records


def spanned(records: Sequence[bytes], segment_length: int, segments_in_block: int | None) -> bytes:
    """Write records as segments of at most ``segment_length`` bytes, in blocks or not."""
    how, segments = Descriptor(), []
    for record in records:
        parts = chunks(record, segment_length)
        for number, part in enumerate(parts):
            first, last = number == 0, number == len(parts) - 1
            code = 0 if first and last else 1 if first else 2 if last else 3
            segments.append(word(len(part), how, segment=code) + bytes(part))
    if segments_in_block is None:
        return b"".join(segments)
    blocks = [b"".join(part) for part in chunks(segments, segments_in_block)]
    return b"".join(block_word(len(block), how, extended=False) + block for block in blocks)


@given(RECORDS, st.integers(1, 50), st.none() | st.integers(1, 9), SIZES)
def test_joins_the_segments_of_spanned_records(
    records: list[bytes], segment_length: int, segments_in_block: int | None, size: int
) -> None:
    content = spanned(records, segment_length, segments_in_block)
    bdw = None if segments_in_block is None else Descriptor()
    found = read(lambda: Described(Descriptor(), bdw=bdw, spanned=True), content, size)
    assert found.records == records
    assert all(content[at : at + 1] == record[:1] for at, record in zip(found.offsets, records, strict=True))


@pytest.mark.parametrize("codes", [[2], [3], [1, 1], [1, 0], [0, 2], [1, 2, 3]])
def test_refuses_segments_that_do_not_join(codes: list[int]) -> None:
    content = b"".join(word(2, Descriptor(), segment=code) + b"AB" for code in codes)
    with pytest.raises(FramingError, match=r"segment descriptor 00 06 0. 00 says"):
        read(lambda: Described(Descriptor(), spanned=True), content, 1000)


def test_says_which_options_would_read_the_descriptors() -> None:
    content = b"".join(word(3, Descriptor(endian="little", includes_itself=False)) + b"ABC" for _ in range(5))
    with pytest.raises(FramingError) as error:
        read(lambda: Described(Descriptor()), content, 1000)
    assert "`rdw_endian: little`, `rdw_includes_itself: false`" in error.value.remedy


def test_says_that_records_are_spanned() -> None:
    with pytest.raises(FramingError) as error:
        read(lambda: Described(Descriptor()), spanned([b"A" * 9, b"B" * 9], 5, None), 1000)
    assert "`record_format: VS`" in error.value.remedy


@pytest.mark.parametrize(
    ("content", "position"),
    [(bytes(8), 0), (b"\x00\x03\x00\x00", 0), (b"\x00\x05\x00\x00A\x00\x00\x00\x00", 5)],
)
def test_refuses_a_descriptor_that_says_nothing(content: bytes, position: int) -> None:
    with pytest.raises(FramingError, match=r"00 0. 00 00 is no record descriptor") as error:
        read(lambda: Described(Descriptor()), content, 1000)
    assert error.value.position == position


def test_an_empty_record_is_a_record() -> None:
    assert read(lambda: Described(Descriptor()), word(0, Descriptor()) + word(1, Descriptor()) + b"A", 3).records == [
        b"",
        b"A",
    ]


def test_refuses_a_record_that_does_not_fit_its_block() -> None:
    content = block_word(6, Descriptor(), extended=False) + word(9, Descriptor()) + b"ABCDEFGHI"
    with pytest.raises(FramingError, match="the block ends within a record"):
        read(lambda: Described(Descriptor(), bdw=Descriptor()), content, 1000)
    loose = read(lambda: Described(Descriptor(), bdw=Descriptor(), strict=False), content[:10], 1000)
    assert loose.records == [b"AB"]


@pytest.mark.parametrize(("partial", "records"), [("keep", [b"ABC", b"DE"]), ("drop", [b"ABC"])])
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_a_cut_record_is_kept_or_dropped_as_asked(partial: str, records: list[bytes], size: int) -> None:
    content = word(3, Descriptor()) + b"ABC" + word(3, Descriptor()) + b"DE"
    found = read(lambda: Described(Descriptor(), partial=partial), content, size)  # type: ignore[arg-type]
    assert (found.records, found.partial) == (records, 1)
    with pytest.raises(FramingError, match="the file ends within a record: 6 of 7 bytes are there"):
        read(lambda: Described(Descriptor()), content, size)


@pytest.mark.parametrize("cut", range(1, 18))
def test_a_file_of_blocks_that_is_cut_off_is_refused(cut: int) -> None:
    record = word(3, Descriptor()) + b"ABC"
    content = (block_word(14, Descriptor(), extended=False) + record + record) * 2
    with pytest.raises(FramingError, match="the file ends within a"):
        read(lambda: Described(Descriptor(), bdw=Descriptor()), content[:-cut], 7)


# Fixed length


@given(st.integers(1, 9), st.binary(max_size=100), SIZES)
def test_fixed_records_follow_one_another(length: int, content: bytes, size: int) -> None:
    records = [bytes(part) for part in chunks(content, length)]
    assert read(lambda: Fixed(length, "keep"), content, size).records == records
    whole = [record for record in records if len(record) == length]
    assert read(lambda: Fixed(length, "drop"), content, size).records == whole
    if len(content) % length:
        with pytest.raises(FramingError, match=f"after the last record of {length} bytes"):
            read(lambda: Fixed(length), content, size)


@given(st.integers(1, 5), st.integers(1, 9), st.binary(max_size=80), SIZES)
def test_blocks_may_end_with_a_shorter_record(length: int, block: int, content: bytes, size: int) -> None:
    records = [bytes(part) for whole in chunks(content, block) for part in chunks(whole, length)]
    assert read(lambda: FixedBlocks(length, block, "keep"), content, size).records == records


@given(st.integers(1, 5), st.lists(st.binary(min_size=1, max_size=12), max_size=6), SIZES)
def test_blocks_may_say_how_long_they_are(length: int, blocks: list[bytes], size: int) -> None:
    bdw = Descriptor(endian="little", includes_itself=False)
    content = b"".join(bytes(2) + len(block).to_bytes(2, "little") + block for block in blocks)
    records = [bytes(part) for block in blocks for part in chunks(block, length)]
    assert read(lambda: FixedInBlocks(length, bdw, "keep"), content, size).records == records
    if blocks:
        with pytest.raises(FramingError, match="block"):
            read(lambda: FixedInBlocks(length, bdw, "refuse"), content[:-1], size)


# Text

LINES = st.lists(st.text("AB \r", max_size=25).map(str.encode), max_size=12)
ENDS = st.sampled_from([b"\n", b"\r\n"])


@given(LINES, ENDS, st.booleans(), SIZES)
def test_every_line_is_a_record(lines: list[bytes], end: bytes, ended: bool, size: int) -> None:
    content = end.join(lines) + (end if ended else b"")
    expected = [
        line.removesuffix(b"\r").lstrip(b"\r") if (number < len(lines) - 1 or ended) else line.lstrip(b"\r")
        for number, line in enumerate(content.split(b"\n")[: len(lines)])
    ]
    assert read(Lines, content, size).records == [line for line in expected if line]


@given(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"]), SIZES)
def test_lines_may_end_with_cr_alone(lines: list[bytes], end: bytes, size: int) -> None:
    content = end.join(lines)
    expected = [line for line in content.replace(b"\r", b"\n").split(b"\n") if line]
    assert read(lambda: Lines("any"), content, size).records == expected


@given(st.binary(max_size=200) | st.text("A\n\r", max_size=200).map(str.encode), st.integers(1, 6), SIZES, SIZES)
def test_text_is_the_same_however_it_is_cut(content: bytes, length: int, one: int, other: int) -> None:
    for make in (Lines, lambda: Lines(cut_to=length), lambda: Lines("any"), lambda: CutLines(length)):
        assert read(make, content, one) == read(make, content, other)


def test_a_line_more_than_twice_as_long_as_the_layout_is_cut_for_cobrix() -> None:
    content = b"ABCDEFGHI\nABCDEFGHIJK\nXY\nABCD"
    for size in (1, 5, 100):
        assert read(lambda: Lines(cut_to=3), content, size).records == [b"ABC", b"ABC", b"XY", b"ABC"]
        assert read(lambda: Lines(cut_to=4), content, size).records == [b"ABCDEFGHI", b"ABCD", b"XY", b"ABCD"]


def pieces(line: bytes, length: int, *, ended: bool) -> list[bytes]:
    """Cut a line by the rule: its end must stand within two bytes behind the layout."""
    found = []
    while len(line) > length + ended:
        found.append(line[:length])
        line = line[length:]
    return [*found, line.removesuffix(b"\r") if ended else line]


@given(LINES, ENDS, st.integers(1, 6), SIZES)
def test_a_long_line_falls_into_pieces_where_cobrix_allows_partial_records(
    lines: list[bytes], end: bytes, length: int, size: int
) -> None:
    content = end.join(lines)
    *ended, last = content.split(b"\n")
    expected = [piece for line in ended for piece in pieces(line, length, ended=True)]
    expected += pieces(last, length, ended=False)
    assert read(lambda: CutLines(length), content, size).records == [piece for piece in expected if piece]


# The record tells its length


def options(**values: object) -> MainframeOptions:
    return MainframeOptions.model_validate({"path": "x", "copybook": "x", **values})


def made(copybook: str, values: Mapping[str, object], **profile: object) -> Callable[[], Framing]:
    """Return what makes the framing that options ask for."""
    make = framing.make(options(**values), layout_of_text(copybook, **profile))
    return lambda: make(None)


TOLD = """
01 R.
   05 KIND PIC X.
   05 LEN PIC 9(3).
   05 MORE PIC X(40).
"""


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(0, 3), st.integers(0, 2), SIZES)
def test_a_field_tells_the_length(texts: list[bytes], start: int, end: int, size: int) -> None:
    records = [bytes(start) + b"A" + f"{4 + len(text):03}".encode("cp037") + text + bytes(end) for text in texts]
    values = {"record_format": "length-field", "length_field": "LEN", "record_start": start, "record_end": end}
    found = read(made(TOLD, values), b"".join(records), size)
    assert found.records == records
    values["length_field"] = "LEN + 1 - (2 - 1) * 1"
    assert read(made(TOLD, values), b"".join(records), size) == found


@given(st.lists(st.sampled_from("ABX"), max_size=30), SIZES)
def test_the_value_of_a_field_stands_for_a_length(kinds: list[str], size: int) -> None:
    lengths = {"A": 4, "B": 9, "_": 5}
    records = [kind.encode("cp037").ljust(lengths.get(kind, 5), b"\x7d") for kind in kinds]
    values = {"record_format": "length-field", "length_field": "KIND", "length_map": lengths}
    assert read(made(TOLD, values), b"".join(records), size).records == records


@pytest.mark.parametrize(
    ("length", "message"),
    [
        ("00?", r"^LEN \(bytes F0 F0 6F\) holds no number"),
        ("003", "the record says that it has 3 bytes; 4 are needed"),
        ("009", "the file ends within a record: 8 bytes are there"),
    ],
)
def test_refuses_a_length_that_is_none(length: str, message: str) -> None:
    content = "A007ABCA".encode("cp037") + f"{length}ABCD".encode("cp037")
    with pytest.raises(FramingError, match=message) as error:
        read(made(TOLD, {"record_format": "length-field", "length_field": "LEN"}), content, 5)
    assert error.value.remedy


def test_a_value_without_a_length_is_refused() -> None:
    values = {"record_format": "length-field", "length_field": "KIND", "length_map": {"A": 4}}
    with pytest.raises(FramingError, match=r"^KIND \(bytes C2\) is not in `length_map`"):
        read(made(TOLD, values), "A123B123".encode("cp037"), 100)


@pytest.mark.parametrize("field", ["NONE", "R", "LEN +", "MORE.LEN"])
def test_refuses_a_length_field_that_is_none(field: str) -> None:
    with pytest.raises(ConfigurationError):
        made(TOLD, {"record_format": "length-field", "length_field": field})


COUNTED = """
01 R.
   05 ID PIC X.
   05 N PIC 9.
   05 ORDERS OCCURS 0 TO 4 DEPENDING ON N.
      10 M PIC 9.
      10 LINES PIC X(2) OCCURS 0 TO 3 DEPENDING ON M.
   05 TAIL PIC X(3).
   05 K PIC 9.
   05 NOTES PIC X OCCURS 1 TO 9 DEPENDING ON K.
"""


@given(st.lists(st.tuples(st.lists(st.integers(0, 3), max_size=4), st.integers(1, 9)), max_size=15), SIZES)
def test_the_numbers_of_elements_tell_the_length(counts: list[tuple[list[int], int]], size: int) -> None:
    records = [
        (f"R{len(orders)}" + "".join(f"{lines}" + "LL" * lines for lines in orders) + f"END{notes}" + "N" * notes)
        for orders, notes in counts
    ]
    encoded = [record.encode("cp037") for record in records]
    assert read(made(COUNTED, {"record_format": "counted"}), b"".join(encoded), size).records == encoded


def test_refuses_a_number_of_elements_that_cannot_be() -> None:
    with pytest.raises(
        FramingError, match=r"N \(bytes F7\) tells no number of elements of ORDERS from 0 to 4"
    ) as error:
        read(made(COUNTED, {"record_format": "counted"}), "R0END1NR7".encode("cp037"), 4)
    assert error.value.remedy


# From options


def test_blocks_of_whole_records_are_like_no_blocks() -> None:
    content = bytes(range(88))
    for values in ({"block_length": 88}, {"records_per_block": 2}, {}):
        assert len(read(made(TOLD, {"record_format": "FB", **values}), content, 7).records) == 2
    with pytest.raises(ConfigurationError, match="blocks of 50 bytes hold no whole number of records of 44 bytes"):
        made(TOLD, {"record_format": "FB", "block_length": 50})
    with pytest.raises(ConfigurationError, match="records_per_block"):
        made(TOLD, {"record_format": "FB", "block_length": 88, "records_per_block": 2})


def test_every_record_format_has_a_framing() -> None:
    for name in get_args(RecordFormat):
        assert (
            made(TOLD, {"record_format": name, "length_field": "LEN"})()
            .records(np.empty(0, np.uint8), final=True)
            .consumed
            == 0
        )


class Halves:
    """A framing of one's own: records of as many bytes as its options say."""

    def __init__(self, context: framing.Context) -> None:
        self._fixed = Fixed(int(context.options or context.record_length))

    def records(self, block: Bytes, *, final: bool) -> Framed:
        return self._fixed.records(block, final=final)


def test_takes_a_registered_framing() -> None:
    framing.register("in-halves", Halves)
    values = {"framing": "in-halves", "framing_options": "22"}
    assert read(made(TOLD, values), bytes(44), 10).records == [bytes(22)] * 2
    with pytest.raises(ConfigurationError, match="no framing 'in-halve-s' is registered; did you mean 'in-halves'"):
        made(TOLD, {"framing": "in-halve-s"})


# Any bytes


@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([bytes(4), b"\0\x08\0\0", b"\0\x05\1\0A", b"\x80\0\0\x09"])).map(b"".join),
    st.sampled_from([None, Descriptor(), Descriptor(endian="little")]),
    st.booleans(),
    st.sampled_from(["refuse", "keep", "drop"]),
    st.booleans(),
    SIZES,
    SIZES,
)
def test_any_bytes_give_records_or_one_located_error(
    content: bytes, bdw: Descriptor | None, joined: bool, partial: str, strict: bool, one: int, other: int
) -> None:
    def outcome(size: int) -> Found | str:
        make = functools.partial(
            Described,
            Descriptor(),
            bdw=bdw,
            spanned=joined,
            partial=partial,  # type: ignore[arg-type]
            strict=strict,
        )
        try:
            return read(make, content, size)
        except FramingError as error:
            assert error.remedy
            assert error.position >= 0 or joined
            return error.message

    first, second = outcome(one), outcome(other)
    assert isinstance(first, str) == isinstance(second, str)
    if isinstance(first, Found):
        assert first == second
