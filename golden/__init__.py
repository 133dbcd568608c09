"""Which of several values survives: rules, golden records with the origin of every value, look-up keys, differences.

May import: ``canonical_model``, ``foundation`` and third-party libraries.
Must never know: how entities were found (identity), how anything is kept (store), where it goes (channels).
"""
