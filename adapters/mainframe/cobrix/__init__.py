"""Cobrix, the open reader of mainframe files for Spark: its options taken as they are, and the shape of its rows.

``options`` translates (with ``given``, ``contradictions``, ``records``, ``segments``), ``reading`` gives layout and
columns, ``rows`` writes JSON Lines. The values themselves are read by the same code as everything else, with the
profile ``cobrix``.

May import: ``assemble``, ``copybook``, ``options``, ``profile``. Must never know: files of records, their bytes.
"""

from adapters.mainframe.cobrix.options import Translated, translate
from adapters.mainframe.cobrix.reading import columns, layout_of

__all__ = ["Translated", "columns", "layout_of", "translate"]
