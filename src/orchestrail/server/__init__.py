"""The record over HTTP: events of any OpenLineage client in, the answers of the commands out; and who may do which.

What is stored goes through `orchestrail.operations`, what is answered through `orchestrail.queries`. Pages are `orchestrail.web`'s
matter.
"""
