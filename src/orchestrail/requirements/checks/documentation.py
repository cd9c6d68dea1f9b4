"""DOC-01, DOC-02, DOC-03: whether what is described is what ran, and whether the documentation is whole and current."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrail.queries.models import Model
from orchestrail.queries.pipelines import Declared
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.engine import judges
from orchestrail.requirements.verdicts import Result, Status, Why, Witness, failed, passed, unknown


@judges("DOC-01", of=Declared)
def the_description_is_what_ran(declared: Declared, circumstances: Circumstances) -> Iterator[Result]:
    """The declared steps and edges of a pipeline are those that were observed; what no run need take is marked."""
    said, seen = declared.pipeline, declared.observed
    job = said.job
    if not seen.processes:
        yield unknown(job, Why.NO_SUBJECTS, "no recorded run is of the declared pipeline")
        return
    steps = [(name, seq) for name, seq in seen.steps.items() if name not in said.steps]
    edges = [(f"{start} -> {end}", seq) for (start, end), seq in seen.edges.items() if (start, end) not in said.pairs]
    extra = [Witness(None, seq, "declared", f"{what}: observed, and not declared") for what, seq in (*steps, *edges)]
    absent = [name for name in said.steps if name not in seen.steps and name not in said.not_taken]
    absent += [
        edge for edge in said.edges if tuple(edge.split(" -> ")) not in seen.edges and edge not in said.not_taken
    ]
    shown = [Witness(None, None, "declared", f"{what}: declared, and never observed") for what in absent]
    if extra or absent:
        first = (*extra, *shown)[0].detail
        yield failed(job, f"{len(extra) + len(absent)} steps and edges differ: {first}", *extra, *shown)
    else:
        yield passed(job)


@judges("DOC-02", of=Model)
def every_point_has_a_status(model: Model, circumstances: Circumstances) -> Iterator[Result]:
    """The newest documentation of a model has no point of Annex IV in which something is missing or partial."""
    label = model.dataset.name
    newest = model.documents[-1] if model.documents else None
    if newest is None:
        here = Witness(model.written[0].run_id, model.written[0].seq, "outputs", label)
        why = "no technical documentation of it was made: `orchestrail document`"
        yield unknown(model.key, Why.NOT_EVALUATED, why, here, label=label)
        return
    here = Witness(None, newest.seq, "points", f"{newest.missing} missing, {newest.partial} partial")
    if newest.missing or newest.partial:
        yield failed(model.key, f"of its newest documentation {here.detail} points", here, label=label)
    else:
        why = f"the documentation of {newest.day} has a status for each point"
        yield Result(model.key, Status.ATTESTED, why, label=label, witnesses=(here,))


@judges("DOC-03", of=Model)
def the_documentation_is_current(model: Model, circumstances: Circumstances) -> Iterator[Result]:
    """For each deployment in use there is a documentation of its model that was made after the deployment began."""
    for deployment in model.deployments:
        if not deployment.active:
            continue
        run = deployment.run
        label = deployment.name
        here = Witness(run.run_id, run.first_seq, "serving", model.key)
        newest = model.documents[-1] if model.documents else None
        if newest is None:
            yield failed(run.run_id, "no technical documentation covers the model that it serves", here, label=label)
        elif newest.size <= run.first_seq:
            made = Witness(None, newest.seq, "size", f"{newest.size} log entries")
            yield failed(run.run_id, "the newest documentation is older than the deployment", made, here, label=label)
        else:
            yield passed(run.run_id, label)
