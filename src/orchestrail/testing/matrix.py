"""The page of adapters, made of what the kit's test runs wrote: which scenario holds where, what each adapter sees, and its gaps.

`nox -s matrix` runs the kit and then this; nothing is tried here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrail.testing.markdown import table
from orchestrail.testing.scenarios import SCENARIOS

RESULTS = "conformance"
PAGE = "adapters.md"

_HEAD = """\
# Adapters

What each adapter was seen to do with a real host, by the conformance kit (`orchestrail.testing`). The kit runs the same small
processes in each host's native tasks, once without the adapter and once with it, and after every run it checks
[what holds always](../how-to/write-an-adapter.md#what-holds-after-every-run). `nox -s matrix` writes this page, nobody by hand.

✔: it holds. gap: it does not, the adapter declares so, and the reason is below. A gap is a strict expected failure: where it holds
after all, the adapter's test fails until the declaration is taken away.
"""
_KINDS = {
    "never": "the host has nothing of the kind",
    "upstream": "the host would have to change",
    "todo": "not done yet",
}
_MARKS = {"passed": "✔", "gap": "gap", "failed": "✘"}


def load(folder: Path) -> list[dict[str, Any]]:
    """Read the results in a folder, by file name."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def page(results: Sequence[Mapping[str, Any]]) -> str:
    """Write the page.

    Args:
        results: as `conformance` wrote them.
    """
    names = [f"{result['adapter']} {result['host_version']}" for result in results]
    rows = [
        [
            str(scenario.number),
            f"`{scenario.name}`",
            scenario.must_hold,
            *(_mark(result, scenario.name) for result in results),
        ]
        for scenario in SCENARIOS
    ]
    parts = [_HEAD, "\n".join(table(["#", "Scenario", "Must hold", *names], rows)) + "\n"]
    parts += ["\n".join(_section(result)) for result in results]
    return "\n".join(parts)


def _mark(result: Mapping[str, Any], scenario: str) -> str:
    return _MARKS.get(result["scenarios"].get(scenario, ""), "?")


def _section(result: Mapping[str, Any]) -> Iterator[str]:
    yield f"## `orchestrail-{result['adapter']}` with {result['host']} {result['host_version']}"
    yield ""
    seen = ", ".join(f"`{name}`" for name in result["capabilities"])
    yield f"Made for {result['host']} {result['requires']}. Tried on {result['date']} with Python {result['python']}."
    yield f"It sees: {seen}."
    yield ""
    if result["gaps"]:
        rows = [[f"`{gap['name']}`", _KINDS[gap["kind"]], gap["reason"]] for gap in result["gaps"]]
        yield from table(["Gap", "Because", "Reason, and what to do"], rows)
        yield ""


def main() -> None:
    """Write the page of the folder that the command line names, `docs/reference`."""
    folder = Path(sys.argv[1])
    (folder / PAGE).write_text(page(load(folder / RESULTS)), encoding="utf-8")


if __name__ == "__main__":
    main()
