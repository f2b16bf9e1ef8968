//! Reports of many runs: what is new, what stays, what is gone, and what nobody knows.

use std::fs;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::runs::Index;
use crate::runs::tests::{Root, stamp};

/// A report stage with findings: severity, subject, text.
fn section(id: &str, status: &str, findings: &[(&str, &str, &str)]) -> Value {
    let found = |(severity, subject, text): &(&str, &str, &str)| json!({"severity": severity, "subject": subject, "text": text});
    json!({"id": id, "plugin": {"source": "builtin:x", "name": "x", "version": "1", "title": "", "sha256": ""}, "status": status,
        "document": {"title": "", "blocks": [{"type": "table", "rows": [[1, "findings"], [{"findings": []}]]}]},
        "findings": findings.iter().map(found).collect::<Vec<_>>()})
}

fn add(root: &Root, number: u64, sections: &[Value]) {
    root.add(&stamp(number), number, &[("a", 1)], |_| {});
    let report = json!({"schema": "forensic.report/1", "summary": {"findings": 7}, "reports": sections});
    fs::write(root.run(&stamp(number)).join("reports/forensic_report.json"), report.to_string()).unwrap();
}

const ALL: FindingsQuery<'_> =
    FindingsQuery { pipeline: "p", profile: None, runs: 20, severity: None, report: None, text: None, standing: None };

fn read(root: &Root, query: &FindingsQuery<'_>) -> Findings {
    let entries = Index::new(root.path()).entries();
    findings(root.path(), &FindingsKept::default(), entries.iter().map(|indexed| &indexed.entry), query)
}

fn told(found: &Findings) -> Vec<(&str, Standing, usize, usize, usize, usize)> {
    let tell = |f: &'_ FindingTrend| (f.standing, f.first_run, f.last_run, f.runs, f.of_runs);
    found.findings.iter().map(|f| (f.text.as_str(), tell(f))).map(|(t, (s, a, b, c, d))| (t, s, a, b, c, d)).collect()
}

#[test]
fn findings_are_told_by_how_they_stand_in_the_newest_run() {
    let root = Root::new();
    let (w, e, i) = ("warning", "error", "info");
    add(
        &root,
        0,
        &[
            section("r", "ok", &[(w, "s", "stays"), (e, "s", "gone"), (i, "s", "returns")]),
            section("q", "ok", &[(w, "s", "unknown")]),
        ],
    );
    add(
        &root,
        1,
        &[section("r", "ok", &[(w, "s", "stays"), (w, "s", "stays")]), section("q", "ok", &[(w, "s", "unknown")])],
    );
    // A report that failed found nothing, and that says nothing.
    add(&root, 2, &[section("r", "failed", &[]), section("q", "ok", &[(w, "s", "unknown")])]);
    add(
        &root,
        3,
        &[
            section("r", "ok", &[(w, "s", "stays"), (i, "s", "returns"), (e, "s", "new"), (w, "s", "new too")]),
            section("q", "failed", &[]),
        ],
    );
    let found = read(&root, &ALL);
    assert_eq!(
        told(&found),
        [
            ("new", Standing::New, 3, 3, 1, 3),
            ("new too", Standing::New, 3, 3, 1, 3),
            ("returns", Standing::Returned, 0, 3, 2, 3),
            ("stays", Standing::Standing, 0, 3, 3, 3),
            ("unknown", Standing::Unchecked, 0, 2, 3, 3),
            ("gone", Standing::Gone, 0, 0, 1, 3),
        ]
    );
    assert_eq!((found.reports.clone(), found.total), (vec!["q".to_owned(), "r".to_owned()], 6));
    // The same text of another report is another finding.
    let only = |query: FindingsQuery<'_>| {
        told(&read(&root, &query)).into_iter().map(|told| told.0.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(only(FindingsQuery { severity: Some(FindingSeverity::Error), ..ALL }), ["new", "gone"]);
    assert_eq!(only(FindingsQuery { report: Some("q"), ..ALL }), ["unknown"]);
    assert_eq!(only(FindingsQuery { text: Some("NEW"), ..ALL }), ["new", "new too"]);
    assert_eq!(only(FindingsQuery { standing: Some(Standing::Gone), ..ALL }), ["gone"]);
    // Of fewer runs, other ones are new.
    let last = read(&root, &FindingsQuery { runs: 1, ..ALL });
    assert_eq!((last.older, last.findings.iter().filter(|found| found.standing == Standing::New).count()), (3, 4));
}

#[test]
fn reports_that_can_not_be_read_are_counted_and_in_nobodys_way() {
    let root = Root::new();
    add(&root, 0, &[section("r", "ok", &[("error", "s", "there")])]);
    for number in 1..6 {
        add(&root, number, &[]);
    }
    let report = |number| root.run(&stamp(number)).join("reports/forensic_report.json");
    fs::remove_file(report(1)).unwrap();
    fs::write(report(2), "{\"schema\": \"forensic.report/1\"").unwrap();
    fs::write(report(3), "{\"schema\": \"forensic.report/9\", \"reports\": []}").unwrap();
    fs::File::create(report(4)).unwrap().set_len((32 << 20) + 1).unwrap();
    fs::remove_file(report(5)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", report(5)).unwrap();
    let found = read(&root, &ALL);
    let problems: Vec<_> = found.runs.iter().map(|run| run.problem).collect();
    let damaged = Some(UnreadReport::Damaged);
    assert_eq!(problems, [None, Some(UnreadReport::Missing), damaged, damaged, Some(UnreadReport::TooLarge), damaged]);
    // The newest that can be read is the one that has it.
    assert_eq!(told(&found), [("there", Standing::New, 0, 0, 1, 1)]);
}

#[test]
fn a_report_that_changes_is_read_again() {
    let root = Root::new();
    add(&root, 0, &[section("r", "ok", &[("info", "s", "one")])]);
    let kept = FindingsKept::default();
    let entries = Index::new(root.path()).entries();
    let texts = || {
        let found = findings(root.path(), &kept, entries.iter().map(|indexed| &indexed.entry), &ALL);
        found.findings.into_iter().map(|found| found.text).collect::<Vec<_>>()
    };
    assert_eq!(texts(), ["one"]);
    add(&root, 0, &[section("r", "ok", &[("info", "s", "another one")])]);
    assert_eq!(texts(), ["another one"]);
}

#[test]
fn of_very_many_findings_the_rest_is_counted() {
    let root = Root::new();
    let texts: Vec<String> = (0..12_000).map(|number| format!("finding {number}")).collect();
    let many: Vec<(&str, &str, &str)> = texts.iter().map(|text| ("info", "s", text.as_str())).collect();
    add(&root, 0, &[section("r", "ok", &many)]);
    let found = read(&root, &ALL);
    assert_eq!((found.findings.len(), found.total, found.unread), (2_000, 10_000, 2_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn the_order_of_reading_changes_nothing(
        order in Just((0..6usize).collect::<Vec<_>>()).prop_shuffle(),
        there in prop::collection::vec(prop::collection::vec(any::<bool>(), 4), 6),
    ) {
        let root = Root::new();
        let texts = ["a", "b", "c", "d"];
        for (number, there) in there.iter().enumerate() {
            let found: Vec<_> = texts.iter().zip(there).filter(|(_, there)| **there).map(|(text, _)| ("info", "s", *text)).collect();
            add(&root, number as u64, &[section("r", "ok", &found)]);
        }
        let entries = Index::new(root.path()).entries();
        let kept = FindingsKept::default();
        let found = findings(root.path(), &kept, order.iter().map(|at| &entries[*at].entry), &ALL);
        let sorted = findings(root.path(), &kept, entries.iter().map(|indexed| &indexed.entry), &ALL);
        prop_assert_eq!(serde_json::to_string(&found).unwrap(), serde_json::to_string(&sorted).unwrap());
        for finding in &found.findings {
            let at = texts.iter().position(|text| *text == finding.text).unwrap();
            let has: Vec<usize> = (0..6).filter(|run| there[*run][at]).collect();
            prop_assert_eq!((finding.first_run, finding.last_run, finding.runs), (has[0], has[has.len() - 1], has.len()));
            let present = matches!(finding.standing, Standing::New | Standing::Returned | Standing::Standing);
            prop_assert_eq!(present, there[5][at]);
            prop_assert_eq!(finding.standing == Standing::Standing, there[5][at] && there[4][at]);
        }
    }
}
