//! Secrets that a stage says on a node: in none of the files there, here or of Ray, not even while it runs.

use std::path::{Path, PathBuf};

use super::cluster::shared;
use super::trial::Trial;

const SECRET: &str = "decl-X7pQ2vR9sT-ray";
/// Has a name that tells what it is.
const NAMED: &str = "Vb7nQe2Lx9Rt4Zc8";

/// Says the secrets on both streams, in one piece and in two, and in a span; and goes on when it is told to.
const TELLTALE: &str = r#"
import json, os, sys, time, urllib.parse, urllib.request
secret, named = os.environ["DECLARED"], os.environ["API_TOKEN"]
print("bare", secret, flush=True)
sys.stdout.write("in two " + secret[:9]); sys.stdout.flush(); time.sleep(0.2); print(secret[9:], flush=True)
print("on the other", secret, "API_TOKEN=" + named, file=sys.stderr, flush=True)
trace, parent = os.environ["TRACEPARENT"].split("-")[1:3]
now = str(time.time_ns())
text = lambda key, value: {"key": key, "value": {"stringValue": value}}
span = {"traceId": trace, "spanId": "00f067aa0ba902b7", "parentSpanId": parent, "name": "load " + secret, "kind": 1, "startTimeUnixNano": now,
        "endTimeUnixNano": now, "attributes": [text("note", "the value " + secret), text("db.password", named), text("key " + secret, "x")],
        "status": {"code": 2, "message": "can't use " + secret}}
body = json.dumps({"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": secret}, "spans": [span]}]}]})
request = urllib.request.Request(os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"].rstrip("/") + "/v1/traces", body.encode(), {"content-type": "application/json"})
for pair in os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", "").split(","):
    name, _, value = pair.partition("=")
    request.add_header(name.strip(), urllib.parse.unquote(value))
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
assert opener.open(request).status == 200
data = os.environ["FORENSIC_DATA_DIR"]
open(data + "/said", "w").write("said")
while not os.path.exists(data + "/go"):
    time.sleep(0.02)
"#;

/// Every file below a folder that has one of the secrets, and how many there are. Files may go while they are looked at.
fn look(folder: &Path, found: &mut Vec<PathBuf>) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            count += look(&entry.path(), found);
        } else if kind.is_file() {
            let Ok(bytes) = std::fs::read(entry.path()) else { continue };
            count += 1;
            if [SECRET, NAMED].iter().any(|secret| memchr::memmem::find(&bytes, secret.as_bytes()).is_some()) {
                found.push(entry.path());
            }
        }
    }
    count
}

#[test]
fn a_secret_that_a_stage_says_is_in_no_file_of_the_run_the_worker_or_ray() {
    let Some(cluster) = shared() else { return };
    let trial = Trial::new(
        cluster,
        "",
        r#"
        [secrets]
        env = ["DECLARED"]
        [environment]
        dotenv = [".env"]
        [stages.telltale]
        command = ["python3", "telltale.py"]
        "#,
    );
    trial.bench.write("telltale.py", TELLTALE);
    trial.bench.write(".env", format!("DECLARED={SECRET}\nAPI_TOKEN={NAMED}\n"));
    let mut command = trial.command(&["run", "--run-id", &trial.id, "--verbose"]);
    command.env("DECLARED", SECRET);
    let running = trial.spawn(command);
    trial.until_told("said");
    // The worker's own folder is there only as long as its attempt.
    let scratch = std::env::temp_dir().join(format!("forensic-host-{}", rustix::process::getuid().as_raw()));
    let mut found = Vec::new();
    let own = look(&scratch.join(&trial.id), &mut found);
    assert!(own > 0, "the worker keeps a journal below {}", scratch.display());
    let rays = look(&cluster.sessions(), &mut found);
    assert!(rays > 10, "{rays} files of Ray");
    look(&trial.run_dir(), &mut found);
    assert!(found.is_empty(), "while it runs: {found:?}");
    std::fs::write(trial.run_dir().join("data/go"), "").unwrap();
    assert_eq!(running.wait(), Some(0));

    look(&scratch, &mut found);
    look(&cluster.sessions(), &mut found);
    look(&trial.run_dir(), &mut found);
    assert!(found.is_empty(), "{found:?}");
    let said = [trial.stdout(), trial.stderr()].concat();
    assert!(!said.contains(SECRET) && !said.contains(NAMED), "{said}");
    // Around the secrets all is as it was.
    assert_eq!(trial.read("logs/telltale/1.out.log"), "bare [REDACTED]\nin two [REDACTED]\n");
    let trace = trial.trace();
    let span = trace.0.iter().find(|span| span["name"] == "load [REDACTED]").expect("the received span");
    assert_eq!(span["attributes"]["note"], "the value [REDACTED]");
    assert_eq!(span["status_message"], "can't use [REDACTED]");
    assert!(!scratch.join(&trial.id).exists(), "the worker's folder goes with its attempt");
}
