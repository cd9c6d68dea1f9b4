"""The canonical form of source: what changes it and what does not."""

from __future__ import annotations

import ast
import contextlib
import io
import random
import textwrap
import tokenize

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrail.capture import code, files, modules, source, tokens
from orchestrail.capture.tokens import SourceRefused, canonical, fold

SAMPLES = [
    textwrap.dedent(text)
    for text in (
        """
        import os, sys
        from a.b import (c, d as e)
        @decorate(1, key="v")
        class K(Base, metaclass=M):
            '''Doc
              string.'''
            x: int = 0x_FF
            def m(self, *a, b=1.5e3, **k) -> None:
                if a and not b: return None
                elif k:
                    for i, j in enumerate(a): yield i if j else -j
                else:
                    pass
                try:
                    with open("f") as f, g: f.read()
                except (E, F) as error:
                    raise G from error
                finally:
                    del x[1:2, ...]
        """,
        """
        async def f(x, /, y, *, z):
            async for a in b:
                await c
            return [i for i in x if i], {k: v for k, v in y}, (lambda q: q ** 2)(3)
        match p:
            case {"a": [1, *rest], **more} if rest:
                t = f"{p!r:>{w}} {{}} {q['k']}" rf'\\d', b'\\x00'
            case _:
                t = 'é' "☃"
        while True:
            a = b = c; d += 1
            if a:
                break
        """,
        "x = 1",
        "def f(): pass",
        'x = """a\n\n  # no comment\n\tb\n"""\n',
    )
]


def reformat(text: str, pick: random.Random) -> str:
    """Insert comments, blank lines and white space wherever the tokens allow it."""
    wide = [" ", "  ", "\t", " \\\n  "]
    loose = ["", "", "", "\n", "\n\n  \t\n", "# comment\n", "      # deeper\n", "\n#!x 'y\n"]
    inside = [" ", "\n", "  # c (\n", "\n\n   "]
    indents = [""]
    depth = 0
    out: list[str] = []
    start = True
    for this in tokenize.generate_tokens(io.StringIO(text).readline):
        if this.type in (tokenize.NL, tokenize.COMMENT, tokenize.ENDMARKER):
            continue
        if this.type == tokenize.INDENT:
            indents.append(indents[-1] + pick.choice([" ", "  ", "\t", "        "]))
        elif this.type == tokenize.DEDENT:
            indents.pop()
        elif this.type == tokenize.NEWLINE:
            out.append(pick.choice(["", " ", "  # why"]) + "\n")
            start = True
        else:
            if start:
                out += [pick.choice(loose), indents[-1]]
            else:
                out.append(pick.choice(inside if depth else wide))
            out.append(this.string)
            start = False
            depth += (this.string in "([{") - (this.string in ")]}") if this.type == tokenize.OP else 0
    return "".join(out) + pick.choice(loose) + pick.choice(["", " ", "\t"])


@given(st.sampled_from(SAMPLES), st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_comments_blank_lines_and_layout_do_not_count(text, seed):
    """Any reformatting that leaves the tokens alone leaves the form alone."""
    other = reformat(text, random.Random(seed))
    assert ast.dump(ast.parse(other)) == ast.dump(ast.parse(text))
    assert canonical(other.split("\n")) == canonical(text.split("\n"))


@given(st.sampled_from(SAMPLES), st.data())
@settings(max_examples=200, deadline=None)
def test_a_changed_token_counts(text, data):
    """Any token replaced by another one of its kind gives another form."""
    found = [
        t
        for t in tokenize.generate_tokens(io.StringIO(text).readline)
        if t.type in (tokenize.NAME, tokenize.NUMBER, tokenize.STRING)
    ]
    chosen = data.draw(st.sampled_from(found))
    lines = text.split("\n")
    if chosen.start[0] == chosen.end[0]:
        row = chosen.start[0] - 1
        lines[row] = lines[row][: chosen.start[1]] + "zz9" + lines[row][chosen.end[1] :]
        assert canonical(lines) != canonical(text.split("\n"))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ('def f():\n    """Doc."""\n    return 1', "def f():\n    return 1", True),
        ('"""Module."""\nx = 1\n"""About x,\nat length."""', "x = 1", True),
        ("class A:\n    'one' \\\n    r'two'\n    b'three'\n    x = 1", "class A:\n    x = 1", True),
        ('def f():\n    """Doc."""', "def f():\n    'Another.'", True),
        ("x = 'a'", "x = 'b'", False),
        ("f('a')", "f('b')", False),
        ("'a'.join(x)", "'b'.join(x)", False),
        ("'a'; x = 1", "x = 1", False),
        ("f'{x()}'", "f'{y()}'", False),
        ("rf'{x()}' 'a'", "'a'", False),
        ("return_(\n'a'\n)", "return_(\n'b'\n)", False),
        ("def f(): 'a'", "def f(): 'b'", False),
    ],
)
def test_a_statement_that_is_nothing_but_a_string_is_left_out(one, other, alike):
    """A docstring does nothing; a string that is part of something does, and so does one that is formatted."""
    assert (canonical(one.split("\n")) == canonical(other.split("\n"))) is alike


def test_an_outer_indent_is_left_out():
    """A method is the same text as a function."""
    text = ["    def f(x):", "        # c", "        return x"]
    assert canonical(text) == canonical(["def f(x):", " return x"])
    assert canonical(text) == b"n3:defn1:fo1:(n1:xo1:)o1::;{n6:returnn1:x;}"


def test_lengths_keep_tokens_apart():
    """A token's text cannot pass for two tokens, and two pieces not for one."""
    assert canonical(["a b"]) != canonical(["ab"])
    assert canonical(["'n1:b'"]) != canonical(["''", "n1", "b"])
    assert fold([b"a", b"b"]) != fold([b"ab"]) != fold([b"a", b"", b"b"])


def test_an_f_string_is_one_token_verbatim():
    """In every version of Python, whatever its tokenizer makes of it."""
    text = """x = f'{a!r:>{w}} {{b}}' f"{c['d']}" + 1"""
    assert (
        canonical([text])
        == b"n1:xo1:="
        + b"".join(b"s%d:%s" % (len(part), part) for part in (b"f'{a!r:>{w}} {{b}}'", b"""f"{c['d']}\""""))
        + b"o1:+d1:1;"
    )
    multi = 'x = f"""{a}\n  é {b}"""'
    assert canonical(multi.split("\n")) == b"n1:xo1:=s19:" + multi[4:].encode() + b";"


@pytest.mark.parametrize("text", ["(", "'''", "if x:\n    y\n  z", "x = (1,\n"])
def test_text_that_is_no_python_is_refused(text):
    """With one kind of error, whatever the tokenizer raises."""
    with pytest.raises(SourceRefused):
        canonical(text.split("\n"))


@given(st.text(alphabet=st.sampled_from("ab1 \t\n\r\f'\"#()[]{}:;,.\\=+-é$?!\x00\ud800"), max_size=40))
@example("\\")
@example("\x0c  x")
@settings(max_examples=500, deadline=None)
def test_any_text_is_taken_or_refused(text):
    """Nothing but a refusal comes out of odd text."""
    with contextlib.suppress(SourceRefused):
        assert isinstance(canonical(text.split("\n")), bytes)


@pytest.mark.parametrize(
    "module", [tokens, code, modules, source, files, textwrap, ast], ids=lambda module: module.__name__
)
def test_real_modules_are_cut_into_pieces_without_loss(module):
    """The pieces of a module's top level hold all its tokens."""
    whole = modules.source_of(module.__file__)
    parts = [whole.text(piece.first, piece.last) for piece in whole.pieces]
    assert b"".join(parts) == canonical(whole.lines)
