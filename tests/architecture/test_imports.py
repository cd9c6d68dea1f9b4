"""Who may import whom, as far as import-linter's contracts (`pyproject.toml`) do not say it: they are run beside these tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from repository import ADAPTERS, PACKAGE, ROOT, imports_of, settings_of, top_modules

CONTRACTS = settings_of(ROOT)["tool"]["importlinter"]["contracts"]
HALVES = next(contract for contract in CONTRACTS if contract["name"].startswith("The runtime half"))
RUNTIME = {name.removeprefix("orchestrail.") for name in HALVES["source_modules"]}
AUDIT = {name.removeprefix("orchestrail.") for name in HALVES["forbidden_modules"]}
GUEST = PACKAGE / "transport" / "openlineage.py"  # a plugin of OpenLineage's client, which loads it
HOST_SIDE = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.relative_to(PACKAGE).parts[0].removesuffix(".py") in RUNTIME | {"__init__"} and path != GUEST
]
each_adapter = pytest.mark.parametrize("folder", ADAPTERS, ids=lambda folder: folder.name)


def sources(folder: Path) -> list[Path]:
    """List the modules of an adapter."""
    found = sorted((folder / "src").rglob("*.py"))
    assert found
    return found


def test_every_module_is_in_one_half() -> None:
    """A new module is put into the contracts, or they would not see it."""
    assert top_modules() == RUNTIME | AUDIT
    assert not RUNTIME & AUDIT


def test_runtime_half_needs_no_more_than_the_base_installation() -> None:
    """In a host's process: the standard library, pluggy, pydantic, and what is there already (`sys.modules`), nothing else."""
    allowed = set(sys.stdlib_module_names) | {"orchestrail", "pluggy", "pydantic"}
    used = {
        (path.name, name) for path in HOST_SIDE for name in imports_of(path) if name.partition(".")[0] not in allowed
    }
    assert not used


@each_adapter
def test_adapter_uses_the_public_doors(folder: Path) -> None:
    """Of ours an adapter imports itself, `orchestrail` and `orchestrail.adapter`."""
    package = f"orchestrail_{folder.name}"
    for path in sources(folder):
        ours = {name for name in imports_of(path) if name.startswith("orchestrail")}
        strangers = {name for name in ours if name.partition(".")[0] != package} - {
            "orchestrail",
            "orchestrail.adapter",
        }
        assert not strangers, path.name


@each_adapter
def test_adapter_speaks_to_one_host(folder: Path) -> None:
    """Beside ours an adapter imports the standard library, its host, pluggy, in which hooks are declared, and nothing else."""
    allowed = set(sys.stdlib_module_names) | {"pluggy", "orchestrail", f"orchestrail_{folder.name}", folder.name}
    for path in sources(folder):
        assert not {name.partition(".")[0] for name in imports_of(path)} - allowed, path.name


def test_store_is_the_only_user_of_a_driver() -> None:
    """The parts above the store speak SQLAlchemy at most, and only projections and queries do."""
    for path in sorted(PACKAGE.rglob("*.py")):
        part = path.relative_to(PACKAGE).parts[0]
        names = {name.partition(".")[0] for name in imports_of(path)}
        if part != "store":
            assert not names & {"sqlite3", "psycopg", "alembic"}, path
        if part not in {"store", "projections", "queries"}:
            assert "sqlalchemy" not in names, path
