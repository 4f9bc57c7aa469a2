"""A producer without an SDK whose lost events the tracker reports, by the rules of docs/api.md.

    numbered.py BOOTSTRAP_SERVERS TOPIC SCHEMA EVENTS LOST...

Records so many events of sagas of their own. Those whose numbers are LOST are recorded and never sent, as when a buffer is
full or a process dies. Any failure ends it with a message on standard error and a status that is not 0.
"""

import io
import itertools
import json
import os
import sys
import time
import uuid

import fastavro
from confluent_kafka import Producer
from fastavro.schema import fingerprint, to_parsing_canonical_form

servers, topic, schema_file, events, *lost = sys.argv[1:]
schema = json.load(open(schema_file, encoding="utf-8"))
prefix = b"\xc3\x01" + bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))
parsed = fastavro.parse_schema(schema)
producer = Producer({"bootstrap.servers": servers, "acks": "all", "partitioner": "murmur2_random"})
service, numbers = "python-service", itertools.count(1)
# A UUIDv7 tells when it was made, so that the tracker knows that 1 was the first number.
random = int.from_bytes(os.urandom(10), "big")
instance = str(uuid.UUID(int=(time.time_ns() // 1_000_000 << 80) | (random & ~(0xF << 76 | 3 << 62)) | 7 << 76 | 2 << 62))


def record(saga_id, order_id, step, status):
    number = next(numbers)  # taken first, whatever becomes of the event
    now = time.time_ns() // 1_000_000
    event = {"eventId": str(uuid.uuid4()), "eventTimestamp": now, "sagaId": saga_id, "sagaType": "ORDER_CREATION",
             "step": step, "status": status, "orderId": order_id, "recordedAt": now,
             "metadata": json.dumps({"producerService": service})}
    body = io.BytesIO()
    fastavro.schemaless_writer(body, parsed, event)
    headers = {"saga-producer": service, "saga-producer-instance": instance, "saga-sequence": str(number)}
    if str(number) not in lost:
        producer.produce(topic, key=saga_id, value=prefix + body.getvalue(), headers=headers)


for order in range(int(events)):
    record(f"{instance}-{order}", f"order-{order}", "ORDER_CREATED", "STARTED")
sys.exit(f"{left} events were not delivered" if (left := producer.flush(60)) else 0)
