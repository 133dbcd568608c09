"""The flight simulator: a telecom operator's legacy estate, made from a seed, with a known truth.

People and organisations are invented column by column, copied into ten systems with the wear that such copies
have, and written as those systems would deliver them: EBCDIC files, SOAP services, databases, text files. The
truth (who is who) lies beside the data and is only read by the evaluation.

May import: sync and everything below, channels. Must never know: the insides of any of them; the pipeline reads
the estate through its adapters and mappings like any other.
"""
