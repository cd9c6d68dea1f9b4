"""Facts in the groups that they are judged in."""

from __future__ import annotations

from orchestrail.queries.facts import process_roots, processes
from orchestrail.queries.models import deployments, model, model_keys


def load(connection):
    return list(processes(connection, process_roots(connection)))


def test_a_process_is_a_root_with_all_below_it(made, recorded):
    """By place in the log; a run of another process that it names is at hand too."""
    first, second = load(
        recorded(
            made.event("COMPLETE", 1),
            made.event("COMPLETE", 2, parent=1, outputs=[made.dataset("/clean", "clean")]),
            made.event("COMPLETE", 3),
            made.event("COMPLETE", 4, parent=3, ours={"state": "CACHED", "cachedFrom": made.run_id(2)}),
        )
    )
    assert [run.run_id for run in first.runs] == [made.run_id(1), made.run_id(2)]
    assert [use.dataset.name for use in first.outputs[made.run_id(2)]] == ["/clean"]
    assert [run.run_id for run in first.steps] == [made.run_id(2)]
    assert second.by_id[made.run_id(2)].state == "COMPLETE"


def test_what_an_adapter_can_see_stands_on_the_run_above(made, recorded):
    """Of the same adapter; a foreign producer can see nothing, whatever stands above it."""
    (process,) = load(
        recorded(
            made.event("START", 1, orchestrail_capabilities={"capabilities": ["attempts"]}),
            made.event("START", 2, parent=1),
            made.event("START", 3, parent=2, producer=made.AIRFLOW),
            made.event("START", 4, parent=1, ours={"adapter": "script"}),
        )
    )
    assert [process.can(run, "attempts") for run in process.runs] == [True, True, False, False]
    assert not process.can(process.runs[0], "parameters")


def test_the_checks_of_what_was_trained_on_are_at_hand(made, recorded):
    """Wherever they ran: by the digest of the data set."""
    dataset = {"namespace": "file", "name": "/t", "digest": made.digest("t")}
    check = {"name": "no-nulls", "success": True, "severity": "error", "kind": "quality", "dataset": dataset}
    _, process = load(
        recorded(
            made.event("COMPLETE", 1, orchestrail_checks={"checks": [check]}),
            made.event("COMPLETE", 2, orchestrail_step={"role": "train"}, inputs=[made.dataset("/t", "t")]),
        )
    )
    ((checked, run),) = process.checked[made.digest("t")]
    assert (checked.name, run.run_id) == ("no-nulls", made.run_id(1))


def models_of(made):
    """Task 2 trains a candidate, task 3 packages it, service 4 serves the package."""
    served = {"deployment": "eu", "model": {"namespace": "file", "name": "/m", "digest": made.digest("m")}}
    return [
        made.event("COMPLETE", 1),
        made.event(
            "COMPLETE",
            2,
            parent=1,
            second=1,
            inputs=[made.dataset("/raw", "raw")],
            outputs=[made.dataset("/c", "c", kind="model")],
        ),
        made.event(
            "COMPLETE",
            3,
            parent=1,
            second=2,
            inputs=[made.dataset("/c", "c")],
            outputs=[made.dataset("/m", "m", kind="model")],
        ),
        made.event(
            "START",
            4,
            second=3,
            orchestrail_step={"role": "serve"},
            orchestrail_serving={**served, "preparation": [{"operation": "impute", "version": "1"}]},
            inputs=[made.dataset("/m", "m")],
        ),
    ]


def test_a_part_of_a_model_is_no_model_of_its_own(made, recorded):
    """A candidate that was packaged: the package is the model, with all behind it and all who serve it."""
    connection = recorded(*models_of(made))
    assert model_keys(connection) == [made.digest("m")]
    found = model(connection, made.digest("m"))
    assert [run.run_id for run in found.closure] == [made.run_id(number) for number in (1, 2, 3)]
    assert [traced.dataset.name for traced in found.sources] == ["/raw"]
    assert (found.maker.run_id, found.parts) == (made.run_id(3), {made.digest("c")})
    assert [run.run_id for run in found.readers] == [made.run_id(3), made.run_id(4)]
    (deployment,) = found.deployments
    assert (deployment.digest, deployment.operations[0].operation) == (made.digest("m"), "impute")


def test_a_service_that_states_no_preparation_is_told_from_one_that_does(made, recorded):
    """A deploy step that states nothing leaves it unknown how data is prepared."""
    connection = recorded(
        made.event("START", 1, orchestrail_step={"role": "deploy"}, inputs=[made.dataset("/m", "m", kind="model")]),
        made.event("START", 2, orchestrail_serving={"deployment": "eu", "model": {}, "preparation": []}),
    )
    step, service = deployments(connection, [made.run_id(1), made.run_id(2)])
    assert (step.operations, step.digest) == (None, made.digest("m"))
    assert (service.operations, service.digest) == ((), None)


def test_a_model_that_nothing_wrote_is_none(made, recorded):
    """A digest that was only read."""
    connection = recorded(made.event("COMPLETE", 1, inputs=[made.dataset("/m", "m", kind="model")]))
    assert model(connection, made.digest("m")) is None
