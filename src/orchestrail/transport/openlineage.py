"""A transport for OpenLineage's client: what other producers tell (Airflow's provider, dbt ...) goes into the spool too.

It is named in the client's own configuration, and nothing of ours imports it: `orchestrail[openlineage]` brings the client. The
events stay their producer's; only secrets are taken out, because what reaches a disk cannot be taken back, and statements of SQL
give way to their digests, because their literals may be secrets that nothing tells as such. Nothing here raises into the client.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from openlineage.client.serde import Serde
from openlineage.client.transport.transport import Config, Transport

from orchestrail.guard import guard, report_to
from orchestrail.parameters import digest_of
from orchestrail.redaction import redact, remember_environment
from orchestrail.settings import load_settings
from orchestrail.transport.spool import Spool

if TYPE_CHECKING:
    from openlineage.client.client import Event


class SpoolTransport(Transport):
    """Appends events to the spool of this host: `{"type": "orchestrail.transport.openlineage.SpoolTransport"}`.

    Where the spool lies is said by orchestrail's settings; the transport has none of its own.

    Args:
        config: the client's; it holds nothing that is used.
    """

    kind = "orchestrail"
    config_class = Config

    def __init__(self, config: Config) -> None:
        self._spool: Spool | None = None
        with guard("begin to spool the events of OpenLineage's client"):
            settings = load_settings()
            report_to(settings.home, "openlineage")
            if not settings.disabled:
                remember_environment()
                self._spool = Spool(settings.spool)

    def emit(self, event: Event) -> None:
        """Put an event into the spool. One that cannot be put there is lost, and `orchestrail doctor` says so."""
        if self._spool is not None:
            with guard("spool an event of OpenLineage's client"):
                written = _without_statement(redact(json.loads(Serde.to_json(event))))
                self._spool.append(json.dumps(written, separators=(",", ":")).encode())

    def close(self, timeout: float = -1) -> bool:
        """Close the spool's segment: there is nothing to wait for, an event is in the spool when `emit` returns."""
        with guard("close the spool of OpenLineage's client"):
            if self._spool is not None:
                self._spool.close()
            return True
        return False


def _without_statement(event: dict[str, Any]) -> dict[str, Any]:
    """Put the digest of a statement (OpenLineage's job facet `sql`) in the place of its text, as where one is a parameter."""
    facet = event.get("job", {}).get("facets", {}).get("sql")
    if isinstance(facet, dict) and isinstance(facet.get("query"), str):
        facet["query"] = digest_of(facet["query"])
    return event
