"""Types of columns that hold text, and how texts of any length are found by an index on every engine.

SQLite's indexes hold whole texts. An entry of PostgreSQL's usual index has no room for a long one (2,704 bytes). Its index of
hashes is no way out: whatever goes into it walks past all entries of the same text, so that each row costs more than the one
before; and its radix tree takes minutes for a text of megabytes. There the index is of the first characters, and columns of
`SOUGHT` are asked for by these.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    String,
    and_,
    func,
    literal,
    literal_column,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from orchestrail.errors import ConfigurationError

TEXT = String().with_variant(String(collation="C"), "postgresql")
"""Texts sort by their bytes on every engine."""

_LONGEST_PATTERN = 50_000
"""Bytes of a pattern that SQLite takes (`SQLITE_MAX_LIKE_PATTERN_LENGTH`)."""

_BEGINNING = 250
"""Characters that an index of PostgreSQL holds of a text: at most 1,000 bytes."""


class _ByBeginning(FunctionElement[bool]):
    """A comparison that PostgreSQL is told in other words than other engines."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> _ByBeginning:
        """Stand as it is: an engine without truth values would be asked whether it is 1."""
        return self


@compiles(_ByBeginning)
def _usual(element: _ByBeginning, compiler: SQLCompiler, **options: Any) -> str:
    usual, _ = element.clauses
    return f"({compiler.process(usual, **options)})"


@compiles(_ByBeginning, "postgresql")
def _by_beginning(element: _ByBeginning, compiler: SQLCompiler, **options: Any) -> str:
    _, by_beginning = element.clauses
    return f"({compiler.process(by_beginning, **options)})"


class _Compared(String.Comparator[str]):
    def operate(self, op: Any, *other: Any, **options: Any) -> ColumnElement[Any]:
        usual: ColumnElement[Any] = super().operate(op, *other, **options)
        if op is operators.eq and isinstance(other[0], str):
            return _ByBeginning(usual, self._begins((other[0],), usual))
        if op is operators.eq and isinstance(other[0], ColumnElement):
            return _ByBeginning(usual, and_(beginning(self.expr) == beginning(other[0]), usual))
        if op is operators.in_op and isinstance(other[0], Collection) and other[0]:
            return _ByBeginning(usual, self._begins(other[0], usual))
        return usual

    def _begins(self, texts: Collection[str], usual: ColumnElement[bool]) -> ColumnElement[bool]:
        """Say that the text begins as one of some do; where these are short ones, then it is one of them.

        To say both would have the server expect fewer rows than there are.
        """
        first, *others = sorted({text[:_BEGINNING] for text in texts})
        begins = beginning(self.expr)
        begun = begins.in_([first, *others]) if others else begins == literal(first, TEXT)
        return begun if all(len(text) < _BEGINNING for text in texts) else and_(begun, usual)


class _Sought(String):
    comparator_factory = _Compared


SOUGHT = _Sought().with_variant(_Sought(collation="C"), "postgresql")
"""A text of any length by which rows are found; `in_` is given texts, or a query."""


def beginning(text: ColumnElement[str]) -> ColumnElement[str]:
    """Give the first characters of a text, as PostgreSQL's indexes hold them."""
    return func.left(text, literal_column(str(_BEGINNING)), type_=TEXT)  # written out, as it is in the index


def beginnings(connection: Connection, *texts: ColumnElement[str]) -> tuple[ColumnElement[str], ...]:
    """Give the beginnings of texts, by which PostgreSQL finds them in order; of other engines none."""
    return tuple(beginning(text) for text in texts) if connection.dialect.name == "postgresql" else ()


def ends_with(column: ColumnElement[str], end: str) -> ColumnElement[bool]:
    """Say that a text ends with another one, as every engine understands it."""
    return func.substr(column, func.length(column) - len(end) + 1) == end


def fits(column: ColumnElement[str], given: str) -> ColumnElement[bool]:
    """Say that a text is a given one, in which `*` stands for any text; large and small letters of ASCII are the same.

    Raises:
        ConfigurationError: it is longer than what every engine takes as a pattern.
    """
    pattern = given.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
    if (size := len(pattern.encode(errors="surrogatepass"))) > _LONGEST_PATTERN:
        why = f"It takes {size:,} bytes, and {_LONGEST_PATTERN:,} can be looked for."
        raise ConfigurationError("What a name shall look like is too long.", why, "Give a part of it, and `*`.")
    return column.ilike(pattern, escape="\\")
