"""Which record format: chains of descriptors, line ends, or a length at which the bytes repeat their kind.

Descriptors: *z/OS DFSMS Using Data Sets*, "Variable-length record formats" (RDW, BDW, segment descriptors).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from adapters.mainframe.probe.sample import Guess, Sample
from adapters.mainframe.records import Bytes

_SHORTEST, _LONGEST = 1, 32_760  # bytes of a record behind a descriptor
_BLOCK = 65_540  # bytes of a block at most, and a little
_CHAIN = 3  # descriptors in a row before they prove anything in a file that goes on
_PIECES = 3  # the third byte of a descriptor: 0 whole, 1 first, 2 last, 3 middle piece of a record

_LINE_ENDS = {"ascii": b"\n", "ebcdic": b"\x15"}  # LF; NEL, which ends lines of EBCDIC text
_FIXED_SAMPLE = 128 << 10  # bytes in which a period is looked for
_LENGTHS_TRIED = 4_000
_ENOUGH_LIKE = 0.8  # of what is special about a length: a part of it that has as much is the record


def framings(sample: Sample, *, record_length: int | None, encoding: str) -> list[Guess]:
    """Return the ways in which a file may be cut into records, best first.

    Args:
        sample: the start of the file.
        record_length: bytes of a record as the copybook has it, where there is one.
        encoding: of its text, ``ebcdic`` or ``ascii``.
    """
    guesses = [*_by_descriptors(sample), *_by_lines(sample, encoding), *_by_length(sample, record_length)]
    return sorted(guesses, key=lambda guess: -guess.score)


# Descriptors


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chain:
    """Descriptors that follow one another, as far as they make sense."""

    lengths: tuple[int, ...] = ()  # bytes behind each record descriptor
    blocks: int = 0
    pieces: int = 0  # descriptors of records that are spread over several
    unused: int = 0  # descriptors of which the bytes that hold no length are zero
    reached: int = 0  # bytes
    closed: bool = False  # the last one ended with the file, or just before the end of the sample


def _by_descriptors(sample: Sample) -> Iterator[Guess]:
    data = sample.data.tobytes()
    for endian in ("big", "little"):
        for itself in (True, False):
            options: dict[str, object] = {"rdw_endian": endian, "rdw_includes_itself": itself}
            yield from _judge(sample, _records(data, endian, itself=itself, complete=sample.complete), "V", options)
            for block_itself in (True, False):
                chain = _blocks(data, endian, itself=itself, block_itself=block_itself, complete=sample.complete)
                blocks: dict[str, object] = {"bdw_endian": endian, "bdw_includes_itself": block_itself}
                yield from _judge(sample, chain, "VB", options | blocks)


def _judge(sample: Sample, chain: _Chain, kind: str, options: dict[str, object]) -> Iterator[Guess]:
    count = len(chain.lengths)
    if count < (1 if chain.closed and sample.complete else _CHAIN):
        return
    covered = chain.reached / len(sample.data)
    regular = chain.unused / (count + chain.blocks)
    score = covered * (0.5 + 0.5 * regular) * (1.0 if chain.closed else 0.7) * min(1.0, 0.7 + 0.1 * count)
    score *= 1.0 if chain.blocks else 0.98  # a chain of blocks can be taken for one of records, hardly the reverse
    end = "to the end of the file" if sample.complete else "as far as was looked"
    reasons = [
        f"{count:,} record descriptors in a row lead "
        + (f"exactly {end}" if chain.closed else f"to byte {chain.reached:,}, where they stop making sense"),
        f"{len(set(chain.lengths)):,} different lengths, from {min(chain.lengths):,} to {max(chain.lengths):,} bytes",
    ]
    if kind == "VB":
        reasons.insert(0, f"{chain.blocks:,} block descriptors, each as long as the records in its block")
    if regular == 1:
        reasons.append("the unused half of every descriptor is zero, as it should be")
    if chain.pieces:
        reasons.append(f"{chain.pieces:,} descriptors belong to records that are spread over several")
        kind = "VBS"
    yield Guess(options={"record_format": kind, **options}, score=score, reasons=tuple(reasons))


def _records(
    data: bytes, endian: str, *, itself: bool, complete: bool, start: int = 0, end: int | None = None
) -> _Chain:
    """Follow record descriptors from ``start`` as far as they make sense."""
    end = len(data) if end is None else end
    lengths: list[int] = []
    pieces = unused = 0
    position = start
    while position + 4 <= end:
        length, rest = _descriptor(data, position, endian)
        payload = length - 4 if itself else length
        if not _SHORTEST <= payload <= _LONGEST or rest & 0xFF or rest >> 8 > _PIECES or position + 4 + payload > end:
            break
        lengths.append(payload)
        pieces += rest != 0
        unused += 1
        position += 4 + payload
    cut = not complete and end == len(data) and end - position < _LONGEST + 4
    return _Chain(
        lengths=tuple(lengths),
        pieces=pieces,
        unused=unused,
        reached=position - start,
        closed=position == end or cut,
    )


def _blocks(data: bytes, endian: str, *, itself: bool, block_itself: bool, complete: bool) -> _Chain:
    """Follow block descriptors, and the record descriptors within each block."""
    lengths: list[int] = []
    blocks = pieces = position = 0
    while position + 8 <= len(data):
        length, rest = _descriptor(data, position, endian)
        end = position + length + (0 if block_itself else 4)
        if rest or end < position + 8 or end > len(data):
            break
        inside = _records(data, endian, itself=itself, complete=True, start=position + 4, end=end)
        if not inside.closed:
            break
        lengths.extend(inside.lengths)
        pieces += inside.pieces
        blocks += 1
        position = end
    cut = not complete and blocks > 0 and len(data) - position < _BLOCK
    return _Chain(
        lengths=tuple(lengths),
        blocks=blocks,
        pieces=pieces,
        unused=len(lengths) + blocks,
        reached=position,
        closed=position == len(data) or cut,
    )


def _descriptor(data: bytes, position: int, endian: str) -> tuple[int, int]:
    """Return the length that four bytes tell, and the other two; the first two hold it, or (little-endian) either."""
    first, second, third, fourth = data[position : position + 4]
    if endian == "big":
        return first << 8 | second, third << 8 | fourth
    if first == second == 0:
        return fourth << 8 | third, 0  # some transfers turn all four bytes around
    return second << 8 | first, third << 8 | fourth


# Lines


def _by_lines(sample: Sample, encoding: str) -> Iterator[Guess]:
    data = sample.data.tobytes()
    end = _LINE_ENDS[encoding]
    ends = np.flatnonzero(sample.data == end[0])
    if len(ends) == 0 or (len(ends) < _CHAIN and not data.endswith(end)):
        return
    lengths = np.diff(ends, prepend=-1) - 1
    carriage = data.count(b"\r\n") == len(ends)
    unprintable = _control_share(sample.data[: _FIXED_SAMPLE * 8], encoding, carriage=carriage)
    score = max(0.0, 1 - 20 * unprintable) * (1.0 if data.endswith(end) or not sample.complete else 0.9)
    score *= 1.0 if len(ends) >= _CHAIN else 0.6
    if score == 0:
        return
    name = {"ascii": "LF", "ebcdic": "NEL"}[encoding]
    reasons = [
        f"{len(ends):,} lines end in {'CR LF' if carriage else name},"
        f" {int(lengths.min()) - carriage:,} to {int(lengths.max()) - carriage:,} bytes long",
        f"{unprintable:.1%} of the other bytes cannot be printed",
    ]
    yield Guess(options={"record_format": "text", "encoding": encoding}, score=score * 0.98, reasons=tuple(reasons))


def _control_share(data: Bytes, encoding: str, *, carriage: bool) -> float:
    """Return the share of control characters among bytes that are no line ends."""
    ends = {_LINE_ENDS[encoding][0], *([0x0D] if carriage else [])}
    below = 0x20 if encoding == "ascii" else 0x40
    counts = np.bincount(data, minlength=256)
    controls = sum(int(counts[byte]) for byte in range(below) if byte not in ends)
    return controls / max(1, len(data))


# Fixed length


def _by_length(sample: Sample, record_length: int | None) -> Iterator[Guess]:
    size = len(sample.data) if sample.complete else sample.size
    if record_length and size is not None:
        yield _by_copybook(sample, size, record_length)
    yield from _by_period(sample, size, record_length)


def _by_copybook(sample: Sample, size: int, record_length: int) -> Guess:
    if size % record_length:
        left = size % record_length
        reason = f"the copybook's record of {record_length:,} bytes leaves {left:,} bytes over at the end"
        return Guess(options={"record_format": "F"}, score=0.05, reasons=(reason,))
    reason = f"the file is {size // record_length:,} times the {record_length:,} bytes of the copybook's record"
    likeness = _likeness(sample.data, record_length)
    score = 0.75 + 0.25 * likeness if size > record_length else 0.7
    return Guess(options={"record_format": "F"}, score=score, reasons=(reason, _alike(likeness)))


def _by_period(sample: Sample, size: int | None, record_length: int | None) -> Iterator[Guess]:
    """Find the length at which bytes of one kind (letters, digits, spaces, others) stand below one another."""
    data = sample.data[:_FIXED_SAMPLE]
    lengths = _candidates(size, len(data))
    if not lengths:
        return
    likeness = np.array([_likeness(data, length) for length in lengths])
    best, usual = float(likeness.max()), float(np.median(likeness))
    if best - usual < 0.03 and len(lengths) > 1:
        return
    longest = lengths[int(np.argmax(likeness))]
    enough = usual + _ENOUGH_LIKE * (best - usual)
    length = next(n for n, like in zip(lengths, likeness, strict=True) if longest % n == 0 and like >= enough)
    if length == record_length:
        return
    found = float(likeness[lengths.index(length)])
    reasons = [_alike(found, length), f"at other lengths it is usually {usual:.0%}"]
    if size is not None:
        reasons.append(f"the file is {size // length:,} times as long")
    options = {"record_format": "F", "record_length": length}
    yield Guess(options=options, score=0.9 * found * (1 if found - usual > 0.1 else 0.7), reasons=tuple(reasons))


def _candidates(size: int | None, looked_at: int) -> list[int]:
    """Return the record lengths to try: divisors of the file's size, or every length where that is not known."""
    longest = min(_LONGEST, looked_at // 3)
    if size is None:
        return list(range(8, min(longest, _LENGTHS_TRIED)))
    return [length for length in range(2, longest + 1) if size % length == 0][:_LENGTHS_TRIED]


@cache
def _kinds() -> npt.NDArray[np.uint8]:
    """Return the kind that every byte is of in text of either encoding; a field's bytes differ more than their kind."""
    kinds = np.zeros(256, np.uint8)
    kinds[0x40] = kinds[0x20] = 1
    for first, last in ((0xC1, 0xC9), (0xD1, 0xD9), (0xE2, 0xE9)):
        kinds[first : last + 1] = 2
    for first, last in ((0x81, 0x89), (0x91, 0x99), (0xA2, 0xA9), (0x61, 0x7A)):
        kinds[first : last + 1] = 3
    kinds[0xF0:0xFA] = kinds[0x30:0x3A] = 4
    kinds[0x00] = 5
    return kinds


def _likeness(data: Bytes, length: int) -> float:
    """Return the share of bytes that are of one kind with the byte ``length`` before them."""
    if len(data) <= length:
        return 0.0
    kinds = _kinds()[data]
    return float(np.mean(kinds[length:] == kinds[:-length]))


def _alike(share: float, length: int | None = None) -> str:
    distance = f"{length:,} bytes" if length else "one record"
    return f"{share:.0%} of the bytes are of one kind (letter, digit, space …) with the byte {distance} before"
