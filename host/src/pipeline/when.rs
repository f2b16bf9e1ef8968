//! `when`: the conditions of a stage, as they are written and for each member.

use std::ops::Range;
use std::path::Path;

use toml::de::DeValue;

use super::model::{Condition, EnvTest};
use super::names::variable_problem;
use super::places::place;
use super::stages::Made;
use super::text::{Names, Text};
use crate::config::read::{Field, Reader};
use crate::config::words::clip;
use crate::conventions::result;

pub(super) const KEYS: [&str; 6] = ["env", "profile", "exists", "result", "not", "any"];

/// Result words that a need can have.
pub(super) const RESULTS: [&str; 6] =
    [result::SUCCESS, result::FAILURE, result::ERROR, result::TIMEOUT, result::CANCELLATION, result::SKIP];

/// Deepest nesting of `not` and `any`.
const MAX_DEPTH: usize = 16;

/// A condition as it is written.
pub(super) enum Written<'d> {
    All(Vec<Written<'d>>),
    Any(Vec<Written<'d>>),
    Not(Box<Written<'d>>),
    Is(&'d str, Text<'d>),
    Set(&'d str, bool),
    Profile(Vec<Text<'d>>),
    Exists(Range<usize>, Text<'d>),
    Result(Range<usize>, Text<'d>, &'static str),
}

pub(super) fn read<'d>(reader: &mut Reader, field: &Field<'d>, names: &Names<'_>) -> Option<Written<'d>> {
    read_table(reader, field, names, 0)
}

fn read_table<'d>(reader: &mut Reader, field: &Field<'d>, names: &Names<'_>, depth: usize) -> Option<Written<'d>> {
    let table = reader.table(field, "a table such as `{ profile = [\"prod\"] }`")?;
    if depth > MAX_DEPTH {
        reader.bad_value(field, format!("nested deeper than {MAX_DEPTH} levels"));
        return None;
    }
    reader.refuse_unknown(table, "`when`", &KEYS);
    let mut all = Vec::new();
    for field in table.fields() {
        match field.name {
            "env" => read_env(reader, &field, names, &mut all),
            "profile" => {
                let texts = texts(reader, &field, "an array of profiles", names);
                all.push(Written::Profile(texts.into_iter().map(|(_, text)| text).collect()));
            }
            "exists" => {
                let texts = texts(reader, &field, "an array of paths", names);
                all.extend(texts.into_iter().map(|(at, text)| Written::Exists(at, text)));
            }
            "result" => read_results(reader, &field, names, &mut all),
            "not" => {
                all.extend(read_table(reader, &field, names, depth + 1).map(|inner| Written::Not(Box::new(inner))))
            }
            "any" => {
                let elements = reader.array(&field, "an array of tables").unwrap_or_default();
                if elements.is_empty() && matches!(field.value, DeValue::Array(_)) {
                    reader.bad_value(&field, "it has no choice, so it would never hold").help("leave it out");
                }
                let read = |element: &Field<'d>| read_table(reader, element, names, depth + 1);
                all.push(Written::Any(elements.iter().filter_map(read).collect()));
            }
            _ => {}
        }
    }
    if table.len() == 0 {
        reader.bad_value(field, "it is empty").help("leave it out: the stage runs whenever it can");
    }
    Some(if all.len() == 1 { all.swap_remove(0) } else { Written::All(all) })
}

fn texts<'d>(
    reader: &mut Reader,
    field: &Field<'d>,
    expected: &str,
    names: &Names<'_>,
) -> Vec<(Range<usize>, Text<'d>)> {
    let elements = reader.strings(field, expected).unwrap_or_default();
    if elements.is_empty() && matches!(field.value, DeValue::Array(array) if array.is_empty()) {
        reader.bad_value(field, "it is empty");
    }
    let text = |(element, text): (Field<'d>, &'d str)| {
        Some((element.at.clone(), Text::read(reader, &element.at, text, names)?))
    };
    elements.into_iter().filter_map(text).collect()
}

fn read_env<'d>(reader: &mut Reader, field: &Field<'d>, names: &Names<'_>, all: &mut Vec<Written<'d>>) {
    let Some(table) = reader.table(field, "a table such as `{ CI = true }`") else { return };
    for variable in table.fields() {
        if let Some(problem) = variable_problem(variable.name) {
            let message = format!("bad name `{}` of an environment variable", clip(variable.name));
            reader.mistakes.error(variable.key_at.clone(), message).label(problem);
        }
        if let DeValue::Boolean(set) = variable.value {
            all.push(Written::Set(variable.name, *set));
        } else if let Some(value) = reader.string(&variable, "a string, or true or false")
            && let Some(value) = Text::read(reader, &variable.at, value, names)
        {
            all.push(Written::Is(variable.name, value));
        }
    }
    if table.len() == 0 {
        reader.bad_value(field, "it is empty");
    }
}

fn read_results<'d>(reader: &mut Reader, field: &Field<'d>, names: &Names<'_>, all: &mut Vec<Written<'d>>) {
    let Some(table) = reader.table(field, "a table such as `{ \"stage\" = \"failure\" }`") else { return };
    for stage in table.fields() {
        let id = Text::read(reader, &stage.key_at, stage.name, names);
        let Some(word) = reader.string(&stage, "a result in quotes") else { continue };
        let Some(word) = RESULTS.into_iter().find(|known| *known == word) else {
            let meant = reader.suggester.nearest(word, RESULTS);
            reader.bad_value(&stage, format!("expected one of {}", RESULTS.join(", "))).did_you_mean(meant);
            continue;
        };
        all.extend(id.map(|id| Written::Result(stage.key_at, id, word)));
    }
    if table.len() == 0 {
        reader.bad_value(field, "it is empty");
    }
}

/// The condition of a member. `needs`: id and index of what it needs. What is wrong is recorded.
pub(super) fn fill<'i>(
    reader: &mut Reader,
    written: &Written<'_>,
    made: &Made<'_>,
    workdir: &Path,
    needs: &dyn Fn(&str) -> Option<usize>,
    ids: &dyn Fn() -> Vec<&'i str>,
) -> Option<Condition> {
    let every = |reader: &mut Reader, list: &[Written<'_>]| -> Option<Vec<Condition>> {
        let filled: Vec<_> = list.iter().map(|one| fill(reader, one, made, workdir, needs, ids)).collect();
        filled.into_iter().collect()
    };
    Some(match written {
        Written::All(all) => Condition::All(every(reader, all)?),
        Written::Any(any) => Condition::Any(every(reader, any)?),
        Written::Not(inner) => Condition::Not(Box::new(fill(reader, inner, made, workdir, needs, ids)?)),
        Written::Is(name, value) => {
            Condition::Env((*name).to_owned(), EnvTest::Is(value.fill(made.values()).into_owned()))
        }
        Written::Set(name, set) => Condition::Env((*name).to_owned(), EnvTest::Set(*set)),
        Written::Profile(profiles) => {
            Condition::Profile(profiles.iter().map(|profile| profile.fill(made.values()).into_owned()).collect())
        }
        Written::Exists(at, text) => Condition::Exists(place(reader, made, at, &text.fill(made.values()), workdir)?),
        Written::Result(at, id, word) => {
            let id = id.fill(made.values());
            let Some(stage) = needs(&id) else {
                let meant = reader.suggester.nearest(&id, ids());
                let message = format!(
                    "`when` asks for the result of `{}`, which stage `{}` does not need",
                    clip(&id),
                    clip(&made.id)
                );
                let draft = reader.mistakes.error_once("result", at.clone(), message).may_follow_from_lost_names();
                draft.label("only what it needs has a result by then").did_you_mean(meant);
                draft.help("add it to `needs`; `needs = { always = […] }` lets the stage start after a failure, too");
                made.told(draft);
                return None;
            };
            Condition::Result(stage, (*word).to_owned())
        }
    })
}
