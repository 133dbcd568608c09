"""Copybooks: COBOL text to the layout of a record.

The stages, each readable alone: ``source`` (a file to program text: columns, comments, continuation) → ``copying``
(COPY and REPLACE) → ``lexer`` (tokens) → ``sentences`` (entries; ``picture`` reads their PICTURE) → ``parser`` (the
tree, ``syntax``) → ``placing`` (offsets; ``storage`` knows lengths and types, ``naming`` the columns) → ``layout``,
which ``describe`` shows.

May import: ``profile``, pyarrow. Must never know: files of records, their bytes.
"""
