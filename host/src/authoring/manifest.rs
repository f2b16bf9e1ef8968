//! `plugin.toml`, the file that makes a folder a plugin's project: what the plugin is called, what its build makes, and what
//! its author asks the owner of a pipeline to grant. Nothing in it grants anything.

use std::path::{Component, Path, PathBuf};

use crate::config::read::{Field, Reader, Table};
use crate::config::words::clip;
use crate::config::{self, LoadError};
use crate::limits::{Limit, Limits};
use crate::pipeline::{id_problem, read_globs, read_limits, repaired_id};

/// Its name.
pub const MANIFEST: &str = "plugin.toml";
/// The most that it may have, in bytes.
const MANIFEST_MAX: u64 = 1 << 20;
/// The most characters of `reason`.
const REASON_MAX: usize = 1_000;

const ROOT: [&str; 2] = ["plugin", "grants"];
const PLUGIN: [&str; 4] = ["name", "language", "component", "config"];
const GRANTS: [&str; 3] = ["artifacts", "reason", "limits"];

/// What a `plugin.toml` says.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The folder that it lies in.
    pub folder: PathBuf,
    /// `[plugin] name`, such as `acme.slowest`.
    pub name: String,
    /// `[plugin] language`.
    pub language: Language,
    /// `[plugin] component`: what the build makes, a path below the folder.
    pub component: PathBuf,
    /// `[plugin] config`, for tests; an empty object where there is none.
    pub config: serde_json::Value,
    /// `[grants]`.
    pub grants: Grants,
}

/// What the author asks the owner of a pipeline to grant.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Grants {
    /// Globs of files below the run directory.
    pub artifacts: Vec<String>,
    /// Why, for whoever decides on it.
    pub reason: Option<String>,
    /// All limits, with what is asked for.
    pub limits: Limits,
    /// Those that are asked for, in the order of the table of limits.
    pub asked: Vec<Limit>,
}

/// A language that has a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Rust.
    Rust,
    /// Python, by componentize-py.
    Python,
    /// JavaScript, by componentize-js.
    JavaScript,
    /// C, by clang.
    C,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rust, Self::Python, Self::JavaScript, Self::C];

    /// The word in `plugin.toml` and after `--lang`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::JavaScript => "js",
            Self::C => "c",
        }
    }

    /// The language of that word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.word() == word)
    }

    /// The language as tools name it in a component's section `producers`.
    pub fn of_producer(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "rust" => Some(Self::Rust),
            "python" => Some(Self::Python),
            "javascript" | "typescript" => Some(Self::JavaScript),
            "c" | "c11" | "c17" | "c99" | "c23" => Some(Self::C),
            _ => None,
        }
    }

    /// What a component should not exceed, in bytes. An empty plugin takes 37 kB in Rust and 11 kB in C; Python and
    /// JavaScript bring their whole interpreters, of 18.4 and 12.6 MB.
    pub fn size_budget(self) -> u64 {
        match self {
            Self::Rust => 150 << 10,
            Self::C => 64 << 10,
            Self::JavaScript => 14 << 20,
            Self::Python => 24 << 20,
        }
    }
}

impl Manifest {
    /// Reads the `plugin.toml` of a folder.
    ///
    /// # Errors
    /// There is none, or it has mistakes; then all are told, with place and cure.
    pub fn read(folder: &Path) -> Result<Self, LoadError> {
        let path = folder.join(MANIFEST);
        let text = config::read_text(&path, MANIFEST_MAX)?;
        let (manifest, _) = config::parse(&path, text, |reader, root| read_root(reader, root, folder))?;
        Ok(manifest)
    }

    /// Where the build puts the component.
    pub fn component_path(&self) -> PathBuf {
        self.folder.join(&self.component)
    }
}

fn read_root(reader: &mut Reader, root: Table<'_>, folder: &Path) -> Option<Manifest> {
    let mistyped = reader.refuse_unknown(root, MANIFEST, &ROOT);
    let Some(field) = root.get("plugin") else {
        if !mistyped.contains(&"plugin") {
            let draft = reader.mistakes.error(0..0, "the table `[plugin]` is missing");
            draft.help("add `[plugin]` with `name`, `language` and `component`").may_follow_from_syntax();
        }
        return None;
    };
    let table = reader.table(&field, "the table `[plugin]`")?;
    let mistyped = reader.refuse_unknown(table, "`[plugin]`", &PLUGIN);
    let required = |reader: &mut Reader, key: &str, example: &str| {
        let found = table.get(key);
        if found.is_none() && !mistyped.contains(&key) {
            let draft = reader.mistakes.error(field.key_at.clone(), format!("`{key}` is missing in `[plugin]`"));
            draft.help(format!("add `{key} = {example}`")).may_follow_from_syntax();
        }
        found
    };
    let name = required(reader, "name", "\"team.report\"").and_then(|name| read_name(reader, &name));
    let language = required(reader, "language", "\"rust\"").and_then(|language| read_language(reader, &language));
    let component = required(reader, "component", "\"team_report.wasm\"").and_then(|path| read_path(reader, &path));
    let config = match table.get("config") {
        Some(config) => reader.table(&config, "a table").and_then(|_| reader.json(&config)),
        None => Some(serde_json::Value::Object(serde_json::Map::new())),
    };
    let grants = root.get("grants").map(|grants| read_grants(reader, &grants)).unwrap_or_default();
    Some(Manifest {
        folder: folder.to_owned(),
        name: name?,
        language: language?,
        component: component?,
        config: config?,
        grants,
    })
}

fn read_name(reader: &mut Reader, field: &Field<'_>) -> Option<String> {
    let name = reader.string(field, "a string")?;
    let Some(problem) = id_problem(name) else { return Some(name.to_owned()) };
    let draft = reader.mistakes.error(field.at.clone(), format!("bad name `{}`", clip(name)));
    draft.label(problem).did_you_mean(repaired_id(name).filter(|fixed| fixed != name).as_deref());
    None
}

fn read_language(reader: &mut Reader, field: &Field<'_>) -> Option<Language> {
    let word = reader.string(field, "a string")?;
    let language = Language::of(word);
    if language.is_none() {
        let meant = Language::of_producer(word).map(Language::word);
        let meant = meant.or_else(|| reader.suggester.nearest(word, Language::ALL.map(Language::word)));
        let draft = reader.bad_value(field, "expected \"rust\", \"python\", \"js\" or \"c\"");
        draft.did_you_mean(meant);
    }
    language
}

fn read_path(reader: &mut Reader, field: &Field<'_>) -> Option<PathBuf> {
    let path = Path::new(reader.line(field, "a path below this folder")?);
    if path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Some(path.to_owned());
    }
    reader.bad_value(field, "it leads out of this folder").help("write a path below it, such as \"team_report.wasm\"");
    None
}

fn read_grants(reader: &mut Reader, field: &Field<'_>) -> Grants {
    let Some(table) = reader.table(field, "the table `[grants]`") else { return Grants::default() };
    reader.refuse_unknown(table, "`[grants]`", &GRANTS);
    let limits = table.get("limits");
    let asked = limits
        .iter()
        .filter_map(|limits| reader_table(limits))
        .flat_map(|limits| limits.fields())
        .filter_map(|field| Limit::from_key(field.name));
    let mut asked: Vec<Limit> = asked.collect();
    asked.sort_by_key(|limit| *limit as usize);
    Grants {
        artifacts: table.get("artifacts").map(|globs| read_globs(reader, &globs)).unwrap_or_default(),
        reason: table.get("reason").and_then(|reason| read_reason(reader, &reason)),
        limits: limits.map(|limits| read_limits(reader, &limits)).unwrap_or_default(),
        asked,
    }
}

/// The table of a field, if it is one; [`read_limits`] says so if it isn't.
fn reader_table<'d>(field: &Field<'d>) -> Option<Table<'d>> {
    match field.value {
        toml::de::DeValue::Table(table) => Some(Table::new(table)),
        _ => None,
    }
}

fn read_reason(reader: &mut Reader, field: &Field<'_>) -> Option<String> {
    let reason = reader.line(field, "a string")?;
    let length = reason.chars().count();
    if length > REASON_MAX {
        reader.bad_value(field, format!("it has {length} characters, at most {REASON_MAX} are allowed"));
        return None;
    }
    Some(reason.to_owned())
}
