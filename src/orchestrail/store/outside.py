"""A checkpoint that was kept outside, held against a log while that is read once from its beginning. No log is read here."""

from __future__ import annotations

from collections.abc import Callable

from orchestrail.store.base import Compared
from orchestrail.store.merkle import Frontier
from orchestrail.store.note import Head, Verifier, checked_head, parse_head, parse_note
from orchestrail.store.proofs import Consistency

Growth = Callable[[int, int], Consistency]
"""Proves that the log of the checkpoint, at a size, began with what it was at a smaller one; whoever asks checks the proof."""


class Comparison:
    """Compares a log with a checkpoint.

    Args:
        note: the signed checkpoint.
        verifier: the key of the log; None where it cannot be told, and the signature is not looked at.
        growth: of the log that the checkpoint is of, where that log can be asked.

    Raises:
        NoteError: it is no checkpoint of this log.
    """

    def __init__(self, note: bytes, verifier: Verifier | None, growth: Growth | None = None) -> None:
        parsed = parse_note(note)
        self.head: Head = parse_head(parsed.text) if verifier is None else checked_head(parsed, verifier)
        self._growth = growth
        self._met: bytes | None = None

    def meet(self, frontier: Frontier) -> None:
        """Take down what the log was where it had the size of the checkpoint."""
        if frontier.size == self.head.size:
            self._met = frontier.root()

    def conclude(self, frontier: Frontier) -> tuple[Compared, str | None]:
        """Say what was compared, and what speaks against it.

        Args:
            frontier: of the whole log.
        """
        problem = None
        if self.head.size <= frontier.size:
            if self._met != self.head.root_hash:
                problem = "the log up to there does not have the signed root"
        elif self._growth is None:
            problem = f"the log has only {frontier.size} entries: it was cut"
        else:
            proof = self._growth(frontier.size, self.head.size)
            if not proof.holds(frontier.root(), self.head.root_hash):
                problem = f"the log there does not begin with the {frontier.size} entries of this one"
        return Compared(self.head.size, self.head.root_hash.hex(), problem is None), problem
