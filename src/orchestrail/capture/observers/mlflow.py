"""MLflow: models, artifacts and data sets that a run logs, registers and loads, its metrics, and the id of its own run.

Names: the namespace is `mlflow://host` of the tracking server, or `mlflow:` and the absolute path of a local store. A logged model
is `models/m-...`, a registered one `models/<name>` at its version in the registry, an artifact `runs/<run id>/<path>`, a data set
`datasets/<name>` at MLflow's own digest. A model that is logged, or loaded from a local folder, has the digest of its folder.

What MLflow itself reads and writes to keep its books, in files and in databases, is not the run's data and is left out; so are the
files of a model that is loaded, which are one data set. Not told: parameters, tags, traces, and models of MLflow 2.
"""

from __future__ import annotations

import os
import sys
from types import FunctionType, ModuleType
from typing import Any
from urllib.parse import urlsplit

from orchestrail.capture.digest import FileDigest, digest_file, digest_folder
from orchestrail.capture.observers import Patches, models
from orchestrail.model import DatasetRef

ADDED = ("registered_model_meta",)
"""Files that MLflow adds to the folder of a model that is loaded by the registry's name; they hold that name."""
BY_MLFLOW = "MLflow's digest covers a part of the content"

_CLIENTS = {
    "mlflow.tracing.client": "TracingClient",
    "mlflow.tracking._model_registry.client": "ModelRegistryClient",
    "mlflow.tracking._tracking_service.client": "TrackingServiceClient",
}
_SERVICES = ("databricks", "databricks-uc", "uc")
_ROLES = {"train": "train", "training": "train", "validation": "validation", "eval": "test", "test": "test"}


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch a client of one of MLflow's services, how models are found and loaded, or what MLflow asks about the code."""
    library: Any = module
    if module.__name__ == "mlflow.models.model":
        patches.unseen(library.Model, "load", after=_loaded)
    elif module.__name__ == "mlflow.store.artifact.models_artifact_repo":
        patches.unseen(library.ModelsArtifactRepository, "__init__")
        patches.unseen(library.ModelsArtifactRepository, "download_artifacts", after=_fetched)
    elif module.__name__ == "mlflow.store.artifact.runs_artifact_repo":
        for name in ("__init__", "download_artifacts"):
            patches.unseen(library.RunsArtifactRepository, name)
    elif module.__name__ == "mlflow.tracking.context.git_context":
        for name in ("in_context", "tags"):  # the first that is called reads what git keeps
            patches.unseen(library.GitRunContext, name)
    elif module.__name__ == "mlflow.utils.requirements_utils":
        # It loads the model once more, in a program of its own, to see which packages that imports.
        patches.unseen(library, "_capture_imported_modules")
    else:
        client = getattr(library, _CLIENTS[module.__name__])
        notices = _NOTICES.get(module.__name__, {})
        for name in [name for name, function in vars(client).items() if type(function) is FunctionType]:
            before, after = notices.get(name, (None, None))
            patches.unseen(client, name, before, after)
        for name in notices:
            getattr(client, name)


def _run_made(capture: Any, client: Any, *given: object, result: Any, **more: object) -> None:
    capture.told.works_in("mlflow", result.info.run_id)


def _run_goes_on(capture: Any, client: Any, run_id: str, *given: object, **more: object) -> None:
    capture.told.works_in("mlflow", run_id)


def _metric(
    capture: Any, client: Any, run_id: str, key: str, value: Any, *given: object, result: object, **more: object
) -> None:
    capture.told.works_in("mlflow", run_id)
    capture.told.results.metric(key, value, by="mlflow")


def _batch(
    capture: Any, client: Any, run_id: str, metrics: Any = (), *given: object, result: object, **more: object
) -> None:
    for metric in metrics or ():
        _metric(capture, client, run_id, metric.key, metric.value, result=None)


def _artifact(capture: Any, client: Any, run_id: str, path: Any, within: str | None = None) -> None:
    name = os.path.basename(os.path.normpath(path))  # noqa: PTH119 - on a host's path
    _artifacts(capture, client, run_id, path, f"{within}/{name}" if within else name)


def _artifacts(capture: Any, client: Any, run_id: str, path: Any, within: str | None = None) -> None:
    capture.told.works_in("mlflow", run_id)
    capture.read(path)
    name = f"runs/{run_id}/{within}" if within else f"runs/{run_id}"
    found = digest_file(path)
    kind = models.kind_of(name)
    capture.told.writes(_known(client, name, None, found, kind, "at_write"), made=True)


def _model_files(capture: Any, client: Any, model_id: str, path: Any, within: str | None = None) -> None:
    if within is None:
        found = capture.told.notes.setdefault("mlflow", {})[model_id] = digest_folder(path, without=ADDED)
        capture.told.writes(_known(client, f"models/{model_id}", model_id, found, "model", "at_write"), made=True)


def _inputs(capture: Any, client: Any, run_id: str, datasets: Any = None, *given: object, **more: object) -> None:
    capture.told.works_in("mlflow", run_id)
    for one in datasets or ():
        contexts = [tag.value for tag in one.tags or () if tag.key == "mlflow.data.context"]
        role = next((_ROLES[context.lower()] for context in contexts if context.lower() in _ROLES), None)
        name, version = f"datasets/{one.dataset.name}", one.dataset.digest
        capture.told.reads(DatasetRef(_namespace(client), name, version, role=role, observed="at_read", weak=BY_MLFLOW))


def _registered(capture: Any, client: Any, name: str, source: str, *given: object, result: Any, **more: object) -> None:
    # The source is the folder of the logged model, which is named by its id.
    logged = capture.told.notes.get("mlflow", {})
    found = next((logged[part] for part in (more.get("model_id"), *str(source).split("/")) if part in logged), None)
    capture.told.writes(_known(client, f"models/{name}", str(result.version), found, "model", "at_write"), made=True)


def _fetched(capture: Any, repository: Any, artifact: str, *given: object, result: Any, **more: object) -> None:
    if not artifact and repository.model_name and not repository.is_logged_model_uri:
        name, version = f"models/{repository.model_name}", str(repository.model_version)
        capture.told.reads(_known(repository, name, version, _folder(capture, result), "model", "at_read"))
        capture.told.notes.setdefault("mlflow places", {})[os.path.abspath(result)] = None  # noqa: PTH100


def _loaded(capture: Any, kind: type, path: Any, *given: object, result: Any, **more: object) -> None:
    place = os.path.abspath(str(path).removeprefix("file://").removesuffix("/MLmodel"))  # noqa: PTH100
    if "://" in str(path).removeprefix("file://") or place in capture.told.notes.get("mlflow places", {}):
        return
    if result.model_id is None:
        facts = capture.read(place)
        if facts is not None:
            facts.kind, facts.format = "model", "mlflow"
        return
    name = f"models/{result.model_id}"
    capture.told.reads(_known(None, name, result.model_id, _folder(capture, place), "model", "at_read"))


_NOTICES: dict[str, dict[str, tuple[Any, Any]]] = {
    "mlflow.tracking._model_registry.client": {"create_model_version": (None, _registered)},
    "mlflow.tracking._tracking_service.client": {
        "create_run": (None, _run_made),
        "log_artifact": (_artifact, None),
        "log_artifacts": (_artifacts, None),
        "log_batch": (None, _batch),
        "log_inputs": (_inputs, None),
        "log_metric": (None, _metric),
        "log_model_artifacts": (_model_files, None),
        "log_outputs": (_run_goes_on, None),
        "set_terminated": (_run_goes_on, None),
    },
}


def _folder(capture: Any, place: str) -> FileDigest | None:
    """Take the digest of a model's folder, whose files are then no data sets of their own."""
    capture.sets_apart(place)
    return digest_folder(place, without=ADDED)


def _known(
    client: Any, name: str, version: str | None, found: FileDigest | None, kind: str, observed: str
) -> DatasetRef:
    return DatasetRef(
        _namespace(client),
        name,
        version=version,
        digest=found.digest if found is not None else None,
        kind=kind,
        observed=observed,
        weak=found.weak if found is not None else None,
        type="MODEL" if kind == "model" else "FILE",
        bytes=found.size if found is not None else None,
    )


def _namespace(client: Any) -> str:
    """Name a tracking server or a local store, without user and password."""
    address = getattr(client, "tracking_uri", None) or sys.modules["mlflow"].get_tracking_uri()
    parts = urlsplit(str(address))
    host = parts.netloc.rpartition("@")[2]
    if host:
        return f"mlflow://{host}"
    if parts.path in _SERVICES:
        return f"mlflow:{parts.path}"
    if parts.scheme in ("", "file"):
        return f"mlflow:{os.path.abspath(parts.path)}"  # noqa: PTH100
    if parts.scheme == "sqlite":
        return f"mlflow:{os.path.abspath(parts.path[1:])}"  # noqa: PTH100
    return f"mlflow:{parts.scheme}"
