"""Which source records are the same party: features, blocking, the model, clusters, ids.

A room of pure functions over Polars frames: what comes out depends on what goes in, never on the order of rows, on
batches or on time. Reads top to bottom as ``features`` → ``blocking`` → ``comparison`` → ``model`` (made by
``training``; what it knows before that is in ``prior``) → ``linking`` → ``clustering`` → ``assignment``;
``evaluation`` scores against a truth. In bulk, ``records`` stand in files and ``pairs`` are weighed in DuckDB.

May import ``canonical_model`` and ``foundation``. Must never know how values survive into a golden record, nor the
SQL of the store; its own SQL runs in an in-memory DuckDB.
"""
