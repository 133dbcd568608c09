"""The history of the schema: Alembic scripts, run by ``Store.migrate``."""
