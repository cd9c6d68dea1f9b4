"""The pages: what people read at `orchestrail serve`, rendered here and whole without scripts.

They ask `orchestrail.queries`, and `orchestrail.operations` where commands do, through the snapshot that they are given: what a
person may see is decided there. Nothing here changes the record.
"""
