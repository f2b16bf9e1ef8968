#!/usr/bin/env python3
"""Reads what `forensic-host trace export` wrote with readers that are not ours, and compares it with the trace.

    check_exports.py TRACE [--otlp-jsonl FILE] [--otlp-json FILE] [--otlp-proto FILE]
                           [--perfetto FILE] [--chrome FILE] [--csv FILE]

TRACE is a strict `forensic_trace.json` with ids, as the host or `trace merge` writes it. Exit code 1 and one line a
mismatch on stderr, 0 and one line a file on stdout where all is well. Readers: see `requirements.txt`; Chrome's JSON
and CSV are read with Python's own modules.
"""

import argparse
import csv
import json
import sys
from collections import defaultdict
from decimal import Decimal

KINDS = {"INTERNAL": 1, "SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}
MAX_LINE_SPANS = 1000

problems = []


def check(found, wanted, what):
    # `True == 1` and `1 == 1.0` in Python, but not here.
    if found != wanted or type(found) is not type(wanted):
        problems.append(f"{what}: found {found!r}, wanted {wanted!r}")


def load_trace(path):
    with open(path, encoding="utf-8") as file:
        spans = json.load(file)
    by_id = {}
    for span in spans:
        key = (span["trace_id"], span["span_id"])
        if None in key or key in by_id:
            sys.exit(f"{path}: a span without an id of its own can't be compared")
        by_id[key] = span
    return spans, by_id


def as_text(value, bits=63):
    """The value with whole numbers of more than 63 bits as their digits, which is how OTLP and Perfetto get them. A
    float that Python can't hold is text in every format, but here its text is lost: `...` stands for it."""
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return ...
    if bits and isinstance(value, int) and not isinstance(value, bool) and not -(2**bits) <= value < 2**bits:
        return str(value)
    if isinstance(value, list):
        return [as_text(item, bits) for item in value]
    if isinstance(value, dict):
        return {key: as_text(item, bits) for key, item in value.items()}
    return value


def check_attributes(found, wanted, what, convert=as_text):
    check(list(found), list(wanted), f"{what}: keys")
    for key in found.keys() & wanted.keys():
        value = convert(wanted[key])
        if value is ...:
            check(type(found[key]), str, f"{what}: {key}")
        else:
            check(json.dumps(found[key]), json.dumps(value), f"{what}: {key}")


# --- OTLP: both readers are brought to plain Python first -------------------------------------------------------------


def from_any(value):
    """AnyValue of either package: the protobuf one, or the dataclass of the JSON one."""
    if hasattr(value, "WhichOneof"):
        kind = value.WhichOneof("value")
    else:
        kinds = ("string", "bool", "int", "double", "array", "kvlist", "bytes")
        kind = next((f"{k}_value" for k in kinds if getattr(value, f"{k}_value") is not None), None)
    if kind is None:
        return None
    inner = getattr(value, kind)
    if kind == "array_value":
        return [from_any(item) for item in inner.values]
    if kind == "kvlist_value":
        return from_pairs(inner.values)
    return inner


def from_pairs(pairs):
    keys = [pair.key for pair in pairs]
    if len(set(keys)) != len(keys):
        problems.append(f"a key is there twice: {keys}")
    return {pair.key: from_any(pair.value) for pair in pairs}


def check_otlp(messages, by_id, what):
    seen = set()
    for message in messages:
        for resource_spans in message.resource_spans:
            resource = from_pairs(resource_spans.resource.attributes)
            if "service.name" not in resource:
                problems.append(f"{what}: a resource without service.name: {resource}")
            for scope_spans in resource_spans.scope_spans:
                scope = scope_spans.scope.name if scope_spans.scope else ""
                for span in scope_spans.spans:
                    check_otlp_span(span, resource, scope, by_id, seen, what)
    check(len(seen), len(by_id), f"{what}: spans")


def check_otlp_span(span, resource, scope, by_id, seen, what):
    key = (span.trace_id.hex(), span.span_id.hex())
    what = f"{what}: span {key[1]}"
    wanted = by_id.get(key)
    if wanted is None or key in seen:
        problems.append(f"{what}: it is not in the trace, or twice in the export")
        return
    seen.add(key)
    check(span.name, wanted["name"], f"{what}: name")
    check(span.parent_span_id.hex() or None, wanted["parent_span_id"], f"{what}: parent")
    check(int(span.start_time_unix_nano), wanted["start_time"], f"{what}: start")
    check(int(span.end_time_unix_nano), wanted["end_time"], f"{what}: end")
    check(int(span.kind), KINDS[wanted.get("kind", "INTERNAL")], f"{what}: kind")
    code = int(span.status.code) if span.status else 0
    check(code == 2, wanted["status"] in ("Error", "ERROR"), f"{what}: is an error")
    message = (span.status.message or "") if span.status else ""
    check(message, wanted.get("status_message", ""), f"{what}: status message")
    check_attributes(from_pairs(span.attributes), wanted["attributes"], what)

    dropped = wanted.get("dropped", {})
    check(span.dropped_attributes_count or 0, dropped.get("attributes", 0), f"{what}: dropped attributes")
    events = [event for event in wanted.get("events", []) if isinstance(event, dict)]
    unread = len(wanted.get("events", [])) - len(events)
    check(span.dropped_events_count or 0, dropped.get("events", 0) + unread, f"{what}: dropped events")
    check(len(span.events), len(events), f"{what}: events")
    for found, event in zip(span.events, events):
        check(found.name, event["name"], f"{what}: event")
        if "time" in event:
            check(int(found.time_unix_nano), event["time"], f"{what}: time of an event")
        check_attributes(from_pairs(found.attributes), event.get("attributes") or {}, f"{what}: event")
    links = wanted.get("links", [])
    check(span.dropped_links_count or 0, dropped.get("links", 0), f"{what}: dropped links")
    check(len(span.links), len(links), f"{what}: links")
    for found, link in zip(span.links, links):
        context = link.get("context", link)
        ids = found.trace_id.hex(), found.span_id.hex()
        check(ids, tuple(context[key].removeprefix("0x") for key in ("trace_id", "span_id")), f"{what}: link")
        check_attributes(from_pairs(found.attributes), link.get("attributes") or {}, f"{what}: link")

    own = wanted.get("resource")
    if own is not None:
        check_attributes(resource, own.get("attributes", own), f"{what}: resource")
    elif "forensic.kind" in wanted["attributes"]:
        check(resource["service.name"], "forensic-host", f"{what}: service.name")
    if isinstance(wanted.get("scope"), dict):
        check(scope, wanted["scope"]["name"], f"{what}: scope")


def otlp_json(text, what):
    from opentelemetry.proto_json.trace.v1.trace import TracesData

    check_json_mapping(json.loads(text), what)
    return TracesData.from_json(text)


def check_json_mapping(value, what):
    """What a tolerant reader would let pass: ids as hexadecimal, 64-bit numbers as text, enums as numbers."""
    if isinstance(value, list):
        for item in value:
            check_json_mapping(item, what)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("traceId", "spanId", "parentSpanId"):
                length = 32 if key == "traceId" else 16
                if len(item) != length or set(item) - set("0123456789abcdef"):
                    problems.append(f"{what}: {key} is {item!r}")
            elif key.endswith("UnixNano") or key == "intValue":
                check(type(item), str, f"{what}: {key}")
            elif key in ("kind", "code") or key.endswith("Count"):
                check(type(item), int, f"{what}: {key}")
            elif "_" in key:
                problems.append(f"{what}: the key {key} is not in lowerCamelCase")
            check_json_mapping(item, what)


def check_otlp_jsonl(path, spans, by_id):
    messages = []
    with open(path, encoding="utf-8", newline="") as file:
        for number, line in enumerate(file, 1):
            what = f"otlp-jsonl: line {number}"
            message = otlp_json(line, what)
            count = sum(len(scope.spans) for resource in message.resource_spans for scope in resource.scope_spans)
            if not 0 < count <= MAX_LINE_SPANS or not line.endswith("}\n"):
                problems.append(f"{what}: {count} spans, ends with {line[-3:]!r}")
            messages.append(message)
    check_otlp(messages, by_id, "otlp-jsonl")


def check_otlp_json(path, spans, by_id):
    with open(path, encoding="utf-8") as file:
        check_otlp([otlp_json(file.read(), "otlp-json")], by_id, "otlp-json")


def check_otlp_proto(path, spans, by_id):
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

    with open(path, "rb") as file:
        data = file.read()
    for message in (ExportTraceServiceRequest(), TracesData()):
        message.ParseFromString(data)
        check_no_unknown_fields(message, "otlp-proto")
        check_otlp([message], by_id, "otlp-proto")


def check_no_unknown_fields(message, what):
    from google.protobuf.unknown_fields import UnknownFieldSet

    unknown = [field.field_number for field in UnknownFieldSet(message)]
    if unknown:
        problems.append(f"{what}: {message.DESCRIPTOR.name} has the unknown fields {unknown}")
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for item in value if field.is_repeated else [value]:
                check_no_unknown_fields(item, what)


# --- viewers ----------------------------------------------------------------------------------------------------------


def check_lane(boxes, what):
    """Boxes (start, end, span) in order of drawing: each follows the last one, or lies in it and is its child."""
    stack = []
    for start, end, span in boxes:
        while stack and stack[-1][1] <= start:
            stack.pop()
        if stack and (end > stack[-1][1] or span["parent_span_id"] != stack[-1][2]["span_id"]):
            problems.append(f"{what}: {span['name']!r} is drawn in {stack[-1][2]['name']!r}, which is not its parent")
        stack.append((start, end, span))


def check_perfetto(path, spans, by_id):
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

    def value(annotation):
        if annotation.dict_entries:
            return {entry.name: value(entry) for entry in annotation.dict_entries}
        if annotation.array_values:
            return [value(item) for item in annotation.array_values]
        return getattr(annotation, annotation.WhichOneof("value"))

    def plain(value):
        """Perfetto knows neither null nor empty containers: they are exported as text."""
        if value is None or value == [] or value == {}:
            return json.dumps(value)
        if isinstance(value, list):
            return [plain(item) for item in value]
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return value

    message = Trace()
    with open(path, "rb") as file:
        message.ParseFromString(file.read())
    check_no_unknown_fields(message, "perfetto")
    ids = {key[1]: span for key, span in by_id.items()}
    tracks, open_slices, boxes, instants, time = {}, defaultdict(list), defaultdict(list), 0, 0
    for packet in message.packet:
        if not packet.trusted_packet_sequence_id:
            problems.append("perfetto: a packet without a sequence")
        if packet.HasField("track_descriptor"):
            track = packet.track_descriptor
            if track.uuid in tracks or not track.name or (track.HasField("parent_uuid") and track.parent_uuid not in tracks):
                problems.append(f"perfetto: track {track.uuid} is there twice, has no name or no parent")
            tracks[track.uuid] = track
            continue
        event = packet.track_event
        if event.track_uuid not in tracks:
            problems.append(f"perfetto: an event on the unknown track {event.track_uuid}")
        if event.type == TrackEvent.TYPE_INSTANT:
            instants += 1
            continue
        if packet.timestamp < time:
            problems.append(f"perfetto: {packet.timestamp} comes after {time}")
        time = packet.timestamp
        if event.type == TrackEvent.TYPE_SLICE_END:
            if not open_slices[event.track_uuid]:
                problems.append("perfetto: an end without a beginning")
                continue
            start, span = open_slices[event.track_uuid].pop()
            check((start, packet.timestamp), (span["start_time"], span["end_time"]), f"perfetto: {span['name']!r}: times")
            continue
        check(event.type, TrackEvent.TYPE_SLICE_BEGIN, "perfetto: type of an event")
        found = {annotation.name: value(annotation) for annotation in event.debug_annotations}
        span = ids.pop(found.pop("span_id"), None)
        if span is None:
            problems.append(f"perfetto: {event.name!r} is no span, or there twice")
            continue
        check(event.name, span["name"], "perfetto: name")
        for key in ("status", "parent_span_id", "status_message"):
            check(found.pop(key, None), span.get(key), f"perfetto: {event.name!r}: {key}")
        check_attributes(found, plain(span["attributes"]) if span["attributes"] else {}, f"perfetto: {event.name!r}")
        open_slices[event.track_uuid].append((packet.timestamp, span))
        boxes[event.track_uuid].append((span["start_time"], span["end_time"], span))
    check(len(ids), 0, "perfetto: spans that are missing")
    check([lane for lane, slices in open_slices.items() if slices], [], "perfetto: lanes with an open end")
    check(instants, sum(isinstance(e, dict) for span in spans for e in span.get("events", [])), "perfetto: instants")
    for lane in boxes.values():
        check_lane(lane, "perfetto")


def check_chrome(path, spans, by_id):
    with open(path, encoding="utf-8") as file:
        document = json.load(file, parse_float=Decimal)
    zero = int(document["otherData"]["zero_unix_nano"])
    ids = {key[1]: span for key, span in by_id.items()}
    lanes, names, instants = defaultdict(list), set(), 0
    for event in document["traceEvents"]:
        lane = (event["pid"], event["tid"])
        if event["ph"] == "M":
            if event["name"] == "thread_name":
                names.add(lane)
            continue
        if event["ph"] == "i":
            instants += 1
            continue
        check(event["ph"], "X", "chrome: ph")
        span = ids.pop(event["args"]["span_id"], None)
        if span is None:
            problems.append(f"chrome: {event['name']!r} is no span, or there twice")
            continue
        what = f"chrome: {event['name']!r}"
        check(event["name"], span["name"], what)
        check(int(event["ts"] * 1000) + zero, span["start_time"], f"{what}: ts")
        check(int(event["dur"] * 1000), span["end_time"] - span["start_time"], f"{what}: dur")
        check(event["args"]["status"], span["status"], f"{what}: status")
        check(list(event["args"]["attributes"]), list(span["attributes"]), f"{what}: attributes")
        lanes[lane].append((span["start_time"], span["end_time"], span))
    check(len(ids), 0, "chrome: spans that are missing")
    check(names, set(lanes), "chrome: named lanes")
    check(instants, sum(isinstance(e, dict) for span in spans for e in span.get("events", [])), "chrome: instants")
    for lane in lanes.values():
        check_lane(lane, "chrome")


def check_csv(path, spans, by_id):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    check(len(rows), len(spans), "csv: rows")
    for row in rows:
        span = by_id.get((row["trace_id"], row["span_id"]))
        if span is None:
            problems.append(f"csv: span {row['span_id']} is not in the trace")
            continue
        what = f"csv: {span['name']!r}"
        for key in ("name", "start_time", "end_time", "status"):
            check(row[key], str(span[key]), f"{what}: {key}")
        check(row["parent_span_id"], span["parent_span_id"] or "", f"{what}: parent")
        check(Decimal(row["duration_ms"]) * 10**6, Decimal(span["end_time"] - span["start_time"]), f"{what}: duration")
        # JSON in JSON: only what is no JSON number for Python (1e999) became text.
        check_attributes(json.loads(row["attributes"]), span["attributes"], what, lambda value: as_text(value, None))


CHECKS = {
    "otlp-jsonl": check_otlp_jsonl,
    "otlp-json": check_otlp_json,
    "otlp-proto": check_otlp_proto,
    "perfetto": check_perfetto,
    "chrome": check_chrome,
    "csv": check_csv,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace")
    for name in CHECKS:
        parser.add_argument(f"--{name}", metavar="FILE", dest=name)
    arguments = vars(parser.parse_args())
    spans, by_id = load_trace(arguments["trace"])
    checked = 0
    for name, run in CHECKS.items():
        if arguments[name] is None:
            continue
        before = len(problems)
        try:
            run(arguments[name], spans, by_id)
        except Exception as error:  # a reader that gives up is a mismatch, too
            problems.append(f"{name}: the reader failed: {type(error).__name__}: {error}")
        checked += 1
        if len(problems) == before:
            print(f"{name}: {len(spans)} spans are as in the trace")
    if not checked:
        parser.error("no export to check")
    for problem in problems[:50]:
        print(problem, file=sys.stderr)
    if len(problems) > 50:
        print(f"… and {len(problems) - 50} more", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
