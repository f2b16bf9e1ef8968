//! The environment of an attempt as a whole: inherited, the stage's own over it, ours last.

use std::collections::BTreeMap;
use std::ffi::OsString;

use proptest::prelude::*;

use super::{AttemptContext, BAGGAGE_BYTES, BAGGAGE_ENTRIES, ENDPOINTS, EXPORTER_SIGNALS, HEADERS, variables};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

type Variables = BTreeMap<String, String>;

/// What the attempt finally sees.
fn seen(inherited: &[(&str, &str)], stage: &[(&str, &str)]) -> Variables {
    let look = |list: &[(&str, &str)], name: &str| {
        list.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
    };
    let attempt = AttemptContext {
        port: 4711,
        token: "t0k3n",
        traceparent: TRACEPARENT,
        tracestate: "",
        run_id: "run,1 ü",
        stage: "risk.optimize_meta",
    };
    let mut all: Variables =
        inherited.iter().chain(stage).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    for (name, value) in variables(&|name| look(inherited, name), &|name| look(stage, name), &attempt) {
        match value {
            Some(value) => all.insert(name.into_owned(), value.into_string().unwrap()),
            None => all.remove(&*name),
        };
    }
    all
}

fn of(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn an_empty_environment_gets_all_and_nothing_else() {
    let expected = of(&[
        ("BAGGAGE", "forensic.run.id=run%2C1%20%C3%BC,forensic.stage.id=risk.optimize_meta"),
        ("NO_PROXY", "127.0.0.1,localhost"),
        ("OTEL_BSP_SCHEDULE_DELAY", "500"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4711"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20t0k3n"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_LOGS_EXPORTER", "none"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_RESOURCE_ATTRIBUTES", "forensic.run.id=run%2C1%20%C3%BC"),
        ("OTEL_SERVICE_NAME", "risk.optimize_meta"),
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_on"),
        ("TRACEPARENT", TRACEPARENT),
        ("no_proxy", "127.0.0.1,localhost"),
    ]);
    assert_eq!(seen(&[], &[]), expected);
}

#[test]
fn nothing_of_the_users_own_collector_reaches_a_stage() {
    let inherited: Vec<(String, &str)> = ["", "TRACES_", "METRICS_", "LOGS_", "PROFILES_"]
        .iter()
        .flat_map(|signal| {
            ["ENDPOINT", "HEADERS", "CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE", "INSECURE", "COMPRESSION"]
                .map(|setting| (format!("OTEL_EXPORTER_OTLP_{signal}{setting}"), "users-secret"))
        })
        .chain([("OTEL_SDK_DISABLED".to_owned(), "true"), ("TRACESTATE".to_owned(), "users-secret")])
        .collect();
    let inherited: Vec<(&str, &str)> = inherited.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    for stage in [&[][..], &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://there:4317")]] {
        let seen = seen(&inherited, stage);
        assert!(!seen.values().any(|value| value.contains("users-secret")), "{seen:?}");
        assert!(!seen.contains_key("OTEL_SDK_DISABLED"));
    }
}

#[test]
fn a_stage_that_sends_elsewhere_keeps_its_way_and_gets_no_token() {
    for name in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] {
        let seen = seen(
            &[("OTEL_EXPORTER_OTLP_HEADERS", "api-key=users")],
            &[(name, "http://there:4317"), ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=stages")],
        );
        assert_eq!(seen[name], "http://there:4317");
        assert_eq!(seen["OTEL_EXPORTER_OTLP_HEADERS"], "api-key=stages");
        assert!(!seen.values().any(|value| value.contains("t0k3n")), "{seen:?}");
        assert_eq!(seen["TRACEPARENT"], TRACEPARENT);
    }
}

#[test]
fn metrics_that_go_elsewhere_do_not_take_the_token_along() {
    let metrics = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://there:4318/v1/metrics");
    let http = seen(&[], &[metrics]);
    assert_eq!(http["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"], "http://127.0.0.1:4711/v1/traces");
    assert_eq!(http["OTEL_EXPORTER_OTLP_TRACES_HEADERS"], "authorization=Bearer%20t0k3n");
    assert_eq!(http["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"], "http/protobuf");
    assert!(!http.contains_key("OTEL_EXPORTER_OTLP_HEADERS"));
    assert!(!http.contains_key("OTEL_EXPORTER_OTLP_ENDPOINT"));

    let grpc = seen(&[], &[metrics, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
    assert_eq!(grpc["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"], "http://127.0.0.1:4711");
    assert_eq!(grpc["OTEL_EXPORTER_OTLP_PROTOCOL"], "grpc");
}

#[test]
fn a_stages_own_headers_do_not_take_the_tokens_place() {
    let seen = seen(
        &[],
        &[("OTEL_EXPORTER_OTLP_HEADERS", "api-key=stages"), ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "api-key=stages")],
    );
    assert_eq!(seen["OTEL_EXPORTER_OTLP_HEADERS"], "authorization=Bearer%20t0k3n");
    assert!(!seen.contains_key("OTEL_EXPORTER_OTLP_TRACES_HEADERS"));
}

#[test]
fn a_stages_wishes_hold() {
    let wishes = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("OTEL_SERVICE_NAME", "mine"),
        ("OTEL_METRICS_EXPORTER", "otlp"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
    ];
    let seen = seen(&[("OTEL_TRACES_SAMPLER_ARG", "1"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")], &wishes);
    for (name, value) in wishes {
        assert_eq!(seen[name], value, "{name}");
    }
}

#[test]
fn inherited_defaults_hold_and_an_inherited_sampler_does_not() {
    let seen = seen(
        &[
            ("OTEL_BSP_SCHEDULE_DELAY", "2000"),
            ("OTEL_TRACES_EXPORTER", "console"),
            ("OTEL_METRICS_EXPORTER", ""),
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ],
        &[],
    );
    assert_eq!(seen["OTEL_BSP_SCHEDULE_DELAY"], "2000");
    assert_eq!(seen["OTEL_TRACES_EXPORTER"], "console");
    assert_eq!(seen["OTEL_METRICS_EXPORTER"], "none", "empty is unset");
    assert_eq!(seen["OTEL_TRACES_SAMPLER"], "parentbased_always_on");
    assert!(!seen.contains_key("OTEL_TRACES_SAMPLER_ARG"));
    assert_eq!(seen["OTEL_EXPORTER_OTLP_PROTOCOL"], "http/protobuf");
}

#[test]
fn lists_are_appended_to() {
    let seen = seen(
        &[("NO_PROXY", "corp.example"), ("OTEL_RESOURCE_ATTRIBUTES", "forensic.run.id=outer,team=a%2Cb")],
        &[("BAGGAGE", "user=1;prop, forensic.run.id=forged")],
    );
    assert_eq!(seen["NO_PROXY"], "corp.example,127.0.0.1,localhost");
    assert_eq!(seen["no_proxy"], "corp.example,127.0.0.1,localhost", "else it would hide the other");
    assert_eq!(seen["OTEL_RESOURCE_ATTRIBUTES"], "team=a%2Cb,forensic.run.id=run%2C1%20%C3%BC");
    assert_eq!(seen["BAGGAGE"], "forensic.run.id=run%2C1%20%C3%BC,forensic.stage.id=risk.optimize_meta,user=1;prop");
}

#[test]
fn what_is_there_is_not_added_again() {
    let seen = seen(
        &[("no_proxy", "localhost, 127.0.0.1"), ("NO_PROXY", "*")],
        &[("OTEL_RESOURCE_ATTRIBUTES", "service.name=mine")],
    );
    assert_eq!(seen["no_proxy"], "localhost, 127.0.0.1");
    assert_eq!(seen["NO_PROXY"], "*");
    assert!(!seen.contains_key("OTEL_SERVICE_NAME"), "it would win over service.name");
}

proptest! {
    #[test]
    fn baggage_stays_within_its_limits(lengths in prop::collection::vec(0..400usize, 0..90)) {
        let entries: Vec<String> = lengths.iter().map(|&length| format!("key{length}={}", "x".repeat(length))).collect();
        let seen = seen(&[("BAGGAGE", entries.join(",").as_str())], &[]);
        let baggage = &seen["BAGGAGE"];
        prop_assert!(baggage.len() <= BAGGAGE_BYTES);
        prop_assert!(baggage.split(',').count() <= BAGGAGE_ENTRIES);
        prop_assert!(baggage.starts_with("forensic.run.id="));
    }
}

#[test]
fn the_names_that_are_written_out_are_those_of_the_signals() {
    for (index, signal) in EXPORTER_SIGNALS.iter().enumerate() {
        assert_eq!(ENDPOINTS[index], format!("OTEL_EXPORTER_OTLP_{signal}ENDPOINT"));
        assert_eq!(HEADERS[index], format!("OTEL_EXPORTER_OTLP_{signal}HEADERS"));
    }
}
