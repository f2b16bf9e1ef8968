//! `forensic-host.toml`, as far as it is about plugins: what whoever runs the host allows at most, whatever a pipeline says.
//!
//! ```toml
//! [plugin.limits]     # maxima; keys and units as in a report's `limits`
//! memory = "128MiB"
//! time = "30s"
//! [plugin.compile]    # of the process that compiles a plugin
//! time = "3m"
//! memory = "2GiB"
//! ```
//!
//! Other tables belong to others and are left alone.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Limit, Maxima, Unit};

/// What compiling one plugin may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Wall time, and CPU time of the compiler's threads together.
    pub time: Duration,
    /// Address space, in bytes.
    pub memory: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        // The largest interpreters that were measured need 30 s of CPU time and less than half of the memory; other work on
        // the same machine may slow them down several times.
        Self { time: Duration::from_secs(180), memory: 2 << 30 }
    }
}

impl CompileLimits {
    /// Keys of `[plugin.compile]`, their units, the least and the most.
    const KEYS: [(&'static str, Unit, u64, u64); 2] =
        [("time", Unit::Time, super::SEC, 3600 * super::SEC), ("memory", Unit::Bytes, 256 << 20, 64 << 30)];
}

/// What the file allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostLimits {
    /// `[plugin.limits]`
    pub maxima: Maxima,
    /// `[plugin.compile]`
    pub compile: CompileLimits,
}

/// Something wrong in the file. It displays as `file:line:column: what`, the line, and a caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Name of the file, as given.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong, and what may be written.
    pub message: String,
    source: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, message, source } = self;
        let margin = " ".repeat(line.to_string().len());
        let indent = " ".repeat(column - 1);
        write!(f, "{file}:{line}:{column}: {message}\n{margin} |\n{line} | {source}\n{margin} | {indent}^")
    }
}

impl std::error::Error for Mistake {}

impl HostLimits {
    /// Reads the file's text; `file` is its name, for messages.
    ///
    /// # Errors
    /// All mistakes, in the order of the file.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        let mut reader = Reader { file, text, mistakes: Vec::new() };
        let mut limits = Self::default();
        match DeTable::parse(text) {
            Ok(document) => reader.document(document.get_ref(), &mut limits),
            Err(error) => reader.mistake(error.span().unwrap_or_default(), error.message().to_owned()),
        }
        reader.mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        if reader.mistakes.is_empty() { Ok(limits) } else { Err(reader.mistakes) }
    }
}

struct Reader<'t> {
    file: &'t str,
    text: &'t str,
    mistakes: Vec<Mistake>,
}

type Value<'d> = Spanned<DeValue<'d>>;

impl Reader<'_> {
    fn document(&mut self, document: &DeTable<'_>, limits: &mut HostLimits) {
        let Some(plugin) = document.get("plugin").and_then(|value| self.table(value, "plugin")) else { return };
        if let Some(table) = plugin.get("limits").and_then(|value| self.table(value, "plugin.limits")) {
            for (key, value) in table.iter() {
                let name = key.get_ref();
                let Some(limit) = Limit::from_key(name) else {
                    let known = super::TABLE.map(|spec| spec.key).join(", ");
                    self.mistake(key.span(), format!("there is no limit `{}`; there are {known}", name.escape_debug()));
                    continue;
                };
                let set = self.number(value, limit.spec().unit).map(|number| limits.maxima.set(limit, number));
                if let Some(Err(bad)) = set {
                    self.mistake(value.span(), bad.to_string());
                }
            }
        }
        if let Some(table) = plugin.get("compile").and_then(|value| self.table(value, "plugin.compile")) {
            for (key, value) in table.iter() {
                let name: &str = key.get_ref();
                let Some((_, unit, min, max)) = CompileLimits::KEYS.into_iter().find(|row| row.0 == name) else {
                    let message = format!("unknown key `{}` in `[plugin.compile]`", name.escape_debug());
                    self.mistake(key.span(), format!("{message}; there are time, memory"));
                    continue;
                };
                match self.number(value, unit) {
                    None => {}
                    Some(number) if !(min..=max).contains(&number) => {
                        let range = format!("{} to {} are allowed", unit.show(min), unit.show(max));
                        self.mistake(value.span(), format!("`{name}` is {}, and {range}", unit.show(number)));
                    }
                    Some(number) if name == "time" => limits.compile.time = Duration::from_nanos(number),
                    Some(number) => limits.compile.memory = number,
                }
            }
        }
    }

    fn table<'d>(&mut self, value: &'d Value<'_>, name: &str) -> Option<&'d DeTable<'d>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => {
                self.mistake(value.span(), format!("`{name}` is a table: write `[{name}]`"));
                None
            }
        }
    }

    fn number(&mut self, value: &Value<'_>, unit: Unit) -> Option<u64> {
        let parsed = match (value.get_ref(), unit) {
            (DeValue::String(text), Unit::Time | Unit::Bytes) => unit.parse(text),
            (DeValue::Integer(number), Unit::Bytes | Unit::Count) => {
                u64::from_str_radix(number.as_str(), number.radix()).map_err(|_| "write a whole number, not below 0")
            }
            (_, Unit::Time) => Err("write a duration in quotes, such as \"5s\""),
            (_, Unit::Bytes) => Err("write a size in quotes, such as \"64MiB\""),
            (_, Unit::Count) => Err("write a whole number"),
        };
        parsed.map_err(|advice| self.mistake(value.span(), advice.to_owned())).ok()
    }

    fn mistake(&mut self, at: Range<usize>, message: String) {
        let at = self.text.floor_char_boundary(at.start.min(self.text.len()));
        let before = &self.text[..at];
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let source = self.text[start..].lines().next().unwrap_or_default();
        self.mistakes.push(Mistake {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: self.text[start..at].chars().count() + 1,
            message,
            source: source.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_lowers_maxima_and_leaves_other_tables_alone() {
        let text = "[other]\nmemory = 1\n[plugin.limits]\nmemory = \"128MiB\"\ntime = \"30s\"\nfuel = 1_000\nlog = 4096\n\
                    [plugin.compile]\ntime = \"5s\"\nmemory = \"1GiB\"\n";
        let limits = HostLimits::parse("forensic-host.toml", text).unwrap();
        let get = |limit| limits.maxima.get(limit);
        assert_eq!((get(Limit::Memory), get(Limit::Time)), (128 << 20, 30_000_000_000));
        assert_eq!((get(Limit::Fuel), get(Limit::Log), get(Limit::Tables)), (1000, 4096, 1000));
        assert_eq!(limits.compile, CompileLimits { time: Duration::from_secs(5), memory: 1 << 30 });
        assert_eq!(HostLimits::parse("f", ""), Ok(HostLimits::default()));
    }

    #[test]
    fn all_mistakes_are_told_with_their_places() {
        let text = "[plugin.limits]\nmemory = \"2GiB\"\nram = 1\n  time = 5\nfuel = \"x\"\n[plugin.compile]\ntime = \"2h\"\ncpu = 1\n";
        let mistakes = HostLimits::parse("h.toml", text).unwrap_err();
        let places: Vec<_> = mistakes.iter().map(|mistake| (mistake.line, mistake.column)).collect();
        assert_eq!(places, [(2, 10), (3, 1), (4, 10), (5, 8), (7, 8), (8, 1)]);
        assert_eq!(
            mistakes[0].to_string(),
            "h.toml:2:10: maximum of limit `memory`: 2GiB, and 64KiB to 1GiB are allowed\n  |\n2 | memory = \"2GiB\"\n  |          ^"
        );
        assert_eq!(mistakes[2].message, "write a duration in quotes, such as \"5s\"");
        assert_eq!(mistakes[4].message, "`time` is 2h, and 1s to 1h are allowed");
    }

    #[test]
    fn broken_text_has_a_place_too() {
        let mistakes = HostLimits::parse("h.toml", "[plugin\nä = ").unwrap_err();
        assert_eq!((mistakes.len(), mistakes[0].line), (1, 1));
        assert_eq!(
            HostLimits::parse("h.toml", "plugin = 1").unwrap_err()[0].message,
            "`plugin` is a table: write `[plugin]`"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\[plugin.limits\\]|\\[plugin.compile\\]|\n|memory|time|fuel| = |\"5s\"|\"\\PC\"|[0-9]{1,30}|\\{|\\}|\\PC){0,30}") {
            for mistake in HostLimits::parse("f", &text).err().into_iter().flatten() {
                proptest::prop_assert!(mistake.line >= 1 && mistake.column >= 1 && !mistake.to_string().is_empty());
            }
        }
    }
}
