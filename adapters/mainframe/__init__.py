"""Mainframe files: EBCDIC records described by a COBOL copybook, decoded column-wise into Arrow, and back.

The stages, each readable alone: ``lexer`` → ``parser`` → ``syntax`` (the tree) → ``layout`` (offsets, names, types) →
``plan`` (which kernel for which column) → ``kernels`` (the inner loops); ``encode`` goes the other way; ``picture``
and ``codepage`` are what they say; ``adapter`` makes it a source.

May import: ``foundation``, ``adapters.base``, ``adapters.paths``, NumPy and pyarrow.
Must never know: customers, the canonical model, mappings, the store.
"""

from adapters.mainframe.adapter import Mainframe, MainframeOptions

__all__ = ["Mainframe", "MainframeOptions"]
