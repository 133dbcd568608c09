"""Mainframe files: records described by a COBOL copybook, decoded column-wise into Arrow, and back.

The way of the bytes: ``files`` (decompression, blocks) → ``framing`` (records in a block) → ``chunks`` (records of a
file or of a part of one) → ``rows`` (with ``segments``, ``families``, ``hierarchy``, ``related``: kinds of records) →
``decoder`` with ``values`` and ``codepages`` (columns) → ``reader`` (batches)
→ ``source`` (from options to rows) → ``adapter``. Where everything stands comes from ``copybook``, how values are to be
read from ``profile``; ``assemble`` makes both of the ``options``.

Beside that way: ``encoder`` goes back, ``cobrix`` takes the options of Cobrix, ``conditions`` makes columns of level
88, ``reconciliation`` holds files against their trailers, ``columns`` lists what mappings can address, ``probe``
guesses. A contract of import-linter in ``pyproject.toml`` says who may import whom.

May import: ``foundation``, ``adapters.base``, ``adapters.delivery``, ``adapters.paths``, NumPy, pyarrow, pydantic,
``ebcdic``; Numba only where it was asked for (``compiled``).
Must never know: customers, the canonical model, mappings, the store.
"""

from adapters.mainframe.adapter import Mainframe
from adapters.mainframe.options import MainframeOptions

__all__ = ["Mainframe", "MainframeOptions"]
