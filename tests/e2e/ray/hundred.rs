//! A hundred stages that do nothing, here and on Ray: all of them, and what each costs (printed; `tests/bench/ray.py` measures).

use super::cluster::shared;
use super::trial::Trial;

#[test]
fn a_hundred_stages_run_and_say_what_they_cost() {
    let Some(cluster) = shared() else { return };
    let stages: String = (0..100).map(|number| format!("[stages.s{number}]\nrun = 'true'\n")).collect();
    let mut walls = Vec::new();
    for executor in ["local", "ray"] {
        let trial = Trial::new(cluster, "", &stages);
        assert_eq!(trial.call(&["run", "--run-id", &trial.id, "--executor", executor]), Some(0));
        let trace = trial.trace();
        let attempts = trace.kind("attempt");
        assert_eq!(attempts.len(), 100);
        let on_ray = |span: &&&serde_json::Value| span["attributes"]["forensic.executor"] == "ray";
        assert_eq!(attempts.iter().filter(on_ray).count(), if executor == "ray" { 100 } else { 0 });
        assert_eq!(trace.kind("worker").len(), if executor == "ray" { 100 } else { 0 });
        for attempt in attempts {
            assert_eq!(attempt["attributes"]["cicd.pipeline.task.run.result"], "success", "{attempt}");
        }
        walls.push(trial.json("reports/forensic_report.json")["summary"]["wall_ns"].as_f64().unwrap() / 1e6);
    }
    eprintln!("100 stages of `true`, four at a time: {:.0} ms here, {:.0} ms on Ray", walls[0], walls[1]);
}
