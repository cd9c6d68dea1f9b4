"""What an orchestrator itself has on its runs, read through its public REST API. Nothing is recorded or compared here.

The audit half usually lives in another environment than the orchestrator, so its own client is not imported: the readers speak HTTP
through the standard library. Credentials come from settings and environment, go into a request's header, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from orchestrail.histories import airflow, prefect
from orchestrail.histories.attempt import Attempt
from orchestrail.histories.http import understood
from orchestrail.settings import Settings

__all__ = ["READERS", "Attempt", "History", "open_history", "understood"]


class History(Protocol):
    """One orchestrator's own records. A unit is its outermost run: a flow run, a DAG run.

    Attributes:
        orchestrator: its name, as runs on the record have it.
        version: what it says of its version; None where it does not.
        address: where it was read, without credentials.
        lossy: why it may lack what a killed process did; None where its records do not hang on the process that runs.
    """

    orchestrator: str
    version: str | None
    address: str
    lossy: str | None

    def since(self, moment: str) -> Iterable[Attempt]:
        """Read the attempts of all units that began at a moment or after it.

        Raises:
            HistoryError: it cannot be read.
        """
        ...

    def of(self, units: Iterable[str]) -> Iterable[Attempt]:
        """Read the attempts of these units, as far as it has them.

        Raises:
            HistoryError: it cannot be read.
        """
        ...

    def oldest(self) -> str | None:
        """Say when the oldest unit began that it still has; None where it has none.

        Raises:
            HistoryError: it cannot be read.
        """
        ...

    def count(self, until: str) -> int:
        """Count the units that began at a moment or before it.

        Raises:
            HistoryError: it cannot be read.
        """
        ...


READERS: Mapping[str, Callable[[Settings, Mapping[str, str], str | None], History]] = {
    "airflow": airflow.open_history,
    "prefect": prefect.open_history,
}
"""What opens the history of an orchestrator: from settings, environment and, before both, an address."""


def open_history(orchestrator: str, settings: Settings, environ: Mapping[str, str], url: str | None = None) -> History:
    """Open an orchestrator's own records.

    Args:
        orchestrator: `prefect` or `airflow`.
        settings: name address and credentials.
        environ: the environment, where the orchestrator's own variables are.
        url: address of its API, before all others.

    Raises:
        ConfigurationError: no address is known, or it is none.
        HistoryError: it cannot be reached.
    """
    with understood(f"The API of {orchestrator}"):
        return READERS[orchestrator](settings, environ, url)
