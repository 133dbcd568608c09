"""Which source records are the same party: features, blocking, the model, clusters, ids, and why.

A room of pure functions over Polars frames: what comes out depends on what goes in, never on the order of rows, on
batches or on time. Reads top to bottom:

- ``features`` → ``blocking`` → ``comparison`` → ``model``: what records tell, which are compared, and what that proves;
- where a model comes from: ``prior``, or ``training``, which asks all records (``counting``, ``commonness``), then
  samples of them (``sampling``, ``patterns``, ``expectation``), then people (``correction``);
- ``evidence`` → ``clustering`` (over ``components``) → ``assignment``: what pairs prove, who is one, and by which id;
- ``linking``, everything at once: ``records`` stand in files, ``pairs`` are weighed in DuckDB, or by ``spark``;
- ``online``, a few changes: records in one text by ``packing``, their ``candidates``, pairs weighed by ``scoring``;
- ``questions``, ``contradictions``, ``explanation`` (by ``wording``, in records' own words by ``statements``),
  ``relations``: what people are asked and told;
- ``evaluation``, ``calibration``: how good it is, by a truth and by what people decided;
- ``release``: what of all this decides, as one digest, so that no release matches by what another one kept.

May import ``canonical_model`` and ``foundation``. Must never know how values survive into a golden record, nor the
SQL of the store; its own SQL runs in a DuckDB of its own, whose files are gone with it.
"""
