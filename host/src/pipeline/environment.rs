//! `[environment]`: what stages inherit, files of variables, and variables of every stage.

use std::collections::HashMap;

use toml::de::DeValue;

use super::files::Folder;
use super::include::Document;
use super::layers::unique;
use super::model::{Environment, Inherit};
use super::names::{env_problem, variable_problem};
use super::text::{Names, Text};
use crate::config::read::{Field, Reader};
use crate::config::words::clip;

pub(super) const KEYS: [&str; 3] = ["inherit", "dotenv", "set"];
pub(super) const DOTENV_KEYS: [&str; 2] = ["file", "optional"];

pub(super) fn read(reader: &mut Reader, documents: &[Document<'_>], names: &Names<'_>) -> Environment {
    let mut environment = Environment::default();
    let (mut keys, mut set) = (HashMap::new(), HashMap::new());
    for document in documents {
        let Some(field) = document.table.get("environment") else { continue };
        let Some(table) = reader.table(&field, "the table `[environment]`") else { continue };
        reader.refuse_unknown(table, "`[environment]`", &KEYS);
        for field in table.fields() {
            match field.name {
                "inherit" if unique(reader, &mut keys, &field, "key") => {
                    environment.inherit = read_inherit(reader, &field).unwrap_or_default();
                }
                "dotenv" => read_dotenv(reader, &field, &document.folder, &mut environment),
                "set" => read_set(reader, &field, names, &mut set, &mut environment),
                _ => {}
            }
        }
    }
    environment
}

fn read_inherit(reader: &mut Reader, field: &Field<'_>) -> Option<Inherit> {
    const EXPECTED: &str = "\"all\", \"standard\", or an array of names";
    if let DeValue::String(word) = field.value {
        return match word.as_ref() {
            "all" => Some(Inherit::All),
            "standard" => Some(Inherit::Listed(Vec::new())),
            other => {
                let meant = reader.suggester.nearest(other, ["all", "standard"]);
                let draft = reader.bad_value(field, format!("expected {EXPECTED}")).did_you_mean(meant);
                if meant.is_none() && variable_problem(other).is_none() {
                    draft.help(format!("for this variable, write `inherit = [\"{}\"]`", clip(other)));
                }
                None
            }
        };
    }
    if !matches!(field.value, DeValue::Array(_)) {
        reader.wrong_type(field, EXPECTED);
        return None;
    }
    let mut listed = Vec::new();
    for (element, name) in reader.strings(field, EXPECTED)? {
        match variable_problem(name) {
            Some(problem) => {
                let message = format!("bad name `{}` of an environment variable", clip(name));
                reader.mistakes.error(element.at, message).label(problem);
            }
            None => listed.push(name.to_owned()),
        }
    }
    Some(Inherit::Listed(listed))
}

fn read_dotenv(reader: &mut Reader, field: &Field<'_>, folder: &Folder, environment: &mut Environment) {
    const EXPECTED: &str = "an array of paths or `{ file = \"…\", optional = true }`";
    for element in reader.array(field, EXPECTED).unwrap_or_default() {
        let (path, optional) = match element.value {
            DeValue::Table(_) => {
                let Some(table) = reader.table(&element, "a table") else { continue };
                let mistyped = reader.refuse_unknown(table, "`dotenv`", &DOTENV_KEYS);
                let Some(file) = table.get("file") else {
                    if !mistyped.contains(&"file") {
                        let draft = reader.mistakes.error(element.at, "`file` is missing in `dotenv`");
                        draft.help("write `{ file = \".env\", optional = true }`").may_follow_from_syntax();
                    }
                    continue;
                };
                let optional = table.get("optional").and_then(|optional| reader.boolean(&optional));
                (reader.line(&file, "a path"), optional.unwrap_or_default())
            }
            _ => (reader.line(&element, "a path, or `{ file = \"…\", optional = true }`"), false),
        };
        environment.dotenv.extend(path.map(|path| (folder.file(path).0, optional)));
    }
}

fn read_set<'d>(
    reader: &mut Reader,
    field: &Field<'d>,
    names: &Names<'_>,
    first: &mut HashMap<&'d str, Field<'d>>,
    environment: &mut Environment,
) {
    let Some(table) = reader.table(field, "a table of strings") else { return };
    for variable in table.fields() {
        if !unique(reader, first, &variable, "variable") {
            continue;
        }
        bad_variable(reader, &variable);
        if let Some(value) = reader.string(&variable, "a string")
            && let Some(value) = Text::read(reader, &variable.at, value, names)
        {
            environment.set.insert(variable.name.to_owned(), value.fill(&[]).into_owned());
        }
    }
}

/// Refuses a name that a stage's variable can't have.
pub(super) fn bad_variable(reader: &mut Reader, variable: &Field<'_>) {
    if let Some(problem) = env_problem(variable.name) {
        let message = format!("bad name `{}` of an environment variable", clip(variable.name));
        reader.mistakes.error(variable.key_at.clone(), message).label(problem);
    }
}
