use std::time::Duration;

use proptest::prelude::*;

use super::*;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// What [`Destination::describe`] says, or the error.
fn described(variables: &[(&str, &str)]) -> String {
    match from(variables) {
        Ok(Some(destination)) => destination.describe(),
        Ok(None) => "off".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn off_unless_an_endpoint_is_set_and_traces_are_wanted() {
    assert_eq!(described(&[]), "off");
    assert_eq!(described(&[(ENDPOINT, " ")]), "off");
    assert_eq!(described(&[("OTEL_EXPORTER_OTLP_HEADERS", "broken")]), "off");
    let on = (ENDPOINT, "http://a");
    for (name, value) in
        [("OTEL_SDK_DISABLED", "True"), ("OTEL_TRACES_EXPORTER", "none"), ("OTEL_TRACES_EXPORTER", "console,zipkin")]
    {
        assert_eq!(described(&[on, (name, value)]), "off", "{name}={value}");
    }
    for (name, value) in [
        ("OTEL_SDK_DISABLED", "false"),
        ("OTEL_SDK_DISABLED", ""),
        ("OTEL_TRACES_EXPORTER", "console, otlp"),
        ("OTEL_TRACES_EXPORTER", "otlp_proto_http"),
    ] {
        assert_eq!(described(&[on, (name, value)]), "http/protobuf to http://a/v1/traces", "{name}={value}");
    }
}

#[test]
fn the_endpoint_becomes_the_address_of_requests() {
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const GRPC: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let http = |name, value| described(&[(name, value)]);
    assert_eq!(http(ENDPOINT, "http://a:4318"), "http/protobuf to http://a:4318/v1/traces");
    assert_eq!(http(ENDPOINT, "http://a:4318/"), "http/protobuf to http://a:4318/v1/traces");
    assert_eq!(http(ENDPOINT, "http://[::1]:1/otlp/?key=secret"), "http/protobuf to http://[::1]:1/otlp/v1/traces");
    assert_eq!(http(ENDPOINT, "HTTP://user:secret@a/x"), "http/protobuf to http://a/x/v1/traces");
    assert_eq!(http(TRACES, "http://a/x"), "http/protobuf to http://a/x");
    assert_eq!(http(TRACES, "http://a"), "http/protobuf to http://a/");
    assert_eq!(http(TRACES, "http://a?k=v"), "http/protobuf to http://a/");
    assert_eq!(described(&[(ENDPOINT, "http://a"), (TRACES, "http://b")]), "http/protobuf to http://b/");
    assert_eq!(described(&[(ENDPOINT, "http://a:4317"), GRPC]), "grpc to http://a:4317");
    let insecure = ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "TRUE");
    assert_eq!(described(&[(ENDPOINT, "a:4317"), GRPC, insecure]), "grpc to http://a:4317");
    assert_eq!(described(&[(ENDPOINT, "a:4317"), GRPC]), "grpc to https://a:4317");
    assert_eq!(described(&[(ENDPOINT, "https://a"), insecure]), "http/protobuf to https://a/v1/traces");
    let json = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json");
    assert_eq!(described(&[(ENDPOINT, "http://a"), GRPC, json]), "http/json to http://a/v1/traces");
    let query = from(&[(ENDPOINT, "http://a/x?k=v")]).unwrap().unwrap();
    assert_eq!(query.uri, "http://a/x/v1/traces?k=v");
}

#[test]
fn errors_name_the_variable_and_say_what_to_do() {
    let with =
        |name: &str, value: &str| described(&[(ENDPOINT, "http://a"), (&format!("OTEL_EXPORTER_OTLP_{name}"), value)]);
    let cases = [
        ("ENDPOINT", "localhost:4318", "has no scheme; write it as http://host:4318 or https://host:4318"),
        ("ENDPOINT", "unix:///run/x", "is no URL (invalid format); write"),
        ("ENDPOINT", "ftp://a", "has the scheme \"ftp\", which is not supported here; write"),
        ("ENDPOINT", "http://", "is no URL (empty string); write"),
        ("ENDPOINT", "http://user@", "is no URL (invalid authority); write"),
        ("ENDPOINT", "http://a:99999", "has a port that is none; write"),
        ("PROTOCOL", "http", "is \"http\", which is no protocol of OTLP; set it to http/protobuf, http/json or grpc"),
        ("TIMEOUT", "10s", "is \"10s\", which is no whole number of milliseconds; for ten seconds set it to 10000"),
        ("COMPRESSION", "zstd", "is \"zstd\", which is no compression known here; set it to gzip or none"),
        ("HEADERS", "a=b,Bearer secret", "has no `=` in entry 2; write name=value,name=value"),
        ("HEADERS", "my secret=b", "has a name in entry 1 that HTTP does not allow; write"),
        ("HEADERS", "a=%0a", "has a value for a that HTTP does not allow; write"),
        ("HEADERS", "Content-Length=1", "sets content-length in entry 1, which the protocol sets itself; leave it out"),
    ];
    for (name, value, wanted) in cases {
        let found = with(name, value);
        assert!(found.starts_with(&format!("OTEL_EXPORTER_OTLP_{name} {wanted}")), "{name}={value}: {found}");
        assert!(!found.contains("secret"), "{found}");
    }
    assert!(with("TRACES_PROTOCOL", "x").starts_with("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is"));
    let grpc = [(ENDPOINT, "a:1"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_INSECURE", "1")];
    assert!(described(&grpc).starts_with("OTEL_EXPORTER_OTLP_INSECURE is neither true nor false"));
}

#[test]
fn headers_and_credentials_are_kept_but_never_shown() {
    let all = [
        (ENDPOINT, "http://us%20er:secret@a/"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "general=secret"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", " x-one = se%2Ccret , ,x-two=a;b=c"),
    ];
    let destination = from(&all).unwrap().unwrap();
    let headers: Vec<(&str, &str)> =
        destination.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let agent = format!("forensic-host/{}", env!("CARGO_PKG_VERSION"));
    let mut wanted = vec![
        ("x-one", "se,cret"),
        ("x-two", "a;b=c"),
        ("authorization", "Basic dXMgZXI6c2VjcmV0"),
        ("user-agent", &agent),
    ];
    wanted.sort();
    let mut headers = headers;
    headers.sort();
    assert_eq!(headers, wanted, "the signal's headers replace the general ones");
    let shown = format!("{destination:?} {}", destination.describe());
    assert!(!shown.contains("cret") && shown.contains("http://a/"), "{shown}");
}

#[test]
fn timeouts_are_bounded() {
    let timeout =
        |value| from(&[(ENDPOINT, "http://a"), ("OTEL_EXPORTER_OTLP_TIMEOUT", value)]).unwrap().unwrap().timeout;
    assert_eq!(timeout(""), Duration::from_secs(10));
    assert_eq!(timeout("250"), Duration::from_millis(250));
    assert_eq!([timeout("0"), timeout("18446744073709551615")], [Duration::from_secs(300); 2]);
}

#[test]
fn our_own_receiver_is_recognised() {
    let is = |endpoint: &str, port| from(&[(ENDPOINT, endpoint)]).unwrap().unwrap().is_loopback_port(port);
    for host in
        ["127.0.0.1", "127.1.2.3", "localhost", "LocalHost.", "x.localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]"]
    {
        assert!(is(&format!("http://{host}:4318/x"), 4318), "{host}");
        assert!(!is(&format!("http://{host}:4318/x"), 4319), "{host}");
    }
    assert!(is("http://localhost", 80) && is("https://localhost", 443) && !is("https://localhost", 80));
    assert!(!is("http://10.0.0.1:4318", 4318) && !is("http://localhost.example:4318", 4318));
}

proptest! {
    /// Whatever is set, there is an answer, and a password is not in it.
    #[test]
    fn any_environment_is_understood_or_refused(
        endpoint in "(https?://)?([a-z:]{0,4}hunter2:?[a-z]{0,3}@)?[a-z0-9.:\\[\\]]{0,12}(/[ -~]{0,6})?(\\?hunter2)?",
        headers in "((x[a-z]{0,3}|Bearer)[= ]hunter2[ -+\\--<>-~]{0,5},?){0,3}",
        other in "[ -~]{0,12}",
        protocol in prop_oneof![Just("grpc"), Just("http/json"), Just("http/protobuf")],
    ) {
        let endpoint = endpoint.replace("https", "http");
        let base = [
            (ENDPOINT, &*endpoint),
            ("OTEL_EXPORTER_OTLP_HEADERS", &headers),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_INSECURE", "true"),
        ];
        let shown = match from(&base) {
            Ok(Some(destination)) => {
                destination.is_loopback_port(1);
                format!("{} {destination:?}", destination.describe())
            }
            Ok(None) => String::new(),
            Err(error) => error.to_string(),
        };
        prop_assert!(!shown.contains("hunter2"), "{}", shown);
        for name in ["ENDPOINT", "PROTOCOL", "TIMEOUT", "COMPRESSION", "INSECURE", "HEADERS"] {
            drop(from(&[(ENDPOINT, "http://a"), (&format!("OTEL_EXPORTER_OTLP_TRACES_{name}"), &*other)]));
        }
    }
}
