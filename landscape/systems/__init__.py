"""The systems of the estate: one module each, with whom it holds, its own columns and codes, and how it delivers.

Every module defines ``SYSTEM``; ``ALL`` in ``landscape.systems.listing`` is the estate. To add a system, add a
module, a line to the listing and a mapping.
"""
