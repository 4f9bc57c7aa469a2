"""Rules that the description of the API has only as text, for schemathesis. See ../openapi.rs."""

import base64
import json
import os
from urllib.request import Request, urlopen

import schemathesis
from hypothesis import strategies

# Parameters that go each without the other: a cursor goes on in one order from one place, a period is of a
# length or between two dates, and must not end before it begins, nor may a longest duration be below the shortest.
APART = [
    {"cursor", "page"},
    {"cursor", "sort"},
    {"fromDate", "toDate"},
    {"period", "fromDate"},
    {"period", "toDate"},
    {"minDuration", "maxDuration"},
    {"q", "step"},
    {"q", "ended"},
    {"q", "metadata"},
]
APART += [{f"{group}.{name}" for name in pair} for group in "ab" for pair in APART[2:]]


def next_cursor(path):
    headers = {"Authorization": f"Bearer {os.environ['API_TOKEN']}"}
    with urlopen(Request(os.environ["API_URL"] + path, headers=headers)) as answer:
        return strategies.just(json.load(answer)["nextCursor"])


# Nobody can make up a cursor.
schemathesis.openapi.format("sagas-cursor", next_cursor("/api/v1/sagas?size=1"))
schemathesis.openapi.format("steps-cursor", next_cursor("/api/v1/sagas/saga-0/steps?limit=1"))
schemathesis.openapi.format("letters-cursor", next_cursor("/internal/v1/dlt?size=1"))
schemathesis.openapi.format("operations-cursor", next_cursor("/internal/v1/operations?size=1"))
schemathesis.openapi.format("producers-cursor", next_cursor("/internal/v1/producers?size=1"))

# As the answer of an erasure gives it that has not reached the dead letters.
erasure_cursor = base64.urlsafe_b64encode(json.dumps(["erasure1", "letters", "", 0]).encode()).decode().rstrip("=")
schemathesis.openapi.format("erasure-cursor", strategies.just(erasure_cursor))


# As the list of jobs, and that of the items of one, go on behind the first.
jobs_cursor = base64.urlsafe_b64encode(json.dumps(["jobs1", 1]).encode()).decode().rstrip("=")
schemathesis.openapi.format("jobs-cursor", strategies.just(jobs_cursor))

schemathesis.openapi.format("moment", strategies.sampled_from(["2026-11-22T08:26:40.000Z", "2026-11-22"]))
schemathesis.openapi.format("words", strategies.sampled_from(["magic byte", "saga-1"]))
schemathesis.openapi.format("length-of-time", strategies.sampled_from(["30m", "4h", "2d"]))

# A line of filters, and the parameters of a list, are texts with rules of their own.
schemathesis.openapi.format("tokens", strategies.sampled_from(["step:ORDER_CREATED", "customerId:C-17 -ended"]))
schemathesis.openapi.format("list-query", strategies.sampled_from(["", "status=FAILED", "q=failed&sort=due"]))


# Bodies name letters or a filter, and one of them at least.
LETTERS = {"/internal/v1/dlt/dismiss", "/internal/v1/dlt/restore"}


# What exporters send can only be made up in JSON.
OTLP = {"/v1/traces", "/v1/logs"}


def is_allowed(case):
    query, body = case.query or {}, case.body
    given = set(query)
    if case.operation.path in OTLP and case.operation.method.upper() == "POST" and case.media_type != "application/json":
        return False
    if any(pair <= given for pair in APART):
        return False
    if "baseline" in given and query["baseline"] == query.get("candidate"):
        return False
    if case.operation.path in LETTERS and isinstance(body, dict):
        return (body.get("deadLetterIds") is None) != (body.get("filter") is None)
    return True


@schemathesis.hook
def filter_case(context, case):
    return is_allowed(case)


# Cases that are made of the description's examples are not filtered.
@schemathesis.hook
def before_add_examples(context, examples):
    examples[:] = [case for case in examples if is_allowed(case)]
