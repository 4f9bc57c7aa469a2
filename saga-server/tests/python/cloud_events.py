"""Events by the library of the CloudEvents project, in structured, binary and batched mode.

The first is sent twice, in two modes: it is the same event. Any failure ends it with a message on standard error and a
status that is not 0.
"""

import argparse
import json
import sys
from urllib.request import Request, urlopen

from cloudevents.conversion import to_binary, to_dict, to_structured
from cloudevents.http import CloudEvent

STEPS = [("ORDER_CREATED", "STARTED"), ("STOCK_RESERVED", "COMPLETED"), ("PAYMENT_COMPLETED", "COMPLETED")]


def cloud_event(number):
    step, status = STEPS[number]
    attributes = {
        "type": "com.example.order.step",
        "source": "/order-service",
        "id": str(number),
        "time": f"2026-11-22T08:26:4{number}.123456+00:00",
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
    return CloudEvent(attributes, data)


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
    send(url, *to_structured(cloud_event(0)))
    send(url, *to_binary(cloud_event(0)))
    # The library has no function for batches: an array of what it makes of each.
    batch = json.dumps([to_dict(cloud_event(number)) for number in (1, 2)]).encode()
    send(url, {"content-type": "application/cloudevents-batch+json"}, batch)


if __name__ == "__main__":
    main()
