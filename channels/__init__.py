"""Where the organisation's own apps meet golden records: the HTTP API, and the command that serves it.

May import: ``sync`` and everything below it, FastAPI.
Must never know: adapters, how records are matched or survive, SQL.
"""
