"""What each stage costs beside its plain floor: the same work, hand-written on the library that the stage stands on.

``make bench`` prints the ratios. Both sides of a ratio are measured in one run, in turns, each in a fresh process that
counts its own CPU-seconds (and its database server's), so that a busy machine weighs on both alike. Then it prints how
well customers are found in a landscape, held to its limits (``benchmarks.identity``).

Linking, training and matching are also commands of their own, for the features that ``benchmarks.identity`` leaves in a
folder; those hold their figures to limits, as docs/identity.md tells.

May import everything; only tests import it. Floors that lie beside the project (``../shared/floors``) are used where
they are, and said to be absent otherwise.
"""
