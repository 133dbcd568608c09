"""Show what a mapping makes of the first rows of its source, without landing anything."""

from __future__ import annotations

from foundation.errors import NotFound
from sync.check import first_rows
from sync.estate import Estate
from transform.mapping import Mapping
from transform.plan import Mapped


def preview(estate: Estate, mapping: Mapping, *, rows: int) -> Mapped:
    """Map the first ``rows`` rows of a source.

    What comes back holds personal data: it is for the person who asked, on their own screen.

    Raises:
        NotFound: the source has no rows.
    """
    batch = first_rows(estate.adapter(mapping), rows=rows)
    if batch is None:
        raise NotFound(f"source '{mapping.name}' has no rows to preview")
    return mapping.plan.bind(batch.schema).run(batch)
