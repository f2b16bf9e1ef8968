//! `matrix`, `foreach` and `exclude`: what a stage is made from, and its members.

use std::collections::HashMap;
use std::rc::Rc;

use super::MAX_MEMBERS;
use super::files::Files;
use super::layers::{Found, Layers};
use super::lists::{self, List, MAX_VALUES};
use super::text::Text;
use crate::config::read::{Field, Reader};
use crate::config::words::clip;

const MAX_EXCLUDED: usize = 1_000;

/// What a stage is made from.
#[derive(Default)]
pub(super) struct Vary {
    /// What varies, as it stands in placeholders: `matrix.year`, `item`, `item.n`.
    pub(super) names: Vec<String>,
    /// The same as members tell it: `year`, `item`, `item.n`.
    pub(super) shown: Vec<String>,
    /// The values of each member, in order.
    pub(super) members: Vec<Vec<(String, String)>>,
    /// How many of the names are axes of the matrix.
    axes: usize,
}

/// `Ok(None)`: the stage is one. `Err`: mistakes are recorded, and its members are not known.
pub(super) fn read(reader: &mut Reader, files: &mut Files<'_>, layers: &Layers<'_>) -> Result<Option<Vary>, ()> {
    let (matrix, foreach, exclude) = (layers.get("matrix"), layers.get("foreach"), layers.get("exclude"));
    if matrix.is_none() && foreach.is_none() {
        if let Some(exclude) = exclude {
            let draft = reader.mistakes.error(exclude.field.key_at, "`exclude` without `matrix`");
            draft.label("there is nothing to leave out").may_follow_from_syntax();
        }
        return Ok(None);
    }
    let mut vary = Vary::default();
    let mut factors: Vec<Rc<List>> = Vec::new();
    let mut good = true;
    if let Some(matrix) = &matrix {
        good &= read_matrix(reader, files, matrix, &mut vary, &mut factors).is_some();
    }
    vary.axes = vary.names.len();
    if let Some(foreach) = &foreach {
        match lists::read(reader, files, &foreach.field, foreach.folder) {
            Some(list) => {
                let parts = list.parts.iter().flatten().map(|part| format!("item.{part}"));
                vary.names.extend(parts);
                if list.parts.is_none() {
                    vary.names.push("item".to_owned());
                }
                factors.push(list);
            }
            None => good = false,
        }
    }
    let shown = |name: &String| name.strip_prefix("matrix.").unwrap_or(name).to_owned();
    vary.shown = vary.names.iter().map(shown).collect();
    let Some(at) = matrix.or(foreach).filter(|_| good) else { return Err(()) };
    let count = factors.iter().try_fold(1usize, |count, list| count.checked_mul(list.items.len()));
    if count.is_none_or(|count| count > MAX_MEMBERS) {
        let count = count.map_or("too many".to_owned(), |count| count.to_string());
        let draft = reader.mistakes.error(at.field.key_at, format!("it makes {count} stages"));
        draft.label(format!("at most {MAX_MEMBERS} can be made from one"));
        return Err(());
    }
    if count.is_some_and(|count| count * vary.names.len() > MAX_VALUES) {
        let message = format!("its members have more than {MAX_VALUES} values together");
        reader.mistakes.error(at.field.key_at, message).help("take parts out of the items that no placeholder names");
        return Err(());
    }
    vary.members = product(&factors, &vary.shown);
    if let Some(exclude) = exclude {
        leave_out(reader, &exclude, &mut vary)?;
    }
    Ok(Some(vary))
}

fn read_matrix(
    reader: &mut Reader,
    files: &mut Files<'_>,
    matrix: &Found<'_>,
    vary: &mut Vary,
    factors: &mut Vec<Rc<List>>,
) -> Option<()> {
    let table = reader.table(&matrix.field, "a table such as `{ year = [2023, 2024] }`")?;
    let mut good = true;
    for axis in table.fields() {
        let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if axis.name.is_empty() || !axis.name.chars().all(letters) {
            let draft =
                reader.mistakes.error(axis.key_at.clone(), format!("bad name `{}` of an axis", clip(axis.name)));
            draft.label("letters, digits, `_` and `-` are allowed");
            good = false;
        }
        vary.names.push(format!("matrix.{}", axis.name));
        match lists::read(reader, files, &axis, matrix.folder) {
            Some(list) => {
                good &= plain_and_distinct(reader, &axis, &list);
                factors.push(list);
            }
            None => good = false,
        }
    }
    if vary.names.is_empty() {
        reader.bad_value(&matrix.field, "it has no axis").help("write `matrix = { year = [2023, 2024] }`");
        good = false;
    }
    good.then_some(())
}

fn plain_and_distinct(reader: &mut Reader, axis: &Field<'_>, list: &List) -> bool {
    if list.parts.is_some() {
        let draft = reader.bad_value(axis, "an axis has plain values");
        draft.help("use `foreach` for items with parts");
        return false;
    }
    let mut first = HashMap::with_capacity(list.items.len());
    let mut good = true;
    for item in &list.items {
        if let Some(first) = first.insert(item.values[0].as_str(), item.at.clone()) {
            let message = format!("`{}` is listed twice in `{}`", clip(&item.values[0]), clip(axis.name));
            reader
                .mistakes
                .error(item.at.clone(), message)
                .label("again here")
                .also(first, "first here")
                .help("keep one");
            good = false;
        }
    }
    good
}

/// Every combination, the first list slowest.
fn product(factors: &[Rc<List>], shown: &[String]) -> Vec<Vec<(String, String)>> {
    let count = factors.iter().map(|list| list.items.len()).product();
    let mut members = Vec::with_capacity(count);
    let mut at = vec![0; factors.len()];
    for _ in 0..count {
        let values = factors.iter().zip(&at).flat_map(|(list, at)| &list.items[*at].values);
        members.push(shown.iter().cloned().zip(values.cloned()).collect());
        for (list, at) in factors.iter().zip(&mut at).rev() {
            *at += 1;
            if *at < list.items.len() {
                break;
            }
            *at = 0;
        }
    }
    members
}

fn leave_out(reader: &mut Reader, exclude: &Found<'_>, vary: &mut Vary) -> Result<(), ()> {
    const EXPECTED: &str = "an array of tables such as `[{ year = 2023 }]`";
    let elements = reader.array(&exclude.field, EXPECTED).ok_or(())?;
    if elements.len() > MAX_EXCLUDED {
        let why = format!("{} combinations, at most {MAX_EXCLUDED} are allowed", elements.len());
        reader.bad_value(&exclude.field, why).help("list the members with `foreach` instead");
        return Err(());
    }
    let mut keep = vec![true; vary.members.len()];
    let mut good = true;
    for element in elements {
        let Some(wanted) = combination(reader, &element, vary) else {
            good = false;
            continue;
        };
        let mut found = false;
        for (member, keep) in vary.members.iter().zip(&mut keep) {
            if wanted.iter().all(|(name, value)| member[*name].1 == *value) {
                *keep = false;
                found = true;
            }
        }
        if !found {
            let draft = reader.mistakes.error(element.at, "`exclude` matches nothing");
            draft.label("no member has these values").help("take it out, or correct the values");
            good = false;
        }
    }
    let mut keep = keep.into_iter();
    vary.members.retain(|_| keep.next().unwrap_or_default());
    if good && vary.members.is_empty() {
        reader.bad_value(&exclude.field, "it leaves nothing").help("keep one combination at least");
        good = false;
    }
    if good { Ok(()) } else { Err(()) }
}

fn combination(reader: &mut Reader, element: &Field<'_>, vary: &Vary) -> Option<Vec<(usize, String)>> {
    let mut wanted = Vec::new();
    let mut good = true;
    let fields = reader.table(element, "a table such as `{ year = 2023 }`")?.fields();
    for field in &fields {
        match vary.shown.iter().position(|name| name == field.name) {
            Some(name) => match lists::scalar(reader, field) {
                Some(value) => wanted.push((name, value)),
                None => good = false,
            },
            None => {
                let meant = reader.suggester.nearest(field.name, vary.shown.iter().map(String::as_str));
                let message = format!("`{}` does not vary", clip(field.name));
                let draft = reader.mistakes.error(field.key_at.clone(), message);
                match meant {
                    Some(_) => draft.did_you_mean(meant),
                    None => draft.help(format!("what varies: {}", vary.shown.join(", "))),
                };
                good = false;
            }
        }
    }
    if fields.is_empty() {
        reader.mistakes.error(element.at.clone(), "`exclude` would leave out everything").label("name some values");
        good = false;
    }
    good.then_some(wanted)
}

impl Vary {
    /// The id with what it doesn't name appended: every axis, and of the item itself or its `id`. `Err`: there is no `id`.
    pub(super) fn complete<'d>(&self, mut id: Text<'d>) -> Result<Text<'d>, ()> {
        let named: Vec<bool> = (0..self.names.len()).map(|number| id.names(number)).collect();
        for (axis, _) in named.iter().enumerate().take(self.axes).filter(|(_, named)| !**named) {
            id = id.and(axis);
        }
        let items = self.axes..self.names.len();
        if items.is_empty() || items.clone().any(|item| named[item]) {
            return Ok(id);
        }
        let telling = |item: &usize| matches!(self.names[*item].as_str(), "item" | "item.id");
        items.clone().find(telling).map(|item| id.and(item)).ok_or(())
    }
}
