"""What a customer is: parties and their satellites as Arrow schemas, golden records, events.

May import: ``foundation`` and third-party libraries.
Must never know: where data comes from (adapters, mappings), how it is kept (store) or where it goes (channels).
"""
