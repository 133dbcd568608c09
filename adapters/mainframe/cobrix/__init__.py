"""The reader options of Cobrix, taken as they are, and the shape of its rows."""
