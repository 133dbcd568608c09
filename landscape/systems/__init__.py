"""The systems of the estate: one module each, with whom it holds, its own columns and codes, and how it delivers.

Every system's module defines ``SYSTEM``; ``ALL`` in ``landscape.systems.listing`` is the estate. To add a system,
add a module, a line to the listing and a mapping. What a system keeps in further files has a module of its own, that
the system's names.
"""
