"""The canonical form of code that has no source: what `exec`, an interactive session or `python -c` defined.

The algorithm is `py-bytecode-1.<major>.<minor>`, as bytecode is only comparable within one version of Python. Taken in: the
instructions, the exception table, the names, the numbers of arguments, the flags and the constants, nested code included. Left
out: file names, line numbers, and every value that is not a plain constant; no method of a user's object is called.
"""

from __future__ import annotations

import sys
from types import CodeType, EllipsisType

from orchestrail.capture.tokens import fold

ALGORITHM = f"py-bytecode-1.{sys.version_info.major}.{sys.version_info.minor}"


def canonical(code: CodeType) -> bytes:
    """Give the canonical form of a code object."""
    parts = [
        b"code",
        code.co_name.encode(),
        b"%d %d %d %d" % (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
        code.co_code,
        code.co_exceptiontable,
        *(constant(names) for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)),
        constant(code.co_consts),
    ]
    return b"".join(b"%d:%s" % (len(part), part) for part in parts)


def constant(value: object) -> bytes:
    """Give the canonical form of a constant; of a value of another kind, only that it is one."""
    kind = type(value)
    if isinstance(value, CodeType):
        return canonical(value)
    if value is None or kind is bool or kind is EllipsisType:
        return repr(value).encode()
    if isinstance(value, int) and kind is int:
        return b"int " + hex(value).encode()
    if isinstance(value, float) and kind is float:
        return b"float " + value.hex().encode()
    if isinstance(value, complex) and kind is complex:
        return b"complex " + value.real.hex().encode() + b" " + value.imag.hex().encode()
    if isinstance(value, str) and kind is str:
        return b"str " + value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes) and kind is bytes:
        return b"bytes " + value
    if isinstance(value, tuple) and kind is tuple:
        return b"tuple " + fold(constant(one) for one in value).encode()
    if isinstance(value, frozenset) and kind is frozenset:
        # Its order depends on the hash seed.
        return b"frozenset " + fold(sorted(constant(one) for one in value)).encode()
    if isinstance(value, slice):
        return b"slice " + constant((value.start, value.stop, value.step))
    return b"other"
