"""Bytes of a field to Arrow values: one module per way of storing them."""
