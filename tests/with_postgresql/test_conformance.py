"""The store in PostgreSQL holds what every store must hold."""

from __future__ import annotations

from orchestrail.testing import StoreConformance


class TestPostgresql(StoreConformance):
    pass
