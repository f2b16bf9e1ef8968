//! Who gets which variable, with real files.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use proptest::prelude::*;

use super::{EnvironmentError, MAX_FILE_BYTES, MAX_VARIABLE_BYTES, StageEnvironment};
use crate::pipeline::{Environment, Inherit};

/// A folder with files of variables.
struct Bench {
    folder: tempfile::TempDir,
    environment: Environment,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), environment: Environment::default() }
    }

    fn file(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        self.environment.dotenv.push((path, false));
        self
    }

    fn resolve(&self, host: &[(&str, &str)]) -> Result<StageEnvironment, EnvironmentError> {
        StageEnvironment::resolve(&self.environment, host.iter().map(|(name, value)| (name.into(), value.into())))
    }

    /// The message, with the folder taken out.
    fn error(&self) -> String {
        let text = self.resolve(&[]).unwrap_err().to_string();
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn listed(names: &[&str]) -> Inherit {
    Inherit::Listed(names.iter().map(|name| (*name).to_owned()).collect())
}

/// What a process would see.
fn seen(host: &[(&str, &str)], stage: &StageEnvironment) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = host.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    for (name, value) in stage.changes() {
        match value {
            Some(value) => all.insert(name.into_owned(), value.into_string().unwrap()),
            None => all.remove(&*name),
        };
    }
    all
}

#[test]
fn everything_passes_unless_it_is_limited_and_later_sources_win() {
    let mut bench = Bench::new().file("a", "X=file\nY=file\nZ=file\n").file("b", "Y=second\n");
    bench.environment.set.insert("Z".into(), "set".into());
    let host = [("X", "host"), ("OTHER", "host")];
    let stage = bench.resolve(&host).unwrap();
    let expected = [("OTHER", "host"), ("X", "file"), ("Y", "second"), ("Z", "set")];
    assert_eq!(seen(&host, &stage), expected.map(|(n, v)| (n.to_owned(), v.to_owned())).into());
    assert_eq!(stage.values().keys().collect::<Vec<_>>(), ["X", "Y", "Z"]);
    assert_eq!(stage.get("X"), Some(OsStr::new("file")));
    assert_eq!(stage.inherited("X"), Some(OsStr::new("host")));
    assert_eq!(stage.get("NOBODY"), None);
}

#[test]
fn only_standard_and_listed_variables_pass_where_it_is_limited() {
    let mut bench = Bench::new();
    bench.environment.inherit = listed(&["QUANT_*", "ONE"]);
    let host = [
        ("PATH", "/bin"),
        ("LC_ALL", "C"),
        ("QUANT_A", "1"),
        ("ONE", "1"),
        ("ONES", "1"),
        ("AWS_SECRET_ACCESS_KEY", "1"),
        ("TERM", "1"),
    ];
    let stage = bench.resolve(&host).unwrap();
    let names: Vec<String> = seen(&host, &stage).into_keys().collect();
    assert_eq!(names, ["LC_ALL", "ONE", "PATH", "QUANT_A"]);
    assert_eq!(stage.get("TERM"), None);
    assert!(stage.values().is_empty());
}

#[test]
fn a_name_that_is_no_text_passes_with_the_rest_or_is_an_error() {
    let odd = || std::iter::once((OsString::from_vec(vec![b'A', 0xff]), OsString::from("1")));
    let mut environment = Environment::default();
    assert!(StageEnvironment::resolve(&environment, odd()).unwrap().changes().next().is_none());
    environment.inherit = listed(&[]);
    let error = StageEnvironment::resolve(&environment, odd()).unwrap_err().to_string();
    assert!(error.contains("\"A\\xFF\"") && error.contains("inherit = \"all\""), "{error}");
    // One that is listed passes.
    environment.inherit = listed(&["A*"]);
    assert!(StageEnvironment::resolve(&environment, odd()).unwrap().changes().next().is_none());
}

#[test]
fn a_file_is_read_as_people_write_them() {
    let text = "\u{feff}# a comment\n\nexport A=1\nB = two # no part of it\nC='a $A # b'\nD=\"x\\ny\"\nE=${A}${D}\r\n\
                F=\nG='one\ntwo'\nH=日本語\nA=2";
    let stage = Bench::new().file("env", text).resolve(&[]).unwrap();
    let expected = [
        ("A", "2"),
        ("B", "two"),
        ("C", "a $A # b"),
        ("D", "x\ny"),
        ("E", "1x\ny"),
        ("F", ""),
        ("G", "one\ntwo"),
        ("H", "日本語"),
    ];
    assert_eq!(stage.values(), &expected.map(|(n, v)| (n.to_owned(), v.to_owned())).into());
}

#[test]
fn a_missing_file_is_an_error_that_says_how_it_may_be_missing() {
    let mut bench = Bench::new();
    bench.environment.dotenv = vec![(bench.folder.path().join(".env"), false)];
    assert_eq!(
        bench.error(),
        "[environment] dotenv: can't read .env: there is no such file; if it may be missing, write \
         `{ file = \".env\", optional = true }`"
    );
    bench.environment.dotenv[0].1 = true;
    assert!(bench.resolve(&[]).unwrap().values().is_empty());
    // That it may be missing doesn't mean that it may be anything.
    bench.environment.dotenv = vec![(bench.folder.path().into(), true), (PathBuf::from("/dev/zero"), true)];
    assert!(bench.error().ends_with("it is not a regular file"), "{}", bench.error());
}

#[test]
fn a_bad_line_is_named_and_its_value_is_not_told() {
    for (text, line) in [
        ("A=1\n# x\n\nno assignment\n", 4),
        ("A=1\nSECRET=hunter2 hunter2\nB=2\n", 2),
        ("SECRET='one\ntwo' hunter2\nB=2\n", 1),
        ("A=1\nSECRET='hunter2\nB=2\n", 2),
        ("A=1\n2B=hunter2\n", 2),
        ("A=\"\\q hunter2\"\n", 1),
    ] {
        let error = Bench::new().file("env", text).error();
        assert!(error.starts_with(&format!("[environment] dotenv: env:{line}: this is no `NAME=value`")), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let error = Bench::new().file("env", b"A=1\nB=\xff\n").error();
    assert!(error.starts_with("[environment] dotenv: env:2: this line is not UTF-8"), "{error}");
    let error = Bench::new().file("env", "A=1\nB=x\0y\n").error();
    assert!(error.contains("env:2: the value of B has a NUL"), "{error}");
}

#[test]
fn files_and_variables_have_a_largest_size() {
    let fits = format!("A={}", "x".repeat(MAX_VARIABLE_BYTES - 2));
    assert_eq!(Bench::new().file("env", &fits).resolve(&[]).unwrap().values()["A"].len(), MAX_VARIABLE_BYTES - 2);
    let error = Bench::new().file("env", format!("\n{fits}x")).error();
    assert!(error.contains("env:2: the value of A is too long"), "{error}");
    let comment = format!("#{}", "x".repeat(MAX_FILE_BYTES as usize));
    assert!(Bench::new().file("env", comment).error().contains("more than 1048576 bytes"));
}

#[test]
fn no_value_is_shown_by_debug() {
    let mut bench = Bench::new().file("env", "A=hunter2\n");
    bench.environment.set.insert("B".into(), "hunter2".into());
    let text = format!("{:?}", bench.resolve(&[("C", "hunter2")]).unwrap());
    assert!(text.contains("\"A\"") && text.contains("\"C\"") && !text.contains("hunter2"), "{text}");
}

proptest! {
    #[test]
    fn no_file_breaks_the_reader(content in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(Bench::new().file("env", content).resolve(&[]));
    }

    #[test]
    fn no_text_breaks_the_reader(content in "[A-C=$\\{\\}'\"\\\\ #\n\r]{0,60}") {
        drop(Bench::new().file("env", content).resolve(&[]));
    }

    #[test]
    fn a_value_in_single_quotes_is_itself(value in "[^'\\\\\u{0}\r]{0,40}") {
        let stage = Bench::new().file("env", format!("A='{value}'\n")).resolve(&[]).unwrap();
        prop_assert_eq!(&stage.values()["A"], &value);
    }
}

#[test]
fn names_that_are_inherited_are_found_by_their_beginning() {
    let host = [("OTEL", "1"), ("OTEL_A", "2"), ("PATH", "3")];
    let all = Bench::new().resolve(&host).unwrap();
    for (prefix, found) in
        [("OTEL_", true), ("OTEL_A", true), ("OTEL_AB", false), ("OT", true), ("X", false), ("", true)]
    {
        assert_eq!(all.inherits_any(prefix), found, "{prefix}");
    }
    let mut limited = Bench::new();
    limited.environment.inherit = listed(&["PATH"]);
    assert!(!limited.resolve(&host).unwrap().inherits_any("OTEL_"));
}
