//! Secrets planted all over a run are in none of its files, and never on the terminal.

use std::path::{Path, PathBuf};

use crate::support::{Bench, hostile_guest};

/// Set by `tests/run`, see `otlp`.
const PYTHON: &str = "OTLP_PYTHON_BIN";

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Asserts that none of the secrets is in any file of the run, nor in what was printed.
fn assert_nowhere(bench: &Bench, printed: &[&str], secrets: &[&str]) {
    let mut found = Vec::new();
    files(&bench.run_dir(), &mut found);
    assert!(found.len() > 5, "the run left files: {found:?}");
    for path in found {
        let bytes = std::fs::read(&path).unwrap();
        for secret in secrets {
            assert!(!contains(&bytes, secret), "{secret} is in {}", path.display());
        }
    }
    for text in printed {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} was printed:\n{text}");
        }
    }
}

/// A stage that says a secret wherever OpenTelemetry lets it.
const TELLTALE: &str = r#"
import os
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

declared = os.environ["DECLARED"]
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("telltale " + declared, attributes={"scope.secret": declared})
other = SpanContext(1, 2, True, TraceFlags(1))
with tracer.start_as_current_span("load " + declared, links=[Link(other, {"why": declared})]) as span:
    span.set_attribute("db.password", "attr-9f3kLq2Zx")
    span.set_attribute("note", "the value " + declared + " in a text")
    span.set_attribute("list", ["a", declared])
    span.set_attribute("key " + declared, 1)
    span.set_attribute("raw", declared.encode())
    span.add_event("event " + declared, {"what": declared})
    try:
        raise ValueError("can't log in with " + declared + " at postgres://joe:url-Zx81Lm0q@db/prices")
    except ValueError as error:
        span.record_exception(error)
        span.set_status(Status(StatusCode.ERROR, str(error)))
provider.shutdown()
"#;

#[test]
fn a_secret_planted_all_over_a_run_is_in_none_of_its_files() {
    let Some(python) = std::env::var_os(PYTHON) else {
        eprintln!("SKIPPED: {PYTHON} is not set; tests/run sets it");
        return;
    };
    let python = Path::new(&python).join("python");
    for debug in ["0", "1"] {
        let bench = Bench::new(&format!(
            r#"
            [pipeline]
            name = "leaky"
            max_parallel = 1
            [secrets]
            env = ["DECLARED"]
            files = ["token"]
            [redaction]
            keys = ["wallet_address"]
            patterns = {{ order = "ORD-[0-9]{{8}}" }}
            [stages.stdout]
            run = "echo bare: $DECLARED; printenv; echo from-file: $(cat token); cat token | base64"
            [stages.stderr]
            run = "echo could not use $DECLARED >&2; exit 3"
            [stages.argv]
            command = ["sh", "-c", "exit 0", "--", "--token", "argv-7Hq2mVx9Kd", "--dsn", "mysql://u:argvurl-77aQ@h/d"]
            [stages.own]
            run = "echo it is $DB_PASSWORD"
            env = {{ DB_PASSWORD = "own-Qw8rTz5u" }}
            [stages.rules]
            run = "echo wallet_address=rule-0x52908400098527886E; echo order ORD-20261122"
            [stages.pem]
            run = "cat key.pem; echo done"
            [stages.missing]
            command = ["./no-such-program-ghp_0123456789abcdefghijABCDEFGHIJ012345"]
            [stages.telltale]
            command = ["{}", "telltale.py"]
            [[report]]
            id = "look"
            plugin = "hostile.wasm"
            artifacts = ["logs/*/*.log"]
            config = {{ do = "look", api_key = "conf-3Jd8sKq1Lw", note = "decl-X7pQ2vR9sT" }}
            "#,
            python.display()
        ));
        bench.write("hostile.wasm", hostile_guest());
        bench.write("telltale.py", TELLTALE);
        bench.write("token", "file-Mn4Bv6Cx8Zl\n");
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIPpemPEM0123456789abcdefPEMpem\n-----END PRIVATE KEY-----\n";
        bench.write("key.pem", pem);
        let mut command = bench.command(&["run", "--run-id", "R", "--verbose"]);
        command.env("DECLARED", "decl-X7pQ2vR9sT").env("BROKER_API_TOKEN", "inherited-5Gh7Jk9Lq");
        command.env("TV_DEBUG_TELEMETRY", debug);
        let ran = crate::support::Ran::from(command.output().unwrap());
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        let secrets = [
            "decl-X7pQ2vR9sT",
            "file-Mn4Bv6Cx8Zl",
            "attr-9f3kLq2Zx",
            "url-Zx81Lm0q",
            "argv-7Hq2mVx9Kd",
            "argvurl-77aQ",
            "own-Qw8rTz5u",
            "rule-0x52908400098527886E",
            "ORD-20261122",
            "MC4CAQAwBQYDK2VwBCIEIPpemPEM0123456789abcdefPEMpem",
            "ghp_0123456789abcdefghijABCDEFGHIJ012345",
            "conf-3Jd8sKq1Lw",
            "inherited-5Gh7Jk9Lq",
            // In base64, as `cat token | base64` and bytes in a span have them.
            "ZmlsZS1NbjRCdjZDeDha",
            "ZGVjbC1YN3BRMnZSOXNU",
        ];
        assert_nowhere(&bench, &[&ran.stdout, &ran.stderr], &secrets);
        // Around the secrets everything is as it was.
        let log = bench.read("logs/stdout/1.out.log");
        assert!(log.contains("bare: [REDACTED]\n") && log.contains("FORENSIC_RUN_ID=R\n"), "{log}");
        assert!(bench.read("logs/pem/1.out.log").ends_with("done\n"));
        let trace = bench.trace();
        let stderr = trace.stage("stderr");
        assert_eq!(stderr["status_message"], "exit code 3: could not use [REDACTED]");
        let argv = &trace.attempts("argv")[0]["attributes"]["process.command_args"];
        assert_eq!(argv[5], "[REDACTED]", "{argv}");
        let span = trace.0.iter().find(|span| span["name"] == "load [REDACTED]").expect("the received span");
        assert_eq!(span["attributes"]["note"], "the value [REDACTED] in a text");
        let record = bench.json("run.json");
        assert!(record["telemetry"]["ledger"]["redactions"].as_u64().unwrap() >= 8, "{record}");

        // The report made again knows the secret too, and is the same.
        let report = bench.markdown();
        let mut again = bench.command(&["report", "R"]);
        let again = crate::support::Ran::from(again.env("DECLARED", "decl-X7pQ2vR9sT").output().unwrap());
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        assert_eq!(bench.markdown(), report);
        assert_nowhere(&bench, &[&again.stdout, &again.stderr], &secrets);
    }
}

#[test]
fn a_declared_variable_that_is_not_set_is_told_and_a_short_one_is_refused() {
    let pipeline =
        "[pipeline]\nname = \"unset\"\n[secrets]\nenv = [\"NOT_THERE\", \"SHORT\"]\n[stages.a]\nrun = \"true\"\n";
    let bench = Bench::new(pipeline);
    let mut command = bench.command(&["run", "--run-id", "R"]);
    let ran = crate::support::Ran::from(command.env_remove("NOT_THERE").env("SHORT", "abc").output().unwrap());
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("SHORT") && !ran.stderr.contains("abc"), "{}", ran.stderr);
    assert!(!bench.run_dir().exists(), "refused before there is a run");
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("NOT_THERE").count(), 1, "told once: {}", ran.stderr);
}

#[test]
fn what_is_said_before_while_and_after_a_run_holds_no_secret() {
    let declared = "pl4nted-Value-77";
    let named = "kT9vQ2mX7pLz4RwB";
    let bench = Bench::new(&format!(
        r#"
        [pipeline]
        name = "told"
        [secrets]
        env = ["DECLARED"]
        [environment]
        dotenv = [".env"]
        [stages.a]
        command = ["sh", "-c", "echo {declared}; echo $API_TOKEN >&2; exit 3"]
        env = {{ NOTE = "{declared}" }}
        outputs = []
        [stages.b]
        run = "true"
        needs = ["a"]
        when = {{ env = {{ NOTE = "{declared}" }} }}
        "#
    ));
    bench.write(".env", format!("API_TOKEN={named}\n"));
    let call = |arguments: &[&str]| {
        let output = bench.command(arguments).env("DECLARED", declared).output().unwrap();
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat()
    };
    let mut printed = vec![call(&["run", "--run-id", "R", "--format", "json", "-v"])];
    assert!(printed[0].contains("\"run_ended\""), "{}", printed[0]);
    for arguments in [
        &["plan"][..],
        &["plan", "--format", "json"],
        &["plan", "--resume", "R", "--format", "json"],
        &["graph"],
        &["graph", "--format", "json"],
        &["runs", "list", "--format", "json"],
        &["runs", "show", "R"],
        &["runs", "show", "R", "--format", "json"],
        &["report", "R", "--format", "text"],
        &["run", "--run-id", "S", "--ci", "github", "--junit", "junit.xml"],
    ] {
        printed.push(call(arguments));
    }
    printed.push(std::fs::read_to_string(bench.path().join("junit.xml")).unwrap());
    let printed: Vec<&str> = printed.iter().map(String::as_str).collect();
    assert_nowhere(&bench, &printed, &[declared, named]);
}
