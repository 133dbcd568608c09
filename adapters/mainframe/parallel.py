"""Work on parts of files in several processes, its results in order.

Rows come back in memory that both processes see (``memfd_create`` of Linux): they are neither pickled nor sent through
a pipe, and have no name in a file system. Where there is no such memory, they are sent as bytes.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import reduction
from typing import Any, Generic, TypeVar

import pyarrow as pa

from foundation.errors import Problem, SourceUnavailable, VoegError

Item = TypeVar("Item")
Rest = TypeVar("Rest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[Rest]):
    """What the work on one item gives."""

    rows: Sequence[pa.RecordBatch]  # all of one schema
    rest: Rest  # anything that can be pickled


def in_order(work: Callable[[Item], Outcome[Rest]], items: Iterable[Item], processes: int) -> Iterator[Outcome[Rest]]:
    """Yield the outcome for every item in the order of the items; few more than ``processes`` are held at a time.

    Args:
        work: sent once to every process, so it can be pickled; what it raises as ``VoegError`` is raised here.
        items: taken one by one as processes get free.
        processes: how many.

    Raises:
        SourceUnavailable: a process was ended from outside.
    """
    executor = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _begin, (work,))
    under_way: deque[Future[_Parcel]] = deque()
    try:
        for item in items:
            under_way.append(executor.submit(_do, item))
            if len(under_way) > processes:
                yield _opened(under_way.popleft().result())
        while under_way:
            yield _opened(under_way.popleft().result())
    except BrokenProcessPool:
        raise SourceUnavailable(
            Problem(
                message="a process that decoded a part of the files was ended",
                remedy="look for the reason in the system's log (memory?), or set `workers: 1`",
            )
        ) from None
    finally:
        executor.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parcel:
    """An outcome as it travels; or what was raised."""

    rest: Any = None
    rows: Any = None  # an Arrow IPC stream of them: a file descriptor of shared memory, or bytes; None: no rows
    size: int = 0
    error: tuple[type[VoegError], tuple[Problem, ...]] | None = None


_work: Callable[[Any], Outcome[Any]] | None = None  # of a process that works on items


def _begin(work: Callable[[Any], Outcome[Any]]) -> None:
    global _work  # noqa: PLW0603 - how an initializer hands something to the calls
    _work = work


def _do(item: object) -> _Parcel:
    if _work is None:
        raise RuntimeError("the process was not told its work")
    try:
        outcome = _work(item)
    except VoegError as error:
        return _Parcel(error=(type(error), error.problems))
    if not outcome.rows:
        return _Parcel(rest=outcome.rest)
    if not hasattr(os, "memfd_create"):
        sink = pa.BufferOutputStream()
        _write(outcome.rows, sink)
        content = sink.getvalue().to_pybytes()
        return _Parcel(rest=outcome.rest, rows=content, size=len(content))
    memory = os.memfd_create("rows")
    try:
        with os.fdopen(os.dup(memory), "wb") as stream:
            _write(outcome.rows, stream)
        return _Parcel(rest=outcome.rest, rows=reduction.DupFd(memory), size=os.fstat(memory).st_size)
    finally:
        os.close(memory)


def _write(rows: Sequence[pa.RecordBatch], sink: Any) -> None:
    with pa.ipc.new_stream(sink, rows[0].schema) as writer:
        for batch in rows:
            writer.write_batch(batch)


def _opened(parcel: _Parcel) -> Outcome[Any]:
    if parcel.error is not None:
        kind, problems = parcel.error
        raise kind(problems)
    if parcel.rows is None:
        return Outcome(rows=(), rest=parcel.rest)
    content: Any = parcel.rows
    if not isinstance(content, bytes):
        descriptor = content.detach()
        try:
            content = mmap.mmap(descriptor, parcel.size, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
    with pa.ipc.open_stream(pa.py_buffer(content)) as reader:
        return Outcome(rows=list(reader), rest=parcel.rest)
