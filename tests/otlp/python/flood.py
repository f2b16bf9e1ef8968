"""Sends COUNT spans over OTLP/HTTP as fast as one connection takes them, with nothing but the standard library.

    flood.py COUNT

Prints `sent N`: the number of spans in requests that were answered with 200.
"""

import http.client
import os
import sys
import time
from urllib.parse import unquote, urlsplit

BATCH = 500


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def message(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def fixed64(field: int, number: int) -> bytes:
    return varint(field << 3 | 1) + number.to_bytes(8, "little")


def attribute(key: str, text: str) -> bytes:
    return message(9, message(1, key.encode()) + message(2, message(1, text.encode())))


def main() -> None:
    count = int(sys.argv[1])
    _, trace, parent, _ = os.environ["TRACEPARENT"].split("-")
    now = time.time_ns()
    head = message(1, bytes.fromhex(trace)) + varint(2 << 3 | 2) + varint(8)
    tail = message(4, bytes.fromhex(parent)) + message(5, b"flood.step") + varint(6 << 3) + varint(1)
    tail += fixed64(7, now) + fixed64(8, now + 1000)
    tail += attribute("app.symbol", "BTC-USD") + attribute("app.file", "prices/2026-11-22.parquet")
    begin = varint(2 << 3 | 2) + varint(len(head) + 8 + len(tail)) + head

    endpoint = urlsplit(os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"])
    name, value = os.environ["OTEL_EXPORTER_OTLP_HEADERS"].split("=", 1)
    headers = {name: unquote(value), "content-type": "application/x-protobuf"}
    connection = http.client.HTTPConnection(endpoint.hostname, endpoint.port)
    base = os.getpid() << 32
    sent = 0
    while sent < count:
        ids = range(base + sent + 1, base + min(sent + BATCH, count) + 1)
        spans = b"".join(begin + number.to_bytes(8, "big") + tail for number in ids)
        connection.request("POST", "/v1/traces", message(1, message(2, spans)), headers)
        answer = connection.getresponse()
        if answer.status != 200 or answer.read():
            sys.exit(f"answered with {answer.status} {answer.reason}")
        sent += len(ids)
    print(f"sent {sent}")


main()
