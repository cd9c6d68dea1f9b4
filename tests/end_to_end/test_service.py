"""Training and serving state how they prepare data: the same where they run the same code, whoever runs it and however."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from orchestrail.testing.ports import kept_port

PATIENCE = 300.0
FILES = {
    "src/credit/__init__.py": "",
    "src/credit/preparation.py": """
        import orchestrail
        from credit.helpers import text

        @orchestrail.preprocessing("clean", version="1.2.0", serve_time=True)
        def clean(rows):
            return [text.strip(row) for row in rows]

        @orchestrail.preprocessing("count", serve_time=True)
        def count(rows):
            return [len(row) for row in rows]
    """,
    "src/credit/helpers/__init__.py": "",
    "src/credit/helpers/text.py": "from .spaces import SPACE\n\ndef strip(row):\n    return row.strip(SPACE)\n",
    "src/credit/helpers/spaces.py": "SPACE = ' '\n",
    "src/credit/train.py": """
        import sys
        from pathlib import Path
        from prefect import flow, task
        import orchestrail
        from orchestrail_prefect import audited
        from credit import preparation

        @task
        @orchestrail.step(role="train")
        def train(lengths, out):
            Path(out).write_text(str(sum(lengths)))
            orchestrail.record_output(out, kind="model")

        @audited
        @flow(name="training")
        def training(out: str):
            train(task(preparation.count)(task(preparation.clean)([" a ", "bc "])), out)

        if __name__ == "__main__":
            training(sys.argv[1])
    """,
    "src/credit/service.py": """
        import os
        from contextlib import asynccontextmanager
        from pathlib import Path
        from fastapi import FastAPI
        import orchestrail
        from credit.preparation import clean, count

        model = os.environ["MODEL"]

        @asynccontextmanager
        async def lifespan(app):
            with orchestrail.serving(model=model, deployment="eu-1"):
                app.state.weight = int(Path(model).read_text())
                yield

        app = FastAPI(lifespan=lifespan)

        @app.get("/score")
        def score(row: str):
            return {"score": sum(count(clean([row]))) * app.state.weight}
    """,
    "loop/serve.py": """
        import sys
        import orchestrail
        import src.credit as package
        sys.modules["credit"] = package
        from src.credit.preparation import clean, count

        with orchestrail.serving(model=sys.argv[1], deployment="loop"):
            for row in sys.stdin:
                print(sum(count(clean([row]))))
    """,
}


class Project:
    """A project with its training, two ways of serving, and the record of both."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.model = folder / "project", folder / "model.txt"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORCHESTRAIL_", "OPENLINEAGE_", "PREFECT_"))}
        own = {
            "ORCHESTRAIL_HOME": str(folder / "home"),
            "PREFECT_HOME": str(folder / "prefect"),
            "MODEL": str(self.model),
        }
        self.environment = kept | own | {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180"}
        for path, text in FILES.items():
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text))

    def python(self, *arguments: str, cwd: Path, path: Path, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a program of the project to its end."""
        environment = self.environment | {"PYTHONPATH": str(path)}
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=True, **more
        )

    def train(self) -> None:
        """Run the flow, from its own folder."""
        self.python("-m", "credit.train", str(self.model), cwd=self.folder / "src", path=self.folder / "src")

    def loop(self) -> None:
        """Serve in a plain loop, from another folder, where the package has another name."""
        self.python("serve.py", str(self.model), cwd=self.folder / "loop", path=self.folder, input=" a \nb\n")

    @contextmanager
    def service(self) -> Iterator[str]:
        """Serve with FastAPI under uvicorn, from another folder; gives its address."""
        command = [sys.executable, "-m", "uvicorn", "--app-dir", str(self.folder / "src"), "credit.service:app"]
        with (
            kept_port() as port,
            subprocess.Popen(
                [*command, "--port", str(port)], cwd=self.folder.parent, env=self.environment, stderr=subprocess.PIPE
            ) as server,
        ):
            try:
                deadline = time.monotonic() + PATIENCE
                while socket.socket().connect_ex(("127.0.0.1", port)):
                    assert server.poll() is None, server.stderr and server.stderr.read()
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
                yield f"http://127.0.0.1:{port}"
            finally:
                server.send_signal(signal.SIGINT)
                server.wait(PATIENCE)

    def runs(self) -> list[dict[str, Any]]:
        """Give all runs of the record."""
        command = [str(Path(sys.executable).with_name("orchestrail")), "runs", "--all", "--json"]
        done = subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=300, check=True
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)["runs"]
        return found

    def of(self, job: str) -> dict[str, Any]:
        """Give the newest run of a job."""
        return next(run for run in self.runs() if run["job"]["name"] == job)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that has been trained."""
    made = Project(tmp_path)
    made.train()
    return made


def ask(address: str) -> int:
    """Have a row scored."""
    with urllib.request.urlopen(f"{address}/score?row=%20a%20", timeout=PATIENCE) as answer:
        return int(json.load(answer)["score"])


def trained(project: Project) -> list[tuple[str, str, bool, str]]:
    """Say how training prepared data."""
    found = [project.of(f"training.{name}")["preprocessing"] for name in ("clean", "count")]
    return [(one["operation"], one["version"], one["derived"], one["code_digest"]) for one in found]


def served(run: dict[str, Any]) -> list[tuple[str, str, bool, str]]:
    """Say how a service prepared data."""
    stated = run["serving"][-1]["preparation"]
    return sorted((one["operation"], one["version"], one["derived"], one["codeDigest"]) for one in stated)


def test_a_service_prepares_data_as_training_did(project: Project) -> None:
    """A flow, a FastAPI service in threads, a loop that imports the package by another name: one identity of each operation."""
    with project.service() as address:
        assert [ask(address) for _ in range(3)] == [3, 3, 3]
        alive = project.of("serving.eu-1")
        assert (alive["state"], alive["role"]) == ("RUNNING", "serve")
        digest = f"sha256:{sha256(project.model.read_bytes()).hexdigest()}"
        assert [(one["digest"], one["kind"]) for one in alive["inputs"]] == [(digest, "model")]
    project.loop()
    identities = trained(project)
    assert [(operation, derived) for operation, _, derived, _ in identities] == [("clean", False), ("count", True)]
    ended = project.of("serving.eu-1")
    assert (ended["state"], ended["run_id"]) == ("COMPLETE", alive["run_id"])
    assert [(one["digest"], one["kind"]) for one in ended["inputs"]] == [(digest, "model")]
    assert served(alive) == served(ended) == served(project.of("serving.loop")) == identities


def test_a_service_that_prepares_data_otherwise_is_seen(project: Project) -> None:
    """One line of a helper of a helper changed after the training: the declared version is the same, and the code is not."""
    before = trained(project)
    (project.folder / "src/credit/helpers/spaces.py").write_text("SPACE = ' \\t'\n")
    project.loop()
    (clean, count) = served(project.of("serving.loop"))
    assert clean[:3] == before[0][:3] == ("clean", "1.2.0", False)
    assert clean[3] != before[0][3]
    assert count == before[1]
