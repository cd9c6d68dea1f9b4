"""Tables derived from the stored events: runs, their data and their edges.

Everything here can be dropped and rebuilt to the same rows, so nothing may live here that is not in the log. The tables are read
by `orchestrail.queries` alone.
"""
