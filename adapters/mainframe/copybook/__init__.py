"""Copybooks: COBOL text to the layout of a record.

The stages, each readable alone: ``lexer`` (text to tokens) → ``parser`` → ``syntax`` (the tree) → ``layout`` (offsets,
lengths, names and Arrow types). ``picture`` reads PICTURE character-strings.
"""
