//! The one table of plugin limits: names, units, defaults, maxima; and how whoever runs the host lowers the maxima.
//!
//! `pipeline` reads them (`[[report]] limits = { … }`), `plugin` enforces them, the documentation is written from
//! [`TABLE`]. Nothing else may live here: a limit that isn't in the table doesn't exist. What the host's own settings file
//! says of them is read in [`crate::settings`].

mod host;
mod maxima;

use std::fmt;
use std::time::Duration;

pub use host::{CompileLimits, HostLimits};
pub use maxima::{BadSetting, Maxima};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const MS: u64 = 1_000_000;
const SEC: u64 = 1_000 * MS;

/// What a limit's number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds; written as text, `"5s"`.
    Time,
    /// Bytes; written as text, `"64MiB"`, or as a whole number.
    Bytes,
    /// A plain number.
    Count,
}

impl Unit {
    /// Writes a value the way it can be written in `pipeline.toml`: `5s`, `64MiB`, `20000`.
    pub fn show(self, value: u64) -> String {
        match self {
            Unit::Time => show_duration(Duration::from_nanos(value)),
            Unit::Bytes => show_bytes(value),
            Unit::Count => value.to_string(),
        }
    }

    /// Reads what [`Unit::show`] writes; the error says what to write instead.
    fn parse(self, text: &str) -> Result<u64, &'static str> {
        let text = text.trim();
        match self {
            Unit::Time => humantime::parse_duration(text)
                .map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
                .map_err(|_| "write a duration with its unit, such as `5s`"),
            Unit::Bytes => parse_bytes(text).ok_or("write a size with its unit, such as `64MiB`"),
            Unit::Count => text.parse().map_err(|_| "write a whole number"),
        }
    }
}

fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let factor = match text[digits..].trim_start() {
        "" | "B" => 1,
        "KiB" => KIB,
        "MiB" => MIB,
        "GiB" => GIB,
        _ => return None,
    };
    Some(text[..digits].parse::<u64>().ok()?.saturating_mul(factor))
}

/// Writes a duration as `pipeline.toml` takes it: `1h 30m`, `5s`, `250ms`.
pub fn show_duration(value: Duration) -> String {
    let mut rest = value.as_nanos();
    let mut text = String::new();
    let units: [(&str, u128); 7] = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    for (name, size) in units {
        if rest >= size {
            let space = if text.is_empty() { "" } else { " " };
            text.push_str(&format!("{space}{}{name}", rest / size));
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Writes a size in the largest binary unit that divides it: `64MiB`, `1536KiB`, `1000B`.
pub fn show_bytes(value: u64) -> String {
    for (name, size) in [("GiB", GIB), ("MiB", MIB), ("KiB", KIB)] {
        if value >= size && value.is_multiple_of(size) {
            return format!("{}{name}", value / size);
        }
    }
    format!("{value}B")
}

/// A limit of a report plugin. The order is that of [`TABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Wall time of a call.
    Time,
    /// Wasmtime fuel of a call.
    Fuel,
    /// All linear memories of the store together.
    Memory,
    /// Elements of all tables of the store together.
    TableElements,
    /// Core and component instances in the store.
    Instances,
    /// Linear memories in the store.
    Memories,
    /// Tables in the store.
    Tables,
    /// The guest's call stack. Wasmtime fixes it per engine.
    Stack,
    /// Calls of host functions.
    HostCalls,
    /// Bytes read through host functions.
    ReadBytes,
    /// The returned document.
    Document,
    /// One block of the document.
    Block,
    /// Log text kept.
    Log,
    /// One log line; what is longer is cut.
    LogLine,
    /// Spans that the guest may start.
    Spans,
    /// Attributes of one guest span.
    SpanAttributes,
    /// Key or value of one attribute of a guest span.
    SpanAttributeBytes,
    /// The component file.
    Component,
}

/// A row of [`TABLE`]. All numbers are in the base of `unit`.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Which limit.
    pub limit: Limit,
    /// Its key below `limits` in `pipeline.toml`.
    pub key: &'static str,
    /// What it limits, for messages and documentation.
    pub what: &'static str,
    /// What its number counts.
    pub unit: Unit,
    /// The least that may be set.
    pub min: u64,
    /// What holds where nothing is set.
    pub default: u64,
    /// What holds where nothing is set and the guest brings an interpreter along.
    pub interpreter: u64,
    /// The most that a pipeline may set: the host's maximum, where whoever runs the host has set no lower one.
    pub max: u64,
}

/// Number of limits.
pub const COUNT: usize = 18;

/// Every limit, in the order of [`Limit`].
pub const TABLE: [Spec; COUNT] = [
    row(Limit::Time, "time", "wall time of the call", Unit::Time, MS, 5 * SEC, 600 * SEC),
    // Measured: 5·10⁹ units are 0.6 s of a current machine's work, so fuel, which stops at the same point on every
    // machine, ends a loop before the clock does on all but the slowest.
    row(Limit::Fuel, "fuel", "fuel of the call", Unit::Count, 1, 5_000_000_000, 1_000_000_000_000),
    Spec {
        interpreter: 256 * MIB,
        ..row(Limit::Memory, "memory", "all memories together", Unit::Bytes, 64 * KIB, 64 * MIB, GIB)
    },
    row(Limit::TableElements, "table_elements", "table elements together", Unit::Count, 0, 20_000, 1_000_000),
    row(Limit::Instances, "instances", "instances", Unit::Count, 1, 64, 1_000),
    row(Limit::Memories, "memories", "memories", Unit::Count, 0, 8, 100),
    row(Limit::Tables, "tables", "tables", Unit::Count, 0, 64, 1_000),
    row(Limit::Stack, "stack", "the guest's stack", Unit::Bytes, 64 * KIB, 512 * KIB, 4 * MIB),
    row(Limit::HostCalls, "host_calls", "calls of host functions", Unit::Count, 0, 1_000_000, 100_000_000),
    row(Limit::ReadBytes, "read_bytes", "bytes read through host functions", Unit::Bytes, 0, 256 * MIB, 16 * GIB),
    row(Limit::Document, "document", "the document", Unit::Bytes, 0, 4 * MIB, 64 * MIB),
    row(Limit::Block, "block", "one block of the document", Unit::Bytes, 0, MIB, 16 * MIB),
    row(Limit::Log, "log", "log text kept", Unit::Bytes, 0, 64 * KIB, 16 * MIB),
    row(Limit::LogLine, "log_line", "one log line", Unit::Bytes, 16, KIB, 64 * KIB),
    row(Limit::Spans, "spans", "spans of the guest", Unit::Count, 0, 256, 10_000),
    row(Limit::SpanAttributes, "span_attributes", "attributes of one guest span", Unit::Count, 0, 32, 128),
    row(
        Limit::SpanAttributeBytes,
        "span_attribute_bytes",
        "key or value of a guest span's attribute",
        Unit::Bytes,
        0,
        256,
        4 * KIB,
    ),
    row(Limit::Component, "component", "the component file", Unit::Bytes, 8, 64 * MIB, 256 * MIB),
];

const fn row(
    limit: Limit,
    key: &'static str,
    what: &'static str,
    unit: Unit,
    min: u64,
    default: u64,
    max: u64,
) -> Spec {
    Spec { limit, key, what, unit, min, default, interpreter: default, max }
}

impl Limit {
    /// The row of the table.
    pub fn spec(self) -> &'static Spec {
        &TABLE[self as usize]
    }

    /// The limit with this key in `pipeline.toml`.
    pub fn from_key(key: &str) -> Option<Limit> {
        TABLE.iter().find(|spec| spec.key == key).map(|spec| spec.limit)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spec().key)
    }
}

/// The limits of one report stage: a value for every row of [`TABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    values: [u64; COUNT],
    maxima: Maxima,
    /// One bit a row: set by somebody, and no default.
    set: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self::below(Maxima::default())
    }
}

impl Limits {
    /// The defaults, on a host with these maxima. A default above its maximum becomes the maximum.
    pub fn below(maxima: Maxima) -> Self {
        Self { values: std::array::from_fn(|i| TABLE[i].default.min(maxima.get(TABLE[i].limit))), maxima, set: 0 }
    }

    /// The value, in the base of its unit: nanoseconds, bytes, or a count.
    pub fn get(&self, limit: Limit) -> u64 {
        self.values[limit as usize]
    }

    /// The value as `usize`, for sizes and counts that index memory.
    pub fn size(&self, limit: Limit) -> usize {
        usize::try_from(self.get(limit)).unwrap_or(usize::MAX)
    }

    /// [`Limit::Time`] as a duration.
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.get(Limit::Time))
    }

    /// Sets a value.
    ///
    /// # Errors
    /// [`OutOfRange`] where the host doesn't allow it; nothing is changed then.
    pub fn set(&mut self, limit: Limit, value: u64) -> Result<(), OutOfRange> {
        let max = self.maxima.get(limit);
        if value < limit.spec().min || value > max {
            return Err(OutOfRange { limit, asked: value, max });
        }
        self.values[limit as usize] = value;
        self.set |= 1 << limit as usize;
        Ok(())
    }

    /// Whether somebody has set this value: it's no default, even where it is the same.
    pub fn is_set(&self, limit: Limit) -> bool {
        self.set & 1 << limit as usize != 0
    }

    /// The host's maxima.
    pub fn maxima(&self) -> &Maxima {
        &self.maxima
    }

    /// The same limits for a guest that brings an interpreter along: what nobody has set is what those need.
    pub fn for_interpreter(&self) -> Self {
        let mut limits = *self;
        for spec in TABLE.iter().filter(|spec| !self.is_set(spec.limit)) {
            let value = self.get(spec.limit).max(spec.interpreter);
            limits.values[spec.limit as usize] = value.min(self.maxima.get(spec.limit));
        }
        limits
    }

    /// The sentence for a plugin that wanted more than it has: the limit, what was asked, the value, and the key
    /// that raises it. `asked` is in the base of the limit's unit, `None` where it can't be known.
    pub fn exceeded(&self, limit: Limit, asked: Option<u64>) -> String {
        let spec = limit.spec();
        let (value, max) = (self.get(limit), self.maxima.get(limit));
        let asked = asked.map(|asked| format!(", {} asked for", spec.unit.show(asked))).unwrap_or_default();
        let advice = if value < max {
            format!("raise it with `limits.{}`, up to {}", spec.key, spec.unit.show(max))
        } else {
            format!("this is the host's maximum{}", self.maxima.raised_by(limit))
        };
        format!("limit `{}` ({}) is {}{asked}; {advice}", spec.key, spec.what, spec.unit.show(value))
    }
}

/// A value that the host doesn't allow for a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange {
    /// Which limit.
    pub limit: Limit,
    /// What was asked for, in the base of its unit.
    pub asked: u64,
    /// The host's maximum.
    pub max: u64,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spec = self.limit.spec();
        let show = |value| spec.unit.show(value);
        let asked = show(self.asked);
        if self.asked > self.max {
            write!(f, "limit `{}`: {asked} asked for, above the host maximum of {}", spec.key, show(self.max))?;
            f.write_str(&maxima::raised_by(self.limit, self.max))
        } else {
            write!(f, "limit `{}`: {asked} asked for, below the minimum of {}", spec.key, show(spec.min))
        }
    }
}

impl std::error::Error for OutOfRange {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_the_enum_and_in_range() {
        for (i, spec) in TABLE.iter().enumerate() {
            assert_eq!(spec.limit as usize, i, "{}", spec.key);
            assert!(spec.min <= spec.default && spec.default <= spec.max, "{}", spec.key);
            assert!(spec.default <= spec.interpreter && spec.interpreter <= spec.max, "{}", spec.key);
            let shown = spec.unit.show(spec.max);
            assert_eq!(spec.unit.parse(&shown), Ok(spec.max), "{shown}");
            assert_eq!(Limit::from_key(spec.key), Some(spec.limit));
        }
    }

    #[test]
    fn a_value_is_set_only_within_the_host_maximum() {
        let mut limits = Limits::default();
        limits.set(Limit::Memory, 128 * MIB).unwrap();
        assert_eq!(limits.get(Limit::Memory), 128 * MIB);
        let refused = limits.set(Limit::Memory, 2 * GIB).unwrap_err();
        assert_eq!(refused.to_string(), "limit `memory`: 2GiB asked for, above the host maximum of 1GiB");
        let refused = limits.set(Limit::Time, 0).unwrap_err();
        assert_eq!(refused.to_string(), "limit `time`: 0s asked for, below the minimum of 1ms");
        assert_eq!(limits.get(Limit::Memory), 128 * MIB);
    }

    #[test]
    fn an_interpreter_gets_more_where_nobody_has_said_how_much() {
        let memory = |limits: Limits| limits.for_interpreter().get(Limit::Memory);
        let mut limits = Limits::default();
        assert_eq!(memory(limits), 256 * MIB);
        limits.set(Limit::Memory, 64 * MIB).unwrap();
        assert!(limits.is_set(Limit::Memory) && !limits.is_set(Limit::Time));
        assert_eq!(memory(limits), 64 * MIB);
        let mut maxima = Maxima::default();
        maxima.set(Limit::Memory, 100 * MIB).unwrap();
        assert_eq!(memory(Limits::below(maxima)), 100 * MIB);
    }

    #[test]
    fn what_was_exceeded_is_told_with_the_key_that_raises_it() {
        let mut limits = Limits::default();
        assert_eq!(
            limits.exceeded(Limit::Memory, Some(80 * MIB)),
            "limit `memory` (all memories together) is 64MiB, 80MiB asked for; raise it with `limits.memory`, up to 1GiB"
        );
        limits.set(Limit::Time, 600 * SEC).unwrap();
        assert_eq!(
            limits.exceeded(Limit::Time, None),
            "limit `time` (wall time of the call) is 10m; this is the host's maximum"
        );
    }

    #[test]
    fn the_documentation_has_every_limit_as_it_is() {
        let documentation = include_str!("../../docs/plugins.md");
        for spec in &TABLE {
            let show = |value| spec.unit.show(value);
            let row = format!("| `{}` | {} | {} | {} |\n", spec.key, show(spec.default), show(spec.max), spec.what);
            assert!(documentation.contains(&row), "docs/plugins.md lacks: {row}");
        }
    }

    #[test]
    fn values_show_as_they_are_written() {
        assert_eq!(show_duration(Duration::from_millis(5_400_250)), "1h 30m 250ms");
        assert_eq!(show_duration(Duration::ZERO), "0s");
        assert_eq!(show_bytes(1536 * KIB), "1536KiB");
        assert_eq!(show_bytes(0), "0B");
        assert_eq!(Unit::Count.show(20_000), "20000");
    }
}
