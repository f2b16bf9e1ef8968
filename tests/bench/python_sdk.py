"""The Python SDK doing the job of the span benchmark: capture N spans, save them as a JSON array, read them back.

    python_sdk.py write N FILE OUT    capture and save
    python_sdk.py read N FILE OUT     load, and a flat table

Writes one JSON object to OUT: of each step the seconds of wall time and CPU, and the peak memory until then. The exporter is that of
the reference: spans become dictionaries in a list, the list is dumped with an indent, and reading makes a flat table of it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult


class ListExporter(SpanExporter):
    """Spans as dictionaries."""

    def __init__(self) -> None:
        self.spans: list[dict] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
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


class Steps:
    """What each step took."""

    def __init__(self) -> None:
        self.took: dict[str, dict[str, float]] = {}
        self.began = self._now()

    def ended(self, name: str) -> None:
        """A step that began where the last one ended."""
        now = self._now()
        wall, cpu = (later - earlier for later, earlier in zip(now, self.began, strict=True))
        self.took[name] = {"wall_s": wall, "cpu_s": cpu, "peak_mib": self._peak_mib()}
        self.began = self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    @staticmethod
    def _peak_mib() -> float:
        """Not `getrusage`, which does not forget what the process was before it became this program."""
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) / 1024


def capture(count: int) -> list[dict]:
    """So many spans, with the attributes that tests/bench/spans.rs gives."""
    exporter = ListExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("bench")
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
    return exporter.spans


def main() -> None:
    """One of the two jobs."""
    job, count, path, out = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    steps = Steps()
    if job == "write":
        spans = capture(count)
        steps.ended("capture")
        with open(path, "w") as file:
            json.dump(spans, file, indent=2)
        steps.ended("save")
    else:
        with open(path) as file:
            spans = json.load(file)
        table = [(s["name"], s["duration_ms"], s["status"], s["parent_span_id"], s["attributes"].get("app.rows")) for s in spans]
        steps.ended("load")
        if len(table) != count:
            raise SystemExit(f"{len(table)} of {count} spans were read")
    Path(out).write_text(json.dumps(steps.took))


if __name__ == "__main__":
    main()
