"""Mainframe files: records described by a COBOL copybook, decoded column-wise into Arrow, and back.

The way of the bytes: ``files`` (decompression, blocks) → ``framing`` (records in a block) → ``segments`` and
``hierarchy`` (kinds of records) → ``decoder`` with ``values`` and ``codepages`` (columns) → ``reader`` (batches) →
``source`` (from options to rows) → ``adapter``. Where everything stands comes from ``copybook``; ``profile`` says how
values are to be read; ``encoder`` goes the other way; ``cobrix`` takes the options of Cobrix; ``probe`` guesses.

May import: ``foundation``, ``adapters.base``, ``adapters.paths``, NumPy and pyarrow.
Must never know: customers, the canonical model, mappings, the store.
"""

from adapters.mainframe.adapter import Mainframe
from adapters.mainframe.options import MainframeOptions

__all__ = ["Mainframe", "MainframeOptions"]
