"""The shipped kit for testing adapters: what a run left in the spool, and whether it is what the schemas say. For tests only."""

from orchestrail.testing.events import schema_problems, spooled_events

__all__ = ["schema_problems", "spooled_events"]
