"""Settings: which source wins, and what is said about a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrail.errors import ConfigurationError
from orchestrail.settings import STATED, load_settings, settings_file


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_argument_before_environment_before_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of the contract holds."""
    (tmp_path / "orchestrail.toml").write_text(
        'system = "from-file"\nnamespace = "from-file"\nenvironment = "from-file"\n'
    )
    monkeypatch.setenv("ORCHESTRAIL_SYSTEM", "from-environment")
    monkeypatch.setenv("ORCHESTRAIL_NAMESPACE", "from-environment")
    settings = load_settings(system="from-argument")
    assert (settings.system, settings.namespace, settings.environment) == (
        "from-argument",
        "from-environment",
        "from-file",
    )


def test_a_table_in_pyproject_counts_for_the_folders_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`[tool.orchestrail]` is found from a folder below, and its relative paths start at the file."""
    monkeypatch.delenv("ORCHESTRAIL_HOME")
    (tmp_path / "pyproject.toml").write_text('[tool.orchestrail]\nhome = "record"\n')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    settings = load_settings()
    assert settings.home == tmp_path / "record"
    assert settings.spool == tmp_path / "record" / "spool"
    assert settings.store == f"sqlite:///{tmp_path / 'record' / 'audit.db'}"


def test_the_namespace_falls_back_to_openlineage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A team that has set OpenLineage's namespace need not set ours."""
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "credit")
    assert load_settings().namespace == "credit"
    monkeypatch.setenv("ORCHESTRAIL_NAMESPACE", "ours")
    assert load_settings().namespace == "ours"


@pytest.mark.parametrize(("name", "value"), [("MODE", "strict"), ("DISABLED", "perhaps")])
def test_a_wrong_value_is_named_with_its_source(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which variable holds what cannot be used."""
    monkeypatch.setenv(f"ORCHESTRAIL_{name}", value)
    with pytest.raises(ConfigurationError, match=f"ORCHESTRAIL_{name}"):
        load_settings()


@pytest.mark.parametrize("text", ["speed = 3", "home = [", 'mode = "off"'])
def test_a_wrong_file_is_named(text: str, tmp_path: Path) -> None:
    """An unknown setting, a broken file and a wrong value are refused with the file's name."""
    (tmp_path / "orchestrail.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"orchestrail\.toml"):
        load_settings()


def test_an_unknown_name_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    """A slip of the pen, and the word that was meant."""
    (tmp_path / "orchestrail.toml").write_text('systems = "credit"\n')
    with pytest.raises(ConfigurationError, match=r"`systems`.*There is no setting of that name\. Allowed: .*system"):
        load_settings()


def test_what_people_state_disturbs_no_run(tmp_path: Path) -> None:
    """Tables of the audit half stand in the same file; a host passes over them, whatever is in them."""
    (tmp_path / "orchestrail.toml").write_text(
        'namespace = "credit"\n[systems.scoring]\npurpose = 3\n[policy]\nspeed = "high"\n'
        "[persons.jane]\n[[not_applicable]]\n[[fields]]\n"
    )
    assert load_settings().namespace == "credit"
    assert set(settings_file()[1]) == {"namespace", *STATED}


def test_a_token_is_not_shown() -> None:
    """Settings may be printed; the token may not."""
    assert "s3cret" not in repr(load_settings(token="s3cret"))


def test_requirements_to_enforce_come_as_a_list_or_as_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list in the file, separated by commas in the environment; all that can be decided by default."""
    assert "PREP-01" in load_settings().enforce
    (tmp_path / "orchestrail.toml").write_text('enforce = ["PREP-03"]\n')
    assert load_settings().enforce == ("PREP-03",)
    monkeypatch.setenv("ORCHESTRAIL_ENFORCE", "PREP-01, RUN-LC-01")
    assert load_settings().enforce == ("PREP-01", "RUN-LC-01")


def test_a_requirement_that_cannot_be_enforced_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names it, and what is allowed."""
    monkeypatch.setenv("ORCHESTRAIL_ENFORCE", "PREP-01,PREP-02")
    with pytest.raises(ConfigurationError, match=r"ORCHESTRAIL_ENFORCE.*PREP-02.*allowed: PREP-01, PREP-03, RUN-LC-01"):
        load_settings()
