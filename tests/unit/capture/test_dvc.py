"""What DVC says of a file or folder is its version where it is true, and nothing where it is not."""

from __future__ import annotations

import hashlib
import os

from hypothesis import given
from hypothesis import strategies as st

from orchestrail.capture import dvc

CONTENT = b"a,b\n1,2\n"
MD5 = hashlib.md5(CONTENT).hexdigest()
LOCK = f"""schema: '2.0'
stages:
  train:
    cmd: python train.py
    deps:
    - path: data/in.csv
      hash: md5
      md5: {MD5}
      size: 8
    params:
      params.yaml:
        train.rate: 0.1
    outs:
    - path: "model \\u00e4.pkl"
      hash: md5
      md5: {MD5}
      size: 8
"""


def test_a_tracked_file_has_the_version_that_stands_beside_it(tmp_path):
    """In the `.dvc` file; once the content is another one, the version is not named."""
    file = tmp_path / "data.csv"
    file.write_bytes(CONTENT)
    (tmp_path / "data.csv.dvc").write_text(f"outs:\n- md5: {MD5}\n  size: 8\n  hash: md5\n  path: data.csv\n")
    assert dvc.Versions().of(str(file), 8) == f"dvc:{MD5}"
    file.write_bytes(b"a,b\n1,3\n")
    assert dvc.Versions().of(str(file), 8) is None
    assert dvc.Versions().of(str(file), dvc.MAX_BYTES + 1) is None


def test_inputs_and_outputs_of_stages_have_the_version_of_the_lock(tmp_path):
    """Wherever below the lock they are, and however their names are written."""
    (tmp_path / "dvc.lock").write_text(LOCK)
    for name in ("data/in.csv", "model ä.pkl", "other.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(CONTENT)
    versions = dvc.Versions()
    assert versions.of(str(tmp_path / "data" / "in.csv"), 8) == f"dvc:{MD5}"
    assert versions.of(str(tmp_path / "model ä.pkl"), 8) == f"dvc:{MD5}"
    assert versions.of(str(tmp_path / "other.csv"), 8) is None


def test_what_lies_in_the_cache_is_named_by_its_version(tmp_path):
    """If that is its content."""
    place = tmp_path / ".dvc" / "cache" / "files" / "md5" / MD5[:2]
    place.mkdir(parents=True)
    (place / MD5[2:]).write_bytes(CONTENT)
    assert dvc.Versions().of(str(place / MD5[2:]), 8) == f"dvc:{MD5}"
    (place / MD5[2:]).write_bytes(b"damaged")
    assert dvc.Versions().of(str(place / MD5[2:]), 7) is None


def test_files_of_dvc_2_are_not_understood(tmp_path):
    """They hash text with its line ends changed, and do not say so."""
    (tmp_path / "x").write_bytes(CONTENT)
    (tmp_path / "x.dvc").write_text(f"outs:\n- md5: {MD5}\n  size: 8\n  path: x\n")
    assert dvc.Versions().of(str(tmp_path / "x"), 8) is None


def test_observed_files_have_dvc_s_version_beside_their_digest(tmp_path, observed):
    """And what DVC itself wrote is no data of the run."""
    file = tmp_path / "data.csv"
    file.write_bytes(CONTENT)
    (tmp_path / "data.csv.dvc").write_text(f"outs:\n- md5: {MD5}\n  size: 8\n  hash: md5\n  path: data.csv\n")
    os.utime(file, (1_600_000_000, 1_600_000_000))
    with observed() as seen:
        file.read_bytes()
    (one,) = seen.inputs
    assert (one.version, one.digest) == (f"dvc:{MD5}", f"sha256:{hashlib.sha256(CONTENT).hexdigest()}")


@given(st.text())
def test_any_text_is_read(text):
    """Whatever it is, it gives entries or none."""
    assert all(isinstance(entry, dict) for entry in dvc.entries(text))
