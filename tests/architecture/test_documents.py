"""What is public is documented, and what is documented exists."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator

import pytest
from repository import PACKAGE, ROOT, tracked_texts

from orchestrail import errors, hookspecs
from orchestrail.cli.app import COMMANDS
from orchestrail.testing.reference_pages import FIELDS, OPTIONS, fields_page, options_page

REFERENCE = ROOT / "docs" / "reference"
HOOKS = [name for name, value in vars(hookspecs).items() if hasattr(value, "orchestrail_spec")]


def headings(name: str) -> set[str]:
    """Give the words in code type that a page of the reference has in its headings and first table columns."""
    text = (REFERENCE / name).read_text()
    return set(re.findall(r"^(?:#+ |\| )`([^`]+)`", text, re.MULTILINE))


def all_errors(root: type[errors.OrchestrailError]) -> Iterator[type[errors.OrchestrailError]]:
    """Walk the classes of errors."""
    yield root
    for found in root.__subclasses__():
        yield from all_errors(found)


@pytest.mark.parametrize("name", HOOKS)
def test_hook_is_documented_and_used_in_a_test(name: str) -> None:
    """A hook ships with a description, in both places, and with something that uses it."""
    assert inspect.getdoc(getattr(hookspecs, name))
    assert name in headings("hooks.md")
    used = [
        path
        for path, text in tracked_texts()
        if "tests" in path.parts and "architecture" not in path.parts and name in text
    ]
    assert used


def test_documented_hooks_exist() -> None:
    """The page of hooks names no other hook."""
    assert headings("hooks.md") == set(HOOKS)


def test_errors_are_documented_with_their_exit_codes() -> None:
    """Each code of an error has its line, with the exit code of the command line."""
    for command in COMMANDS:  # one may have an error of its own
        importlib.import_module(f"orchestrail.cli.{command}")

    text = (REFERENCE / "errors.md").read_text()
    for error in all_errors(errors.OrchestrailError):
        assert re.search(rf"^\| `{error.code}` \| {error.exit_code} \|", text, re.MULTILINE), error.code


def test_settings_are_documented() -> None:
    """Each variable that the settings read has its line, and no other."""
    source = (PACKAGE / "settings.py").read_text()
    read = set(re.findall(r"ORCHESTRAIL_[A-Z_]+", source))
    assert read == {name for name in headings("settings.md") if name.startswith("ORCHESTRAIL_")}


def test_facets_are_documented() -> None:
    """Each published schema has its section, and no other."""
    assert headings("facets.md") == {path.stem for path in (PACKAGE / "events" / "schemas").glob("*.json")}


def test_commands_are_documented() -> None:
    """Each command has its section, and no other."""
    documented = {name for name in headings("commands.md") if name.startswith("orchestrail ")}
    assert documented == {f"orchestrail {name}" for name in COMMANDS}


@pytest.mark.parametrize(("name", "page"), [(OPTIONS, options_page), (FIELDS, fields_page)], ids=[OPTIONS, FIELDS])
def test_pages_made_of_code_are_what_the_code_gives(name: str, page: Callable[[], str]) -> None:
    """Nobody edits them by hand, and nobody forgets to write them anew (`nox -s reference`)."""
    assert (REFERENCE / name).read_text() == page()


def test_every_page_has_its_place_on_the_site() -> None:
    """Decisions are reached from their list, which names each; every other page stands in the site's navigation, once."""
    docs = ROOT / "docs"
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    placed = re.findall(r'"([^"]+\.md)"', (docs / "zensical.toml").read_text())
    assert sorted(placed) == sorted(page for page in pages if not re.match(r"decisions/\d", page))
    listed = re.findall(r"\]\((\d[^)]+)\)", (docs / "decisions" / "README.md").read_text())
    assert sorted(listed) == sorted(path.name for path in (docs / "decisions").glob("[0-9]*.md"))


def test_links_between_documents_lead_somewhere() -> None:
    """A relative link names a file that is there."""
    for path, text in tracked_texts():
        if path.suffix == ".md":
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
                assert (ROOT / path.parent / target).exists(), f"{path}: {target}"
