"""The leaf everything stands on: located errors, typed settings, logging.

May import: the standard library and third-party libraries.
Must never know: customers, mappings, stores, brokers, or any other room of the house.
"""
