//! The executor with bridges that are not Ray's: what the dispatcher, the trace and the logs make of what they say.

mod bench;

use bench::{pipeline, run, run_until};

use super::RayError;
use crate::conventions::attr;
use crate::dag::StageResult;

/// Runs every attempt well.
const GOOD: &str = r##"
ready()
for order in orders():
    if order["t"] == "stop":
        break
    if order["t"] == "submit":
        job = order["job"]; id = order["id"]
        started(id); log(id, "hello from afar\n"); log(id, "oh\n", "err")
        word("spans", id, emitted=1, spans=[worker_span(job)]); ended(id)
"##;

const ONE: &str = "[stages.a]\nrun = \"true\"\n";

#[test]
fn what_an_attempt_says_and_how_it_ends_comes_from_its_worker() {
    let ran = run(
        &pipeline("", "[stages.a]\nrun = \"true\"\n[stages.here]\nrun = \"echo here\"\nexecutor = \"local\"\n"),
        GOOD,
    )
    .unwrap();
    assert_eq!(ran.results, [StageResult::Success; 2]);
    assert_eq!(ran.file("logs/a/1.out.log"), "hello from afar\n");
    assert_eq!(ran.file("logs/a/1.err.log"), "oh\n");
    assert_eq!(ran.file("logs/here/1.out.log"), "here\n");
    assert_eq!(ran.attribute("a#1", attr::EXECUTOR), "ray");
    assert_eq!(ran.attribute("here#1", attr::EXECUTOR), serde_json::Value::Null);
    assert_eq!(ran.attribute("a#1", attr::DELIVERY), "at_most_once");
    assert_eq!(ran.attribute("a#1", attr::CLOCK_OFFSET_NS), 1000);
    assert_eq!(ran.attribute("a#1", attr::SPANS_RECEIVED), 1);
    assert_eq!(ran.attribute("a#1", attr::SPANS_LOST), serde_json::Value::Null);
    let started = ran.attribute("a#1", attr::STARTED_TIME).as_u64().unwrap();
    let span = ran.span("a#1");
    assert!(started >= span["start_time"].as_u64().unwrap() && started <= span["end_time"].as_u64().unwrap());
    let own = std::fs::read(ran.directory.path().join("data/forensic_trace.abababababab-7.json")).unwrap();
    let own: Vec<serde_json::Value> = serde_json::from_slice(&own).unwrap();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["parent_span_id"], span["span_id"]);
    assert!(ran.spans.contains(&own[0]));
    assert_eq!(own[0]["attributes"]["forensic.outside_dispatch"], true, "its clock is of 1970");
    assert_eq!(ran.ledger.difference(), 0);
    assert_eq!(ran.told.iter().filter(|text| text.starts_with("start")).count(), 2);
}

#[test]
fn a_timeout_counts_from_the_start_and_not_from_the_queue() {
    let late = r##"
ready()
for order in orders():
    if order["t"] == "stop":
        break
    if order["t"] == "submit":
        id = order["id"]
        say("queued", id=id); say("pending", id=id, why="no node has label zone=zz")
        time.sleep(1.2)
        started(id); ended(id)
"##;
    let ran = run(&pipeline("", "[stages.a]\nrun = \"true\"\ntimeout = \"500ms\"\n"), late).unwrap();
    assert_eq!(ran.results, [StageResult::Success]);
    assert!(ran.has_told("a#1 waits: no node has label zone=zz"), "{:?}", ran.told);
    assert_eq!(ran.attribute("a#1", attr::PENDING_REASON), "no node has label zone=zz");
    let until_cancelled = r##"
ready()
for order in orders():
    if order["t"] == "stop":
        break
    if order["t"] == "submit":
        started(order["id"])
    if order["t"] == "cancel":
        ended(order["id"], code=None, signal=15, why="cancelled")
"##;
    let ran = run(&pipeline("", "[stages.a]\nrun = \"true\"\ntimeout = \"50ms\"\n"), until_cancelled).unwrap();
    assert_eq!(ran.results, [StageResult::Timeout]);
    assert_eq!(ran.error("a#1").0, "timeout");
}

#[test]
fn cancel_wins_over_whatever_comes_after_it() {
    for answer in [
        "ended(order['id'])",
        "say('failed', id=order['id'], kind='worker_lost', error='X', detail='', node_alive=True, fence_ms=0)",
    ] {
        let script = format!(
            "ready()\nfor order in orders():\n    if order['t'] == 'stop': break\n    if order['t'] == 'submit': started(order['id'])\n    \
             if order['t'] == 'cancel' and not order['force']: {answer}\n"
        );
        let ran = run_until(&pipeline("", ONE), &script, Some("start a#1")).unwrap();
        assert_eq!(ran.results, [StageResult::Cancellation], "{answer}");
        assert_eq!(ran.error("a#1").0, "cancelled");
    }
}

/// The first attempt is lost.
const LOST: &str = r##"
ready()
for order in orders():
    if order["t"] == "stop":
        break
    if order["t"] == "submit":
        id = order["id"]
        started(id)
        if id.endswith("#1"):
            word("beat", id, emitted=4, w=1)
            say("recovered", id=id, spans=[worker_span(order["job"], "00f067aa0ba902b9")])
            say("failed", id=id, kind="node_lost", error="NodeDiedError", detail="\x1b[31mgone\x1b[0m\nfor good", node_alive=False, fence_ms=0)
        else:
            word("spans", id, emitted=1, spans=[worker_span(order["job"])]); ended(id)
"##;

#[test]
fn a_lost_attempt_fails_as_what_it_was() {
    let ran = run(&pipeline("", ONE), LOST).unwrap();
    assert_eq!(ran.results, [StageResult::Error]);
    let (cause, message) = ran.error("a#1");
    assert_eq!(cause, "node_lost");
    assert_eq!(message, "the node 127.0.0.3 was lost (NodeDiedError): gone for good");
    assert_eq!(ran.error("a").0, "node_lost");
    assert_eq!(ran.attribute("a#1", attr::SPANS_LOST), 3);
    assert_eq!(ran.attribute("a#1", attr::SPANS_RECOVERED), 1);
    let workers = ran.ledger.workers.unwrap();
    assert_eq!((workers.lost, workers.recovered), (3, 1));
    // What stands where its worker's own span would be, which never came.
    let own = ran.spans.iter().find(|span| span["span_id"] == "00f067aa0ba902b7").unwrap();
    assert_eq!((&own["parent_span_id"], &own["start_time"]), (&ran.span("a#1")["span_id"], &1.into()));
    assert_eq!((&own["attributes"][attr::INFERRED], &own["name"]), (&true.into(), &"a#1@abababababab-7".into()));
    assert_eq!(ran.ledger.difference(), 0);
    assert!(ran.ledger.notes().iter().any(|note| note.contains("3 spans of workers")), "{:?}", ran.ledger.notes());
}

#[test]
fn a_lost_attempt_is_repeated_only_where_that_is_wanted() {
    let ran = run(&pipeline("on_lost = \"retry\"\n", ONE), LOST).unwrap();
    assert_eq!(ran.results, [StageResult::Success]);
    assert_eq!(ran.attribute("a#2", attr::PREVIOUS_ATTEMPT), 1);
    assert_eq!(ran.attribute("a#2", attr::PREVIOUS_FENCED), "proved");
    assert_eq!(ran.attribute("a#2", attr::DELIVERY), "at_least_once");
    assert_eq!(ran.error("a#1").0, "node_lost");
    let always = LOST.replace("id.endswith(\"#1\")", "True");
    let ran = run(&pipeline("on_lost = \"retry\"\nlost_retries = 2\n", ONE), &always).unwrap();
    assert_eq!(ran.results, [StageResult::Error]);
    assert_eq!(ran.attribute("a", attr::ATTEMPTS), 3);
}

#[test]
fn what_is_wrong_with_a_bridge_is_told_and_does_not_stop_the_run() {
    let script = r##"
ready()
for order in orders():
    if order["t"] == "stop":
        break
    if order["t"] == "submit":
        id = order["id"]
        raw("Traceback (most recent call last):"); raw("{\"t\":\"failed\"}"); raw("x" * (3 << 20)); say("weather", sunny=True)
        started("nobody#1")
        started(id); n[id] += 2
        log(id, "after the gap\n"); ended(id)
        say("failed", id=id, kind="worker_lost", error="X", detail="", node_alive=True, fence_ms=0)
"##;
    let ran = run(&pipeline("", ONE), script).unwrap();
    assert_eq!(ran.results, [StageResult::Success]);
    assert!(ran.has_told("2 lines of a#1 are missing"), "{:?}", ran.told);
    assert!(ran.has_told("a second result of a#1 came"), "{:?}", ran.told);
    assert!(ran.has_told("does not speak as it should"), "{:?}", ran.told);
    assert_eq!(ran.file("logs/a/1.out.log"), "after the gap\n");
}

#[test]
fn when_the_bridge_ends_so_do_all_attempts() {
    let script = r##"
ready()
for order in orders():
    if order["t"] == "submit" and order["id"] == "a#1":
        started("a#1")
        print("my last word is correct-horse-battery", file=sys.stderr); sys.stderr.flush()
        sys.exit(7)
"##;
    let ran = run(
        &pipeline("", "[stages.a]\nrun = \"true\"\n[stages.b]\nrun = \"true\"\nneeds = { always = [\"a\"] }\n"),
        script,
    )
    .unwrap();
    assert_eq!(ran.results, [StageResult::Error; 2]);
    for attempt in ["a#1", "b#1"] {
        let (cause, message) = ran.error(attempt);
        assert_eq!(cause, "bridge_lost");
        assert!(message.contains("exit code 7") && message.contains("my last word"), "{message}");
        assert!(!message.contains("correct-horse"), "{message}");
    }
    assert!(!ran.file("logs/ray-bridge.err.log").contains("correct-horse"));
}

#[test]
fn without_a_cluster_nothing_runs_and_the_error_says_why() {
    let error = |script: &str| match run(&pipeline("connect_timeout = \"1s\"\n", ONE), script) {
        Ok(ran) => panic!("it ran: {:?}", ran.told),
        Err(error) => error,
    };
    let refused =
        error("say('refused', what='no module ray', tried='import ray', detail='ModuleNotFoundError')\nsys.exit(3)");
    assert!(matches!(refused, RayError::Refused { .. }));
    assert_eq!(refused.to_string(), "no Ray cluster: no module ray. Tried: import ray. ModuleNotFoundError");
    let ended = error("print('boom', file=sys.stderr)\nsys.exit(9)");
    assert!(
        matches!(&ended, RayError::Ended { status, last_line: Some(line), .. } if status == "exit code 9" && line == "boom"),
        "{ended}"
    );
    assert!(matches!(error("raw('hello there')"), RayError::Protocol(_)));
    assert!(matches!(error("ready(proto=2)"), RayError::Protocol(_)));
    assert!(matches!(error("ready(nodes=[])"), RayError::NoNodes));
    let node = |more: &str| format!("ready(nodes=[dict(node='ab', name='10.0.0.9', total={{'CPU': 1.0}}, {more})])");
    for (more, part) in [
        ("shared=False", "does not see the run directory"),
        ("shared=True, problem='only 3 MiB are free'", "only 3 MiB are free"),
        ("shared=True, arch='sparc'", "it is sparc"),
    ] {
        let error = error(&node(more)).to_string();
        assert!(error.contains(part) && error.contains("10.0.0.9"), "{error}");
    }
}
