"""The pages. They ask `orchestrail.queries` alone, through the snapshot they are given: what a person may see is decided there."""
