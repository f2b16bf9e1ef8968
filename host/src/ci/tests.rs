use std::collections::HashMap;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;

/// Commands that GitHub's runner knows and that would do harm; the comparison is without case, as there.
const KNOWN: [&str; 12] = [
    "error",
    "warning",
    "notice",
    "debug",
    "group",
    "endgroup",
    "add-mask",
    "stop-commands",
    "set-output",
    "set-env",
    "echo",
    "add-matcher",
];

/// How GitHub's runner reads a stream: by lines, in both of its notations (`ActionCommand.TryParseV2` and `TryParse`).
fn commands(text: &str) -> Vec<(String, HashMap<String, String>, String)> {
    text.split(['\n', '\r']).filter_map(|line| modern(line).or_else(|| legacy(line))).collect()
}

fn modern(line: &str) -> Option<(String, HashMap<String, String>, String)> {
    let rest = line.trim_start().strip_prefix("::")?;
    let (info, data) = rest.split_once("::")?;
    let (name, properties) = info.split_once(' ').unwrap_or((info, ""));
    KNOWN.contains(&name.to_ascii_lowercase().as_str()).then(|| {
        let pairs = properties.trim().split(',').filter_map(|pair| pair.split_once('='));
        let unescape = |text: &str| {
            text.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
        };
        let pairs = pairs.map(|(key, value)| (key.to_owned(), unescape(value))).collect();
        let data = data.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%");
        (name.to_owned(), pairs, data)
    })
}

fn legacy(line: &str) -> Option<(String, HashMap<String, String>, String)> {
    let (_, rest) = line.split_once("##[")?;
    let (info, data) = rest.split_once(']')?;
    let name = info.split(' ').next()?;
    KNOWN.contains(&name.to_ascii_lowercase().as_str()).then(|| (name.to_owned(), HashMap::new(), data.to_owned()))
}

/// Text that tries to be a command.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "::",
        "##[",
        "#",
        "error",
        "]",
        "\n",
        "\r",
        "\r\n",
        " ",
        "\t",
        "\u{b}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{ad}",
        "%0A",
        "%25",
        "%",
        ":",
        ",",
        "::error::",
        "##[group]",
        "::stop-commands::x",
        "endgroup",
        "add-mask",
        "\u{1b}[0K",
        "section_start:1:a",
        "##vso[",
        "é",
        "\u{a0}::error title=a::b",
        "\0",
        "]]>",
        "<",
        "&",
        "\"",
        "\u{ffff}",
        "\u{fffe}",
        "```",
        "x",
    ]);
    prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
}

fn stage(id: &str, result: &str) -> Stage {
    Stage { id: id.into(), result: result.into(), duration_ns: 1_234_500_000, attempts: 1, ..Stage::default() }
}

fn facts() -> Facts {
    let failed = Stage {
        error: Some("exit code 3".into()),
        attempts: 2,
        log: Some("logs/fit/2.stderr.log".into()),
        tails: vec![Tail {
            path: "logs/fit/2.stderr.log".into(),
            lines: vec!["reading".into(), "::error::pwned ##[group]".into()],
            omitted_bytes: 7,
        }],
        group: Some("sleeve".into()),
        ..stage("fit", "failure")
    };
    let finding =
        |importance, subject: &str, text: &str| Finding { importance, subject: subject.into(), text: text.into() };
    Facts {
        run_id: "R".into(),
        pipeline: "demo".into(),
        result: "failure".into(),
        start_time: Some(1_795_392_191_560_000_000),
        wall_ns: 2_500_000_000,
        stages: vec![
            stage("load", "success"),
            failed,
            stage("late", "timeout"),
            stage("gone", "error"),
            stage("after", "skip"),
            Stage { allowed: true, ..stage("lint", "failure") },
            Stage { cached: true, saved_ns: Some(3_000_000_000), attempts: 0, ..stage("old", "success") },
        ],
        reports: vec![
            Report {
                id: "risk".into(),
                findings: vec![
                    finding(Importance::Info, "", "all read"),
                    finding(Importance::Error, "sleeve a", "leverage: 4, limit 3"),
                    finding(Importance::Warning, "sleeve a", "thin"),
                    finding(Importance::Warning, "sleeve a", "thinner"),
                ],
                ..Report::default()
            },
            Report { id: "alpha".into(), failure: Some("out of fuel".into()), ..Report::default() },
        ],
        directory: "/x/runs/R".into(),
        report: "/x/runs/R/reports/forensic_report.md".into(),
        ..Facts::default()
    }
}

#[test]
fn the_ci_system_is_known_by_its_environment() {
    let detect = |pairs: &[(&str, &str)]| {
        System::detect(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into()))
    };
    assert_eq!(detect(&[("GITHUB_ACTIONS", "true"), ("CI", "true")]), System::Github);
    assert_eq!(detect(&[("GITLAB_CI", "true"), ("CI", "true")]), System::Gitlab);
    assert_eq!(detect(&[("CI", "1")]), System::Plain);
    assert_eq!(detect(&[("CI", "false")]), System::None);
    assert_eq!(detect(&[("CI", "")]), System::None);
    assert_eq!(detect(&[("GITHUB_ACTIONS", "false")]), System::None);
    assert_eq!(detect(&[]), System::None);
}

#[test]
fn a_command_in_a_text_is_seen_and_not_obeyed() {
    let cases = [
        ("::error::x", "\\::error::x"),
        (" \t::error::x\nfine", " \t\\::error::x\nfine"),
        ("a ##[error]x", "a ##\\[error]x"),
        ("###[error]x", "###\\[error]x"),
        ("##VSO[task.x]", "##\\VSO[task.x]"),
        ("a\r::debug::x", "a\n\\::debug::x"),
        ("\u{1b}[31mred", "\\u{1b}[31mred"),
        ("std::fmt and ## heading", "std::fmt and ## heading"),
    ];
    for (text, harmless) in cases {
        assert_eq!(lines::harmless(text), harmless);
    }
    // The oracle is none if it finds nothing.
    assert_eq!(commands("::error::x\n a ##[group]b\r  ::debug::").len(), 3);
}

#[test]
fn annotations_are_what_the_runner_reads_back() {
    let all = github::annotations(&facts());
    let read = commands(&all.join("\n"));
    assert_eq!(read.len(), all.len());
    let titles: Vec<(&str, &str)> =
        read.iter().map(|(name, pairs, _)| (name.as_str(), pairs["title"].as_str())).collect();
    assert_eq!(
        titles,
        [
            ("error", "Stage fit failed"),
            ("error", "Stage late timed out"),
            ("error", "Stage gone could not be run"),
            ("error", "risk: sleeve a"),
            ("warning", "Stage lint failed, which the pipeline allows"),
            ("warning", "Report alpha failed"),
            ("warning", "risk: sleeve a"),
            ("warning", "risk: sleeve a"),
            ("notice", "risk"),
        ]
    );
    assert_eq!(
        read[0].2,
        "exit code 3 (2 attempts)\n… end of logs/fit/2.stderr.log\nreading\n\\::error::pwned ##\\[group]"
    );
    assert_eq!(read[3].2, "leverage: 4, limit 3");
}

#[test]
fn no_more_annotations_than_github_shows_and_the_rest_is_counted() {
    let many = |count: usize| {
        let stages = (0..count).map(|n| stage(&format!("s{n}"), "failure")).collect();
        github::annotations(&Facts { stages, ..Facts::default() })
    };
    assert_eq!(many(10).len(), 10);
    assert!(many(10)[9].contains("Stage s9 failed"));
    assert_eq!(many(25).len(), 10);
    assert!(many(25)[9].starts_with("::error title=16 more::"), "{}", many(25)[9]);
}

#[test]
fn groups_hold_the_ends_of_logs_and_nothing_obeyed() {
    let text = github::groups(&facts());
    let names: Vec<String> = commands(&text).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["group", "endgroup"]);
    assert!(text.contains("\nreading\n\\::error::pwned ##\\[group]\n::endgroup::\n"), "{text}");
}

#[test]
fn a_summary_is_cut_between_sections_and_says_what_is_missing() {
    let log = "```text\n# no heading\n## Reports\n```\n";
    let health = format!("# Forensic report\n\n## Pipeline Health\n\nok\n\n### What failed\n\n{log}\n");
    let long = format!("### Stage breakdown\n\n{}\n\n", "row ".repeat(300));
    let report = format!("{health}{long}### Notes\n\nn\n\n## Reports\n\n| list |\n\n## Report risk\n\nplugin text\n");
    let all = github::summary(&report, github::SUMMARY_MAX, "r.md");
    assert!(all.contains("| list |") && all.contains("### Notes"), "{all}");
    assert!(
        !all.contains("plugin text") && all.ends_with("The reports themselves are in `r.md` of the job's workspace.\n")
    );

    let less = github::summary(&report, 1_000, "r.md");
    assert!(less.len() <= 1_000 && less.starts_with(&health), "{less}");
    assert!(less.contains("No room in this summary for: Stage breakdown, Notes, Reports."), "{less}");
    assert_eq!(github::summary(&report, 10, "r.md"), "");
}

#[test]
fn outputs_are_parted_by_what_nobody_can_foresee() {
    let mut facts = facts();
    facts.result = "a\nDELIM\nevil=1".into();
    assert_eq!(
        github::outputs(&facts, "DELIM"),
        "run_id<<DELIM\nR\nDELIM\nrun_directory<<DELIM\n/x/runs/R\nDELIM\n\
         report<<DELIM\n/x/runs/R/reports/forensic_report.md\nDELIM\n"
    );
}

#[test]
fn gitlab_gets_sections_and_a_dotenv_report() {
    assert_eq!(gitlab::start("a b", "T\nx", 7, true), "section_start:7:a_b[collapsed=true]\r\u{1b}[0KT x\n");
    assert_eq!(gitlab::end("a b", 9), "section_end:9:a_b\r\u{1b}[0K\n");
    let text = gitlab::sections(&facts(), 5);
    assert_eq!(text.matches("section_start:").count(), 1);
    assert_eq!(text.matches("section_end:5:forensic_log_0_0\r").count(), 1);
    let mut facts = facts();
    facts.directory = "/has space/R".into();
    assert_eq!(
        gitlab::dotenv(&facts),
        "FORENSIC_RUN_ID=R\nFORENSIC_RESULT=failure\nFORENSIC_REPORT=/x/runs/R/reports/forensic_report.md\n"
    );
}

#[test]
fn junit_tells_each_stage_and_finding() {
    let xml = junit::junit(&facts());
    let read = read_xml(&xml);
    assert_eq!(
        read,
        "testsuites demo tests=13 failures=3 errors=2\n\
         suite demo.stages tests=7 failures=2 errors=1 skipped=2 id=0 timestamp=2026-11-23T00:03:11\n\
         case demo/load passed\n\
         case demo.sleeve/fit failure exit code 3 | system-err\n\
         case demo/late failure timeout\n\
         case demo/gone error error\n\
         case demo/after skipped skip\n\
         case demo/lint skipped failed, which the pipeline allows: failure\n\
         case demo/old passed | system-out\n\
         suite demo.reports tests=6 failures=1 errors=1 skipped=0 id=1 timestamp=2026-11-23T00:03:11\n\
         case demo.risk/report passed\n\
         case demo.risk/info: all read passed | system-out\n\
         case demo.risk/error: sleeve a failure leverage: 4, limit 3\n\
         case demo.risk/warning: sleeve a passed | system-out\n\
         case demo.risk/warning: sleeve a (2) passed | system-out\n\
         case demo.alpha/report error out of fuel\n",
        "{xml}"
    );
    assert!(xml.contains("time=\"1.235\"") && xml.contains("time=\"2.500\""), "{xml}");
}

#[test]
fn facts_come_from_a_report_and_only_from_one() {
    let report = r#"{"schema":"forensic.report/1","run":{"id":"R","pipeline":"p","profile":null,"result":"failure"},
        "summary":{"run":{"start_time":5},"wall_ns":9,"stages":[{"id":"a","result":"failure","attempts":1,"duration_ns":4,
        "cached":false,"saved_ns":null,"error":"exit code 1"}]},
        "failures":[{"stage":"a","log_stderr":"logs/a/1.stderr.log","log_tails":[{"path":"l","lines":["x"],"omitted_bytes":0}]}],
        "reports":[{"id":"r","on_failure":"fail","error":{"text":"trap"},"findings":[]}],"notes":[]}"#;
    let mut facts = Facts::read(report).unwrap();
    assert_eq!(facts.stages[0].tails[0].lines, ["x"]);
    assert!(facts.reports[0].fails_run && facts.stages[0].failed());
    facts.describe([("a", Some("g"), None, true)]);
    assert!(facts.stages[0].allowed && facts.stages[0].group.as_deref() == Some("g"));
    let other = report.replace("report/1", "report/2");
    assert!(matches!(Facts::read(&other), Err(facts::FactsError::Schema(schema)) if schema == "forensic.report/2"));
    assert!(matches!(Facts::read("{"), Err(facts::FactsError::Invalid(_))));
}

proptest! {
    #[test]
    fn no_text_is_a_command(text in hostile()) {
        let harmless = lines::harmless(&text);
        prop_assert!(commands(&harmless).is_empty(), "{harmless:?}");
        prop_assert!(!harmless.contains(['\r', '\u{1b}', '\0']), "{harmless:?}");
        prop_assert_eq!(lines::harmless(&harmless).matches('\\').count() >= harmless.matches('\\').count(), true);
    }

    #[test]
    fn any_text_at_all_is_no_command(text in any::<String>()) {
        prop_assert!(commands(&lines::harmless(&text)).is_empty());
    }

    #[test]
    fn what_plugins_and_stages_say_makes_no_command(text in hostile(), other in hostile()) {
        let mut facts = facts();
        facts.reports[0].findings[0].text.clone_from(&text);
        facts.reports[0].findings[1].subject.clone_from(&text);
        facts.reports[1].failure = Some(text.clone());
        facts.stages[1].error = Some(other.clone());
        facts.stages[1].tails[0].lines = vec![text.clone(), other];
        let annotations = github::annotations(&facts);
        prop_assert_eq!(commands(&annotations.join("\n")).len(), annotations.len());
        prop_assert_eq!(annotations.len(), 9);
        let names: Vec<String> = commands(&github::groups(&facts)).into_iter().map(|(name, ..)| name).collect();
        prop_assert_eq!(names, ["group", "endgroup"]);
        let sections = gitlab::sections(&facts, 1);
        prop_assert_eq!(sections.matches('\u{1b}').count(), 2);
        prop_assert!(commands(&sections).is_empty());
    }

    #[test]
    fn xml_is_well_formed_whatever_was_said(text in hostile(), other in any::<String>()) {
        let mut facts = facts();
        facts.pipeline.clone_from(&other);
        facts.stages[1].error = Some(text.clone());
        facts.stages[1].tails[0].lines = vec![other.clone()];
        facts.reports[0].findings[0].text.clone_from(&text);
        facts.reports[0].findings[1].subject = other;
        let xml = junit::junit(&facts);
        let mut reader = quick_xml::Reader::from_str(&xml);
        reader.config_mut().enable_all_checks(true);
        loop {
            match reader.read_event() {
                Ok(quick_xml::events::Event::Eof) => break,
                Ok(_) => {}
                Err(error) => return Err(TestCaseError::fail(format!("{error}: {xml}"))),
            }
        }
        let allowed = |c: char| matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        prop_assert!(xml.chars().all(allowed), "{xml:?}");
        prop_assert!(!xml.contains("&#"), "{xml:?}");
    }

    #[test]
    fn a_summary_keeps_to_its_room(text in hostile(), room in 0_usize..4_000) {
        let report = format!("# R\n\n## Pipeline Health\n\n{text}\n\n### More\n\n{}\n\n## Reports\n\n{text}\n\n## Report x\n", "y".repeat(800));
        prop_assert!(github::summary(&report, room, &text).len() <= room);
    }
}

/// What Python's parser reads in the file, a line a thing; it also holds the order and names of the elements to the schema.
fn read_xml(xml: &str) -> String {
    const SCRIPT: &str = include_str!("testdata/junit.py");
    let mut child =
        Command::new("python3").args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), xml.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{xml}");
    String::from_utf8(output.stdout).unwrap()
}
