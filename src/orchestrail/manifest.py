"""What people state about their systems, and the limits that they set: the tables of the settings file, as frozen values.

The one form that is checked, put on the record, read back and judged by. Finding the file is `orchestrail.settings`' matter, the
record that of `orchestrail.operations.manifest`. Nothing is looked up or written here, and nothing is decided that people decide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from datetime import date
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from orchestrail.errors import ConfigurationError
from orchestrail.lines import line_of

ARROW = " -> "
"""Between the two jobs of an edge."""
NO_PREDECESSOR = "none"
"""What `predecessor` says of the first version of a system."""

_REQUIREMENT = re.compile(r"[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*-\d\d|IV(?:\([1-9a-h]\)){1,2}")
_STATED_OF_A_SYSTEM = (
    "purpose",
    "provider",
    "version",
    "predecessor",
    "risk_class",
    "risk_reason",
    "role",
    "planning_date",
)


def _day(value: object) -> object:
    """Read a day as TOML and as JSON have it."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def _listed(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Day = Annotated[date, BeforeValidator(_day)]
Text = Annotated[str, Field(min_length=1, max_length=10_000)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_listed)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class Pipeline(_Table):
    """What a pipeline is declared to consist of: for the comparison with what ran.

    Attributes:
        job: name of its root job.
        steps: names of the jobs that do something in it.
        edges: which step takes what from which, `a -> b`.
        not_taken: those of the steps and edges that no run need have: branches for rare cases.
        since: the first day of this form; what ran earlier is not compared.
    """

    job: Text
    steps: Texts
    edges: Texts = ()
    not_taken: Texts = ()
    since: Day | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Pipeline:
        if wrong := next((step for step in self.steps if ARROW in step), None):
            raise ValueError(f"{wrong!r} is an edge, and stands among the steps")
        for edge in self.edges:
            ends = edge.split(ARROW)
            if len(ends) != 2:
                raise ValueError(f"{edge!r} is no edge; allowed: two steps with {ARROW!r} between them")
            if missing := next((end for end in ends if end not in self.steps), None):
                raise ValueError(f"the edge {edge!r} names {missing!r}, which is none of the steps")
        if unknown := next((one for one in self.not_taken if one not in (*self.steps, *self.edges)), None):
            raise ValueError(f"{unknown!r} is not taken, and is none of the steps and edges")
        return self

    @property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """The edges as pairs of jobs."""
        return frozenset((start, end) for start, _, end in (edge.partition(ARROW) for edge in self.edges))


class System(_Table):
    """What is stated of an AI system. All of it is a person's word, and none of it can be found out from runs.

    Attributes:
        name: as the runs name it (`system` in the settings).
        purpose: what it is intended for.
        provider: who places it on the market or puts it into service.
        version: of the system.
        predecessor: the version before, `none` for the first one.
        risk_class: in which class it is taken to be.
        risk_reason: why.
        role: of whoever keeps this record.
        planning_date: the day from which the duties are planned for.
        deterministic: False where training is not meant to give the same twice.
        monitoring_interval_days: how long the monitoring plan lets pass at most between two monitoring runs.
        pipelines: what its pipelines are declared to consist of.
    """

    name: Text
    purpose: Text | None = None
    provider: Text | None = None
    version: Text | None = None
    predecessor: Text | None = None
    risk_class: Literal["high_risk_annex_iii", "high_risk_annex_i", "not_high_risk"] | None = None
    risk_reason: Text | None = None
    role: Literal["provider", "deployer"] | None = None
    planning_date: Day | None = None
    deterministic: bool | None = None
    monitoring_interval_days: Annotated[int, Field(ge=1)] | None = None
    pipelines: Annotated[tuple[Pipeline, ...], BeforeValidator(_listed)] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """What is asked of every system and not stated."""
        return tuple(name for name in _STATED_OF_A_SYSTEM if getattr(self, name) is None)


class StatedPolicy(_Table):
    """Limits that somebody set; None where the default counts, which is `orchestrail.requirements.circumstances`' matter.

    Attributes:
        grace_hours: how long a run may name a parent that is not recorded.
        max_run_age_days: how long a run may be open.
        mutable_versions: version names that do not pin a data set.
        retention_months: how long events are kept.
        max_anchor_age_days: how old the newest fixed point that somebody else holds may be.
        max_export_test_age_days: how old the last test of an export may be.
    """

    grace_hours: Annotated[int, Field(ge=0)] | None = None
    max_run_age_days: Annotated[int, Field(ge=1)] | None = None
    mutable_versions: Texts | None = None
    retention_months: Annotated[int, Field(ge=1)] | None = None
    max_anchor_age_days: Annotated[int, Field(ge=1)] | None = None
    max_export_test_age_days: Annotated[int, Field(ge=1)] | None = None


class NotApplicable(_Table):
    """A requirement, or point of Annex IV, that somebody says has no subject here.

    Attributes:
        requirement: its id, or the point: `IV(1)(f)`.
        reason: why.
        by: who says so, a person or a pseudonym.
        system: of which system; None for all.
    """

    requirement: Text
    reason: Annotated[str, Field(min_length=10)]
    by: Text
    system: Text | None = None

    @field_validator("requirement")
    @classmethod
    def _is_an_id(cls, value: str) -> str:
        if not _REQUIREMENT.fullmatch(value):
            raise ValueError(f"{value!r} is no id of a requirement; allowed: such as PREP-05, or IV(1)(f)")
        return value


class FieldClass(_Table):
    """What a stored field, or a column of a data set, holds about people.

    Attributes:
        field: of fields in events: a JSON pointer, in which `*` stands for any text: `/run/facets/orchestrail_run/actor`.
        dataset: of columns: name of the data set, or a pattern.
        column: of columns: name of the column, or a pattern.
        kind: `none`, `pseudonymous` or `personal`; in the file it is called `class`.
        purpose: what it is there for.
        until: the last day on which it may be there in clear.
    """

    field: Text | None = None
    dataset: Text | None = None
    column: Text | None = None
    kind: Literal["none", "pseudonymous", "personal"] = Field(alias="class")
    purpose: Text | None = None
    until: Day | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> FieldClass:
        if (self.field is None) == (self.column is None) or (self.dataset is None) != (self.column is None):
            raise ValueError("name either a field of events (field) or a column of a data set (dataset and column)")
        if self.field is not None and not self.field.startswith("/"):
            raise ValueError(f"{self.field!r} is no JSON pointer; allowed: such as /run/facets/orchestrail_run/actor")
        needed = {"none": (), "pseudonymous": ("purpose",), "personal": ("purpose", "until")}[self.kind]
        if lacking := [name for name in needed if getattr(self, name) is None]:
            raise ValueError(f"a field of the class {self.kind} needs {' and '.join(lacking)}")
        return self

    def fits(self, pointer: str) -> bool:
        """Say whether a field of an event is meant."""
        return self.field is not None and fnmatchcase(pointer, self.field.replace("[", "[[]").replace("?", "[?]"))


class Manifest(_Table):
    """All that is stated; see the tables for what each means.

    Attributes:
        systems: by their names.
        policy: limits.
        not_applicable: requirements without a subject.
        fields: classes of fields; of several that fit a field the first counts.
    """

    systems: Annotated[tuple[System, ...], BeforeValidator(_listed)] = ()
    policy: StatedPolicy = StatedPolicy()
    not_applicable: Annotated[tuple[NotApplicable, ...], BeforeValidator(_listed)] = ()
    fields: Annotated[tuple[FieldClass, ...], BeforeValidator(_listed)] = ()

    def document(self) -> dict[str, Any]:
        """Give it as JSON has it; what is not stated is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @property
    def digest(self) -> str:
        """The digest of all that it says, in one form."""
        text = json.dumps(self.document(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return f"sha256:{sha256(text.encode()).hexdigest()}"

    def system(self, name: str | None) -> System | None:
        """Give what is stated of a system; None where nothing is."""
        return next((one for one in self.systems if one.name == name), None)

    def pipeline(self, job: str) -> Pipeline | None:
        """Give what is declared of the pipeline of a root job; None where nothing is."""
        return next((one for system in self.systems for one in system.pipelines if one.job == job), None)

    def exempt(self, requirement: str, system: str | None = None) -> NotApplicable | None:
        """Say who holds a requirement to have no subject, in all systems or in this one; None where nobody does."""
        said = (one for one in self.not_applicable if one.requirement == requirement)
        return next((one for one in said if one.system in (None, system)), None)

    def of_systems(self, names: Collection[str]) -> Manifest:
        """Give what is said of some systems, and of all; not which fields are stored, since these are named after data of any."""
        systems = tuple(one for one in self.systems if one.name in names)
        exempt = tuple(one for one in self.not_applicable if one.system is None or one.system in names)
        return Manifest(systems=systems, policy=self.policy, not_applicable=exempt)

    def class_of(self, pointer: str) -> FieldClass | None:
        """Give the class of a field of events; None where nobody stated one."""
        return next((one for one in self.fields if one.fits(pointer)), None)


Row = TypeVar("Row", bound=_Table)


def manifest_of_file(file: Path | None, tables: Mapping[str, Any]) -> Manifest:
    """Read the manifest from what a settings file holds.

    Args:
        file: for messages.
        tables: as `orchestrail.settings.settings_file` gives them.

    Raises:
        ConfigurationError: a table cannot be used; names file and field, and says what is allowed.
    """
    systems = []
    for name, table in _table(file, "systems", tables.get("systems", {})).items():
        place = f"systems.{name}"
        said = dict(_table(file, place, table))
        declared = _table(file, f"{place}.pipelines", said.pop("pipelines", {}))
        pipelines = tuple(
            _row(file, f"{place}.pipelines.{job}", Pipeline, _table(file, f"{place}.pipelines.{job}", one), job=job)
            for job, one in declared.items()
        )
        systems.append(_row(file, place, System, said, name=name, pipelines=pipelines))
    manifest = Manifest(
        systems=tuple(systems),
        policy=_row(file, "policy", StatedPolicy, _table(file, "policy", tables.get("policy", {}))),
        not_applicable=tuple(_rows(file, "not_applicable", NotApplicable, tables)),
        fields=tuple(_rows(file, "fields", FieldClass, tables)),
    )
    for number, one in enumerate(manifest.not_applicable, 1):
        if one.system is not None and manifest.system(one.system) is None:
            names = ", ".join(system.name for system in manifest.systems) or "none is stated"
            raise unusable(file, f"not_applicable[{number}].system", f"There is no system {one.system!r}", names)
    return manifest


def _rows(file: Path | None, name: str, kind: type[Row], tables: Mapping[str, Any]) -> Iterator[Row]:
    listed = tables.get(name, [])
    if not isinstance(listed, list):
        raise unusable(file, name, "It is a list of tables", f"[[{name}]]")
    for number, table in enumerate(listed, 1):
        yield _row(file, f"{name}[{number}]", kind, _table(file, f"{name}[{number}]", table))


def _table(file: Path | None, place: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise unusable(file, place, "It is a table", f"[{place}]")
    return value


def _row(file: Path | None, place: str, kind: type[Row], said: Mapping[str, Any], **given: Any) -> Row:
    """Check a table; `given` is what its place says of it already."""
    if twice := sorted(given.keys() & said.keys()):
        raise unusable(file, f"{place}.{twice[0]}", "It stands in the head of the table already")
    try:
        return kind.model_validate({**said, **given})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        inside = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        if first["type"] == "extra_forbidden":
            names = [field.alias or name for name, field in kind.model_fields.items() if name not in given]
            raise unusable(file, place + inside, "There is nothing of that name", ", ".join(names)) from None
        told = first["msg"].removeprefix("Value error, ")
        raise unusable(file, place + inside, told[:1].upper() + told[1:]) from None


def unusable(file: Path | None, place: str, why: str, allowed: str = "") -> ConfigurationError:
    """Make the error that says why a manifest cannot be used.

    Args:
        file: where it stands.
        place: the table and the field, as people count.
        why: what is wrong, without a full stop.
        allowed: what could stand there instead.
    """
    line = None
    if file is not None:
        with suppress(OSError, UnicodeDecodeError):
            line = line_of(file.read_text(encoding="utf-8"), place)
    where = f"{file}, line {line}" if line is not None else f"{file}"
    return ConfigurationError(
        f"The manifest cannot be used: `{place}`.", f"{where}: {why}.", f"Allowed: {allowed}." if allowed else ""
    )
