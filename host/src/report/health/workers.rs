//! Where attempts ran that did not run on the host: nodes and workers, what waiting for them took, how their clocks stand, and
//! which of their spans are missing. Nothing at all in a run on the host alone.

use super::super::ReportInput;
use super::super::model::{Grid, Items, Line, line};
use super::{Facts, id, infrastructure, told};
use crate::conventions::{cluster_auth, executor};
use crate::trace::{Attempt, Remote, Run};
use crate::units::{NONE, count, duration, integer, maybe_duration};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

/// Nodes that are shown.
const NODES_MAX: usize = 50;
/// Points of a list.
const POINTS_MAX: usize = 20;
/// Characters of a name.
const NAME_MAX: usize = 80;
/// Characters of a reason.
const REASON_MAX: usize = 300;

/// An attempt that ran elsewhere, with its stage's id.
#[derive(Clone, Copy)]
struct Row<'a> {
    stage: &'a str,
    attempt: &'a Attempt,
    remote: &'a Remote,
}

impl Row<'_> {
    /// `risk.optimize#1`
    fn name(&self) -> String {
        format!("{}#{}", id(self.stage), self.attempt.number)
    }

    /// From when it was submitted until it started.
    fn dispatch_ns(&self) -> u64 {
        self.attempt.submitted.map_or(0, |submitted| self.attempt.start.saturating_sub(submitted))
    }
}

/// A node with the attempts that ran there.
#[derive(Default)]
struct Node<'a> {
    name: Option<&'a str>,
    workers: BTreeSet<&'a str>,
    attempts: u64,
    executed_ns: u64,
    dispatch_ns: Vec<u64>,
    /// When it was measured, offset and bound: the last one known.
    clock: Option<(u64, i64, Option<u64>)>,
    received: u64,
    lost: u64,
    lost_unknown: bool,
    recovered: u64,
}

impl<'a> Node<'a> {
    fn add(&mut self, row: Row<'a>) {
        let Row { attempt, remote, .. } = row;
        self.name = self.name.or(remote.node_name.as_deref());
        self.workers.extend(remote.worker.as_deref());
        self.attempts += 1;
        self.executed_ns = self.executed_ns.saturating_add(attempt.duration());
        self.dispatch_ns.push(row.dispatch_ns());
        if let Some(offset) = remote.clock_offset_ns
            && self.clock.is_none_or(|(end, ..)| end <= attempt.end)
        {
            self.clock = Some((attempt.end, offset, remote.clock_bound_ns));
        }
        self.received = self.received.saturating_add(remote.spans_received.unwrap_or(0));
        self.lost = self.lost.saturating_add(remote.spans_lost);
        self.lost_unknown |= remote.spans_lost_unknown;
        self.recovered = self.recovered.saturating_add(remote.spans_recovered);
    }

    /// The median, of two in the middle the smaller, and the most.
    fn dispatch(&self) -> (Option<u64>, Option<u64>) {
        let mut sorted = self.dispatch_ns.clone();
        sorted.sort_unstable();
        (sorted.get(sorted.len().saturating_sub(1) / 2).copied(), sorted.last().copied())
    }
}

fn rows(run: &Run) -> Vec<Row<'_>> {
    run.stages
        .iter()
        .flat_map(|stage| stage.attempts.iter().map(move |attempt| (&*stage.id, attempt)))
        .filter_map(|(stage, attempt)| Some(Row { stage, attempt, remote: attempt.remote.as_deref()? }))
        .collect()
}

/// By the node's id; attempts that were never placed have none.
fn nodes<'a>(rows: &[Row<'a>]) -> BTreeMap<Option<&'a str>, Node<'a>> {
    let mut nodes: BTreeMap<Option<&str>, Node<'_>> = BTreeMap::new();
    for row in rows {
        nodes.entry(row.remote.node.as_deref().or(row.remote.node_name.as_deref())).or_default().add(*row);
    }
    nodes
}

pub(super) fn tell(facts: &Facts<'_>, items: &mut Items) {
    let Some(run) = facts.input.run else { return };
    let rows = rows(run);
    if rows.is_empty() {
        return;
    }
    let nodes = nodes(&rows);
    items.heading(1, line!("Workers"));
    items.paragraph(first_line(run, &rows, &nodes));
    items.table(table(&nodes));
    let more = nodes.len().saturating_sub(NODES_MAX);
    if more > 0 {
        items.aside(line!("{} in forensic_report.json under `workers`.", count(more, "more node")));
    }
    items.paragraph(line!(
        "*Dispatch queue*: from when an attempt was submitted to the cluster until the host heard that it had started. *Clock*: \
         the node's minus the host's. Times in this report are the host's; a worker's clock enters none of them."
    ));
    if run.cluster_auth.as_deref() == Some(cluster_auth::NONE) {
        items.paragraph(line!(
            "⚠ **The cluster answers without authentication**: whoever reaches its ports can run programs on it. Start it with \
             `RAY_AUTH_MODE=token` and name the token's file as `token_file` in `[executor]`."
        ));
    }
    if run.outside_dispatch > 0 {
        let spans = count(usize::try_from(run.outside_dispatch).unwrap_or(usize::MAX), "worker's span");
        items.paragraph(line!(
            "{} outside the time of the dispatch by the worker's clock, which differs from the host's. \
             `forensic-host trace export --align-workers` shifts spans by what was measured.",
            match run.outside_dispatch {
                1 => format!("{spans} lies"),
                _ => format!("{spans} lie"),
            }
        ));
    }
    let told = [missing, repeated, waited].map(|tell: fn(&Row<'_>) -> Option<Line>| rows.iter().filter_map(tell));
    points(told.into_iter().flatten().collect(), items);
}

/// How much ran where, and what is promised about it.
fn first_line(run: &Run, rows: &[Row<'_>], nodes: &BTreeMap<Option<&str>, Node<'_>>) -> Line {
    let on = match (&*rows[0].remote.executor, run.ray_version.as_deref()) {
        (executor::RAY, Some(version)) => format!("Ray {}", told(version, 40)),
        (executor::RAY, None) => "Ray".to_owned(),
        (other, _) => told(other, NAME_MAX),
    };
    let workers: BTreeSet<&str> = rows.iter().filter_map(|row| row.remote.worker.as_deref()).collect();
    let placed = nodes.keys().flatten().count();
    let promise = if rows.iter().any(|row| row.remote.at_least_once) {
        "At least once: an attempt that is lost may be repeated, though its work may have been done."
    } else {
        "At most once: an attempt that is lost is not repeated."
    };
    line!(
        "{} given to {}: {} on {}. {}",
        match rows.len() {
            1 => "1 attempt was".to_owned(),
            n => format!("{} were", count(n, "attempt")),
        },
        on,
        count(workers.len(), "worker"),
        count(placed, "node"),
        promise
    )
}

fn table(nodes: &BTreeMap<Option<&str>, Node<'_>>) -> Grid {
    let mut grid = Grid::new(&[
        "Node",
        "Workers>",
        "Attempts>",
        "Executed>",
        "Dispatch queue, median>",
        "Longest>",
        "Clock>",
        "Spans received>",
        "Lost>",
        "Recovered>",
    ]);
    for (node, of) in nodes.iter().take(NODES_MAX) {
        let name = match (of.name.or(*node), *node) {
            (None, _) => line!("*never placed*"),
            (Some(name), Some(node)) if name != node => {
                // Ids have 56 digits, of which workers' names have the first twelve.
                let short: String = node.chars().take(12).collect();
                line!("{} ({})", told(name, NAME_MAX), told(&short, NAME_MAX))
            }
            (Some(name), _) => told(name, NAME_MAX).into(),
        };
        let (median, longest) = of.dispatch();
        let lost = match (of.lost, of.lost_unknown) {
            (0, true) => "unknown".to_owned(),
            (lost, true) => format!("≥ {}", integer(lost)),
            (lost, false) => integer(lost),
        };
        let cells = [
            integer(of.workers.len() as u64),
            integer(of.attempts),
            duration(of.executed_ns),
            maybe_duration(median),
            maybe_duration(longest),
            of.clock.map_or_else(|| NONE.to_owned(), |(_, offset, bound)| clock(offset, bound)),
            integer(of.received),
            lost,
            integer(of.recovered),
        ];
        grid.row(std::iter::once(name).chain(cells.map(Line::from)));
    }
    grid
}

/// `+250.0 ms ± 390 µs`
fn clock(offset: i64, bound: Option<u64>) -> String {
    let sign = if offset < 0 { "−" } else { "+" };
    let bound = bound.map(|bound| format!(" ± {}", duration(bound))).unwrap_or_default();
    format!("{sign}{}{bound}", duration(offset.unsigned_abs()))
}

/// Spans of an attempt that are not in the trace, or that came late.
fn missing(row: &Row<'_>) -> Option<Line> {
    let lost = match (row.remote.spans_lost, row.remote.spans_lost_unknown) {
        (0, false) => None,
        (0, true) => Some(format!("It is unknown how many spans of {} are lost", row.name())),
        (1, false) => Some(format!("1 span of {} is lost", row.name())),
        (n, false) => Some(format!("{} spans of {} are lost", integer(n), row.name())),
        (n, true) => Some(format!("{} or more spans of {} are lost", integer(n), row.name())),
    };
    let recovered = match row.remote.spans_recovered {
        0 => None,
        1 => Some(format!("1 span of {} was read from its worker's own file", row.name())),
        n => Some(format!("{} spans of {} were read from its worker's own file", integer(n), row.name())),
    };
    let because = infrastructure::because(row.attempt);
    match (lost, recovered) {
        (None, None) => None,
        (Some(lost), None) => Some(line!("{}: {}.", lost, because)),
        (None, Some(recovered)) => Some(line!("{}, after {}.", recovered, because)),
        (Some(lost), Some(recovered)) => Some(line!("{}: {}; {}.", lost, because, recovered)),
    }
}

/// An attempt that repeats a lost one.
fn repeated(row: &Row<'_>) -> Option<Line> {
    let previous = row.remote.previous_attempt?;
    let fenced = match row.remote.previous_fenced {
        Some(true) => "lost and had surely ended before",
        Some(false) => "lost; nobody can say that it had ended, so the two may have run at the same time",
        None => "lost",
    };
    Some(line!("{} repeats attempt {}, which was {}.", row.name(), previous, fenced))
}

/// An attempt that the cluster could not place for a while.
fn waited(row: &Row<'_>) -> Option<Line> {
    let why = row.remote.pending_reason.as_deref()?;
    let why = told(why, REASON_MAX);
    let waited = duration(row.dispatch_ns());
    Some(line!("{} waited {} in the cluster: {}.", row.name(), waited, why.trim_end_matches('.')))
}

fn points(mut points: Vec<Line>, items: &mut Items) {
    let more = points.len().saturating_sub(POINTS_MAX);
    points.truncate(POINTS_MAX);
    if more > 0 {
        points.push(line!("*{} more in forensic_report.json under `workers`*", integer(more as u64)));
    }
    if !points.is_empty() {
        items.list(points);
    }
}

/// `workers` of `forensic_report.json`.
#[derive(Serialize)]
pub(in super::super) struct WorkersJson<'a> {
    ray_version: Option<&'a str>,
    auth: Option<&'a str>,
    outside_dispatch: u64,
    nodes: Vec<Box<RawValue>>,
    attempts: Vec<Box<RawValue>>,
}

#[derive(Serialize)]
struct NodeJson<'a> {
    node: Option<&'a str>,
    name: Option<&'a str>,
    workers: Vec<&'a str>,
    attempts: u64,
    executed_ns: u64,
    dispatch_median_ns: Option<u64>,
    dispatch_max_ns: Option<u64>,
    clock_offset_ns: Option<i64>,
    clock_bound_ns: Option<u64>,
    spans_received: u64,
    spans_lost: u64,
    spans_lost_unknown: bool,
    spans_recovered: u64,
}

#[derive(Serialize)]
struct AttemptJson<'a> {
    stage: &'a str,
    attempt: u64,
    executor: &'a str,
    node: Option<&'a str>,
    worker: Option<&'a str>,
    submitted_time: Option<u64>,
    start_time: u64,
    end_time: u64,
    clock_offset_ns: Option<i64>,
    clock_bound_ns: Option<u64>,
    spans_received: Option<u64>,
    spans_lost: u64,
    spans_lost_unknown: bool,
    spans_recovered: u64,
    at_least_once: bool,
    previous_attempt: Option<u64>,
    previous_fenced: Option<bool>,
    pending_reason: Option<&'a str>,
}

/// `None` for a run on the host alone.
pub(in super::super) fn workers_json<'a>(input: &ReportInput<'a>) -> Option<WorkersJson<'a>> {
    let run = input.run?;
    let rows = rows(run);
    if rows.is_empty() {
        return None;
    }
    let node = |(node, of): (&Option<&str>, &Node<'_>)| {
        let (dispatch_median_ns, dispatch_max_ns) = of.dispatch();
        super::super::json::raw(&NodeJson {
            node: *node,
            name: of.name,
            workers: of.workers.iter().copied().collect(),
            attempts: of.attempts,
            executed_ns: of.executed_ns,
            dispatch_median_ns,
            dispatch_max_ns,
            clock_offset_ns: of.clock.map(|(_, offset, _)| offset),
            clock_bound_ns: of.clock.and_then(|(.., bound)| bound),
            spans_received: of.received,
            spans_lost: of.lost,
            spans_lost_unknown: of.lost_unknown,
            spans_recovered: of.recovered,
        })
    };
    let attempt = |Row { stage, attempt: a, remote }: &Row<'_>| {
        super::super::json::raw(&AttemptJson {
            stage,
            attempt: a.number,
            executor: &remote.executor,
            node: remote.node.as_deref(),
            worker: remote.worker.as_deref(),
            submitted_time: a.submitted,
            start_time: a.start,
            end_time: a.end,
            clock_offset_ns: remote.clock_offset_ns,
            clock_bound_ns: remote.clock_bound_ns,
            spans_received: remote.spans_received,
            spans_lost: remote.spans_lost,
            spans_lost_unknown: remote.spans_lost_unknown,
            spans_recovered: remote.spans_recovered,
            at_least_once: remote.at_least_once,
            previous_attempt: remote.previous_attempt,
            previous_fenced: remote.previous_fenced,
            pending_reason: remote.pending_reason.as_deref(),
        })
    };
    Some(WorkersJson {
        ray_version: run.ray_version.as_deref(),
        auth: run.cluster_auth.as_deref(),
        outside_dispatch: run.outside_dispatch,
        nodes: nodes(&rows).iter().map(node).collect(),
        attempts: rows.iter().map(attempt).collect(),
    })
}
