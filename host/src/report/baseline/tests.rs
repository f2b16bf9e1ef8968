use super::*;
use proptest::prelude::*;

const MS: u64 = 1_000_000;

fn of(ms: &[u64]) -> Typical {
    Typical::of(&ms.iter().map(|ms| ms * MS).collect::<Vec<_>>()).unwrap()
}

#[test]
fn the_middle_and_how_far_the_others_are_from_it() {
    let typical = of(&[1_300, 1_000, 1_100, 9_000, 1_200]);
    assert_eq!((typical.runs, typical.median_ns, typical.mad_ns), (5, 1_200 * MS, 100 * MS));
    assert_eq!((typical.min_ns, typical.max_ns), (1_000 * MS, 9_000 * MS));
    assert_eq!(of(&[1, 4, 2, 3]).median_ns, 2_500_000);
    assert_eq!(Typical::of(&[]), None);
    assert_eq!(Typical::of(&[u64::MAX; 2]).unwrap().median_ns, u64::MAX);
}

#[test]
fn a_change_counts_where_it_is_beyond_noise_and_beyond_all_that_was_there() {
    // 3.5 × 1.4826 × 1.206 × 20 ms is 125 ms.
    let typical = of(&[1_000, 1_020, 980, 1_010, 960]);
    assert_eq!(typical.judge(1_060 * MS), Change::WithinNoise);
    assert_eq!(typical.judge(1_300 * MS), Change::Slower);
    assert_eq!(typical.judge(800 * MS), Change::Faster);
    // One that was slow once may be so again.
    let once = of(&[1_000, 1_020, 980, 1_010, 1_400]);
    assert_eq!(once.judge(1_390 * MS), Change::WithinNoise);
    assert_eq!(once.judge(1_500 * MS), Change::Slower);
    // Of two runs each varies.
    assert_eq!(typical.judge_two(1_000 * MS, 1_060 * MS), Change::WithinNoise);
    assert_eq!(typical.judge_two(1_300 * MS, 1_000 * MS), Change::Faster);
}

#[test]
fn small_changes_never_count_and_few_runs_say_nothing() {
    let steady = of(&[20, 20, 20, 20, 20]);
    assert_eq!(steady.judge(70 * MS), Change::WithinNoise);
    assert_eq!(steady.judge(71 * MS), Change::Slower);
    let long = of(&[100_000; 5]);
    assert_eq!((long.judge(104_999 * MS), long.judge(105_001 * MS)), (Change::WithinNoise, Change::Slower));
    assert_eq!(of(&[20; 4]).judge(u64::MAX), Change::Unknown);
    assert_eq!(of(&[20; 4]).judge_two(0, u64::MAX), Change::Unknown);
}

/// A pseudo-random number generator that is the same everywhere (Knuth's MMIX constants), summed up to a bell curve.
struct Bell(u64);

impl Bell {
    fn next(&mut self) -> f64 {
        let mut sum = 0.0;
        for _ in 0..12 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            sum += (self.0 >> 11) as f64 / (1u64 << 53) as f64;
        }
        sum - 6.0
    }
}

#[test]
fn false_alarms_are_as_rare_as_the_documents_say() {
    let mut bell = Bell(5);
    for (runs, spread, at_most) in [(5, 0.02, 0.02), (5, 0.10, 0.08), (10, 0.02, 0.01), (10, 0.10, 0.03)] {
        let mut alarms = 0;
        for _ in 0..4_000 {
            let mut draw = || (10e9 * (1.0 + spread * bell.next())) as u64;
            let earlier: Vec<u64> = (0..runs).map(|_| draw()).collect();
            alarms += u32::from(Typical::of(&earlier).unwrap().judge(draw()).is_flagged());
        }
        assert!(f64::from(alarms) / 4_000.0 <= at_most, "{alarms} of 4,000 with {runs} runs that vary by {spread}");
    }
}

#[test]
fn records_of_older_hosts_are_read() {
    let old: Baseline = serde_json::from_str(r#"{"run_id":"R","wall_ns":7,"stages":[["a",3],["b",4]]}"#).unwrap();
    assert_eq!(old.wall.map(|wall| (wall.runs, wall.median_ns)), Some((1, 7)));
    assert_eq!(old.stages[1], ("b".to_owned(), of_one(4)));
    let new = Baseline { run_id: "S".into(), gone: vec!["x".into()], partial: true, ..old };
    assert_eq!(serde_json::from_str::<Baseline>(&serde_json::to_string(&new).unwrap()).unwrap(), new);
}

fn of_one(ns: u64) -> Typical {
    Typical::of(&[ns]).unwrap()
}

proptest! {
    #[test]
    fn what_was_there_before_is_never_flagged(durations in prop::collection::vec(any::<u64>(), 1..12), at in any::<prop::sample::Index>()) {
        let typical = Typical::of(&durations).unwrap();
        prop_assert!(typical.min_ns <= typical.median_ns && typical.median_ns <= typical.max_ns);
        prop_assert!(!typical.judge(*at.get(&durations)).is_flagged());
        let mut reversed = durations.clone();
        reversed.reverse();
        prop_assert_eq!(Typical::of(&reversed), Some(typical));
    }
}
