"""SOAP web services: one operation, called page by page, its records typed by the WSDL's XML schema.

``options`` is the ``read:`` section; ``service`` loads the WSDL and calls; ``paging`` goes through the pages;
``records`` makes Arrow of XML; ``adapter`` puts them together.

May import: ``foundation``, ``adapters.base``, ``adapters.paths``, zeep, requests, lxml, tenacity and pyarrow.
Must never know: customers, the canonical model, mappings, the store.
"""

from adapters.soap.adapter import Soap
from adapters.soap.options import SoapOptions

__all__ = ["Soap", "SoapOptions"]
