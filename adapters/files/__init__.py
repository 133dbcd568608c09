"""Files that a system delivers: CSV and TSV, fixed width, JSON Lines; one file or a glob of them.

``text`` turns bytes into checked UTF-8, ``lines`` and ``quoting`` cut it where records end, ``delimited``,
``fixed_width`` and ``json_lines`` make Arrow tables of it, ``adapter`` puts them behind the adapters' promise.

May import: ``foundation``, ``adapters.base``, ``adapters.paths``, pyarrow, NumPy.
Must never know: what a column means.
"""

from adapters.files.adapter import Files
from adapters.files.options import ColumnOptions, FilesOptions

__all__ = ["ColumnOptions", "Files", "FilesOptions"]
