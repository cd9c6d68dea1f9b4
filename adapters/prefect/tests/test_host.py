"""Prefect is as it was: output, exceptions, exit status; also where we cannot record or are switched off."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
    import traceback

    @task
    def one(x):
        print("in a task", x)
        return x

    @task(retries=1)
    def boom():
        raise KeyError("boom")

    @flow(log_prints=True)
    def inner(x):
        return one(x)

    @audited
    @flow(retries=1)
    def failing():
        inner(one(1))
        boom()

    @audited
    @flow
    def refused(a: int):
        pass

    @audited
    @flow
    async def waiting():
        return 1

    for run, arguments in ((failing, ()), (refused, ("x",))):
        try:
            run(*arguments)
        except Exception:
            traceback.print_exc()
    print(asyncio.run(waiting()))
    raise SystemExit(3)
"""
MASKS = (
    (r"\d{2}:\d{2}:\d{2}\.\d{3}", "TIME"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r"(Flow|Task|flow|subflow) run '[^']+'", r"\1 run NAME"),
    (r'program.py", line \d+', "LINE"),
)


def masked(text: str, folder: Path) -> str:
    text = text.replace(str(folder), "FOLDER")
    for pattern, mask in MASKS:
        text = re.sub(pattern, mask, text)
    return text


def test_output_and_status_are_as_without_us(program: Any) -> None:
    """Every line of log and traceback at INFO, once times, ids and made-up names are masked."""
    without = program(PROGRAM, audited=False, expect=3, PREFECT_LOGGING_LEVEL="INFO")
    with_us = program(PROGRAM, expect=3, PREFECT_LOGGING_LEVEL="INFO")
    assert masked(with_us.stdout, program.folder) == masked(without.stdout, program.folder)
    assert masked(with_us.stderr, program.folder) == masked(without.stderr, program.folder)
    assert len(with_us.runs()) == 14
    assert "orchestrail" not in with_us.stdout + with_us.stderr


SMALL = """
    @task
    def one(x):
        return x

    @audited(system="small")
    @flow
    def small(x):
        return one(x)

    print(small(5), type(small).__name__, len(small.on_running_hooks))
"""


def test_switched_off_it_does_nothing(program: Any) -> None:
    """No hook, no event."""
    outcome = program(SMALL, ORCHESTRAIL_DISABLED="true")
    assert outcome.stdout == "5 Flow 0\n"
    assert outcome.events == []


@pytest.mark.parametrize(
    "variables",
    [{"ORCHESTRAIL_MODE": "nonsense"}, {"ORCHESTRAIL_HOME": "/dev/null/home"}, {"ORCHESTRAIL_SPOOL": "/proc/spool"}],
)
def test_a_broken_recorder_does_not_reach_the_host(program: Any, variables: dict[str, str]) -> None:
    """Settings that cannot be, a home that cannot be written."""
    path = program.write(SMALL)
    path.write_text(path.read_text().replace("@atexit.register", ""))
    outcome = program.execute(path, **variables)
    assert (outcome.stdout.split()[0], masked(outcome.stderr, program.folder)) == ("5", "")


SECRETS = """
    class Client:
        def __init__(self, key):
            self.key = key
        def __repr__(self):
            return self.key

    @task
    def connect(url, api_key, nested, client):
        raise ConnectionError(f"cannot reach {url} with {api_key} and {os.environ['DB_PASSWORD']}")

    @audited
    @flow
    def leaking(url: str, password: str, options: dict):
        connect(url, password, options, Client(password))

    try:
        options = {"token": "planted-in-a-dict", "deep": [{"secret": "planted-deep"}]}
        leaking("postgresql://me:planted-in-a-url@host/db", "planted-as-an-argument", options)
    except ConnectionError as error:
        print(error)
"""


def test_secrets_are_in_no_stored_byte(program: Any) -> None:
    """Arguments, URLs, environment, exception text, whatever file they would be in."""
    outcome = program(SECRETS, DB_PASSWORD="planted-in-the-environment")
    assert "planted-as-an-argument" in outcome.stdout  # the host's own text is not ours to change
    stored = b"".join(path.read_bytes() for path in outcome.home.rglob("*") if path.is_file())
    assert b"leaking.connect" in stored
    for secret in (
        b"planted-in-a-url",
        b"planted-as-an-argument",
        b"planted-in-a-dict",
        b"planted-deep",
        b"planted-in-the-environment",
    ):
        assert secret not in stored, secret
    assert outcome.run("leaking.connect").error.startswith("ConnectionError: cannot reach")


BLOCKS = """
    from prefect.blocks.core import Block
    from prefect.blocks.system import Secret
    from prefect.variables import Variable
    from pydantic import SecretStr

    class Warehouse(Block):
        user: str
        word: SecretStr

    Secret(value="planted-in-a-block-1").save("one", overwrite=True)
    Secret(value={"inner": "planted-in-a-block-2"}).save("two", overwrite=True)
    Warehouse(user="me", word="planted-in-a-block-3").save("three", overwrite=True)
    Variable.set("warehouse_password", "planted-in-a-variable-1", overwrite=True)
    Variable.set("api_token", {"key": "planted-in-a-variable-2"}, overwrite=True)

    @task
    def connect(given, block, nested):
        orchestrail.record_check("reached", False, expected=given[0], actual=given[-1])
        raise ConnectionError(f"not with {given} nor {block.word.get_secret_value()} nor {nested}")

    async def later():
        return (await Variable.aget("api_token"))["key"]

    @audited
    @flow
    def blocks():
        warehouse, one = Warehouse.load("three"), Secret.load("one")
        texts = [one.get(), Secret.load("two").get()["inner"], Variable.get("warehouse_password"), asyncio.run(later())]
        Path(texts[0]).write_text("")
        connect(texts, warehouse, {"word": warehouse.word, "more": one})

    try:
        blocks()
    except ConnectionError as error:
        print(error)
"""


def test_what_blocks_and_variables_hold_is_in_no_stored_byte(program: Any) -> None:
    """Once it was taken out, it may stand anywhere: in a parameter, a check, a file name, the text of an error."""
    outcome = program(BLOCKS)
    planted = [
        f"planted-in-a-{what}-{number}"
        for what, numbers in (("block", "123"), ("variable", "12"))
        for number in numbers
    ]
    assert [word for word in planted if word not in outcome.stdout] == []
    stored = b"".join(path.read_bytes() for path in outcome.home.rglob("*") if path.is_file())
    assert b"blocks.connect" in stored
    assert b"Warehouse" in stored
    assert [word for word in planted if word.encode() in stored] == []


INTERRUPTED = """
    @audited
    @flow
    def stopped():
        {how}

    stopped()
"""


@pytest.mark.parametrize("how", ["raise SystemExit(7)", "raise ValueError('x')"])
def test_the_exit_status_is_the_hosts(program: Any, how: str) -> None:
    """And the record has the end."""
    text = INTERRUPTED.format(how=how)
    without, with_us = program(text, audited=False, expect=None), program(text, expect=None)
    assert with_us.status == without.status != 0
    last, expected = (masked(one.stderr, program.folder).splitlines()[-1:] for one in (with_us, without))
    assert last == expected
    assert with_us.run("stopped").types == ["START", "FAIL" if "ValueError" in how else "ABORT"]
    assert with_us.run("stopped").error.split(":")[0] in how
