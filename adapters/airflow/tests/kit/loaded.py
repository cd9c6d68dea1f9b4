"""What a process of Airflow imports and builds before its first task runs, done once for all processes of the kit.

The interface between tasks and server is the larger part of it in Airflow 3: it is built at its first request.
"""

import asyncio
import importlib
from importlib.metadata import version

IS_2 = version("apache-airflow").startswith("2.")

for name in (
    "airflow.settings",
    "airflow.models.dagbag",
    "airflow.models.taskinstance",
    "airflow.providers.common.compat.sdk",
    "airflow.providers.standard.decorators.short_circuit",
    "airflow.utils.log.file_task_handler",
):
    importlib.import_module(name)

if not IS_2:
    import httpx
    from airflow.sdk.execution_time.supervisor import in_process_api_server

    async def first_request() -> None:
        """Ask for what is not there."""
        async with httpx.AsyncClient(transport=in_process_api_server().atransport, base_url="http://kit") as client:
            await client.get("/nothing")

    asyncio.run(first_request())
