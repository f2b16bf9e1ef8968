//! Pipeline Health of runs whose stages are members, were reused, skipped, allowed to fail, or are pipelines of their own.

use super::super::render;
use super::golden::golden;
use super::reading;
use super::sample::Sample;
use serde_json::{Map, Value, json};

const T0: u64 = 1_767_225_600_000_000_000;
const MS: u64 = 1_000_000;

/// A trace in the making.
pub(super) struct Traced {
    spans: Vec<Value>,
}

/// A stage: id, result, needs, first attempt's start and end in ms (equal: none).
type Stage<'a> = (&'a str, &'a str, &'a [&'a str], u64, u64);

impl Traced {
    /// From 0 to `end` ms.
    pub(super) fn new(end: u64, more: Value) -> Self {
        let mut run = Self { spans: Vec::new() };
        let attributes = json!({"forensic.kind": "run", "cicd.pipeline.run.id": "20260102T000000Z-flow",
            "cicd.pipeline.name": "sleeves", "forensic.slots": 2, "forensic.schedule_start_time": T0 + 10 * MS});
        run.span("RUN", 1, None, (0, end), "success", &[attributes, more]);
        run
    }

    fn span(&mut self, name: &str, id: u64, parent: Option<u64>, (from, to): (u64, u64), result: &str, more: &[Value]) {
        let word = if name == "RUN" { "cicd.pipeline.result" } else { "cicd.pipeline.task.run.result" };
        let mut attributes = Map::new();
        more.iter().filter_map(Value::as_object).for_each(|more| attributes.extend(more.clone()));
        attributes.entry(word).or_insert_with(|| result.into());
        self.spans.push(json!({"name": name, "start_time": T0 + from * MS, "end_time": T0 + to * MS,
            "status": if matches!(result, "success" | "skip") { "Success" } else { "Error" }, "attributes": attributes,
            "trace_id": "5b8aa5a2d2c872e8321cf37308d69df2", "span_id": format!("{id:016x}"),
            "parent_span_id": parent.map(|parent| format!("{parent:016x}"))}));
    }

    /// What is said of the stage, and of its attempt.
    pub(super) fn stage(
        &mut self,
        (id, result, needs, from, to): Stage<'_>,
        of_stage: Value,
        of_attempt: Value,
    ) -> &mut Self {
        let index = self.spans.len() as u64;
        let own = 16 * (index + 1);
        let attributes = json!({"forensic.kind": "stage", "forensic.stage.id": id, "forensic.stage.index": index,
            "forensic.stage.needs": needs});
        self.span(id, own, Some(1), (from, to), result, &[attributes, of_stage]);
        if from != to {
            let attributes = json!({"forensic.kind": "attempt", "forensic.stage.id": id, "forensic.attempt": 1});
            self.span("sh", own + 1, Some(own), (from, to), result, &[attributes, of_attempt]);
        }
        self
    }

    pub(super) fn sample(&self) -> Sample {
        Sample::of_trace(&serde_json::to_string(&self.spans).expect("JSON"))
    }
}

/// Everything that a run's flow can be, once.
pub(super) fn everything() -> Sample {
    let resumed = json!({"forensic.resumed_from": "20260101T000000Z-before", "cicd.pipeline.result": "failure"});
    let mut run = Traced::new(9_000, resumed);
    let cached = |from: &str, ms: u64| json!({"forensic.cached": true, "forensic.cached_from": from, "forensic.saved_ns": ms * MS});
    let no = || json!({});
    for (sleeve, ms) in [("carry", 1_000), ("momentum", 1_500), ("quality", 1_200), ("value", 900)] {
        let mut member = cached("20260101T000000Z-before", ms);
        member["forensic.stage.member_of"] = "{sleeve}.ingest".into();
        run.stage((&format!("{sleeve}.ingest"), "success", &[], 10, 10), member, no());
    }
    run.stage(("prices", "success", &[], 10, 10), cached("20251230T000000Z-older", 4_000), no());
    let member = || json!({"forensic.stage.member_of": "{sleeve}.fit", "forensic.stage.group": "sleeve"});
    for (sleeve, from, to) in
        [("carry", 20, 1_020), ("momentum", 20, 2_520), ("quality", 1_030, 2_030), ("value", 2_040, 8_500)]
    {
        run.stage(
            (&format!("{sleeve}.fit"), "success", &["prices"], from, to),
            member(),
            json!({"forensic.cpu_user_ns": 7 * MS}),
        );
    }
    let failure = json!({"process.exit.code": 3, "error.type": "exit_code", "forensic.escaped_processes": 2});
    let mut allowed = member();
    allowed["forensic.stage.allow_failure"] = true.into();
    run.stage(("growth.fit", "failure", &["prices"], 2_530, 2_600), allowed.clone(), failure.clone());
    let skipped = json!({"forensic.skip_reason": "need", "forensic.skipped_because": "broken"});
    run.stage(
        ("deploy", "skip", &["value.fit"], 8_500, 8_500),
        json!({"forensic.skip_reason": "when", "forensic.skip_message": "the variable DEPLOY is not set"}),
        no(),
    );
    run.stage(("unasked", "skip", &[], 10, 10), json!({"forensic.skip_reason": "selection"}), no());
    run.stage(
        ("child", "success", &["prices"], 3_000, 3_400),
        no(),
        json!({"forensic.child.run": "20260102T000000Z-flow.child.1", "forensic.waited_for_pool": "gpu"}),
    );
    let broken = json!({"process.exit.code": 1, "error.type": "exit_code"});
    run.stage(("broken", "failure", &[], 3_500, 3_700), no(), broken);
    run.stage(("after", "skip", &["broken"], 3_700, 3_700), skipped, no());
    let any = json!({"forensic.stage.trigger": "any", "forensic.stage.released_by": "child"});
    run.stage(("first", "success", &["broken", "child"], 3_710, 3_900), any, no());
    run.sample()
}

#[test]
fn everything_that_a_flow_can_be() {
    let rendered = render(&everything().input());
    golden("flow_run.md", &rendered.markdown);
    golden("flow_run.json", &rendered.json);
    let html = reading::read(&rendered.html);
    let links: Vec<&String> = html.links.iter().filter(|link| link.starts_with("../../")).collect();
    let child = "../../20260102T000000Z-flow.child.1/reports/forensic_report.html";
    assert!(links.iter().any(|link| *link == child), "{links:?}");
}

/// Failed, critical, retried and unseen ends keep rows of their own, and so do all members of small matrices.
#[test]
fn what_matters_is_never_folded() {
    let member = || json!({"forensic.stage.member_of": "m.{n}"});
    let mut run = Traced::new(60_000, json!({}));
    for n in 0..50u64 {
        run.stage((&format!("m.{n}"), "success", &[], 100, 200 + n), member(), json!({}));
    }
    run.stage(("m.bad", "failure", &[], 100, 300), member(), json!({}));
    run.stage(("m.slow", "success", &[], 100, 59_000), member(), json!({}));
    run.stage(
        ("m.open", "success", &[], 100, 900),
        json!({"forensic.stage.member_of": "m.{n}", "forensic.inferred": true}),
        json!({}),
    );
    for n in 0..3u64 {
        run.stage(
            (&format!("k.{n}"), "success", &[], 100, 200 + n),
            json!({"forensic.stage.member_of": "k.{n}"}),
            json!({}),
        );
    }
    let rendered = render(&run.sample().input());
    let row = |id: &str| rendered.markdown.lines().any(|line| line.starts_with(&format!("| {id} ")));
    for id in ["m.bad", "m.slow", "m.open", "k.0", "k.1", "k.2", "m.\\{n\\} × 50"] {
        assert!(row(id), "{id} has no row in\n{}", rendered.markdown);
    }
    assert!(!row("m.7") && rendered.json.contains("\"m.7\""));
    assert!(rendered.markdown.contains("| 100 ms / 125 ms / 149 ms |"), "{}", rendered.markdown);
    assert!(rendered.markdown.contains("*50 stages stand in 1 row marked ×"));
}

#[test]
fn a_run_says_whose_stage_it_is() {
    let of = |parent: &str| {
        let more = json!({"forensic.parent.run": parent, "forensic.parent.stage": "fit | *all*"});
        render(&Traced::new(5, more).sample().input())
    };
    let rendered = of("20260102T000000Z-parent");
    let link = "[20260102T000000Z-parent](../../20260102T000000Z-parent/reports/forensic_report.md)";
    let told = format!("It is stage fit \\| \\*all\\* of run {link}.");
    assert!(rendered.markdown.contains(&told), "{}", rendered.markdown);
    // What can't be the name of a folder is no link.
    let rendered = of("../../etc](javascript:alert(1))");
    assert!(
        !rendered.markdown.contains("](../..") && !rendered.html.contains("href=\"../../"),
        "{}",
        rendered.markdown
    );
}

#[test]
fn a_resumed_run_that_reuses_nothing_says_so() {
    let rendered = render(&Traced::new(5, json!({"forensic.resumed_from": "Q"})).sample().input());
    assert!(rendered.markdown.contains("no stage's result could be reused."), "{}", rendered.markdown);
}
