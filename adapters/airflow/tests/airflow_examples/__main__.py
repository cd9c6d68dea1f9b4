"""`python -m airflow_examples`: run the example DAGs twice without us and once with us; tell what differs, and fail on it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from airflow_examples.comparison import compare
from airflow_examples.table import lines, page


def main() -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(prog="airflow_examples", description=__doc__)
    parser.add_argument("--count", type=int, help="how many of the DAGs; all, where it is not given")
    parser.add_argument("--limit", type=float, default=90, metavar="SECONDS", help="after which a DAG run is stopped")
    parser.add_argument("--write", type=Path, metavar="FILE", help="where the result is kept, as a page")
    parser.add_argument("--folder", type=Path, help="where the runs leave what they leave; a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        compared = compare((given.folder or Path(temporary)).resolve(), given.count, given.limit)
    print("\n".join(lines(compared)))
    if given.write is not None:
        given.write.write_text(page(compared))
    return 0 if compared.is_fine else 1


if __name__ == "__main__":
    sys.exit(main())
