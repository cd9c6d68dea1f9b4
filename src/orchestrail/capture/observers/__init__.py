"""What libraries read and write past the interpreter's `open`: one module a library, attached when the host imports it.

A library is never imported here. A finder at the head of `sys.meta_path` hears of the imports of the modules in `OBSERVERS`;
any other import costs it one look into a dictionary. When such a module has run, its observer's `attach` replaces functions of it
by watching ones, through `Patches`, which puts them back. A watching function with no run in its context reads one context
variable and calls the original.

An observer module has one function, `attach(module, patches)`. What it tells goes to the run's `FileCapture` (files) and to its
`told` (all else). It must not keep, print or send a value of a row, import its library, or raise; where it does raise, `Watch`
keeps that from the host, counts it, notes it for `orchestrail doctor` and in the run's record, and after `MAX_FAILURES` switches
the observer off.

Where a library is imported before the recording begins, names that other modules took of it (`from library import function`)
stay as they were; for that reason observers watch the innermost functions and methods that all ways lead through.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import CellType, ModuleType
from typing import Any

from orchestrail.capture.observing import capturing, observed_by, unobserved
from orchestrail.guard import guard
from orchestrail.locks import Lock

# Modules of scikit-learn that offer estimators and nothing else to be watched.
_ESTIMATORS = (
    "calibration", "cluster", "compose", "covariance", "cross_decomposition", "decomposition", "discriminant_analysis", "dummy",
    "ensemble", "feature_extraction", "feature_extraction.text", "feature_selection", "gaussian_process", "impute", "isotonic",
    "kernel_approximation", "kernel_ridge", "linear_model", "manifold", "mixture", "multiclass", "multioutput", "naive_bayes",
    "neighbors", "neural_network", "preprocessing", "random_projection", "semi_supervised", "svm", "tree",
)  # fmt: skip

OBSERVERS = {
    "aiobotocore.client": "botocore",
    "botocore.client": "botocore",
    "catboost.core": "boosting",
    "concurrent.futures.process": "work",
    "concurrent.futures.thread": "work",
    "datasets.arrow_dataset": "datasets",
    "datasets.builder": "datasets",
    "datasets.config": "datasets",
    "deltalake.table": "deltalake",
    "deltalake.writer.writer": "deltalake",
    "duckdb": "duckdb",
    "fsspec.spec": "fsspec",
    "gcsfs.core": "gcsfs",
    "great_expectations.validator.validator": "great_expectations",
    "joblib": "pickles",
    "joblib.externals.loky.process_executor": "work",
    "lightgbm.basic": "boosting",
    "loky.process_executor": "work",
    "multiprocessing.pool": "work",
    "multiprocessing.process": "work",
    "numpy.random": "seeds",
    "openlineage.client.client": "openlineage",
    "os": "system",
    "mlflow.models.model": "mlflow",
    "mlflow.store.artifact.models_artifact_repo": "mlflow",
    "mlflow.store.artifact.runs_artifact_repo": "mlflow",
    "mlflow.tracing.client": "mlflow",
    "mlflow.tracking._model_registry.client": "mlflow",
    "mlflow.tracking._tracking_service.client": "mlflow",
    "mlflow.tracking.context.git_context": "mlflow",
    "mlflow.utils.requirements_utils": "mlflow",
    "pandas.io.parquet": "pandas",
    "pandera.api.pandas.container": "pandera",
    "pandera.api.polars.container": "pandera",
    "pandera.backends.pandas.array": "pandera",
    "pandera.backends.pandas.base": "pandera",
    "pandera.backends.pandas.container": "pandera",
    "pandera.backends.polars.base": "pandera",
    "pandera.backends.polars.components": "pandera",
    "pandera.backends.polars.container": "pandera",
    "pandera.errors": "pandera",
    "pickle": "pickles",
    "polars": "polars",
    "polars.io.delta._dataset": "deltalake",
    "psycopg": "psycopg",
    "pydantic.types": "secrets",
    "pyarrow.csv": "pyarrow",
    "pyarrow.dataset": "pyarrow",
    "pyarrow.feather": "pyarrow",
    "pyarrow.fs": "pyarrow",
    "pyarrow.json": "pyarrow",
    "pyarrow.orc": "pyarrow",
    "pyarrow.parquet.core": "pyarrow",
    "random": "seeds",
    "safetensors": "safetensors",
    "safetensors.numpy": "safetensors",
    "safetensors.torch": "safetensors",
    "sklearn.base": "sklearn",
    "sklearn.metrics": "sklearn",
    "sklearn.model_selection": "sklearn",
    "sklearn.pipeline": "sklearn",
    "sqlalchemy": "sqlalchemy",
    "sqlite3": "sqlite",
    "threading": "work",
    "torch": "torch",
    "xgboost.core": "boosting",
    **{f"sklearn.{name}": "estimators" for name in _ESTIMATORS},
}
"""For each module of a library, the module here that observes it."""

MAX_FAILURES = 5
"""Failures after which an observer is switched off in a process."""

_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

Notice = Callable[..., object]
"""Called with the run's `FileCapture` and the arguments of the watched call; with `result=` where it is called after it."""


class Watch:
    """One observer at work in this process.

    Args:
        library: what it observes.
    """

    def __init__(self, library: str) -> None:
        self.library = library
        self.failures = 0
        self.unattached = False

    def tell(self, notice: Notice, capture: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run a notice; no exception of it gets out."""
        if self.failures >= MAX_FAILURES:
            self.missed(capture)
            return None
        done = False
        with guard(f"observe {self.library}"):
            with unobserved():
                noticed = notice(capture, *args, **kwargs)
            done = True
        if done:
            return noticed
        self.failures += 1
        self.missed(capture)
        return None

    def missed(self, capture: Any) -> None:
        """Say in the run's record that this observer did not see all of it."""
        reason = "its observer failed"
        if self.unattached:
            reason = "its observer does not fit the version that is installed"
        elif self.failures >= MAX_FAILURES:
            reason = f"its observer was switched off after {MAX_FAILURES} failures"
        capture.told.misses(self.library, reason)


class Patches:
    """What was replaced in one library, so that it can be put back.

    Args:
        watch: the observer.
    """

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self._undo: list[Callable[[], object]] = []

    def function(self, module: Any, name: str, before: Notice | None = None, after: Notice | None = None) -> None:
        """Watch a public function of a module, there and where it is defined: by that place it is pickled.

        Args:
            module: where it is used from.
            name: its name there.
            before: as in `around`.
            after: as in `around`.

        Raises:
            AttributeError: there is no such function.
        """
        original = getattr(module, name)
        watched = self._watching(original, before, after)
        if inspect.ismethod(original):  # one that a module offers as a function: it is no method of ours
            watched.__qualname__ = name
        home = sys.modules.get(getattr(original, "__module__", None) or "")
        for holder, key in dict.fromkeys(((module, name), (home, getattr(original, "__name__", name)))):
            if holder is not None and vars(holder).get(key) is original:
                self.replace(holder, key, lambda _: watched)

    def inside(self, module: Any, name: str, before: Notice | None = None, after: Notice | None = None) -> None:
        """Watch the function that a decorator was put around: so it is watched whoever took the decorated one before.

        Args:
            module: where the decorated function is.
            name: its name there; one that is not decorated is watched as by `function`.
            before: as in `around`.
            after: as in `around`.

        Raises:
            AttributeError: there is no such function.
        """
        decorated = getattr(module, name)
        original: Any = getattr(decorated, "__wrapped__", decorated)
        cell = next((cell for cell in getattr(decorated, "__closure__", None) or () if _holds(cell, original)), None)
        if cell is None:
            self.function(module, name, before, after)
            return
        watched = cell.cell_contents = self._watching(original, before, after)

        def undo() -> None:
            if _holds(cell, watched):
                cell.cell_contents = original

        self._undo.append(undo)

    def around(self, holder: Any, name: str, before: Notice | None = None, after: Notice | None = None) -> None:
        """Watch a method of a class, or a function that a module only uses itself; a coroutine function until it has returned.

        Args:
            holder: the class or module.
            name: the function's name in it.
            before: called before the function, with its arguments.
            after: called after it has returned, with its arguments and `result`.

        Raises:
            AttributeError: there is no such function.
        """
        self.replace(holder, name, lambda original: _alike(original, lambda f: self._watching(f, before, after)))

    def _watching(
        self, original: Callable[..., Any], before: Notice | None, after: Notice | None
    ) -> Callable[..., Any]:
        watch = self.watch
        told_before, told_after = _by_place(before, original), _by_place(after, original)

        if inspect.iscoroutinefunction(original):

            @functools.wraps(original)
            async def watched_later(*args: Any, **kwargs: Any) -> Any:
                capture = capturing.get()
                if capture is None:
                    return await original(*args, **kwargs)
                if told_before is not None:
                    watch.tell(told_before, capture, *args, **kwargs)
                result = await original(*args, **kwargs)
                if told_after is not None:
                    watch.tell(told_after, capture, *args, result=result, **kwargs)
                return result

            return watched_later

        @functools.wraps(original)
        def watched(*args: Any, **kwargs: Any) -> Any:
            capture = capturing.get()
            if capture is None:
                return original(*args, **kwargs)
            if told_before is not None:
                watch.tell(told_before, capture, *args, **kwargs)
            result = original(*args, **kwargs)
            if told_after is not None:
                watch.tell(told_after, capture, *args, result=result, **kwargs)
            return result

        return watched

    def unseen(self, holder: Any, name: str, before: Notice | None = None, after: Notice | None = None) -> None:
        """Leave out what a function itself reads and writes: the books of its library, which are nobody's data.

        Args:
            holder: the class or module.
            name: the function's name in it.
            before: as in `around`.
            after: as in `around`.

        Raises:
            AttributeError: there is no such function.
        """

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def alone(*args: Any, **kwargs: Any) -> Any:
                with unobserved():
                    return original(*args, **kwargs)

            return self._watching(alone, before, after)

        self.replace(holder, name, lambda original: _alike(original, make))

    def for_maker(self, kind: type, *methods: str) -> None:
        """Have methods of an object work for the run in which it was made, where the thread that calls them carries none.

        Args:
            kind: the class; it has a `__init__` of its own.
            methods: their names.

        Raises:
            AttributeError: there is no such method.
        """
        self.around(kind, "__init__", after=_made)
        for name in methods:
            self.replace(kind, name, _carrying)

    def replace(self, holder: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Put something in the place of an attribute; `make` gets what was there."""
        own = vars(holder)
        inherited = name not in own
        original = getattr(holder, name) if inherited else own[name]
        put = make(original)
        setattr(holder, name, put)

        def undo() -> None:
            # Somebody else may have put theirs around ours meanwhile.
            if vars(holder).get(name) is put:
                if inherited:
                    delattr(holder, name)
                else:
                    setattr(holder, name, original)

        self._undo.append(undo)

    def on_undo(self, action: Callable[[], object]) -> None:
        """Have something else undone too."""
        self._undo.append(action)

    def undo(self) -> None:
        """Put everything back, the last first."""
        while self._undo:
            self._undo.pop()()


def _holds(cell: CellType, value: object) -> bool:
    try:
        return cell.cell_contents is value
    except ValueError:  # it is empty
        return False


def _alike(original: Any, make: Callable[[Callable[..., Any]], Any]) -> Any:
    """Make something of a function; a method of a class or a static one stays one."""
    if isinstance(original, classmethod | staticmethod):
        return type(original)(make(original.__func__))
    return make(original)


class _Maker:
    """The run in which an object was made, kept on it as `orchestrail_maker`; copies and pickles of the object have None there."""

    __slots__ = ("capture",)

    def __init__(self, capture: Any) -> None:
        self.capture = weakref.ref(capture)

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return type(None), ()


def _made(capture: Any, made: Any, *given: object, result: object, **more: object) -> None:
    made.orchestrail_maker = _Maker(capture)


def _carrying(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def carried(of: Any, *args: Any, **kwargs: Any) -> Any:
        maker = getattr(of, "orchestrail_maker", None)
        if maker is None or capturing.get() is not None:
            return method(of, *args, **kwargs)
        with observed_by(maker.capture()):
            return method(of, *args, **kwargs)

    return carried


def _by_place(notice: Notice | None, original: Callable[..., Any]) -> Notice | None:
    """Have a notice get by their place what it names by place, whatever the library calls it: the caller may have named it."""
    if notice is None:
        return None
    try:
        named = [one.name for one in inspect.signature(original).parameters.values() if one.kind in _BY_PLACE]
    except (TypeError, ValueError):  # written in C, and nothing says how
        return notice
    wanted = (
        sum(one.kind in _BY_PLACE for one in inspect.signature(notice).parameters.values()) - 1
    )  # without the capture

    def placed(capture: Any, /, *args: Any, **kwargs: Any) -> object:
        for name in named[len(args) : wanted]:
            if name not in kwargs:
                break
            args = (*args, kwargs.pop(name))
        return notice(capture, *args, **kwargs)

    return placed


class _Finder:
    """Hears of the imports of observed modules; finds nothing by itself."""

    def __init__(self) -> None:
        self._asking = threading.local()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Let the finders behind this one find the module, and have its observer attached when it has run."""
        if name not in OBSERVERS or getattr(self._asking, "name", None) == name:
            return None
        self._asking.name = name
        try:
            for finder in sys.meta_path:
                if finder is not self and hasattr(finder, "find_spec"):
                    spec = finder.find_spec(name, path, target)
                    if spec is not None:
                        with guard("hear of an import"):
                            _hear(spec)
                        return spec
        finally:
            self._asking.name = None
        return None


def _hear(spec: ModuleSpec) -> None:
    """Attach when the module has run: for that one time, its own loader does a little more."""
    loader: Any = spec.loader
    if getattr(loader, "name", None) != spec.name or not hasattr(loader, "__dict__"):
        return  # a loader of many modules; the next start of a run sees the module
    run = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        del loader.exec_module
        run(module)
        _attach(spec.name, module)

    loader.exec_module = exec_module


_finder = _Finder()
_lock = Lock()
_watches: dict[str, Watch] = {}
_attached: dict[str, Patches] = {}


def install() -> None:
    """Begin to hear of imports, and attach to what is imported already; called again, look for what was imported since."""
    with _lock:
        if _finder not in sys.meta_path:
            sys.meta_path.insert(0, _finder)
        for name in OBSERVERS:
            module = sys.modules.get(name)
            if module is not None and name not in _attached and not _is_being_imported(module):
                _attach(name, module)


def uninstall() -> None:
    """Leave the libraries and the import as they were found."""
    with _lock:
        if _finder in sys.meta_path:
            sys.meta_path.remove(_finder)
        while _attached:
            _attached.popitem()[1].undo()
        _watches.clear()


def at_work() -> bool:
    """Say whether imports are heard of in this process."""
    return _finder in sys.meta_path


def missed(capture: Any) -> None:
    """Say in a run's record which observers could not be attached in this process."""
    for watch in list(_watches.values()):
        if watch.unattached:
            watch.missed(capture)


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(module.__spec__, "_initializing", False))


def _attach(name: str, module: ModuleType) -> None:
    with _lock:
        if name in _attached or _finder not in sys.meta_path:
            return
        observer = OBSERVERS[name]
        watch = _watches.setdefault(observer, Watch(name.partition(".")[0]))
        patches = _attached[name] = Patches(watch)
        attached = False
        with guard(f"observe {name}"):
            with unobserved():
                importlib.import_module(f"{__name__}.{observer}").attach(module, patches)
            attached = True
        if not attached:
            watch.unattached = True
            patches.undo()
