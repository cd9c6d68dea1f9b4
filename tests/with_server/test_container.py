"""The files for containers: what the image would run is run here, as the user and with the variables that they name. No engine is
needed, so that the image itself is not built.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml
from serving import COMMAND

EXAMPLE = Path(__file__).parents[2] / "examples" / "server"
FILE = (EXAMPLE / "Containerfile").read_text()


def said(instruction: str) -> list[str]:
    """Give the words of an instruction that is written as an array."""
    (found,) = re.findall(rf"^{instruction} (\[.*\])$", FILE.replace("\\\n   ", ""), re.MULTILINE)
    return list(json.loads(found))


def test_server_runs_as_nobody_and_writes_in_its_home_alone(tmp_path: Path) -> None:
    """Its own commands: a token, the server at all addresses, the health check; nothing is written elsewhere."""
    user = int(re.search(r"^USER (\d+)$", FILE, re.MULTILINE)[1])
    assert str(user) in re.search(r"^RUN useradd .*", FILE, re.MULTILINE)[0]
    home, empty = tmp_path / "home", tmp_path / "empty"
    for folder in (home, empty):
        folder.mkdir()
        os.chown(folder, user, user)
    environment = {"PATH": os.environ["PATH"], "HOME": str(empty), "ORCHESTRAIL_HOME": str(home), "TMPDIR": str(empty)}
    environment |= dict(re.findall(r'^\s+(PYTHON\w+)="(\w+)"', FILE, re.MULTILINE))
    # It reads what root reads, so that it finds this interpreter wherever that lies, and writes what any user may.
    reads = [f"--{kind}-caps=-all,+dac_read_search" for kind in ("inh", "ambient")]
    as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *reads, *COMMAND]
    ran = {"env": environment, "cwd": "/", "text": True, "stderr": subprocess.PIPE}
    assert said("ENTRYPOINT") == ["orchestrail"]
    server = [*as_user, *(word.replace("8787", "0") for word in said("CMD"))]

    refused = subprocess.run(server, timeout=120, **ran)
    assert refused.returncode == 2
    assert "orchestrail token create" in refused.stderr
    made = [*as_user, "token", "create", "airflow", "--scope", "write"]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL, timeout=120, **ran)
    running = subprocess.Popen(server, **ran)
    try:
        port = re.search(r"listening at \S+:(\d+)", running.stderr.readline())[1]
        check = [word.replace("8787", port) for word in said("HEALTHCHECK .* CMD")]
        subprocess.run([sys.executable, *check[1:]], check=True, timeout=120)
    finally:
        running.terminate()
        running.communicate(timeout=120)
    assert running.returncode == 0
    assert list(empty.iterdir()) == []


def test_compose_file_says_what_the_containerfile_does() -> None:
    """The database is reached from within alone, the server's file system is read-only, and its home lasts."""
    services = yaml.safe_load((EXAMPLE / "compose.yaml").read_text())["services"]
    server, database = services["server"], services["database"]
    assert (EXAMPLE / server["build"]["context"] / server["build"]["dockerfile"]).samefile(EXAMPLE / "Containerfile")
    assert server["volumes"] == [f"home:{folder}" for folder in said("VOLUME")]
    assert server["read_only"] is True
    assert server["cap_drop"] == ["ALL"]
    assert [port.rpartition(":")[2] for port in server["ports"]] == re.findall(r"^EXPOSE (\d+)$", FILE, re.MULTILINE)
    assert "ports" not in database


def test_what_is_sent_to_the_builder_is_what_the_build_needs() -> None:
    """Each file and folder that the distribution is made of, and the versions."""
    listed = {line[1:] for line in (EXAMPLE / "Containerfile.dockerignore").read_text().splitlines() if line != "*"}
    assert all((EXAMPLE.parents[1] / name).exists() for name in listed)
    assert listed >= {"pyproject.toml", "README.md", "LICENSE", "src", "examples/mortgage", "constraints.txt"}
