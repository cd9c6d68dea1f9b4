"""What the digest of a step's code covers, and what it does not depend on."""

from __future__ import annotations

import builtins
import functools
import json
import os
import re
import sys
import textwrap
from pathlib import Path

import pytest

from orchestrail.capture import code, files
from orchestrail.capture.code import code_facts

STEPS = textwrap.dedent("""
    import math
    from helpers import clean

    LIMIT = 10
    UNUSED = 1

    def helper(x):
        return math.floor(x) + LIMIT

    def other(x):
        return x * 3

    def step(x):
        return clean(helper(x))
""")
HELPERS = textwrap.dedent("""
    from constants import FACTOR

    def clean(x):
        return x * FACTOR
""")
BASE = {"steps.py": STEPS, "helpers.py": HELPERS, "constants.py": "FACTOR = 2\n"}


def changed(path: str, old: str, new: str, base: dict = BASE) -> dict:
    assert old in base[path]
    return {**base, path: base[path].replace(old, new)}


def test_facts_name_the_function_its_file_and_its_modules(project):
    """Digest with its algorithm, module.qualname, path in the project, and each module that is covered with a digest of its own."""
    facts = project.facts(BASE)
    assert re.fullmatch(r"py-tokens-2:sha256:[0-9a-f]{64}", facts.digest)
    assert (facts.name, facts.path) == ("steps.step", "steps.py")
    assert [name for name, _ in facts.modules] == ["constants", "helpers"]
    assert all(re.fullmatch(r"py-tokens-2:sha256:[0-9a-f]{64}", digest) for _, digest in facts.modules)


def test_same_code_in_another_folder_has_the_same_digest(project):
    """Where the files lie does not count."""
    assert project.facts(BASE) == project.facts(BASE)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("steps.py", "clean(helper(x))", "clean(helper(x) + 1)"),
        ("steps.py", "LIMIT = 10", "LIMIT = 11"),
        ("steps.py", "math.floor", "math.ceil"),
        ("helpers.py", "x * FACTOR", "x + FACTOR"),
        ("constants.py", "FACTOR = 2", "FACTOR = 3"),
    ],
)
def test_a_change_of_what_it_reaches_changes_the_digest(project, path, old, new):
    """Its own body, a constant and a helper of its module, a function and a constant one and two modules away."""
    assert project.digest(changed(path, old, new)) != project.digest(BASE)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("steps.py", "UNUSED = 1", "UNUSED = 2"),
        ("steps.py", "x * 3", "x * 4"),
        ("steps.py", "def other(x):", "def another(x):"),
    ],
)
def test_a_change_of_what_it_does_not_reach_leaves_the_digest(project, path, old, new):
    """Neighbours in the module that it never names."""
    assert project.digest(changed(path, old, new)) == project.digest(BASE)


def test_comments_layout_and_line_endings_do_not_count(project):
    """Reformatted, commented, with another encoding declared and Windows line endings: the same code."""
    noisy = "# -*- coding: latin-1 -*-\n# caf\xe9\n" + STEPS.replace("    return", "  # why\n\n  return   ")
    noisy = noisy.replace("helper(x)", "helper( x )").replace("+ LIMIT", "\\\n  + LIMIT")
    other = {**BASE, "steps.py": noisy.replace("\n", "\r\n").encode("latin-1")}
    other["helpers.py"] = "# c\n" + HELPERS.replace("def", "\n\n\ndef").replace("FACTOR\n", "FACTOR # c\n")
    other["constants.py"] = "\ufeff".encode() + b"FACTOR=2"
    first, second = project.facts(BASE), project.facts(other)
    assert first == second


def test_layout_inside_a_string_counts(project):
    """White space of a literal is part of a value."""
    one = {"steps.py": 'def step():\n    return """a\n      b"""\n'}
    two = {"steps.py": 'def step():\n    return """a\n    b"""\n'}
    assert project.digest(one) != project.digest(two)


def test_structure_counts_though_white_space_does_not(project):
    """The same words, in and out of a loop, are two programs."""
    inside = {"steps.py": "def step(x):\n    for i in x:\n        a = i\n        b = i\n    return b\n"}
    outside = {"steps.py": "def step(x):\n    for i in x:\n        a = i\n    b = i\n    return b\n"}
    wider = {"steps.py": "def step(x):\n  for i in x:\n            a = i\n            b = i\n  return b\n"}
    assert project.digest(inside) == project.digest(wider) != project.digest(outside)


def test_decorators_of_the_step_do_not_count_and_those_of_helpers_do(project):
    """A step's decorators say how it is run; a helper's are part of what it does."""
    base = """
        import functools
        RETRIES = 2
        def retry(n):
            return lambda f: functools.wraps(f)(lambda *a: f(*a))
        @retry(1)
        def helper(x):
            return x
        @retry(
            RETRIES
        )
        def step(x):
            return helper(x)
    """
    plain = project.digest({"steps.py": base})
    assert project.digest({"steps.py": base.replace("RETRIES = 2", "RETRIES = 3").replace("RETRIES\n", "5\n")}) == plain
    assert project.digest({"steps.py": base.replace("@retry(1)", "@retry(2)")}) != plain


def test_a_decorator_added_to_the_step_leaves_the_digest(project):
    """Making a function a step is no change of it."""
    bare = {"steps.py": "def step(x):\n    return x\n"}
    wrapped = """
        import functools
        def run(f):
            @functools.wraps(f)
            def inner(*a):
                return f(*a)
            return inner
        @run
        def step(x):
            return x
    """
    assert project.digest(bare) == project.digest({"steps.py": wrapped})


def test_a_recursive_step_does_not_bring_its_own_decorators_back(project):
    """A step that names itself is no helper of itself."""
    base = "def run(n):\n    return lambda f: f\n@run(1)\ndef step(x):\n    return step(x - 1) if x else 0\n"
    assert project.digest({"steps.py": base}) == project.digest({"steps.py": base.replace("run(1)", "run(2)")})


def test_registration_and_changes_of_a_reached_name_count(project):
    """A table that other statements fill is what they fill in."""
    base = """
        TABLE = {}
        HANDLERS = []
        def register(name):
            def add(f):
                TABLE[name] = f
                return f
            return add
        def clean(x):
            return x
        HANDLERS.append(clean)
        TABLE["b"] = 2
        class Registry:
            def of(self, f):
                return f
        registry = Registry()
        @registry.of
        def late(x):
            return x + 5
        def step(x):
            return TABLE, HANDLERS, registry
    """
    plain = project.digest({"steps.py": base})
    for old, new in (("return x\n", "return x + 1\n"), ('TABLE["b"] = 2', 'TABLE["b"] = 3'), ("x + 5", "x + 6")):
        assert project.digest({"steps.py": base.replace(old, new, 1)}) != plain, old


def test_an_alias_names_what_is_taken(project):
    """The same local name for another function of the same module is another code."""
    helpers = "def one(x):\n    return 1\ndef two(x):\n    return 2\n"
    first = {"steps.py": "from helpers import one as clean\ndef step(x):\n    return clean(x)\n", "helpers.py": helpers}
    second = {**first, "steps.py": first["steps.py"].replace("import one", "import two")}
    assert project.digest(first) != project.digest(second)


def test_an_alias_of_an_installed_package_counts_too(project):
    """What is taken from a library is a choice of the project."""
    first = {"steps.py": "from math import floor as f, pi\ndef step(x):\n    return f(x)\n"}
    second = {"steps.py": first["steps.py"].replace("import floor", "import ceil")}
    third = {"steps.py": first["steps.py"].replace(", pi", ", tau")}
    assert project.digest(first) != project.digest(second)
    assert project.digest(first) == project.digest(third)


def test_an_import_inside_the_function_is_followed_without_being_run(project):
    """A module that is imported when the step runs is found along the search path, and stays unimported."""
    sources = {
        "steps.py": "def step(x):\n    from lazy.inner import clean\n    return clean(x)\n",
        "lazy/__init__.py": "raise RuntimeError('imported')\n",
        "lazy/inner.py": "raise RuntimeError('imported')\nfrom .deep import D\n",
        "lazy/deep.py": "D = 1\n",
    }
    facts = project.facts(sources)
    assert [name for name, _ in facts.modules] == ["lazy", "lazy.deep", "lazy.inner"]
    assert facts.digest != project.digest({**sources, "lazy/deep.py": "D = 2\n"})


def test_star_imports_are_followed_where_a_name_comes_from_nowhere_else(project):
    """`from helpers import *` may bind what the module itself does not."""
    sources = {
        "steps.py": "from helpers import *\nK = 1\ndef step(x):\n    return clean(x)\ndef alone(x):\n    return len(x) + K\n",
        "helpers.py": "def clean(x):\n    return x\n",
    }
    other = {**sources, "helpers.py": "def clean(x):\n    return x + 1\n"}
    assert project.digest(sources) != project.digest(other)
    assert project.digest(sources, "alone") == project.digest(other, "alone")


def test_a_builtin_that_a_star_import_replaces_is_followed(project):
    """A project module may bind a name of Python's own."""
    sources = {
        "steps.py": "from helpers import *\ndef step(x):\n    return round(x)\n",
        "helpers.py": "def round(x):\n    return x\n",
    }
    assert project.digest(sources) != project.digest({**sources, "helpers.py": "def round(x):\n    return x + 1\n"})


PACKAGE = {
    "shop/__init__.py": "from .clean import clean\nfrom .train import fit\nVERSION = 1\n",
    "shop/clean.py": "from . import tools\ndef clean(x):\n    return tools.trim(x)\n",
    "shop/tools.py": "def trim(x):\n    return x\n",
    "shop/train.py": "def fit(x):\n    return x\n",
    "shop/steps.py": "from .clean import clean\ndef step(x):\n    return clean(x)\n",
    "main.py": "from shop import clean\ndef step(x):\n    return clean(x)\n",
}


def test_relative_imports_and_packages_are_followed(project):
    """A package's own file counts; what it only passes on to others does not."""
    facts = project.facts(PACKAGE, module="shop.steps")
    assert facts.name == "shop.steps.step"
    assert [name for name, _ in facts.modules] == ["shop", "shop.clean", "shop.tools"]
    for path, old, new in (("shop/tools.py", "x\n", "x + 1\n"), ("shop/__init__.py", "VERSION = 1", "VERSION = 2")):
        assert project.digest(changed(path, old, new, PACKAGE), module="shop.steps") != facts.digest, path
    train = changed("shop/train.py", "return x", "return x + 1", PACKAGE)
    assert project.digest(train, module="shop.steps") == facts.digest


def test_a_name_that_a_package_passes_on_is_followed_to_its_module(project):
    """`from shop import clean` reaches `shop.clean` through the package's own file."""
    facts = project.facts(PACKAGE, module="main")
    assert [name for name, _ in facts.modules] == ["shop", "shop.clean", "shop.tools"]
    assert facts.digest != project.digest(changed("shop/tools.py", "x\n", "x + 1\n", PACKAGE), module="main")


def test_what_a_package_passes_on_or_uses_is_followed_and_the_rest_is_not(project):
    """By the names that somebody takes, under the names that the package gives them."""
    sources = {
        "kit/__init__.py": "from ._a import first as one\nfrom ._b import second\nfrom ._c import third\nthird()\n",
        "kit/_a.py": "def first():\n    return 1\n",
        "kit/_b.py": "def second():\n    return 2\n",
        "kit/_c.py": "def third():\n    return 3\n",
        "steps.py": "from kit import one\ndef step():\n    return one()\n",
    }
    facts = project.facts(sources)
    assert [name for name, _ in facts.modules] == ["kit", "kit._a", "kit._c"]


def test_a_dotted_import_binds_the_whole_package(project):
    """`import kit.sub` may use what `kit` passes on; with an alias only `kit.sub` is at hand."""
    sources = {
        "kit/__init__.py": "from ._a import first\n",
        "kit/_a.py": "def first():\n    return 1\n",
        "kit/sub.py": "",
        "steps.py": "import kit.sub\ndef step():\n    return kit.first()\n",
    }
    assert [name for name, _ in project.facts(sources).modules] == ["kit", "kit._a", "kit.sub"]
    sources["steps.py"] = "import kit.sub as sub\ndef step():\n    return sub\n"
    assert [name for name, _ in project.facts(sources).modules] == ["kit", "kit.sub"]


def test_a_helper_that_imports_the_steps_own_module_reaches_all_of_it(project):
    """Which of its names it uses is not known then; the step's decorators still do not count."""
    steps = "def run(n):\n    return lambda f: f\ndef norm(x):\n    return x\n"
    steps += "@run(1)\ndef step(x):\n    import helpers\n    return helpers\n"
    sources = {"steps.py": steps, "helpers.py": "def clean(x):\n    import steps\n    return steps.norm(x)\n"}
    plain = project.digest(sources)
    assert project.digest({**sources, "steps.py": steps.replace("return x", "return -x")}) != plain
    assert project.digest({**sources, "steps.py": steps.replace("@run(1)", "@run(2)")}) == plain


def test_everything_of_a_package_is_followed_where_it_is_used_as_a_whole(project):
    """`import shop` may use whatever the package passes on."""
    sources = {**PACKAGE, "main.py": "import shop\ndef step(x):\n    return shop.fit(x)\n"}
    facts = project.facts(sources, module="main")
    assert [name for name, _ in facts.modules] == ["shop", "shop.clean", "shop.tools", "shop.train"]


def test_dotted_imports_reach_the_module_at_their_end(project):
    """`import a.b` binds `a` and reaches `a.b`."""
    sources = {
        "steps.py": "import a.b.c\nimport a.d as d\ndef step(x):\n    return a.b.c.f(x)\n",
        "a/__init__.py": "", "a/b/__init__.py": "", "a/b/c.py": "def f(x):\n    return x\n", "a/d.py": "V = 1\n",
    }  # fmt: skip
    facts = project.facts(sources)
    assert [name for name, _ in facts.modules] == ["a", "a.b", "a.b.c"]


def test_namespace_packages_are_followed(project):
    """A folder without `__init__` is a package too."""
    sources = {
        "steps.py": "from space.mod import f\ndef step(x):\n    return f(x)\n",
        "space/mod.py": "def f(x):\n    return x\n",
    }
    facts = project.facts(sources)
    assert [name for name, _ in facts.modules] == ["space.mod"]


def test_import_cycles_end(project):
    """Modules that import each other are covered once; a name that comes back to the step's own module is followed there."""
    sources = {
        "steps.py": "import helpers\ndef norm(x):\n    return x\n"
        "def other(x):\n    return x\ndef step(x):\n    return helpers.clean(x)\n",
        "helpers.py": "import second\ndef clean(x):\n    from steps import norm\n    return norm(x)\n",
        "second.py": "import helpers\n",
    }
    facts = project.facts(sources)
    assert [name for name, _ in facts.modules] == ["helpers", "second"]
    norm = sources["steps.py"].replace("def norm(x):\n    return x", "def norm(x):\n    return -x")
    other = sources["steps.py"].replace("def other(x):\n    return x", "def other(x):\n    return -x")
    assert project.digest({**sources, "steps.py": norm}) != facts.digest
    assert project.digest({**sources, "steps.py": other}) == facts.digest


def test_conditional_definitions_count_whole(project):
    """A name bound in `try` or `if` may be either."""
    base = """
        try:
            from helpers import fast as clean
        except ImportError:
            def clean(x):
                return x
        if True:
            K = 1
        else:
            K = 2
        def step(x):
            return clean(x) + K
    """
    sources = {"steps.py": base, "helpers.py": "def fast(x):\n    return x\n"}
    facts = project.facts(sources)
    assert [name for name, _ in facts.modules] == ["helpers"]
    assert project.digest({**sources, "steps.py": base.replace("K = 2", "K = 3")}) != facts.digest
    assert project.digest({**sources, "helpers.py": "def fast(x):\n    return -x\n"}) != facts.digest


def test_local_names_do_not_reach_for_the_module(project):
    """A parameter, a loop variable or a comprehension's hides the module's name."""
    base = """
        row = 1
        data = 2
        total = 3
        seen = 4
        def step(data):
            for row in data:
                total = [seen for seen in row]
            return total
    """
    changed_all = re.sub(r"= (\d)", r"= 9\1", base)
    assert project.digest({"steps.py": base}) == project.digest({"steps.py": changed_all})
    reads = "seen = 4\ndef step(x):\n    return [seen for seen in x], seen\n"
    assert project.digest({"steps.py": reads}) != project.digest({"steps.py": reads.replace("= 4", "= 5")})
    first = "seen = [4]\ndef step():\n    return [seen for seen in seen]\n"
    assert project.digest({"steps.py": first}) != project.digest({"steps.py": first.replace("4", "5")})
    shared = "seen = 4\ndef step():\n    global seen\n    seen += 1\n"
    assert project.digest({"steps.py": shared}) != project.digest({"steps.py": shared.replace("= 4", "= 5")})


def test_defaults_annotations_and_nested_scopes_reach_names(project):
    """Everything that a definition names, wherever it stands."""
    base = """
        A = 1
        B = int
        C = 3
        D = 4
        E = ValueError
        def step(x: B = A):
            def inner():
                return (lambda: C)() + D
            try:
                return inner()
            except E as error:
                raise error
    """
    plain = project.digest({"steps.py": base})
    for old, new in (
        ("A = 1", "A = 2"),
        ("B = int", "B = float"),
        ("C = 3", "C = 4"),
        ("D = 4", "D = 5"),
        ("E = V", "E = (K)#V"),
    ):
        assert project.digest({"steps.py": base.replace(old, new).replace("(K)#ValueError", "KeyError")}) != plain, old


CLASSES = """
    class Base:
        def scale(self, x):
            return x * 2
    class Step(Base):
        RATE = 1
        def run(self, x):
            return self.more(self.scale(x))
        def more(self, x):
            return x + self.RATE
        def __call__(self, x):
            return self.run(x)
        @staticmethod
        def plain(x):
            return x
        @classmethod
        def built(cls, x):
            return x
    step = Step()
    bound = step.run
"""


@pytest.mark.parametrize("name", ["Step.run", "bound", "step", "Step", "Step.plain", "Step.built"])
def test_of_a_method_the_class_and_its_bases_count(project, name):
    """A method may call any other of its class."""
    plain = project.digest({"steps.py": CLASSES}, name)
    assert plain.startswith("py-tokens-2:")
    for old, new in (("x * 2", "x * 3"), ("RATE = 1", "RATE = 2"), ("x + self", "x - self")):
        assert project.digest({"steps.py": CLASSES.replace(old, new)}, name) != plain, old


def test_methods_of_one_class_are_told_apart(project):
    """The class is common to them; the definition is not."""
    assert project.digest({"steps.py": CLASSES}, "Step.run") != project.digest({"steps.py": CLASSES}, "Step.more")


def test_the_class_of_the_object_counts_where_the_method_is_inherited(project):
    """An override in another module changes what the inherited method does."""
    sources = {
        "base.py": "class Base:\n    def run(self, x):\n        return self.more(x)\n",
        "steps.py": "from base import Base\nclass Step(Base):\n    def more(self, x):\n        return x\nstep = Step().run\n",
    }
    facts = project.facts(sources)
    assert facts.name == "base.Base.run"
    assert [name for name, _ in facts.modules] == ["steps"]
    assert project.digest(changed("steps.py", "return x", "return -x", sources)) != facts.digest


def test_decorators_of_a_method_step_do_not_count(project):
    """Also where the method's whole class is taken in."""
    base = "def run(n):\n    return lambda f: f\nclass Step:\n    @run(1)\n    def run(self, x):\n        return x\n"
    assert project.digest({"steps.py": base}, "Step.run") == project.digest(
        {"steps.py": base.replace("@run(1)", "@run(2)")}, "Step.run"
    )


NESTED = textwrap.dedent("""
    import functools
    def helper(x):
        return x
    def make(factor):
        offset = 1
        def step(x):
            return x * factor + offset
        return step
    def wrap(function):
        def wrapper(x):
            return function(x) + 1
        return wrapper
    step = make(2)
    wrapped = wrap(helper)
    partly = functools.partial(make(2), 1)
    given = functools.partial(map, helper)
    short = lambda x: helper(x) * 2; two = lambda x: helper(x) * 3
""")


def test_a_nested_function_takes_in_the_function_whose_variables_it_uses(project):
    """The value of a free variable comes from the code around it."""
    plain = project.digest({"steps.py": NESTED})
    assert project.digest({"steps.py": NESTED.replace("offset = 1", "offset = 2")}) != plain
    assert project.digest({"steps.py": NESTED.replace("return x\n", "return -x\n", 1)}) == plain


def test_a_nested_function_without_free_variables_stands_alone(project):
    """The function around it may change."""
    base = "def make():\n    K = 1\n    def step(x):\n        return x\n    return step\nstep = make()\n"
    assert project.digest({"steps.py": base}) == project.digest({"steps.py": base.replace("K = 1", "K = 2")})


def test_functions_that_it_holds_are_taken_in(project):
    """In a variable of the function around it, or as an argument of a partial."""
    other = NESTED.replace("return x\n", "return -x\n", 1)
    for name in ("wrapped", "given"):
        assert project.digest({"steps.py": NESTED}, name) != project.digest({"steps.py": other}, name), name
    assert project.digest({"steps.py": NESTED}, "partly") == project.digest({"steps.py": NESTED}, "step")


def test_two_products_of_one_factory_are_told_apart_by_what_they_hold(project):
    """The code object is common to them; the function inside is not."""
    base = NESTED + "def second(x):\n    return x + 2\nagain = wrap(second)\n"
    assert project.digest({"steps.py": base}, "wrapped") != project.digest({"steps.py": base}, "again")


def test_lambdas_of_one_line_are_told_apart(project):
    """A lambda has no name to be found by."""
    assert project.digest({"steps.py": NESTED}, "short") != project.digest({"steps.py": NESTED}, "two")
    wide = NESTED.replace("lambda x: helper(x) * 2", "(lambda  x: (  # c\n helper ) (x) * 2)")
    assert project.digest({"steps.py": wide}, "two") == project.digest({"steps.py": NESTED}, "two")


def test_classes_that_it_holds_are_taken_in(project):
    """A class handed to a factory is code like a function."""
    base = """
        class Rule:
            LIMIT = 1
        def make(rule):
            def step(x):
                return rule.LIMIT + x
            return step
        step = make(Rule)
    """
    assert project.digest({"steps.py": base}) != project.digest({"steps.py": base.replace("LIMIT = 1", "LIMIT = 2")})


def test_a_second_look_gives_the_same_from_memory(project, monkeypatch):
    """Also for functions that hold others; and the values that they hold are not kept alive."""
    import gc
    import weakref

    class Large:
        pass

    def make(function, value):
        def step(x):
            return function(x), value

        return step

    def helper(x):
        return x

    value = Large()
    gone = weakref.ref(value)
    step = make(helper, value)
    first = code_facts(step)
    monkeypatch.setattr(code, "source_of", None)
    assert code_facts(step) == first == code_facts(make(helper, 3))
    del step, value
    gc.collect()
    assert gone() is None


def test_a_function_that_holds_itself_ends(project):
    """A nested recursive function is its own free variable."""
    base = "def make():\n    def step(x):\n        return step(x - 1) if x else 0\n    return step\nstep = make()\n"
    assert project.digest({"steps.py": base}).startswith("py-tokens-2:")


def test_what_wraps_a_function_is_looked_through(project):
    """Wrappers, partials, caches and hosts' objects with `fn` give the function's own digest."""
    base = """
        import functools
        def step(x):
            return x
        @functools.wraps(step)
        def wrapped(x):
            return step(x)
        class Task:
            def __init__(self, fn):
                self.fn = fn
            def __call__(self, x):
                return self.fn(x)
        class Slotted:
            __slots__ = ("fn",)
            def __init__(self, fn):
                self.fn = fn
        task = Task(step)
        slotted = Slotted(wrapped)
        cached = functools.lru_cache(step)
        partly = functools.partial(task, 1)
        twice = functools.partial(functools.partial(wrapped))
    """
    digests = {
        project.digest({"steps.py": base}, name)
        for name in ("step", "wrapped", "task", "slotted", "cached", "partly", "twice")
    }
    assert len(digests) == 1


def test_no_code_of_an_object_runs_while_it_is_looked_at():
    """Properties, `__getattr__` and text of a step's object are the user's code."""

    class Wary:
        def __getattr__(self, name):
            raise AssertionError(name)

        @property
        def fn(self):
            raise AssertionError("fn")

        def __repr__(self):
            raise AssertionError("repr")

        def __eq__(self, other):
            raise AssertionError("eq")

        __hash__ = None

        def __call__(self, x):
            return x

    assert code_facts(Wary()).digest.startswith("py-tokens-2:")
    assert code_facts(functools.partial(Wary(), Wary())).digest.startswith("py-tokens-2:")


def test_a_method_called_fn_is_not_taken_for_the_function():
    """Only what the object itself holds is looked through."""

    class Step:
        def fn(self):
            return 1

        def __call__(self):
            return 2

    assert code_facts(Step()).name.endswith("Step.__call__")


def test_c_functions_have_no_digest():
    """Nothing is invented where there is no code to look at."""
    assert code_facts(len).digest is None
    assert code_facts(len).name == "builtins.len"
    assert code_facts(functools.partial(len)).path is None
    assert code_facts(builtins.dict).digest is None


def test_library_functions_are_digested_with_their_own_module():
    """A step may be a function of a library; its package is the environment's matter."""
    facts = code_facts(textwrap.dedent)
    assert facts.digest.startswith("py-tokens-2:")
    assert facts.modules == ()
    assert facts.name == "textwrap.dedent"


def test_our_own_modules_are_no_part_of_a_step(project):
    """Upgrading what watches a step is no change of the step."""
    sources = {
        "steps.py": "import orchestrail\nfrom orchestrail.model import Job\nimport orchestrail_helper\n"
        "def step(x):\n    return orchestrail, Job, orchestrail_helper\n",
        "orchestrail_helper.py": "K = 1\n",
    }
    assert project.facts(sources).modules == ()


def test_installed_packages_are_no_part_of_a_step(project):
    """What lies in site-packages is not the project's own, wherever that folder is."""
    sources = {
        "steps.py": "import sys, os\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib/site-packages'))\n"
        "import bought\nsys.path.pop(0)\ndef step(x):\n    return bought.f(x)\n",
        "lib/site-packages/bought.py": "def f(x):\n    return x\n",
    }
    assert project.facts(sources).modules == ()


def test_a_module_that_is_no_python_counts_by_its_bytes(project):
    """A module with a syntax error, which the step imports on a way that is not taken."""
    sources = {"steps.py": "def step(x):\n    import broken\n", "broken.py": "def f(:\n"}
    facts = project.facts(sources)
    assert [name for name, _ in facts.modules] == ["broken"]
    assert project.digest({**sources, "broken.py": "def g(:\n"}) != facts.digest


def test_a_very_large_module_counts_by_its_bytes(project):
    """Generated data is not taken apart."""
    large = "DATA = [\n" + "    1,\n" * 200_000 + "]\n"
    sources = {"steps.py": "from large import DATA\ndef step(x):\n    return DATA\n", "large.py": large}
    facts = project.facts(sources)
    assert facts.digest.startswith("py-tokens-2:")
    assert project.digest({**sources, "large.py": large.replace("    1,\n]", "    2,\n]")}) != facts.digest


def test_deeply_nested_source_is_not_fatal(project):
    """A definition that the parser gives up on falls back to its code object."""
    nested = "def step(x):\n    return x\nDEEP = " + " + ".join(["1"] * 1500) + "\n"
    assert project.digest({"steps.py": nested}).startswith("py-tokens-2:")
    assert project.digest({"steps.py": nested + "def other():\n    return DEEP\n"}, "other") is not None


def test_the_name_is_that_of_the_file_where_the_host_gives_the_module_another(tmp_path):
    """Orchestrators load a file under names that tell nothing."""
    import importlib.util

    file = tmp_path / "nightly.py"
    file.write_text("def step(x):\n    return x\n")
    spec = importlib.util.spec_from_file_location("loaded_3f2a_0", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    facts = code_facts(module.step)
    assert (facts.name, facts.path) == ("nightly.step", str(file))


@pytest.mark.parametrize(
    "text", ["\n\n\ndef another(x):\n    return x\n", "def step(x):\n    return x + 1\n", "def step(\n", None]
)
def test_a_function_that_is_not_in_its_source_any_more_is_taken_by_its_code(tmp_path, text):
    """The file was rewritten or removed after it was loaded; what ran is not what it says now."""
    import importlib.util

    file = tmp_path / "rewritten.py"
    file.write_text("def step(x):\n    return x\n")
    spec = importlib.util.spec_from_file_location("rewritten", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    assert code_facts(module.step).digest.startswith(
        f"py-bytecode-1.{sys.version_info.major}.{sys.version_info.minor}:sha256:"
    )


def test_a_comment_added_after_loading_is_no_other_code(tmp_path):
    """What was loaded is still what the source says."""
    import importlib.util

    file = tmp_path / "commented.py"
    file.write_text("def step(x):\n    return x\n")
    spec = importlib.util.spec_from_file_location("commented", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    file.write_text("def step(x):  # same\n    return x\n")
    assert code_facts(module.step).digest.startswith("py-tokens-2:")


EXECUTED = """
def helper(x):
    return x in {"a", "b", "c", "d"} or x in (1, 2.5, None, ..., b"x", 3j)

def step(x, y=3):
    return [helper(z) for z in x]
"""


def of_text(text: str, name: str = "step", file: str = "<string>") -> str | None:
    values: dict = {"__name__": "made"}
    exec(compile(text, file, "exec", dont_inherit=True), values)
    return code_facts(values[name]).digest


def test_code_without_source_is_taken_by_its_code_object():
    """Independent of lines and file name; dependent on constants, names, defaults and source-less helpers."""
    plain = of_text(EXECUTED)
    assert plain.startswith(f"py-bytecode-1.{sys.version_info.major}.{sys.version_info.minor}:sha256:")
    assert of_text("\n# more\n\n" + EXECUTED, file="<other>") == plain
    for old, new in (('"c"', '"e"'), ("2.5", "2.25"), ("y=3", "y=4"), ("for z", "for w"), ("3j", "4j")):
        assert of_text(EXECUTED.replace(old, new).replace("helper(z) for w", "helper(w) for w")) != plain, old


def test_defaults_of_source_less_functions_tell_them_apart():
    """One code object, three functions."""
    values: dict = {}
    exec("made = []\nfor i in range(3):\n    def step(x, *, i=i):\n        return i\n    made.append(step)\n", values)
    assert len({code_facts(one).digest for one in values["made"]}) == 3


def test_a_cell_of_a_notebook_is_code_without_source():
    """Its file is named and does not exist."""
    values: dict = {"__name__": "__main__"}
    exec(compile("def step(x):\n    return x\n", "/tmp/ipykernel_7/1234.py", "exec"), values)
    facts = code_facts(values["step"])
    assert facts.digest.startswith("py-bytecode-1.")
    assert (facts.name, facts.path) == ("__main__.step", None)


def test_a_whole_file_is_digested_by_its_tokens(tmp_path):
    """For steps that are scripts."""
    (tmp_path / "script.py").write_text("x = 1\n")
    (tmp_path / "again.py").write_text("# c\nx  =  1")
    (tmp_path / "other.py").write_text("x = 2\n")
    facts = code.file_facts(tmp_path / "script.py")
    assert (facts.name, facts.path) == ("script", str(tmp_path / "script.py"))
    assert (
        facts.digest == code.file_facts(tmp_path / "again.py").digest != code.file_facts(tmp_path / "other.py").digest
    )
    assert code.file_facts(tmp_path / "nothing.py").digest is None


CACHED = """
    import json, sys
    sys.path.insert(0, "")
    from pathlib import Path
    from orchestrail.capture import source
    from orchestrail.capture.code import code_facts
    taken = []
    real = source.Source.outline
    source.Source.outline = lambda self, **how: taken.append(1) or real(self, **how)
    from steps import step
    facts = code_facts(step, None, Path("cache"))
    print(json.dumps([facts.digest, facts.modules, len(taken)]))
"""


def test_outlines_are_kept_for_the_next_process(run, tmp_path):
    """By content, so that a fresh copy of the project finds them too; with the same result as without."""
    write_project(tmp_path)
    digest, modules, taken = run(CACHED)
    assert taken == 3
    assert run(CACHED) == [digest, modules, 0]
    (tmp_path / "copy").mkdir()
    write_project(tmp_path / "copy")
    (tmp_path / "copy" / "cache").symlink_to(tmp_path / "cache")
    assert run(CACHED, cwd=tmp_path / "copy") == [digest, modules, 0]
    (tmp_path / "shop" / "tools.py").write_text("def trim(x):\n    return -x\n")
    changed_digest, _, taken = run(CACHED)
    assert changed_digest != digest
    assert taken == 1


@pytest.mark.parametrize("damage", ["", "[]", '{"format": 1}', "entries", "\0"])
def test_a_damaged_cache_of_outlines_is_done_without(run, tmp_path, damage):
    """Whatever is in it, the digest is right."""
    write_project(tmp_path)
    whole = run(CACHED)
    (file,) = (tmp_path / "cache").iterdir()
    document = json.loads(file.read_text())
    odd = (3, ["x"], ["py-tokens-2:sha256:", [1], [], [], []])
    entries = dict(zip(document["entries"], odd, strict=True))
    file.write_text(json.dumps({**document, "entries": entries}) if damage == "entries" else damage)
    assert run(CACHED) == whole
    assert run(CACHED)[2] == 0


def write_project(folder: Path) -> None:
    (folder / "shop").mkdir()
    for path, text in PACKAGE.items():
        (folder / path).write_text(text)
    (folder / "steps.py").write_text("from shop import clean\ndef step(x):\n    return clean(x)\n")


def test_digests_are_the_same_in_every_process(run, tmp_path):
    """Neither the hash seed nor what else is loaded counts, with source and without."""
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "helpers.py").write_text(HELPERS)
    (tmp_path / "constants.py").write_text("FACTOR = 2\n")
    program = f"""
        import json, sys
        sys.path.insert(0, "")
        from orchestrail.capture.code import code_facts
        from steps import step
        values = {{}}
        exec({EXECUTED!r}, values)
        print(json.dumps([code_facts(step).digest, code_facts(step).modules, code_facts(values["step"]).digest]))
    """
    first, second = run(program, PYTHONHASHSEED="1"), run(program, PYTHONHASHSEED="2")
    assert first == second
    assert first[2] == of_text(EXECUTED)


def test_a_script_and_an_imported_module_give_the_same_digest(run, tmp_path, project):
    """Whether the step's own module is `__main__` does not count."""
    printing = "\nif __name__ == '__main__':\n    import json\n    from orchestrail.capture.code import code_facts\n"
    printing += "    facts = code_facts(step)\n    print(json.dumps([facts.digest, facts.name]))\n"
    for path, text in BASE.items():
        (tmp_path / path).write_text(text + (printing if path == "steps.py" else ""))
    assert run("", "steps.py") == [project.digest(BASE), "steps.step"]
    assert run("", "-m", "steps") == [project.digest(BASE), "steps.step"]


def test_a_session_without_files_has_a_digest_of_code(run):
    """`python -c` and standard input."""
    program = "def step(x):\n    return x\nfrom orchestrail.capture.code import code_facts\nimport json\n"
    program += "print(json.dumps([code_facts(step).digest, code_facts(step).name, code_facts(step).path]))\n"
    told = run(program)
    assert told[0].startswith("py-bytecode-1.")
    assert told[1:] == ["__main__.step", None]
    assert run("", "-", stdin=program) == told


def test_taking_the_digest_opens_nothing_on_the_record(project, capture):
    """Reading source files is ours, not the step's."""
    token = files.capturing.set(None)
    folder = project.folder / "seen"
    folder.mkdir(parents=True)
    (folder / "text.txt").write_text("x")
    files.capturing.reset(token)
    sources = {**BASE, "steps.py": STEPS}
    project.digest(sources)
    inputs, _, _ = capture.close()
    assert not [one.name for one in inputs]


def test_a_path_outside_the_project_stays_absolute(project, tmp_path):
    """Relative where the source lies in the project, through symbolic links too."""
    inside = tmp_path / "real"
    inside.mkdir()
    (tmp_path / "link").symlink_to(inside)
    (inside / "linked.py").write_text("def step(x):\n    return x\n")
    sys.path.insert(0, str(tmp_path / "link"))
    try:
        import linked
    finally:
        sys.path.pop(0)
        del sys.modules["linked"]
    assert code_facts(linked.step, inside).path == "linked.py"
    assert code_facts(linked.step, tmp_path / "link").path == "linked.py"
    assert code_facts(linked.step, Path(os.sep, "elsewhere")).path == str(tmp_path / "link" / "linked.py")
    assert code_facts(linked.step).path == str(tmp_path / "link" / "linked.py")
