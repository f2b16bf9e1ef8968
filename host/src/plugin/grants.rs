//! What a plugin may import and must export, and what to say of everything else.

use super::API_VERSION;

/// The package whose interfaces a plugin may import.
const PACKAGE: &str = "forensic:report/";
/// Its interfaces that this host offers.
const OFFERED: &[&str] = &["types", "trace", "artifacts", "log", "telemetry"];
/// WASI's track that this host offers, for guests that don't start without it (`wasi`).
const WASI_TRACK: (u32, u32) = (0, 2);
/// Its interfaces: of each package those that its 0.2 has.
const WASI: [(&str, &[&str]); 6] = [
    ("wasi:io", &["error", "poll", "streams"]),
    ("wasi:clocks", &["monotonic-clock", "wall-clock"]),
    ("wasi:random", &["insecure", "insecure-seed", "random"]),
    (
        "wasi:cli",
        &[
            "environment",
            "exit",
            "stderr",
            "stdin",
            "stdout",
            "terminal-input",
            "terminal-output",
            "terminal-stderr",
            "terminal-stdin",
            "terminal-stdout",
        ],
    ),
    ("wasi:filesystem", &["preopens", "types"]),
    (
        "wasi:sockets",
        &["instance-network", "ip-name-lookup", "network", "tcp", "tcp-create-socket", "udp", "udp-create-socket"],
    ),
];
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
    let (package, name) = interface.split_once('/').unwrap_or((interface, ""));
    if let Some((_, offered)) = WASI.iter().find(|(known, _)| *known == package) {
        return match version.and_then(numbers) {
            Some(version) if track(version) == WASI_TRACK => (!offered.contains(&name))
                .then(|| format!("this host has no `{name}` in the `{package}` of its WASI 0.2")),
            _ => Some(format!(
                "this host has WASI 0.2, not {}; build it for 0.2, or without WASI",
                version.unwrap_or("one without a version")
            )),
        };
    }
    Some(
        match package {
            "wasi:http" => {
                "a plugin gets no network; build it without: with jco, `--disable http --disable fetch-event`"
            }
            "wasi:tls" => "a plugin gets no network",
            package if package.starts_with("wasi:") => {
                "of WASI a plugin gets io, clocks, random, cli, filesystem and sockets, all without effect"
            }
            _ => "this host does not know it",
        }
        .into(),
    )
}

/// Whether this import is one of WASI's.
pub(super) fn is_wasi(name: &str) -> bool {
    name.starts_with("wasi:")
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
    fn wasi_is_offered_for_its_whole_track() {
        for (package, interfaces) in WASI {
            for interface in interfaces {
                for version in ["0.2.0", "0.2.12", "0.2.99"] {
                    assert_eq!(refuse(&format!("{package}/{interface}@{version}")), None);
                }
                assert!(refuse(&format!("{package}/{interface}@0.1.0")).is_some());
                assert!(refuse(&format!("{package}/{interface}")).is_some());
            }
        }
    }

    #[test]
    fn everything_else_is_refused_in_words() {
        for (name, why) in [
            (
                "wasi:http/outgoing-handler@0.2.3",
                "a plugin gets no network; build it without: with jco, `--disable http --disable fetch-event`",
            ),
            ("wasi:clocks/timezone@0.2.0", "this host has no `timezone` in the `wasi:clocks` of its WASI 0.2"),
            ("wasi:cli/stdin@0.3.0", "this host has WASI 0.2, not 0.3.0; build it for 0.2, or without WASI"),
            ("wasi:io/poll@0.2.0-rc.1", "this host has WASI 0.2, not 0.2.0-rc.1; build it for 0.2, or without WASI"),
            (
                "wasi:nn/graph",
                "of WASI a plugin gets io, clocks, random, cli, filesystem and sockets, all without effect",
            ),
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
