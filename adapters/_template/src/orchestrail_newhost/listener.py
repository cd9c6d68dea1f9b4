"""What is recorded when newhost runs something. Where we attach to it is `orchestrail_newhost.seams`' matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrail.adapter import (
    Recorder,
    RunStart,
    StepRun,
    arguments_of,
    carrier_from_environment,
    current_open_run,
    guard,
    new_run_id,
)
from orchestrail_newhost.stand_in import Task


class Listener:
    """Records the tasks of newhost.

    Args:
        recorder: the way to the record.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def began(self, call: tuple[Any, ...], _: Mapping[str, Any]) -> StepRun | None:
        """Put the beginning of a task on the record, before its code runs.

        Args:
            call: what the host's `run_task` was called with.

        Returns:
            Who must be told of the end; None where nothing is recorded.

        Raises:
            RequirementNotMet: mode `enforce` refuses the task.
        """
        task, args, kwargs = call
        with guard("newhost: begin a task"):
            return self._begin(task, args, kwargs)
        return None

    def _begin(self, task: Task, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> StepRun | None:
        within = current_open_run()
        # A host with UUIDs of its own gives them here: `attempt_run_id(uuid, attempt)`, and as `native_id`.
        run_id = new_run_id()
        self._recorder.start(
            RunStart(
                run_id=run_id,
                job_name=task.name if within is None else f"{within.ref.job.name}.{task.name}",
                job_type="TASK",
                parent=within.ref if within is not None else None,
                carrier=carrier_from_environment(),
                function=task.function,
                parameters=arguments_of(task.function, args, kwargs),
            )
        )
        run = self._recorder.open_run(run_id)
        return StepRun(run, self._recorder.enter(run_id)) if run is not None else None
