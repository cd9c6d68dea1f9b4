from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrail.projections.apply import apply
from orchestrail.queries.datasets import LOOKED_AT, datasets
from orchestrail.queries.snapshot import snapshot

NAMES = st.sampled_from(["/a", "/a%", "/a_", "/ab", "/A", "/b\U0001f600", "x" * 300])
USES = st.lists(
    st.tuples(NAMES, st.sampled_from(["file", "s3://b"]), st.sampled_from("xyz"), st.booleans()), max_size=12
)


def used(made: Any, uses: list[tuple[str, str, str, bool]]) -> Any:
    """A record in which each of some runs read or wrote one content of a name in a namespace."""
    log = made.MemoryLog()
    for number, (name, namespace, content, wrote) in enumerate(uses, 1):
        data = made.dataset(name, content) | {"namespace": namespace}
        log.add(
            made.event(
                "COMPLETE", number, second=number, **{"outputs" if wrote else "inputs": [data]}, job=f"job {number}"
            )
        )
    apply(log)
    return log


@settings(max_examples=40)
@given(uses=USES, limit=st.integers(1, 4), wanted=NAMES)
def test_each_name_once_in_their_order(made, uses, limit, wanted):
    """Page by page all names, whatever signs are in them; and by a filter those that fit it, `*` alone standing for any text."""
    with snapshot(used(made, uses)) as record:
        found, after = [], None
        while page := datasets(record, limit, after=after):
            found += page
            after = page[-1].name, page[-1].namespace
        assert [(one.name, one.namespace) for one in found] == sorted(
            {(name, namespace) for name, namespace, *_ in uses}
        )
        for one in found:
            own = [use for use in enumerate(uses, 1) if use[1][:2] == (one.name, one.namespace)]
            for last, wrote in ((one.written, True), (one.read, False)):
                numbers = [number for number, use in own if use[3] == wrote]
                assert (last.run_id if last else None) == (made.run_id(numbers[-1]) if numbers else None)
                assert (last.jobs if last else ()) == tuple(f"job {number}" for number in numbers[::-1])
            assert one.contents == len({use[2] for _, use in own})
        fitting = {one.name for one in datasets(record, 20, name=wanted, namespace="file")}
        assert fitting == {name for name, space, *_ in uses if name.lower() == wanted.lower() and space == "file"}


def test_what_was_used_often_says_that_there_is_more(made):
    """Of the last uses alone is told what they were; a model is one whatever those who read it took it for."""
    log = used(made, [("/often", "file", str(number), False) for number in range(LOOKED_AT + 1)])
    log.add(made.event("COMPLETE", 99, second=99, outputs=[made.dataset("/m", "m", kind="model")], job="fit"))
    log.add(made.event("COMPLETE", 100, second=100, inputs=[made.dataset("/m", "m")], job="package"))
    with snapshot(log) as record:
        model, often = datasets(record, 9)
        assert [one.name for one in datasets(record, 9, kind="model")] == ["/m"]
        assert [one.name for one in datasets(record, 9, name="*OFT*")] == ["/often"]
    assert (model.kind, model.written.jobs, model.read.jobs, model.more) == ("model", ("fit",), ("package",), False)
    assert (often.kind, often.contents, often.more, often.read.more) == ("data", LOOKED_AT, True, True)


def test_names_are_read_off_their_index(made):
    """Where a page begins is one look into it, and nothing is sorted."""
    log = used(made, [("/a", "file", "x", False)])
    with snapshot(log) as record:
        named = "SELECT DISTINCT name, namespace FROM proj_use WHERE (name, namespace) > ('/a', 'file')"
        plan = record.exec_driver_sql(f"EXPLAIN QUERY PLAN {named} ORDER BY name, namespace LIMIT 9").all()
    assert [step[3] for step in plan] == ["SEARCH proj_use USING COVERING INDEX proj_use_name ((name,namespace)>(?,?))"]
