"""What the project remembers: SQLAlchemy Core over SQLite (embedded) and PostgreSQL, one module per use.

The only place with SQL on the project's own tables. Functions take and give Polars frames or small frozen values;
those that write take a connection of ``Store.write``, so that what belongs together commits together.

May import: ``canonical_model``, ``foundation``, the database drivers.
Must never know: business rules (why records match, which value survives), adapters, mappings, channels.
"""
