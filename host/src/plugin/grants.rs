//! What a plugin may import and must export, and what to say of everything else.

use super::API_VERSION;

/// The package whose interfaces a plugin may import.
const PACKAGE: &str = "forensic:report/";
/// Its interfaces that this host offers.
const OFFERED: &[&str] = &["types", "trace", "artifacts", "log", "telemetry"];
/// The interface that makes a component a report plugin.
const EXPORTED: &str = "forensic:report/plugin";

/// Why this import can't be granted; `None` if it is. `name` is the whole name: `wasi:sockets/tcp@0.2.3`.
pub(super) fn refuse(name: &str) -> Option<String> {
    let (interface, version) = split(name);
    if let Some(own) = interface.strip_prefix(PACKAGE) {
        return match version {
            Some(version) if !serves(version) => {
                Some(format!("it is built for report API {version}, this host has {API_VERSION}"))
            }
            None => Some("it carries no version".into()),
            Some(_) if OFFERED.contains(&own) => None,
            Some(_) => Some(format!("report API {API_VERSION} has no interface `{own}`")),
        };
    }
    let package = interface.split('/').next().unwrap_or(interface);
    Some(
        match package {
            "wasi:sockets" | "wasi:http" | "wasi:tls" => "a plugin gets no network",
            "wasi:filesystem" => {
                "a plugin gets no file system; granted files are read through `forensic:report/artifacts`"
            }
            "wasi:cli" => {
                "a plugin gets no environment, arguments or standard streams; `forensic:report/log` takes text"
            }
            "wasi:clocks" => "a plugin gets no clock; all times are in the trace",
            "wasi:random" => "a plugin gets no random numbers; the same inputs must give the same report",
            "wasi:io" => "a plugin gets no streams and can't wait",
            package if package.starts_with("wasi:") => "a plugin gets no WASI",
            _ => "this host does not know it",
        }
        .into(),
    )
}

/// Whether this export is the one that makes a component a report plugin of this host's API.
pub(super) fn is_plugin_export(name: &str) -> bool {
    let (interface, version) = split(name);
    interface == EXPORTED && version.is_some_and(serves)
}

/// The API of a plugin export of another version.
pub(super) fn foreign_plugin_export(name: &str) -> Option<&str> {
    let (interface, version) = split(name);
    (interface == EXPORTED).then_some(version.unwrap_or(""))
}

/// The version of the report API that this import or export names.
pub(super) fn api(name: &str) -> Option<&str> {
    let (interface, version) = split(name);
    interface.starts_with(PACKAGE).then_some(version?)
}

fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once('@') {
        Some((interface, version)) => (interface, Some(version)),
        None => (name, None),
    }
}

/// Whether this host can run a plugin that was built for this version of the report API: one of the same track, and
/// no newer one. Pre-releases are on no track, as in wasmtime's linker.
pub(super) fn serves(version: &str) -> bool {
    match (numbers(version), numbers(API_VERSION)) {
        (Some(wanted), Some(own)) => track(wanted) == track(own) && wanted <= own,
        _ => false,
    }
}

/// A version as numbers; what is left out is zero.
pub(super) fn numbers(version: &str) -> Option<[u32; 3]> {
    let mut numbers = [0; 3];
    let mut parts = version.split('.');
    for (number, part) in numbers.iter_mut().zip(&mut parts) {
        *number = part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(numbers)
}

/// Versions of one track are compatible: those of one major, and while that is 0, of one minor.
fn track([major, minor, _]: [u32; 3]) -> (u32, u32) {
    (major, if major == 0 { minor } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_interfaces_of_the_same_track_are_granted() {
        for name in ["forensic:report/trace@0.1.0", "forensic:report/telemetry@0.1.0", "forensic:report/types@0.1.0"] {
            assert_eq!(refuse(name), None, "{name}");
        }
        assert!(is_plugin_export("forensic:report/plugin@0.1.0"));
        assert!(!is_plugin_export("forensic:report/plugin@0.2.0"));
    }

    #[test]
    fn a_version_is_served_within_its_track_and_up_to_our_own() {
        assert!(serves("0.1.0") && serves("0.1"));
        for other in
            ["0.1.1", "0.2.0", "0.0.9", "1.1.0", "0.1.0-rc.1", "0.1.0.0", "", "0.1.", "0.1.+1", "0.99999999999.0"]
        {
            assert!(!serves(other), "{other}");
        }
    }

    #[test]
    fn everything_else_is_refused_in_words() {
        for (name, why) in [
            ("wasi:sockets/tcp@0.2.3", "a plugin gets no network"),
            ("wasi:clocks/wall-clock@0.2.0", "a plugin gets no clock; all times are in the trace"),
            ("wasi:nn/graph", "a plugin gets no WASI"),
            ("forensic:report/trace@0.2.0", "it is built for report API 0.2.0, this host has 0.1.0"),
            ("forensic:report/trace@0.1.0-rc.1", "it is built for report API 0.1.0-rc.1, this host has 0.1.0"),
            ("forensic:report/trace", "it carries no version"),
            ("forensic:report/network@0.1.0", "report API 0.1.0 has no interface `network`"),
            ("acme:tools/clock@1.0.0", "this host does not know it"),
        ] {
            assert_eq!(refuse(name).as_deref(), Some(why), "{name}");
        }
    }
}
