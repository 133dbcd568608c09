"""Cobrix, the open reader of mainframe files for Spark: its options taken as they are, and the shape of its rows."""
