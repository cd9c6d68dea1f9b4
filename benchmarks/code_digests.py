"""Digests of code that nobody wrote for us: installed packages, each copied to where it counts as somebody's project.

`python benchmarks/code_digests.py click jinja2 pandas` prints for each package how many functions and classes have a digest of
their source, of their bytecode, or none, and the milliseconds that one takes. For packages that there is a piece of work for, it
also runs that work, and lists the modules of the package whose code ran and is not covered by the digest of the function that did
it: there should be none. Each package is looked at in a process of its own.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
import pkgutil
import shutil
import subprocess
import sys
import tempfile
import time
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchestrail.capture.code import code_facts

DEFAULT = ("click", "jinja2", "joblib", "rich", "typer", "pandas", "sklearn")
MAX_SECONDS = 120.0
"""Of one package; what is not reached by then is not counted."""


def with_click() -> object:
    """Run a command."""
    import click
    from click.testing import CliRunner

    @click.command()
    @click.option("--count", default=1, type=int)
    @click.argument("name")
    def hello(count: int, name: str) -> None:
        click.echo(f"{name} " * count)

    return CliRunner().invoke(hello, ["--count", "2", "name"]).output


def with_jinja2() -> object:
    """Render a template that extends another one."""
    from jinja2 import DictLoader, Environment

    loader = DictLoader({"a": "{% for x in xs %}{{ x|upper }}{% endfor %}", "b": "{% extends 'a' %}"})
    return Environment(loader=loader).get_template("b").render(xs=["a", "b"])


def with_rich() -> object:
    """Draw a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("a", "b")
    table.add_row("1", "2")
    Console(file=io.StringIO()).print(table)
    return table


def with_pandas() -> object:
    """Read, fill, group, merge and sort."""
    import pandas

    frame = pandas.read_csv(io.StringIO("a,b\n1,1.0\n2,\n2,3.0\n"))
    return frame.fillna(0).groupby("a").agg("mean").merge(frame, on="a").sort_values("a")


def with_sklearn() -> object:
    """Fit a pipeline and score it."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, labels = load_iris(return_X_y=True)
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels).score(rows, labels)


WORK: dict[str, Callable[[], object]] = {
    "click": with_click, "jinja2": with_jinja2, "pandas": with_pandas, "rich": with_rich, "sklearn": with_sklearn
}  # fmt: skip


def copied(package: str, folder: Path) -> None:
    """Copy a package, and the libraries of C that lie beside it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed, or no package.")
    source = Path(next(iter(spec.submodule_search_locations)))
    shutil.copytree(source, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for libraries in source.parent.glob("*.libs"):
        (folder / libraries.name).symlink_to(libraries)


def things(package: str) -> Iterator[tuple[str, Any]]:
    """Give the functions and classes of a package with their names, methods included."""
    top = importlib.import_module(package)
    found = [top]
    for one in pkgutil.walk_packages(top.__path__, f"{package}."):
        if not {"tests", "test", "conftest", "__main__"} & set(one.name.split(".")):
            with suppress(Exception, SystemExit):
                found.append(importlib.import_module(one.name))
    for module in found:
        for name, value in list(vars(module).items()):
            if not isinstance(value, type | types.FunctionType) or value.__module__ != module.__name__:
                continue
            yield f"{module.__name__}.{name}", value
            if isinstance(value, type):
                methods = [key for key, one in vars(value).items() if isinstance(one, types.FunctionType | classmethod)]
                yield from ((f"{module.__name__}.{name}.{key}", getattr(value, key)) for key in methods)


def examined(package: str) -> None:
    """Print what came of one package."""
    warnings.simplefilter("ignore")
    if package in WORK:
        _work(package, WORK[package])
    kinds: Counter[str] = Counter()
    odd: dict[str, list[str]] = {}
    began = time.perf_counter()
    for name, value in things(package):
        try:
            digest = code_facts(value).digest
            kind = "no digest" if digest is None else digest.partition(":")[0]
        except Exception as error:
            kind = f"{type(error).__name__}: {error}"
        kinds[kind] += 1
        if not kind.startswith("py-tokens"):
            odd.setdefault(kind, []).append(name)
        if time.perf_counter() - began > MAX_SECONDS:
            break
    took = (time.perf_counter() - began) / max(1, kinds.total()) * 1000
    print(f"{package}: {kinds.total()} functions and classes, {took:.1f} ms each: {dict(kinds)}")
    for kind, names in odd.items():
        print(f"    {kind}: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}")


def _work(package: str, work: Callable[[], object]) -> None:
    began = time.perf_counter()
    facts = code_facts(work)
    took = time.perf_counter() - began
    work()
    ran: set[str] = set()

    def called(frame: types.FrameType, event: str, argument: object) -> None:
        name = frame.f_globals.get("__name__")
        if event == "call" and isinstance(name, str) and name.partition(".")[0] == package:
            ran.add(name)

    sys.setprofile(called)
    work()
    sys.setprofile(None)
    covered = dict(facts.modules)
    missing = sorted(ran - covered.keys())
    print(
        f"{package}: {work.__doc__} {len(ran)} modules ran, {len(covered)} are covered, in {took:.2f} s; not: {missing}"
    )


def main() -> None:
    """Look at the packages that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="*", default=DEFAULT)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        examined(asked.packages[0])
        return
    for package in asked.packages:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            copied(package, folder)
            shutil.copy(__file__, folder)
            command = [sys.executable, str(folder / Path(__file__).name), "--here", package]
            subprocess.run(command, check=True, cwd=folder)


if __name__ == "__main__":
    main()
