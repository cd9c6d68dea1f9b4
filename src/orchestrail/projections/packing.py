"""Texts that take little room: JSON of one usual form, compressed against what nearly all of it has in common.

A database holds bytes, and the code texts, by the type of the column alone. Nothing is filtered or joined on such a column. Another
build of the compressor may write other bytes for the same text, so what is compared is the text.
"""

from __future__ import annotations

import zlib
from typing import Any

from sqlalchemy import Dialect, LargeBinary
from sqlalchemy.types import TypeDecorator

_LEVEL, _WINDOW, _MEMORY = 6, -12, 5
"""A window of 4 kB without header: what is to be found again lies near, and setting up a larger one would take most of the time."""

USUAL_FACTS = (
    b'{"error":null,"preprocessing":{"operation":"","version":"1.0.0","derived":false,"code_digest":"py-tokens-2:sha256:",'
    b'"parameters_digest":"sha256:","state_digest":null},"serve_time":null,"fits_state":null,"train_only":null,"calls":[],'
    b'"code":{"digest":"py-tokens-2:sha256:","repository":null,"commit":"","dirty":false,"path":".py","name":"","modules":{}},'
    b'"parameters":null,"environment_facts":{"digest":"sha256:","memoryBytes":,"session":null,"limits":{"usableCpus":2,"cpus":null,'
    b'"memoryBytes":null},"container":{"runtime":"docker","id":null,"image":null,"imageDigest":null,"toldBy":null},"python":'
    b'{"implementation":"cpython","version":"3.11.7"},"platform":{"system":"Linux","release":"","machine":"x86_64","distribution":'
    b'"Debian GNU/Linux","libc":"glibc 2.36"},"cpu":{"count":,"model":""},"gpus":[],"distributions":{"numpy":"2.","pandas":"2."}},'
    b'"capabilities":["attempts","cache_origin","code_digest","dataset_version","environment","manual_changes","parameters","skips"],'
    b'"findings":[{"kind":"","detail":""}],"serve_time":null,"fits_state":null,"train_only":null,"calls":[],"code":{"digest":null,'
    b'"repository":null,"commit":null,"dirty":null,"path":null,"name":null,"modules":{}},"parameters":{},"environment_facts":null,'
    b'"capabilities":null,"findings":[],"tags":[],"metrics":[],"checks":[],"serving":[],"seeds":[],"usage":{"wall_seconds":0.0,'
    b'"processor_seconds":0.0,"thread_seconds":0.0,"child_seconds":0.0,"peak_memory_bytes":},"not_captured":[],"owner":{"host":"",'
    b'"bootId":"","pidNamespace":"pid:[4026531836]","pid":,"startTicks":},"inferred":[],"ends":[{"producer":'
    b'"urn:orchestrail:prefect:0.1.0","state":"COMPLETE","at":"2026-","seq":,"inferred":false,"reason":null,"error":null,"by_hand":'
    b'false,"changed_by":null,"changed_at":null}],"changes":[],"upstream":[],"downstream":[],"order_only":[]}'
)
"""What a run's facts look like; any change of it is another version of the tables."""

USUAL_RESULTS = (
    b'"status":"fail","reason":"it names no input","why":null,"label":"","witnesses":[{"run_id":"","sequence":,"field":"inputs'
    b' and outputs","detail":"none told"}]},{"subject":"sha256:","status":"unknown","reason":"its adapter cannot see whether a'
    b' person acted on it","why":"not_captured","label":"","witnesses":[{"run_id":"","sequence":,"field":"trigger","detail":"n'
    b'ot told"}]}]"reason":"it has not ended yet","why":"not_evaluated","label":"","witnesses":[{"run_id":"","sequence":,"fiel'
    b'd":"state","detail":"RUNNING"}]}][{"subject":"","status":"unknown","reason":"its producer names no parent, and does not '
    b'say whether there is one","why":"not_captured","label":"","witnesses":[{"run_id":"","sequence":,"field":"parent","detail'
    b'":"none named"}]}]'
)
"""The same of the results of a unit."""


class Packed(TypeDecorator[str]):
    """A text that is held compressed."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, usual: bytes) -> None:
        """Name what such texts have in common.

        Args:
            usual: at most 4 kB, the most usual at the end; what is left out of it costs room, nothing else.
        """
        super().__init__()
        self.usual = usual

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """Compress a text."""
        if value is None:
            return None
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zdict=self.usual)
        return packer.compress(value.encode()) + packer.flush()

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """Give the text again; what nobody can have written here is given as it is, for whoever compares, and is no JSON."""
        if value is None:
            return None
        try:
            return zlib.decompressobj(_WINDOW, zdict=self.usual).decompress(value).decode()
        except (zlib.error, TypeError, ValueError):
            return f"not packed: {value!r}"
