"""The stages of the pipelines that the browser tests run: work.py WORD [ARGUMENT]."""

import json
import os
import sys
import time
import urllib.parse
import urllib.request

DATA = os.environ["FORENSIC_DATA_DIR"]


def fetch(asset: str) -> None:
    time.sleep(0.2)
    with open(f"{DATA}/{asset}.csv", "w", encoding="utf-8") as file:
        file.write("day,price\n1,2\n")


def flaky() -> None:
    time.sleep(0.1)
    if os.environ["FORENSIC_ATTEMPT"] == "1":
        sys.exit("the first attempt always fails")
    print("the second one does not")


def fail(why: str) -> None:
    for number in range(40):
        print(f"line {number} of a long log", file=sys.stderr)
    raise ValueError(why)


def sleep(seconds: str) -> None:
    time.sleep(float(seconds))


def burn(seconds: str) -> None:
    end = time.process_time() + float(seconds)
    while time.process_time() < end:
        pass


def logs(path: str) -> None:
    """Prints the texts of a JSON file, and fails."""
    with open(path, encoding="utf-8") as file:
        for text in json.load(file):
            print(text.encode("utf-8", "replace").decode(), file=sys.stderr)
    sys.exit(1)


def spans(path: str = "") -> None:
    """Sends spans as OTLP/JSON: one on top, children below it, one of them failed. A JSON file may tell the children's names."""
    start = time.time_ns()
    time.sleep(0.3)
    _, trace, parent, _ = os.environ["TRACEPARENT"].split("-")
    top = os.urandom(8).hex()
    length = time.time_ns() - start
    children = ["load", "fit", "score"]
    if path:
        with open(path, encoding="utf-8") as file:
            children = json.load(file)
    step = length // len(children)

    def span(name: str, ident: str, parent: str, begin: int, end: int, failed: bool = False) -> dict:
        status = {"code": 2, "message": name} if failed else {}
        times = {"startTimeUnixNano": str(begin), "endTimeUnixNano": str(end)}
        return {"traceId": trace, "spanId": ident, "parentSpanId": parent, "name": name, "kind": 1, "status": status, **times}

    sent = [span("model", top, parent, start, start + length)]
    for at, name in enumerate(children):
        begin = start + at * step
        sent.append(span(name, os.urandom(8).hex(), top, begin, begin + step, at == len(children) - 1))
    body = {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "browser.tests"}, "spans": sent}]}]}
    name, _, value = os.environ["OTEL_EXPORTER_OTLP_HEADERS"].partition("=")
    headers = {name: urllib.parse.unquote(value), "content-type": "application/json"}
    address = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces"
    urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), headers), timeout=10).read()


{"fetch": fetch, "flaky": flaky, "fail": fail, "sleep": sleep, "burn": burn, "logs": logs, "spans": spans}[sys.argv[1]](*sys.argv[2:])
