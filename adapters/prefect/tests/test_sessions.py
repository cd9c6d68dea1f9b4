"""Where people try things out: a notebook, a console, pytest. Nothing is set up there, and the record says what it was."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

FLOW = """
    from pathlib import Path
    from prefect import flow, task
    from orchestrail_prefect import audited

    @task
    def prepares(x):
        Path("prepared.txt").write_text("x")
        return x * 2

    @audited
    @flow(name="tried")
    def tried(x: int):
        return prepares(x)
"""


def run(program: Any, *command: str, typed: str | None = None) -> str:
    """Run a command in the program's folder, with what is typed into it, and give what it prints."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=program.folder,
        env=program.variables(),
        input=typed,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def recorded_in(program: Any, session: str | None) -> None:
    """See that the flow run is there, whole, as one of development, with its code, its task and what that wrote."""
    outcome = program.left()
    root, step = outcome.run("tried"), outcome.run("tried.prepares")
    assert (root.types, step.types, step.parent) == (["START", "COMPLETE"], ["START", "COMPLETE"], root.id)
    assert root.said["environment"] == "dev"
    assert root.start["orchestrail_environment"]["session"] == session
    assert step.start["orchestrail_code"]["digest"].startswith("py-")
    assert step.files("outputs").keys() == {"prepared.txt"}
    assert outcome.problems() == []


NOTEBOOK = """
import sys, nbclient, nbformat

cells = [nbformat.v4.new_code_cell(text) for text in (open("cell.py").read(), "print('gave', tried(4))")]
notebook = nbformat.v4.new_notebook(cells=cells)
nbclient.NotebookClient(notebook, timeout=500, kernel_name="python3").execute()
print("".join(output.get("text", "") for cell in notebook.cells for output in cell.outputs if output.get("name") == "stdout"))
"""


def test_a_notebook(program: Any) -> None:
    """Cells of a kernel: no file has the code, its digest is there all the same."""
    (program.folder / "cell.py").write_text(textwrap.dedent(FLOW))
    assert "gave 8" in run(program, "-c", NOTEBOOK)
    recorded_in(program, "notebook")


def test_a_console(program: Any) -> None:
    """Lines typed at the prompt."""
    typed = textwrap.dedent(FLOW).replace("x * 2\n", "x * 2\n\n").replace("prepares(x)\n", "prepares(x)\n\n")
    lines = "\n".join(line for line in typed.splitlines() if line.strip() or "@" not in line)
    assert "gave 8" in run(program, "-i", "-q", typed=f"{lines}\nprint('gave', tried(4))\n")
    recorded_in(program, "console")


def test_a_test_of_the_users(program: Any) -> None:
    """A flow that pytest calls."""
    (program.folder / "test_tried.py").write_text(
        textwrap.dedent(FLOW) + "\n\ndef test_it():\n    assert tried(4) == 8\n"
    )
    assert "1 passed" in run(program, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_tried.py")
    recorded_in(program, "pytest")


def test_a_program(program: Any) -> None:
    """`python flow.py`: no session of a person's."""
    (program.folder / "flow.py").write_text(textwrap.dedent(FLOW) + "\nprint('gave', tried(4))\n")
    assert run(program, "flow.py") == "gave 8\n"
    recorded_in(program, None)
