"""How much of the evaluators the tests hold: mutmut changes them one place at a time, and the tests should notice each change.

`nox -s mutation` runs it, `-- --keep docs/reference/mutation.md` keeps the result: the rows of modules that were measured, beside
those of the others. mutmut leaves decorated functions alone, as evaluators are: it works on a copy of the repository in which
`@judges(...)` is called beneath the function instead. Nothing else differs.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from measuring import document, tell

ROOT = Path(__file__).parents[1]
CHECKS = Path("src", "orchestrail", "requirements", "checks")
CONFIGURATION = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = [{files}]
pytest_add_cli_args_test_selection = [{tests}]
pytest_add_cli_args = ["-p", "no:cacheprovider"]
also_copy = ["adapters", "benchmarks", "examples"]
"""
NOTICED = ("killed", "timeout", "segfault")
TESTS = Path("tests", "unit", "requirements")
HEAD = ["module", "changes", "noticed", "share"]


def undecorated(source: str) -> str:
    """Have evaluators registered beneath their definition."""
    lines = source.splitlines()
    beneath: list[str] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            for decorator in node.decorator_list:
                beneath.append(f"{ast.unparse(decorator)}({node.name})")
                for number in range(decorator.lineno - 1, decorator.end_lineno or decorator.lineno):
                    lines[number] = ""
    return "\n".join([*lines, "", *beneath, ""])


def prepare(into: Path, names: list[str]) -> None:
    """Copy what is under version control, with the evaluators so changed."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, into / name)
    files = [str(CHECKS / f"{name}.py") for name in names]
    for name in files:
        (into / name).write_text(undecorated((into / name).read_text()))
    with (into / "pyproject.toml").open("a") as project:
        project.write(
            CONFIGURATION.format(files=", ".join(map(json.dumps, files)), tests=", ".join(map(json.dumps, concerned())))
        )


def concerned() -> list[str]:
    """Name the tests whose verdicts are kept: the others ask little of single evaluators, and some cost much."""
    return [str(TESTS / f"{file.stem}.py") for file in sorted((ROOT / TESTS / "said").glob("*.json"))]


def results(within: Path) -> dict[str, str]:
    """Read what became of each mutant."""
    told = subprocess.run(
        [sys.executable, "-m", "mutmut", "results", "--all", "true"],
        cwd=within,
        capture_output=True,
        text=True,
        check=True,
    )
    pairs = (line.strip().rpartition(": ") for line in told.stdout.splitlines() if ": " in line)
    return {name: said for name, _, said in pairs}


def row(module: str, found: dict[str, str]) -> list[str]:
    """Count what was noticed in a module."""
    own = [said for name, said in found.items() if f".{module}." in name]
    noticed = sum(said in NOTICED for said in own)
    return [module, str(len(own)), str(noticed), f"{noticed / max(1, len(own)):.1%}"]


def kept(file: Path | None) -> dict[str, list[str]]:
    """Give the rows that a file holds already."""
    if file is None:
        return {}
    cells = ([cell.strip() for cell in line.strip("| ").split("|")] for line in file.read_text().splitlines())
    return {row[0]: row for row in cells if len(row) == len(HEAD) and row[1].isdigit()}


def summed(rows: list[list[str]]) -> list[str]:
    """Add rows up."""
    changes, noticed = (sum(int(row[column]) for row in rows) for column in (1, 2))
    return ["all", str(changes), str(noticed), f"{noticed / max(1, changes):.1%}"]


def main() -> None:
    """Run mutmut, list what nothing noticed, and fail below the share that is asked for."""
    known = sorted(path.stem for path in (ROOT / CHECKS).glob("[!_]*.py"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help=f"of {', '.join(known)}; all by default")
    parser.add_argument("--within", type=Path, required=True, help="an empty folder to work in")
    parser.add_argument("--least", type=float, default=0.9, help="share of changes that have to be noticed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="a Markdown file with a place for the result")
    arguments = parser.parse_args()
    load, modules = os.getloadavg()[0], arguments.modules or known
    prepare(arguments.within, modules)
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(arguments.jobs)]
    subprocess.run(command, cwd=arguments.within, check=False)
    found = results(arguments.within)
    if not found or "not checked" in found.values():
        raise SystemExit("mutmut did not come to an end, as it says above: do the tests pass without any change?")
    for name, said in sorted(found.items()):
        if said not in NOTICED:
            print(f"{said}: {name}", file=sys.stderr)
    measured = {module: row(module, found) for module in modules}
    rows = {name: cells for name, cells in (kept(arguments.keep) | measured).items() if name in known}
    said = document(
        "mutation", ["orchestrail", "mutmut"], {"modules": modules, "counts": Counter(found.values())}, load
    )
    said["command"] = "nox -s mutation -- --keep docs/reference/mutation.md"
    listed = [rows[name] for name in known if name in rows]
    tell(
        said,
        "Changes of the evaluators, and how many of them the tests notice.",
        [HEAD, *listed, summed(listed)],
        arguments.keep,
    )
    _, _, noticed, _ = summed(list(measured.values()))
    sys.exit(int(noticed) / len(found) < arguments.least)


if __name__ == "__main__":
    main()
