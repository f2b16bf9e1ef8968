"""A stage that is instrumented by hand: sends spans to wherever the standard OTEL_* variables point.

    emit.py [EXTRA]

One parent span below TRACEPARENT, two children, and EXTRA more children (default 0). The exporter is chosen as OTLP says, by
OTEL_EXPORTER_OTLP_PROTOCOL (`http/protobuf` or `grpc`). Prints `sent N`, N being the number of spans that were ended.
"""

import os
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter


def main() -> None:
    extra = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), max_queue_size=max(2048, 2 * extra)))
    tracer = provider.get_tracer("forensic.tests.emit", "1.0", attributes={"scope.kind": "by hand"})

    # The three lines that put a program's spans below its stage.
    carrier = {name: os.environ[name.upper()] for name in ("traceparent", "tracestate") if name.upper() in os.environ}
    parent = TraceContextTextMapPropagator().extract(carrier)

    with tracer.start_as_current_span("emit.parent", parent, SpanKind.SERVER) as span:
        span.set_attributes(
            {
                "int": 2**60,
                "negative": -1,
                "float": 1e300,
                "small": 0.1,
                "bool": True,
                "text": "Grüße, 世界 🦀",
                "empty": "",
                "bytes": b"\x00\xff\x10",
                "texts": ["a", "ü"],
                "ints": [1, 2**53 + 1],
                "floats": [0.5, -1e-9],
                "bools": [True, False],
                "nothing": [],
            }
        )
        with tracer.start_as_current_span("emit.first") as child:
            child.add_event("checkpoint", {"rows": 42})
        elsewhere = SpanContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, True, TraceFlags(1))
        with tracer.start_as_current_span("emit.second", links=[Link(elsewhere, {"why": "retry of"})]) as child:
            try:
                raise ValueError("the second child fails on purpose")
            except ValueError as error:
                child.record_exception(error)
                child.set_status(Status(StatusCode.ERROR, str(error)))
        for number in range(extra):
            with tracer.start_as_current_span(f"emit.extra.{number % 10}", attributes={"number": number}):
                pass
    provider.shutdown()
    print(f"sent {3 + extra}")


main()
