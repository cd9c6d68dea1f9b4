"""Where answers and remarks go: one JSON document or readable text on standard output, everything else on standard error.

Text for a terminal is coloured and wrapped to its width; text for a pipe or a file is neither, so that nothing is cut off.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from orchestrail.errors import ConfigurationError

_ENDLESS = 100_000
_PIECE = 1 << 15


class Output:
    """The two streams of one command.

    Args:
        as_json: the answer is a JSON document; text is not printed.
        zone: name of the time zone for text; the local one where it is None.
        full: digests and run ids whole.
    """

    def __init__(self, *, as_json: bool = False, zone: str | None = None, full: bool = False) -> None:
        for stream in (sys.stdout, sys.stderr):
            # A terminal that lacks a symbol shows a question mark, and no error.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
        self.as_json = as_json
        self.full = full
        self._zone = _time_zone(zone)
        self.terminal = sys.stdout.isatty()
        width = None if self.terminal else _ENDLESS
        self._console = Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)

    @property
    def width(self) -> int:
        """Columns there are; as good as endless where there is no terminal."""
        return self._console.width

    def document(self, content: Mapping[str, Any]) -> None:
        """Print the JSON document; the only thing that is ever printed on standard output with `--json`."""
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        # One write that is larger than a pipe does not always tell that the reader has gone.
        for start in range(0, len(text), _PIECE):
            sys.stdout.write(text[start : start + _PIECE])

    def line(self, text: str | Text = "", style: str | None = None) -> None:
        """Print a line of text; longer than a terminal is wide, it goes on below."""
        printed = text if isinstance(text, Text) else Text(clean(text), style=style or "")
        self._console.print(printed, overflow="fold")

    def table(self, renderable: Any) -> None:
        """Print a table, without the blanks that fill up its last column."""
        with self._console.capture() as captured:
            self._console.print(renderable)
        sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))

    def remark(self, text: str) -> None:
        """Say something beside the answer, on standard error."""
        sys.stderr.write(f"orchestrail: {clean(text)}\n")

    def progress(self, what: str) -> Callable[[int, int], None] | None:
        """Give a counter to show on standard error; None where nobody sees it."""
        if not sys.stderr.isatty():
            return None

        def show(done: int, total: int) -> None:
            end = "\n" if done >= total else ""
            sys.stderr.write(f"\r{what} {done:,} of {total:,}{end}")
            sys.stderr.flush()

        return show

    def time(self, moment: str | None, *, exact: bool = False) -> str:
        """Show a time of the record in the chosen zone."""
        if moment is None:
            return "unknown"
        local = datetime.fromisoformat(moment).astimezone(self._zone)
        if exact:
            return local.isoformat(sep=" ", timespec="milliseconds")
        return local.strftime("%Y-%m-%d %H:%M:%S")

    @property
    def zone_name(self) -> str:
        """Name of the chosen time zone."""
        return datetime.now().astimezone(self._zone).strftime("%Z") if self._zone is None else str(self._zone)


def clean(text: str) -> str:
    """Take control characters out of what others wrote: they could rewrite a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text)


def _time_zone(name: str | None) -> tzinfo | None:
    if name is None or name == "local":
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ConfigurationError(
            f"There is no time zone {name!r}.", "", "Name one such as UTC or Europe/Paris."
        ) from None
