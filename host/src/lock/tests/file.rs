//! The lock's text: what is written is read again, and what is damaged is refused with its place.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

fn full() -> Lock {
    let builtin = Locked {
        source: Source::Builtin("risk.report_meta".to_owned()),
        artifacts: Vec::new(),
        limits: BTreeMap::new(),
        on_failure: OnFailure::Fail,
        signed_by: None,
        ..from_file("risk.report_meta")
    };
    Lock::new(vec![builtin, from_registry("alpha.registry"), from_file("risk.file")])
}

#[test]
fn the_text_is_sorted_one_thing_a_line_and_says_who_made_it() {
    let lock = Lock::new(vec![from_registry("b"), Locked { artifacts: Vec::new(), ..from_file("a") }]);
    let expected = format!(
        "# Made by `forensic-host plugin lock`. Commit it; do not edit it: make it anew and review what changed.\n\
         # `forensic-host run --locked` refuses to run a pipeline that differs from it.\n\
         version = 1\n\
         \n\
         [[plugin]]\n\
         report = \"a\"\n\
         name = \"acme-risk\"\n\
         version = \"1.4.0\"\n\
         source = \"plugins/acme.wasm\"\n\
         sha256 = \"{component}\"\n\
         api = \"0.1.0\"\n\
         interfaces = [\n  \"forensic:report/types@0.1.0\",\n  \"forensic:report/trace@0.1.0\",\n]\n\
         artifacts = []\n\
         limits = {{ memory = \"128MiB\" }}\n\
         on_failure = \"degrade\"\n\
         signed_by = \"minisign:0123456789ABCDEF\"\n\
         \n\
         [[plugin]]\n\
         report = \"b\"\n\
         name = \"acme-risk\"\n\
         version = \"1.4.0\"\n\
         source = \"oci://registry.example/acme/risk:1.4.0\"\n\
         manifest = \"{manifest}\"\n\
         sha256 = \"{component}\"\n\
         api = \"0.1.0\"\n\
         interfaces = [\n  \"forensic:report/types@0.1.0\",\n  \"forensic:report/trace@0.1.0\",\n]\n\
         artifacts = [\n  \"data/*.json\",\n]\n\
         limits = {{ memory = \"128MiB\" }}\n\
         on_failure = \"degrade\"\n\
         signed_by = \"minisign:0123456789ABCDEF\"\n",
        component = digest("component").hex(),
        manifest = digest("manifest"),
    );
    assert_eq!(lock.to_toml(), expected);
    assert_eq!(parse(&expected), Ok(lock));
}

#[test]
fn a_lock_without_plugins_is_a_lock() {
    let empty = Lock::default();
    assert_eq!(parse(&empty.to_toml()), Ok(empty));
}

#[test]
fn a_file_is_replaced_whole_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(LOCK_FILE);
    assert_eq!(
        Lock::read(&path).unwrap_err().to_string(),
        format!("there is no {}: make it with `forensic-host plugin lock`, review it and commit it", path.display())
    );
    Lock::default().write(&path).unwrap();
    full().write(&path).unwrap();
    assert_eq!(Lock::read(&path).unwrap(), full());
    // Nothing is left beside it.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(matches!(full().write(&folder.path().join("no/folder")), Err(LockError::Unwritable { .. })));
    fs::write(&path, b"version = 1\n\xff").unwrap();
    assert!(Lock::read(&path).unwrap_err().to_string().contains("the file is not UTF-8 text"));
}

/// The message for the lock with one text replaced.
fn refused(from: &str, to: &str) -> String {
    let text = full().to_toml();
    assert!(text.contains(from), "{from}");
    parse(&text.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn what_is_wrong_is_told_with_line_column_and_cure() {
    let shown = refused("on_failure = \"degrade\"", "on_failure = \"ignore\"");
    assert!(shown.starts_with("error: bad value for `on_failure`\n  --> forensic.lock:21:14\n"), "{shown}");
    assert!(shown.contains("expected \"degrade\" or \"fail\"") && shown.contains("plugin lock"), "{shown}");
    for (from, to, message) in [
        ("version = 1\n", "version = 2\n", "the lock file has version 2"),
        ("version = 1\n", "version = 99999999999999999999999\n", "the lock file has version 18446744073709551615"),
        ("version = 1\n", "version = 0\n", "bad value for `version`"),
        ("version = 1\n", "version = -1\n", "bad value for `version`"),
        ("version = 1\n", "", "this is no lock file: `version` is missing"),
        ("report = \"risk.file\"", "report = \"alpha.registry\"", "the report stage `alpha.registry` is locked twice"),
        ("report = \"risk.file\"", "report = \"\"", "bad value for `report`"),
        ("report = \"risk.file\"\n", "", "`report` is missing in `[[plugin]]`"),
        ("interfaces", "interface", "unknown key `interface` in `[[plugin]]`"),
        ("api = \"0.1.0\"", "api = \"latest\"", "expected a version such as 0.1.0"),
        ("oci://registry.example/acme", "oci://registry.example/Acme", "the upper-case `A` is not allowed"),
        ("plugins/acme.wasm", "/plugins/acme.wasm", "the path is absolute"),
        ("builtin:risk.report_meta", "builtin:", "it is empty"),
        ("manifest = \"sha256:", "manifest = \"sha512:", "the algorithm `sha512` is not known here"),
        ("minisign:0123456789ABCDEF", "minisign:0123456789abcdef", "a key id is `minisign:` with 16 digits 0-9 A-F"),
        ("memory = \"128MiB\"", "memory = 128", "wrong type for `memory`"),
        ("{ memory", "{ Memory", "`Memory` is no limit"),
        ("[[plugin]]", "[plugin]", "plugin"),
    ] {
        let shown = refused(from, to);
        assert!(shown.contains(message), "{to}: {shown}");
    }
    let manifest = format!("manifest = \"{}\"\n", digest("manifest"));
    assert!(refused(&manifest, "").contains("`manifest` is missing, which a source in a registry needs"));
    let shown = refused("source = \"plugins/acme.wasm\"\n", &format!("source = \"plugins/acme.wasm\"\n{manifest}"));
    assert!(shown.contains("only a source in a registry has a manifest"), "{shown}");
    let pinned = format!("acme/risk:1.4.0@{}\"", digest("other"));
    assert!(refused("acme/risk:1.4.0\"", &pinned).contains("the source names another digest"));
    let hex = digest("component").hex().to_owned();
    assert!(refused(&hex, &hex[1..]).contains("expected 64 digits 0-9 a-f"));
}

#[test]
fn a_newer_lock_is_explained_and_nothing_else_is_said_of_it() {
    let shown = parse("version = 2\n[[package]]\nwhat = 1\n").unwrap_err();
    assert!(shown.contains("this host knows version 1 of lock files") && !shown.contains("package"), "{shown}");
    assert!(shown.contains("use the forensic-host that made it"), "{shown}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = full().to_toml().replace("api = \"0.1.0\"", "api = 1").replace("\"degrade\"", "\"perhaps\"");
    let shown = parse(&text).unwrap_err();
    assert_eq!(
        (shown.matches("wrong type for `api`").count(), shown.matches("bad value for `on_failure`").count()),
        (3, 2)
    );
}

#[test]
fn a_path_is_written_from_the_locks_folder() {
    for (path, folder, expected) in [
        ("/srv/p/plugins/a.wasm", "/srv/p", "plugins/a.wasm"),
        ("/srv/shared/a.wasm", "/srv/p", "../shared/a.wasm"),
        ("/opt/a.wasm", "/srv/p", "../../opt/a.wasm"),
        ("/srv/p/./x/../a.wasm", "/srv/p/", "a.wasm"),
        ("p/a.wasm", "p", "a.wasm"),
        ("/w/oci:/a", "/w", "oci:/a"),
        ("/w/builtin:x", "/w", "./builtin:x"),
    ] {
        let source = Source::of_path(Path::new(path), Path::new(folder)).unwrap();
        assert_eq!(source.to_string(), expected);
        assert_eq!(expected.parse(), Ok(source));
    }
    assert_eq!(Source::of_path(Path::new("/w"), Path::new("/w")), Err(BadSource::Empty));
    let odd = PathBuf::from("/w/a\nb");
    assert_eq!(Source::of_path(&odd, Path::new("/w")), Err(BadSource::NoText(odd)));
}

prop_compose! {
    fn any_locked()(
        words in proptest::array::uniform3("[^\\p{Cc}]{0,12}[^\\p{Cc}\\s]"),
        source in prop_oneof![
            "[a-z]{1,8}".prop_map(Source::Builtin),
            "[^\\p{Cc}/\\s:][^\\p{Cc}:]{0,20}".prop_map(Source::Path),
            "oci://[a-z][a-z0-9]{0,8}/[a-z0-9]{1,5}(/[a-z0-9]{1,5}){0,2}(:[A-Za-z0-9_][A-Za-z0-9._-]{0,8})?"
                .prop_map(|text| Source::Oci(Reference::parse(&text).unwrap())),
        ],
        interfaces in proptest::collection::vec("[^\\p{Cc}]{0,12}[^\\p{Cc}\\s]", 0..4),
        artifacts in proptest::collection::vec("[^\\p{Cc}]{0,12}[^\\p{Cc}\\s]", 0..4),
        limits in proptest::collection::btree_map("[a-z_]{1,9}", "[^\\p{Cc}]{0,12}[^\\p{Cc}\\s]", 0..4),
        fails in any::<bool>(),
        signed in proptest::option::of("(minisign:[0-9A-F]{16}|ed25519:[0-9a-f]{64})"),
    ) -> Locked {
        let [report, name, version] = words;
        let manifest = matches!(source, Source::Oci(_)).then(|| digest(&report));
        Locked {
            sha256: digest(&name),
            report, name, version, source, manifest,
            api: "0.1.0".to_owned(),
            interfaces, artifacts, limits,
            on_failure: if fails { OnFailure::Fail } else { OnFailure::Degrade },
            signed_by: signed.map(|key| key.parse().unwrap()),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(plugins in proptest::collection::vec(any_locked(), 0..4)) {
        let lock = Lock::new(plugins);
        let text = lock.to_toml();
        prop_assert_eq!(parse(&text), Ok(lock.clone()), "{}", text);
        prop_assert_eq!(lock.compare(lock.plugins()), vec![]);
    }

    #[test]
    fn no_text_is_too_odd(text in "\\PC{0,200}", cut in 0usize..900, junk in "[\"\\[\\]={}\n.,#a-z0-9 ]{0,12}") {
        drop(parse(&text));
        let whole = full().to_toml();
        let cut = whole.floor_char_boundary(cut.min(whole.len()));
        drop(parse(&format!("{}{junk}{}", &whole[..cut], &whole[cut..])));
    }
}
