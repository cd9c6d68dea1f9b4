"""The digest of the code that a step runs, from its source text without running or importing anything.

`code_facts(function).digest` is `py-tokens-2:sha256:...` over the canonical tokens (`tokens`) of

- the function's own definition without its decorators, which say how a step is run, not what it does. Of a method the whole
  class counts, of an object that is called its class, of a nested function that uses variables of the function around it that
  function too;
- the top-level definitions and assignments of its module that it reaches by name, through each other, helpers with their
  decorators;
- for each name that it reaches through an import, that import: module, name and alias;
- every module of the project that it reaches by an import, as a whole, and what those import. A package's `__init__` counts as
  a whole too, but of what it only passes on from other modules, only the names that somebody takes are followed;
- project functions that it holds: in variables of the function around it, as arguments of a `functools.partial`.

A module is the project's own when its source is neither under the standard library nor in `site-packages` or `dist-packages`;
this product's modules are no part of it. Wrappers (`functools.wraps`, `partial`, bound methods, objects with `fn`) are looked
through. The digest does not depend on where files lie, on comments, blank lines, layout, line endings, the encoding, the
process or the hash seed, nor on whether the step's module is run or imported, and by which name.

Where there is no source (`exec`, an interactive session, `-c`), or where the function that was loaded is not what the source on
disk says any more, the digest is `py-bytecode-1.<major>.<minor>:sha256:...` over the code object (`bytecode`) and those of the
functions that it names and that have no source either. Where there is no code object, of a C function say, the digest is None.

`import_module("a.b")` and `__import__("a.b")` are imports of what they name. Of modules that import by a name which is computed
as they run, `CodeFacts.unfollowed` tells.

Limits, all of static analysis: what such imports and entry points bring in, attributes
that are set or replaced while the program runs, functions passed as arguments or looked up in a registry that another module
fills, module-level statements that bind no reached name, effects of a package's `__init__` on modules that only it imports,
`eval`, values of variables, C extensions, namespace packages' custom finders. Names are taken by scope, not by control flow:
code that is named but never runs counts. Installed packages are the environment's matter (`environment`). A module edited
between its import and the first look at it counts as it is on disk. A function keeps the digest that was first taken of it in a
process.
"""

# On a host's path pathlib costs several times as much a call.
# ruff: noqa: PTH100, PTH113, PTH116, PTH120
from __future__ import annotations

import ast
import functools
import inspect
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    FunctionType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import NamedTuple

from orchestrail.capture import bytecode, tokens
from orchestrail.capture.modules import Finder, is_ours, is_project_file, outline_of, source_of
from orchestrail.capture.observing import unobserved
from orchestrail.capture.outlines import Outlines
from orchestrail.capture.source import Definition, Import, Piece, Source, first_line, is_builtin
from orchestrail.capture.tokens import SourceRefused, fold
from orchestrail.model import CodeFacts

_DEPTH = 64
_REMEMBERED = 2048
_BEGAN_NS = time.time_ns()
_OF_C = (BuiltinFunctionType, ClassMethodDescriptorType, MethodDescriptorType, MethodWrapperType, WrapperDescriptorType)


def code_facts(function: Callable[..., object], project: Path | None = None, cache: Path | None = None) -> CodeFacts:
    """Say which code a function is.

    Args:
        function: a function, a wrapper of one, a bound method, a class, or an object that can be called or that holds a
            function as `fn`.
        project: folder that the path is given relative to, where the source lies in it.
        cache: folder in which what was found out of modules is kept for the next process.

    Returns:
        Digest, name, path of the source file (absolute, where it is not in `project`) and the project's modules that are
        covered.
    """
    parts = _parts(function)
    key = tuple([part if isinstance(part, str) else id(part) for part in parts])
    known = _known.get(key) if parts else None
    if known is None:
        with unobserved():
            known = _Known(_find_out(_Target(function), cache), parts)
        digest = known.facts.digest
        if parts and (digest is None or digest.startswith(tokens.ALGORITHM)):
            if len(_known) >= _REMEMBERED:
                _known.clear()
            _known[key] = known
    path = _relative(known.facts.path, project)
    return known.facts if path == known.facts.path else replace(known.facts, path=path)


def _parts(function: object) -> tuple[object, ...]:
    """Give what tells a function from any other (`_Target.parts`); most are plain ones, and asked for at every run."""
    if type(function) is FunctionType and function.__closure__ is None and "__wrapped__" not in function.__dict__:
        return (function.__code__, None)
    return _Target(function).parts()


def _find_out(target: _Target, cache: Path | None) -> CodeFacts:
    kept = Outlines(cache) if cache is not None else None
    reach = _Reach(Finder(kept))
    digest = reach.digest(target)
    modules = tuple(sorted(reach.modules.items()))
    facts = CodeFacts(digest, target.name(), target.file, modules, tuple(sorted(reach.unfollowed)))
    if kept is not None:
        kept.save()
    return facts


class _Known(NamedTuple):
    """What was found out of a function; the parts are held so that their ids, which are its key, stay theirs."""

    facts: CodeFacts
    parts: tuple[object, ...]


_known: dict[tuple[object, ...], _Known] = {}


def file_facts(file: Path) -> CodeFacts:
    """Say which code a whole source file is. What it imports is not followed."""
    path = os.path.abspath(file)
    with unobserved():
        outline = outline_of(path)
    return CodeFacts(outline.digest if outline is not None else None, Path(path).stem, path)


class _Target:
    """What a step's function is, under what it is wrapped in.

    Attributes:
        value: the innermost function or class.
        function: the function with Python code; None for a class and for C.
        owner: class of the object that it is bound to.
        held: further callables that it holds.
    """

    def __init__(self, value: object) -> None:
        self.owner: type | None = None
        self.held: list[tuple[str, object]] = []
        self.value = self._unwrap(value)
        self.function = self.value if isinstance(self.value, FunctionType) else None
        self.code = self.function.__code__ if self.function is not None else None
        if self.function is not None and self.code is not None:
            for name, cell in zip(self.code.co_freevars, self.function.__closure__ or (), strict=False):
                try:
                    self.held.append((name, cell.cell_contents))
                except ValueError:  # not yet filled
                    continue
        # A method that calls `super` holds its class, which is taken in anyway.
        self.held = [(name, one) for name, one in self.held if name != "__class__" and _is_code(one)]

    def parts(self, around: frozenset[int] = frozenset()) -> tuple[object, ...]:
        """Give the code objects, classes and names that tell it from any other; empty where that cannot be told.

        Functions themselves are not among them: to hold one is to hold all the values that it holds.
        """
        own = self.code if self.code is not None else self.value
        if not isinstance(own, CodeType | type):
            return ()
        parts: list[object] = [own, self.owner]
        for name, one in self.held:
            target = _Target(one)
            if id(target.code) in around:
                continue
            inner = target.parts(around | {id(self.code)})
            if not inner:
                return ()
            parts += [name, *inner, ";"]
        return tuple(parts)

    @property
    def module(self) -> str:
        """Name of the module that it is defined in."""
        if isinstance(self.value, type):
            return _module_of(self.value)
        function = self.function
        name = getattr(self.value, "__module__", None) if function is None else function.__globals__.get("__name__")
        return name if isinstance(name, str) else ""

    @property
    def file(self) -> str | None:
        """Path of the source file; None where there is none."""
        if self.code is not None:
            file = self.code.co_filename
        elif isinstance(self.value, type):
            located = Finder().locate(self.module)
            file = located.file if located is not None and located.file is not None else ""
        else:
            return None
        file = os.path.abspath(file) if file and not file.startswith("<") else ""
        return file if os.path.isfile(file) else None

    def module_name(self) -> str:
        """Give the module's name, or that of its file where the host gave the module one that tells nothing."""
        module, file = self.module, self.file
        if file is None:
            return module
        stem = Path(file).parent.name if Path(file).name == "__init__.py" else Path(file).stem
        return module if module.rpartition(".")[2] == stem else stem

    def name(self) -> str:
        """Give `module.qualname`."""
        module = self.module_name()
        qualname = getattr(self.value, "__qualname__", None)
        if not isinstance(qualname, str):
            qualname = type(self.value).__qualname__
        return f"{module}.{qualname}" if module else qualname

    def _unwrap(self, value: object) -> object:
        for _ in range(_DEPTH):
            inner: object = None
            if isinstance(value, functools.partial):
                self.held += [(str(number), one) for number, one in enumerate(value.args)]
                self.held += [(name, one) for name, one in value.keywords.items()]
                inner = value.func
            elif isinstance(value, MethodType):
                self.owner = value.__self__ if isinstance(value.__self__, type) else type(value.__self__)
                inner = value.__func__
            elif isinstance(value, staticmethod | classmethod):
                inner = value.__func__
            elif isinstance(value, FunctionType):
                inner = value.__dict__.get("__wrapped__")
                if isinstance(inner, _OF_C):  # then the wrapper is all the code that there is
                    return value
            elif not isinstance(value, type):
                inner = _static(value, "fn") or _static(value, "__wrapped__")
                if inner is None:
                    called = inspect.getattr_static(type(value), "__call__", None)
                    if isinstance(called, FunctionType):
                        self.owner, inner = type(value), called
            if inner is None or inner is value:
                return value
            value = inner
        return value


class _Reach:
    """Everything that a step's function reaches.

    Args:
        finder: finds modules.

    Attributes:
        modules: digest by name, of the project's modules that it covers as a whole.
        unfollowed: modules that import by computed names.
    """

    def __init__(self, finder: Finder) -> None:
        self.modules: dict[str, str] = {}
        self.unfollowed: set[str] = set()
        self._finder = finder
        self._seen: set[int] = set()

    def digest(self, target: _Target) -> str | None:
        """Give the digest with its algorithm; None where there is nothing to take it of."""
        self._seen.add(id(target.code or target.value))
        pieces = self._from_source(target)
        if pieces is not None:
            return f"{tokens.ALGORITHM}:sha256:{fold(pieces)}"
        pieces = self._from_bytecode(target)
        return f"{bytecode.ALGORITHM}:sha256:{fold(pieces)}" if pieces is not None else None

    def _from_source(self, target: _Target) -> list[bytes] | None:
        file = target.file
        source = source_of(file) if file is not None else None
        if file is None or source is None:
            return None
        try:
            if target.code is not None:
                path = source.function(target.code)
            else:
                path = source.definition(getattr(target.value, "__qualname__", ""))
            if not path or (target.code is not None and not _is_loaded(source, file, target.code)):
                return None
            nested = target.code is None or bool(target.code.co_freevars)
            closure = _Closure(source, file, _package(target), path, self._finder, around=nested)
            if target.owner is not None:
                for one in target.owner.__mro__:
                    closure.take(_module_of(one), one.__qualname__.partition(".")[0])
            closure.run()
            pieces = [b"own", *closure.pieces()]
            modules = closure.modules
            self.modules.update(modules)
            self.unfollowed |= closure.unfollowed
            if closure.computed:
                self.unfollowed.add(target.module_name())
            named = sorted((closure.label(name), digest) for name, digest in modules.items())
            pieces += [part for label, digest in named for part in (b"module", label.encode(), digest.encode())]
        except (OSError, SourceRefused, RecursionError):
            return None
        return pieces + self._held(target.held)

    def _from_bytecode(self, target: _Target) -> list[bytes] | None:
        if target.code is None or target.function is None:
            held = self._held(target.held)
            return [b"named", target.name().encode(), *held] if held else None
        pieces = [b"code", bytecode.canonical(target.code)]
        pieces += [bytecode.constant(one) for one in target.function.__defaults__ or ()]
        defaults = target.function.__kwdefaults__ or {}
        pieces += [part for name in sorted(defaults) for part in (name.encode(), bytecode.constant(defaults[name]))]
        names = sorted({name for one in _inner(target.code) for name in one.co_names})
        found = ((name, target.function.__globals__.get(name)) for name in names)
        return pieces + self._held(target.held) + self._held((name, one) for name, one in found if _is_code(one))

    def _held(self, held: Iterable[tuple[str, object]]) -> list[bytes]:
        pieces = []
        for name, one in held:
            target = _Target(one)
            mark = id(target.code or target.value)
            if (
                mark in self._seen
                or is_ours(target.module)
                or (target.file is not None and not is_project_file(target.file))
            ):
                continue
            digest = self.digest(target)
            if digest is not None:
                pieces += [b"held", name.encode(), digest.encode()]
        return pieces


class _Closure:
    """What a definition reaches by name: pieces of its own module, and whole modules of the project.

    Args:
        source: the module's source.
        file: its path.
        package: name of the package that relative imports start from.
        path: the definition, after those around it.
        finder: finds modules.
        around: whether the functions around it count too.

    Attributes:
        modules: digest by name of the modules that it covers as a whole.
        unfollowed: those of them that import by computed names.
        computed: whether the pieces of its own module do.
    """

    def __init__(
        self, source: Source, file: str, package: str, path: list[Definition], finder: Finder, *, around: bool
    ) -> None:
        self.modules: dict[str, str] = {}
        self.unfollowed: set[str] = set()
        self.computed = False
        self._source = source
        self._file = os.path.realpath(file)
        self._package = package
        self._own = path[-1]
        self._finder = finder
        # How the step and the functions around it are run is not what it does.
        self._bare = frozenset[ast.AST](
            node for node in path if not isinstance(node, ast.ClassDef) or node is self._own
        )
        self._taken: set[int] = set()
        self._aliases: set[Import] = set()
        self._names: list[str] = []
        self._named: set[str] = set()
        self._wanted: dict[str, frozenset[str] | None] = {}
        self._modules: list[str] = []
        statement: ast.stmt = ast.Expr(self._own) if isinstance(self._own, ast.Lambda) else self._own
        self._follow(Piece(0, 0, [statement]))
        for index, piece in enumerate(source.pieces):
            if piece.first <= self._own.lineno <= piece.last and (
                any(isinstance(node, ast.ClassDef) for node in path[:-1]) or (around and len(path) > 1)
            ):
                self._piece(index)

    def take(self, module: str, name: str) -> None:
        """Take in a name of a module: what an object is bound to, which its code need not name."""
        self._module(module, frozenset((name,)))

    def run(self) -> None:
        """Follow names and imports until nothing new turns up."""
        while self._names or self._modules:
            if self._names:
                self._name(self._names.pop())
                continue
            module = self._modules.pop()
            outline = self._finder.outline(module)
            if outline is None:
                continue
            self.modules[module] = outline.digest
            if outline.computed:
                self.unfollowed.add(module)
            # Only a package's own file passes names on; what a module imports, it uses.
            is_package = self._is_package(module)
            for found in outline.followed(self._wanted[module] if is_package else None):
                self._import(found, module if is_package else module.rpartition(".")[0])

    def pieces(self) -> Iterator[bytes]:
        """Give the canonical forms, its own definition first."""
        source, own = self._source, self._own
        yield source.lambda_text(own) if isinstance(own, ast.Lambda) else source.text(*source.span(own))
        for alias in sorted(alias.canonical() for alias in self._aliases):
            yield from (b"import", alias)
        without = [
            (first_line(node), node.lineno - 1)
            for node in self._bare
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        ]
        for index in sorted(self._taken):
            piece = source.pieces[index]
            yield from (b"piece", source.text(piece.first, piece.last, without))

    def label(self, module: str) -> str:
        """Give what a module is called in the digest: of one in the same package its place as seen from here, else its name.

        So it does not count whether the package is imported as `app` or, from a folder further up, as `src.app`.
        """
        located = self._finder.locate(module)
        if located is None or located.file is None:
            return module
        file = os.path.realpath(located.file)
        around = os.path.dirname(file)
        above = module.count(".") - (located.search is None)  # folders from there to that of the outermost package
        if above < 0:
            return module
        top, here = around.rsplit(os.sep, above)[0] + os.sep, os.path.dirname(self._file) + os.sep
        return os.path.relpath(file, here) if here.startswith(top) else module

    def _follow(self, piece: Piece) -> None:
        self._names += piece.reads(self._bare) - self._named
        self.computed |= piece.computed
        for found in piece.imports()[1]:
            self._import(found, self._package)

    def _piece(self, index: int) -> None:
        if index in self._taken:
            return
        self._taken.add(index)
        piece = self._source.pieces[index]
        self._follow(piece)
        for found in piece.imports()[0]:
            self._import(found, self._package)

    def _name(self, name: str) -> None:
        if name in self._named:
            return
        self._named.add(name)
        indexes = self._source.binders.get(name, ())
        for index in indexes:
            piece = self._source.pieces[index]
            if not piece.only_imports:
                self._piece(index)
                continue
            for found in piece.imports()[0]:
                if found.bound == name:
                    self._aliases.add(found)
                    self._import(found, self._package)
        if not indexes:
            for found in self._source.stars:
                if not is_builtin(name) or self._binds(found.absolute(self._package), name):
                    self._aliases.add(found)
                    self._import(found, self._package)

    def _import(self, found: Import, package: str) -> None:
        module = found.absolute(package)
        if not module or self._finder.is_foreign(module):
            return
        parts = module.split(".")
        everything = found.name is None and found.bound == parts[0]
        for length in range(1, len(parts)):
            # `import a.b` binds `a`, and may use anything of it; otherwise the packages on the way are only passed through.
            self._module(".".join(parts[:length]), None if everything else frozenset())
        if found.name is None or found.name == "*":
            self._module(module, None)
            return
        self._module(module, frozenset((found.name,)))
        if self._is_package(module):
            self._module(f"{module}.{found.name}", None)

    def _module(self, module: str, wanted: frozenset[str] | None) -> None:
        """Ask for a module of the project: for some of its names, or for all of them (None)."""
        before = self._wanted.get(module, frozenset())
        if module in self._wanted and (before is None or (wanted is not None and wanted <= before)):
            return
        located = None if self._finder.is_foreign(module) else self._finder.locate(module)
        if located is None or located.file is None or not is_project_file(located.file):
            return
        self._wanted[module] = None if before is None or wanted is None else before | wanted
        if os.path.realpath(located.file) != self._file:
            self._modules.append(module)
        elif wanted is None:
            for index in range(len(self._source.pieces)):
                self._piece(index)
        else:
            self._names += wanted - self._named

    def _is_package(self, module: str) -> bool:
        located = self._finder.locate(module)
        return located is not None and located.search is not None

    def _binds(self, module: str | None, name: str) -> bool:
        outline = self._finder.outline(module) if module else None
        return outline is not None and name in outline.binds


def _is_loaded(source: Source, file: str, code: CodeType) -> bool:
    """Say whether a function's code is that of its source: a file younger than this process may have been rewritten."""
    if os.stat(file).st_mtime_ns < _BEGAN_NS:
        return True
    loaded = bytecode.canonical(code)
    compiled = compile("\n".join(source.lines), file, "exec", dont_inherit=True)
    return any(
        one.co_firstlineno == code.co_firstlineno and bytecode.canonical(one) == loaded for one in _inner(compiled)
    )


def _module_of(kind: type) -> str:
    """Name the module that a class is defined in: its `__module__` is what its library wants it to be called, its methods know.

    Under what a library has wrapped them in, as the base class of Airflow's operators wraps `__init__` and `execute`.
    """
    for one in list(vars(kind).values()):
        for _ in range(_DEPTH):
            inner = one.__dict__.get("__wrapped__") if isinstance(one, FunctionType) else None
            if inner is None:
                break
            one = inner
        if isinstance(one, FunctionType) and one.__qualname__.startswith(f"{kind.__qualname__}."):
            name = one.__globals__.get("__name__")
            if isinstance(name, str):
                return name
    return kind.__module__ if isinstance(kind.__module__, str) else ""


def _package(target: _Target) -> str:
    values: Mapping[str, object] = target.function.__globals__ if target.function is not None else {}
    package = values.get("__package__")
    if isinstance(package, str):
        return package
    located = Finder().locate(target.module)
    return target.module if located is not None and located.search is not None else target.module.rpartition(".")[0]


def _static(value: object, name: str) -> object:
    """Read a callable that an object itself holds, without running code of its class."""
    try:
        found = inspect.getattr_static(value, name, None)
        if isinstance(found, MemberDescriptorType):
            found = found.__get__(value, type(value))
        elif found is inspect.getattr_static(type(value), name, None):
            found = None
    except Exception:  # a class with a metaclass of its own, a slot that is empty
        return None
    return found if callable(found) else None


def _is_code(value: object) -> bool:
    if isinstance(value, FunctionType | MethodType | functools.partial | staticmethod | classmethod | type):
        return True
    return not isinstance(value, ModuleType) and isinstance(
        _static(value, "fn") or _static(value, "__wrapped__"), FunctionType
    )


def _inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _inner(one)


def _relative(file: str | None, project: Path | None) -> str | None:
    if file is None or project is None:
        return file
    root = os.path.realpath(project)
    for path in (file, os.path.realpath(file)):
        if path.startswith(root + os.sep):
            return os.path.relpath(path, root)
    return file
