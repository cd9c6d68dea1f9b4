"""The text of one module, taken apart: its top-level pieces, the names they bind and read, what it imports. Nothing is run.

Where modules are found is `modules`' matter, which pieces make up a step `code`'s, how text becomes a digest `tokens`'.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType

from orchestrail.capture.tokens import ALGORITHM, canonical, fold

_LINES_OF = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BUILTINS = frozenset(vars(builtins))

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True)
class Import:
    """One name that an import statement brings in.

    Attributes:
        module: dotted name as written, empty in `from . import x`.
        level: number of leading dots.
        name: what is taken from the module; None in `import module`, `*` for all.
        bound: the name that it gets here; `*` for all.
    """

    module: str
    level: int
    name: str | None
    bound: str

    def absolute(self, package: str) -> str | None:
        """Give the module's full name, seen from a package; None where the dots lead out of it."""
        if not self.level:
            return self.module
        parts = package.split(".") if package else []
        if len(parts) < self.level:
            return None
        return ".".join(parts[: len(parts) - self.level + 1] + ([self.module] if self.module else []))

    def canonical(self) -> bytes:
        """Give its form for a digest."""
        return "\n".join(("import", "." * self.level + self.module, self.name or "", self.bound)).encode()


@dataclass(frozen=True, slots=True)
class Outline:
    """What is kept of a module that is covered as a whole.

    Attributes:
        digest: of the whole module.
        imports: imports at its own level.
        inner: imports inside its functions and classes.
        binds: names that it binds.
        reads: names that its statements, other than imports, read; of a package only.
        computed: whether it imports by a name that is computed as it runs.
    """

    digest: str
    imports: tuple[Import, ...] = ()
    inner: tuple[Import, ...] = ()
    binds: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    computed: bool = False

    def followed(self, wanted: frozenset[str] | None) -> Iterator[Import]:
        """Give the imports that lead on to code that may run.

        Args:
            wanted: names that others take from it, where it is a package's `__init__`: what it only passes on under other names
                is not followed. None: everything.
        """
        yield from self.inner
        for found in self.imports:
            if (
                wanted is None
                or found.bound in wanted
                or found.bound in self.reads
                or (found.bound == "*" and (wanted | self.reads) - self.binds - _BUILTINS)
            ):
                yield found


@dataclass(slots=True)
class _Scope:
    """Names of one scope; those of the scopes inside it only where it is not `shallow`."""

    reads: set[str] = field(default_factory=set)
    binds: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    bare: frozenset[ast.AST] = frozenset()
    shallow: bool = False

    def visit(self, *nodes: ast.AST | None) -> _Scope:
        """Take in nodes that stand in this scope, with what the scopes inside them read from outside."""
        todo = [node for node in nodes if node is not None]
        while todo:
            node = todo.pop()
            match node:
                case ast.Name():
                    (self.reads if isinstance(node.ctx, ast.Load) else self.binds).add(node.id)
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                    if not isinstance(node, ast.Lambda):
                        self.binds.add(node.name)
                    if not self.shallow:
                        self._function(node)
                case ast.ClassDef():
                    self.binds.add(node.name)
                    if not self.shallow:
                        self._class(node)
                case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                    if not self.shallow:
                        self._comprehension(node)
                case ast.Import() | ast.ImportFrom():
                    self.binds.update(found.bound for found in parts_of(node))
                case ast.Global():
                    self.shared.update(node.names)
                case _:
                    self._other(node)
                    todo.extend(ast.iter_child_nodes(node))
        return self

    def _other(self, node: ast.AST) -> None:
        match node:
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                self.binds.add(name)
            case ast.MatchMapping(rest=str(name)):
                self.binds.add(name)
            case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                self.changes.update(_base(node))
            case ast.Expr(value=ast.Call(func=ast.Attribute() as called)):
                self.changes.update(_base(called))

    def _function(self, node: Function) -> None:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
        self.visit(*arguments.defaults, *arguments.kw_defaults, *(one.annotation for one in every))
        if isinstance(node, ast.Lambda):
            inside = _Scope(bare=self.bare).visit(node.body)
        else:
            if node not in self.bare:
                self.visit(*node.decorator_list)
            self.visit(node.returns)
            inside = _Scope(bare=self.bare).visit(*node.body)
        self.reads |= inside.reads - inside.binds - {one.arg for one in every} | inside.shared

    def _class(self, node: ast.ClassDef) -> None:
        if node not in self.bare:
            self.visit(*node.decorator_list)
        self.visit(*node.bases, *node.keywords)
        # A name that a class binds does not hide the module's from its methods.
        inside = _Scope(bare=self.bare).visit(*node.body)
        self.reads |= inside.reads | inside.shared

    def _comprehension(self, node: Comprehension) -> None:
        first, *others = node.generators
        self.visit(first.iter)
        inside = _Scope(bare=self.bare).visit(first.target, *first.ifs, *others)
        inside.visit(*((node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)))
        self.reads |= inside.reads - inside.binds


@dataclass(eq=False)
class Piece:
    """Top-level statements of a module that share their lines; nearly always one.

    Attributes:
        first: number of the first line, decorators included.
        last: number of the last line.
        nodes: the statements.
    """

    first: int
    last: int
    nodes: list[ast.stmt]

    @property
    def only_imports(self) -> bool:
        """Whether there is nothing but import statements in it."""
        return all(isinstance(node, ast.Import | ast.ImportFrom) for node in self.nodes)

    def imports(self) -> tuple[list[Import], list[Import]]:
        """Give what it imports at the module's own level, and inside functions and classes."""
        outer: list[Import] = []
        inner: list[Import] = []
        _imports(self.nodes, outer, inner)
        inner += self._called[0]
        return outer, inner

    @property
    def computed(self) -> bool:
        """Whether it imports by a name that is computed as it runs."""
        return self._called[1]

    @cached_property
    def _called(self) -> tuple[list[Import], bool]:
        return _called(self.nodes)

    def reads(self, bare: frozenset[ast.AST] = frozenset()) -> set[str]:
        """Give the names that it reads from its module, those in the decorators of `bare` definitions left out."""
        scope = _Scope(bare=bare).visit(*self.nodes)
        return scope.reads | scope.shared


class Source:
    """The text of one module, taken apart as far as it is asked for.

    Args:
        text: the text, with line feeds only.
        tree: its syntax tree.
    """

    def __init__(self, text: str, tree: ast.Module) -> None:
        self.lines = text.split("\n")
        self.tree = tree

    @cached_property
    def pieces(self) -> list[Piece]:
        """The module's top-level statements, in their order."""
        pieces: list[Piece] = []
        for node in self.tree.body:
            first, last = first_line(node), node.end_lineno or node.lineno
            if pieces and pieces[-1].last >= first:
                pieces[-1].last = max(last, pieces[-1].last)
                pieces[-1].nodes.append(node)
            else:
                pieces.append(Piece(first, last, [node]))
        return pieces

    @cached_property
    def binders(self) -> dict[str, list[int]]:
        """For each name, the pieces that bind it or change what it names (`NAME[...] = `, `NAME.append(...)`,
        `@NAME.register`)."""
        binders: dict[str, list[int]] = {}
        own: set[str] = set()
        decorating: list[tuple[str, int]] = []
        for index, piece in enumerate(self.pieces):
            scope = _Scope(shallow=True).visit(*piece.nodes)
            for node in piece.nodes:
                if isinstance(node, _LINES_OF):
                    decorating += [(name, index) for one in node.decorator_list for name in _base(one)]
            if not piece.only_imports:
                own |= scope.binds
            for name in scope.binds | scope.changes:
                binders.setdefault(name, []).append(index)
        for name, index in decorating:
            # A decorator that the module itself defines may register what it decorates; an imported one is only looked up.
            if name in own and index not in binders[name]:
                binders[name].append(index)
        return binders

    @cached_property
    def stars(self) -> list[Import]:
        """Its `from ... import *` statements."""
        return [found for piece in self.pieces for found in piece.imports()[0] if found.bound == "*"]

    def text(self, first: int, last: int, without: Iterable[tuple[int, int]] = ()) -> bytes:
        """Give the canonical form of lines.

        Args:
            first: number of the first line.
            last: number of the last line.
            without: first and last line of parts to leave out.

        Raises:
            SourceRefused: the tokenizer does not accept them.
        """
        left_out = {number for begin, end in without for number in range(begin, end + 1)}
        return canonical([self.lines[number - 1] for number in range(first, last + 1) if number not in left_out])

    def outline(self, *, is_package: bool) -> Outline:
        """Give what is kept of it as a whole module; what it reads itself only for a package, whose file may just pass names
        on.

        Raises:
            SourceRefused: the tokenizer does not accept it.
        """
        imports: list[Import] = []
        inner: list[Import] = []
        _imports(self.tree.body, imports, inner)
        called, computed = _called(self.tree.body)
        inner += called
        scope = _Scope(shallow=not is_package)
        scope.visit(*(node for node in self.tree.body if not isinstance(node, ast.Import | ast.ImportFrom)))
        return Outline(
            labelled(fold([canonical(self.lines)])),
            tuple(imports),
            tuple(inner),
            frozenset(scope.binds | {found.bound for found in imports}),
            frozenset(scope.reads) if is_package else frozenset(),
            computed,
        )

    def function(self, code: CodeType) -> list[Definition]:
        """Find the definition that a code object comes from: the definitions around it, outermost first, then itself; empty if
        none."""
        positions = set(code.co_positions()) if code.co_name == "<lambda>" else set()

        def search(node: ast.AST, around: list[Definition]) -> list[Definition]:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.stmt | ast.expr) and not _spans(child, code.co_firstlineno):
                    continue
                inside = [*around, child] if isinstance(child, Definition) else around
                if isinstance(child, Definition) and _is(child, code, positions):
                    return inside
                if found := search(child, inside):
                    return found
            return []

        return search(self.tree, [])

    def definition(self, qualname: str) -> list[Definition]:
        """Find a class by its qualified name, as `function` does."""
        path: list[Definition] = []
        body: Sequence[ast.stmt] = self.tree.body
        for name in qualname.split("."):
            if name == "<locals>":
                continue
            found = [node for node in _statements(body) if isinstance(node, _LINES_OF) and node.name == name]
            if not found:
                return []
            path.append(found[-1])
            body = found[-1].body
        return path

    def span(self, node: Definition) -> tuple[int, int]:
        """Give first and last line of a definition without its decorators."""
        return node.lineno, node.end_lineno or node.lineno

    def lambda_text(self, node: ast.Lambda) -> bytes:
        """Give the canonical form of a lambda, which may stand anywhere in a line."""
        segment = ast.get_source_segment("\n".join(self.lines), node) or ""
        return canonical(f"({segment}\n)".split("\n"))


def is_builtin(name: str) -> bool:
    """Say whether a name is one of Python's own."""
    return name in _BUILTINS


def parts_of(statement: ast.Import | ast.ImportFrom) -> list[Import]:
    """Give the names that an import statement brings in."""
    if isinstance(statement, ast.Import):
        return [Import(one.name, 0, None, one.asname or one.name.partition(".")[0]) for one in statement.names]
    module, level = statement.module or "", statement.level
    return [Import(module, level, one.name, one.asname or one.name) for one in statement.names]


def first_line(node: ast.stmt | ast.expr) -> int:
    """Give the first line of a statement, decorators included."""
    if isinstance(node, _LINES_OF) and node.decorator_list:
        return min(node.lineno, *(one.lineno for one in node.decorator_list))
    return node.lineno


def _spans(node: ast.stmt | ast.expr, line: int) -> bool:
    return first_line(node) <= line <= (node.end_lineno or node.lineno)


def _is(node: ast.AST, code: CodeType, positions: set[tuple[int | None, int | None, int | None, int | None]]) -> bool:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return node.name == code.co_name and first_line(node) == code.co_firstlineno
        case ast.Lambda(body=body):
            return (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset) in positions
    return False


def _base(node: ast.AST) -> Iterator[str]:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Name):
        yield node.id


def _statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Give the statements of a body and those in its compound statements, without going into functions and classes."""
    for node in body:
        yield node
        if not isinstance(node, _LINES_OF):
            yield from _statements(_bodies(node))


def _bodies(node: ast.AST) -> Iterator[ast.AST]:
    for name in ("body", "handlers", "orelse", "finalbody", "cases"):
        part = getattr(node, name, None)
        if isinstance(part, list):
            yield from part


def _imports(body: Iterable[ast.AST], outer: list[Import], inner: list[Import]) -> None:
    for node in _statements(body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            outer += parts_of(node)
        elif isinstance(node, _LINES_OF):
            _imports(node.body, inner, inner)


def _called(body: Iterable[ast.AST]) -> tuple[list[Import], bool]:
    """Give the modules that calls of `import_module` and `__import__` name, and whether there is one that names none."""
    found: list[Import] = []
    computed = False
    for call in (node for statement in body for node in ast.walk(statement) if isinstance(node, ast.Call)):
        match call.func:
            case ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"):
                pass
            case _:
                continue
        match call.args:
            case [ast.Constant(value=str(name)), *_] if not name.startswith("."):
                found.append(Import(name, 0, None, ""))
            case [ast.Constant(value=str(name)), ast.Name(id="__package__" | "__name__")] if name.strip("."):
                module = name.lstrip(".")
                found.append(Import(module, len(name) - len(module), None, ""))
            case _:
                computed = True
    return found, computed


def labelled(digest: str) -> str:
    """Give a digest with its algorithm."""
    return f"{ALGORITHM}:sha256:{digest}"
