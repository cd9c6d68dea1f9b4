"""Settings: argument, then environment, then `orchestrail.toml` (or `[tool.orchestrail]` in `pyproject.toml`), then default.

Read once by whoever needs them; nothing here is cached and nothing is written. What people state about their systems lies in the
same file, in tables of other names: those are passed over here, so that a mistake in them disturbs no run.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from orchestrail import declarations
from orchestrail.capture import rules
from orchestrail.capture.digest import MAX_BYTES
from orchestrail.capture.environment import VARIABLES
from orchestrail.enforcement import HINTS
from orchestrail.errors import ConfigurationError
from orchestrail.model import Marking

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
    "variables": "ORCHESTRAIL_VARIABLES",
    "image": "ORCHESTRAIL_IMAGE",
    "catalogue": "ORCHESTRAIL_CATALOGUE",
    "capture_ignore": "ORCHESTRAIL_CAPTURE_IGNORE",
    "capture_include": "ORCHESTRAIL_CAPTURE_INCLUDE",
    "digest_max_bytes": "ORCHESTRAIL_DIGEST_MAX_BYTES",
    "collect_max_bytes": "ORCHESTRAIL_COLLECT_MAX_BYTES",
    "airflow_url": "ORCHESTRAIL_AIRFLOW_URL",
    "airflow_token": "ORCHESTRAIL_AIRFLOW_TOKEN",
    "airflow_user": "ORCHESTRAIL_AIRFLOW_USER",
    "airflow_password": "ORCHESTRAIL_AIRFLOW_PASSWORD",
    "notify": "ORCHESTRAIL_NOTIFY",
    "oidc_issuer": "ORCHESTRAIL_OIDC_ISSUER",
    "oidc_audience": "ORCHESTRAIL_OIDC_AUDIENCE",
    "oidc_role_claim": "ORCHESTRAIL_OIDC_ROLE_CLAIM",
    "oidc_roles": "ORCHESTRAIL_OIDC_ROLES",
    "oidc_system_claim": "ORCHESTRAIL_OIDC_SYSTEM_CLAIM",
    "oidc_client_id": "ORCHESTRAIL_OIDC_CLIENT_ID",
    "oidc_client_secret": "ORCHESTRAIL_OIDC_CLIENT_SECRET",
    "oidc_scope": "ORCHESTRAIL_OIDC_SCOPE",
    "public_url": "ORCHESTRAIL_PUBLIC_URL",
}

STATED = ("systems", "policy", "not_applicable", "fields", "persons")
"""Tables of the settings file that are no settings: what people state, which the audit half reads."""


class Step(BaseModel):
    """What the settings say of the steps of some jobs.

    Attributes:
        job: name of the job, or a pattern of names: `*` stands for any characters, `?` for one.
        role: as `@orchestrail.step` takes it; `preprocess` where an operation is named.
        operation: name of the data-preparation operation.
        version: its declared version.
        serve_time: whether serving applies it too.
        fits_state: whether it learns something from the data.
        train_only: whether it is for training data alone.
        state: names of the arguments in which it is given fitted state, separated by commas.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    job: str = Field(min_length=1)
    role: str | None = None
    operation: str | None = None
    version: str | None = None
    serve_time: bool | None = None
    fits_state: bool | None = None
    train_only: bool | None = None
    state: str | None = None

    @model_validator(mode="after")
    def _can_be_declared(self) -> Step:
        said = self.said
        if not said:
            raise ValueError(f"nothing is declared of the jobs {self.job!r}: give a role, an operation or a version")
        problems = [declarations.problem_of(name, value) for name, value in said.items()]
        if problem := next(filter(None, [*problems, declarations.contradiction(said)]), None):
            raise ValueError(problem)
        return self

    @property
    def said(self) -> dict[str, Any]:
        """What is declared, by name."""
        return {name: value for name in declarations.FIELDS if (value := getattr(self, name)) is not None}


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
        steps: what is said of steps without touching their code; of several that fit a job, each fills in what those before it
            leave open.
        variables: names of the environment variables that are recorded; in the environment separated by commas.
        image: the container image that the process runs in, by its digest where that is known.
        catalogue: files with requirements of one's own; in the environment separated by commas. Runs do not read them.
        capture_ignore: patterns of paths of files that are no data; in the environment separated by commas.
        capture_include: patterns of paths of files that are data although a rule leaves them out.
        digest_max_bytes: larger files get their digest from the collector: a step does not wait for it.
        collect_max_bytes: what the collector reads at one time for such digests; larger files get none.
        airflow_url: Airflow's API, for `orchestrail reconcile airflow`.
        airflow_token: bearer token for it.
        airflow_user: name for it, where there is no token.
        airflow_password: of that name.
        notify: address that `orchestrail check --notify` tells of verdicts that turn bad, as apprise has them; a secret as a whole.
        oidc_issuer: OpenID provider whose tokens `orchestrail serve` takes.
        oidc_audience: how its tokens name the server.
        oidc_role_claim: the claim in which they list roles.
        oidc_roles: which scope a role stands for; in the environment as `role=scope`, separated by commas.
        oidc_system_claim: the claim in which they list AI systems; None where they are not bound to any.
        oidc_client_id: what the server is to the provider, where people sign in there with their browser.
        oidc_client_secret: its secret there, where it has one.
        oidc_scope: what it asks the provider for, separated by spaces; `openid` is always among it.
        public_url: the address at which browsers reach the server.
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
    steps: tuple[Step, ...] = ()
    variables: tuple[str, ...] = VARIABLES
    image: str | None = None
    catalogue: tuple[Path, ...] = ()
    capture_ignore: tuple[str, ...] = ()
    capture_include: tuple[str, ...] = ()
    digest_max_bytes: int = Field(default=MAX_BYTES, ge=0)
    collect_max_bytes: int = Field(default=64 << 30, ge=0)
    airflow_url: str | None = None
    airflow_token: SecretStr | None = None
    airflow_user: str | None = None
    airflow_password: SecretStr | None = None
    notify: SecretStr | None = None
    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    oidc_role_claim: str = "roles"
    oidc_roles: Mapping[str, Literal["write", "read", "admin"]] = Field(
        default_factory=lambda: {f"orchestrail-{scope}": scope for scope in ("write", "read", "admin")},
        validate_default=True,
    )
    oidc_system_claim: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_scope: str = "openid profile"
    public_url: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _place(cls, values: dict[str, Any]) -> dict[str, Any]:
        home = Path(values.get("home") or "~/.orchestrail").expanduser().absolute()
        spool = Path(values["spool"]).expanduser().absolute() if values.get("spool") else home / "spool"
        store = values.get("store") or _store_in(home)
        return values | {"home": home, "spool": spool, "store": store}

    @property
    def store_is_in_home(self) -> bool:
        """Whether the store is the one in the home, and no other was named."""
        return self.store == _store_in(self.home)

    def declared_of(self, job_name: str) -> Marking | None:
        """Give what the settings say of a job's steps; None where they say nothing."""
        fitting = (step for step in self.steps if fnmatchcase(job_name, step.job))
        return declarations.merged(*(declarations.marking_of(step.said) for step in fitting))

    @field_validator("steps", mode="before")
    @classmethod
    def _as_tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("capture_ignore", "capture_include")
    @classmethod
    def _fit_paths(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(rules.checked(pattern) for pattern in value)

    @field_validator("enforce", "variables", "catalogue", "capture_ignore", "capture_include", mode="before")
    @classmethod
    def _separate(cls, value: Any) -> Any:
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @field_validator("oidc_roles", mode="before")
    @classmethod
    def _pair(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = (each.rpartition("=") for each in value.split(",") if each.strip())
        return {role.strip(): scope.strip() for role, _, scope in pairs}

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
    file, table = settings_file()
    for name, value in table.items():
        if name in STATED and not isinstance(value, str | int | float):
            continue
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
        place = first["loc"] or ("settings",)
        name, inside = str(place[0]), place[1:]
        unknown = first["type"] == "extra_forbidden"
        allowed = Step.model_fields if inside else Settings.model_fields
        told = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(
            f"The setting `{name}{''.join(_inside(part) for part in inside)}` cannot be used.",
            f"{sources.get(name, 'default')}: {'There is no setting of that name' if unknown else told}.",
            f"Allowed: {', '.join(allowed)}." if unknown else "",
        ) from None


def _store_in(home: Path) -> str:
    return f"sqlite:///{home / 'audit.db'}"


def home_of_environment() -> Path:
    """Give the home as far as it is known without the settings file: trouble goes there where the settings cannot be used."""
    return Path(os.environ.get("ORCHESTRAIL_HOME") or "~/.orchestrail").expanduser()


def _inside(part: int | str) -> str:
    """Give a part of a setting's place as people count: `steps[1].role` is the role of the first step."""
    return f"[{part + 1}]" if isinstance(part, int) else f".{part}"


def _from_folder(name: str, value: Any, file: Path | None) -> Any:
    """Read a relative path in a settings file as seen from that file."""
    if name in ("home", "spool") and isinstance(value, str) and file and not value.startswith("~"):
        return file.parent / value
    if name == "catalogue" and isinstance(value, list) and file:
        return [file.parent / Path(one).expanduser() if isinstance(one, str) else one for one in value]
    if name in ("capture_ignore", "capture_include") and isinstance(value, list) and file:
        return [_pattern_from(file.parent, one) if isinstance(one, str) else one for one in value]
    return value


def _pattern_from(folder: Path, pattern: str) -> str:
    return pattern if pattern.startswith(rules.BEGINS) else f"{folder}/{pattern.removeprefix('./')}"


def settings_file() -> tuple[Path | None, Mapping[str, Any]]:
    """Read the settings file that the environment names, else the nearest one from the current folder upwards.

    Returns:
        The file and what it holds for orchestrail; None and nothing where there is none.

    Raises:
        ConfigurationError: it cannot be read.
    """
    folder = Path.cwd()
    if named := os.environ.get("ORCHESTRAIL_SETTINGS"):
        file = Path(named).expanduser().absolute()
        return file, _read(file)
    for here in (folder, *folder.parents):
        for name in ("orchestrail.toml", "pyproject.toml"):
            file = here / name
            if not file.is_file():
                continue
            if name == "orchestrail.toml":
                return file, _read(file)
            with suppress(ConfigurationError):  # not ours to judge
                table = _read(file).get("tool", {}).get("orchestrail")
                if isinstance(table, dict):
                    return file, table
    return None, {}


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read.", f"{error}.", "Mend or remove it.") from error
