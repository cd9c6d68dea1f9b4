"""How much of the evaluators the tests hold: mutmut changes them one place at a time, and the tests should notice each change.

`nox -s mutation` runs it. mutmut leaves decorated functions alone, as evaluators are: it works on a copy of the repository in
which `@judges(...)` is called beneath the function instead. Nothing else differs.
"""

from __future__ import annotations

import argparse
import ast
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHECKS = Path("src", "orchestrail", "requirements", "checks")
CONFIGURATION = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = [{files}]
pytest_add_cli_args_test_selection = ["tests/unit/requirements"]
pytest_add_cli_args = ["-p", "no:randomly", "-p", "no:cacheprovider"]
also_copy = ["adapters", "benchmarks", "examples"]
"""
NOTICED = ("killed", "timeout", "segfault")


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
        project.write(CONFIGURATION.format(files=", ".join(map(json.dumps, files))))


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


def main() -> None:
    """Run mutmut, list what nothing noticed, and fail below the share that is asked for."""
    known = sorted(path.stem for path in (ROOT / CHECKS).glob("[!_]*.py"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help=f"of {', '.join(known)}; all by default")
    parser.add_argument("--within", type=Path, required=True, help="an empty folder to work in")
    parser.add_argument("--least", type=float, default=0.9, help="share of changes that have to be noticed")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    prepare(arguments.within, arguments.modules or known)
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(arguments.jobs)]
    subprocess.run(command, cwd=arguments.within, check=False)
    found = results(arguments.within)
    counts = Counter(found.values())
    noticed = sum(counts[name] for name in NOTICED)
    for name, said in sorted(found.items()):
        if said not in NOTICED:
            print(f"{said}: {name}")
    print(f"{noticed} of {len(found)} changes were noticed ({noticed / max(1, len(found)):.1%}): {dict(counts)}")
    sys.exit(not found or noticed / len(found) < arguments.least)


if __name__ == "__main__":
    main()
