use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;
use crate::files::sha256;

#[test]
fn an_untouched_run_is_intact() {
    let run = Run::ended();
    let verdict = run.verify();
    assert!(verdict.intact, "{verdict:?}");
    assert_eq!((verdict.files, verdict.bytes), (6, 3 + 6 + 6 + 6 + 9));
    assert_eq!(verdict.run_id.as_deref(), Some("run-1"));
    assert_eq!(verdict.signature, SignatureState::Absent);
}

#[test]
fn one_byte_is_enough() {
    let run = Run::ended();
    run.write("data/a.csv", b"1,2,4\n");
    let verdict = run.verify();
    assert!(!verdict.intact);
    assert_eq!(paths(&verdict), (vec!["data/a.csv"], vec![], vec![]));
    let change = &verdict.changed[0];
    assert_eq!(change.what, [What::Digest]);
    assert_eq!(change.expected.sha256, Some(sha256(b"1,2,3\n")));
    assert_eq!(change.found.sha256, Some(sha256(b"1,2,4\n")));
}

#[test]
fn a_cut_file_is_told_with_its_sizes() {
    let run = Run::ended();
    run.write("logs/stage/1.out.log", b"hel");
    let verdict = run.verify();
    let change = &verdict.changed[0];
    assert_eq!(
        (change.what.as_slice(), change.expected.size, change.found.size),
        ([What::Size, What::Digest].as_slice(), Some(6), Some(3))
    );
}

#[test]
fn added_removed_and_renamed_files_are_told() {
    let run = Run::ended();
    run.write("data/new", b"new");
    fs::remove_file(run.path("data/empty")).unwrap();
    fs::rename(run.path("data/b.csv"), run.path("data/c.csv")).unwrap();
    let verdict = run.verify();
    assert_eq!(paths(&verdict), (vec![], vec!["data/c.csv", "data/new"], vec!["data/b.csv", "data/empty"]));
    assert_eq!(verdict.added[0].same_bytes_as.as_deref(), Some("data/b.csv"));
    assert_eq!(verdict.added[1].same_bytes_as, None);
}

#[test]
fn two_files_that_were_swapped_are_both_changed() {
    let run = Run::ended();
    fs::rename(run.path("data/a.csv"), run.path("x")).unwrap();
    fs::rename(run.path("data/b.csv"), run.path("data/a.csv")).unwrap();
    fs::rename(run.path("x"), run.path("data/b.csv")).unwrap();
    assert_eq!(paths(&run.verify()), (vec!["data/a.csv", "data/b.csv"], vec![], vec![]));
}

#[test]
fn a_link_to_the_same_bytes_is_not_the_file() {
    let run = Run::ended();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::rename(run.path("data/a.csv"), elsewhere.path().join("a.csv")).unwrap();
    symlink(elsewhere.path().join("a.csv"), run.path("data/a.csv")).unwrap();
    let verdict = run.verify();
    assert_eq!(verdict.changed[0].what, [What::Kind]);
    assert_eq!(verdict.changed[0].found.kind, Kind::Symlink);
    // A whole folder by a link: its files are gone.
    fs::rename(run.path("logs"), elsewhere.path().join("logs")).unwrap();
    symlink(elsewhere.path().join("logs"), run.path("logs")).unwrap();
    assert_eq!(paths(&run.verify()), (vec!["data/a.csv"], vec!["logs"], vec!["logs/stage/1.out.log"]));
}

#[test]
fn a_link_that_points_elsewhere_is_changed() {
    let run = Run::with(&[("data/a", b"a"), ("data/b", b"b")]);
    symlink("a", run.path("data/link")).unwrap();
    run.seal();
    assert!(run.verify().intact);
    fs::remove_file(run.path("data/link")).unwrap();
    symlink("b", run.path("data/link")).unwrap();
    let verdict = run.verify();
    assert_eq!((verdict.changed[0].path.as_str(), &verdict.changed[0].what[..]), ("data/link", &[What::Target][..]));
}

#[test]
fn a_pipe_in_place_of_a_file_or_of_the_record_stops_nothing() {
    let run = Run::ended();
    fs::remove_file(run.path("data/a.csv")).unwrap();
    assert!(Command::new("mkfifo").arg(run.path("data/a.csv")).status().unwrap().success());
    assert_eq!(run.verify().changed[0].found.kind, Kind::Fifo);
    for name in [RECORD, SIGNATURE] {
        drop(fs::remove_file(run.path(name)));
        assert!(Command::new("mkfifo").arg(run.path(name)).status().unwrap().success());
    }
    let verdict = run.verify_signed();
    assert!(matches!(&verdict.record, RecordState::Problem { why } if why.contains("no regular file")), "{verdict:?}");
    assert!(matches!(&verdict.signature, SignatureState::Invalid { .. }) && !verdict.intact);
}

#[test]
fn a_file_that_could_not_be_read_at_the_end_stays_unknown() {
    let run = Run::ended();
    let mut evidence = Evidence::take(&run.dir, Taken::RunEnd, NOW).unwrap();
    evidence.files[0] = evidence.files[0].clone().problem("it changed while it was read");
    assert_eq!(evidence.problems().count(), 1);
    run.save(&evidence);
    let verdict = run.verify();
    assert!(verdict.intact && verdict.unverified[0].path == "data/a.csv", "{verdict:?}");
}

#[test]
fn a_run_without_evidence_says_what_to_do() {
    let run = Run::ended();
    run.edit_record(|record| {
        record["result"] = "running".into();
        record.as_object_mut().unwrap().remove("evidence");
    });
    let error = verify(&run.dir, None).unwrap_err();
    assert!(
        matches!(error, VerifyError::Unfinished(_)) && error.to_string().contains("forensic-host recover"),
        "{error}"
    );
    run.edit_record(|record| record["result"] = "success".into());
    assert!(matches!(verify(&run.dir, None).unwrap_err(), VerifyError::NoEvidence { .. }));
    fs::remove_file(run.path(RECORD)).unwrap();
    assert!(matches!(verify(&run.dir, None).unwrap_err(), VerifyError::Missing));
}

#[test]
fn a_record_that_makes_no_sense_is_a_finding() {
    for damage in ["", "{", "[]", "{\"schema\": 7}"] {
        let run = Run::ended();
        run.write(RECORD, damage.as_bytes());
        assert!(matches!(run.verify(), Verdict { intact: false, record: RecordState::Problem { .. }, .. }), "{damage}");
    }
    let run = Run::ended();
    run.edit_record(|record| record["schema"] = "forensic.run/9".into());
    assert!(matches!(&run.verify().record, RecordState::Problem { why } if why.contains("forensic.run/9")));
    // Two entries for one path: which one holds?
    let run = Run::ended();
    run.edit_record(|record| {
        let files = record["evidence"]["files"].as_array_mut().unwrap();
        files.insert(0, files[0].clone());
    });
    assert!(matches!(&run.verify().record, RecordState::Problem { why } if why.contains("twice")));
}

#[test]
fn what_the_host_rewrites_is_renewed_alone_and_leaves_a_trace() {
    let run = Run::ended();
    let mut evidence = Evidence::take(&run.dir, Taken::RunEnd, NOW).unwrap();
    // The same bytes again: nothing to tell.
    run.write("reports/forensic_report.md", b"# Report\n");
    assert!(evidence.holds("reports/forensic_report.md", b"# Report\n"));
    assert!(!evidence.refresh(&run.dir, &["reports/forensic_report.md"], "report", NOW));
    // Another report, a new one, and somebody else's change on the side.
    run.write("reports/forensic_report.md", b"# New\n");
    run.write("reports/extra.md", b"# Extra\n");
    run.write("data/a.csv", b"6,6,6\n");
    let written = ["reports/forensic_report.md", "reports/extra.md", "reports/never_written.md"];
    assert!(evidence.refresh(&run.dir, &written, "report", NOW + 1));
    run.save(&evidence);
    let verdict = run.verify();
    assert_eq!(paths(&verdict), (vec!["data/a.csv"], vec![], vec![]));
    let rewrite = &verdict.rewrites[0];
    assert_eq!((rewrite.command.as_str(), rewrite.time), ("report", NOW + 1));
    assert_eq!(rewrite.replaced[0].sha256, Some(sha256(b"# Report\n")));
    assert_eq!(rewrite.new, ["reports/extra.md"]);
    // One that is gone is told too.
    fs::remove_file(run.path("reports/extra.md")).unwrap();
    assert!(evidence.refresh(&run.dir, &["reports/extra.md"], "report", NOW + 2));
    assert_eq!(evidence.rewrites[1].replaced[0].path, "reports/extra.md");
}
