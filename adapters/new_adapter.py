"""Makes the folder of a new adapter from `_template`: `python adapters/new_adapter.py NAME`, or `nox -s new_adapter -- NAME`."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLACEHOLDERS = ("newhost", "NewHost", "Newhost")


def make(name: str) -> Path:
    """Copy the template with the names replaced.

    Args:
        name: of the host: small letters and digits, as in a module's name.

    Returns:
        The new folder.
    """
    target = HERE / name
    if not re.fullmatch(r"[a-z][a-z0-9]*", name):
        sys.exit(f"{name!r} is no name for an adapter: small letters and digits, as in `orchestrail_<name>`.")
    if target.exists():
        sys.exit(f"{target} is there already.")
    for path in sorted((HERE / "_template").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            new = target / _named(str(path.relative_to(HERE / "_template")), name)
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(_named(path.read_text(encoding="utf-8"), name), encoding="utf-8")
    # Until `nox -s lock` has written its own: the versions of the core.
    shutil.copy(HERE.parent / "constraints.txt", target)
    return target


def _named(text: str, name: str) -> str:
    for placeholder in PLACEHOLDERS:
        text = text.replace(placeholder, name.capitalize() if placeholder[0].isupper() else name)
    return text


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Give the name of the host: nox -s new_adapter -- NAME")
    print(make(sys.argv[1]))
