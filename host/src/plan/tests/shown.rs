use super::*;
use crate::pipeline::{Capacity, ExecutorKind, Member, Pool};

fn shown() -> (Pipeline, RunPlan, Redactor) {
    let world = World::new();
    let mut pipeline = world.pipeline(&["load", "fit <- load", "deploy <- fit", "rest"]);
    pipeline.profile = Some("prod".into());
    pipeline.pools = vec![
        Pool { name: "cpu".into(), capacity: Capacity::Cores, bytes: false },
        Pool { name: "gpu".into(), capacity: Capacity::Fixed(2), bytes: false },
    ];
    pipeline.stages[1].resources = vec![(1, 1), (0, 3)];
    pipeline.stages[1].group = Some("sleeve".into());
    pipeline.stages[1].member =
        Some(Member { of: "{x}".into(), values: vec![("x".into(), "broker-password-1".into())] });
    pipeline.stages[2].when = Some(crate::pipeline::Condition::Profile(vec!["prod".into()]));
    let mut plan = RunPlan::run_all(&pipeline);
    plan.resumed_from = Some("r1".into());
    plan.estimate_ns = Some(12_000_000_000);
    plan.stages[0].action = Action::Reuse { run_id: "r1".into(), saved_ns: 2_500_000_000 };
    plan.stages[0].reason = Some("nothing that it depends on changed since run r1".into());
    plan.stages[0].key = Some("ab".repeat(32));
    plan.stages[1].reason = Some("input broker-password-1\n.csv changed since run r1".into());
    plan.stages[1].expected_ns = Some(10_000_000_000);
    plan.stages[3].action = Action::Leave;
    let rules = Rules { secrets: vec!["broker-password-1".into()], ..Rules::default() };
    (pipeline, plan, Redactor::new(&rules).unwrap())
}

#[test]
fn a_plan_as_text() {
    let (pipeline, plan, redactor) = shown();
    let warnings = ["broker-password-1 is short".to_owned()];
    let expected = "\
demo (prod): 4 stages, resumes run r1

1  load    reuse  saves 2.500 s  nothing that it depends on changed since run r1
2  fit     run    ~10.0 s        input [REDACTED]\\n.csv changed since run r1
3  deploy  run    (if its condition holds)
4  rest    leave

2 to run, 1 reused (saves 2.500 s), 1 left out; takes about 12.0 s
warning: [REDACTED] is short
";
    assert_eq!(render(&pipeline, &plan, &warnings, &redactor), expected);
}

#[test]
fn a_plan_as_data() {
    let (pipeline, plan, redactor) = shown();
    let document = serde_json::to_value(PlanDocument::new(&pipeline, &plan, &[], &redactor)).unwrap();
    assert!(!document.to_string().contains("broker-password-1"));
    assert_eq!(document["schema"], "forensic.plan/1");
    assert_eq!(
        document["totals"],
        serde_json::json!({ "run": 2, "reuse": 1, "leave": 1, "saved_ns": 2_500_000_000u64 })
    );
    assert_eq!(
        document["stages"][1],
        serde_json::json!({
            "id": "fit", "needs": ["load"], "trigger": "all", "conditional": false, "action": "run",
            "reason": "input [REDACTED]\n.csv changed since run r1",
            "expected_ns": 10_000_000_000u64, "rank": 0,
            "resources": [{ "pool": "gpu", "amount": 1, "of": 2 }, { "pool": "cpu", "amount": 3 }],
            "member": { "of": "{x}", "values": [["x", "[REDACTED]"]] },
            "group": "sleeve",
        })
    );
    let load = &document["stages"][0];
    assert_eq!(
        (&load["action"], &load["reused_from"], &load["saved_ns"]),
        (&"reuse".into(), &"r1".into(), &2_500_000_000u64.into())
    );
    assert_eq!(load["key"], "ab".repeat(32));
}

#[test]
fn where_stages_run_is_shown_where_it_is_not_here_alone() {
    let (mut pipeline, plan, redactor) = shown();
    pipeline.executor.kind = ExecutorKind::Ray;
    pipeline.stages[2].placement.executor = Some(ExecutorKind::Local);
    let expected = "\
demo (prod): 4 stages, resumes run r1, Ray at auto

1  load    ray    reuse  saves 2.500 s  nothing that it depends on changed since run r1
2  fit     ray    run    ~10.0 s        input [REDACTED]\\n.csv changed since run r1
3  deploy  local  run    (if its condition holds)
4  rest    ray    leave
";
    let text = render(&pipeline, &plan, &[], &redactor);
    assert!(text.starts_with(expected), "{text}");
    let document = serde_json::to_value(PlanDocument::new(&pipeline, &plan, &[], &redactor)).unwrap();
    assert_eq!(
        (&document["stages"][1]["executor"], &document["stages"][2]["executor"]),
        (&"ray".into(), &"local".into())
    );
}
