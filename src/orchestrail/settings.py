"""Settings: argument, then environment, then `orchestrail.toml` (or `[tool.orchestrail]` in `pyproject.toml`), then default.

Read once by whoever needs them; nothing here is cached and nothing is written.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from orchestrail.enforcement import HINTS
from orchestrail.errors import ConfigurationError

_ENVIRONMENT = {
    "home": "ORCHESTRAIL_HOME",
    "spool": "ORCHESTRAIL_SPOOL",
    "store": "ORCHESTRAIL_STORE",
    "url": "ORCHESTRAIL_URL",
    "token": "ORCHESTRAIL_TOKEN",
    "namespace": "ORCHESTRAIL_NAMESPACE",
    "system": "ORCHESTRAIL_SYSTEM",
    "environment": "ORCHESTRAIL_ENVIRONMENT",
    "mode": "ORCHESTRAIL_MODE",
    "enforce": "ORCHESTRAIL_ENFORCE",
    "disabled": "ORCHESTRAIL_DISABLED",
    "airflow_url": "ORCHESTRAIL_AIRFLOW_URL",
    "airflow_token": "ORCHESTRAIL_AIRFLOW_TOKEN",
    "airflow_user": "ORCHESTRAIL_AIRFLOW_USER",
    "airflow_password": "ORCHESTRAIL_AIRFLOW_PASSWORD",
}


class Settings(BaseModel):
    """What can be set. The reference is docs/reference/settings.md.

    Attributes:
        home: folder of the spool, the embedded store and the keys.
        spool: folder of the spool.
        store: `sqlite:///path`.
        url: server that `orchestrail ship` sends to.
        token: for that server.
        namespace: OpenLineage job namespace.
        system: the AI system that runs belong to.
        environment: `dev`, `staging`, `production` ...
        mode: `record`, or `enforce` to refuse runs that miss a requirement.
        enforce: ids of the requirements that refuse a run in mode `enforce`; in the environment separated by commas.
        disabled: True switches recording off.
        airflow_url: Airflow's API, for `orchestrail reconcile airflow`.
        airflow_token: bearer token for it.
        airflow_user: name for it, where there is no token.
        airflow_password: of that name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(default_factory=lambda: Path("~/.orchestrail"))
    spool: Path = Path()
    store: str = ""
    url: str | None = None
    token: SecretStr | None = None
    namespace: str = "default"
    system: str | None = None
    environment: str = "dev"
    mode: Literal["record", "enforce"] = "record"
    enforce: tuple[str, ...] = tuple(HINTS)
    disabled: bool = False
    airflow_url: str | None = None
    airflow_token: SecretStr | None = None
    airflow_user: str | None = None
    airflow_password: SecretStr | None = None

    @model_validator(mode="before")
    @classmethod
    def _place(cls, values: dict[str, Any]) -> dict[str, Any]:
        home = Path(values.get("home") or "~/.orchestrail").expanduser().absolute()
        spool = Path(values["spool"]).expanduser().absolute() if values.get("spool") else home / "spool"
        store = values.get("store") or f"sqlite:///{home / 'audit.db'}"
        return values | {"home": home, "spool": spool, "store": store}

    @field_validator("enforce", mode="before")
    @classmethod
    def _separate(cls, value: Any) -> Any:
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @field_validator("enforce")
    @classmethod
    def _can_be_enforced(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in value if name not in HINTS]:
            raise ValueError(f"{', '.join(unknown)} cannot be decided when a run starts; allowed: {', '.join(HINTS)}")
        return value


def load_settings(**arguments: Any) -> Settings:
    """Read the settings; arguments that are None count as not given.

    Raises:
        ConfigurationError: a value or a settings file is wrong; names the setting and where it came from.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    file, table = _settings_file(Path.cwd())
    for name, value in table.items():
        values[name], sources[name] = _from_folder(name, value, file), str(file)
    for name, variable in _ENVIRONMENT.items():
        if os.environ.get(variable):
            values[name], sources[name] = os.environ[variable], variable
    if "namespace" not in values and os.environ.get("OPENLINEAGE_NAMESPACE"):
        values["namespace"], sources["namespace"] = os.environ["OPENLINEAGE_NAMESPACE"], "OPENLINEAGE_NAMESPACE"
    for name, value in arguments.items():
        if value is not None:
            values[name], sources[name] = value, "argument"
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        unknown = first["type"] == "extra_forbidden"
        raise ConfigurationError(
            f"The setting `{name}` cannot be used.",
            f"{sources.get(name, 'default')}: {'There is no setting of that name' if unknown else first['msg']}.",
            f"Allowed: {', '.join(Settings.model_fields)}." if unknown else "",
        ) from None


def home_of_environment() -> Path:
    """Give the home as far as it is known without the settings file: trouble goes there where the settings cannot be used."""
    return Path(os.environ.get("ORCHESTRAIL_HOME") or "~/.orchestrail").expanduser()


def _from_folder(name: str, value: Any, file: Path | None) -> Any:
    """Read a relative path in a settings file as seen from that file."""
    if name in ("home", "spool") and isinstance(value, str) and file and not value.startswith("~"):
        return file.parent / value
    return value


def _settings_file(folder: Path) -> tuple[Path | None, Mapping[str, Any]]:
    """Find the nearest settings file from `folder` upwards."""
    for here in (folder, *folder.parents):
        for name in ("orchestrail.toml", "pyproject.toml"):
            file = here / name
            if not file.is_file():
                continue
            try:
                document = tomllib.loads(file.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
                if name == "pyproject.toml":  # not ours to judge
                    continue
                raise ConfigurationError(f"{file} cannot be read.", f"{error}.", "Mend or remove it.") from error
            table = document if name == "orchestrail.toml" else document.get("tool", {}).get("orchestrail")
            if isinstance(table, dict):
                return file, table
    return None, {}
