//! Short ways to build the plain types.

use crate::{
    Attribute, AttributeValue, Block, Callout, Cell, Chart, ChartKind, CodeBlock, Column, ColumnFormat, Document,
    Finding, Heading, HealthDetail, KeyValue, Link, LinkTarget, PluginInfo, Request, Series, Severity, SpanQuery,
    StatusCell, Table, TraceError,
};

impl PluginInfo {
    /// Name such as `risk.report_meta`, semantic version, one line of description.
    pub fn new(name: impl Into<String>, version: impl Into<String>, title: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into(), title: title.into() }
    }
}

impl Request {
    /// A request without config, for tests.
    pub fn new(report_id: impl Into<String>) -> Self {
        Self { report_id: report_id.into(), config: "{}".into() }
    }

    /// The same with config, as JSON text.
    #[must_use]
    pub fn with_config(mut self, json: impl Into<String>) -> Self {
        self.config = json.into();
        self
    }
}

impl SpanQuery {
    /// Every span.
    pub fn all() -> Self {
        Self { stage: None, kind: None, name: None, failed_only: false }
    }
}

impl Document {
    /// An empty document.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), blocks: Vec::new(), findings: Vec::new() }
    }

    /// Adds a block.
    pub fn push(&mut self, block: impl Into<Block>) -> &mut Self {
        self.blocks.push(block.into());
        self
    }

    /// Adds a heading; 1 is the highest level inside the plugin's section, 4 the lowest.
    pub fn heading(&mut self, level: u8, text: impl Into<String>) -> &mut Self {
        self.push(Block::Heading(Heading { level, text: text.into() }))
    }

    /// Adds a paragraph.
    pub fn paragraph(&mut self, text: impl Into<String>) -> &mut Self {
        self.push(Block::Paragraph(text.into()))
    }

    /// Adds a list of points.
    pub fn bullets<T: Into<String>>(&mut self, points: impl IntoIterator<Item = T>) -> &mut Self {
        self.push(Block::Bullets(points.into_iter().map(Into::into).collect()))
    }

    /// Adds a box that stands out.
    pub fn callout(&mut self, severity: Severity, text: impl Into<String>) -> &mut Self {
        self.push(Block::Callout(Callout { severity, text: text.into() }))
    }

    /// Adds text that is kept as it is, in a fixed-width font.
    pub fn code(&mut self, language: impl Into<String>, text: impl Into<String>) -> &mut Self {
        self.push(Block::Code(CodeBlock { language: language.into(), text: text.into() }))
    }

    /// Adds a list of links.
    pub fn links(&mut self, links: impl IntoIterator<Item = Link>) -> &mut Self {
        self.push(Block::Links(links.into_iter().collect()))
    }

    /// Adds key-values.
    pub fn key_values(&mut self, pairs: impl IntoIterator<Item = KeyValue>) -> &mut Self {
        self.push(Block::KeyValues(pairs.into_iter().collect()))
    }

    /// Adds Pipeline Health, drawn by the host from the trace.
    pub fn pipeline_health(&mut self, detail: HealthDetail) -> &mut Self {
        self.push(Block::PipelineHealth(detail))
    }

    /// Adds a finding.
    pub fn finding(&mut self, severity: Severity, subject: impl Into<String>, text: impl Into<String>) -> &mut Self {
        self.findings.push(Finding { severity, subject: subject.into(), text: text.into() });
        self
    }
}

impl From<Table> for Block {
    fn from(table: Table) -> Self {
        Block::Table(table)
    }
}

impl From<Chart> for Block {
    fn from(chart: Chart) -> Self {
        Block::Chart(chart)
    }
}

impl Link {
    /// To the page of another report stage of this run.
    pub fn report(text: impl Into<String>, id: impl Into<String>) -> Self {
        Self { text: text.into(), target: LinkTarget::Report(id.into()) }
    }
    /// To an address, `https:` or `mailto:`.
    pub fn address(text: impl Into<String>, address: impl Into<String>) -> Self {
        Self { text: text.into(), target: LinkTarget::Address(address.into()) }
    }
}

impl Attribute {
    /// A key and a text.
    pub fn text(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: AttributeValue::Text(value.into()) }
    }
    /// A key and a whole number.
    pub fn integer(key: impl Into<String>, value: i64) -> Self {
        Self { key: key.into(), value: AttributeValue::Integer(value) }
    }
}

impl Chart {
    fn of(kind: ChartKind, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            kind,
            x_title: String::new(),
            y_title: String::new(),
            format: ColumnFormat::Number,
            decimals: 2,
            unit: String::new(),
            x_is_time: false,
            labels: Vec::new(),
            series: Vec::new(),
        }
    }
    /// Lines over a numeric x axis.
    pub fn line(title: impl Into<String>) -> Self {
        Self::of(ChartKind::Line, title)
    }
    /// Points over a numeric x axis.
    pub fn scatter(title: impl Into<String>) -> Self {
        Self::of(ChartKind::Scatter, title)
    }
    /// One bar a label and series.
    pub fn bar<T: Into<String>>(title: impl Into<String>, labels: impl IntoIterator<Item = T>) -> Self {
        Self { labels: labels.into_iter().map(Into::into).collect(), ..Self::of(ChartKind::Bar, title) }
    }
    /// A matrix with these columns; each series is a row.
    pub fn heat_map<T: Into<String>>(title: impl Into<String>, columns: impl IntoIterator<Item = T>) -> Self {
        Self { labels: columns.into_iter().map(Into::into).collect(), ..Self::of(ChartKind::HeatMap, title) }
    }
    /// Titles of the axes.
    #[must_use]
    pub fn with_axes(mut self, x: impl Into<String>, y: impl Into<String>) -> Self {
        (self.x_title, self.y_title) = (x.into(), y.into());
        self
    }
    /// How the y values are written.
    #[must_use]
    pub fn with_format(mut self, format: ColumnFormat, decimals: u8) -> Self {
        (self.format, self.decimals) = (format, decimals);
        self
    }
    /// Unit of the y values.
    #[must_use]
    pub fn with_unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = unit.into();
        self
    }
    /// The x values are Unix nanoseconds.
    #[must_use]
    pub fn over_time(mut self) -> Self {
        self.x_is_time = true;
        self
    }
    /// Adds points, as pairs of x and y.
    pub fn points(&mut self, name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> &mut Self {
        let (x, y) = points.into_iter().unzip();
        self.series.push(Series { name: name.into(), x, y });
        self
    }
    /// Adds a value for each label, in their order: a set of bars, or a row of a heat map.
    pub fn values(&mut self, name: impl Into<String>, values: impl IntoIterator<Item = f64>) -> &mut Self {
        self.points(name, values.into_iter().enumerate().map(|(i, value)| (i as f64, value)))
    }
}

impl Table {
    /// A table without rows.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { caption: String::new(), columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// The same with a caption above it.
    #[must_use]
    pub fn with_caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    /// Adds a row; it has as many cells as there are columns.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) -> &mut Self {
        self.rows.push(cells.into_iter().collect());
        self
    }
}

impl Column {
    fn of(title: impl Into<String>, format: ColumnFormat, decimals: u8, align_right: bool) -> Self {
        Self { title: title.into(), format, decimals, unit: String::new(), signed: false, align_right }
    }
    /// Text, left-aligned.
    pub fn text(title: impl Into<String>) -> Self {
        Self::of(title, ColumnFormat::Text, 0, false)
    }
    /// A number with `decimals` digits after the point.
    pub fn number(title: impl Into<String>, decimals: u8) -> Self {
        Self::of(title, ColumnFormat::Number, decimals, true)
    }
    /// A whole number.
    pub fn integer(title: impl Into<String>) -> Self {
        Self::number(title, 0)
    }
    /// A fraction, written as a percentage with `decimals` digits.
    pub fn percent(title: impl Into<String>, decimals: u8) -> Self {
        Self::of(title, ColumnFormat::Percent, decimals, true)
    }
    /// Nanoseconds, written as a time span.
    pub fn duration(title: impl Into<String>) -> Self {
        Self::of(title, ColumnFormat::Duration, 0, true)
    }
    /// A fraction from 0 to 1, drawn as a bar.
    pub fn bar(title: impl Into<String>) -> Self {
        Self::of(title, ColumnFormat::Bar, 0, false)
    }
    /// Bytes, written in KiB, MiB, GiB.
    pub fn bytes(title: impl Into<String>) -> Self {
        Self::of(title, ColumnFormat::Bytes, 0, true)
    }
    /// Unix nanoseconds, written in UTC.
    pub fn time(title: impl Into<String>) -> Self {
        Self::of(title, ColumnFormat::Time, 0, false)
    }
    /// The same with the unit of its numbers.
    #[must_use]
    pub fn with_unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = unit.into();
        self
    }
    /// The same with a plus sign before positive numbers.
    #[must_use]
    pub fn signed(mut self) -> Self {
        self.signed = true;
        self
    }
}

impl KeyValue {
    fn of(key: impl Into<String>, value: impl Into<Cell>, format: ColumnFormat, decimals: u8) -> Self {
        Self { key: key.into(), value: value.into(), format, decimals, unit: String::new() }
    }
    /// A key and a text.
    pub fn text(key: impl Into<String>, value: impl Into<Cell>) -> Self {
        Self::of(key, value, ColumnFormat::Text, 0)
    }
    /// A key and a number with `decimals` digits.
    pub fn number(key: impl Into<String>, value: impl Into<Cell>, decimals: u8) -> Self {
        Self::of(key, value, ColumnFormat::Number, decimals)
    }
    /// A key and a fraction, written as a percentage with `decimals` digits.
    pub fn percent(key: impl Into<String>, value: impl Into<Cell>, decimals: u8) -> Self {
        Self::of(key, value, ColumnFormat::Percent, decimals)
    }
    /// A key and nanoseconds, written as a time span.
    pub fn duration(key: impl Into<String>, value: impl Into<Cell>) -> Self {
        Self::of(key, value, ColumnFormat::Duration, 0)
    }
    /// The same with the unit of its number.
    #[must_use]
    pub fn with_unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = unit.into();
        self
    }
}

impl Cell {
    /// A word that stands for good or bad.
    pub fn status(severity: Severity, text: impl Into<String>) -> Self {
        Cell::Status(StatusCell { severity, text: text.into() })
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.into())
    }
}
impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text)
    }
}
impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Cell::Number(number)
    }
}
impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Cell::Integer(number)
    }
}
impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::None, Into::into)
    }
}

impl TraceError {
    /// What is wrong, as half a sentence for a report.
    pub fn explain(&self) -> String {
        match self {
            TraceError::Missing => "the forensic trace is missing".into(),
            TraceError::Unreadable(why) => format!("the forensic trace can't be read: {why}"),
        }
    }
}
