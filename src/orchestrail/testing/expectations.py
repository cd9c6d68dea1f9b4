"""How each scenario is tried and what must hold of it, beside the invariants that `Bench.record` checks after every run.

The docstring of each function says which process the host's program must have for it: its steps by their names, and which functions
of `workload` they run. A step's name is the last part of its job's name on the record, the process' own too.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from orchestrail.operations import open_record
from orchestrail.operations.sweep import sweep
from orchestrail.projections.apply import apply
from orchestrail.queries.loading import load_runs
from orchestrail.testing import disks, workload
from orchestrail.testing.bench import Bench, settings_of
from orchestrail.testing.invariants import Planted
from orchestrail.testing.recorded import Recorded, RecordedRun, digests
from orchestrail.testing.scenarios import SCENARIOS

RAISING = """
from orchestrail.hookspecs import hookimpl

@hookimpl
def identify_dataset(value):
    raise RuntimeError("a plugin that fails")

@hookimpl
def adapter_current_run():
    raise RuntimeError("a plugin that fails")
"""
"""A plugin whose every hook raises."""


def success(bench: Bench) -> None:
    """`success`: a step `produce` (`workload.produce`), then a step `copy` (`workload.copy` of what it gave)."""
    recorded = bench.record("success")
    _is_success(recorded)


def _is_success(recorded: Recorded) -> None:
    folder = recorded.ended.folder
    root, produced, copied = recorded.one("success"), recorded.one("produce"), recorded.one("copy")
    for run in (root, produced, copied):
        assert run.end == "COMPLETE", f"{run.job} ended as {run.end}"
    _equal("children of the process", {run.id for run in recorded.under(root)}, {produced.id, copied.id})
    _files(produced, outputs=[folder / "produced.txt"])
    _files(copied, inputs=[folder / "produced.txt"], outputs=[folder / "copied.txt"])
    for run in (produced, copied):
        digest = str(run.facet("orchestrail_code").get("digest"))
        assert digest.startswith("py-"), f"{run.job} has the code digest {digest}"
    _equal("what `copy` stated", _stated(copied), ["orchestrail.testing.workload.Table"])
    source = copied.facet("orchestrail_parameters").get("parameters", {}).get("source", {})
    _equal("parameter `source` of `copy`", source.get("value"), "produced.txt")


def failure(bench: Bench) -> None:
    """`failure`: a step `fail` (`workload.fail`), whose exception nobody catches."""
    _is_failure(bench.record("failure"))


def _is_failure(recorded: Recorded) -> None:
    for step in ("fail", "failure"):
        run = recorded.one(step)
        _equal(f"end of {run.job}", run.end, "FAIL")
    error = recorded.one("fail").error
    assert "Odd" in error, f"the error is recorded as {error!r}"
    assert workload.TEXT in error, f"the error is recorded as {error!r}"


def retry(bench: Bench) -> None:
    """`retry`: a step `flaky` (`workload.flaky`), which the host tries again twice without delay."""
    recorded = bench.record("retry")
    tries = recorded.of("flaky")
    _equal("ends of the attempts", [run.end for run in tries], ["FAIL", "FAIL", "COMPLETE"])
    _equal("numbers of the attempts", [run.said.get("attempt") for run in tries], [1, 2, 3])
    _equal("native ids of the attempts", len({run.said.get("nativeId") for run in tries}), 1)
    _equal("parents of the attempts", len({run.parent for run in tries}), 1)
    _equal("error of the second", "try 2" in tries[1].error, True)
    _equal("end of the process", recorded.one("retry").end, "COMPLETE")


def mapped(bench: Bench) -> None:
    """`mapped`: a step `square` (`workload.square`) over 1, 2 and 3."""
    recorded = bench.record("mapped")
    squares = recorded.of("square")
    _equal("ends of the mapped runs", [run.end for run in squares], ["COMPLETE"] * 3)
    _equal("their jobs", len({run.job for run in squares}), 1)
    _equal("their parents", {run.parent for run in squares}, {recorded.one("mapped").id})


def nested(bench: Bench) -> None:
    """`nested`: a process or step `middle` in it, and in that a step `inner` (`workload.touch`)."""
    recorded = bench.record("nested")
    outer, middle, inner = (recorded.one(step) for step in ("nested", "middle", "inner"))
    _equal("parents", [outer.parent, middle.parent, inner.parent], [None, outer.id, middle.id])
    _equal("roots", {outer.root, middle.root, inner.root}, {outer.id})


def cached(bench: Bench) -> None:
    """`cached`: a step `produce` (`workload.produce`), and the same again, for which the host takes its stored result."""
    recorded = bench.record("cached")
    runs = recorded.of("produce")
    _equal("ends of the runs", [run.end for run in runs], ["COMPLETE", "CACHED"])
    computed, taken = runs
    _equal("what it was taken from", taken.said.get("cachedFrom"), computed.id)
    _files(computed, outputs=[recorded.ended.folder / "produced.txt"])
    _files(taken)


def skipped(bench: Bench) -> None:
    """`skipped`: a step `never` (`workload.touch`), which the host decides not to begin, for whatever reason it has."""
    recorded = bench.record("skipped")
    _equal("events of the skipped run", recorded.one("never").types, ["OTHER"])
    assert not (recorded.ended.folder / "touched.txt").exists(), "the step was not skipped"


def asynchronous(bench: Bench) -> None:
    """`asynchronous`: steps `wait` (`workload.wait`) for 1, 2 and 3 with `together=3`, at once in one event loop."""
    _is_together(bench.record("asynchronous"), "wait", 3)


def threads(bench: Bench) -> None:
    """`threads`: steps `work` (`workload.work`) for 1 to 4 with `together=4`, at once in threads of one process."""
    _is_together(bench.record("threads"), "work", 4)


def processes(bench: Bench) -> None:
    """`processes`: steps `work` (`workload.work`) for 1 and 2 with `together=2`, at once in processes."""
    _is_together(bench.record("processes"), "work", 2)


def _is_together(recorded: Recorded, step: str, together: int) -> None:
    runs = recorded.of(step)
    _equal("ends of the runs", [run.end for run in runs], ["COMPLETE"] * together)
    _equal("roots", {run.root for run in runs}, {recorded.runs[0].id})
    folder = recorded.ended.folder
    written = sorted(sorted(Path(name).name for name in run.files("outputs")) for run in runs)
    _equal("what each wrote", written, [[f"{n}-after.txt", f"{n}-before.txt"] for n in range(1, together + 1)])
    for run in runs:
        _files(run, outputs=[folder / Path(name).name for name in run.files("outputs")])


def cancelled(bench: Bench) -> None:
    """`cancelled`: a step `stop`, stopped while it runs: as the host cancels a run, or by `workload.interrupt`."""
    recorded = bench.record("cancelled")
    _equal("end of the step", recorded.one("stop").end, "ABORT")


def timed_out(bench: Bench) -> None:
    """`timed_out`: a step `sleep` (`workload.sleep`) to which the host gives one second."""
    recorded = bench.record("timed_out")
    _equal("end of the step", recorded.one("sleep").end, "ABORT")


def changed_by_hand(bench: Bench) -> None:
    """`changed_by_hand`: a step `fail` (`workload.fail`) that fails, and which a person then sets to success."""
    recorded = bench.record("changed_by_hand", Planted(changed=True))
    run = recorded.one("fail")
    _equal("ends of the run", [kind for kind in run.types if kind != "START"], ["FAIL", "COMPLETE"])
    assert run.said.get("manual"), f"the change is not marked as made by hand: {run.said}"


def killed(bench: Bench) -> None:
    """`killed`: a step `die` (`workload.die`)."""
    recorded = bench.record("killed", Planted(killed=True))
    run = recorded.one("die")
    _equal("events on disk", run.types, ["START"])
    settings = settings_of(recorded)
    store = open_record(settings)
    swept = sweep(settings, store)
    apply(store)
    with store.read() as connection:
        rows = load_runs(connection, [one.id for one in recorded.runs])
    of_process = {one.id for one in recorded.runs if one.said.get("closedBy") == "process" and one.end is None}
    assert run.id in of_process, "the step does not say that its process closes it"
    _equal("runs that the sweep closed", set(swept.closed), of_process)
    _equal("state of the step", rows[run.id].state, "ABORT")
    assert "state" in rows[run.id].inferred, "the end is not marked as concluded"


def sink_down(bench: Bench) -> None:
    """Uses the process `success`."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        recorded = bench.record("success", ORCHESTRAIL_URL=address, OPENLINEAGE_URL=address)
        silent.setblocking(False)
        try:
            silent.accept()
        except BlockingIOError:
            pass
        else:
            raise AssertionError("the host's process connected to the server")
    _is_success(recorded)


def secrets(bench: Bench) -> None:
    """`secrets`: a step `connect` (`workload.connect` with `**workload.SECRETS`), whose exception nobody catches."""
    recorded = bench.record("secrets")
    run = recorded.one("connect")
    _equal("end of the step", run.end, "FAIL")
    assert run.error, "the error is not recorded"
    described = run.facet("orchestrail_parameters").get("parameters", {})
    _equal("parameters that are named", set(described) >= {"url", "api_key", "options"}, True)


def full_disk(bench: Bench) -> None:
    """Uses the processes `success`, `failure` and `unchanged`."""
    planted = Planted(lost=True, trouble=True)
    for process in ("success", "failure", "unchanged"):
        with disks.full_disk(bench.harness.folder / f"disk-{process}") as disk:
            recorded = bench.record(
                process,
                planted,
                prefix=disk.prefix,
                ORCHESTRAIL_SPOOL=str(disk.folder),
                ORCHESTRAIL_URL="http://127.0.0.1:9",
            )
            _equal("events on the full disk", recorded.events, ())
            _told(bench, recorded, ORCHESTRAIL_SPOOL=str(disk.folder))


def lost_spool(bench: Bench) -> None:
    """Uses the process `success`; its first step deletes the spool."""
    recorded = bench.record("success", Planted(lost=True, trouble=True), KIT_SPOIL="{home}/spool")
    _told(bench, recorded)


def raising_hook(bench: Bench) -> None:
    """Uses the process `success`."""
    plugins = bench.harness.folder / "plugins"
    about = plugins / "kit_raising-1.0.dist-info"
    about.mkdir(parents=True)
    (plugins / "kit_raising.py").write_text(RAISING)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: kit-raising\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[orchestrail]\nkit_raising = kit_raising\n")
    recorded = bench.record("success", Planted(trouble=True), packages=plugins)
    _is_success(recorded)
    _told(bench, recorded)


def bad_settings(bench: Bench) -> None:
    """Uses the process `success`."""
    recorded = bench.record("success", Planted(lost=True, trouble=True), ORCHESTRAIL_MODE="nonsense")
    _equal("events", recorded.events, ())
    _told(bench, recorded)


def installed_twice(bench: Bench) -> None:
    """`installed_twice`: as `success`, after `installing.install_again(adapter)` and with the adapter applied twice."""
    recorded = bench.record("installed_twice")
    for step in ("installed_twice", "produce", "copy"):
        _equal(f"events of {step}", recorded.one(step).types, ["START", "COMPLETE"])


def uninstalled(bench: Bench) -> None:
    """`uninstalled`: a step `produce`, then `installing.uninstall(adapter)`, then a step `copy`, and it gives what it changed.

    Where the host attaches to something of its own, the process prints `installing.changes(...)` of it, so that it shows in the
    output what was not put back.
    """
    recorded = bench.record("uninstalled", Planted(killed=True))
    _equal("events of the step before", recorded.one("produce").types[0], "START")
    _equal("runs of the step after", recorded.of("copy"), [])
    _equal("what the step after stated", [run for run in recorded.runs if _stated(run)], [])


def requirement_recorded(bench: Bench) -> None:
    """`requirement`: a step `impute` (`workload.touch`) marked `@orchestrail.preprocessing("impute")`, without a version."""
    recorded = bench.record("requirement")
    run = recorded.one("impute")
    _equal("end of the step", run.end, "COMPLETE")
    _equal("findings at its start", _findings(run), ["PREP-01"])


def requirement_enforced(bench: Bench) -> None:
    """Uses the process `requirement`."""
    recorded = bench.record("requirement", Planted(refused=True), ORCHESTRAIL_MODE="enforce")
    run = recorded.one("impute")
    _equal("events of the refused step", run.types, ["START", "FAIL"])
    _equal("findings at its start", _findings(run), ["PREP-01"])
    assert "PREP-01" in run.error, f"the refusal is recorded as {run.error!r}"
    assert not (recorded.ended.folder / "touched.txt").exists(), "user code ran before the refusal"


def _findings(run: RecordedRun) -> list[str]:
    facet = run.events[0]["run"]["facets"].get("orchestrail_requirements", {})
    return [finding["requirement"] for finding in facet.get("findings", ())]


def unchanged(bench: Bench) -> None:
    """`unchanged`: a step `talk` (`workload.talk` of some object); it prints what `workload.describe` says of its native objects.

    It gives something that shows whether the host handed on the very object.
    """
    recorded = bench.record("unchanged")
    _equal("end of the step", recorded.one("talk").end, "COMPLETE")


def _told(bench: Bench, recorded: Recorded, **variables: str) -> None:
    problems = bench.doctor(recorded, **variables)
    codes = {problem["code"] for problem in problems if problem["severity"] == "error"}
    assert "trouble" in codes, f"`orchestrail doctor` tells no trouble: {problems}"


def _stated(run: RecordedRun) -> list[str]:
    return [found["name"] for event in run.events for found in event["inputs"] if found["namespace"] == "inmemory"]


def _files(run: RecordedRun, inputs: Sequence[Path] = (), outputs: Sequence[Path] = ()) -> None:
    _equal(f"inputs of {run.job}", run.files("inputs"), digests(inputs))
    _equal(f"outputs of {run.job}", run.files("outputs"), digests(outputs))


def _equal(what: str, found: object, expected: object) -> None:
    assert found == expected, f"{what}: {found}, expected {expected}"


TRIALS: dict[str, Callable[[Bench], None]] = {scenario.name: globals()[scenario.name] for scenario in SCENARIOS}
"""How each scenario is tried, by its name."""
