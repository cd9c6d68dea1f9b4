"""How events leave the host's process: an append to a local segment file, and nothing else.

Reading segments and taking them into the store is `orchestrail.operations`' matter.
"""
