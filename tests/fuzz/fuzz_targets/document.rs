//! Any document that the sandbox lets through, drawn beside the host's own evidence, and read back by a CommonMark
//! parser with every extension on and by a browser's parser: text stays text, nothing in it becomes a heading or a rule
//! of the frame, an element, an attribute or a name, and links lead where they may.
//!
//! The bytes of an input are a small program: each choice takes one, texts are a length and so many pieces (below 0x80
//! a character, above it one of [`PIECES`]), so that the fuzzer's mutations are small changes of a document.

#![no_main]

use std::sync::LazyLock;

use forensic_host::plugin::LogLine;
use forensic_host::plugin::document::*;
use forensic_host::report::{
    Baseline, Failure, HTML_MAX, LogTail, MARKDOWN_MAX, PluginIdentity, ReportInput, RunFacts, Section, Status,
    Typical, render,
};
use forensic_host::trace::{Columns, Run, Summary, Trace, summarize_run};
use libfuzzer_sys::fuzz_target;
use pulldown_cmark::{Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, TextMergeStream};
use scraper::{Html, Node};

/// What Markdown, HTML, or a forge, acts on.
const PIECES: &[&str] = &[
    "\n\n",
    "\r\n",
    "```",
    "~~~",
    "**",
    "__",
    "~~",
    "](",
    "![",
    "<!--",
    "-->",
    "<b>",
    "</td>",
    "&amp;",
    "&#60;",
    "##",
    "---",
    "===",
    "+++",
    "- ",
    "1. ",
    "2) ",
    "> ",
    "- [ ] ",
    "    ",
    "| a |\n|---|\n",
    "|---|",
    ":-",
    "$$",
    "$`",
    "{#x}",
    "[^1]: ",
    "[!NOTE]",
    "http://",
    "https://a.b",
    "www.",
    "x@y.z",
    "mailto:",
    "@",
    "\u{1b}[31m",
    "\u{85}",
    "\u{2028}",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{feff}",
    "\u{ad}",
    "\u{a0}",
    "\u{3164}",
    "\u{e0041}",
    "é",
    "日本",
    "😀",
    "⏎",
    "e\u{301}",
    "word",
    "Report",
    "Pipeline Health",
    "*End of report*",
    "\u{9b}",
    "\\",
    "\\|",
    "json",
    "mermaid",
    "\"><",
    "' x='",
    "<script>",
    "</title>",
    "</style>",
    "</svg>",
    "<svg><text>",
    "</pre>",
    "]]>",
    "javascript:",
    "&#x6a;",
    "HTTPS://",
    "a.example/",
    "report.0",
];

/// All elements of a page.
const ELEMENTS: &[&str] = &[
    "a",
    "article",
    "body",
    "br",
    "caption",
    "code",
    "dd",
    "desc",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "html",
    "li",
    "main",
    "meta",
    "nav",
    "ol",
    "p",
    "path",
    "pre",
    "rect",
    "script",
    "section",
    "small",
    "span",
    "strong",
    "style",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "text",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
];
/// The run's other files.
const FILES: &[&str] = &["forensic_report.md", "forensic_report.json", "../data/forensic_trace.json"];
/// All attributes but `id` and `href`.
const ATTRIBUTES: &[&str] = &[
    "aria-hidden",
    "aria-label",
    "aria-labelledby",
    "charset",
    "class",
    "content",
    "d",
    "height",
    "hidden",
    "http-equiv",
    "lang",
    "name",
    "rel",
    "role",
    "scope",
    "type",
    "viewBox",
    "width",
    "x",
    "y",
];

static TRACED: LazyLock<(Run, Summary, Columns)> = LazyLock::new(|| {
    let text = include_bytes!("../../../host/src/trace/testdata/worked_example_killed.json");
    let trace = Trace::from_slice(text).expect("a trace");
    let run = Run::of(&trace);
    let summary = summarize_run(&trace, &run);
    let columns = Columns::of(&trace, &run, &summary);
    (run, summary, columns)
});

/// The program, and what may still be made of it.
struct Bytes<'a> {
    left: &'a [u8],
    /// Texts may repeat their pieces, to find the ends of rooms.
    repeats: bool,
    budget: usize,
    /// Texts that show something are `x` instead: the structure without what is in it.
    harmless: bool,
}

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.left.split_first() else { return 0 };
        self.left = rest;
        first
    }

    fn below(&mut self, count: u8) -> u8 {
        self.byte() % count
    }

    fn many<T>(&mut self, most: u8, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.below(most + 1);
        (0..count).map(|_| make(self)).collect()
    }

    fn text(&mut self) -> String {
        let length = self.byte();
        let mut text = String::new();
        for _ in 0..length % 32 {
            match self.byte() {
                byte @ ..0x80 => text.push(char::from(byte)),
                0xff => {
                    let code = u32::from_be_bytes([0, self.byte() % 0x11, self.byte(), self.byte()]);
                    text.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                }
                byte => text.push_str(PIECES[usize::from(byte - 0x80) % PIECES.len()]),
            }
        }
        if self.repeats && length >= 0xc0 {
            text = text.repeat(
                1 << (self.byte() % 16).min(self.budget.checked_div(text.len()).unwrap_or(0).max(1).ilog2() as u8),
            );
        }
        self.budget = self.budget.saturating_sub(text.len());
        if self.harmless && !text.is_empty() { "x".into() } else { text }
    }

    fn number(&mut self) -> f64 {
        match self.below(12) {
            0 => 0.0,
            1 => -0.0,
            2 => f64::NAN,
            3 => f64::INFINITY,
            4 => f64::NEG_INFINITY,
            5 => f64::MAX,
            6 => f64::MIN_POSITIVE,
            7 => f64::from(self.byte()) / 255.0,
            8 => f64::from(self.byte()) * 10f64.powi(i32::from(self.byte()) - 128),
            9 => self.integer() as f64,
            _ => f64::from_bits(self.integer() as u64),
        }
    }

    fn integer(&mut self) -> i64 {
        match self.below(5) {
            0 => i64::from(self.byte()),
            1 => -i64::from(self.byte()),
            2 => i64::MIN,
            3 => i64::MAX,
            _ => i64::from_be_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    fn severity(&mut self) -> Severity {
        [Severity::Info, Severity::Warning, Severity::Error][usize::from(self.below(3))]
    }

    fn format(&mut self) -> ColumnFormat {
        use ColumnFormat as F;
        [F::Text, F::Number, F::Percent, F::Duration, F::Bytes, F::Time, F::Bar][usize::from(self.below(7))]
    }

    fn cell(&mut self) -> Cell {
        match self.below(5) {
            0 => Cell::None,
            1 => Cell::Text(self.text()),
            2 => Cell::Number(self.number()),
            3 => Cell::Integer(self.integer()),
            _ => Cell::Status(StatusCell { severity: self.severity(), text: self.text() }),
        }
    }

    fn block(&mut self) -> Block {
        match self.below(10) {
            0 => Block::Paragraph(self.text()),
            1 => Block::Heading(Heading { level: 1 + self.below(4), text: self.text() }),
            2 => Block::Bullets(self.many(6, Self::text)),
            3 => {
                let columns = self.many(5, |bytes| Column {
                    title: bytes.text(),
                    format: bytes.format(),
                    decimals: bytes.byte(),
                    unit: bytes.text(),
                    signed: bytes.below(2) == 1,
                    align_right: bytes.below(2) == 1,
                });
                let rows = self.many(6, |bytes| columns.iter().map(|_| bytes.cell()).collect());
                Block::Table(Table { caption: self.text(), columns, rows })
            }
            4 => Block::KeyValues(self.many(6, |bytes| KeyValue {
                key: bytes.text(),
                value: bytes.cell(),
                format: bytes.format(),
                decimals: bytes.byte(),
                unit: bytes.text(),
            })),
            5 => Block::Callout(Callout { severity: self.severity(), text: self.text() }),
            6 => Block::Code(CodeBlock { language: self.text(), text: self.text() }),
            7 => self.chart(),
            8 => Block::Links(self.many(6, |bytes| Link {
                text: bytes.text(),
                target: match bytes.below(3) {
                    0 => LinkTarget::Report(bytes.text()),
                    1 => LinkTarget::Report(format!("report.{}", bytes.below(4))),
                    _ => {
                        let start = ["https://", "https://a.example/", "mailto:", ""][usize::from(bytes.below(4))];
                        LinkTarget::Address(format!("{start}{}", bytes.text()))
                    }
                },
            })),
            _ => Block::PipelineHealth(
                [HealthDetail::Headline, HealthDetail::Stages, HealthDetail::Full][usize::from(self.below(3))],
            ),
        }
    }

    /// As the sandbox lets them through: a heat map and a bar chart with labels count them.
    fn chart(&mut self) -> Block {
        let kinds = [ChartKind::Line, ChartKind::Bar, ChartKind::Scatter, ChartKind::HeatMap];
        let kind = kinds[usize::from(self.below(4))];
        let labels = self.many(60, Self::text);
        let counted = kind == ChartKind::HeatMap || kind == ChartKind::Bar && !labels.is_empty();
        let x = |bytes: &mut Self| match labels.len() {
            _ if !counted => bytes.number(),
            n => f64::from(bytes.byte() % n.max(1) as u8),
        };
        let values = if counted && labels.is_empty() { 0 } else { 60 };
        Block::Chart(Chart {
            title: self.text(),
            kind,
            x_title: self.text(),
            y_title: self.text(),
            format: self.format(),
            decimals: self.byte(),
            unit: self.text(),
            x_is_time: self.below(2) == 1,
            series: self.many(10, |bytes| {
                let x = bytes.many(values, x);
                Series { name: bytes.text(), y: x.iter().map(|_| bytes.number()).collect(), x }
            }),
            labels: labels.clone(),
        })
    }

    fn lines(&mut self) -> Vec<LogLine> {
        let levels = [Level::Debug, Level::Info, Level::Warn, Level::Error];
        self.many(3, |bytes| LogLine { level: levels[usize::from(bytes.below(4))], text: bytes.text() })
    }

    fn section(&mut self, number: usize) -> Section {
        let failed = self.below(4) == 3;
        let document = Document {
            title: self.text(),
            findings: self.many(4, |bytes| Finding {
                severity: bytes.severity(),
                subject: bytes.text(),
                text: bytes.text(),
            }),
            blocks: self.many(12, Self::block),
        };
        let status = match failed {
            true => {
                Status::Failed(Failure { text: self.text(), operator: Some(self.text()), author: Some(self.text()) })
            }
            false => Status::Ok,
        };
        Section {
            report_id: format!("report.{number}"),
            plugin: PluginIdentity {
                source: self.text(),
                name: self.text(),
                version: self.text(),
                title: self.text(),
                digest: "0123456789abcdef".repeat(4),
            },
            status,
            fails_run: self.below(2) == 1,
            fuel: self.integer() as u64,
            limits_hit: self.many(2, Self::text),
            log: self.lines(),
            log_dropped: u64::from(self.byte()),
            document: (!failed).then_some(document),
        }
    }
}

/// What a report is made of, from bytes.
fn draw(data: &[u8], harmless: bool) -> forensic_host::report::Rendered {
    let mut bytes = Bytes { left: data, repeats: false, budget: 256 << 10, harmless };
    let flags = bytes.byte();
    bytes.repeats = flags & 0x40 != 0;
    let sections: Vec<Section> = (0..1 + usize::from(flags & 3)).map(|number| bytes.section(number)).collect();
    let facts = RunFacts {
        run_id: "20260101T000000.000Z-00000000".into(),
        pipeline: bytes.text(),
        profile: Some(bytes.text()),
        result: Some(bytes.text()),
        dropped_spans: u64::from(bytes.byte()),
        redacted_values: u64::from(bytes.byte()),
        notes: bytes.many(2, Bytes::text),
    };
    let baseline = Baseline {
        run_id: bytes.text(),
        wall: Typical::of(&bytes.many(4, |bytes| bytes.integer() as u64)),
        stages: bytes.many(4, |bytes| (bytes.text(), Typical::of(&[bytes.integer() as u64; 5]).unwrap_or_default())),
        gone: bytes.many(4, Bytes::text),
        new: bytes.many(4, Bytes::text),
        partial: flags & 0x20 != 0,
    };
    let tails = bytes.many(2, |bytes| LogTail {
        stage: bytes.text(),
        attempt: u64::from(bytes.byte()),
        path: bytes.text(),
        lines: bytes.many(4, Bytes::text),
        omitted_bytes: u64::from(bytes.byte()),
    });
    let problem = bytes.text();
    let traced = (flags & 4 != 0).then(|| &*TRACED);
    render(&ReportInput {
        record: &facts,
        summary: traced.map(|(_, summary, _)| summary),
        trace_problem: traced.is_none().then_some(problem.as_str()),
        run: traced.map(|(run, ..)| run),
        inside: None,
        columns: traced.map(|(.., columns)| columns),
        tails: &tails,
        baseline: (flags & 8 != 0).then_some(&baseline),
        sections: &sections,
    })
}

/// Headings of the two upper levels, and rules, in order.
fn read(markdown: &str) -> Vec<&'static str> {
    let options = Options::all()
        - Options::ENABLE_SMART_PUNCTUATION
        - Options::ENABLE_OLD_FOOTNOTES
        - Options::ENABLE_SUPERSCRIPT
        - Options::ENABLE_SUBSCRIPT;
    let mut structure = Vec::new();
    let mut in_code = false;
    for event in TextMergeStream::new(Parser::new_ext(markdown, options)) {
        match event {
            Event::Text(part) => {
                for word in part.split_whitespace().filter(|_| !in_code) {
                    let linked = word.contains("://")
                        || word.to_lowercase().contains("www.")
                        || word.to_lowercase().contains("mailto:")
                        || word.split('@').skip(1).any(|after| after.starts_with(char::is_alphanumeric));
                    assert!(!linked, "{word:?} would be linked in\n{markdown}");
                }
            }
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Start(Tag::Heading { level, id, classes, attrs }) => {
                assert!(id.is_none() && classes.is_empty() && attrs.is_empty(), "attributes in\n{markdown}");
                match level {
                    HeadingLevel::H1 => structure.push("#"),
                    HeadingLevel::H2 => structure.push("##"),
                    _ => {}
                }
            }
            Event::Rule => structure.push("---"),
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                assert!(
                    link_type == LinkType::Inline && title.is_empty() && id.is_empty(),
                    "{dest_url} in\n{markdown}"
                );
                let report = dest_url.strip_prefix("report.").and_then(|rest| rest.strip_suffix(".md"));
                let report = report.is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()));
                assert!(report || is_address(&dest_url), "{dest_url} in\n{markdown}");
            }
            Event::Code(_) | Event::HardBreak | Event::SoftBreak | Event::End(_) => {}
            Event::Start(
                Tag::Paragraph
                | Tag::BlockQuote(None)
                | Tag::List(_)
                | Tag::Item
                | Tag::Table(_)
                | Tag::TableHead
                | Tag::TableRow
                | Tag::TableCell
                | Tag::Emphasis
                | Tag::Strong,
            ) => {}
            other => panic!("{other:?} in\n{markdown}"),
        }
    }
    structure
}

/// A whole address of one of the two schemes, in characters that end no attribute and no destination.
fn is_address(address: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%:/?#@&=+,;".contains(c);
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("mailto:"));
    rest.is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "-._+".contains(c)) && rest.chars().all(plain)
    })
}

/// Names of the page's parts, in order. Names of charts are left out: those follow from what there is room for.
fn read_page(html: &str) -> Vec<String> {
    let page = Html::parse_document(html);
    assert!(page.errors.is_empty(), "{:?} in\n{html}", page.errors);
    let mut names = Vec::new();
    for node in page.tree.root().descendants() {
        match node.value() {
            Node::Document | Node::Doctype(_) | Node::Text(_) => {}
            Node::Element(element) => {
                assert!(ELEMENTS.contains(&element.name()), "<{}> in\n{html}", element.name());
                for (name, value) in element.attrs() {
                    match name {
                        "id" if value.starts_with('c') => {}
                        "id" => names.push(value.to_owned()),
                        "href" => assert!(
                            value.starts_with('#') || FILES.contains(&value) || is_address(value),
                            "{value:?} in\n{html}"
                        ),
                        _ => assert!(ATTRIBUTES.contains(&name), "{name} in\n{html}"),
                    }
                }
            }
            other => panic!("{other:?} in\n{html}"),
        }
    }
    names
}

fuzz_target!(|data: &[u8]| {
    let hostile = draw(data, false);
    if data.first().is_some_and(|flags| flags & 0x80 != 0) {
        assert_eq!(hostile, draw(data, false));
    }
    serde_json::from_str::<serde_json::Value>(&hostile.json).expect("the report is JSON");
    assert!(hostile.markdown.len() < MARKDOWN_MAX, "{} bytes", hostile.markdown.len());
    let harmless = draw(data, true);
    // An own heading of level 1 stands at level 2 in a file of its own, and where it shows nothing it isn't drawn.
    assert_eq!(read(&hostile.markdown), read(&harmless.markdown), "{}", hostile.markdown);
    assert!(hostile.html.len() < HTML_MAX, "{} bytes", hostile.html.len());
    assert_eq!(read_page(&hostile.html), read_page(&harmless.html), "{}", hostile.html);
    for (_, markdown) in &hostile.sections {
        assert!(markdown.len() < MARKDOWN_MAX, "{} bytes", markdown.len());
        let top = read(markdown).into_iter().filter(|line| *line == "#").count();
        assert_eq!(top, 1, "{markdown}");
    }
});
