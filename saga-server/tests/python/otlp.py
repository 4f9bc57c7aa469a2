"""Spans and log records of three services by the SDK of OpenTelemetry, exported by OTLP over HTTP in protobuf.

The spans are exported twice, by the batch processor and once more by hand: they are the same steps. Any failure ends it with a
message on standard error and a status that is not 0.
"""

import argparse
import logging
import sys

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Service:
    """A service, with its own spans and log records."""

    def __init__(self, name, url):
        resource = Resource.create({"service.name": name, "service.version": "1.4.0"})
        self.exporter = OTLPSpanExporter(endpoint=f"{url}/v1/traces", compression=Compression.Gzip)
        self.kept = InMemorySpanExporter()
        self.spans = TracerProvider(resource=resource)
        self.spans.add_span_processor(BatchSpanProcessor(self.exporter))
        self.spans.add_span_processor(SimpleSpanProcessor(self.kept))
        self.tracer = self.spans.get_tracer("shop")
        self.logs = LoggerProvider(resource=resource)
        self.logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=f"{url}/v1/logs")))
        self.logger = logging.getLogger(name)
        self.logger.addHandler(LoggingHandler(logger_provider=self.logs))

    def end(self):
        for provider in (self.spans, self.logs):
            if not provider.force_flush():
                sys.exit("not everything was exported")
        if self.exporter.export(self.kept.get_finished_spans()) != SpanExportResult.SUCCESS:
            sys.exit("the spans were not taken again")
        self.spans.shutdown()
        self.logs.shutdown()


def step(name, **more):
    return {
        "saga.id": "otel-1",
        "saga.type": "ORDER_CREATION",
        "saga.step": name,
        "saga.order.id": "order-1",
        **more,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    url = parser.parse_args().url
    orders, products, payments = (Service(f"{name}-service", url) for name in ("order", "product", "payment"))
    created = step("ORDER_CREATED", **{"saga.status": "STARTED", "saga.metadata.orderAmount": 12.5})
    with orders.tracer.start_as_current_span("POST /orders", attributes=created):
        with orders.tracer.start_as_current_span("INSERT orders"):
            pass
        with products.tracer.start_as_current_span("reserve", attributes=step("STOCK_RESERVED")):
            pass
        try:
            with payments.tracer.start_as_current_span("pay", attributes=step("PAYMENT_FAILED")):
                raise ValueError("no funds")
        except ValueError:
            pass
        products.logger.warning("stock released", extra=step("STOCK_RELEASED"))
    for service in (orders, products, payments):
        service.end()


if __name__ == "__main__":
    main()
