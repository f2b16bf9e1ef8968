//! Two runs at the same time, below the same root: each has its own spans and nothing of the other's.

use std::collections::HashSet;
use std::process::Child;

use serde_json::Value;

use crate::support::{Bench, Ran};

/// Sends one span by hand, named after the run.
const SEND: &str = r#"
import http.client, json, os, sys, time
from urllib.parse import unquote, urlsplit
_, trace, parent, _ = os.environ["TRACEPARENT"].split("-")
now = time.time_ns()
span = {"traceId": trace, "spanId": os.urandom(8).hex(), "parentSpanId": parent, "name": "of " + os.environ["FORENSIC_RUN_ID"],
        "startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 1)}
body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span] * 2}]}]})
end = urlsplit(os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"])
name, value = os.environ["OTEL_EXPORTER_OTLP_HEADERS"].split("=", 1)
connection = http.client.HTTPConnection(end.hostname, end.port)
connection.request("POST", "/v1/traces", body, {name: unquote(value), "content-type": "application/json"})
assert connection.getresponse().status == 200
"#;

fn start(bench: &Bench, id: &str) -> Child {
    bench.command(&["run", "--run-id", id]).spawn().unwrap()
}

fn ended(child: Child) -> Ran {
    child.wait_with_output().unwrap().into()
}

#[test]
fn two_runs_at_once_keep_their_spans_apart() {
    let bench = Bench::new(
        "[pipeline]\nname = \"pair\"\nmax_parallel = 4\n\
         [stages.a]\ncommand = [\"python3\", \"send.py\"]\n[stages.b]\ncommand = [\"python3\", \"send.py\"]\n\
         [stages.c]\nrun = \"true\"\nneeds = [\"a\", \"b\"]\n",
    );
    bench.write("send.py", SEND);
    let both = ["one", "two"].map(|id| start(&bench, id)).map(ended);
    for ran in &both {
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    let mut traces = HashSet::new();
    for id in ["one", "two"] {
        let folder = bench.path().join("data/artifacts/summaries/runs").join(id);
        let json = |name: &str| serde_json::from_slice::<Value>(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        let spans = json("data/forensic_trace.json");
        let spans = spans.as_array().unwrap();
        // The run, three stages with an attempt each, and what two of them sent.
        assert_eq!(spans.len(), 1 + 3 * 2 + 2);
        let ids: HashSet<&str> = spans.iter().map(|span| span["trace_id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 1);
        traces.extend(ids.into_iter().map(str::to_owned));
        let sent = format!("of {id}");
        assert_eq!(spans.iter().filter(|span| span["name"] == sent.as_str()).count(), 2);
        let ledger = &json("run.json")["telemetry"]["ledger"];
        assert_eq!((&ledger["received"], &ledger["duplicates"]), (&4.into(), &2.into()), "each came twice: {ledger}");
    }
    assert_eq!(traces.len(), 2);
}

#[test]
fn of_two_runs_with_one_id_only_one_goes_on() {
    let bench = Bench::new("[pipeline]\nname = \"same\"\n[stages.a]\nrun = \"echo x >> ran; sleep 0.1\"\n");
    let both = ["R", "R"].map(|id| start(&bench, id)).map(ended);
    let mut codes = both.each_ref().map(|ran| ran.code);
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(2)]);
    assert_eq!(std::fs::read_to_string(bench.path().join("ran")).unwrap(), "x\n");
    assert_eq!(bench.trace().kind("stage").len(), 1);
}
