//! `needs`: ids, patterns over ids and groups, and which stages they are.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use toml::de::DeValue;

use super::layers::Found;
use super::model::Trigger;
use super::stages::{Made, family};
use super::text::{Names, Text};
use crate::config::read::{Field, Reader};
use crate::config::words::clip;

/// Keys of the long form.
pub(super) const KEYS: [&str; 3] = ["all", "any", "always"];

/// Most needs that the stages have together.
const MAX_NEEDS: usize = 5_000_000;

/// How a group is named.
const GROUP: &str = "group:";

/// `needs` as it is written.
#[derive(Default)]
pub(super) struct Needs<'d> {
    pub(super) trigger: Trigger,
    entries: Vec<(Range<usize>, Text<'d>)>,
}

pub(super) fn read<'d>(reader: &mut Reader, found: Option<Found<'d>>, names: &Names<'_>) -> Needs<'d> {
    let Some(Found { field, .. }) = found else { return Needs::default() };
    let (trigger, field) = match field.value {
        DeValue::Table(_) => match long_form(reader, &field) {
            Some(form) => form,
            None => return Needs::default(),
        },
        _ => (Trigger::All, field),
    };
    let elements = reader.strings(&field, "an array of stage ids");
    if trigger == Trigger::Any && elements.as_ref().is_some_and(Vec::is_empty) {
        reader
            .bad_value(&field, "expected at least one stage id, because one need is what lets it start")
            .help("name what it waits for, or leave `needs` out");
    }
    let elements = elements.unwrap_or_default();
    let entry = |(element, text): (Field<'d>, &'d str)| {
        let text = Text::read(reader, &element.at, text, names)?;
        Some((element.at, text))
    };
    Needs { trigger, entries: elements.into_iter().filter_map(entry).collect() }
}

fn long_form<'d>(reader: &mut Reader, field: &Field<'d>) -> Option<(Trigger, Field<'d>)> {
    let table = reader.table(field, "an array of stage ids")?;
    reader.refuse_unknown(table, "`needs`", &KEYS);
    let fields: Vec<_> = [Trigger::All, Trigger::Any, Trigger::Always]
        .into_iter()
        .filter_map(|trigger| Some((trigger, table.get(trigger.as_str())?)))
        .collect();
    match fields.as_slice() {
        [one] => Some(one.clone()),
        [] => {
            if table.len() == 0 {
                reader
                    .bad_value(field, "expected one of `all`, `any` and `always`")
                    .help("write `needs = { any = [\"a\", \"b\"] }`");
            }
            None
        }
        [(_, first), (_, second), ..] => {
            let message = format!("`needs` has both `{}` and `{}`", first.name, second.name);
            let draft = reader.mistakes.error(second.key_at.clone(), message);
            draft.also(first.key_at.clone(), "the other one").help("keep one of them");
            None
        }
    }
}

/// All stages, to be found by id, pattern and group.
pub(super) struct Index<'m> {
    made: &'m [Made<'m>],
    by_id: HashMap<&'m str, usize>,
    groups: HashMap<&'m str, Rc<[usize]>>,
    /// By id and by id read backwards: made where a pattern asks for it.
    sorted: Option<Vec<usize>>,
    backwards: Option<Vec<(String, usize)>>,
    globs: HashMap<String, Rc<[usize]>>,
    /// Ids that are written without what varies: made where an unknown one asks for it.
    families: Option<HashMap<&'m str, &'m str>>,
    /// For each stage the one that named it last, by whatever means, and by its id.
    named: Vec<usize>,
    by_name: Vec<usize>,
    total: usize,
}

impl<'m> Index<'m> {
    pub(super) fn new(made: &'m [Made<'m>], groups: &[&'m str]) -> Self {
        let mut members: HashMap<&str, Vec<usize>> = groups.iter().map(|group| (*group, Vec::new())).collect();
        let mut by_id = HashMap::with_capacity(made.len());
        for (number, stage) in made.iter().enumerate() {
            by_id.entry(stage.id.as_str()).or_insert(number);
            if let Some(group) = stage.blueprint.group
                && let Some(members) = members.get_mut(group)
            {
                members.push(number);
            }
        }
        Self {
            made,
            by_id,
            groups: members.into_iter().map(|(name, members)| (name, members.into())).collect(),
            sorted: None,
            backwards: None,
            globs: HashMap::new(),
            families: None,
            named: vec![usize::MAX; made.len()],
            by_name: vec![usize::MAX; made.len()],
            total: 0,
        }
    }

    /// The stages that a stage needs; what is wrong is recorded.
    pub(super) fn resolve(&mut self, reader: &mut Reader, stage: usize) -> Vec<usize> {
        let made: &'m Made<'m> = &self.made[stage];
        let entries = &made.blueprint.needs.entries;
        let mut needs = Vec::with_capacity(entries.len());
        for (at, text) in entries {
            let text = text.fill(made.values());
            if let Some(name) = text.strip_prefix(GROUP) {
                let members = self.groups.get(name).cloned();
                match members {
                    Some(members) => self.take(reader, stage, &members, &mut needs, at),
                    None => self.unknown_group(reader, made, at, name),
                }
            } else if text.contains('*') {
                let found = self.matching(&text);
                if !found.iter().any(|other| *other != stage) {
                    let what = if found.is_empty() { "no stage" } else { "no other stage" };
                    let message = format!("`{}` matches {what}", clip(&text));
                    let draft = reader.mistakes.error_once("glob", at.clone(), message);
                    draft.label("`*` stands for any characters of an id").may_follow_from_lost_names();
                    made.told(draft);
                }
                self.take(reader, stage, &found, &mut needs, at);
            } else {
                self.one(reader, stage, at, &text, &mut needs);
            }
        }
        self.total += needs.len();
        needs
    }

    fn one(&mut self, reader: &mut Reader, stage: usize, at: &Range<usize>, id: &str, needs: &mut Vec<usize>) {
        let made = &self.made[stage];
        let Some(&need) = self.by_id.get(id) else {
            self.unknown(reader, made, at, id);
            return;
        };
        if need == stage {
            let message = format!("stage `{}` needs itself", clip(id));
            made.told(reader.mistakes.error_once("itself", at.clone(), message).help("take it out of `needs`"));
        } else if self.by_name[need] == stage {
            let message = format!("stage `{}` needs `{}` twice", clip(&made.id), clip(id));
            let entries = &made.blueprint.needs.entries;
            let first = entries.iter().find(|(_, text)| text.fill(made.values()) == id).map(|(at, _)| at.clone());
            let draft = reader.mistakes.error_once("twice", at.clone(), message).label("again here").help("keep one");
            if let Some(first) = first {
                draft.also(first, "first here");
            }
            made.told(draft);
        } else {
            self.by_name[need] = stage;
            if self.named[need] != stage {
                self.named[need] = stage;
                needs.push(need);
            }
        }
    }

    /// Takes those that aren't there yet, and never the stage itself.
    fn take(&mut self, reader: &mut Reader, stage: usize, found: &[usize], needs: &mut Vec<usize>, at: &Range<usize>) {
        if self.total + needs.len() + found.len() > MAX_NEEDS {
            let message = format!("the stages have more than {MAX_NEEDS} needs together");
            let draft = reader.mistakes.error_once("many", at.clone(), message);
            draft.help("put a stage in between that gathers them, and need that one");
            return;
        }
        for &need in found {
            if need != stage && self.named[need] != stage {
                self.named[need] = stage;
                needs.push(need);
            }
        }
    }

    fn unknown(&mut self, reader: &mut Reader, made: &Made<'_>, at: &Range<usize>, id: &str) {
        let all = self.made;
        let families = self.families.get_or_insert_with(|| all.iter().rev().filter_map(family).collect());
        let group = self.groups.contains_key(id);
        let meant = match families.get(id) {
            None if !group => reader.suggester.nearest(id, all.iter().map(|made| made.id.as_str())),
            _ => None,
        };
        let message = format!("stage `{}` needs an unknown stage `{}`", clip(&made.id), clip(id));
        let draft = reader.mistakes.error_once("unknown", at.clone(), message).may_follow_from_lost_names();
        draft.label("there is no such stage").did_you_mean(meant);
        if let Some(example) = families.get(id) {
            draft.help(format!("many are made from it: `{0}.*` means all of them, `{1}` one", clip(id), clip(example)));
        } else if group {
            draft.help(format!("for all stages of the group, write `{GROUP}{}`", clip(id)));
        }
        made.told(draft);
    }

    fn unknown_group(&self, reader: &mut Reader, made: &Made<'_>, at: &Range<usize>, name: &str) {
        let mut known: Vec<&str> = self.groups.keys().copied().collect();
        known.sort_unstable();
        let meant = reader.suggester.nearest(name, known.iter().copied()).map(|name| format!("{GROUP}{name}"));
        let message = format!("stage `{}` needs an unknown group `{}`", clip(&made.id), clip(name));
        let draft = reader.mistakes.error_once("group", at.clone(), message).may_follow_from_lost_names();
        draft.label("there is no such group").did_you_mean(meant.as_deref());
        made.told(draft);
    }

    /// The stages whose ids a pattern matches, in order.
    fn matching(&mut self, pattern: &str) -> Rc<[usize]> {
        if let Some(known) = self.globs.get(pattern) {
            return known.clone();
        }
        let made = self.made;
        let (prefix, suffix) =
            (pattern.split('*').next().unwrap_or_default(), pattern.rsplit('*').next().unwrap_or_default());
        let matches = |number: &usize| matches(pattern, &made[*number].id);
        // Only those with the same beginning, or the same end, are looked at.
        let mut found: Vec<usize> = if prefix.len() >= suffix.len() {
            let sorted = self.sorted.get_or_insert_with(|| {
                let mut sorted: Vec<usize> = (0..made.len()).collect();
                sorted.sort_unstable_by_key(|number| made[*number].id.as_str());
                sorted
            });
            let from = sorted.partition_point(|number| made[*number].id.as_str() < prefix);
            let same = sorted[from..].iter().copied().take_while(|number| made[*number].id.starts_with(prefix));
            same.filter(matches).collect()
        } else {
            let backwards = self.backwards.get_or_insert_with(|| {
                let reversed = |(number, made): (usize, &Made<'_>)| (made.id.chars().rev().collect(), number);
                let mut backwards: Vec<(String, usize)> = made.iter().enumerate().map(reversed).collect();
                backwards.sort_unstable();
                backwards
            });
            let end: String = suffix.chars().rev().collect();
            let from = backwards.partition_point(|(id, _)| *id < end);
            let same = backwards[from..].iter().take_while(|(id, _)| id.starts_with(&end)).map(|(_, number)| *number);
            same.filter(matches).collect()
        };
        found.sort_unstable();
        let found: Rc<[usize]> = found.into();
        self.globs.insert(pattern.to_owned(), found.clone());
        found
    }

    /// Where it is written that a stage needs another one.
    pub(super) fn place(&self, stage: usize, need: usize) -> Option<Range<usize>> {
        let (made, id) = (&self.made[stage], self.made[need].id.as_str());
        let names = |text: &str| match text.strip_prefix(GROUP) {
            Some(group) => self.made[need].blueprint.group == Some(group),
            None if text.contains('*') => matches(text, id),
            None => text == id,
        };
        let entries = &made.blueprint.needs.entries;
        entries.iter().find(|(_, text)| names(&text.fill(made.values()))).map(|(at, _)| at.clone())
    }
}

/// Whether a text fits a pattern in which `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*", "a", true),
            ("a*a", "a", false),
            ("a*b*c", "a.b.b.c", true),
            ("*.features", "x.features", true),
            ("*.features", "x.features.y", false),
            ("a**b", "ab", true),
            ("*aab*", "aaab", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn a_text_fits_what_is_made_from_it(text in "[ab.]{0,12}", cuts in prop::collection::vec(0usize..12, 0..4)) {
            let mut pattern = text.clone();
            for cut in cuts {
                let cut = cut.min(pattern.len());
                pattern.replace_range(cut..(cut + 1).min(pattern.len()), "*");
            }
            prop_assert!(matches(&pattern, &text), "{} {}", pattern, text);
        }
    }
}
