"""Any request that the server's own description allows, and many that it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from serving import Serving

EXAMPLES = 15


def test_no_request_is_the_servers_own_mistake(serve: Callable[..., Serving]) -> None:
    """Whatever is asked or sent, the answer is never a failure of the server's, and a refusal has its parts."""
    server = serve("--rate", "1000000")
    described = schemathesis.openapi.from_url(f"{server.url}/api/v1/openapi.json")
    # What goes to /spool is no JSON: it has tests of its own.
    operations = [found.ok() for found in described.exclude(path="/api/v1/spool").get_all_operations()]
    assert len(operations) > 10

    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        def ask(case: Any) -> None:
            answer = case.call(timeout=60)
            assert answer.status_code < 500, answer.text
            if answer.status_code >= 400:
                assert {"code", "what", "why", "do"} <= set(answer.json()) or "status" in answer.json()

        ask()
