"""The catalogue: what comes with orchestrail, and what files and plugins make of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrail.errors import ConfigurationError
from orchestrail.requirements.catalogue import PROFILES, catalogue_in_force, load_catalogue
from orchestrail.requirements.catalogue.forms import LIMITS
from orchestrail.requirements.catalogue.loading import FILE, SCHEMA, extended, schema
from orchestrail.requirements.circumstances import Policy
from orchestrail.requirements.located import made, read

OWN = """\
id: example-bank
version: "2"
title: What Example Bank asks beyond
requirements:
  - id: BANK-01
    title: Training runs from a clean commit
    level: must
    scope: step
    mode: auto
    profiles: [build, release, operate]
    hint: Commit before you train.
    since: "2"
    check:
      where:
        - {field: role, is: train}
      require:
        - {field: code_dirty, is: false}
tighten:
  - {requirement: RUN-LC-02, level: must}
  - {requirement: DATA-01, profiles: [build, release, operate]}
limits:
  max_run_age_days: 3
select:
  without:
    - {requirement: PREP-05, reason: Our models are trained on all data.}
  as_should:
    - {requirement: LIN-04, reason: Two sources cannot be pinned before March.}
"""


def with_file(text: str = OWN, name: str = "own.yaml"):
    content = read(text, name)
    return extended(load_catalogue(), made(FILE, content), content)


def test_the_catalogue_has_forty_requirements_with_stable_ids():
    """34 of level must; none without an article, a hint and what decides it."""
    catalogue = load_catalogue()
    assert [one.id for one in catalogue.requirements] == [
        *("RUN-ID-01", "RUN-ID-02", "RUN-LC-01", "RUN-LC-02", "RUN-CAP-01"),
        *(f"LIN-0{number}" for number in range(1, 6)),
        *(f"PREP-0{number}" for number in range(1, 7)),
        "CACHE-01",
        *(f"DATA-0{number}" for number in range(1, 5)),
        *("MOD-01", "MOD-02", "MOD-03", "CHG-01", "CHG-02", "DEP-01", "DEP-02"),
        *(f"REC-0{number}" for number in range(1, 8)),
        *(f"DOC-0{number}" for number in range(1, 6)),
    ]
    assert sum(one.level == "must" for one in catalogue.requirements) == 34
    for one in catalogue.requirements:
        assert one.articles, one.id
        assert one.interpretation, one.id
        assert one.evidence, one.id
        assert one.witness, one.id
        assert bool(one.roles) == (one.mode != "auto"), one.id


def test_profiles_grow():
    """Each takes in what those before it do."""
    catalogue = load_catalogue()
    build, release, operate = ({one.id for one in catalogue.of(profile)} for profile in PROFILES)
    assert build < release < operate == {one.id for one in catalogue.requirements}
    assert release - build == {
        *("DATA-01", "DATA-02", "DATA-03", "DATA-04", "MOD-03", "CHG-01"),
        *(f"DOC-0{number}" for number in range(1, 6)),
    }


def test_a_file_selects_tightens_and_adds_and_all_of_it_is_told():
    """In the order of the file's parts; what is less has its reason."""
    catalogue = with_file()
    own, lc, data, lin = (catalogue.find(name) for name in ("BANK-01", "RUN-LC-02", "DATA-01", "LIN-04"))
    assert (own.check.words, lc.level, data.profiles, lin.level) == (
        "code_dirty is false, where role is train",
        "must",
        PROFILES,
        "should",
    )
    assert catalogue.find("PREP-05") is None
    assert [(each.kind, each.requirement, each.source) for each in catalogue.changes] == [
        ("added", "BANK-01", "example-bank 2"),
        ("tightened", "RUN-LC-02", "example-bank 2"),
        ("tightened", "DATA-01", "example-bank 2"),
        ("limit", "max_run_age_days", "example-bank 2"),
        ("loosened", "LIN-04", "example-bank 2"),
        ("left_out", "PREP-05", "example-bank 2"),
    ]
    assert "trained on all data" in catalogue.changes[-1].detail
    assert (catalogue.id, catalogue.version) == ("eu-ai-act+example-bank", "1.0+2")


def test_only_some_leaves_out_all_others(tmp_path):
    """Each of them is told."""
    text = (
        'id: a\nversion: "1"\ntitle: t\nselect:\n'
        "  only: {requirements: [PREP-02], reason: Another team keeps the rest.}\n"
    )
    (tmp_path / "own.yaml").write_text(text)
    catalogue = catalogue_in_force([tmp_path / "own.yaml"])
    assert [one.id for one in catalogue.requirements] == ["PREP-02"]
    assert len(catalogue.changes) == 39


def test_limits_make_a_policy_tighter_and_never_looser():
    """The tighter one of both counts."""
    policy = Policy(max_run_age_days=7, max_anchor_age_days=2).within(
        {"max_run_age_days": 3, "max_anchor_age_days": 30}
    )
    assert (policy.max_run_age_days, policy.max_anchor_age_days) == (3, 2)
    assert set(LIMITS) <= set(Policy.__dataclass_fields__)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "level: must\n    s",
            "level: shall\n    s",
            "line 7, `requirements[1].level`: 'shall' is not allowed; allowed: 'must' or 'should'",
        ),
        (
            "BANK-01",
            "bank1",
            "line 5, `requirements[1].id`: 'bank1' is no id of a requirement; allowed: such as PREP-05",
        ),
        ("BANK-01", "PREP-02", "line 5, `requirements[1].id`: there is a requirement PREP-02 already"),
        ("    hint:", "    tip:", "line 11, `requirements[1].tip`: there is nothing of that name"),
        ("    hint: Commit before you train.\n", "", "line 5, `requirements[1].hint`: it is missing"),
        (
            "[build, release, operate]\n    hint",
            "[build]\n    hint",
            "line 10, `requirements[1].profiles`: a profile takes in",
        ),
        (
            "field: role, is: train",
            "field: role, equals: train",
            "line 15, `requirements[1].check.where[1]`: a condition is a field and one operator; allowed: field, ",
        ),
        (
            "code_dirty, is: false",
            "code_dirty, is: 0",
            "line 17, `requirements[1].check.require[1]`: 0 does not fit code_dirty; allowed: true or",
        ),
        (
            "code_dirty, is",
            "colour, is",
            "`requirements[1].check.require[1]`: there is no fact 'colour' of a step; allowed: job,",
        ),
        ("scope: step", "scope: store", "conditions cannot be asked of the scope 'store'; allowed: run, step, dataset"),
        ("mode: auto", "mode: mixed", "line 9, `requirements[1].mode`: nothing decides BANK-01"),
        ("RUN-LC-02", "RUN-LC-99", "line 19, `tighten[1].requirement`: there is no requirement RUN-LC-99"),
        ("level: must}", "level: should}", "line 19, `tighten[1].level`: 'should' is not allowed; allowed: 'must'"),
        ("max_run_age_days: 3", "max_age: 3", "there is no limit 'max_age'; allowed: grace_hours,"),
        ("max_run_age_days: 3", "max_run_age_days: yes", "line 22, `limits.max_run_age_days`"),
        ("Our models are trained on all data.", "no", "line 25, `select.without[1].reason`"),
        ("PREP-05", "PREP-55", "line 25, `select.without[1].requirement`: there is no requirement PREP-55"),
        ('version: "2"', "version: 2.0", "line 2, `version`: 2.0 is not allowed; allowed: a valid string"),
        ("id: example-bank", "id: eu-ai-act", "line 1, `id`: there is a catalogue eu-ai-act already"),
    ],
)
def test_a_mistake_is_told_with_line_field_and_what_is_allowed(old, new, told):
    """As the file's author counts: from one."""
    assert old in OWN
    with pytest.raises(ConfigurationError, match=r"own\.yaml cannot be used") as caught:
        with_file(OWN.replace(old, new, 1))
    assert told in f"{caught.value.why} {caught.value.do}".replace(". Allowed:", "; allowed:")


def test_several_mistakes_are_told_at_once():
    """So that the file need not be tried line by line."""
    with pytest.raises(ConfigurationError) as caught:
        with_file(OWN.replace("scope: step", "scope: steps").replace("mode: auto", "mode: automatic"))
    assert "line 8" in caught.value.why
    assert "line 9" in caught.value.why


def test_the_digest_names_all_that_a_catalogue_says():
    """Any other word, another digest; the same words in another layout, the same."""
    digests = {with_digest(text) for text in (OWN, OWN.replace("days: 3", "days: 4"), OWN.replace("all data", "data"))}
    assert len(digests) == 3
    assert with_digest(yaml.safe_dump(yaml.safe_load(OWN), sort_keys=False)) == with_digest(OWN)


def with_digest(text: str) -> str:
    from orchestrail.requirements.catalogue.loading import sealed

    return sealed(with_file(text)).digest


def test_a_catalogue_file_has_a_published_schema():
    """The file that comes with orchestrail and one of somebody's own fit it, and mistakes of form do not."""
    published = json.loads((Path(FILE_FOLDER) / SCHEMA).read_text())
    assert published == schema()
    validator = jsonschema.Draft202012Validator(published)
    own = json.loads(json.dumps(yaml.safe_load(OWN), default=str))
    shipped = yaml.safe_load((Path(FILE_FOLDER) / "eu-ai-act.yaml").read_text())
    for document in (own, json.loads(json.dumps(shipped, default=str))):
        validator.validate(document)
    for wrong in ({**own, "more": 1}, {**own, "id": "A b"}, {**own, "limits": {"max_age": 1}}, {"id": "a"}):
        assert not validator.is_valid(wrong)
    own["requirements"][0]["check"]["require"] = [{"field": "role", "equals": "train"}]
    assert not validator.is_valid(own)


FILE_FOLDER = Path(sys.modules[extended.__module__].__file__).parent

LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(
    st.sampled_from(
        [*"01", *yaml.safe_load(OWN), *yaml.safe_load(OWN)["requirements"][0], "where", "require", "without", "only"]
    ),
    max_size=4,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(PATHS, TREES)
def test_any_yaml_is_a_catalogue_or_a_clear_error(path, tree):
    """A file in which anything stands anywhere: never a traceback."""
    document = yaml.safe_load(OWN)
    here, key = {"file": document}, "file"
    for part in path:
        inner = here[key]
        if isinstance(inner, list):
            here, key = inner, min(int(part), len(inner) - 1) if part.isdigit() and inner else 0
        elif isinstance(inner, dict):
            here, key = inner, part
        if isinstance(here, list) and not here:
            here.append(None)
        if isinstance(here, dict):
            here.setdefault(key, None)
    if isinstance(here, dict) or here:
        here[key] = tree
    root = document if here is not None and key != "file" else tree
    try:
        catalogue = with_file(yaml.safe_dump(root, sort_keys=False))
    except ConfigurationError as caught:
        error = caught
    else:
        assert catalogue.id == f"eu-ai-act+{root['id']}"
        return
    assert (error.what, bool(error.why)) == ("own.yaml cannot be used.", True)


PLUGIN = """
from pathlib import Path
import pluggy

hookimpl = pluggy.HookimplMarker("orchestrail")


@hookimpl
def register_requirements():
    return {answer}
"""


def installed(folder: Path, name: str, answer: str, text: str = "") -> None:
    """Install a distribution with an entry point, as an installer leaves it."""
    package = folder / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(PLUGIN.format(answer=answer))
    (package / "catalogue.yaml").write_text(text)
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[orchestrail]\n{name} = {name}\n")


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder)}
    program = "from orchestrail.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


ADDED = OWN[: OWN.index("select:")]
HERE = '[Path(__file__).parent / "catalogue.yaml"]'


def test_an_installed_plugin_adds_requirements(tmp_path):
    """By register_requirements: they are listed, and told as a change by every report."""
    installed(tmp_path, "bank_requirements", HERE, ADDED)
    done = command(tmp_path, "requirements", "--json")
    document = json.loads(done.stdout)
    assert "BANK-01" in [one["id"] for one in document["requirements"]]
    checked = json.loads(command(tmp_path, "check", "--json").stdout)
    assert {
        "kind": "added",
        "requirement": "BANK-01",
        "detail": "must: Training runs from a clean commit",
        "source": "example-bank 2",
    } in checked["catalogue"]["changes"]


@pytest.mark.parametrize(
    ("answer", "text", "told"),
    [
        (HERE, OWN, "`select`: the plugin bank_requirements selects"),
        (HERE, ADDED.replace("level: must", "level: shall"), "line 7, `requirements[1].level`"),
        ("1 / 0", "", "ZeroDivisionError: division by zero"),
        ('"catalogue.yaml"', "", "gave str, and not a list of paths"),
        ('[Path("none.yaml")]', "", "No such file"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_no_silent_gap(tmp_path, answer, text, told):
    """What it would have asked cannot be left out of an answer: exit code 2, and its name or its file."""
    installed(tmp_path, "bank_requirements", answer, text)
    done = command(tmp_path, "check", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plugin_that_cannot_be_loaded_is_told_with_every_report(tmp_path):
    """It may be one of an orchestrator that is not here: the check goes on, and says what it did not read."""
    installed(tmp_path, "bank_requirements", HERE, ADDED)
    (tmp_path / "bank_requirements" / "__init__.py").write_text("import nothing_of_that_name\n")
    (change,) = json.loads(command(tmp_path, "check", "--json").stdout)["catalogue"]["changes"]
    assert (change["kind"], change["requirement"]) == ("not_read", "bank_requirements")


def test_the_settings_name_files_relative_to_theirs(tmp_path):
    """One that is wrong stops commands that judge, and no run."""
    (tmp_path / "orchestrail.toml").write_text('catalogue = ["rules/own.yaml"]\n')
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.yaml").write_text(OWN)
    below = tmp_path / "below"
    below.mkdir()
    listed = command(below, "requirements").stdout
    assert "BANK-01" in listed
    assert "left out: PREP-05, Our models are trained on all data. (example-bank 2)" in listed
    (tmp_path / "rules" / "own.yaml").write_text("nonsense")
    assert command(below, "requirements").returncode == 2
    done = subprocess.run(
        [sys.executable, "-c", "from orchestrail.settings import load_settings; print(load_settings().catalogue)"],
        cwd=below,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "own.yaml" in done.stdout


def test_a_requirement_of_ones_own_can_be_without_a_subject(tmp_path):
    """The manifest knows all that there are, those that are left out too; another one it refuses."""
    stated = "\n".join(
        f'[[not_applicable]]\nrequirement = "{name}"\nreason = "There is nothing of the kind."\nby = "Dana"\n'
        for name in ("BANK-01", "PREP-05")
    )
    (tmp_path / "own.yaml").write_text(OWN)
    (tmp_path / "orchestrail.toml").write_text(f'catalogue = ["own.yaml"]\n{stated}')
    assert command(tmp_path, "manifest", "record").returncode == 0
    (tmp_path / "orchestrail.toml").write_text(stated)
    refused = command(tmp_path, "manifest", "record")
    assert (refused.returncode, "There is no requirement BANK-01" in refused.stderr) == (2, True)


def test_a_catalogue_differs_from_its_parts_in_identity_alone():
    """An empty file changes nothing but the name."""
    same = with_file('id: nothing\nversion: "1"\ntitle: t\n')
    own = load_catalogue()
    assert replace(same, id=own.id, version=own.version, title=own.title, digest=own.digest) == own
