"""The compiler of flat layouts, until its successor in the rooms beside it takes over."""
