//! What the host says in a report, before it is Markdown or HTML: lines with the host's marks, lists, tables. Text from
//! elsewhere goes in as text and can't become a mark, because marks are read in the host's own literals alone.

use super::escape::{clip, one_line};
use crate::plugin::document::Severity;

/// Characters of a run's id.
const RUN_ID_MAX: usize = 250;

/// Where the report of another run stands, as seen from this run's reports; without the ending.
pub(crate) fn report_of(run: &str) -> String {
    format!("../../{run}/reports/forensic_report")
}

/// Whether a text can be the name of a run's directory, and so is fit for an address as it stands.
fn is_run_id(text: &str) -> bool {
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    text.len() <= RUN_ID_MAX
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(fit)
        && !text.contains("..")
}

/// How a part of a line is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Style {
    #[default]
    Plain,
    Strong,
    Emphasis,
    Code,
    /// The id of a run whose directory stands beside this run's: a link to its report. Made by [`Line::run`] alone, so that its
    /// text is fit for an address as it stands.
    Run,
}

/// How something is meant. It only ever stands beside a mark and a word that say the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Good,
    Warning,
    Bad,
    Quiet,
}

/// One line of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    spans: Vec<(Style, String)>,
    pub(crate) tone: Tone,
}

/// A [`Line`] from a literal with `{}`, `**strong**`, `*emphasis*` and `` `code` ``; what fills it is only text.
macro_rules! line {
    ($template:literal $(, $part:expr)* $(,)?) => {
        $crate::report::model::Line::fill($template, [$($crate::report::model::Line::from($part)),*])
    };
}
pub(crate) use line;

impl Line {
    /// What [`line!`] makes. Surplus places stay empty.
    pub(crate) fn fill(template: &'static str, parts: impl IntoIterator<Item = Self>) -> Self {
        let mut line = Self::default();
        let mut parts = parts.into_iter();
        let mut style = Style::Plain;
        let mut rest = template;
        while let Some(at) = rest.find(['*', '`', '{']) {
            line.push(style, &rest[..at]);
            rest = &rest[at..];
            let toggled = |mark| if style == mark { Style::Plain } else { mark };
            let (taken, next) = match rest.as_bytes() {
                [b'{', b'}', ..] => {
                    line.append(style, parts.next().unwrap_or_default());
                    (2, style)
                }
                [b'*', b'*', ..] => (2, toggled(Style::Strong)),
                [b'*', ..] => (1, toggled(Style::Emphasis)),
                [b'`', ..] => (1, toggled(Style::Code)),
                _ => {
                    line.push(style, "{");
                    (1, style)
                }
            };
            (rest, style) = (&rest[taken..], next);
        }
        line.push(style, rest);
        line
    }

    /// The host's text as it is, with spaces at its ends.
    pub(crate) fn host(text: &str) -> Self {
        let mut line = Self::default();
        line.push(Style::Plain, text);
        line
    }

    pub(crate) fn code(text: &str) -> Self {
        let mut line = Self::default();
        line.push(Style::Code, &one_line(text));
        line
    }

    /// The id of a run, as a link to its report where it can be one.
    pub(crate) fn run(id: &str) -> Self {
        if !is_run_id(id) {
            return clip(&one_line(id), RUN_ID_MAX).as_ref().into();
        }
        let mut line = Self::default();
        line.push(Style::Run, id);
        line
    }

    pub(crate) fn with(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    /// The parts of it; neighbours differ in style.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (Style, &str)> {
        self.spans.iter().map(|(style, text)| (*style, text.as_str()))
    }

    pub(crate) fn size(&self) -> usize {
        self.spans.iter().map(|(_, text)| text.len()).sum()
    }

    /// Adds a line; what is plain in it takes the style around it.
    fn append(&mut self, around: Style, part: Self) {
        for (style, text) in part.spans {
            self.push(if style == Style::Plain { around } else { style }, &text);
        }
    }

    fn push(&mut self, style: Style, text: &str) {
        match self.spans.last_mut() {
            _ if text.is_empty() => {}
            Some((last, before)) if *last == style => before.push_str(text),
            _ => self.spans.push((style, text.to_owned())),
        }
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::host(&one_line(text))
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<u64> for Line {
    fn from(number: u64) -> Self {
        Self::host(&number.to_string())
    }
}

impl From<usize> for Line {
    fn from(number: usize) -> Self {
        Self::host(&number.to_string())
    }
}

/// A table of the host's.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    /// Title, and whether its cells stand right.
    pub(crate) head: Vec<(&'static str, bool)>,
    pub(crate) rows: Vec<Vec<Line>>,
}

impl Grid {
    /// A title that ends in `>` stands right.
    pub(crate) fn new(titles: &[&'static str]) -> Self {
        let head = titles.iter().map(|title| (title.trim_end_matches('>'), title.ends_with('>')));
        Self { head: head.collect(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Line>) {
        self.rows.push(cells.into_iter().collect());
    }
}

/// A number with a sentence that says how to read it.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) value: Line,
    pub(crate) reading: Line,
}

/// What stands below one another.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// Levels below the whole's own, which is 0.
    Heading(u8, Line),
    /// How it went, in a line.
    Headline(Line),
    Paragraph(Line),
    /// A remark, such as what was left out.
    Aside(Line),
    /// Text from elsewhere, behind a few words: blank lines part its paragraphs.
    Text(Line, String),
    /// The same, set off.
    Callout(Severity, Line, String),
    List(Vec<Line>),
    Numbered(Vec<Line>),
    Table(Grid),
    Metrics(Vec<Metric>),
    /// Lines of a log.
    Log(String),
}

/// Items in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Items(pub(crate) Vec<Item>);

impl Items {
    pub(crate) fn heading(&mut self, level: u8, line: Line) {
        self.0.push(Item::Heading(level, line));
    }

    pub(crate) fn paragraph(&mut self, line: Line) {
        self.0.push(Item::Paragraph(line));
    }

    pub(crate) fn aside(&mut self, line: Line) {
        self.0.push(Item::Aside(line));
    }

    /// Nothing where there is no point.
    pub(crate) fn list(&mut self, points: Vec<Line>) {
        if !points.is_empty() {
            self.0.push(Item::List(points));
        }
    }

    /// Nothing where there is no row.
    pub(crate) fn table(&mut self, grid: Grid) {
        if !grid.rows.is_empty() {
            self.0.push(Item::Table(grid));
        }
    }

    /// Bytes of text.
    pub(crate) fn size(&self) -> usize {
        let lines = |lines: &[Line]| lines.iter().map(Line::size).sum();
        self.0
            .iter()
            .map(|item| match item {
                Item::Heading(_, line) | Item::Headline(line) | Item::Paragraph(line) | Item::Aside(line) => {
                    line.size()
                }
                Item::Text(line, text) | Item::Callout(_, line, text) => line.size() + text.len(),
                Item::List(points) | Item::Numbered(points) => lines(points),
                Item::Table(grid) => grid.rows.iter().map(|row| lines(row)).sum(),
                Item::Metrics(metrics) => metrics.iter().map(|m| m.value.size() + m.reading.size()).sum(),
                Item::Log(text) => text.len(),
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_name_a_folder_is_a_run() {
        let styles = |id: &str| Line::run(id).spans().map(|(style, _)| style).collect::<Vec<_>>();
        assert_eq!(styles("20260101T000000Z-a_b.c.1"), [Style::Run]);
        for id in ["", "..", "a/b", "a..b", "-a", ".a", "a b", "a)", "ä", "javascript:x", &"a".repeat(300)] {
            assert!(!styles(id).contains(&Style::Run), "{id:?}");
        }
        assert_eq!(report_of("R"), "../../R/reports/forensic_report");
    }

    #[test]
    fn marks_come_from_the_hosts_literals_alone() {
        let line = line!("**{}** of *{}*, `{}` {", "*a*\n`b`", line!("`c` d"), 7_u64);
        let spans: Vec<(Style, &str)> = line.spans().collect();
        assert_eq!(
            spans,
            [
                (Style::Strong, "*a* ⏎ `b`"),
                (Style::Plain, " of "),
                (Style::Code, "c"),
                (Style::Emphasis, " d"),
                (Style::Plain, ", "),
                (Style::Code, "7"),
                (Style::Plain, " {"),
            ]
        );
    }
}
