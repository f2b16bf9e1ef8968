//! How the keys `executor` and `ray` of a stage are read, from all of its layers.

use std::collections::BTreeMap;

use super::table::word;
use super::{ExecutorKind, Placement};
use crate::config::read::{Field, Reader, Table};
use crate::config::words::clip;
use crate::pipeline::layers::Layers;
use crate::pipeline::text::{Names, Text, Values};

pub(in crate::pipeline) const KEYS: [&str; 5] = ["cpus", "gpus", "memory", "custom", "labels"];

/// Ray counts resources in steps of this size.
const STEP: f64 = 0.0001;
/// Most of a resource that anybody asks for; the number still is exact in Ray's steps.
const MAX_AMOUNT: f64 = 1e9;
/// Names that Ray has for what has a key of its own here, and that key.
const OWN: [(&str, Option<&str>); 4] =
    [("CPU", Some("cpus")), ("GPU", Some("gpus")), ("memory", Some("memory")), ("object_store_memory", None)];

/// Most characters of a label's name or value, and of the prefix of a name.
const MAX_LABEL: usize = 63;
const MAX_PREFIX: usize = 253;

/// Where a stage runs, as it is written.
#[derive(Default)]
pub(in crate::pipeline) struct Written<'d> {
    /// All but the labels.
    placement: Placement,
    labels: BTreeMap<&'d str, (Field<'d>, Text<'d>)>,
}

/// `stage` names it in messages. `nested`: it is a pipeline.
pub(in crate::pipeline) fn read<'d>(
    reader: &mut Reader,
    stage: &str,
    layers: &Layers<'d>,
    names: &Names<'_>,
    nested: bool,
) -> Written<'d> {
    let mut written = Written::default();
    if let Some(found) = layers.get("executor") {
        written.placement.executor = word(reader, &found.field, &ExecutorKind::ALL, ExecutorKind::as_str);
    }
    for field in layers.all("ray") {
        let Some(table) = reader.table(&field, "a table such as `{ cpus = 2 }`") else { continue };
        reader.refuse_unknown(table, "`ray`", &KEYS);
        for field in table.fields() {
            written.key(reader, &field, names);
        }
    }
    written.placement.custom.retain(|_, amount| *amount > 0.0);
    contradicts(reader, stage, layers.0[0].table, nested);
    written
}

/// What the stage itself says about Ray though it never runs there. What a template says for others is left alone.
fn contradicts(reader: &mut Reader, stage: &str, own: Table<'_>, nested: bool) {
    let (executor, ray) = (own.get("executor"), own.get("ray"));
    let says = |executor: &Option<Field<'_>>, kind: ExecutorKind| {
        let value = executor.as_ref().map(|field| field.value);
        matches!(value, Some(toml::de::DeValue::String(word)) if word == kind.as_str())
    };
    if nested {
        for field in executor.filter(|_| says(&own.get("executor"), ExecutorKind::Ray)).into_iter().chain(ray) {
            let message = format!("stage `{}` is a pipeline, and has `{}`", clip(stage), field.name);
            let draft =
                reader.mistakes.error(field.key_at, message).label("a stage that is a pipeline runs on this machine");
            draft.help("take it out; where the inner stages run is for `[executor]` of the inner pipeline to say");
        }
    } else if let (Some(executor), Some(ray)) = (&executor, ray)
        && says(&Some(executor.clone()), ExecutorKind::Local)
    {
        let message = format!("stage `{}` has `ray`, but never runs there", clip(stage));
        let draft = reader.mistakes.error(ray.key_at, message).also(executor.key_at.clone(), "because of this");
        draft.help("keep one of them; what a local stage takes stands in `resources`");
    }
}

impl<'d> Written<'d> {
    fn key(&mut self, reader: &mut Reader, field: &Field<'d>, names: &Names<'_>) {
        let placement = &mut self.placement;
        match field.name {
            "cpus" => placement.cpus = amount(reader, field).unwrap_or(placement.cpus),
            "gpus" => placement.gpus = gpus(reader, field).unwrap_or(placement.gpus),
            "memory" => placement.memory = reader.size(field).unwrap_or(placement.memory),
            "custom" => self.custom(reader, field),
            "labels" => self.labels(reader, field, names),
            _ => {}
        }
    }

    fn custom(&mut self, reader: &mut Reader, field: &Field<'d>) {
        let Some(table) = reader.table(field, "a table such as `{ slot = 1 }`") else { return };
        for field in table.fields() {
            let own = OWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(field.name));
            if let Some((_, key)) = own {
                let message = format!("`{}` is no custom resource", clip(field.name));
                let draft = reader.mistakes.error(field.key_at, message);
                match key {
                    Some(key) => draft.help(format!("write `ray = {{ {key} = … }}`")),
                    None => draft.label("Ray manages it itself").help("take it out"),
                };
            } else if field.name.trim().is_empty() || field.name.contains(char::is_control) {
                let message = format!("bad name `{}` of a resource", clip(field.name));
                reader.mistakes.error(field.key_at, message).label("expected the name that a node was started with");
            } else if let Some(amount) = amount(reader, &field) {
                self.placement.custom.insert(field.name.to_owned(), amount);
            }
        }
    }

    fn labels(&mut self, reader: &mut Reader, field: &Field<'d>, names: &Names<'_>) {
        let Some(table) = reader.table(field, "a table such as `{ zone = \"a\" }`") else { return };
        for field in table.fields() {
            if !is_name(field.name) {
                let message = format!("bad name `{}` of a label", clip(field.name));
                let draft = reader.mistakes.error(field.key_at, message);
                draft.label("Ray has no labels of such a name");
                draft.help("63 letters, digits, `-`, `_` and `.` at most, the first and the last a letter or digit; in front of it `prefix/` is allowed");
            } else if let Some(text) = reader.string(&field, "a string")
                && let Some(text) = Text::read(reader, &field.at, text, names)
            {
                self.labels.insert(field.name, (field, text));
            }
        }
    }

    /// The placement of one of the stages that are made from it; `told` says of a message which one that is.
    pub(in crate::pipeline) fn fill(
        &self,
        reader: &mut Reader,
        values: &Values,
        told: &dyn Fn(&mut crate::config::collect::Draft),
    ) -> Placement {
        let mut placement = self.placement.clone();
        for (name, (field, text)) in &self.labels {
            let text = text.fill(values);
            if text.is_empty() {
                continue;
            }
            if !is_selector(&text) {
                let message = format!("bad value `{}` of the label `{}`", clip(&text), clip(name));
                let draft = reader.mistakes.error_once("label", field.at.clone(), message);
                draft.label("no node can have it");
                draft.help("write a value, `!value`, `in(a, b)` or `!in(a, b)`; a value has 63 letters, digits, `-`, `_` and `.` at most");
                told(draft);
                continue;
            }
            placement.labels.insert((*name).to_owned(), text.into_owned());
        }
        placement
    }
}

/// An amount of a resource.
fn amount(reader: &mut Reader, field: &Field<'_>) -> Option<f64> {
    let amount = reader.fraction(field)?;
    if amount > MAX_AMOUNT {
        reader.bad_value(field, "no cluster has so much");
        return None;
    }
    if amount > 0.0 && amount < STEP {
        reader.bad_value(field, format!("Ray counts in steps of {STEP}"));
        return None;
    }
    Some(amount)
}

fn gpus(reader: &mut Reader, field: &Field<'_>) -> Option<f64> {
    let amount = amount(reader, field)?;
    if amount > 1.0 && amount.fract() != 0.0 {
        reader.bad_value(field, "Ray shares one GPU, and gives several only whole").help(format!(
            "write {} or {}",
            amount.floor(),
            amount.ceil()
        ));
        return None;
    }
    Some(amount)
}

/// Whether it may be a label's value: Kubernetes' rule, which Ray follows.
fn is_value(text: &str) -> bool {
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= MAX_LABEL
        && end(text.chars().next())
        && end(text.chars().next_back())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn is_name(text: &str) -> bool {
    match text.rsplit_once('/') {
        Some((prefix, name)) => prefix.len() <= MAX_PREFIX && prefix.split('.').all(is_value) && is_value(name),
        None => is_value(text),
    }
}

/// What Ray takes as a condition on a label.
fn is_selector(text: &str) -> bool {
    let text = text.strip_prefix('!').unwrap_or(text);
    match text.strip_prefix("in(").and_then(|rest| rest.strip_suffix(')')) {
        Some(values) => values.split(',').enumerate().all(|(number, value)| {
            is_value(if number == 0 { value } else { value.strip_prefix(' ').unwrap_or(value) })
        }),
        None => is_value(text),
    }
}
