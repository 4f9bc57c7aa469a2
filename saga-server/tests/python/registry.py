"""A producer and consumer with a schema registry that shares no code with Saga Tracker.

confluent-kafka, fastavro, the published schemas, and the registry by its HTTP API. "write" registers both
versions of the schema, writes one event of each in Confluent's framing and waits for the broker; "read"
prints the events of one saga, each as a line of JSON. Any failure ends it with a message on standard error
and a status that is not 0.
"""

import argparse
import io
import json
import struct
import sys
import time
import urllib.request
from pathlib import Path

import fastavro
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition

from produce import event_v1, event_v2

TIMEOUT_S = 60
# Byte 0, and the schema's id, big-endian.
FRAME = struct.Struct(">bI")


def main():
    arguments = parse_arguments()
    if arguments.command == "write":
        write(arguments)
    else:
        read(arguments)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["write", "read"])
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--topic", required=True, help="must exist")
    parser.add_argument("--registry", required=True, help="the address below which /subjects is found")
    parser.add_argument("--schemas", type=Path, help="the folder of saga-tracker-v1.avsc and -v2.avsc")
    parser.add_argument("--saga-id-v1")
    parser.add_argument("--saga-id-v2")
    parser.add_argument("--saga-id", help="whose events are read")
    parser.add_argument("--count", type=int, help="how many of them there are")
    return parser.parse_args()


def write(arguments):
    events = [
        ("saga-tracker-v1.avsc", event_v1(arguments.saga_id_v1)),
        ("saga-tracker-v2.avsc", event_v2(arguments.saga_id_v2)),
    ]
    producer = Producer({"bootstrap.servers": arguments.bootstrap_servers, "message.timeout.ms": TIMEOUT_S * 1000})
    errors = []
    for schema_file, event in events:
        schema = (arguments.schemas / schema_file).read_text(encoding="utf-8")
        body = io.BytesIO()
        fastavro.schemaless_writer(body, fastavro.parse_schema(json.loads(schema)), event, strict=True)
        schema_id = register(arguments.registry, f"{arguments.topic}-value", schema)
        producer.produce(
            arguments.topic,
            key=event["sagaId"].encode(),
            value=FRAME.pack(0, schema_id) + body.getvalue(),
            on_delivery=lambda error, _: errors.append(error) if error else None,
        )
    if producer.flush(TIMEOUT_S + 5) or errors:
        sys.exit(f"not delivered: {errors or 'no answer'}")


def read(arguments):
    consumer = Consumer(
        {"bootstrap.servers": arguments.bootstrap_servers, "group.id": "none", "enable.auto.commit": False}
    )
    partitions = consumer.list_topics(arguments.topic, TIMEOUT_S).topics[arguments.topic].partitions
    consumer.assign([TopicPartition(arguments.topic, partition, OFFSET_BEGINNING) for partition in partitions])
    schemas, deadline, wanted = {}, time.monotonic() + TIMEOUT_S, arguments.count
    while wanted:
        if time.monotonic() > deadline:
            sys.exit(f"{wanted} events are missing")
        message = consumer.poll(0.2)
        if message is None or message.error() or message.key() != arguments.saga_id.encode():
            continue
        magic, schema_id = FRAME.unpack_from(message.value())
        if magic != 0:
            sys.exit(f"not in Confluent's framing: {message.value()[:8].hex()}")
        if schema_id not in schemas:
            answer = ask(f"{arguments.registry}/schemas/ids/{schema_id}")
            schemas[schema_id] = fastavro.parse_schema(json.loads(answer["schema"]))
        body = io.BytesIO(message.value()[FRAME.size :])
        event = fastavro.schemaless_reader(body, schemas[schema_id], None)
        if body.read():
            sys.exit("bytes are left after the event")
        print(json.dumps(event, default=milliseconds))
        wanted -= 1
    consumer.close()


def register(registry, subject, schema):
    return ask(f"{registry}/subjects/{subject}/versions", {"schema": schema})["id"]


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/vnd.schemaregistry.v1+json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=TIMEOUT_S) as answer:
        return json.load(answer)


def milliseconds(moment):
    """fastavro reads a timestamp as a datetime."""
    return round(moment.timestamp() * 1000)


if __name__ == "__main__":
    try:
        main()
    except (KafkaException, OSError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
