"""Records and a layout to Arrow columns, all records of a chunk at once.

The stages: ``nodes`` (the tree of the layout with a decoder for each field), ``positions`` (where the tables of a
record stand and how many elements they have, once their counts are read), ``frames`` (the bytes of many rows as one
matrix, without copying where records stand evenly), ``blocks`` (which fields are read from which matrix),
``assembly`` (columns out of what was decoded), ``faults`` (what could not be read), ``decoder`` (all of it).

May import: ``copybook.layout``, ``profile``, ``records``, ``values``. Must never know how records were found, nor which
of their groups are active.
"""

from adapters.mainframe.decoder.decoder import Decoder
from adapters.mainframe.decoder.faults import Decoded, UnreadableRows

__all__ = ["Decoded", "Decoder", "UnreadableRows"]
