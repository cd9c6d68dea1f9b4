"""Digests on projects as people write them: one line changes two modules away, in every way that a helper can be reached."""

from __future__ import annotations

import json

import pytest

from .conftest import SOURCE, write

PREPARATION = {
    "flows/train.py": """
        from functools import partial

        from preparation import clean as tidy, Scaler
        from preparation.tables import AGES

        def step(rows):
            return Scaler().apply(tidy(rows))

        def by_partial(rows):
            return partial(tidy, strict=True)(rows)

        def by_lambda(rows):
            return list(map(lambda row: tidy(row), rows))

        def by_closure(rows):
            def one(row):
                return tidy(row)
            return [one(row) for row in rows]

        def by_table(rows):
            return [AGES[row] for row in rows]

        def by_method(rows):
            scaler = Scaler()
            return [scaler.apply(row) for row in rows]

        def by_classmethod(rows):
            return Scaler.of(rows)
    """,
    "flows/__init__.py": "",
    "preparation/__init__.py": """
        from ._cleaning import clean
        from .scaling import *
        from . import unrelated

        __version__ = "1"
    """,
    "preparation/_cleaning.py": """
        from __future__ import annotations

        from .helpers.text import strip as _strip
        from .decorated import logged
        try:
            from .fast import normal
        except ImportError:
            from .slow import normal

        @logged
        def clean(rows, strict=False):
            '''Clean.'''
            return normal(_strip(rows))
    """,
    "preparation/helpers/__init__.py": "",
    "preparation/helpers/text.py": """
        from .constants import SPACE

        def strip(rows):
            # without white space
            return [row.strip(SPACE) for row in rows]
    """,
    "preparation/helpers/constants.py": """
        SPACE = " "
        TABLE = {"a": 1}
    """,
    "preparation/decorated.py": """
        import functools

        def logged(function):
            @functools.wraps(function)
            def call(*args, **kwargs):
                return function(*args, **kwargs)
            return call
    """,
    "preparation/fast.py": "import not_there\n\ndef normal(rows):\n    return rows\n",
    "preparation/slow.py": "def normal(rows):\n    return [row.lower() for row in rows]\n",
    "preparation/scaling.py": """
        from .tables import MEANS

        __all__ = ["Scaler"]

        class Base:
            def apply(self, rows):
                return rows

        class Scaler(Base):
            '''Scales.'''
            factor: float = 2.0

            def apply(self, rows):
                return [row for row in super().apply(rows) if MEANS]

            @classmethod
            def of(cls, rows):
                return cls().apply(rows)
    """,
    "preparation/tables.py": "AGES = {'young': 1,\n        'old': 2}\nMEANS = [1.0, 2.5]\n",
    "preparation/unrelated.py": "def other():\n    return 1\n",
}  # fmt: skip
STEPS = ("step", "by_partial", "by_lambda", "by_closure", "by_table", "by_method", "by_classmethod")
CLEANS = ("step", "by_partial", "by_lambda", "by_closure")
SCALES = ("step", "by_method", "by_classmethod")


def changed(path: str, old: str, new: str) -> dict[str, str]:
    assert PREPARATION[path].count(old) == 1
    return {**PREPARATION, path: PREPARATION[path].replace(old, new)}


@pytest.fixture
def digests(project):
    """Take the digests of all steps."""

    def take(sources: dict[str, str]) -> dict[str, str | None]:
        return {name: project.digest(sources, name, "flows.train") for name in STEPS}

    return take


@pytest.mark.parametrize(
    ("path", "old", "new", "steps"),
    [
        ("preparation/helpers/text.py", "row.strip(SPACE)", "row.rstrip(SPACE)", CLEANS),
        ("preparation/helpers/constants.py", 'SPACE = " "', 'SPACE = "\\t"', CLEANS),
        ("preparation/helpers/constants.py", '"a": 1', '"a": 2', CLEANS),
        ("preparation/decorated.py", "return function(*args", "return not function(*args", CLEANS),
        ("preparation/slow.py", "lower", "upper", CLEANS),
        ("preparation/fast.py", "return rows", "return rows[1:]", CLEANS),
        ("preparation/_cleaning.py", "strict=False", "strict=True", CLEANS),
        ("preparation/scaling.py", "factor: float = 2.0", "factor: float = 2.5", SCALES),
        ("preparation/scaling.py", "                return rows\n", "                return rows or []\n", SCALES),
        ("preparation/tables.py", "'old': 2", "'old': 3", ("step", "by_table", "by_method", "by_classmethod")),
    ],
)
def test_a_line_two_modules_away_changes_those_steps_that_reach_it(digests, path, old, new, steps):
    """Through re-exports, stars, relative and conditional imports, aliases, decorators, base classes and tables of values."""
    before, after = digests(PREPARATION), digests(changed(path, old, new))
    assert None not in before.values()
    reached = {name for name in STEPS if before[name] != after[name]}
    assert reached == set(steps)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("preparation/helpers/text.py", "# without white space", "# trims"),
        ("preparation/_cleaning.py", "'''Clean.'''", "'''Clean rows.\n\n            Of white space.\n            '''"),
        ("preparation/_cleaning.py", "            '''Clean.'''\n", ""),
        ("preparation/scaling.py", "'''Scales.'''", '"""Scales by the mean."""'),
        ("preparation/tables.py", "{'young': 1,\n        'old': 2}", "{\n    'young':1, 'old':2  # years\n}"),
        ("preparation/helpers/constants.py", 'SPACE = " "\n', '"""Values."""\n\n\n        SPACE = " "  # one\n'),
        ("preparation/unrelated.py", "return 1", "return 2"),
    ],
)
def test_comments_docstrings_layout_and_what_is_only_passed_on_change_nothing(digests, path, old, new):
    """No step has another version for them."""
    assert digests(PREPARATION) == digests(changed(path, old, new))


COMPUTED = {
    "steps.py": """
        import importlib
        from importlib import import_module
        from loaders import load

        def step(rows):
            return import_module("helpers").clean(rows)

        def computed(rows, name="helpers"):
            return importlib.import_module(name).clean(rows)

        def far(rows):
            return load("helpers").clean(rows)

        def both(rows):
            return __import__("helpers").clean(rows)
    """,
    "loaders.py": """
        def load(name):
            return __import__(name)
    """,
    "helpers.py": "def clean(rows):\n    return rows\n",
}


def test_a_module_imported_by_a_call_that_names_it_is_followed(project):
    """`import_module("helpers")` says as much as `import helpers`."""
    other = {**COMPUTED, "helpers.py": "def clean(rows):\n    return rows[1:]\n"}
    for name in ("step", "both"):
        facts = project.facts(COMPUTED, name)
        assert [module for module, _ in facts.modules] == ["helpers"]
        assert facts.unfollowed == ()
        assert facts.digest != project.digest(other, name)
    inside = {
        "pack/__init__.py": "",
        "pack/a.py": "from importlib import import_module\ndef step():\n    return import_module('.b', __package__)\n",
        "pack/b.py": "X = 1\n",
    }
    facts = project.facts(inside, "step", "pack.a")
    assert ["pack.b" in dict(facts.modules), facts.unfollowed] == [True, ()]


@pytest.mark.parametrize(("name", "module"), [("computed", "steps"), ("far", "loaders")])
def test_an_import_by_a_computed_name_is_told_as_not_followed(project, name, module):
    """Nothing is claimed of what it brings in."""
    other = {**COMPUTED, "helpers.py": "def clean(rows):\n    return rows[1:]\n"}
    facts = project.facts(COMPUTED, name)
    assert facts.unfollowed == (module,)
    assert facts.digest == project.digest(other, name)


def test_a_wrapper_around_what_is_written_in_c_is_the_code_that_there_is(project):
    """`functools.wraps(dict.keys)` around a function of the project does not hide that function."""
    sources = {
        "steps.py": """
            import functools

            def around(method):
                @functools.wraps(method)
                def call(rows):
                    return method(rows)
                return call

            step = around(dict.keys)
        """
    }
    found = project.digest(sources)
    assert found is not None
    other = {"steps.py": sources["steps.py"].replace("return method(rows)", "return list(method(rows))")}
    assert project.digest(other) != found


IDENTICAL = """
import json, sys
from orchestrail.capture.code import code_facts
sys.path[:0] = sys.argv[2:]
module = __import__("importlib").import_module(sys.argv[1])
print(json.dumps({name: code_facts(getattr(module, name)).digest for name in ("clean", "encode")}))
"""
PACKAGE = {
    "src/app/__init__.py": "",
    "src/app/preparation.py": """
        from app_tables import WORDS
        from .helpers.text import strip

        def clean(rows):
            return [strip(row) for row in rows]

        def encode(rows):
            return [WORDS[row] for row in rows]

        if __name__ == "__main__":
            import json
            from orchestrail.capture.code import code_facts
            print(json.dumps({name: code_facts(globals()[name]).digest for name in ("clean", "encode")}))
    """,
    "src/app/helpers/__init__.py": "",
    "src/app/helpers/text.py": "from ..constants import SPACE\n\ndef strip(row):\n    return row.strip(SPACE)\n",
    "src/app/constants.py": "SPACE = ' '\n",
    "shared/app_tables.py": "WORDS = {'a': 1}\n",
}


def test_the_same_files_are_the_same_code_by_whatever_name_they_are_imported(run, tmp_path):
    """As `app.preparation`, as `src.app.preparation`, run with `-m`, from other folders, copied to elsewhere."""
    found = []
    for number, place in enumerate(("one", "two/deeper")):
        folder = tmp_path / place
        write(folder, PACKAGE)
        script = tmp_path / f"identical{number}.py"
        script.write_text(IDENTICAL)
        shared = str(folder / "shared")
        found.append(run("", str(script), "app.preparation", str(folder / "src"), shared, cwd=folder))
        found.append(run("", str(script), "src.app.preparation", str(folder), shared, cwd=tmp_path))
        path = f"{SOURCE}:{shared}"
        found.append(run("", "-m", "app.preparation", cwd=folder / "src", PYTHONPATH=path))
        found.append(run("", "-m", "src.app.preparation", cwd=folder, PYTHONPATH=path))
    assert len({json.dumps(one) for one in found}) == 1
    assert found[0]["clean"] != found[0]["encode"]


def test_a_class_whose_methods_its_library_wraps_is_found_where_it_is(project):
    """As the base class of Airflow's operators wraps `execute`: the wrapper knows the library's module alone."""
    sources = {
        "lib.py": (
            "import functools\n"
            "class Base:\n"
            "    def __init_subclass__(cls):\n"
            "        inner = cls.execute\n"
            "        def execute(self):\n"
            "            return inner(self)\n"
            "        cls.execute = functools.wraps(inner)(execute)\n"
        ),
        "steps.py": "from lib import Base\nclass Copy(Base):\n    def execute(self):\n        return 1\nkind = Copy\n",
    }
    other = {**sources, "steps.py": sources["steps.py"].replace("return 1", "return 2")}
    assert project.digest(sources, "kind") != project.digest(other, "kind")
    assert project.facts(sources, "kind").name == "steps.Copy"


def test_two_modules_that_change_places_are_other_code(project):
    """What stands in which module counts."""
    one = {
        "steps.py": "import a, b\ndef step():\n    return a.X - b.X\n", "a.py": "X = 1\n", "b.py": "X = 2\n"
    }  # fmt: skip
    assert project.digest(one) != project.digest({**one, "a.py": one["b.py"], "b.py": one["a.py"]})
    inside = {"p/__init__.py": "", "p/steps.py": "from . import a, b\ndef step():\n    return a.X - b.X\n"}
    inside |= {"p/a.py": one["a.py"], "p/b.py": one["b.py"]}
    swapped = {**inside, "p/a.py": one["b.py"], "p/b.py": one["a.py"]}
    assert project.digest(inside, "step", "p.steps") != project.digest(swapped, "step", "p.steps")


def test_a_class_that_its_library_calls_otherwise_is_found_where_it_is(project):
    """Libraries set `__module__` to the place that a class is to be imported from."""
    sources = {
        "lib/__init__.py": "from lib._inner import Scaler\nScaler.__module__ = 'lib'\n",
        "lib/_inner.py": "class Scaler:\n    def apply(self, rows):\n        return rows\n",
        "steps.py": "from lib import Scaler\nstep = Scaler().apply\nkind = Scaler\n",
    }
    other = {**sources, "lib/_inner.py": sources["lib/_inner.py"].replace("return rows", "return rows[1:]")}
    for name in ("step", "kind"):
        before, after = project.digest(sources, name), project.digest(other, name)
        assert before.startswith("py-tokens-2:")
        assert before != after
