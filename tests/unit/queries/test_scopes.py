"""What a check takes in."""

from __future__ import annotations

import pytest

from orchestrail.queries.models import model
from orchestrail.queries.scopes import of_target


@pytest.mark.parametrize(
    ("given", "named", "flow"), [("/out/m", "/out/m", 10), ("/again/m", "/again/m", 20), ("copy", "/again/m", 20)]
)
def test_of_two_trainings_with_one_content_the_one_that_is_asked_for_is_judged(
    made, recorded, tmp_path, given, named, flow
):
    """What wrote it under that name lies behind it, and it is called so; of a copy the last. That others wrote it is known all the
    same.
    """

    def training(first, folder):
        made_of, model = made.dataset(f"/{folder}/train", f"{folder}"), made.dataset(f"/{folder}/m", "m", kind="model")
        return [
            made.event("START", first, second=first),
            made.event("COMPLETE", first + 1, parent=first, second=first, outputs=[made_of]),
            made.event("COMPLETE", first + 2, parent=first, second=first + 1, inputs=[made_of], outputs=[model]),
            made.event("COMPLETE", first, second=first + 2),
        ]

    copy = tmp_path / "copy"
    copy.write_text("m")
    connection = recorded(*training(10, "out"), *training(20, "again"))
    scope = of_target(connection, str(copy) if given == "copy" else given)
    assert [root for root, _ in scope.processes] == [made.run_id(flow)]
    assert (scope.kind, scope.name) == ("model", made.digest("m"))
    assert scope.model.dataset.name == named
    assert {run.run_id for run in scope.model.closure} == {made.run_id(flow + number) for number in range(3)}
    assert scope.model.maker.run_id == made.run_id(flow + 2)
    assert {run.run_id for run in scope.model.writers} == {made.run_id(12), made.run_id(22)}


@pytest.mark.parametrize(("folders", "judged"), [(("out", "out"), 20), (("out", "again"), 10)])
def test_where_no_name_is_asked_for_it_is_the_first_one(made, recorded, folders, judged):
    """And of the trainings that wrote it under that name the last. The others are known all the same."""
    connection = recorded(
        *(
            made.event("COMPLETE", number, second=number, outputs=[made.dataset(f"/{folder}/m", "m", kind="model")])
            for number, folder in zip((10, 20), folders, strict=True)
        )
    )
    found = model(connection, made.digest("m"))
    assert found.dataset.name == "/out/m"
    assert [run.run_id for run in found.closure] == [made.run_id(judged)]
    assert [run.run_id for run in found.writers] == [made.run_id(10), made.run_id(20)]
