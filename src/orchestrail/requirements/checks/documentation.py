"""DOC-01, DOC-02, DOC-03: whether what is described is what ran, and whether the documentation is whole and current."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrail.manifest import ARROW
from orchestrail.queries.models import DeployedModel, Described, DocumentRow, Model
from orchestrail.queries.pipelines import Declared
from orchestrail.queries.statements import State, Statement
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.engine import judges
from orchestrail.requirements.limits import NEITHER
from orchestrail.requirements.overlay import shown
from orchestrail.requirements.verdicts import Result, Status, Why, Witness, failed, passed, unknown

_SHOWN = 10
_POINT = "IV("
"""How the name of a point of Annex IV begins."""


@judges("DOC-01", of=Declared, subject="a pipeline that was declared")
def the_description_is_what_ran(declared: Declared, circumstances: Circumstances) -> Iterator[Result]:
    """The declared steps and edges of a pipeline are those that were observed; what no run need take is marked."""
    said, seen = declared.pipeline, declared.observed
    job = seen.job
    if said is None:
        why = "nobody declares what the pipeline consists of: `orchestrail manifest steps` prints it from what ran"
        yield unknown(job, Why.NO_ATTESTATION, why)
        return
    if not seen.processes:
        yield unknown(job, Why.NO_SUBJECTS, "no recorded run is of the declared pipeline")
        return
    steps = {**seen.skipped, **seen.steps}
    extra = [
        Witness(None, seq, "declared", f"{what}: observed, and not declared")
        for what, seq in (
            *((name, seq) for name, seq in steps.items() if name not in said.steps),
            *((ARROW.join(pair), seq) for pair, seq in seen.edges.items() if pair not in said.pairs),
        )
    ]
    found = {*steps, *(ARROW.join(pair) for pair in seen.edges)}
    absent = [what for what in (*said.steps, *said.edges) if what not in found and what not in said.not_taken]
    shown = [*extra, *(Witness(None, None, "declared", f"{what}: declared, and never observed") for what in absent)]
    if shown:
        yield failed(job, f"{len(shown)} steps and edges differ: {shown[0].detail}", *shown)
    else:
        yield passed(job)


@judges("DOC-02", of=Described, subject="a model", beyond=NEITHER)
def every_point_has_a_status(described: Described, circumstances: Circumstances) -> Iterator[Result]:
    """The newest documentation of a model has no point of Annex IV in which something is missing or partial."""
    if not described.documents:
        here = Witness(described.run_id, described.seq, "outputs", described.name)
        why = "no technical documentation of it was made: `orchestrail document`"
        yield unknown(described.key, Why.NOT_EVALUATED, why, here, label=described.name)
        return
    newest = described.documents[-1]
    here = Witness(None, newest.seq, "points", f"{newest.missing} missing, {newest.partial} partial")
    if newest.missing or newest.partial:
        yield failed(described.key, f"of its newest documentation {here.detail} points", here, label=described.name)
    else:
        why = f"the documentation of {newest.day} has a status for each point"
        yield Result(described.key, Status.ATTESTED, why, label=described.name, witnesses=(here,))


@judges("DOC-03", of=DeployedModel, subject="a model that is deployed")
def the_documentation_is_current(deployed: DeployedModel, circumstances: Circumstances) -> Iterator[Result]:
    """Of the model of a deployment in use there is a documentation made after that began, and what it cites still stands."""
    deployment, model = deployed.deployment, deployed.model
    if not deployment.active:
        return
    run, label = deployment.run, deployment.name
    here = Witness(run.run_id, run.first_seq, "serving", deployment.digest or "no digest")
    if model is None or not model.documents:
        yield failed(run.run_id, "no technical documentation covers the model that it serves", here, label=label)
    elif model.documents[-1].size <= run.first_seq:
        newest = model.documents[-1]
        made = Witness(None, newest.seq, "day", newest.day)
        yield failed(run.run_id, "the newest documentation is older than the deployment", made, here, label=label)
    elif ended := list(_ended_since(model, model.documents[-1], circumstances)):
        why = f"a statement that stood when the newest documentation was made no longer does: {ended[0].state}"
        yield failed(run.run_id, why, *map(shown, ended[:_SHOWN]), here, label=label)
    else:
        yield passed(run.run_id, label)


def _ended_since(model: Model, document: DocumentRow, circumstances: Circumstances) -> Iterator[Statement]:
    """Give what persons stated about points of Annex IV that stood when a documentation was made, and does not any more."""
    systems = {run.system for run in model.closure}
    placed = {one.id: one.seq for one in circumstances.statements}
    for one in circumstances.statements:
        of_system = one.subject.kind == "system" and one.subject.name.partition("@")[0] in systems
        of_it = one.subject.digest == model.key or of_system
        if one.kind != "statement" or not of_it or not any(name.startswith(_POINT) for name in one.about):
            continue
        if one.seq > document.seq or one.made_at[:10] > document.day:
            continue
        expired = one.state is State.EXPIRED and str(one.valid_until) >= document.day
        if expired or placed.get(one.by_id or "", 0) > document.seq:
            yield one
