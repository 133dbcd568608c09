"""The use cases, one verb a file, the wiring of an estate, and the command line.

May import: everything below (adapters, transform, identity, golden, store, canonical_model, foundation).
Must never know: HTTP and HTML. Rooms above register their commands through the entry points ``voeg.commands``.
"""
