"""The command line: one command a file. Commands read through `orchestrail.queries` and change through `orchestrail.operations`.

This module imports nothing beyond the base installation, so that the command can say what to install where the rest is missing.
"""

from __future__ import annotations

import sys
from typing import NoReturn

_AUDIT = ("alembic", "cryptography", "filelock", "orjson", "rich", "sqlalchemy", "typer")


def main() -> NoReturn:
    """Run the command that was typed, and end the process with its exit code."""
    try:
        from orchestrail.cli.app import app
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _AUDIT:
            raise
        sys.stderr.write(
            f"orchestrail: The command line is not installed in this environment.\n"
            f"  It needs {missing}; only the part that records runs is here.\n"
            f"  Run: pip install 'orchestrail[audit]'\n"
        )
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    app(prog_name="orchestrail")
    sys.exit(0)
