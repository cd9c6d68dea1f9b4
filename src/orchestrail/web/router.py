"""The addresses of the pages, and what becomes of an error there. What a page shows is the matter of the module of its name.

Annotations are no text here: FastAPI reads them, and some name what is given to `create_router`.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from pydantic import StringConstraints

from orchestrail.errors import AmbiguousRun, ConfigurationError, Forbidden, NotRecorded, OrchestrailError, UnknownRun
from orchestrail.model import DatasetRef
from orchestrail.operations.checking import Question
from orchestrail.queries.overview import system_names
from orchestrail.queries.snapshot import Snapshot, Store, is_behind, is_whole
from orchestrail.queries.times import today
from orchestrail.web import addresses, compare, data, document, graph, lineage, log, overview, requirements, runs
from orchestrail.web.judging import Judge
from orchestrail.web.rendering import HEADERS, page, static_files
from orchestrail.web.runs import Wanted
from orchestrail.web.text import sent

_STATUS: dict[type[OrchestrailError], int] = {
    ConfigurationError: 400,
    Forbidden: 403,
    UnknownRun: 404,
    NotRecorded: 404,
    AmbiguousRun: 409,
}
"""What a page says of an error; others, such as that somebody has to sign in, are the server's to answer."""

Text = Annotated[str | None, Query(max_length=addresses.LONGEST)]
Mark = Annotated[str, StringConstraints(pattern="^[0-9a-f]{12}$")]
Place = Annotated[int | None, Query(ge=0, lt=2**62)]


class _Page(APIRoute):
    """A page: an error of ours becomes a page too."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except OrchestrailError as error:
                if type(error) not in _STATUS:
                    raise
                return error_page(_STATUS[type(error)], error.what, error.why, error.do)
            except RequestValidationError as error:
                return _unusable(error.errors()[0])

        return answered


_WHY = {
    "missing": "It has to be given.",
    "string_too_short": "It has to be given.",
    "string_too_long": "It is longer than the {max_length:,} characters that can be asked for.",
    "string_pattern_mismatch": "It is none of what is known here.",
    "int_parsing": "It is no whole number.",
    "bool_parsing": "It is neither true nor false.",
}


def _unusable(problem: Mapping[str, Any]) -> HTMLResponse:
    """Make the page of an address of which a part cannot be used: there is no page of it, or it cannot be asked for."""
    place, *names = problem["loc"]
    what = f"{'.'.join(str(name) for name in names)} cannot be used."
    why = _WHY[problem["type"]].format_map(problem.get("ctx", {})) if problem["type"] in _WHY else f"{problem['msg']}."
    return error_page(404 if place == "path" else 400, what, why, "Go back, or look something up.")


def error_page(status: int, what: str, why: str = "", do: str = "") -> HTMLResponse:
    """Make the page of an error, with the ways on from there.

    Args:
        status: of HTTP.
        what: what happened.
        why: the cause, as far as it is known.
        do: what the reader can do about it.
    """
    return page("error", status, what=what, why=why, do=do, status=status)


def not_found(path: str) -> HTMLResponse:
    """Make the page of an address that there is none at."""
    return error_page(404, f"There is no page at {path}.", "", "The links above lead to all that there is.")


def shown(record: Snapshot, template: str, values: dict[str, Any]) -> HTMLResponse:
    """Render a page of what the record holds, which says so where the log holds more."""
    return page(template, **values, behind=is_behind(record), sees_log=is_whole(record))


def create_router(
    store: Store,
    judge: Judge,
    read: Callable[[Request], AsyncIterator[Snapshot]],
    read_all: Callable[[Request], AsyncIterator[Snapshot]],
    systems_of: Callable[[Request], frozenset[str] | None],
) -> APIRouter:
    """Make the pages.

    Args:
        store: the record.
        judge: gives the verdicts.
        read: gives a snapshot of what the caller may see.
        read_all: gives a snapshot of all systems, and refuses those who may not see all.
        systems_of: names the systems that the caller may see, None for all; asked after `read`.
    """
    router = APIRouter(default_response_class=HTMLResponse, route_class=_Page, include_in_schema=False)
    made = document.Documents(store, judge.catalogue)
    lineages = lineage.Lineages()
    Record = Annotated[Snapshot, Depends(read)]
    Whole = Annotated[Snapshot, Depends(read_all)]
    of_all = [Depends(read_all)]

    def asked_of(
        request: Request,
        record: Record,
        profile: Annotated[str, Query(pattern="^(build|release|operate)$")] = "build",
        system: Text = None,
        target: Text = None,
    ) -> Question:
        if system and "\r\n" in system:
            system = sent(system, system_names(record))
        return Question(target or None, system or None, profile, today(), afar=True, systems=systems_of(request))

    Asked = Annotated[Question, Depends(asked_of)]

    @router.get("/")
    def show_overview(request: Request, record: Record) -> Response:
        return shown(
            record, "overview", overview.overview(record, store, judge if systems_of(request) is None else None)
        )

    @router.get("/runs")
    def list_runs(record: Record, wanted: Annotated[Wanted, Depends()]) -> Response:
        return shown(record, "runs", runs.listing(record, wanted))

    @router.get("/runs/{run_id}")
    def show_run(record: Record, run_id: str, live: bool = True) -> Response:
        found = runs.find(record, run_id)
        if found.run_id != run_id:
            return RedirectResponse(addresses.run(found.run_id), 303)
        return shown(record, "run", runs.one(record, found, live=live))

    @router.get("/models")
    def list_models(record: Record, before: Text = None) -> Response:
        return shown(record, "models", data.models(record, before))

    @router.get("/datasets")
    def list_datasets(record: Record, wanted: Annotated[data.Wanted, Depends()]) -> Response:
        return shown(record, "datasets", data.datasets(record, wanted))

    @router.get("/data/{digest}")
    def show_content(request: Request, record: Record, digest: str) -> Response:
        found = data.find_digest(record, digest)
        if found.digest != digest and (address := addresses.data(found)):
            return RedirectResponse(address, 303)
        return shown(record, "data", data.one(record, found, judge, systems_of(request)))

    @router.get("/data")
    def show_named(
        request: Request, record: Record, namespace: Text = None, name: Text = None, version: Text = None
    ) -> Response:
        found = data.find_named(record, DatasetRef(namespace or "", name or "", version=version))
        return shown(record, "data", data.one(record, found, judge, systems_of(request)))

    @router.get("/documents/{digest}")
    def show_document(record: Whole, digest: str) -> Response:
        found = data.find_digest(record, digest)
        return shown(record, "documentation", document.one(record, made, found))

    @router.get("/documents/{digest}/{name}")
    def give_document(record: Whole, digest: str, name: str) -> Response:
        content = document.file(made, data.find_digest(record, digest), name)
        if content is None:
            return not_found(f"/documents/{digest}/{name}")
        saved = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(content, media_type="application/octet-stream", headers=HEADERS | saved)

    @router.get("/lineage")
    def show_lineage(
        record: Record,
        target: Annotated[str, Query(min_length=1, max_length=addresses.LONGEST)],
        direction: Annotated[str, Query(pattern="^(back|forward)$")] = "back",
        opened: Annotated[list[Mark] | None, Query(alias="open", max_length=graph.OPENED)] = None,
        boxes: Annotated[int, Query(ge=1, le=graph.MOST)] = graph.DRAWN,
    ) -> Response:
        unfolded = list(dict.fromkeys(opened or []))
        return shown(record, "lineage", lineage.lineage(record, lineages, target, direction, unfolded, boxes))

    @router.get("/requirements")
    def list_requirements(record: Record, asked: Asked) -> Response:
        return shown(record, "requirements", requirements.matrix(record, judge, asked))

    @router.get("/requirements/{identifier}")
    def show_requirement(record: Record, identifier: str, asked: Asked) -> Response:
        return shown(record, "requirement", requirements.one(judge, identifier, asked))

    @router.get("/log")
    def show_log(record: Whole, before: Place = None) -> Response:
        return shown(record, "log", log.listing(record, store, before))

    @router.get("/log/checkpoints")
    def list_checkpoints(record: Whole, before: Place = None) -> Response:
        return shown(record, "checkpoints", log.heads(record, before))

    @router.get("/log/quarantine", dependencies=of_all)
    def list_refused(every: Annotated[bool, Query(alias="all")] = False, before: Place = None) -> Response:
        return page("quarantine", **log.refused(store, before, every=every))

    @router.get("/log/quarantine/{number}", dependencies=of_all)
    def show_refused(number: Annotated[int, log.Number]) -> Response:
        return page("refused", **log.one_refused(store, number))

    @router.get("/log/{seq}")
    def show_entry(record: Whole, seq: Annotated[int, log.Number]) -> Response:
        return shown(record, "entry", log.one(record, seq))

    @router.get("/log/{seq}/event")
    def give_event(record: Whole, seq: Annotated[int, log.Number]) -> Response:
        saved = {"Content-Disposition": f'attachment; filename="entry-{seq}.json"'}
        return Response(log.event(record, seq), media_type="application/octet-stream", headers=HEADERS | saved)

    @router.get("/compare")
    def show_comparison(record: Record, a: Text = None, b: Text = None) -> Response:
        return shown(record, "compare", compare.compare(record, a, b))

    @router.get("/find")
    def find(record: Record, target: Text = None) -> Response:
        if not (target and target.strip()):
            return page("find", target="", problem=None)
        try:
            return RedirectResponse(data.address_of(record, target), 303)
        except (NotRecorded, UnknownRun, AmbiguousRun, ConfigurationError) as error:
            return page("find", _STATUS[type(error)], target=target, problem=error)

    @router.get("/static/{name}")
    def give_file(name: str) -> Response:
        found = static_files().get(name)
        if found is None:
            return not_found(f"/static/{name}")
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(found[0], media_type=found[1], headers=HEADERS | kept)

    return router
