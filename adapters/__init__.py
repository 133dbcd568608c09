"""Readers of foreign systems: one module or folder per kind; each gives check, discover and read.

May import: ``foundation`` and the driver libraries, imported when first used.
Must never know: customers, the canonical model, mappings, the store.
"""
