"""A lean OTLP exporter: protobuf over HTTP to a receiver on the same machine, such as forensic-host's.

The usual one (opentelemetry-exporter-otlp-proto-http) would do the same in two lines of telemetry.py, and is right for
a service. But it loads requests, urllib3 and ssl, and 51 short processes each pay for that. CPU time that telemetry
adds to a process that has pandas loaded and sends eight spans, lowest of 15 runs:

    SDK alone, nothing sent                                        33 ms
    SDK, OpenTelemetry's encoder, http.client: this file           62 ms
    SDK and opentelemetry-exporter-otlp-proto-http                117 ms

It has what loopback needs: one attempt a batch, a time limit, no proxy, no compression, no certificates of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.util.re import parse_env_headers

TIMEOUT = 2.0  # seconds, of connecting and of waiting for the answer; also bounds what the last flush may cost


class LeanExporter(SpanExporter):
    """Reads OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_HEADERS (whose values are percent-encoded)."""

    def __init__(self) -> None:
        self._url = urlsplit(os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"].rstrip("/") + "/v1/traces")
        self._headers = dict(parse_env_headers(os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", ""), liberal=True))
        self._headers["content-type"] = "application/x-protobuf"
        self._unreachable = False
        self._complained = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Runs in the batch processor's thread: the imports here do not hold up the stage's first step."""
        from http.client import HTTPConnection, HTTPException, HTTPSConnection

        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        if self._unreachable:  # it was given its time once: a stage must not wait for it again
            return SpanExportResult.FAILURE
        body = encode_spans(spans).SerializeToString()
        kind = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=TIMEOUT)
        try:
            connection.request("POST", self._url.path, body, self._headers)
            answer = connection.getresponse()
            if answer.status == 200:
                return SpanExportResult.SUCCESS
            self._complain(f"HTTP {answer.status}")
        except (OSError, HTTPException) as error:
            self._unreachable = True
            self._complain(str(error) or type(error).__name__)
        finally:
            connection.close()
        return SpanExportResult.FAILURE

    def _complain(self, why: str) -> None:
        """Once: telemetry that fails is worth a line of the stage's log, and nothing more."""
        if not self._complained:
            self._complained = True
            print(f"telemetry: spans were not taken: {why}", file=sys.stderr)

    def shutdown(self) -> None:
        """Nothing is kept open between batches."""
