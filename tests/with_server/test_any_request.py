"""Any request that the server's own description allows, and many that it does not."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from serving import Serving

EXAMPLES = 15


@pytest.fixture
def described(serve: Any) -> Any:
    """What the server says of itself."""
    server: Serving = serve("--rate", "1000000")
    return schemathesis.openapi.from_url(f"{server.url}/api/v1/openapi.json")


# What goes to /spool is no JSON: it has tests of its own.
schema = schemathesis.pytest.from_fixture("described").exclude(path="/api/v1/spool")


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_is_the_servers_own_mistake(case: Any) -> None:
    """Whatever is asked or sent, the answer is never a failure of the server's, and a refusal has its parts."""
    answer = case.call(timeout=60)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and answer.text and case.method != "HEAD":
        assert {"code", "what", "why", "do"} <= set(answer.json()) or "status" in answer.json()
