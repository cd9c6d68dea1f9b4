"""Which subjects of a requirement its page makes a link of."""

from __future__ import annotations

from types import ModuleType

import pytest

from orchestrail.web.requirements import leads


def test_runs_contents_and_named_data_sets_have_a_page(made: ModuleType) -> None:
    """As results name them."""
    assert all(map(leads, (made.run_id(1), made.digest("m"), "file:/data/a b.csv", "s3://bucket:key")))


@pytest.mark.parametrize("subject", ["airflow", "record", "clean 1.0.0", "scoring@1", "file:/m@3", ""])
def test_what_is_no_one_thing_on_the_record_has_none(subject: str) -> None:
    """An orchestrator, the record, an operation, a system, a version: a link of it led to a page that says that there is none."""
    assert not leads(subject)
