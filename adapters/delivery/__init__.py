"""Files as others deliver them: from an estate folder or a server, the right ones of many, and only complete ones.

``options`` is the ``delivery:`` section, ``names`` tells dates and generations, ``checksums`` what bytes must come
to, ``places`` where files are, ``servers`` connects to them by ``sftp`` or ``ftp``, ``copies`` keeps what they send,
``delivering`` puts it together.

May import: ``foundation``, ``adapters.paths``, fsspec; paramiko, an extra, when an SFTP server is asked.
Must never know: what is in the files.
"""

from adapters.delivery.delivering import Delivered, Offered, deliver, offered
from adapters.delivery.options import Delivery

__all__ = ["Delivered", "Delivery", "Offered", "deliver", "offered"]
