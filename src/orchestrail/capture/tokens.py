"""The canonical form of Python source for digests: its tokens, without comments, docstrings, blank lines and layout.

The algorithm is `py-tokens-2`. The text is decoded as Python decodes it, and line endings become a line feed. Each token that
`tokenize` gives is written as a letter for its kind, the length of its text in bytes, a colon and the text: `n` name, `d`
number, `s` string, `o` operator. The end of a logical line, an indent and a dedent are `;`, `{` and `}` alone, so the amount of
white space does not count and the structure does. Comments, blank lines, line joining and the encoding declaration are left
out, and so is a statement that is nothing but a string: a docstring, which does nothing. (Code that reads its own `__doc__` is
not the same with another one; that is not seen.) Names, numbers and other strings count as they are written: a formatter that
changes quotes or adds a comma changes the digest. An f-string is one string token, verbatim, in every version of Python.

Which pieces of source make up a step is `code`'s matter.
"""

from __future__ import annotations

import hashlib
import re
import token
import tokenize
from collections.abc import Iterable, Sequence

ALGORITHM = "py-tokens-2"

_LETTERS = {token.NAME: "n", token.NUMBER: "d", token.STRING: "s", token.OP: "o"}
_MARKS = {token.NEWLINE: ";", token.INDENT: "{", token.DEDENT: "}"}
# Python 3.11 has an f-string for a string.
_FORMATTED = re.compile(r"[a-zA-Z]*[fFtT]")
_LEFT_OUT = frozenset({token.COMMENT, token.NL, token.ENCODING, token.ENDMARKER})
# Python 3.12 splits an f-string, 3.14 a template string, into parts; 3.11 gives one token.
_OPENING = frozenset(getattr(token, name) for name in ("FSTRING_START", "TSTRING_START") if hasattr(token, name))
_CLOSING = frozenset(getattr(token, name) for name in ("FSTRING_END", "TSTRING_END") if hasattr(token, name))


class SourceRefused(ValueError):
    """Text that Python's tokenizer does not accept."""


def canonical(lines: Sequence[str]) -> bytes:
    """Give the canonical form of source lines.

    Args:
        lines: the lines without their line feeds; they may be indented as a whole, then the outer indent is left out.

    Raises:
        SourceRefused: the tokenizer does not accept them.
    """
    parts: list[str] = []
    opened: tuple[int, int] | None = None
    depth = 0
    statement: int | None = 0  # where the statement begins in the parts, as long as there is nothing but strings in it
    try:
        for kind, text, start, end, _ in tokenize.generate_tokens((line + "\n" for line in lines).__next__):
            if kind in _OPENING:
                statement = None
                opened = opened if depth else start
                depth += 1
            elif kind in _CLOSING:
                depth -= 1
                if depth == 0 and opened is not None:
                    parts.append(_part("s", _between(lines, opened, end)))
            elif depth or kind in _LEFT_OUT:
                continue
            elif kind in _MARKS:
                if kind == token.NEWLINE and statement is not None and statement < len(parts):
                    del parts[statement:]
                else:
                    parts.append(_MARKS[kind])
                statement = len(parts)
            else:
                if kind != token.STRING or _FORMATTED.match(text):
                    statement = None
                parts.append(_part(_LETTERS.get(kind, "?"), text))
    except (tokenize.TokenError, SyntaxError, ValueError) as error:
        raise SourceRefused(str(error)) from error
    if parts and parts[0] == "{":
        parts = parts[1:-1]
    return "".join(parts).encode("utf-8", "surrogatepass")


def fold(pieces: Iterable[bytes]) -> str:
    """Give the SHA-256 of a sequence of byte strings, each with its length, as hexadecimal text."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(b"%d:" % len(piece))
        digest.update(piece)
    return digest.hexdigest()


def _part(letter: str, text: str) -> str:
    length = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return f"{letter}{length}:{text}"


def _between(lines: Sequence[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    (first, left), (last, right) = start, end
    if first == last:
        return lines[first - 1][left:right]
    return "\n".join((lines[first - 1][left:], *lines[first : last - 1], lines[last - 1][:right]))
