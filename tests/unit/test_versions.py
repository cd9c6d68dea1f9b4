"""Versions of hosts and the ranges that adapters name."""

from __future__ import annotations

import pytest

from orchestrail.versions import is_below, within


@pytest.mark.parametrize(
    ("version", "requires", "fits", "below"),
    [
        ("3.8.8", ">=3.5,<4", True, False),
        ("3.4.9", ">=3.5,<4", False, True),
        ("4.0", ">=3.5,<4", False, False),
        ("3.10", ">=3.5", True, False),
        ("2.11.2", ">=2.11,<4", True, False),
        ("3.5", ">3.5.0", False, True),
        ("3.5.0rc1", "==3.5", True, False),
        ("3.6", "!=3.6", False, False),
        ("4", "<=3", False, False),
        ("", ">=3", None, False),
        ("3.5", "~=3.5", None, False),
        ("3.5", "", True, False),
    ],
)
def test_a_version_stands_within_below_or_above_a_range(
    version: str, requires: str, fits: bool | None, below: bool
) -> None:
    """What is of another form is neither in nor out."""
    assert within(version, requires) is fits
    assert is_below(version, requires) is below
