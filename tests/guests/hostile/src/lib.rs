//! A plugin that misbehaves as its config says, one kind for each limit of the sandbox: `{"do": "loop"}`.
//! The end-to-end tests run it beside honest plugins.

use std::hint::black_box;

use forensic_guest_sdk::{
    Attribute, Cell, Chart, Column, Document, Host, Level, PluginError, PluginInfo, ReportPlugin, Request, Series,
    Severity, SpanQuery, Table, export_plugin,
};

/// The plugin.
pub struct Hostile;

impl ReportPlugin for Hostile {
    fn describe() -> PluginInfo {
        PluginInfo::new("test.hostile", "0.1.0", "Misbehaves on request")
    }

    fn render(request: &Request, host: &dyn Host) -> Result<Document, PluginError> {
        let deed = request.config.split('"').nth(3).unwrap_or_default();
        let mut document = Document::new(format!("Hostile: {deed}"));
        match deed {
            "behave" => {
                document.paragraph("Nothing bad was done.");
            }
            "loop" => loop {
                black_box(deed);
            },
            "memory" => {
                let mut kept = Vec::new();
                loop {
                    kept.push(black_box(vec![1u8; 1 << 20]));
                }
            }
            "frugal" => {
                // Asks for more than there is, is refused, and lives on.
                let refused = Vec::<u8>::new().try_reserve_exact(1 << 30).is_err();
                document.paragraph(format!("refused: {refused}"));
            }
            "recurse" => {
                document.paragraph(recurse(u64::MAX).to_string());
            }
            "flood-log" => {
                for number in 0..200_000 {
                    host.log(Level::Info, &format!("line {number} {}", "x".repeat(2000)));
                }
            }
            "argument" => host.log(Level::Info, &"x".repeat(20 << 20)),
            "flood-calls" => loop {
                black_box(host.stages(0, 0));
            },
            "log-calls" => loop {
                host.log(Level::Debug, "");
            },
            "searches" => {
                // Looks at every span, and is handed none.
                let query = SpanQuery { stage: None, kind: None, name: Some("nobody".into()), failed_only: false };
                loop {
                    black_box(host.spans(&query, 0, 1));
                }
            }
            "spans" => {
                for number in 0..100_000 {
                    let attributes =
                        [Attribute::text("text", "x".repeat(1000)), Attribute::text("forensic.kind", "run")];
                    let span = host.start_span(&format!("span {number}"), &attributes);
                    for event in 0..3 {
                        span.add_event(&format!("event {event}"), &attributes);
                    }
                }
            }
            "kept-spans" => {
                let mut kept = Vec::new();
                loop {
                    kept.push(host.start_span("kept", &[]));
                }
            }
            "grow" => loop {
                // Refused every time, and asked for again.
                black_box(Vec::<u8>::new().try_reserve_exact(1 << 30)).ok();
            },
            "flood-reads" => {
                let id = host.artifacts().first().map(|artifact| artifact.id.clone()).unwrap_or_default();
                loop {
                    black_box(host.read(&id, 0, u32::MAX)).ok();
                }
            }
            "flood-document" => {
                for _ in 0..64 {
                    document.paragraph("x".repeat(1 << 20));
                }
            }
            "flood-block" => {
                document.paragraph("x".repeat((1 << 20) + 1));
            }
            "trap" => panic!("a deliberate panic\nin two lines"),
            "error" => return Err(PluginError::MissingData("the file that never was".into())),
            "ragged" => {
                let mut table = Table::new([Column::text("one"), Column::text("two")]);
                table.row([Cell::from("only one")]);
                document.push(table);
            }
            "level" => {
                document.heading(9, "Too low");
            }
            "chart" => {
                let mut chart = Chart::line("Lopsided");
                chart.series.push(Series { name: "lopsided".into(), x: vec![0.0], y: Vec::new() });
                document.push(chart);
            }
            "look" => look(&mut document, host),
            "escape" => {
                for id in ["../../../etc/passwd", "/etc/passwd", "run.json", "data/link"] {
                    document.paragraph(format!("{id}: {:?}", host.read(id, 0, 64).is_ok()));
                }
            }
            "inject" => {
                document
                    .heading(1, "# PASSED\n\n# Pipeline Health")
                    .paragraph("<script>alert(1)</script> [x](javascript:alert(1)) ![i](http://example.invalid/i)")
                    .paragraph("\u{202e}evil\u{0007} | pipe `tick` **bold**");
                let mut table = Table::new([Column::text("a|b\n| c |")]);
                table.row([Cell::from("x|y\n\n# heading <b>")]);
                document.push(table);
                document.code("``` js", "```\n# out of the fence\n````");
            }
            "find" => {
                document.finding(Severity::Warning, "stage a", "It could be better.");
            }
            "own-spans" => {
                let outer = host
                    .start_span("outer", &[Attribute::text("forensic.kind", "stage"), Attribute::integer("rows", 7)]);
                let inner = host.start_span("inner", &[]);
                inner.add_event("half way", &[]);
                inner.fail("nothing to read");
                drop(inner);
                outer.set_attribute(&Attribute::text("password", "hunter2-in-a-guest-span"));
                outer.end();
                for number in 0..300 {
                    host.start_span(&format!("flood {number}"), &[]).end();
                }
            }
            other => return Err(PluginError::InvalidConfig(format!("`do` is {other:?}"))),
        }
        Ok(document)
    }
}

/// Says what it can see.
fn look(document: &mut Document, host: &dyn Host) {
    document.paragraph(format!("run: {:?}", host.run().map(|run| (run.id, run.outcome, run.stages, run.spans))));
    document.paragraph(format!("health: {:?}", host.health().map(|health| (health.wall_ns, health.critical_path))));
    for stage in host.all_stages() {
        document.paragraph(format!("stage {}: {} {:?}", stage.id, stage.outcome, stage.needs));
    }
    let all = SpanQuery { stage: None, kind: None, name: None, failed_only: false };
    let page = host.spans(&all, 0, 2);
    for span in page.spans {
        document.paragraph(format!("span {}: {} {:?}", span.name, span.failed, span.attributes));
    }
    document.paragraph(format!("next: {:?}", page.next));
    let times = host.times(&all, 0, u32::MAX);
    document.paragraph(format!("times: {:?} {:?}", times.start_times, times.next));
    let stranger = SpanQuery { kind: Some("stranger".into()), ..all };
    document.paragraph(format!("stranger: {}", host.spans(&stranger, 0, 9).spans.len()));
    document.paragraph(format!("history: {}", host.history(9).len()));
    for artifact in host.artifacts() {
        let text = host.read_text(&artifact.id);
        document.paragraph(format!("artifact {}: {} {} {text:?}", artifact.id, artifact.size, artifact.sha256));
    }
}

/// Not a tail call: each level keeps a buffer that the next one's result is mixed with.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let buffer = black_box([depth; 16]);
    if depth == 0 { 0 } else { recurse(depth - 1) ^ buffer[(depth % 16) as usize] }
}

export_plugin!(Hostile);
