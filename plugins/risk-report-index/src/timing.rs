//! Where the time went, by the trace: headline, slowest stages.

use forensic_guest_sdk::{
    Chart, Column, ColumnFormat, Document, HealthDetail, HealthMetrics, Host, KeyValue, StageSummary, Table,
};
use forensic_plugin_kit::{order, sections};

/// Stages that the table shows.
const SLOWEST: usize = 10;

pub(crate) fn write(document: &mut Document, host: &dyn Host) {
    document.heading(2, "Where the time went");
    sections::pipeline_health(document, host, HealthDetail::Headline);
    let Ok(health) = host.health() else { return };
    metrics(document, &health);
    let stages = host.all_stages();
    let all = stages.len();
    let mut slowest = order::sorted(stages, |a, b| b.duration_ns.cmp(&a.duration_ns));
    slowest.truncate(SLOWEST);
    if slowest.is_empty() {
        document.paragraph("The trace holds no stage.");
        return;
    }
    document.heading(3, "Slowest stages");
    document.paragraph(format!("{} of {}, by duration.", slowest.len(), sections::count(all, "stage")));
    draw(document, &slowest, health.wall_ns);
}

/// What the headline, drawn by the host, leaves out.
fn metrics(document: &mut Document, health: &HealthMetrics) {
    document.key_values([
        KeyValue::duration("Work of all stages", whole(health.work_ns)),
        KeyValue::number("Speed-up at most", health.max_speedup, 2),
        KeyValue::duration("Wasted on failed attempts", whole(health.wasted_ns)),
    ]);
}

fn draw(document: &mut Document, slowest: &[StageSummary], wall: u64) {
    let mut table = Table::new([
        Column::text("Stage"),
        Column::text("Status"),
        Column::duration("Duration"),
        Column::percent("Of the total", 1),
        Column::duration("Queue"),
        Column::integer("Attempts"),
        Column::duration("CPU"),
        Column::bytes("Peak memory"),
        Column::text("Critical"),
    ]);
    for stage in slowest {
        let share = (wall > 0).then(|| stage.duration_ns as f64 / wall as f64);
        table.row([
            stage.id.as_str().into(),
            stage.outcome.as_str().into(),
            whole(stage.duration_ns).into(),
            share.into(),
            stage.queue_ns.map(whole).into(),
            i64::from(stage.attempts).into(),
            stage.cpu_ns.map(whole).into(),
            stage.peak_memory_bytes.map(whole).into(),
            if stage.critical { "yes" } else { "no" }.into(),
        ]);
    }
    document.push(table);
    let mut chart = Chart::bar("Slowest stages", slowest.iter().map(|stage| stage.id.as_str()))
        .with_axes("Stage", "Duration")
        .with_format(ColumnFormat::Duration, 0);
    chart.values("Duration", slowest.iter().map(|stage| stage.duration_ns as f64));
    document.push(chart);
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
