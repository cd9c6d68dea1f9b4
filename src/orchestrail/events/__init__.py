"""Runs as OpenLineage events: building them (plain dicts), our facets with their schemas, and checking what arrives.

Nothing here writes, and nothing here imports OpenLineage's client: the events are shaped by the specification, 2-0-2.
"""
