"""Rules of the settings for which files are data."""

from __future__ import annotations

import logging
import logging.handlers
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.capture import files
from orchestrail.capture.rules import checked, ruled_by
from orchestrail.errors import ConfigurationError
from orchestrail.settings import load_settings


@pytest.fixture(autouse=True)
def _rules(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    files.set_rules((), ())


def written(observed, *names: str) -> tuple[list[str], list[str]]:
    with observed() as seen:
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(name)
    return seen.names()


def test_what_is_ignored_is_no_data(observed, tmp_path):
    """By suffix, by name and below a folder; all else stays."""
    files.set_rules((f"{tmp_path}/scratch/", "*.tmp", f"{tmp_path}/one.csv"), ())
    found = written(observed, "scratch/a/b.csv", "x.tmp", "one.csv", "two.csv", "scratch.csv")
    assert found == ([], ["scratch.csv", "two.csv"])


def test_what_is_included_is_data_again(observed, tmp_path):
    """It goes before what is ignored, and before the rules that stand by default: source that is read, logs that are written."""
    Path("in.py").write_text("x")
    files.set_rules((f"{tmp_path}/scratch/",), ("*/keep.csv", "*/decisions.log", "*/in.py"))
    with observed() as seen:
        for name in ("scratch/keep.csv", "scratch/other.csv", "decisions.log", "app.log"):
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_text("x")
        Path("in.py").read_text()
    assert seen.names() == (["in.py"], ["decisions.log", "keep.csv"])


def test_what_an_orchestrator_keeps_for_itself_is_never_included(observed, tmp_path):
    """Nor is our own record, which would be in it itself."""
    files.set_ignored([tmp_path / "home"])
    files.set_rules((), ("*",))
    assert written(observed, "home/spool/x.seg", "data.csv") == ([], ["data.csv"])
    files.set_ignored([])


def test_logs_are_no_output_and_may_be_read(observed):
    """Of `logging`, the files that a rotation leaves included; a log that is analysed is an input."""
    Path("read.log").write_text("line")
    with observed() as seen:
        handler = logging.handlers.RotatingFileHandler("app.log", maxBytes=10, backupCount=2)
        for _ in range(4):
            handler.emit(logging.makeLogRecord({"msg": "x" * 20}))
        handler.close()
        Path("read.log").read_text()
        Path("data.log.csv").write_text("x")
    assert seen.names() == (["read.log"], ["data.log.csv"])


@given(st.text("ab/*.", min_size=1, max_size=8), st.text("ab/.", max_size=8))
def test_patterns_are_those_of_a_shell(pattern, name):
    """Each answer is that of `fnmatch`, whatever stands in pattern and name."""
    ruled = ruled_by((pattern,), ())
    expected = fnmatchcase(name, pattern + "*" if pattern.endswith("/") else pattern)
    assert ruled(name) is (True if expected else None)
    assert ruled_by((), ()) is None


def test_the_settings_hold_them(tmp_path, monkeypatch):
    """A list in the file, relative to it; separated by commas in the environment; a home is filled in."""
    Path("orchestrail.toml").write_text('capture_ignore = ["scratch/", "./x.csv", "*.tmp", "~/y"]\n')
    assert load_settings().capture_ignore == (f"{tmp_path}/scratch/", f"{tmp_path}/x.csv", "*.tmp", checked("~/y"))
    monkeypatch.setenv("ORCHESTRAIL_CAPTURE_INCLUDE", "/a/, *.log")
    assert load_settings().capture_include == ("/a/", "*.log")


def test_a_pattern_that_fits_nothing_is_refused(monkeypatch):
    """The message names variable and pattern, and how one begins."""
    monkeypatch.setenv("ORCHESTRAIL_CAPTURE_IGNORE", "scratch/")
    with pytest.raises(ConfigurationError, match=r"ORCHESTRAIL_CAPTURE_IGNORE.*'scratch/' begins with neither"):
        load_settings()
