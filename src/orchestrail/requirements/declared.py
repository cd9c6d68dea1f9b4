"""Checks that are data: conditions over the fact vocabulary, with a closed list of operators, and how facts decide them. Pure.

A fact has three states: it is there, it is known to be absent (None), or nobody could have seen it (it is not among the facts).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

Value = str | int | bool | tuple[str | int, ...]

_RUN: Mapping[str, type] = {
    "job": str,
    "job_namespace": str,
    "job_type": str,
    "orchestrator": str,
    "adapter": str,
    "system": str,
    "environment": str,
    "role": str,
    "state": str,
    "attempt": int,
    "trigger": str,
    "actor": str,
    "operation": str,
    "version": str,
    "version_derived": bool,
    "serve_time": bool,
    "fits_state": bool,
    "train_only": bool,
    "code_digest": str,
    "code_commit": str,
    "code_dirty": bool,
    "parameters_digest": str,
    "state_digest": str,
    "environment_digest": str,
    "distributions_digest": str,
    "image_digest": str,
    "interpreter": str,
    "seeds": int,
    "not_captured": int,
    "inputs": int,
    "outputs": int,
    "checks": int,
    "failed_checks": int,
    "metrics": int,
}
_DATASET: Mapping[str, type] = {
    "direction": str,
    "namespace": str,
    "name": str,
    "dataset_version": str,
    "digest": str,
    "kind": str,
    "dataset_role": str,
    "observed": str,
    "weak": str,
    "format": str,
    "framework": str,
    "rows": int,
    "bytes": int,
}

VOCABULARY: Mapping[str, Mapping[str, type]] = MappingProxyType(
    {"run": _RUN, "step": _RUN, "dataset": {**_DATASET, **_RUN}}
)
"""The fields that conditions can name, by the scope of the check, each with the type of its values.

A subject of scope `run` is a run; of `step` one that did something itself; of `dataset` one use of a data set by a run.
"""

TYPES: Mapping[type, str] = MappingProxyType({str: "a text", int: "a whole number", bool: "true or false"})
"""The types of facts, in words."""


def _known(fact: object, wanted: bool) -> bool:
    return (fact is not None) == wanted


def _like(fact: str | None, pattern: str) -> bool:
    return fact is not None and fnmatchcase(fact, pattern)


@dataclass(frozen=True, slots=True)
class Operator:
    """Something that a condition can ask of a fact.

    Attributes:
        means: in words.
        fits: types of the facts that it can be asked of.
        holds: decides it; the fact is None where it is known to be absent.
        takes: `value` and `values` of the fact's own type, or `truth`.
    """

    means: str
    fits: tuple[type, ...]
    holds: Callable[[Any, Any], bool]
    takes: Literal["value", "values", "truth"] = "value"


OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        "known": Operator("is there (`true`), or absent (`false`)", (str, int, bool), _known, "truth"),
        "is": Operator("is the value", (str, int, bool), lambda fact, value: bool(fact == value)),
        "is_not": Operator("is not the value", (str, int, bool), lambda fact, value: bool(fact != value)),
        "one_of": Operator("is one of the values", (str, int), lambda fact, values: fact in values, "values"),
        "none_of": Operator("is none of the values", (str, int), lambda fact, values: fact not in values, "values"),
        "like": Operator("fits a pattern: `*` stands for any text, `?` for a character", (str,), _like),
        "unlike": Operator("does not fit a pattern", (str,), lambda fact, pattern: not _like(fact, pattern)),
        "at_least": Operator("is the value or more", (int,), lambda fact, least: fact is not None and fact >= least),
        "at_most": Operator("is the value or less", (int,), lambda fact, most: fact is not None and fact <= most),
    }
)
"""All that a condition can ask."""


def shown(fact: object) -> str:
    """Give a fact, or what one is held against, as a file has it."""
    return "absent" if fact is None else str(fact).lower() if isinstance(fact, bool) else str(fact)


@dataclass(frozen=True, slots=True)
class Condition:
    """One question about one fact.

    Attributes:
        field: a name of the vocabulary.
        operator: one of `OPERATORS`.
        value: what it is held against.
    """

    field: str
    operator: str
    value: Value

    def holds(self, facts: Mapping[str, object]) -> bool | None:
        """Decide it; None where the fact could not be seen."""
        if self.field not in facts:
            return None
        return OPERATORS[self.operator].holds(facts[self.field], self.value)

    @property
    def words(self) -> str:
        """The condition as people read it."""
        if self.operator == "known":
            return f"{self.field} is {'known' if self.value else 'absent'}"
        value = ", ".join(map(str, self.value)) if isinstance(self.value, tuple) else shown(self.value)
        return f"{self.field} {self.operator.replace('_', ' ')} {value}"


def _condition(value: Any) -> Condition:
    said = dict(value) if isinstance(value, dict) else {}
    name = said.pop("field", None)
    operators = [each for each in said if each in OPERATORS]
    if not isinstance(name, str) or len(said) != 1 or len(operators) != 1:
        raise ValueError(f"a condition is a field and one operator; allowed: field, and one of {', '.join(OPERATORS)}")
    against = said[operators[0]]
    listed = tuple(against) if isinstance(against, list) else against
    if any(not isinstance(each, str | int) for each in (listed if isinstance(listed, tuple) else (listed,))):
        raise ValueError(
            "a condition is held against a text, a whole number, true or false, or a list of texts or numbers"
        )
    return Condition(name, operators[0], listed)


_SCALARS = [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]
_SCHEMA = {
    "type": "object",
    "required": ["field"],
    "minProperties": 2,
    "maxProperties": 2,
    "additionalProperties": False,
    "properties": {
        "field": {"type": "string"},
        **{
            name: {"description": each.means, "type": "array", "minItems": 1, "items": {"anyOf": _SCALARS[:2]}}
            if each.takes == "values"
            else {"description": each.means, "anyOf": _SCALARS}
            for name, each in OPERATORS.items()
        },
    },
}
Asked = Annotated[Condition, BeforeValidator(_condition), WithJsonSchema(_SCHEMA)]


@dataclass(frozen=True, slots=True)
class DeclaredCheck:
    """What a requirement of somebody's own asks.

    Attributes:
        require: what has to hold of each subject, all of it.
        where: which subjects it is about: those of which all of it holds.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    require: Annotated[tuple[Asked, ...], Field(min_length=1)]
    where: tuple[Asked, ...] = ()

    @property
    def words(self) -> str:
        """The check as people read it."""
        asked = " and ".join(each.words for each in self.require)
        return f"{asked}, where {' and '.join(each.words for each in self.where)}" if self.where else asked


@dataclass(frozen=True, slots=True)
class Decision:
    """What the facts of one subject say of a check.

    Attributes:
        value: True where it holds, False where it does not, None where the facts do not decide.
        condition: the one that decided, or that could not be; the last one where all hold.
    """

    value: bool | None
    condition: Condition


def holds(check: DeclaredCheck, facts: Mapping[str, object]) -> Decision | None:
    """Decide a check by the facts of a subject.

    Args:
        check: the check.
        facts: by the names of the vocabulary; None for what is known to be absent; what nobody could see is left out.

    Returns:
        The decision; None where the check is not about this subject.
    """
    concerned = _all(check.where, facts)
    if concerned is not None and concerned.value is False:
        return None
    asked = _all(check.require, facts)
    assert asked is not None, "a check requires something"  # noqa: S101 - by the form of the file
    if concerned is None or concerned.value or asked.value:
        return asked
    return concerned


def _all(conditions: tuple[Condition, ...], facts: Mapping[str, object]) -> Decision | None:
    """Decide whether all hold: one that does not outweighs one that is not known. None where there are none."""
    decided = [Decision(each.holds(facts), each) for each in conditions]
    for wanted in (False, None):
        if found := next((each for each in decided if each.value is wanted), None):
            return found
    return decided[-1] if decided else None


def problem_of(condition: Condition, scope: str) -> str | None:
    """Say why a condition cannot be asked in a scope, and what is allowed; None where it can."""
    fields = VOCABULARY.get(scope)
    if fields is None:
        return f"conditions cannot be asked of the scope {scope!r}; allowed: {', '.join(VOCABULARY)}"
    kind = fields.get(condition.field)
    if kind is None:
        return f"there is no fact {condition.field!r} of a {scope}; allowed: {', '.join(fields)}"
    operator = OPERATORS[condition.operator]
    if kind not in operator.fits:
        fitting = ", ".join(name for name, each in OPERATORS.items() if kind in each.fits)
        return f"{condition.operator} does not fit {condition.field}, which is {TYPES[kind]}; allowed: {fitting}"
    listed = operator.takes == "values"
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    if listed != isinstance(condition.value, tuple) or not values:
        return f"{condition.operator} takes {'a list of values' if listed else 'one value'}"
    wanted = bool if operator.takes == "truth" else kind
    if wrong := [each for each in values if type(each) is not wanted]:
        return f"{wrong[0]!r} does not fit {condition.field}; allowed: {TYPES[wanted]}"
    return None
