"""The mapping language: from a YAML file to a plan that turns raw Arrow rows into canonical records.

``mapping`` reads and compiles a file, ``plan`` binds it to the columns of a source and runs it, ``examples`` runs
the examples that stand in it, ``explain`` shows each step for one row. ``operations`` is the library that mappings
draw on. The language is described for its users in ``docs/mapping.md``.

May import: canonical_model, foundation. Must never know: where rows come from (adapters), or where records go (the
store, identity, golden).
"""
