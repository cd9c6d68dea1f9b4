"""YAML of data files: plain values with their lines, and a clear error for everything else."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrail.errors import ConfigurationError
from orchestrail.requirements.located import read, read_file

TEXT = """\
name: a
days: [2027-12-02, "2027-12-02"]
deep:
  - level: must
    limit: 7
"""


def test_values_know_their_lines():
    """A mapping's value stands where its key does; what is not there, where it would."""
    found = read(TEXT, "x.yaml")
    assert found.value == {
        "name": "a",
        "days": [date(2027, 12, 2), "2027-12-02"],
        "deep": [{"level": "must", "limit": 7}],
    }
    assert [found.line(place) for place in ((), ("days", 1), ("deep", 0, "limit"), ("deep", 0, "missing"))] == [
        1,
        2,
        5,
        4,
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &x 1\nb: *x", "line 1: it has an anchor"),
        ("a: 1\na: 2", "line 2: a is there twice"),
        ("1: a", "line 1: a key is no name"),
        ("[a]: b", "line 1: a key is no name"),
        ("a: !!python/object:os.system x", "line 1: it has the tag"),
        ("a: !x [1]", "line 1: it has the tag"),
        ("a:\n  - 2027-02-30", "line 2: '2027-02-30' is no value"),
        ("a: 2027-02-03T00:00:00Z", "is not allowed"),
        ("a: .nan", "is not allowed"),
        ("a: [", "it is no YAML"),
        ("a\n---\nb", "line 2: a second document"),
        ("[" * 50 + "]" * 50, "nested too deeply"),
        ("a: " + "9" * 5000, "line 1"),
        (" " * (1 << 20) + "a", "allowed are 1,048,576"),
        (b"\xff", "UTF-8"),
        ("\0", "it is no YAML"),
    ],
)
def test_what_is_no_plain_data_is_refused_with_its_line(text, told):
    """Nothing is loaded that could be code, grow without end or mean two things."""
    with pytest.raises(ConfigurationError, match=r"x\.yaml cannot be used") as caught:
        read(text, "x.yaml")
    assert told in caught.value.why + caught.value.do


@given(
    st.one_of(
        st.text(alphabet="ab:-[]{}&*!|>'\"#%@?,. \n\t019~=<", max_size=60), st.text(max_size=40), st.binary(max_size=40)
    )
)
@example("%YAML 3.0\n---\na")
@example("<<: {a: 1}")
@example("=")
def test_any_bytes_are_values_or_a_clear_error(content):
    """Never a traceback."""
    try:
        found = read(content, "x.yaml")
    except ConfigurationError as caught:
        error = caught
    else:
        assert found.value is None or found.line(()) >= 1
        return
    assert (error.what, bool(error.why)) == ("x.yaml cannot be used.", True)


def test_a_file_that_is_not_there_is_named(tmp_path):
    """With the reason of the system."""
    with pytest.raises(ConfigurationError, match="No such file"):
        read_file(tmp_path / "none.yaml")
