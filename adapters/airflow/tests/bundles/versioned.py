"""A bundle of DAGs that has a version, as one from Git has."""

from __future__ import annotations

from airflow.dag_processing.bundles.local import LocalDagBundle


class Versioned(LocalDagBundle):
    """A folder of which somebody knows the version."""

    supports_versioning = True

    def get_current_version(self) -> str | None:
        return self.version or "3f2a9c1"
