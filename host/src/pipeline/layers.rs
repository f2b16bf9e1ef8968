//! `[templates]` and `[groups]`: where a stage's keys come from. The stage's own win, then those of its templates, the last
//! one first, then its group's, then those of the group's templates; tables such as `env` are merged key by key.

use std::collections::HashMap;

use toml::de::DeValue;

use super::files::Folder;
use super::include::Document;
use super::stage::{GROUP_KEYS, TEMPLATE_KEYS};
use crate::config::read::{Field, Reader, Table};
use crate::config::words::clip;

/// A table with keys of a stage, and the folder that its paths are relative to.
#[derive(Clone, Copy)]
pub(super) struct Layer<'d> {
    pub(super) table: Table<'d>,
    pub(super) folder: &'d Folder,
}

/// A key and the folder that its paths are relative to.
pub(super) struct Found<'d> {
    pub(super) field: Field<'d>,
    pub(super) folder: &'d Folder,
}

/// Where a stage's keys come from, what wins first.
pub(super) struct Layers<'d>(pub(super) Vec<Layer<'d>>);

impl<'d> Layers<'d> {
    /// The key that wins.
    pub(super) fn get(&self, key: &str) -> Option<Found<'d>> {
        self.0.iter().find_map(|layer| Some(Found { field: layer.table.get(key)?, folder: layer.folder }))
    }

    /// The key wherever it is, what wins last.
    pub(super) fn all(&self, key: &str) -> impl Iterator<Item = Field<'d>> {
        self.0.iter().rev().filter_map(move |layer| layer.table.get(key))
    }
}

/// A stage as it is declared.
pub(super) struct Declared<'d> {
    /// Its id and its table.
    pub(super) field: Field<'d>,
    /// `None`: it is no table.
    pub(super) layers: Option<Layers<'d>>,
    pub(super) group: Option<&'d str>,
}

/// Everything that is declared in the documents.
pub(super) struct Declarations<'d> {
    /// In the order of the files.
    pub(super) stages: Vec<Declared<'d>>,
    /// Names of the groups.
    pub(super) groups: Vec<&'d str>,
    /// Templates and groups by themselves, to be checked even if nobody uses them.
    pub(super) alone: Vec<(Field<'d>, Layers<'d>)>,
}

/// A table of named tables, from all documents: a name that is there twice is refused.
fn named<'d>(reader: &mut Reader, documents: &'d [Document<'d>], key: &str, what: &str) -> Vec<(Field<'d>, Layer<'d>)> {
    let mut first: HashMap<&str, Field<'d>> = HashMap::new();
    let mut found = Vec::new();
    for document in documents {
        let Some(field) = document.table.get(key) else { continue };
        let Some(table) = reader.table(&field, &format!("a table for each {what}: write `[{key}.name]`")) else {
            continue;
        };
        for field in table.fields() {
            if field.name.is_empty() {
                reader.mistakes.error(field.key_at.clone(), format!("the name of a {what} is empty"));
            }
            let Some(table) = reader.table(&field, &format!("a table: write `[{key}.name]`")) else { continue };
            if !unique(reader, &mut first, &field, what) {
                continue;
            }
            found.push((field, Layer { table, folder: &document.folder }));
        }
    }
    found
}

/// Whether a name is met for the first time; records a mistake if not.
pub(super) fn unique<'d>(
    reader: &mut Reader,
    first: &mut HashMap<&'d str, Field<'d>>,
    field: &Field<'d>,
    what: &str,
) -> bool {
    let Some(before) = first.get(field.name) else {
        first.insert(field.name, field.clone());
        return true;
    };
    let draft = reader.mistakes.error(field.key_at.clone(), format!("{what} `{}` is defined twice", clip(field.name)));
    draft.label("again here").also(before.key_at.clone(), "first here").help("keep one, or give one another name");
    false
}

pub(super) fn read<'d>(reader: &mut Reader, documents: &'d [Document<'d>]) -> Declarations<'d> {
    let mut alone = Vec::new();
    let mut templates = HashMap::new();
    for (field, layer) in named(reader, documents, "templates", "template") {
        reader.refuse_unknown(layer.table, &format!("template `{}`", clip(field.name)), &TEMPLATE_KEYS);
        alone.push((field.clone(), Layers(vec![layer])));
        templates.insert(field.name, layer);
    }
    let mut stages = Vec::new();
    for document in documents {
        let Some(field) = document.table.get("stages") else { continue };
        declare(reader, &field, &document.folder, None, &[], &templates, &mut stages);
    }
    let mut groups = Vec::new();
    for (field, layer) in named(reader, documents, "groups", "group") {
        let place = format!("group `{}`", clip(field.name));
        reader.refuse_unknown(layer.table, &place, &GROUP_KEYS);
        let mut below = vec![layer];
        below.extend(used(reader, layer.table, &templates));
        alone.push((field.clone(), Layers(vec![layer])));
        groups.push(field.name);
        match layer.table.get("stages") {
            Some(inner) => declare(reader, &inner, layer.folder, Some(field.name), &below, &templates, &mut stages),
            None => {
                let draft = reader.mistakes.error(field.key_at.clone(), format!("{place} has no stages"));
                draft.help(format!("add `[groups.{}.stages.\"id\"]`", clip(field.name))).may_follow_from_syntax();
            }
        }
    }
    stages.sort_by_key(|declared| declared.field.key_at.start);
    Declarations { stages, groups, alone }
}

fn declare<'d>(
    reader: &mut Reader,
    field: &Field<'d>,
    folder: &'d Folder,
    group: Option<&'d str>,
    below: &[Layer<'d>],
    templates: &HashMap<&str, Layer<'d>>,
    stages: &mut Vec<Declared<'d>>,
) {
    if let DeValue::Array(_) = field.value {
        reader.wrong_type(field, "a table for each stage").help("write `[stages.\"id\"]` instead of `[[stages]]`");
        return;
    }
    let Some(table) = reader.table(field, "a table for each stage") else { return };
    let fields = table.fields();
    stages.reserve(fields.len());
    for field in fields {
        let layers = reader.table(&field, "a table: write `[stages.\"id\"]`").map(|table| {
            let mut layers = Vec::with_capacity(1 + below.len());
            layers.push(Layer { table, folder });
            layers.extend(used(reader, table, templates));
            layers.extend_from_slice(below);
            Layers(layers)
        });
        stages.push(Declared { field, layers, group });
    }
}

/// The templates that a table asks for, what wins first.
fn used<'d>(reader: &mut Reader, table: Table<'d>, templates: &HashMap<&str, Layer<'d>>) -> Vec<Layer<'d>> {
    let Some(field) = table.get("template") else { return Vec::new() };
    let names = match field.value {
        DeValue::String(name) => vec![(field.clone(), name.as_ref())],
        _ => reader.strings(&field, "a template's name, or an array of names").unwrap_or_default(),
    };
    let mut layers = Vec::with_capacity(names.len());
    for (element, name) in names.into_iter().rev() {
        match templates.get(name) {
            Some(layer) => layers.push(*layer),
            None => {
                let mut known: Vec<&str> = templates.keys().copied().collect();
                known.sort_unstable();
                let meant = reader.suggester.nearest(name, known.iter().copied());
                let draft = reader.mistakes.error(element.at, format!("unknown template `{}`", clip(name)));
                draft.may_follow_from_lost_names();
                match meant {
                    Some(_) => draft.did_you_mean(meant),
                    None if known.is_empty() => draft.help(format!("define it: `[templates.{}]`", clip(name))),
                    None => draft.help(format!("templates: {}", known.join(", "))),
                };
            }
        }
    }
    layers
}
