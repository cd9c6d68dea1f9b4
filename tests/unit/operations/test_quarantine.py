"""What was refused can be listed, shown and tried again."""

from __future__ import annotations

import pytest

from orchestrail.errors import ConfigurationError, EventRefused
from orchestrail.operations import quarantine as module
from orchestrail.operations.collect import collect
from orchestrail.operations.ingest import ingest
from orchestrail.operations.quarantine import list_quarantined, retry_quarantined, show_quarantined
from orchestrail.operations.tokens import Scope, Tokens
from orchestrail.operations.verify import verify
from orchestrail.store.base import Refused
from orchestrail.store.envelope import event_id
from orchestrail.transport.spool import Spool

EVENT = b'{"eventTime":"2026-03-01T12:00:00Z","producer":"p","schemaURL":"s","job":{"namespace":"n","name":"%s"}}'


@pytest.fixture
def strict(monkeypatch):
    """Rules of an earlier version, which refused what the present one accepts."""
    from orchestrail.operations import intake

    def refusing(body):
        raise EventRefused("not_openlineage", "Unknown to this version.")

    with monkeypatch.context() as patched:
        patched.setattr(intake, "validate", refusing)
        yield patched


@pytest.fixture
def tokens(settings):
    return Tokens(settings.home)


def counts(result):
    return result.appended, result.duplicates, result.quarantined


def test_listing_and_showing(store, tmp_path):
    """Entries are listed in order, and shown whole by number."""
    file = tmp_path / "bad.jsonl"
    file.write_bytes(b'{"a": 1}\n{"b": 2}\n')
    ingest(store, [file])
    first, second = list_quarantined(store)
    assert (first.id, second.id) == (1, 2)
    assert show_quarantined(store, 2).body == b'{"b": 2}'
    with pytest.raises(ConfigurationError, match="no quarantine entry 3"):
        show_quarantined(store, 3)


def test_retrying_what_is_still_refused(store, tmp_path, tokens):
    """An entry that is as bad as before stays as it is."""
    file = tmp_path / "bad.json"
    file.write_bytes(b"{}")
    ingest(store, [file])
    assert counts(retry_quarantined(store, tokens)) == (0, 0, 1)
    assert len([*list_quarantined(store)]) == 1


def test_retrying_spooled_events_under_new_rules(settings, store, strict, tokens):
    """A spooled event gets the id it would have had, so that its segment brings no second one; the entry stays, marked."""
    spool = Spool(settings.spool)
    spool.append(EVENT % b"a")
    spool.append(EVENT % b"b")
    assert collect(settings, store).quarantined == 2
    strict.undo()
    assert counts(retry_quarantined(store, tokens, [2])) == (1, 0, 0)
    assert [entry.id for entry in list_quarantined(store)] == [1]
    resolved = show_quarantined(store, 2)
    (record,) = store.records()
    assert record.body == EVENT % b"b"
    assert record.event_id == event_id(resolved.nonce, resolved.body).hex() == resolved.event_id
    result = collect(settings, store)
    assert (result.appended, result.duplicates) == (1, 1)
    assert counts(retry_quarantined(store, tokens)) == (0, 1, 0)
    assert [*list_quarantined(store)] == []
    assert len([*list_quarantined(store, resolved=True)]) == 2
    assert store.gaps() == []
    assert verify(settings).ok
    spool.close()


def test_retrying_foreign_events_under_new_rules(settings, store, strict, tmp_path, tokens):
    """A foreign event is appended like any other."""
    file = tmp_path / "events.jsonl"
    file.write_bytes(EVENT % b"a" + b"\n" + EVENT % b"a" + b"\n")
    assert ingest(store, [file]).quarantined == 2
    strict.undo()
    assert counts(retry_quarantined(store, tokens)) == (1, 1, 0)
    assert verify(settings).ok


def test_naming_an_entry_that_does_not_exist(store, tokens):
    """A wrong number is an error before anything is tried."""
    with pytest.raises(ConfigurationError):
        retry_quarantined(store, tokens, [7])
    assert [*module.list_quarantined(store)] == []


def test_retrying_goes_no_further_than_the_sender_might(store, tokens):
    """What came over the network is tried again with the rights of its sender, while these are known, and is no record of ours."""
    bound, _ = tokens.create("scoring", [Scope.WRITE], ["scoring"])
    of_all, _ = tokens.create("airflow", [Scope.WRITE])
    ended, _ = tokens.create("old", [Scope.WRITE])
    tokens.revoke(ended.id)
    run = (
        EVENT[:-1] % b"a"
        + b',"run":{"runId":"0192f000-0000-7000-8000-000000000001","facets":{"orchestrail_run":{"system":"%s"}}}}'
    )
    record = (
        EVENT.replace(b'"p"', b'"urn:orchestrail:manifest:0.1.0"')[:-2] % b"a"
        + b',"facets":{"orchestrail_manifest":{}}}}'
    )
    refused = [
        (record, "http"),
        (record, f"spool:1 {of_all.source}"),
        (run % b"fraud", f"spool token:of-mine {bound.source}"),
        (EVENT % b"a", f"spool {ended.source}"),
        (EVENT % b"b", "spool token:00000000"),
        (EVENT % b"c", "oidc:0123"),
    ]
    store.append([], [Refused(body, "cut_off", "Torn.", source) for body, source in refused])
    result = retry_quarantined(store, tokens)
    assert (counts(result), result.forbidden) == ((0, 0, 6), 6)
    assert store.size() == 0

    store.append([], [Refused(run % b"scoring", "cut_off", "Torn.", bound.source)])
    store.append(
        [],
        [
            Refused(run % b"fraud", "cut_off", "Torn.", f"spool {of_all.source}"),
            Refused(record, "cut_off", "", "a.json"),
        ],
    )
    result = retry_quarantined(store, tokens)
    assert (counts(result), result.forbidden) == ((3, 0, 6), 6)
