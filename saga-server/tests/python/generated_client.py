"""A client of the API as a stranger has it: made by a generator from docs/openapi.json, and called with its own types.

It records a saga that fails, finds it by pages, reads and corrects it, and is refused as the description says. Arguments: the URL,
the token of an operator. Any failure ends it with a message on standard error and a status that is not 0.
"""

import sys
import time
from datetime import datetime, timedelta, timezone

from saga_tracker import AuthenticatedClient
from saga_tracker.api.events import record_events
from saga_tracker.api.health import readiness
from saga_tracker.api.operation import correct_status, dead_letters
from saga_tracker.api.sagas import attention, saga, sagas, sagas_table, statistics, steps
from saga_tracker.models import (
    Correction,
    ErrorCode,
    Event,
    EventMetadataType0,
    EventOutcome,
    MetadataFilter,
    SagaStatus,
)

SAGAS = ["python-1", "python-2", "python-3"]
# Long enough ago for its compensation to be overdue.
BEGAN = datetime.now(timezone.utc).replace(microsecond=123000) - timedelta(hours=2)


def event(saga_id, number, step, status, **metadata):
    service = {"producerService": "order-service", "customerId": "Zoë", "items": [{"sku": "A-1"}]}
    return Event(
        event_id=f"{saga_id}-{number}",
        saga_id=saga_id,
        saga_type="ORDER_CREATION",
        step=step,
        status=status,
        order_id=f"ORD-{saga_id}",
        recorded_at=BEGAN + timedelta(seconds=number),
        metadata=EventMetadataType0.from_dict(service | metadata),
    )


def record(client):
    for saga_id in SAGAS:
        events = [
            event(saga_id, 0, "ORDER_CREATED", SagaStatus.STARTED),
            event(saga_id, 1, "STOCK_RESERVED", SagaStatus.COMPLETED),
            event(saga_id, 2, "PAYMENT_FAILED", SagaStatus.FAILED, failureReason="no funds"),
        ]
        answer = record_events.sync(client=client, body=events)
        assert answer.accepted == 3, answer
        assert {result.outcome for result in answer.results} == {EventOutcome.ACCEPTED}, answer
    answer = record_events.sync_detailed(client=client, body=[event("python-1", 9, "not a step", SagaStatus.FAILED)])
    assert answer.status_code == 400 and answer.parsed.error == ErrorCode.BAD_REQUEST, answer
    assert answer.parsed.results[0].outcome == EventOutcome.REFUSED, answer


def eventually(holds):
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not come true in 60 s"
        time.sleep(0.05)


def until_stored(client):
    for saga_id in SAGAS:
        eventually(lambda: getattr(saga.sync(saga_id, client=client), "step_count", 0) == 3)
    eventually(lambda: attention.sync(client=client).owing.total >= 3)
    eventually(lambda: dead_letters.sync(client=client).content)


def read(client):
    found = saga.sync("python-1", client=client)
    assert (found.current_status, found.failed_step) == (SagaStatus.FAILED, "PAYMENT_FAILED"), found
    assert found.failure_reason == "no funds" and "STOCK_RESERVED" in found.outstanding_compensations, found
    assert found.started_at == BEGAN and found.expected is None and found.freshness.up_to_date is not None, found
    assert saga.sync("python-1", client=client, as_of=BEGAN.isoformat()).step_count == 1
    history = steps.sync("python-1", client=client)
    assert [step.step for step in history.steps] == ["ORDER_CREATED", "STOCK_RESERVED", "PAYMENT_FAILED"], history
    assert history.steps[0].metadata["items"] == [{"sku": "A-1"}] and history.steps[0].trace_id is None, history


def find(client):
    """Page by page, in two orders of the same filters."""
    filters = {"status": SagaStatus.FAILED, "from_date": BEGAN.date().isoformat()}
    filters["metadata"] = MetadataFilter.from_dict({"metadata.customerId": "Zoë"})
    found, page = [], sagas.sync(client=client, size=2, sort="startedAt,asc", **filters)
    assert page.page.total_elements >= 3 and page.page.total_is_exact, page
    while True:
        found += [entry.saga_id for entry in page.content]
        if page.next_cursor is None:
            break
        page = sagas.sync(client=client, size=2, cursor=page.next_cursor, **filters)
    assert set(SAGAS) <= set(found) and len(found) == len(set(found)), found
    table = sagas_table.sync(client=client, **filters).payload.read().decode()
    assert all(saga_id in table for saga_id in SAGAS), table


def sum_up(client):
    totals = statistics.sync(client=client, saga_type="ORDER_CREATION")
    assert totals.by_status["FAILED"] >= 3 and totals.by_type["ORDER_CREATION"] == totals.total, totals
    late = attention.sync(client=client)
    assert any(group.step == "STOCK_RESERVED" and group.sagas >= 3 for group in late.owing.groups), late
    letters = dead_letters.sync(client=client, size=1)
    assert letters.content[0].reason and letters.content[0].payload.text == "no event", letters
    parts = readiness.sync(client=client)
    assert parts.components["db"].status == "UP", parts


def correct(client):
    order = Correction(status=SagaStatus.COMPENSATED, reason="undone by hand")
    corrected = correct_status.sync("python-1", client=client, body=order)
    assert (corrected.previous_status, corrected.current_status) == (SagaStatus.FAILED, SagaStatus.COMPENSATED), corrected
    again = correct_status.sync_detailed("python-1", client=client, body=order)
    assert again.status_code == 409 and again.parsed.error == ErrorCode.CONFLICT, again


def be_refused(client, url):
    refused = sagas.sync_detailed(client=client, size=1000)
    assert refused.status_code == 400 and refused.parsed.error == ErrorCode.BAD_REQUEST, refused
    assert "size" in refused.parsed.details, refused
    missing = saga.sync_detailed("python-none", client=client)
    assert missing.status_code == 404 and missing.parsed.error == ErrorCode.NOT_FOUND, missing
    stranger = AuthenticatedClient(base_url=url, token="nobody's")
    assert sagas.sync(client=stranger).error == ErrorCode.UNAUTHORIZED


def main(url, token):
    client = AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True)
    for part in (record, until_stored, read, find, sum_up, correct):
        part(client)
    be_refused(client, url)


if __name__ == "__main__":
    main(*sys.argv[1:])
