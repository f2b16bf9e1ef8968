//! Lists that stages are made from: elements of an array in the file, or lines, JSON or CSV of another one.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

use serde_json::Value;
use serde_json::value::RawValue;
use toml::de::DeValue;

use super::MAX_MEMBERS;
use super::files::{Files, Folder};
use crate::config::read::{Field, Reader};
use crate::config::words::clip;

/// Most values that the members of a stage have together.
pub(super) const MAX_VALUES: usize = 2_000_000;

/// What a stage is made from, one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct List {
    /// Names of the parts of an item. `None`: items have no parts, each is one value.
    pub(super) parts: Option<Vec<String>>,
    /// The items, not empty.
    pub(super) items: Vec<Item>,
}

/// An item: its values, one for each part, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) values: Vec<String>,
    pub(super) at: Range<usize>,
}

/// What one item is.
enum Shape {
    Value(String),
    Parts(Vec<(String, String)>),
}

/// Reads `[…]` or `{ file = "…" }`. `None`: mistakes are recorded.
pub(super) fn read(reader: &mut Reader, files: &mut Files<'_>, field: &Field<'_>, folder: &Folder) -> Option<Rc<List>> {
    if let DeValue::Table(_) = field.value {
        return read_file(reader, files, field, folder);
    }
    let elements = reader.array(field, "an array of values, or `{ file = \"…\" }`")?;
    let mut builder = Builder::new(field.at.clone());
    for element in elements {
        let shape = match element.value {
            DeValue::Table(_) => item_table(reader, &element),
            _ => scalar(reader, &element).map(Shape::Value),
        };
        builder.add(reader, element.at.clone(), shape)?;
    }
    builder.finish(reader).map(Rc::new)
}

fn item_table(reader: &mut Reader, element: &Field<'_>) -> Option<Shape> {
    let mut parts = Vec::new();
    let mut good = true;
    for field in reader.table(element, "a table")?.fields() {
        match scalar(reader, &field) {
            Some(value) => parts.push((field.name.to_owned(), value)),
            None => good = false,
        }
    }
    good.then_some(Shape::Parts(parts))
}

/// A string, an integer or a boolean as text.
pub(super) fn scalar(reader: &mut Reader, field: &Field<'_>) -> Option<String> {
    match field.value {
        DeValue::String(_) => reader.string(field, "a string").map(str::to_owned),
        DeValue::Boolean(value) => Some(value.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(value) => Some(value.to_string()),
            Err(_) => {
                reader.bad_value(field, "the integer does not fit in 64 bits").help("write it in quotes");
                None
            }
        },
        DeValue::Float(number) => {
            let advice = format!("write it in quotes: \"{number}\"");
            reader.wrong_type(field, "a string, an integer or a boolean").help(advice);
            None
        }
        _ => {
            reader.wrong_type(field, "a string, an integer or a boolean");
            None
        }
    }
}

fn read_file(reader: &mut Reader, files: &mut Files<'_>, field: &Field<'_>, folder: &Folder) -> Option<Rc<List>> {
    let table = reader.table(field, "a table")?;
    let mistyped = reader.refuse_unknown(table, &format!("`{}`", clip(field.name)), &["file"]);
    let Some(file) = table.get("file") else {
        if mistyped.is_empty() {
            let draft = reader.mistakes.error(field.at.clone(), format!("`file` is missing in `{}`", clip(field.name)));
            draft.help("write `{ file = \"list.txt\" }`, or an array of values").may_follow_from_syntax();
        }
        return None;
    };
    let (path, shown) = folder.file(reader.line(&file, "a path")?);
    if let Some(known) = files.lists.get(&path) {
        return known.clone();
    }
    let list = files.read(reader, &file.at, (&path, &shown), "the list").and_then(|text| {
        let base = reader.mistakes.add_source(&shown, text.clone());
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let builder = Builder::new(file.at.clone());
        match extension.to_ascii_lowercase().as_str() {
            "json" => from_json(reader, builder, base, &text),
            "csv" => from_csv(reader, builder, base, &text, &shown),
            _ => from_lines(reader, builder, base, &text),
        }
    });
    let list = list.map(Rc::new);
    files.lists.insert(path, list.clone());
    list
}

fn from_lines(reader: &mut Reader, mut builder: Builder, base: usize, text: &str) -> Option<List> {
    let mut start = base;
    for line in text.split_inclusive('\n') {
        let word = line.trim_start_matches('\u{feff}').trim();
        if !word.is_empty() && !word.starts_with('#') {
            let from = start + (line.len() - line.trim_start_matches('\u{feff}').trim_start().len());
            builder.add(reader, from..from + word.len(), Some(Shape::Value(word.to_owned())))?;
        }
        start += line.len();
    }
    builder.finish(reader)
}

fn from_json(reader: &mut Reader, mut builder: Builder, base: usize, text: &str) -> Option<List> {
    let items: Vec<&RawValue> = match serde_json::from_str(text) {
        Ok(items) => items,
        Err(error) => {
            let line: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
            let at = base + (line + error.column().saturating_sub(1)).min(text.len());
            let why = error.to_string();
            let why = why.split(" at line ").next().unwrap_or_default();
            reader.mistakes.error(at..at + 1, "the list is no JSON array").label(clip(why));
            return None;
        }
    };
    for raw in items {
        // It is a part of the text.
        let from = base + (raw.get().as_ptr().addr() - text.as_ptr().addr());
        let at = from..from + raw.get().len();
        let shape = match serde_json::from_str(raw.get()) {
            Ok(Value::Object(_)) => json_parts(reader, &at, raw.get()),
            Ok(value) => json_value(value, raw.get()).map(Shape::Value).or_else(|| {
                let draft = reader.mistakes.error(at.clone(), "an item of the list has the wrong type");
                draft.label("expected a string, a number, a boolean, or an object of such");
                None
            }),
            Err(error) => {
                reader.mistakes.error(at.clone(), "an item of the list can't be read").label(error.to_string());
                None
            }
        };
        builder.add(reader, at, shape)?;
    }
    builder.finish(reader)
}

fn json_parts(reader: &mut Reader, at: &Range<usize>, text: &str) -> Option<Shape> {
    // The one knows the order, the other how numbers are written.
    let fields: serde_json::Map<String, Value> = serde_json::from_str(text).ok()?;
    let written: HashMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    let mut parts = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let Some(value) = json_value(value, written[&name].get()) else {
            let draft = reader.mistakes.error(at.clone(), format!("`{}` has the wrong type", clip(&name)));
            draft.label("expected strings, numbers and booleans");
            return None;
        };
        parts.push((name, value));
    }
    Some(Shape::Parts(parts))
}

/// A string, a number as it is written, or a boolean.
fn json_value(value: Value, written: &str) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Bool(_) | Value::Number(_) => Some(written.to_owned()),
        _ => None,
    }
}

fn from_csv(reader: &mut Reader, mut builder: Builder, base: usize, text: &str, shown: &Path) -> Option<List> {
    let body = text.trim_start_matches('\u{feff}');
    let skipped = text.len() - body.len();
    let mut rows = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(body.as_bytes());
    let place = |position: Option<&csv::Position>| {
        let from = position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or_default();
        let from = body.floor_char_boundary(from.min(body.len()));
        // A position is the end of the row before it.
        let from = from + (body[from..].len() - body[from..].trim_start_matches(['\r', '\n']).len());
        let end = body[from..].find('\n').map_or(body.len(), |line| from + line);
        base + skipped + from..base + skipped + end
    };
    let header: Vec<String> = match rows.headers() {
        Ok(header) => header.iter().map(str::to_owned).collect(),
        Err(error) => {
            reader.mistakes.error(base..base + 1, "the list is no CSV").label(error.to_string());
            return None;
        }
    };
    if header.iter().all(String::is_empty) {
        let message = format!("the list `{}` is empty", clip(&shown.display().to_string()));
        reader.mistakes.error(base..base + 1, message).label("expected a line of names");
        return None;
    }
    for row in rows.records() {
        match row {
            Ok(row) => {
                let values = header.iter().cloned().zip(row.iter().map(str::to_owned)).collect();
                builder.add(reader, place(row.position()), Some(Shape::Parts(values)))?;
            }
            Err(error) => {
                let why = match error.kind() {
                    csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                        format!("it has {len} of {expected_len} values")
                    }
                    _ => error.to_string(),
                };
                reader.mistakes.error(place(error.position()), "a row of the list can't be read").label(why);
                builder.bad = true;
            }
        }
    }
    builder.finish(reader)
}

/// Gathers items, which all have the same parts.
struct Builder {
    list: List,
    /// Where the list is named.
    at: Range<usize>,
    bad: bool,
}

impl Builder {
    fn new(at: Range<usize>) -> Self {
        Self { list: List::default(), at, bad: false }
    }

    /// Adds an item; `None` in `shape`: it was refused. Gives `None` where it makes no sense to go on.
    fn add(&mut self, reader: &mut Reader, at: Range<usize>, shape: Option<Shape>) -> Option<()> {
        let values = self.list.items.len() * self.list.parts.as_ref().map_or(1, Vec::len);
        if self.list.items.len() == MAX_MEMBERS || values > MAX_VALUES {
            let draft = reader.mistakes.error(self.at.clone(), "the list is too long");
            draft.label(format!("at most {MAX_MEMBERS} items, and {MAX_VALUES} values of all, are allowed"));
            return None;
        }
        let Some(shape) = shape else {
            self.bad = true;
            return Some(());
        };
        let (names, values) = match shape {
            Shape::Value(value) => (None, vec![value]),
            Shape::Parts(parts) => {
                let (names, values): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
                (Some(names), values)
            }
        };
        if values.iter().any(|value| value.contains('\0')) {
            reader.mistakes.error(at, "an item of the list contains a NUL character");
            self.bad = true;
            return Some(());
        }
        if self.list.items.is_empty() {
            self.bad |= names.as_ref().is_some_and(|names| bad_names(reader, &at, names));
            self.list.parts = names;
            self.list.items.push(Item { values, at });
            return Some(());
        }
        let values = match (&self.list.parts, names) {
            (None, None) => values,
            (Some(expected), Some(names)) if *expected == names => values,
            (Some(expected), Some(names)) => match reordered(expected, &names, &values) {
                Ok(values) => values,
                Err(why) => {
                    self.refuse(reader, at, why);
                    return Some(());
                }
            },
            (parts, _) => {
                let expected =
                    if parts.is_some() { "a table, as the first one is" } else { "a value, as the first one is" };
                self.refuse(reader, at, format!("expected {expected}"));
                return Some(());
            }
        };
        self.list.items.push(Item { values, at });
        Some(())
    }

    fn refuse(&mut self, reader: &mut Reader, at: Range<usize>, why: String) {
        let draft = reader.mistakes.error(at, "the items of the list differ in kind").label(why);
        draft.also(self.list.items[0].at.clone(), "the first one");
        self.bad = true;
    }

    fn finish(self, reader: &mut Reader) -> Option<List> {
        if self.list.items.is_empty() && !self.bad {
            reader.mistakes.error(self.at, "the list is empty").label("nothing would be made from it");
            return None;
        }
        (!self.bad).then_some(self.list)
    }
}

fn bad_names(reader: &mut Reader, at: &Range<usize>, names: &[String]) -> bool {
    let mut seen = HashSet::new();
    let bad = names.iter().find(|name| name.trim().is_empty() || name.contains(['{', '}']) || !seen.insert(*name));
    if let Some(bad) = bad {
        let draft =
            reader.mistakes.error(at.clone(), format!("bad name `{}` of a part of the list's items", clip(bad)));
        draft.label("names are not empty, stand there once, and have no braces");
    } else if names.is_empty() {
        reader
            .mistakes
            .error(at.clone(), "an item of the list is empty")
            .label("expected a table such as `{ id = \"a\" }`");
    }
    bad.is_some() || names.is_empty()
}

fn reordered(expected: &[String], names: &[String], values: &[String]) -> Result<Vec<String>, String> {
    if let Some(name) = names.iter().find(|name| !expected.contains(name)) {
        return Err(format!("`{}` is not there in the first one", clip(name)));
    }
    let value = |name: &String| {
        let at = names.iter().position(|known| known == name).ok_or(format!("`{}` is missing", clip(name)))?;
        Ok(values[at].clone())
    };
    expected.iter().map(value).collect()
}
