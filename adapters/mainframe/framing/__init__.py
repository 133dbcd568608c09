"""Framing: a file of bytes to records, one module per way of telling one record from the next.

``fixed`` (F, FB), ``described`` (V, VB, VS, VBS: record and block descriptors, with ``descriptors``, ``chain`` and
``spans``), ``text`` (lines), ``lengths`` (the length stands in the record), ``counted`` (the length follows from the
tables in it), ``registry`` (which of them the options ask for, and functions of one's own). ``base`` says what all of
them take and give; ``remembered`` tells the value of a field record by record; ``accelerated`` is ``chain`` by Numba.

May import: ``compiled``, ``copybook.layout``, ``expressions``, ``options``, ``profile``, ``records``, ``values``.
Must never know: segments, columns, where the bytes come from.
"""

from adapters.mainframe.framing.base import Framed, Framing, FramingError
from adapters.mainframe.framing.registry import Context, make, register

__all__ = ["Context", "Framed", "Framing", "FramingError", "make", "register"]
