"""s3transfer, the transfers of boto3 (`upload_file`, `download_file`): its threads work for the run that asked for the transfer.

What they send and receive is seen in botocore, the files at this end through `open`.
"""

from __future__ import annotations

from types import ModuleType

from orchestrail.capture.observers import Patches


def attach(module: ModuleType, patches: Patches) -> None:
    """Have each task run for whom it was made."""
    patches.for_maker(vars(module)["Task"], "__call__")
