"""A data set or model that is to be used no more, onto the record: nothing is deleted, neither there nor on disk."""

from __future__ import annotations

from orchestrail.errors import ConfigurationError
from orchestrail.model import DatasetRef, Job
from orchestrail.operations.records import own_record
from orchestrail.projections.apply import apply
from orchestrail.redaction import redact_text
from orchestrail.settings import Settings
from orchestrail.statements.content import problem_of_text
from orchestrail.store.base import Store

SOURCE = "withdraw"


def withdraw(
    settings: Settings,
    store: Store,
    dataset: DatasetRef,
    reason: str,
    *,
    at: str,
    everything: bool = False,
    version: str | None = None,
    by: str | None = None,
) -> int:
    """Put a withdrawal on the record.

    Args:
        settings: name the namespace of the record.
        store: the record.
        dataset: what is withdrawn.
        reason: why.
        at: since when, RFC 3339 in UTC.
        everything: True for all that bore its name, or the version of that which is given; else for its content alone.
        version: the version that is withdrawn.
        by: who withdraws it, a person or a pseudonym.

    Returns:
        The place in the log.

    Raises:
        ConfigurationError: the reason is none, or holds a secret.
        StoreError: the store cannot be written.
    """
    require_reason(reason)
    said = {
        "namespace": dataset.namespace,
        "name": dataset.name,
        "version": version,
        "digest": None if everything else dataset.digest,
        "withdrawn_at": at,
        "reason": reason,
        "by": by,
    }
    record = own_record("orchestrail_withdrawal", said, SOURCE, Job(settings.namespace, "orchestrail.withdraw"))
    appended = store.append([record])
    apply(store)
    return appended.size - 1


def require_reason(reason: str) -> None:
    """Require that something can be kept as a reason.

    Raises:
        ConfigurationError: it is none, or holds a secret.
    """
    if problem := problem_of_text(reason):
        raise ConfigurationError("The reason cannot be used.", f"{problem[:1].upper()}{problem[1:]}.", "Say why.")
    if redact_text(reason) != reason:
        raise ConfigurationError("The reason holds a secret.", "The record keeps it.", "Say why, without it.")
