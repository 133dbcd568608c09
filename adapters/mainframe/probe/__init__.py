"""What the bytes of a file say about themselves: framing, code page, kinds of records, whether a copybook fits.

Nothing here is certain and everything says why: answers carry the evidence they rest on and stand in its order. Only
the start of a file is looked at, so that a probe of any file takes a moment.

The stages: ``framings`` (record format), ``pages`` (encoding and code page), ``kinds`` (what tells kinds of records
apart), ``fit`` (whether a copybook fits), ``shown`` (bytes beside values), ``probing`` (all of it).

May import: ``codepages``, ``copybook``, ``files``, ``framing``, ``options``, ``profile``, ``records``, ``values``.
Must never write to a log: what it finds is for one screen.
"""

from adapters.mainframe.probe.fit import Fit
from adapters.mainframe.probe.kinds import Discriminator
from adapters.mainframe.probe.probing import Probed, probe
from adapters.mainframe.probe.sample import Guess
from adapters.mainframe.probe.shown import dump_of, fields_of

__all__ = ["Discriminator", "Fit", "Guess", "Probed", "dump_of", "fields_of", "probe"]
