"""Seeds: whole numbers by value, anything else by type, once each."""

from __future__ import annotations

import importlib
import pickle
import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.capture import observers
from orchestrail.capture.results import MAX_SEEDS, Results


def told(seen) -> list[tuple]:
    return [tuple(entry.values()) for entry in seen.results.seeds]


def test_seeds_are_told_with_what_they_seed(observed):
    """And the generators give what they give without us."""
    expected = random.Random(7).random(), np.random.RandomState(8).rand(), np.random.default_rng(9).random()
    with observed() as seen:
        random.seed(7)
        np.random.seed(8)
        for _ in range(2):
            drawn = np.random.default_rng(seed=np.int64(9))
        assert (random.random(), np.random.rand(), drawn.random()) == expected
        assert np.random.default_rng(drawn) is drawn
    assert told(seen) == [("random.seed", 7), ("numpy.random.seed", 8), ("numpy.random.default_rng", 9)]


def test_what_is_no_whole_number_is_told_by_its_type(observed):
    """A text may be a secret; None is no seed."""
    with observed() as seen:
        random.seed("harmless-looking-value")
        random.seed()
        np.random.seed(None)
        np.random.default_rng([1, 2])
        np.random.default_rng(2**100)
    assert told(seen) == [
        ("random.seed", None, "str"),
        ("numpy.random.default_rng", None, "list"),
        ("numpy.random.default_rng", str(2**100)),
    ]


def test_what_a_package_seeds_as_it_is_imported_is_no_seed_of_the_step(observed, tmp_path, monkeypatch):
    """A module of the project that does so, and a package that is asked to seed, are."""
    installed = tmp_path / "site-packages"
    installed.mkdir()
    source = "import random\ndef seed_all(n): random.seed(n)\nseed_all({0})\n"
    (installed / "seeding_package.py").write_text(source.format(1))
    (tmp_path / "seeding_project.py").write_text("import random, seeding_package\nrandom.seed(2)\n")
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.syspath_prepend(str(tmp_path))
    with observed() as seen:
        importlib.import_module("seeding_project")
        importlib.import_module("seeding_package").seed_all(3)
    assert told(seen) == [("random.seed", 2), ("random.seed", 3)]


def test_many_seeds_are_bounded(observed):
    """The last one is kept, and that there were more is told."""
    with observed() as seen:
        for n in range(MAX_SEEDS + 3):
            random.seed(n)
    assert [entry["value"] for entry in seen.results.seeds] == [*range(MAX_SEEDS - 1), MAX_SEEDS + 2]
    assert seen.missing == [("seeds", f"more than {MAX_SEEDS} in one run: 3 are not kept")]


def test_outside_a_run_and_after_us_nothing_is_told(observed):
    """The functions are the libraries' own again."""
    before = random.seed, np.random.seed, np.random.default_rng
    assert all(pickle.loads(pickle.dumps(one)) is one for one in before)
    observers.uninstall()
    after = random.seed, np.random.seed, np.random.default_rng
    assert all(one is not other for one, other in zip(before, after, strict=True))
    assert random.seed.__self__ is random._inst
    observers.install()
    random.seed(1)


@given(st.integers() | st.integers(-(2**70), 2**70) | st.integers().map(lambda n: n << 5000))
def test_a_whole_number_of_any_size_is_one_that_readers_agree_about(number):
    """As it is up to 64 bits; else as text."""
    results = Results()
    results.seed("random.seed", number)
    (entry,) = results.seeds
    if abs(number) < 2**63:
        assert entry["value"] == number
    else:
        assert isinstance(entry["value"], str)
        assert entry["value"] == str(number) if number.bit_length() <= 4096 else "bits" in entry["value"]
