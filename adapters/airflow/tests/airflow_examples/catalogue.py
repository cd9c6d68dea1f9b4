"""Which of the installed example DAGs are run, and why the others are not. Data: nothing is run or judged here."""

from __future__ import annotations

from collections.abc import Collection, Iterable

INDEX = "makes virtual environments: needs a package index"
SERVICE = "asks a service on the network"
LEFT_OUT = {
    "example_analytics": "needs a database server, and belongs to another provider",
    "example_branch_operator": INDEX,
    "example_branch_python_operator_decorator": INDEX,
    "example_dag_decorator": f"{SERVICE} (httpbingo.org)",
    "example_external_task": "waits for a DAG run that a scheduler would have to run",
    "example_external_task_marker_child": "waits for a DAG run that a scheduler would have to run",
    "example_hitl_operator": "waits for a person",
    "example_kubernetes_executor": "needs Kubernetes: without its package the file holds no DAG",
    "example_local_kubernetes_executor": "needs Kubernetes: without its package the file holds no DAG",
    "example_python_decorator": INDEX,
    "example_python_operator": INDEX,
    "example_retry_policy": f"{SERVICE} (api.example.com)",
    "example_sensors": "waits an hour, and for a file that a later task would make",
    "tutorial_objectstorage": f"{SERVICE} (open-meteo.com) and an object store",
    "tutorial_taskflow_api_virtualenv": INDEX,
}
"""DAGs that need more than Airflow, with the reason."""

SHAPES = {
    "mapped task group": "example_task_group_mapping",
    "branches in branches": "example_nested_branch_dag",
    "setup and teardown": "example_setup_teardown_taskflow",
    "short circuit": "example_short_circuit_operator",
    "deferred": "example_time_delta_sensor_async",
    "latest only": "latest_only_with_trigger",
    "a failure": "example_failed_dag",
    "asset alias": "asset_alias_example_alias_producer",
    "trigger": "example_trigger_controller_dag",
    "nested groups": "example_task_group",
    "XCom": "example_xcom",
    "params": "example_params_trigger_ui",
    "bash, with skips": "example_bash_operator",
    "skips and trigger rules": "example_skip_dag",
    "mapped, second order": "example_task_mapping_second_order",
}
"""DAGs that stand for a shape each, the most telling first."""


def chosen(installed: Iterable[str], count: int | None) -> list[str]:
    """Choose `count` of the DAGs that can be run, always the same ones: one for each shape first. All of them for None."""
    able = sorted(set(installed) - LEFT_OUT.keys())
    first = [dag_id for dag_id in SHAPES.values() if dag_id in able]
    return able if count is None else [*first, *(dag_id for dag_id in able if dag_id not in first)][:count]


def reasons(installed: Collection[str]) -> dict[str, str]:
    """Say of each DAG that is never run why not; of those of other versions of Airflow nothing."""
    return {dag_id: why for dag_id, why in LEFT_OUT.items() if dag_id in installed or "holds no DAG" in why}
