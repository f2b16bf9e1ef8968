//! Guardrails: each is checked here, and what was not checked is UNKNOWN.

use forensic_guest_sdk::{Cell, Column, Document, Host, Severity, StageSummary, Table};
use forensic_plugin_kit::health::Health;
use forensic_plugin_kit::{notes, sections};

use crate::source::Source;

/// What a check came to.
#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Pass,
    Warn,
    Fail,
    Unknown,
}

struct Check {
    name: String,
    verdict: Verdict,
    details: String,
    /// What a finding is about.
    subject: String,
}

impl Verdict {
    fn cell(self) -> Cell {
        match self {
            Self::Pass => Cell::status(Severity::Info, "PASS"),
            Self::Warn => Cell::status(Severity::Warning, "WARN"),
            Self::Fail => Cell::status(Severity::Error, "FAIL"),
            Self::Unknown => Cell::status(Severity::Warning, "UNKNOWN"),
        }
    }
}

pub(crate) fn write(document: &mut Document, host: &dyn Host, sources: &[Source]) {
    document.heading(2, "Guardrails");
    let mut checks = run(host);
    checks.extend(sources.iter().flat_map(|source| [data_health(source), results(source)]));
    let mut table = Table::new([Column::text("Guardrail"), Column::text("Status"), Column::text("Details")]);
    for check in &checks {
        table.row([check.name.as_str().into(), check.verdict.cell(), check.details.as_str().into()]);
    }
    document.push(table);
    for check in checks {
        let severity = match check.verdict {
            Verdict::Pass => continue,
            Verdict::Fail => Severity::Error,
            Verdict::Warn | Verdict::Unknown => Severity::Warning,
        };
        document.finding(severity, check.subject, format!("{}: {}.", check.name, check.details));
    }
}

/// What the trace says of the run.
fn run(host: &dyn Host) -> Vec<Check> {
    let check = |name: &str, verdict, details: String| Check {
        name: name.into(),
        verdict,
        details,
        subject: "data/forensic_trace.json".into(),
    };
    let run = match host.run() {
        Ok(run) => run,
        Err(error) => {
            let unknown = |name| check(name, Verdict::Unknown, "there is no trace to tell".into());
            return vec![check("Trace", Verdict::Fail, error.explain()), unknown("Run"), unknown("Stages")];
        }
    };
    let spans = format!("readable, {} spans", run.spans);
    let outcome = match run.outcome.as_str() {
        "" => check("Run", Verdict::Unknown, "the trace does not say how the run ended".into()),
        "success" => check("Run", Verdict::Pass, "ended with success".into()),
        other => check("Run", Verdict::Fail, format!("ended with {other}")),
    };
    let stages = host.all_stages();
    let (verdict, details) = stages_verdict(&stages);
    vec![check("Trace", Verdict::Pass, spans), outcome, check("Stages", verdict, details)]
}

fn stages_verdict(stages: &[StageSummary]) -> (Verdict, String) {
    let ids = |fits: &dyn Fn(&StageSummary) -> bool| -> Vec<String> {
        stages.iter().filter(|stage| fits(stage)).map(|stage| stage.id.clone()).collect()
    };
    let succeeded = ids(&|stage| stage.outcome == "success").len();
    let skipped = ids(&|stage| stage.outcome == "skip");
    let failed = ids(&|stage| stage.outcome != "success" && stage.outcome != "skip");
    let retried = ids(&|stage| stage.attempts > 1);
    let mut details = vec![format!("{succeeded} of {} succeeded", sections::count(stages.len(), "stage"))];
    for (what, ids) in [("not successful", &failed), ("skipped", &skipped), ("more than one attempt", &retried)] {
        if !ids.is_empty() {
            details.push(format!("{what}: {}", notes::some(ids)));
        }
    }
    let verdict = match (stages.is_empty(), failed.is_empty(), skipped.is_empty() && retried.is_empty()) {
        (true, _, _) => Verdict::Unknown,
        (_, false, _) => Verdict::Fail,
        (_, _, false) => Verdict::Warn,
        _ => Verdict::Pass,
    };
    (verdict, details.join("; "))
}

/// Missing or stale assets fail; nothing but `OK` passes.
fn data_health(source: &Source) -> Check {
    let name = format!("Data health, {}", source.name);
    let counts = match &source.health {
        Ok(counts) => counts,
        Err(error) => {
            return Check { name, verdict: Verdict::Unknown, details: error.explain(), subject: error.id().into() };
        }
    };
    let some = |status: &str| counts.iter().any(|(word, count)| word == status && *count > 0);
    let verdict = match Health::of(counts) {
        _ if some("MISSING") || some("STALE") => Verdict::Fail,
        Health::Healthy => Verdict::Pass,
        Health::Unknown => Verdict::Unknown,
        Health::Degraded | Health::MissingData => Verdict::Warn,
    };
    let details: Vec<String> = counts.iter().map(|(status, count)| format!("{status} {count}")).collect();
    Check { name, verdict, details: details.join(", "), subject: source.name.clone() }
}

/// The results, which the other pages stand on.
fn results(source: &Source) -> Check {
    let (verdict, details) = match &source.leaders {
        Err(why) => (Verdict::Fail, why.trim_end_matches('.').to_owned()),
        Ok(leaders) if leaders.rows.is_empty() => {
            let place = leaders.simulator.as_deref().unwrap_or("any simulator");
            (Verdict::Fail, format!("no engine has a Sharpe ratio in {place}"))
        }
        Ok(leaders) => {
            let (results, leaders) = (leaders.entries, sections::count(leaders.rows.len(), "profile"));
            (Verdict::Pass, format!("{}, leaders of {leaders}", sections::count(results, "result")))
        }
    };
    Check { name: format!("Results, {}", source.name), verdict, details, subject: source.name.clone() }
}
