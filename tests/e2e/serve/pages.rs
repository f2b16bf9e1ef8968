//! The pages over many runs, of runs that really ran, from the real server.

use serde_json::Value;

use super::browser::Served;
use crate::runs::bench;

/// The JSON of an address.
fn json(served: &Served, path: &str) -> Value {
    let answer = served.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

#[test]
fn a_stage_that_takes_longer_is_found_over_runs_and_between_two() {
    let bench = bench();
    for number in 0..8 {
        if number == 6 {
            bench.write("seconds", "1.5");
        }
        assert_eq!(bench.call(&["run", "--run-id", &format!("R{number}")]).code, Some(0));
    }
    bench.write("fail", "");
    assert_eq!(bench.call(&["run", "--run-id", "R8"]).code, Some(1));
    let served = Served::start(bench.path());
    let trends = json(&served, "/trends.json?pipeline=many");
    assert_eq!(trends["runs"].as_array().unwrap().len(), 9);
    let step = &trends["steps"][0];
    assert_eq!((&step["run"], &step["kind"], &step["change"]), (&6.into(), &"lasting".into(), &"slower".into()));
    assert_eq!(
        (&trends["runs"][8]["not_compared"], &trends["stages"][0]["id"]),
        (&"no_success".into(), &"varies".into())
    );
    let page = |path: &str| served.get(path).text().to_owned();
    let told = page("/trends?pipeline=many");
    assert!(told.contains("since run <a href=\"/runs/R6\">R6</a>"), "{told}");
    assert!(page("/trends?pipeline=many&stage=varies").contains("Trends of stage varies of many"));
    // The same words as the command's, and the same numbers.
    let diff = bench.call(&["runs", "diff", "R5", "R6", "--format", "json"]).stdout;
    assert_eq!(json(&served, "/compare.json?a=R5&b=R6"), serde_json::from_str::<Value>(&diff).unwrap());
    assert!(page("/compare?a=R5&b=R6").contains("▲ slower"));
    assert_eq!(json(&served, "/compare.json")["b"]["run"]["folder"], "R8");
    assert_eq!(served.get("/compare?a=nobody").status, 404);
    // Reports of all runs are read; the pipeline has no report stage.
    let findings = json(&served, "/findings.json?pipeline=many");
    assert_eq!((findings["runs"].as_array().unwrap().len(), &findings["total"]), (9, &0.into()));
    assert!(findings["runs"].as_array().unwrap().iter().all(|run| run["problem"].is_null()));
}
