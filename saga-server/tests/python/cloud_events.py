"""Events by the library of the CloudEvents project, in structured, binary and batched mode.

The first is sent twice, in two modes: it is the same event. Any failure ends it with a message on standard error and a
status that is not 0.
"""

import argparse
import json
import sys
from datetime import datetime, timezone
from urllib.request import Request, urlopen

from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

STEPS = [("ORDER_CREATED", "STARTED"), ("STOCK_RESERVED", "COMPLETED"), ("PAYMENT_COMPLETED", "COMPLETED")]


def cloud_event(number):
    step, status = STEPS[number]
    attributes = {
        "type": "com.example.order.step",
        "source": "/order-service",
        "id": str(number),
        "time": datetime(2026, 11, 22, 8, 26, 40 + number, 123456, tzinfo=timezone.utc),
        "datacontenttype": "application/json",
    }
    data = {
        "sagaId": "cloud-1",
        "sagaType": "ORDER_CREATION",
        "step": step,
        "status": status,
        "orderId": "order-1",
        "metadata": {"producerService": "order-service", "customer": "Zoë"},
    }
    return CloudEvent(attributes=attributes, data=data)


def send(url, headers, body):
    with urlopen(Request(url, data=body, headers=headers, method="POST")) as answer:
        results = json.load(answer)["results"]
    refused = [result for result in results if result["outcome"] != "ACCEPTED"]
    if refused:
        sys.exit(f"not accepted: {refused}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    url = parser.parse_args().url
    for message in (to_structured_event(cloud_event(0)), to_binary_event(cloud_event(0))):
        send(url, message.headers, message.body)
    # The library has no function for batches: an array of what it makes of each.
    batch = b"[" + b",".join(JSONFormat().write(cloud_event(number)) for number in (1, 2)) + b"]"
    send(url, {"content-type": "application/cloudevents-batch+json"}, batch)


if __name__ == "__main__":
    main()
