"""Two pages of the reference, made of the code: the arguments and options of every command, and the fields of every facet of ours.

`nox -s reference` writes them. What a command or a facet is for stands on pages that people write; nothing of that is here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from typer.main import get_command

from orchestrail.cli.app import app
from orchestrail.testing.markdown import table

OPTIONS = "options.md"
FIELDS = "fields.md"

_OPTIONS_HEAD = """\
# Options of the commands

Every argument and option, as `orchestrail COMMAND --help` has them; what a command does and prints is told in
[commands](commands.md). `nox -s reference` writes this page out of the program, nobody by hand.
"""
_FIELDS_HEAD = """\
# Fields of the facets

The fields of our facets, out of the JSON schemas that ship in `orchestrail/events/schemas`; what each facet is for and where it
stands is told in [facets](facets.md). A field in bold is always there. `nox -s reference` writes this page, nobody by hand.
"""


def options_page() -> str:
    """Give the text of the page of arguments and options."""
    return "\n".join([_OPTIONS_HEAD, *_command(["orchestrail"], get_command(app))])


def fields_page() -> str:
    """Give the text of the page of fields."""
    schemas = sorted(
        (json.loads(path.read_text()) for path in (files("orchestrail.events") / "schemas").iterdir()),
        key=lambda schema: str(schema["$id"]),
    )
    return "\n".join([_FIELDS_HEAD, *(line for schema in schemas for line in _facet(schema))])


def _command(name: list[str], command: Any, above: Any = None) -> Iterator[str]:
    """Give the section of a command and those of the commands below it."""
    context = command.make_context(name[-1], [], parent=above, resilient_parsing=True)
    yield f"## `{' '.join(name)}`"
    yield ""
    yield _cell(command.get_short_help_str(limit=1000))
    yield ""
    records = [parameter.get_help_record(context) for parameter in command.params]
    if rows := [(f"`{form.replace('|', ', ')}`", _cell(means)) for form, means in filter(None, records)]:
        yield from table(("Argument or option", "Means"), rows)
        yield ""
    for below in command.list_commands(context) if hasattr(command, "list_commands") else ():
        _, found, _ = command.resolve_command(context, [below])
        yield from _command([*name, below], found, context)


def _facet(schema: Mapping[str, Any]) -> Iterator[str]:
    """Give the section of a facet."""
    *_, key, version = str(schema["$id"]).split(":")
    yield f"## `{key}`"
    yield ""
    yield f"{schema['description']} Version {version}."
    yield ""
    yield from table(("Field", "Type", "Means"), _fields(schema, ""))
    yield ""


def _fields(schema: Mapping[str, Any], above: str) -> Iterator[tuple[str, str, str]]:
    """Give a row for each field of an object, and after it those below it."""
    for name, field in schema.get("properties", {}).items():
        path = f"{above}{name}"
        shown = f"`{path}`"
        yield (
            f"**{shown}**" if name in schema.get("required", ()) else shown,
            _cell(_type(field)),
            _cell(field.get("description", "")),
        )
        yield from _below(field, path)


def _below(field: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    yield from _fields(field, f"{path}.")
    if isinstance(items := field.get("items"), dict):
        yield from _below(items, f"{path}[]")
    if isinstance(values := field.get("additionalProperties"), dict):
        yield from _below(values, f"{path}.*")


def _type(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(f"`{json.dumps(value)}`" for value in field["enum"])
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    kinds = [field["type"]] if isinstance(field.get("type"), str) else list(field.get("type", ()))
    if not kinds and "anyOf" in field:
        return " or ".join(map(_type, field["anyOf"]))
    if isinstance(items := field.get("items"), dict) and "array" in kinds:
        kinds[kinds.index("array")] = f"array of {_type(items)}"
    if "pattern" in field:
        kinds.append(f"pattern `{field['pattern']}`")
    return ", ".join(kinds) or "any"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Write both pages into the folder that is named."""
    folder = Path(sys.argv[1])
    (folder / OPTIONS).write_text(options_page())
    (folder / FIELDS).write_text(fields_page())


if __name__ == "__main__":
    main()
