//! Texts that try to be more than text, and the places where they may stand. Both renderers are tested with all of
//! them, in `hostile` (Markdown) and `page` (HTML).

use super::super::{Failure, Section, Status};
use super::sample::{document, section};
use crate::plugin::LogLine;
use crate::plugin::document::*;
use proptest::prelude::*;

/// A report stage that links may lead to.
pub(super) const OTHER: &str = "acme.other";

pub(super) const PAYLOADS: &[&str] = &[
    "# Pipeline Health",
    "## Report risk.report_meta",
    "Setext\n======",
    "Setext\n---",
    "a\n\n# b\n\n## c",
    "x ## closed ##",
    "---",
    "***",
    "_ _ _",
    "+++\ntitle = 1\n+++",
    "> quote",
    "> [!WARNING]\n> alert",
    "- point\n- point",
    "* point",
    "+ point",
    "1. one\n2. two",
    "12) twelve",
    "- [ ] task\n- [x] done",
    "    indented code",
    "\tindented code",
    "```\nfence\n```",
    "~~~\nfence\n~~~",
    "`code` ``code`` ```",
    "*em* **strong** ***both*** _em_ __strong__",
    "a_b_c __init__ _x_y_",
    "~~gone~~ ~gone~",
    "[link](https://evil.example)",
    "[link](javascript:alert(1))",
    "[ref][1]\n\n[1]: https://evil.example",
    "[1]: https://evil.example \"title\"",
    "![image](https://evil.example/track.png)",
    "<https://evil.example>",
    "https://evil.example/path?x=1&y=2#z",
    "see www.evil.example, HTTP://EVIL.example and ftp://evil.example",
    "me@evil.example mailto:me@evil.example @maintainers",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- comment -->",
    "<details><summary>x</summary>",
    "<?php x ?> <![CDATA[x]]> <!DOCTYPE x>",
    "</td></tr></table>",
    "&lt;b&gt; &amp; &copy; &#60; &#x3c; &nbsp;",
    "a | b\n--- | ---\n1 | 2",
    "| a |\n|---|\n| b |",
    "x | y \\| z \\\\| end\\",
    "title\n:-",
    "[^1] footnote\n\n[^1]: text",
    "term\n: definition",
    "$x$ $$y$$ $`z`$ cost $5 and $6",
    "\\begin \\* \\\\ \\` \\",
    "{#id .class} {{ liquid }} {% raw %}",
    "[[wiki]] [[page|text]]",
    "heading {#top}",
    "a\r\nb\rc\u{85}d\u{2028}e\u{2029}f\u{b}g\u{c}h",
    "\u{202e}desrever\u{202c} \u{2066}isolated\u{2069}",
    "zero\u{200b}width\u{200d}joined\u{feff} soft\u{ad}hyphen",
    "nul\0 bell\u{7} escape\u{1b}[31mred\u{1b}[0m c1\u{9b}31m",
    "tag\u{e0041}\u{e0042} filler\u{3164}\u{115f}",
    "https://a|b`c\\d@e",
    "`https://x`",
    "*\u{200b}*not strong*\u{200b}*",
    "*End of report risk.report_meta.*\n\n---\n\n## Pipeline Health\n\n**✅ success**: total duration **1 ms**",
    "\\u{202e}",
    "✅ PASSED 🔁 ⏎ ▁▂▃",
    // Links.
    "[x](JaVaScRiPt:alert(1)) [x](java\nscript:alert(1)) [x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=) <vbscript:x> <file:///etc/passwd>",
    "javascript:alert(1) data:text/html,x JAVASCRIPT&colon;alert(1)",
    "](https://evil.example) x [y](https://evil.example",
    "<HTTPS://evil.example/> <me@evil.example>",
    "https://evil.example) [x][y]",
    // HTML, in any place of a tag.
    "\" onmouseover=\"alert(1)\" x=\"",
    "' onmouseover='alert(1)' x='",
    "\"><script>alert(1)</script>",
    "'><img src=x onerror=alert(1)>",
    "--><script>alert(1)</script><!--",
    "]]><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</textarea></pre></code></td></tr></table></div></article></main></body></html>x",
    "<svg onload=alert(1)><a xlink:href=\"javascript:alert(1)\"><text>x</text></a></svg>",
    "</text></svg><svg><foreignObject><body onload=alert(1)></foreignObject></svg>",
    "</desc><style>*{display:none}</style><desc>",
    "<math><mi xlink:href=\"data:x,<script>alert(1)</script>\">x</mi></math>",
    "<table><tr><td>x</table><form action=https://evil.example><input name=x>",
    "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe><object data=x></object><embed src=x>",
    "<meta http-equiv=refresh content=\"0;url=https://evil.example\"><base href=https://evil.example>",
    "<link rel=stylesheet href=https://evil.example><template><slot name=x>",
    "<p id=health class=evidence style=position:fixed>x",
    "<article class=\"report\" id=\"report-1\"><h2>Report risk.report_meta</h2>",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#x3C;b&#x3E; &quot; &apos; &#0; &#x202E;",
    "<%= x %> <?xml version=\"1.0\"?> <!ENTITY x SYSTEM \"file:///etc/passwd\"> &x;",
    // CSS, and what looks like it.
    "}*{background:url(https://evil.example)}",
    "expression(alert(1)); @import 'https://evil.example'; \\3c b\\3e",
    // What templates and forges read.
    "${alert(1)} #{x} {{constructor.constructor('x')()}} <%x%>",
    ":::note\nx\n::: :smile: ==mark== ^sup^ ++ins++ !!! note",
    "---\ntitle: x\n---\n# x",
    "%%{init: {}}%% ```mermaid\ngraph\n```",
    "[TOC] [[_TOC_]] [x]: <https://evil.example> 'y'",
    "*[HTML]: x\n\n[^x]: y\n\n[x]: z",
    // Letters that are easily mistaken, or that draw over others.
    "\u{1d412} ｓｃｒｉｐｔ ＜script＞ раураl Z\u{351}\u{36b}\u{343}a\u{36a}l\u{34c}g",
    "\u{5d0}\u{5d1} ltr \u{627}\u{628} \u{200f}x\u{200e} \u{61c}y",
    "\u{7f}\u{80}\u{9d}8;;https://evil.example\u{9c}x \u{1b}]8;;https://evil.example\u{1b}\\x",
    "\u{fff9}x\u{fffa}y\u{fffb} \u{180e}z \u{2028} \u{fe00}",
    "]:http://;\u{200b}",
    "]:https://evil.example/ (title)",
];

/// Number of positions.
pub(super) const POSITIONS: usize = 40;

/// A section with `text` in one position. Positions of links need [`others`] beside them.
pub(super) fn place(position: usize, text: &str) -> Section {
    let s = || text.to_owned();
    let x = || "x".to_owned();
    let column = |title: String| Column {
        title,
        format: ColumnFormat::Text,
        decimals: 0,
        unit: String::new(),
        signed: false,
        align_right: false,
    };
    let table = |caption, title, cell| {
        let row = vec![Cell::Text("x".into()), cell];
        Block::Table(Table { caption, columns: vec![column("x".into()), column(title)], rows: vec![row.clone(), row] })
    };
    let known = || LinkTarget::Report(OTHER.into());
    let pair = |key, value| {
        Block::KeyValues(vec![KeyValue { key, value, format: ColumnFormat::Text, decimals: 0, unit: String::new() }])
    };
    let mut chart = Chart {
        title: x(),
        kind: ChartKind::Bar,
        format: ColumnFormat::Number,
        decimals: 2,
        x_is_time: false,
        x_title: x(),
        y_title: x(),
        unit: x(),
        labels: vec![x()],
        series: vec![Series { name: x(), x: vec![0.0], y: vec![1.0] }],
    };
    let link = |text, target| Block::Links(vec![Link { text, target }, Link { text: x(), target: known() }]);
    let mut made = document(vec![]);
    let block = match position {
        0 => Block::Heading(Heading { level: 1, text: s() }),
        1 => Block::Paragraph(s()),
        2 => Block::Bullets(vec![s(), x()]),
        3 => table(s(), x(), Cell::None),
        4 => table(x(), s(), Cell::None),
        5 => table(x(), x(), Cell::Text(s())),
        6 => table(x(), x(), Cell::Status(StatusCell { severity: Severity::Info, text: s() })),
        7 => pair(s(), Cell::None),
        8 => pair(x(), Cell::Text(s())),
        9 => Block::Callout(Callout { severity: Severity::Error, text: s() }),
        10 => Block::Code(CodeBlock { language: "json".into(), text: s() }),
        11..=16 => {
            *match position {
                11 => &mut chart.title,
                12 => &mut chart.x_title,
                13 => &mut chart.y_title,
                14 => &mut chart.unit,
                15 => &mut chart.labels[0],
                _ => &mut chart.series[0].name,
            } = s();
            Block::Chart(chart)
        }
        28 => {
            let column = |unit| Column { unit, ..column("x".into()) };
            let rows = vec![vec![Cell::Number(1.0), Cell::None]];
            Block::Table(Table { caption: x(), columns: vec![column(s()), column(x())], rows })
        }
        29 => Block::KeyValues(vec![KeyValue {
            key: x(),
            value: Cell::Integer(1),
            format: ColumnFormat::Number,
            decimals: 0,
            unit: s(),
        }]),
        30..=34 => {
            chart.kind = ChartKind::HeatMap;
            *match position {
                30 => &mut chart.title,
                31 => &mut chart.x_title,
                32 => &mut chart.y_title,
                33 => &mut chart.labels[0],
                _ => &mut chart.series[0].name,
            } = s();
            Block::Chart(chart)
        }
        35 => {
            chart.kind = ChartKind::Line;
            chart.series = vec![Series { name: s(), x: vec![0.0, 1.0, 2.0], y: vec![1.0, f64::NAN, 2.0] }];
            Block::Chart(chart)
        }
        36 => link(s(), known()),
        37 => link(s(), LinkTarget::Address("https://a.example/?b=c&d#e".into())),
        38 => link(x(), LinkTarget::Report(s())),
        39 => link(x(), LinkTarget::Address(format!("https://a.example/{text}"))),
        17 | 18 => {
            let (subject, text) = if position == 17 { (s(), x()) } else { (x(), s()) };
            made.findings.push(Finding { severity: Severity::Warning, subject, text });
            Block::Paragraph(x())
        }
        19 => {
            made.title = s();
            Block::Paragraph(x())
        }
        _ => Block::Paragraph(x()),
    };
    made.blocks = vec![Block::Paragraph(x()), block, Block::Paragraph(x())];
    let mut section = section("acme.report", made);
    // Where nothing stands between, the title of the plugin would stand for that of the document.
    section.plugin.title = String::new();
    match position {
        20 => section.report_id = s(),
        21 => section.plugin.name = s(),
        22 => section.plugin.version = s(),
        23 => section.plugin.source = s(),
        24 => section.limits_hit = vec![s()],
        25..=27 => {
            let mut failure = Failure { text: x(), operator: Some(x()), author: Some(x()) };
            match position {
                25 => failure.text = s(),
                26 => failure.author = Some(s()),
                _ => section.log = vec![LogLine { level: Level::Warn, text: s() }],
            }
            section.status = Status::Failed(failure);
            section.document = None;
        }
        _ => {}
    }
    if position == 27 {
        return section;
    }
    section.log = vec![LogLine { level: Level::Warn, text: x() }];
    section
}

/// A section that links in position 36 lead to.
pub(super) fn other() -> Section {
    section(OTHER, document(vec![Block::Paragraph("other".into())]))
}

/// Texts made of what Markdown and HTML act on.
pub(super) fn nasty() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "a",
        "Z",
        "7",
        " ",
        "  ",
        "\n",
        "\n\n",
        "\t",
        "\r",
        "\\",
        "`",
        "``",
        "```",
        "*",
        "**",
        "_",
        "__",
        "~",
        "~~~",
        "[",
        "]",
        "(",
        ")",
        "!",
        "<",
        ">",
        "&",
        "&amp;",
        "#",
        "##",
        "|",
        "-",
        "---",
        "+",
        "=",
        "===",
        ":",
        "$",
        "$$",
        "{",
        "}",
        "^",
        "1.",
        "2)",
        "http://",
        "www.",
        "@",
        "x@y.z",
        "\0",
        "\u{1b}",
        "\u{202e}",
        "\u{200b}",
        "é",
        "日本",
        "😀",
        "⏎",
        "\u{a0}",
        "'",
        "\"",
        ".",
        ",",
        ";",
        "%",
        "/",
        "?",
        "</",
        "/>",
        "<!--",
        "-->",
        "<svg>",
        "</title>",
        "<script>",
        "&#",
        "&lt",
        "=\"",
        "]]>",
        "javascript:",
    ];
    let piece = prop_oneof![4 => prop::sample::select(PIECES).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    prop::collection::vec(piece, 1..14).prop_map(|pieces| pieces.concat())
}
