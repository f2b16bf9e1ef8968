//! A cable that is pulled: the node and what runs on it live, and nobody can reach them.

use super::cluster::{fragile, victim};
use super::trial::Trial;

/// Says ten times a second that it lives, with the attempt and the time. The second attempt ends by itself. No signal but KILL
/// ends the first one early, so that only its lease does.
const BEATING: &str = r#"
trap '' TERM
setsid sh -c 'trap "" TERM; while :; do echo "$FORENSIC_ATTEMPT $(date +%s%N)" >> $FORENSIC_DATA_DIR/alive; sleep 0.1; done' &
until grep -q "^$FORENSIC_ATTEMPT " $FORENSIC_DATA_DIR/alive; do sleep 0.01; done
[ $FORENSIC_ATTEMPT = 2 ] || while :; do sleep 1; done
"#;

#[test]
fn a_node_whose_cable_is_pulled_ends_its_stage_before_another_one_starts_it_again() {
    let Some(mut fragile) = fragile() else { return };
    let cluster = fragile.cluster();
    // Both nodes can take it; whichever has it is cut off.
    let nodes = cluster.add([victim("either"), victim("either")]);
    let executor = "on_lost = \"retry\"\nbeat = \"200ms\"\nlease = \"4s\"\nlost_after = \"15s\"";
    let trial = Trial::new(
        cluster,
        executor,
        &format!("[stages.beating]\nrun = '''{BEATING}'''\nray = {{ cpus = 0, custom = {{ either = 1 }} }}\n"),
    );
    let running = trial.start();
    trial.until_told("alive");
    let stage = "FORENSIC_STAGE_ID=beating";
    let of_node = |ip: &String| {
        let variable = format!("FORENSIC_RAY_NODE={ip}");
        let both =
            |pid: &u32| super::process::has_variable(*pid, &variable) && super::process::has_variable(*pid, stage);
        super::process::all().any(|pid| both(&pid))
    };
    let on: Vec<&String> = nodes.iter().filter(|ip| of_node(ip)).collect();
    let [cut] = on[..] else { panic!("it runs on {on:?}") };
    cluster.pull(cut);
    assert_eq!(running.wait(), Some(0));

    let alive = trial.read("data/alive");
    let beats: Vec<(u64, u64)> = alive
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(attempt, time)| (attempt.parse().unwrap(), time.parse().unwrap()))
        .collect();
    let of = |attempt: u64| beats.iter().filter(move |beat| beat.0 == attempt).map(|beat| beat.1);
    let (last, first) = (of(1).max().unwrap(), of(2).min().expect("a second attempt"));
    assert!(last < first, "the first attempt beat at {last}, the second at {first} already");

    let trace = trial.trace();
    let [one, two] = trace.attempts("beating")[..] else { panic!("not two attempts") };
    assert_eq!(one["attributes"]["error.type"], "node_lost", "{one}");
    assert_eq!(one["attributes"]["forensic.node_name"], **cut, "{one}");
    super::trial::assert_spans_accounted(&trace, one);
    assert_ne!(two["attributes"]["forensic.node"], one["attributes"]["forensic.node"], "{two}");
    assert_eq!(two["attributes"]["forensic.previous_attempt"], 1, "{two}");
    let fenced = two["attributes"]["forensic.previous_fenced"].as_str().unwrap();
    assert!(["proved", "assumed"].contains(&fenced), "{two}");
    assert_eq!(trial.left(), [""; 0], "processes of the run are left");
    assert_eq!(cluster.supervisors(), [""; 0], "supervisors are left");
    drop(trial);
    cluster.remove(&nodes);
}
