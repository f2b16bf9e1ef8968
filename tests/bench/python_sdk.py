"""The Python SDK doing the job of the span benchmark: capture N spans, save them as a JSON array, read them back.

    python_sdk.py N FILE

Prints one JSON object: CPU seconds of each step, peak memory in bytes. The exporter is that of the reference: spans become
dictionaries in a list, the list is dumped with an indent, and reading makes a flat table of it.
"""

import json
import resource
import sys
import time

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult


class ListExporter(SpanExporter):
    def __init__(self) -> None:
        self.spans: list[dict] = []

    def export(self, spans) -> SpanExportResult:
        for span in spans:
            context = span.get_span_context()
            self.spans.append(
                {
                    "name": span.name,
                    "start_time": span.start_time,
                    "end_time": span.end_time,
                    "duration_ms": (span.end_time - span.start_time) / 1e6,
                    "status": span.status.status_code.name,
                    "attributes": dict(span.attributes),
                    "trace_id": format(context.trace_id, "032x"),
                    "span_id": format(context.span_id, "016x"),
                    "parent_span_id": format(span.parent.span_id, "016x") if span.parent else None,
                }
            )
        return SpanExportResult.SUCCESS


def cpu() -> float:
    return time.process_time()


count, path = int(sys.argv[1]), sys.argv[2]
exporter = ListExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
tracer = provider.get_tracer("bench")

began = cpu()
with tracer.start_as_current_span("root"):
    for number in range(count - 1):
        with tracer.start_as_current_span(f"step {number % 100}") as span:
            span.set_attributes(
                {
                    "app.stage": "risk.optimize",
                    "app.dataset": "prices/2026-11-22.parquet",
                    "app.symbol": "BTC-USD",
                    "app.message": "loaded a window of prices",
                    "app.rows": number,
                    "app.window": 256,
                    "app.ratio": 0.25,
                    "app.cached": False,
                }
            )
captured = cpu()
with open(path, "w") as file:
    json.dump(exporter.spans, file, indent=2)
saved = cpu()
exporter.spans.clear()
with open(path) as file:
    spans = json.load(file)
table = [(s["name"], s["duration_ms"], s["status"], s["parent_span_id"], s["attributes"].get("app.rows")) for s in spans]
read = cpu()
assert len(table) == count
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"capture": captured - began, "save": saved - captured, "read": read - saved, "peak": peak}))
