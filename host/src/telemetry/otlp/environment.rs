//! The environment that leads a stage's OpenTelemetry SDK to the run's receiver, and keeps the user's own collector and
//! its secrets out of the stage.
//!
//! Sources: OpenTelemetry specification 1.60, "Environment Variable Specification", "OTLP Exporter Configuration" and
//! "Environment variables as context propagation carriers" (release candidate); W3C Trace Context and Baggage.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::sync::LazyLock;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Largest `BAGGAGE`: entries and bytes, as W3C Baggage guarantees.
const BAGGAGE_ENTRIES: usize = 64;
const BAGGAGE_BYTES: usize = 8192;

/// The keys under which run and stage are told.
const RUN_ID: &str = "forensic.run.id";
const STAGE_ID: &str = "forensic.stage.id";

/// What may stand in baggage and in `OTEL_RESOURCE_ATTRIBUTES` as it is.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Settings of an OTLP exporter, for all signals (`OTEL_EXPORTER_OTLP_…`) and each alone.
const EXPORTER_SIGNALS: [&str; 5] = ["", "TRACES_", "METRICS_", "LOGS_", "PROFILES_"];
/// Two of these settings, for each of the signals in their order.
const ENDPOINTS: [&str; 5] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT",
];
const HEADERS: [&str; 5] = [
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
    "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
    "OTEL_EXPORTER_OTLP_PROFILES_HEADERS",
];
const EXPORTER_SETTINGS: [&str; 9] = [
    "ENDPOINT",
    "HEADERS",
    "PROTOCOL",
    "TIMEOUT",
    "COMPRESSION",
    "INSECURE",
    "CERTIFICATE",
    "CLIENT_KEY",
    "CLIENT_CERTIFICATE",
];
/// `OTEL_EXPORTER_OTLP_…`: every setting of every signal.
static EXPORTER_NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let of = |signal| EXPORTER_SETTINGS.map(|setting| format!("OTEL_EXPORTER_OTLP_{signal}{setting}"));
    EXPORTER_SIGNALS.into_iter().flat_map(of).collect()
});
/// Old names of settings above that some SDKs still read.
const EXPORTER_OLD: [&str; 2] = ["OTEL_EXPORTER_OTLP_SPAN_INSECURE", "OTEL_EXPORTER_OTLP_METRIC_INSECURE"];

/// Changes that most attempts get.
const USUAL: usize = 16;

/// What an attempt is told.
#[derive(Debug, Clone, Copy)]
pub struct AttemptContext<'a> {
    /// Port of the receiver on 127.0.0.1.
    pub port: u16,
    /// The attempt's token: hexadecimal.
    pub token: &'a str,
    /// `00-<trace id>-<id of the attempt's span>-01`.
    pub traceparent: &'a str,
    /// Empty where there is none.
    pub tracestate: &'a str,
    /// The run id.
    pub run_id: &'a str,
    /// The stage id.
    pub stage: &'a str,
}

/// The variables to set (`Some`) and to remove (`None`) in an attempt's environment, after the stage's own `env` has been
/// laid over the inherited one: where the two are to be heard, that is done here.
///
/// `inherited`: the host's own environment. `stage`: what the pipeline sets for the stage. A stage that sends its
/// traces elsewhere by its own `env` keeps that, and gets no token of ours.
pub fn variables(
    inherited: &dyn Fn(&str) -> Option<OsString>,
    stage: &dyn Fn(&str) -> Option<OsString>,
    attempt: &AttemptContext<'_>,
) -> Vec<(Cow<'static, str>, Option<OsString>)> {
    let mut environment = Environment { inherited, stage, changes: Vec::with_capacity(USUAL) };
    environment.context(attempt);
    environment.exporter(attempt);
    environment.sdk(attempt);
    environment.proxies();
    environment.changes
}

struct Environment<'e> {
    inherited: &'e dyn Fn(&str) -> Option<OsString>,
    stage: &'e dyn Fn(&str) -> Option<OsString>,
    changes: Vec<(Cow<'static, str>, Option<OsString>)>,
}

impl Environment<'_> {
    fn set(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.changes.push((name.into(), Some(value.into())));
    }

    fn remove(&mut self, name: &'static str) {
        self.changes.push((name.into(), None));
    }

    /// The stage's own value; an empty one counts as none, as everywhere in OpenTelemetry.
    fn own(&self, name: &str) -> Option<OsString> {
        (self.stage)(name).filter(|value| !value.is_empty())
    }

    /// The value that holds before ours.
    fn current(&self, name: &str) -> Option<OsString> {
        (self.stage)(name).or_else(|| (self.inherited)(name)).filter(|value| !value.is_empty())
    }

    fn set_if_unset(&mut self, name: &'static str, value: impl Into<OsString>) {
        if self.current(name).is_none() {
            self.set(name, value);
        }
    }

    /// Removes what was inherited; what the stage sets itself stays.
    fn remove_inherited(&mut self, name: &'static str) {
        if (self.inherited)(name).is_some() && (self.stage)(name).is_none() {
            self.remove(name);
        }
    }

    /// Where the attempt stands in the trace.
    fn context(&mut self, attempt: &AttemptContext<'_>) {
        self.set("TRACEPARENT", attempt.traceparent);
        // One that was inherited belongs to another trace.
        if attempt.tracestate.is_empty() {
            self.remove("TRACESTATE");
        } else {
            self.set("TRACESTATE", attempt.tracestate);
        }
        let ours = [(RUN_ID, attempt.run_id), (STAGE_ID, attempt.stage)];
        let others = self.current("BAGGAGE").and_then(|baggage| baggage.into_string().ok()).unwrap_or_default();
        self.set("BAGGAGE", baggage(&ours, &others));
    }

    /// Where spans are sent.
    fn exporter(&mut self, attempt: &AttemptContext<'_>) {
        EXPORTER_NAMES.iter().for_each(|name| self.remove_inherited(name));
        EXPORTER_OLD.into_iter().for_each(|name| self.remove_inherited(name));

        let own = ENDPOINTS.map(|name| self.own(name).is_some());
        if own[0] || own[1] {
            return;
        }
        let endpoint = format!("http://127.0.0.1:{}", attempt.port);
        let headers = format!("authorization=Bearer%20{}", attempt.token);
        if own.contains(&true) {
            // Headers without a signal would go with its metrics or logs, to wherever the stage sends those.
            let protocol = self.own("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL").or(self.own("OTEL_EXPORTER_OTLP_PROTOCOL"));
            let grpc = protocol.is_some_and(|protocol| protocol == "grpc");
            // A signal's endpoint is used as it is; gRPC has no path.
            let path = if grpc { "" } else { "/v1/traces" };
            self.set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("{endpoint}{path}"));
            self.set("OTEL_EXPORTER_OTLP_TRACES_HEADERS", headers);
            if !grpc && self.own("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL").is_none() {
                self.set("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf");
            }
            return;
        }
        self.set("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
        self.set("OTEL_EXPORTER_OTLP_HEADERS", headers);
        // The stage's own would take the place of the token, and were meant for somewhere else.
        for name in &HEADERS[1..] {
            if (self.stage)(name).is_some() {
                self.remove(name);
            }
        }
        if self.own("OTEL_EXPORTER_OTLP_PROTOCOL").is_none() {
            self.set("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        }
    }

    /// What the SDK makes and what it says of itself.
    fn sdk(&mut self, attempt: &AttemptContext<'_>) {
        self.remove_inherited("OTEL_SDK_DISABLED");
        self.set_if_unset("OTEL_TRACES_EXPORTER", "otlp");
        self.set_if_unset("OTEL_METRICS_EXPORTER", "none");
        self.set_if_unset("OTEL_LOGS_EXPORTER", "none");
        if self.own("OTEL_TRACES_SAMPLER").is_none() {
            self.set("OTEL_TRACES_SAMPLER", "parentbased_always_on");
            self.remove_inherited("OTEL_TRACES_SAMPLER_ARG");
        }
        // A stage that is killed loses what its SDK still holds.
        self.set_if_unset("OTEL_BSP_SCHEDULE_DELAY", "500");

        let attributes = self.current("OTEL_RESOURCE_ATTRIBUTES");
        if !attributes.as_deref().is_some_and(|attributes| has_key(attributes, "service.name")) {
            self.set_if_unset("OTEL_SERVICE_NAME", attempt.stage);
        }
        let run = format!("{RUN_ID}={}", utf8_percent_encode(attempt.run_id, VALUE));
        let attributes = attributes.map(|attributes| without_key(attributes, RUN_ID)).unwrap_or_default();
        self.set("OTEL_RESOURCE_ATTRIBUTES", joined(attributes, &run));
    }

    /// Spans must not take the way through a proxy. Both spellings are in use, and where only one is set the other
    /// would hide it.
    fn proxies(&mut self) {
        let (upper, lower) = (self.current("NO_PROXY"), self.current("no_proxy"));
        for (name, value) in [("NO_PROXY", upper.clone().or(lower.clone())), ("no_proxy", lower.or(upper))] {
            let mut value = value.unwrap_or_default();
            if value == "*" {
                continue;
            }
            for host in ["127.0.0.1", "localhost"] {
                let there = value.to_str().is_some_and(|value| value.split(',').any(|entry| entry.trim() == host));
                if !there {
                    value = joined(value, host);
                }
            }
            self.set(name, value);
        }
    }
}

/// `list,item`, or the item alone.
fn joined(mut list: OsString, item: &str) -> OsString {
    if !list.is_empty() {
        list.push(",");
    }
    list.push(item);
    list
}

fn key(entry: &str) -> &str {
    entry.split(['=', ';']).next().unwrap_or_default().trim()
}

fn has_key(list: &OsStr, name: &str) -> bool {
    list.to_str().is_some_and(|list| list.split(',').any(|entry| key(entry) == name))
}

/// The list without entries of that name, as a run within a run has them; untouched where there is none.
fn without_key(list: OsString, name: &str) -> OsString {
    match list.to_str() {
        Some(text) if has_key(&list, name) => {
            text.split(',').filter(|entry| key(entry) != name).collect::<Vec<_>>().join(",").into()
        }
        _ => list,
    }
}

/// Ours first; of the others as many as fit, in their order.
fn baggage(ours: &[(&str, &str)], others: &str) -> String {
    let mut entries: Vec<String> =
        ours.iter().map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, VALUE))).collect();
    let mut bytes = entries.iter().map(|entry| entry.len() + 1).sum::<usize>() - 1;
    for entry in others.split(',').map(str::trim) {
        let is_ours = ours.iter().any(|(name, _)| key(entry) == *name);
        let fits = entries.len() < BAGGAGE_ENTRIES && bytes + 1 + entry.len() <= BAGGAGE_BYTES;
        // What is no `key=value` would make readers drop the rest.
        if entry.contains('=') && !is_ours && fits {
            bytes += 1 + entry.len();
            entries.push(entry.to_owned());
        }
    }
    entries.join(",")
}

#[cfg(test)]
mod tests;
