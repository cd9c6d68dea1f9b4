"""Every error that orchestrail raises. Nothing of ours is imported here, but for the names of types.

An error has a stable code and three parts: what happened, why, what to do. Three families: errors for the person who called us
(configuration, wrong use, a store that cannot be read), `RequirementNotMet` (enforce mode only), and internal ones, which
`orchestrail.guard` swallows on a host's path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrail.model import Finding


class OrchestrailError(Exception):
    """Root of all errors of this package.

    Attributes:
        code: stable identifier, for scripts and for the documentation.
        exit_code: what the command line returns for it (docs/reference/commands.md).
        what: what happened.
        why: the cause, as far as it is known.
        do: what the reader can do about it.
    """

    code = "error"
    exit_code = 2

    def __init__(self, what: str, why: str = "", do: str = "") -> None:
        self.what, self.why, self.do = what, why, do
        super().__init__(" ".join(part for part in (what, why, do) if part))


class ConfigurationError(OrchestrailError):
    """A setting, an argument or an installation that cannot work."""

    code = "configuration"


class UnknownRun(OrchestrailError):
    """No run in the store has this id, prefix, suffix or native id."""

    code = "unknown-run"


class AmbiguousRun(OrchestrailError):
    """More than one run fits what was given."""

    code = "ambiguous-run"


class NotRecorded(OrchestrailError):
    """The target is not in the record: a negative answer, not wrong use."""

    code = "not-recorded"
    exit_code = 1


class Forbidden(OrchestrailError):
    """Whoever asks may not have this, or not do this."""

    code = "forbidden"


class StoreError(OrchestrailError):
    """The store cannot be opened, read or written, or is not ours."""

    code = "store"
    exit_code = 4


class NoStore(StoreError):
    """There is no store where one was named."""


class Unstorable(StoreError):
    """What was given can be held by no store of this kind, however often it is tried; nothing of it was stored."""

    code = "unstorable"


class SpoolError(OrchestrailError):
    """The spool cannot be written or read."""

    code = "spool"


class ServerError(OrchestrailError):
    """A server of ours cannot be reached, or refuses; the spool keeps what did not arrive there. It says nothing of the record.

    Attributes:
        passing: whether it may go better the next time.
        retry_after: seconds after which the server asks to be tried again; None where it does not say.
        said: what it answered to a question, where that is what a command on its store would say; None otherwise.
    """

    code = "server"
    exit_code = 4

    def __init__(
        self,
        what: str,
        why: str = "",
        do: str = "",
        *,
        passing: bool = False,
        retry_after: float | None = None,
        said: OrchestrailError | None = None,
    ) -> None:
        self.passing = passing
        self.retry_after = retry_after
        self.said = said
        super().__init__(what, why, do)


class HistoryError(OrchestrailError):
    """An orchestrator's own records cannot be read: nothing was compared, and nothing is said of what differs.

    Attributes:
        status: the HTTP status that it answered with; None where it did not answer in a way that can be used.
    """

    code = "history"
    exit_code = 4

    def __init__(self, what: str, why: str = "", do: str = "", *, status: int | None = None) -> None:
        self.status = status
        super().__init__(what, why, do)


class NoticeError(OrchestrailError):
    """A notice could not be delivered: it counts as not told."""

    code = "notice"
    exit_code = 1


class EventRefused(OrchestrailError):
    """Bytes that are not an acceptable OpenLineage event: they go to quarantine, whole.

    Attributes:
        reason: stable reason: not_json, not_openlineage, too_large, cut_off, malformed_line, erasure.
    """

    code = "event-refused"
    exit_code = 1

    def __init__(self, reason: str, why: str) -> None:
        self.reason = reason
        super().__init__(f"The event was refused ({reason}).", why, "See `orchestrail quarantine list`.")


class StatementRefused(OrchestrailError):
    """A statement that breaks a rule, or that no person makes: nothing was put on the record."""

    code = "statement-refused"


class RequirementNotMet(OrchestrailError):
    """Enforce mode: the run was refused before user code ran.

    Attributes:
        findings: the requirements that it misses.
    """

    code = "requirement-not-met"
    exit_code = 1

    def __init__(self, what: str, why: str = "", do: str = "", *, findings: Sequence[Finding] = ()) -> None:
        self.findings = tuple(findings)
        super().__init__(what, why, do)
