"""A file of bytes to records: one module per record format."""
