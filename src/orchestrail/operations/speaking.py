"""For which runs somebody may speak who is bound to some AI systems: what an event says of itself is not believed where the record
says whose its run is. Nothing is stored here.

An event may be about a run that is the sender's: it belongs to one of the sender's systems, or to none and was begun by the same
sender, or with a token that was bound to no others. Where the run would get its system from a run above it, or runs of others would
get theirs from it, it has to be the sender's too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from orchestrail.errors import Forbidden
from orchestrail.operations.tokens import Tokens, sent_by
from orchestrail.projections.fold import StoredEvent, parents, stored_event
from orchestrail.queries.owners import Owned, is_behind_on, left_below, owners
from orchestrail.queries.snapshot import Store, apply
from orchestrail.store.base import Incoming


def of_others(
    store: Store, items: Sequence[Incoming], source: str, systems: Collection[str], tokens: Tokens
) -> dict[int, Forbidden]:
    """Find the events that are about runs of others.

    Args:
        store: the record.
        items: the events.
        source: the sender, as the record names it.
        systems: that the sender may speak for.
        tokens: of this server, by which others may have sent what is there.

    Returns:
        Why each of them may not be taken, by its place among the items.
    """
    told = [event for place, item in enumerate(items) if (event := stored_event(place, item.body))]
    if not told:
        return {}
    above = {event.seq: parents([event]) for event in told}
    named = {run for pair in above.values() for run in pair if run is not None}
    known, below = _found(store, told, named, whole=False)
    if any(_inherits(event, above[event.seq], known) for event in told):
        # From whichever run further up: what the tables lack of any may matter.
        known, below = _found(store, told, named, whole=True)

    def theirs(run: Owned) -> bool:
        if run.belongs_to is not None:
            return run.belongs_to in systems
        by = run.begun_by or ""
        token = tokens.behind(by)
        bound = token.systems if token is not None else None
        return sent_by(by) == source or (bound is not None and set(bound) <= set(systems))

    claimed: set[str] = set()

    def may(event: StoredEvent) -> bool:
        own = known.get(event.run_id)
        if event.system not in (None, *systems) or (own is not None and not theirs(own)):
            return False
        if not _claimed(own) and not all(map(theirs, below.get(event.run_id, ()))):
            return False
        if event.system is not None:
            claimed.add(event.run_id)
        elif event.run_id not in claimed and _inherits(event, above[event.seq], known):
            parent, root = above[event.seq]
            if parent not in claimed:
                from_above = known.get(parent or "") or known.get(root or "")
                return from_above is None or from_above.belongs_to in (None, *systems)
        return True

    # Those first that name a system: the others may get theirs from them.
    ordered = sorted(told, key=lambda event: event.system is None)
    return {event.seq: _forbidden(systems) for event in ordered if not may(event)}


def _found(
    store: Store, told: Sequence[StoredEvent], named: Collection[str], *, whole: bool
) -> tuple[Mapping[str, Owned], Mapping[str, list[Owned]]]:
    """Say whose the runs are that events are about, or name above these, and whose those are that wait for them."""
    runs = {event.run_id for event in told}.union(named)
    if whole or is_behind_on(store, runs):
        apply(store)
    with store.read() as record:
        known = owners(record, runs)
        return known, left_below(record, {event.run_id for event in told if not _claimed(known.get(event.run_id))})


def _inherits(event: StoredEvent, above: tuple[str | None, str | None], known: Mapping[str, Owned]) -> bool:
    own = known.get(event.run_id)
    return event.system is None and above[0] is not None and (own is None or own.names is None)


def _claimed(run: Owned | None) -> bool:
    return run is not None and run.belongs_to is not None


def _forbidden(systems: Collection[str]) -> Forbidden:
    return Forbidden(
        "An event about a run of others was not taken.",
        f"That run, or one next to it, was begun by others than those who may speak for {', '.join(sorted(systems))}.",
        "Send it with a token of its system, or as a run of its own.",
    )
