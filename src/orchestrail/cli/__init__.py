"""The command line: one command a file. Commands read through `orchestrail.queries` and change through `orchestrail.operations`.

This module imports nothing beyond the base installation, so that the command can say what to install where the rest is missing.
"""

from __future__ import annotations

import sys
from typing import NoReturn

_INSTALL = "  Run: pip install 'orchestrail[audit]'\n"


def main() -> NoReturn:
    """Run the command that was typed, and end the process with its exit code."""
    try:
        from orchestrail.cli.app import app

        app(prog_name="orchestrail")
    except ModuleNotFoundError as error:
        sys.stderr.write(
            "orchestrail: The command line is not installed in this environment.\n"
            f"  It needs {error.name}; only the part that records runs is here.\n{_INSTALL}"
        )
        sys.exit(2)
    except ImportError as error:
        # A host may hold earlier releases of the same libraries, and must not be moved for our sake.
        sys.stderr.write(
            "orchestrail: The command line cannot work in this environment.\n"
            f"  A library that it needs is here in another version ({error.name}).\n"
            f"  Install it in an environment of its own, and name the same ORCHESTRAIL_HOME there.\n{_INSTALL}"
        )
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)
