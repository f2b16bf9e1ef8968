//! What changed since the lock, in one line each.

use super::*;

/// The lines, without what all of them end with.
fn lines(locked: Locked, now: Locked) -> Vec<String> {
    let changes = Lock::new(vec![locked]).compare(&[now]);
    let strip = |change: &Change| {
        let line = change.to_string();
        line.strip_suffix("; run `forensic-host plugin lock` and review").map(str::to_owned).unwrap()
    };
    changes.iter().map(strip).collect()
}

fn changed(change: impl FnOnce(&mut Locked)) -> Vec<String> {
    let mut now = from_registry("r");
    change(&mut now);
    lines(from_registry("r"), now)
}

#[test]
fn nothing_changed_says_nothing_and_order_is_no_change() {
    assert_eq!(changed(|_| {}), [""; 0]);
    assert_eq!(changed(|now| now.interfaces.reverse()), [""; 0]);
    let (a, b) = (from_file("a"), from_file("b"));
    assert_eq!(Lock::new(vec![a.clone(), b.clone()]).compare(&[b, a]), []);
}

#[test]
fn a_changed_component_names_both_digests() {
    let expected = format!("r: the component is locked as {}, now it is {}", digest("component"), digest("other"));
    assert_eq!(changed(|now| now.sha256 = digest("other")), [expected]);
}

#[test]
fn everything_that_can_change_is_told() {
    let expected =
        format!("r: the manifest in the registry is locked as {}, now it is {}", digest("manifest"), digest("x"));
    assert_eq!(changed(|now| now.manifest = Some(digest("x"))), [expected]);
    let expected = [
        "r: the source is locked as oci://registry.example/acme/risk:1.4.0, now it is other.wasm".to_owned(),
        format!("r: the manifest in the registry is locked as {}, now it is nothing", digest("manifest")),
    ];
    let moved = |now: &mut Locked| (now.source, now.manifest) = (Source::Path("other.wasm".to_owned()), None);
    assert_eq!(changed(moved), expected);
    type Edit = fn(&mut Locked);
    let rows: [(Edit, &str); 12] = [
        (|now| now.name = "other".into(), "the plugin's name is locked as acme-risk, now it is other"),
        (|now| now.version = "1.3.9".into(), "the plugin's version is locked as 1.4.0, now it is 1.3.9"),
        (|now| now.api = "0.1.1".into(), "the report API is locked as 0.1.0, now it is 0.1.1"),
        (|now| now.on_failure = OnFailure::Fail, "`on_failure` is locked as degrade, now it is fail"),
        (|now| now.signed_by = None, "the signature's key is locked as minisign:0123456789ABCDEF, now it is nothing"),
        (|now| drop(now.interfaces.remove(0)), "narrower: it no longer imports `forensic:report/types@0.1.0`"),
        (|now| now.interfaces.push("x:y/z@1.0.0".into()), "wider: it now imports `x:y/z@1.0.0` too"),
        (|now| now.artifacts.clear(), "narrower: it may no longer read the artifacts `data/*.json`"),
        (|now| now.artifacts.push("**".into()), "wider: it may now read the artifacts `**` too"),
        (
            |now| drop(now.limits.insert("memory".into(), "1GiB".into())),
            "wider: the limit `memory` is locked as 128MiB, now it is 1GiB",
        ),
        (|now| now.limits.clear(), "the limit `memory` is locked as 128MiB, now it is the default"),
        (
            |now| drop(now.limits.insert("time".into(), "1m 30s".into())),
            "wider: the limit `time` is locked as the default, now it is 1m 30s",
        ),
    ];
    for (edit, expected) in rows {
        assert_eq!(changed(edit), [format!("r: {expected}")]);
    }
    // A limit that this host doesn't know, or a value that it can't read: a change nevertheless.
    for (key, value) in [("future", "1"), ("memory", "much")] {
        let lines = changed(|now| drop(now.limits.insert(key.into(), value.into())));
        assert!(lines[0].starts_with(&format!("r: the limit `{key}` is locked as ")), "{lines:?}");
    }
}

#[test]
fn report_stages_come_and_go_by_name() {
    let changes = Lock::new(vec![from_file("gone"), from_file("same")]).compare(&[from_file("same"), from_file("new")]);
    let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "gone: this report stage is locked, but no longer in the pipeline (acme-risk 1.4.0 from \
             plugins/acme.wasm); run `forensic-host plugin lock` and review",
            "new: this report stage is not in the lock (acme-risk 1.4.0 from plugins/acme.wasm); run `forensic-host \
             plugin lock` and review",
        ]
    );
    assert_eq!(serde_json::to_value(&changes[0]).unwrap()["effect"], "narrower");
}

#[test]
fn a_plugins_own_words_can_not_break_the_line() {
    let odd = "evil\u{1b}[2J\nrisk.x: fine \u{202e}\u{200b}";
    let lines = changed(|now| now.name = format!("{odd}{}", "x".repeat(500)));
    assert!(lines[0].contains("evil\\u{1b}[2J\\nrisk.x: fine \\u{202e}\\u{200b}"), "{lines:?}");
    assert!(!lines[0].contains(char::is_control) && lines[0].chars().count() < 300, "{lines:?}");
}
