"""The adapter's hooks: what it is, what it does not see, how it attaches to newhost and lets go.

The host is not imported at the head of this file: the command line loads it too, in environments without the host.
"""

from __future__ import annotations

from orchestrail.adapter import AdapterInfo, Capability, Gap, Recorder, Settings, __version__, hookimpl

REQUIRES = ">=1"

# What the host cannot do is `never`, what it would have to change is `upstream`; no `todo` may remain in a release.
GAPS = (
    Gap("retry", todo="Attempts are not told apart yet."),
    Gap("cached", todo="Results that the host takes from a store are not seen yet."),
    Gap("skipped", todo="Tasks that the host does not begin are not seen yet."),
    Gap("asynchronous", todo="Coroutines are not seen yet."),
    Gap("timed_out", todo="Time limits are not seen yet."),
    Gap("changed_by_hand", todo="Changes that a person makes are not seen yet."),
)


@hookimpl
def adapter_info() -> AdapterInfo | None:
    """Describe the adapter. A real one gives None where its host is not installed, and the host's version as it is found."""
    seen = {
        Capability.CODE_DIGEST,
        Capability.DATASET_VERSION,
        Capability.PARAMETERS,
        Capability.ENVIRONMENT,
    }
    return AdapterInfo("newhost", "newhost", "1.0", __version__, REQUIRES, frozenset(seen), GAPS)


@hookimpl
def adapter_install(recorder: Recorder, settings: Settings) -> None:
    """Attach to the host in this process; called again, change nothing."""
    from orchestrail_newhost import seams
    from orchestrail_newhost.listener import Listener

    seams.install(Listener(recorder))


@hookimpl
def adapter_uninstall() -> None:
    """Leave the host as it was found."""
    from orchestrail_newhost import seams

    seams.uninstall()
