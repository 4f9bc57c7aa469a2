"""A producer that shares no code with Saga Tracker: confluent-kafka, fastavro and the published schemas.

It writes one version 1 and one version 2 event, each in Avro single-object encoding with the saga id as
key, waits for the broker's acknowledgement, and prints each as a line of JSON with where it was stored.
Any failure ends it with a message on standard error and a status that is not 0.
"""

import argparse
import io
import json
import sys
import time
import uuid
from pathlib import Path

import fastavro
from confluent_kafka import KafkaException, Producer
from fastavro.schema import fingerprint, to_parsing_canonical_form

ACKNOWLEDGED_WITHIN_S = 30


def main():
    arguments = parse_arguments()
    events = [
        ("saga-tracker-v1.avsc", event_v1(arguments.saga_id_v1)),
        ("saga-tracker-v2.avsc", event_v2(arguments.saga_id_v2)),
    ]

    producer = Producer(
        {
            "bootstrap.servers": arguments.bootstrap_servers,
            "acks": "all",
            "enable.idempotence": True,
            "message.timeout.ms": ACKNOWLEDGED_WITHIN_S * 1000,
        }
    )
    outcomes = {}
    for schema_file, event in events:
        producer.produce(
            arguments.topic,
            key=event["sagaId"].encode(),
            value=single_object(arguments.schemas / schema_file, event),
            on_delivery=lambda error, message, event=event: outcomes.update({event["eventId"]: (error, message)}),
        )
    # A little longer than a message lives, so that each outcome is known.
    producer.flush(ACKNOWLEDGED_WITHIN_S + 5)

    acknowledged = 0
    for _, event in events:
        error, message = outcomes.get(event["eventId"], ("no answer", None))
        if error is not None:
            print(f"event {event['eventId']} was not delivered: {error}", file=sys.stderr)
            continue
        acknowledged += 1
        place = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
        print(json.dumps({**place, "event": event}))
    if acknowledged != len(events):
        sys.exit(f"{acknowledged} of {len(events)} events were acknowledged")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--topic", required=True, help="must exist")
    parser.add_argument("--schemas", required=True, type=Path, help="the folder of saga-tracker-v1.avsc and -v2.avsc")
    parser.add_argument("--saga-id-v1", required=True)
    parser.add_argument("--saga-id-v2", required=True)
    return parser.parse_args()


def event_v1(saga_id):
    """As the existing producers write it: nine fields, two saga types."""
    now_ms = time.time_ns() // 1_000_000
    return {
        "eventId": str(uuid.uuid4()),
        "eventTimestamp": now_ms,
        "sagaId": saga_id,
        "sagaType": "ORDER_CREATION",
        "step": "ORDER_CREATED",
        "status": "STARTED",
        "orderId": f"ORD-{saga_id}",
        "metadata": json.dumps(
            {"producerService": "python-v1", "orderAmount": 49.9, "customerId": "Zoë"}, ensure_ascii=False
        ),
        "recordedAt": now_ms,
    }


def event_v2(saga_id):
    """A saga type that no enum knows, and no metadata."""
    return {
        **event_v1(saga_id),
        "sagaType": "CUSTOM",
        "step": "APPLICATION_RECEIVED",
        "orderId": f"LOAN-{saga_id}",
        "metadata": None,
        "sagaTypeName": "LOAN_APPROVAL",
    }


def single_object(schema_file, event):
    """C3 01, the schema's fingerprint in little-endian order, the body."""
    schema = json.loads(schema_file.read_text(encoding="utf-8"))
    # fastavro gives the fingerprint's bytes in the order in which they are written.
    schema_id = bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), event, strict=True)
    return b"\xc3\x01" + schema_id + body.getvalue()


if __name__ == "__main__":
    try:
        main()
    except (KafkaException, OSError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
