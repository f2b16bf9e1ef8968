//! Typed access to the spanned TOML document: each getter takes a field and gives its value, or records a mistake
//! that says what was expected and what was found. It knows TOML, not pipelines.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::collect::{Collector, Draft};
use super::units::{BadUnit, parse_duration, parse_size};
use super::words::{Suggester, clip, toml_text};
use crate::limits::show_duration;

/// Names that people know from other tools, and what they are called here.
const ALIASES: [(&str, &str); 28] = [
    ("after", "needs"),
    ("args", "command"),
    ("argv", "command"),
    ("cmd", "command"),
    ("concurrency", "max_parallel"),
    ("cwd", "workdir"),
    ("depends", "needs"),
    ("depends_on", "needs"),
    ("deps", "needs"),
    ("dir", "workdir"),
    ("directory", "workdir"),
    ("environment", "env"),
    ("jobs", "max_parallel"),
    ("retry", "retries"),
    ("script", "run"),
    ("shell", "run"),
    ("working_dir", "workdir"),
    ("delay", "backoff"),
    ("exit_codes", "on_exit"),
    ("continue_on_error", "allow_failure"),
    ("extends", "template"),
    ("for_each", "foreach"),
    ("if", "when"),
    ("strategy", "matrix"),
    ("resource", "resources"),
    ("num_cpus", "cpus"),
    ("num_gpus", "gpus"),
    ("label_selector", "labels"),
];

/// A key and its value. An element of an array is a field, too: its key is the array's.
#[derive(Debug, Clone)]
pub(crate) struct Field<'d> {
    /// The key as written, without quotes.
    pub(crate) name: &'d str,
    /// Where the key stands.
    pub(crate) key_at: Range<usize>,
    /// Where the value stands; of a table with a header, the header.
    pub(crate) at: Range<usize>,
    pub(crate) value: &'d DeValue<'d>,
    /// Where its file starts.
    base: usize,
}

/// A table and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'d> {
    table: &'d DeTable<'d>,
    base: usize,
}

impl<'d> Table<'d> {
    /// A table of the first file.
    pub(crate) fn new(table: &'d DeTable<'d>) -> Self {
        Self::at(table, 0)
    }

    /// A table of the file whose places start at `base`.
    pub(crate) fn at(table: &'d DeTable<'d>, base: usize) -> Self {
        Self { table, base }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Field<'d>> {
        self.table.get_key_value(key).map(|entry| field(entry, self.base))
    }

    /// All fields in the order of the file; the parser keeps them by name.
    pub(crate) fn fields(&self) -> Vec<Field<'d>> {
        let mut fields: Vec<Field<'d>> = self.table.iter().map(|entry| field(entry, self.base)).collect();
        fields.sort_by_key(|field| field.key_at.start);
        fields
    }

    /// How many fields there are.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}

type Entry<'d> = (&'d Spanned<std::borrow::Cow<'d, str>>, &'d Spanned<DeValue<'d>>);

fn field<'d>((key, value): Entry<'d>, base: usize) -> Field<'d> {
    let (key_at, at) = (shifted(key.span(), base), shifted(value.span(), base));
    Field { name: key.get_ref(), key_at, at, value: value.get_ref(), base }
}

fn shifted(span: Range<usize>, base: usize) -> Range<usize> {
    span.start + base..span.end + base
}

/// A type with its article, as messages name it.
fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// The getters, and the mistakes that they found.
pub(crate) struct Reader {
    pub(crate) mistakes: Collector,
    pub(crate) suggester: Suggester,
}

impl Reader {
    /// For a file of so many bytes.
    pub(crate) fn new(length: usize) -> Self {
        Self { mistakes: Collector::new(length), suggester: Suggester::new() }
    }

    /// Records that a field has the wrong type.
    pub(crate) fn wrong_type(&mut self, field: &Field<'_>, expected: &str) -> &mut Draft {
        let draft = self.mistakes.error(field.at.clone(), format!("wrong type for `{}`", clip(field.name)));
        draft.label(format!("expected {expected}, found {}", found(field.value)))
    }

    /// Records that a field's value is not allowed, saying why at the caret.
    pub(crate) fn bad_value(&mut self, field: &Field<'_>, why: impl Into<String>) -> &mut Draft {
        self.mistakes.error(field.at.clone(), format!("bad value for `{}`", clip(field.name))).label(why)
    }

    /// Records every key that is not one of `known`, and gives those of `known` that were probably meant: they are
    /// not missing, only mistyped.
    pub(crate) fn refuse_unknown<'k>(&mut self, table: Table<'_>, place: &str, known: &[&'k str]) -> Vec<&'k str> {
        let mut mistyped = Vec::new();
        for field in table.fields() {
            if known.contains(&field.name) {
                continue;
            }
            let alias = ALIASES.iter().find(|(alias, _)| *alias == field.name).map(|(_, name)| *name);
            let meant = known
                .iter()
                .copied()
                .find(|name| alias == Some(*name))
                .or_else(|| self.suggester.nearest(field.name, known.iter().copied()));
            mistyped.extend(meant);
            let draft = self.mistakes.error(field.key_at, format!("unknown key `{}` in {place}", clip(field.name)));
            match meant {
                Some(_) => draft.did_you_mean(meant),
                None => draft.help(format!("known keys: {}", known.join(", "))),
            };
        }
        mistyped
    }

    pub(crate) fn table<'d>(&mut self, field: &Field<'d>, expected: &str) -> Option<Table<'d>> {
        if let DeValue::Table(table) = field.value {
            return Some(Table { table, base: field.base });
        }
        self.wrong_type(field, expected);
        None
    }

    /// The elements of an array.
    pub(crate) fn array<'d>(&mut self, field: &Field<'d>, expected: &str) -> Option<Vec<Field<'d>>> {
        let DeValue::Array(array) = field.value else {
            self.wrong_type(field, expected);
            return None;
        };
        let element = |value: &'d Spanned<DeValue<'d>>| Field {
            name: field.name,
            key_at: field.key_at.clone(),
            at: shifted(value.span(), field.base),
            value: value.get_ref(),
            base: field.base,
        };
        Some(array.iter().map(element).collect())
    }

    /// A string without NUL, which neither paths nor processes can carry.
    pub(crate) fn string<'d>(&mut self, field: &Field<'d>, expected: &str) -> Option<&'d str> {
        let text = match field.value {
            DeValue::String(text) => text.as_ref(),
            DeValue::Integer(number) => {
                let advice = format!("write it in quotes: \"{number}\"");
                self.wrong_type(field, expected).help(advice);
                return None;
            }
            DeValue::Float(number) => {
                let advice = format!("write it in quotes: \"{number}\"");
                self.wrong_type(field, expected).help(advice);
                return None;
            }
            DeValue::Boolean(value) => {
                let advice = format!("write it in quotes: \"{value}\"");
                self.wrong_type(field, expected).help(advice);
                return None;
            }
            _ => {
                self.wrong_type(field, expected);
                return None;
            }
        };
        if text.contains('\0') {
            self.bad_value(field, "it contains a NUL character");
            return None;
        }
        Some(text)
    }

    /// A string that isn't blank and has no control characters: a name, a path.
    pub(crate) fn line<'d>(&mut self, field: &Field<'d>, expected: &str) -> Option<&'d str> {
        let text = self.string(field, expected)?;
        if text.trim().is_empty() {
            self.bad_value(field, "it is empty");
            return None;
        }
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            self.bad_value(field, format!("it contains the control character `{}`", control.escape_debug()));
            return None;
        }
        Some(text)
    }

    /// The strings of an array, with their places; elements of another type are recorded and left out.
    pub(crate) fn strings<'d>(&mut self, field: &Field<'d>, expected: &str) -> Option<Vec<(Field<'d>, &'d str)>> {
        if let DeValue::String(text) = field.value {
            let advice = format!("write `{} = [{}]`", clip(field.name), toml_text(text));
            self.wrong_type(field, expected).help(advice);
            return None;
        }
        let elements = self.array(field, expected)?;
        Some(
            elements
                .into_iter()
                .filter_map(|element| Some((element.clone(), self.string(&element, "a string")?)))
                .collect(),
        )
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, field: &Field<'_>) -> Option<bool> {
        match field.value {
            DeValue::Boolean(value) => Some(*value),
            DeValue::String(text) if matches!(text.as_ref(), "true" | "false") => {
                let advice = format!("write it without quotes: {text}");
                self.wrong_type(field, "true or false").help(advice);
                None
            }
            _ => {
                self.wrong_type(field, "true or false");
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(crate) fn number(&mut self, field: &Field<'_>, within: RangeInclusive<u64>) -> Option<u64> {
        let value = self.integer(field)?;
        let fits = u64::try_from(value).ok().filter(|value| within.contains(value));
        if fits.is_none() {
            self.bad_value(field, format!("expected {} to {}", within.start(), within.end()));
        }
        fits
    }

    /// A whole number within bounds that may be negative.
    pub(crate) fn signed(&mut self, field: &Field<'_>, within: RangeInclusive<i64>) -> Option<i64> {
        let value = self.integer(field)?;
        let fits = i64::try_from(value).ok().filter(|value| within.contains(value));
        if fits.is_none() {
            self.bad_value(field, format!("expected {} to {}", within.start(), within.end()));
        }
        fits
    }

    /// A whole number that isn't negative; one beyond 64 bits becomes the largest.
    pub(crate) fn count(&mut self, field: &Field<'_>) -> Option<u64> {
        let value = self.integer(field)?;
        if value < 0 {
            self.bad_value(field, "expected a number that is not negative");
            return None;
        }
        Some(u64::try_from(value).unwrap_or(u64::MAX))
    }

    /// A number that isn't negative, with or without a fraction.
    pub(crate) fn fraction(&mut self, field: &Field<'_>) -> Option<f64> {
        let value = match field.value {
            DeValue::Integer(_) => self.integer(field)? as f64,
            DeValue::Float(number) => number.as_str().parse().unwrap_or(f64::NAN),
            _ => {
                self.wrong_type(field, "a number");
                return None;
            }
        };
        if !value.is_finite() || value < 0.0 {
            self.bad_value(field, "expected a finite number that is not negative");
            return None;
        }
        // Minus zero is zero.
        Some(value.abs())
    }

    /// A whole number; one beyond 128 bits becomes the largest or the smallest.
    fn integer(&mut self, field: &Field<'_>) -> Option<i128> {
        let DeValue::Integer(number) = field.value else {
            self.wrong_type(field, "an integer");
            return None;
        };
        let saturated = if number.as_str().starts_with('-') { i128::MIN } else { i128::MAX };
        Some(i128::from_str_radix(number.as_str(), number.radix()).unwrap_or(saturated))
    }

    /// A duration such as `"10m"` within bounds, both included.
    pub(crate) fn duration(&mut self, field: &Field<'_>, least: Duration, most: Duration) -> Option<Duration> {
        let value = self.any_duration(field)?;
        if value < least {
            let why = if value.is_zero() {
                "zero is not allowed".to_owned()
            } else {
                format!("at least {}", show_duration(least))
            };
            self.bad_value(field, why);
            return None;
        }
        if value > most {
            self.bad_value(field, format!("at most {} are allowed", show_duration(most)));
            return None;
        }
        Some(value)
    }

    /// A duration of any length.
    pub(crate) fn any_duration(&mut self, field: &Field<'_>) -> Option<Duration> {
        let text = match field.value {
            DeValue::String(text) => text,
            value => {
                let advice = match value {
                    DeValue::Integer(number) => Some(format!("did you mean \"{number}s\"?")),
                    DeValue::Float(number) => Some(format!("did you mean \"{number}s\"?")),
                    _ => None,
                };
                self.wrong_type(field, "a duration in quotes, such as \"10m\"").maybe_help(advice);
                return None;
            }
        };
        parse_duration(text).map_err(|bad| self.bad_unit(field, "duration", text, bad)).ok()
    }

    /// A size in bytes: `"64MiB"`, or a whole number.
    pub(crate) fn size(&mut self, field: &Field<'_>) -> Option<u64> {
        match field.value {
            DeValue::Integer(_) => self.count(field),
            DeValue::String(text) => parse_size(text).map_err(|bad| self.bad_unit(field, "size", text, bad)).ok(),
            _ => {
                self.wrong_type(field, "a size in quotes, such as \"64MiB\", or a number of bytes");
                None
            }
        }
    }

    fn bad_unit(&mut self, field: &Field<'_>, what: &str, text: &str, bad: BadUnit) {
        let message = format!("`{}` is not a {what}", clip(text));
        self.mistakes.error(field.at.clone(), message).label(bad.problem).maybe_help(bad.advice);
    }

    /// A table as JSON: dates and times become text; what JSON cannot say is recorded.
    pub(crate) fn json(&mut self, field: &Field<'_>) -> Option<serde_json::Value> {
        self.json_below(field, 0)
    }

    fn json_below(&mut self, field: &Field<'_>, depth: usize) -> Option<serde_json::Value> {
        use serde_json::Value;
        if depth > MAX_JSON_DEPTH {
            self.bad_value(field, format!("nested deeper than {MAX_JSON_DEPTH} levels"));
            return None;
        }
        match field.value {
            DeValue::String(text) => Some(Value::String(text.to_string())),
            DeValue::Boolean(value) => Some(Value::Bool(*value)),
            DeValue::Datetime(value) => Some(Value::String(value.to_string())),
            DeValue::Integer(number) => {
                let signed = i64::from_str_radix(number.as_str(), number.radix()).map(Value::from);
                let value = signed.or_else(|_| u64::from_str_radix(number.as_str(), number.radix()).map(Value::from));
                value.map_err(|_| self.bad_value(field, "the integer does not fit in 64 bits")).ok()
            }
            DeValue::Float(number) => {
                let value = number.as_str().parse().ok().and_then(serde_json::Number::from_f64);
                if value.is_none() {
                    self.bad_value(field, "only finite numbers are allowed, JSON has no others");
                }
                value.map(Value::Number)
            }
            DeValue::Array(_) => {
                let elements = self.array(field, "an array")?;
                let values: Vec<_> = elements.iter().map(|element| self.json_below(element, depth + 1)).collect();
                values.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
            }
            DeValue::Table(table) => {
                let fields = Table { table, base: field.base }.fields();
                let values: Vec<_> = fields
                    .iter()
                    .map(|field| Some((field.name.to_owned(), self.json_below(field, depth + 1)?)))
                    .collect();
                values.into_iter().collect::<Option<serde_json::Map<_, _>>>().map(Value::Object)
            }
        }
    }
}

/// Deepest nesting of a plugin's configuration; guests parse it by recursion.
const MAX_JSON_DEPTH: usize = 64;
