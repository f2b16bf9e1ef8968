//! Series that step, stand out or stay; runs that succeed, fail, reuse results or can't be read.

use std::fs;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::steps::steps;
use super::*;
use crate::runs::tests::{Root, stamp};
use crate::runs::{Index, pipelines};

const MS: u64 = 1_000_000;

/// The steps of a series in ms, as run, kind, change, last run, and from and to in ms.
fn told(ms: &[u64]) -> Vec<(usize, StepKind, Change, Option<usize>, u64, u64)> {
    let samples: Vec<Sample> = ms.iter().enumerate().map(|(run, ms)| Sample { run, ns: ms * MS }).collect();
    let tell = |step: Step| (step.run, step.kind, step.change, step.until, step.from_ns / MS, step.to_ns / MS);
    steps(&samples).into_iter().map(tell).collect()
}

fn series(parts: &[(usize, u64)]) -> Vec<u64> {
    parts.iter().flat_map(|(runs, ms)| vec![*ms; *runs]).collect()
}

use Change::{Faster, Slower};
use StepKind::{Lasting, Newest, Outlier};

#[test]
fn a_step_is_told_once_at_the_run_that_it_began_with() {
    assert_eq!(told(&series(&[(10, 1_000), (10, 3_000)])), [(10, Lasting, Slower, None, 1_000, 3_000)]);
    // Two runs are enough, one is not.
    assert_eq!(told(&series(&[(10, 1_000), (2, 3_000)])), [(10, Lasting, Slower, None, 1_000, 3_000)]);
    assert_eq!(told(&series(&[(10, 1_000), (1, 3_000)])), [(10, Newest, Slower, None, 1_000, 3_000)]);
    // Before there are five runs nobody knows how much they vary.
    assert_eq!(told(&series(&[(4, 1_000), (9, 3_000)])), []);
}

#[test]
fn one_run_that_stands_out_is_no_step_and_may_do_so_again() {
    let alone = (10, Outlier, Slower, Some(10), 1_000, 3_000);
    assert_eq!(told(&series(&[(10, 1_000), (1, 3_000), (10, 1_000)])), [alone]);
    assert_eq!(told(&series(&[(10, 1_000), (1, 3_000), (4, 1_000), (1, 3_000), (4, 1_000)])), [alone]);
    // Two that stand out together are told together.
    let two = (10, Outlier, Slower, Some(11), 1_000, 3_100);
    assert_eq!(told(&series(&[(10, 1_000), (1, 3_000), (1, 3_200), (10, 1_000)])), [two]);
}

#[test]
fn a_step_that_is_over_has_an_end() {
    // Before the new level has runs enough to be judged by, the old one is back.
    let short = (10, Lasting, Slower, Some(12), 1_000, 3_000);
    assert_eq!(told(&series(&[(10, 1_000), (3, 3_000), (10, 1_000)])), [short]);
    // And a later step starts from there again.
    assert_eq!(
        told(&series(&[(10, 1_000), (3, 3_000), (6, 1_000), (6, 3_000)])),
        [short, (19, Lasting, Slower, None, 1_000, 3_000)]
    );
    // After that, it is a step of its own.
    assert_eq!(
        told(&series(&[(10, 1_000), (8, 3_000), (10, 1_500)])),
        [(10, Lasting, Slower, Some(17), 1_000, 3_000), (18, Lasting, Faster, None, 3_000, 1_500)]
    );
}

proptest! {
    #[test]
    fn what_stays_has_no_step(ms in 0..100_000u64, runs in 0..60usize) {
        prop_assert_eq!(told(&vec![ms; runs]), []);
    }

    #[test]
    fn a_threefold_step_in_noise_is_told_once(
        ms in 200..100_000u64, noise in prop::collection::vec(0..20u64, 10..40), before in 10..25usize, after in 5..25usize,
    ) {
        let jitter = |at: usize, ms: u64| ms + ms * noise[at % noise.len()] / 1_000;
        let series: Vec<u64> = (0..before + after).map(|at| jitter(at, if at < before { ms } else { 3 * ms })).collect();
        let found = told(&series);
        prop_assert_eq!(found.len(), 1);
        let (run, kind, change, until, ..) = found[0];
        prop_assert_eq!((run, kind, change, until), (before, Lasting, Slower, None));
    }

    #[test]
    fn any_series_is_told_in_order(ns in prop::collection::vec(any::<u64>(), 0..60)) {
        let samples: Vec<Sample> = ns.iter().enumerate().map(|(run, ns)| Sample { run, ns: *ns }).collect();
        let found = steps(&samples);
        prop_assert!(found.windows(2).all(|pair| pair[0].run < pair[1].run));
        for step in &found {
            prop_assert!(step.change.is_flagged() && step.runs >= 1 && step.run < ns.len());
            prop_assert!(step.until.is_none_or(|until| step.run <= until && until < ns.len()));
            // What it went to is what was seen.
            prop_assert!(ns.iter().min() <= Some(&step.to_ns) && Some(&step.to_ns) <= ns.iter().max());
        }
    }
}

fn query(stage: Option<&str>) -> TrendQuery<'_> {
    TrendQuery { pipeline: "p", profile: None, runs: 50, stage }
}

fn read(root: &Root, query: &TrendQuery<'_>) -> Trends {
    let index = Index::new(root.path());
    let entries = index.entries();
    trends(root.path(), &Timings::default(), entries.iter().map(|indexed| &indexed.entry), query)
}

fn failed(record: &mut Value, stage: &str) {
    record["result"] = "failure".into();
    record["stage_results"] = json!({"failure": [stage]});
}

#[test]
fn runs_that_did_not_do_all_of_it_say_nothing_about_the_total() {
    let root = Root::new();
    for number in 0..10 {
        root.add(&stamp(number), 10 * number, &[("a", 1_000), ("b", 100)], |_| {});
    }
    root.add(&stamp(10), 100, &[("b", 100)], |record| failed(record, "a"));
    root.add(&stamp(11), 110, &[("b", 100)], |record| record["stage_results"] = json!({"cached": ["a"]}));
    root.add(&stamp(12), 120, &[("a", 3_000), ("b", 100)], |_| {});
    root.add(&stamp(13), 130, &[("a", 3_000), ("b", 100)], |_| {});
    root.add(&stamp(14), 140, &[("a", 1)], |record| record["pipeline"]["name"] = "other".into());
    root.add(&stamp(15), 150, &[("a", 1)], |record| record["pipeline"]["profile"] = "fast".into());
    root.add(&stamp(16), 160, &[("a", 1)], |record| {
        record["result"] = "running".into();
        record["end_time"] = Value::Null;
    });
    fs::create_dir(root.run("broken")).unwrap();
    let found = read(&root, &query(None));
    assert_eq!((found.runs.len(), found.older, found.unread), (14, 0, 0));
    let whys: Vec<_> = found.runs.iter().filter_map(|run| run.not_compared).collect();
    assert_eq!(whys, [NotCompared::NoSuccess, NotCompared::Partial]);
    assert_eq!(
        (found.runs[4].judged.change, found.runs[5].judged.change),
        (Some(Change::Unknown), Some(Change::WithinNoise))
    );
    assert_eq!((found.runs[12].judged.change, found.runs[10].judged.change), (Some(Slower), None));
    let typical = found.runs[12].judged.typical.unwrap();
    assert_eq!((typical.runs, typical.median_ns), (10, 1_100 * MS));
    let [step] = found.steps[..] else { panic!("{:?}", found.steps) };
    assert_eq!((step.run, step.kind, step.to_ns - step.from_ns), (12, Lasting, 2_000 * MS));
    // Stages: the one that changed first.
    let [a, b] = &found.stages[..] else { panic!("{:?}", found.stages) };
    assert_eq!(
        (a.id.as_str(), a.executed, a.failed, a.last_run, a.change),
        ("a", 12, 1, Some(13), Some(Change::WithinNoise))
    );
    // One that was slow once may be so again; that it stays is told as a step.
    assert_eq!((a.steps[0].run, a.steps[0].until, a.recent()), (12, None, Some((1_000 * MS, 3_000 * MS))));
    assert_eq!((a.durations_ns[10], a.durations_ns[11], a.durations_ns[12]), (None, None, Some(3_000 * MS)));
    assert_eq!((b.executed, b.change, b.steps.len()), (14, Some(Change::WithinNoise), 0));
    assert!((a.share.unwrap() + b.share.unwrap() - 1.0).abs() < 1e-9);
    // One stage, with what became of it in each run.
    let one = read(&root, &query(Some("a")));
    let [a] = &one.stages[..] else { panic!("{:?}", one.stages) };
    let results: Vec<_> = a.points[9..13].iter().map(|point| point.result.as_deref().unwrap()).collect();
    assert_eq!(results, ["success", "failure", "cached", "success"]);
    assert!(read(&root, &query(Some("none"))).stages.is_empty());
}

#[test]
fn a_window_is_judged_by_the_runs_before_it() {
    let root = Root::new();
    for number in 0..30 {
        let ms = if number < 20 { 1_000 } else { 3_000 };
        root.add(&stamp(number), 10 * number, &[("a", ms)], |_| {});
    }
    let found = read(&root, &TrendQuery { runs: 11, ..query(None) });
    assert_eq!((found.runs.len(), found.older, found.runs[0].folder.as_str()), (11, 19, &*stamp(19)));
    assert_eq!(found.runs[0].judged.typical.unwrap().runs, 10);
    assert_eq!((found.steps[0].run, found.stages[0].steps[0].run), (1, 1));
    // A step before the window is none of it.
    assert_eq!(read(&root, &TrendQuery { runs: 5, ..query(None) }).steps, []);
}

#[test]
fn pipelines_are_told_with_their_newest_run() {
    let root = Root::new();
    root.add(&stamp(1), 1, &[("a", 1)], |_| {});
    root.add(&stamp(2), 2, &[("a", 1)], |record| failed(record, "a"));
    root.add(&stamp(3), 3, &[("a", 1)], |record| record["pipeline"]["profile"] = "fast".into());
    fs::create_dir(root.run("broken")).unwrap();
    let entries = Index::new(root.path()).entries();
    let found = pipelines(entries.iter().map(|indexed| &indexed.entry));
    let told: Vec<_> = found.iter().map(|of| (of.profile.as_deref(), of.runs, of.last_result.as_str())).collect();
    assert_eq!(told, [(Some("fast"), 1, "success"), (None, 2, "failure")]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn the_order_of_reading_changes_nothing(order in Just((0..16usize).collect::<Vec<_>>()).prop_shuffle(), kept in 0..16usize) {
        let root = Root::new();
        for number in 0..16 {
            let ms = [900, 3_000][usize::from(number > 9)] + number;
            // Two began at the same time.
            root.add(&stamp(number), 10 * (number / 2), &[("a", ms), ("b", 500)], |record| {
                if number == 12 {
                    failed(record, "c");
                }
            });
        }
        let entries = Index::new(root.path()).entries();
        let timings = Timings::default();
        let told = |order: &mut dyn Iterator<Item = &usize>| {
            let entries = order.map(|at| &entries[*at].entry);
            serde_json::to_string(&trends(root.path(), &timings, entries, &query(Some("a")))).unwrap()
        };
        let sorted: Vec<usize> = (0..16).collect();
        let first = told(&mut order[..kept].iter());
        let mut same: Vec<usize> = order[..kept].to_vec();
        same.sort_unstable();
        prop_assert_eq!(first, told(&mut same.iter()));
        prop_assert_eq!(told(&mut order.iter()), told(&mut sorted.iter()));
    }
}

#[test]
fn a_record_that_changes_is_read_again_and_a_hostile_one_is_passed_over() {
    let root = Root::new();
    root.add(&stamp(1), 1, &[("a", 10)], |_| {});
    root.add(&stamp(2), 2, &[("a", 20)], |_| {});
    let timings = Timings::default();
    let read = || {
        let entries = Index::new(root.path()).entries();
        trends(root.path(), &timings, entries.iter().map(|indexed| &indexed.entry), &query(None))
    };
    assert_eq!(read().stages[0].last_ns, Some(20 * MS));
    root.add(&stamp(2), 2, &[("a", 3_000)], |_| {});
    assert_eq!(read().stages[0].last_ns, Some(3_000 * MS));
    // Listed before, and replaced by something else since.
    let entries = Index::new(root.path()).entries();
    let record = root.run(&stamp(2)).join("run.json");
    fs::remove_file(&record).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &record, rustix::fs::Mode::RUSR).unwrap();
    let found = trends(root.path(), &timings, entries.iter().map(|indexed| &indexed.entry), &query(None));
    assert_eq!((found.unread, found.runs[1].not_compared), (1, Some(NotCompared::Unread)));
    assert_eq!(found.stages[0].last_ns, Some(10 * MS));
}

#[test]
fn two_thousand_runs_of_fifty_stages() {
    let root = Root::new();
    root.add_many(2_000, |_, _| {});
    let (index, timings) = (Index::new(root.path()), Timings::default());
    for (what, runs) in [("first", 50), ("second", 50), ("first of 500", 500), ("second of 500", 500)] {
        let begun = std::time::Instant::now();
        let entries = index.entries();
        let listed = begun.elapsed();
        let asked = TrendQuery { runs, ..query(None) };
        let found = trends(root.path(), &timings, entries.iter().map(|indexed| &indexed.entry), &asked);
        eprintln!("{what} request, {runs} runs of 2,000: index {listed:?}, in all {:?}", begun.elapsed());
        assert_eq!((found.runs.len(), found.stages.len(), found.older), (runs, 50, 2_000 - runs));
    }
}
