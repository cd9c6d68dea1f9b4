"""The pages. They ask `orchestrail.queries` alone, through the snapshot that they are given: what a person may see is decided there."""
