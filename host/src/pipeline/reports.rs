//! The tables `[[report]]`: which plugin, what it may read, how much it may use.

use std::collections::HashMap;
use std::path::Path;

use globset::{GlobBuilder, GlobSet};

use super::below;
use super::include::Document;
use super::model::{OnFailure, PluginSource, ReportStage};
use super::names::{id_problem, repaired_id};
use crate::config::read::{Field, Reader, Table};
use crate::config::words::clip;
use crate::limits::{Limit, Limits, TABLE, Unit};
use crate::registry::Reference;

pub(super) const KEYS: [&str; 6] = ["id", "plugin", "artifacts", "config", "limits", "on_failure"];

/// Names in `reports/` that are the host's own.
const RESERVED: &str = "forensic_report";

const MAX_GLOBS: usize = 1_000;
const MAX_GLOB: usize = 512;

pub(super) fn read(reader: &mut Reader, documents: &[Document<'_>], builtins: &[&str]) -> Vec<ReportStage> {
    const EXPECTED: &str = "a list of tables";
    let mut ids = HashMap::new();
    let mut reports = Vec::new();
    for document in documents {
        let Some(field) = document.table.get("report") else { continue };
        if let toml::de::DeValue::Table(_) = field.value {
            reader.wrong_type(&field, EXPECTED).help("write `[[report]]` instead of `[report]`");
            continue;
        }
        for element in reader.array(&field, EXPECTED).unwrap_or_default() {
            let Some(table) = reader.table(&element, "a table") else { continue };
            reports.extend(read_report(reader, &element, table, &document.folder.dir, builtins, &mut ids));
        }
    }
    reports
}

fn read_report<'d>(
    reader: &mut Reader,
    report: &Field<'d>,
    table: Table<'d>,
    dir: &Path,
    builtins: &[&str],
    ids: &mut HashMap<String, Field<'d>>,
) -> Option<ReportStage> {
    let mistyped = reader.refuse_unknown(table, "`[[report]]`", &KEYS);
    let required = |reader: &mut Reader, key| required(reader, report, table, key, &mistyped);
    let id = required(reader, "id").and_then(|id| read_id(reader, id, ids));
    let plugin = required(reader, "plugin").and_then(|plugin| read_plugin(reader, &plugin, dir, builtins));
    let artifacts = table.get("artifacts").map(|globs| read_globs(reader, &globs)).unwrap_or_default();
    let config = match table.get("config") {
        Some(config) => reader.table(&config, "a table").and_then(|_| reader.json(&config)),
        None => Some(serde_json::Value::Object(serde_json::Map::new())),
    };
    let limits = table.get("limits").map(|limits| read_limits(reader, &limits)).unwrap_or_default();
    let on_failure = table.get("on_failure").and_then(|choice| read_on_failure(reader, &choice)).unwrap_or_default();
    Some(ReportStage { id: id?, plugin: plugin?, artifacts, config: config?, limits, on_failure })
}

fn required<'d>(
    reader: &mut Reader,
    report: &Field<'d>,
    table: Table<'d>,
    key: &str,
    mistyped: &[&str],
) -> Option<Field<'d>> {
    let field = table.get(key);
    if field.is_none() && !mistyped.contains(&key) {
        let draft = reader.mistakes.error(report.at.clone(), format!("`{key}` is missing in `[[report]]`"));
        draft.help(format!("add `{key} = \"…\"`")).may_follow_from_syntax();
    }
    field
}

fn read_id<'d>(reader: &mut Reader, field: Field<'d>, ids: &mut HashMap<String, Field<'d>>) -> Option<String> {
    let id = reader.string(&field, "a string")?;
    let problem = match id_problem(id) {
        None if id.eq_ignore_ascii_case(RESERVED) => Some("the host's own report has this name".to_owned()),
        problem => problem,
    };
    if let Some(problem) = problem {
        let draft = reader.mistakes.error(field.at, format!("bad report id `{}`", clip(id)));
        draft.label(problem).did_you_mean(repaired_id(id).filter(|fixed| fixed != id).as_deref());
        return None;
    }
    let Some(first) = ids.get(&id.to_ascii_lowercase()) else {
        ids.insert(id.to_ascii_lowercase(), field);
        return Some(id.to_owned());
    };
    let draft = reader.mistakes.error(field.at, format!("report id `{}` is used twice", clip(id)));
    draft.label("again here").also(first.at.clone(), "first here");
    draft.help("give each report an id of its own, and not only in upper and lower case: it names a file");
    None
}

fn read_plugin(reader: &mut Reader, field: &Field<'_>, dir: &Path, builtins: &[&str]) -> Option<PluginSource> {
    let text = reader.line(field, "`builtin:NAME`, a path or `oci://…` in quotes")?;
    if let Some(name) = text.strip_prefix("builtin:") {
        if builtins.contains(&name) {
            return Some(PluginSource::Builtin(name.to_owned()));
        }
        let meant = reader.suggester.nearest(name, builtins.iter().copied()).map(|name| format!("builtin:{name}"));
        let draft = reader.mistakes.error(field.at.clone(), format!("unknown built-in plugin `{}`", clip(name)));
        match meant {
            Some(meant) => draft.did_you_mean(Some(&meant)),
            None if builtins.is_empty() => draft.help("this program has no built-in plugins"),
            None => draft.help(format!("built-in plugins: {}", builtins.join(", "))),
        };
        return None;
    }
    if text.starts_with("oci://") {
        return match Reference::parse(text) {
            Ok(reference) => Some(PluginSource::Oci(reference)),
            Err(error) => {
                let draft = reader.mistakes.error(field.at.clone(), format!("bad reference `{}`", clip(text)));
                draft.label(format!("{} (character {})", error.why, error.column)).help(error.help);
                None
            }
        };
    }
    let path = below(dir, text);
    let problem = match std::fs::metadata(&path) {
        Ok(found) if found.is_file() => return Some(PluginSource::Path(path)),
        Ok(_) => "this is not a file",
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "there is no such file",
        Err(_) => "this file cannot be reached",
    };
    let builtin = reader.suggester.nearest(text, builtins.iter().copied()).or(builtins.contains(&text).then_some(text));
    let draft = reader.mistakes.error(field.at.clone(), format!("plugin `{}` cannot be found", clip(text)));
    draft.label(problem);
    if let Some(builtin) = builtin {
        draft.did_you_mean(Some(&format!("builtin:{builtin}")));
    } else if Path::new(text).is_relative() {
        draft.help("it is relative to the pipeline file's folder");
    }
    None
}

/// The patterns of a grant of files; what is wrong with them is recorded.
pub(crate) fn read_globs(reader: &mut Reader, field: &Field<'_>) -> Vec<String> {
    let globs = reader.strings(field, "an array of file patterns").unwrap_or_default();
    if globs.len() > MAX_GLOBS {
        reader.bad_value(field, format!("it has {} patterns, at most {MAX_GLOBS} are allowed", globs.len()));
        return Vec::new();
    }
    let mut good = Vec::with_capacity(globs.len());
    for (element, glob) in globs {
        match glob_problem(glob, "patterns are relative to the run directory and stay below it") {
            None => good.push(glob.to_owned()),
            Some((problem, advice)) => {
                let draft = reader.mistakes.error(element.at, format!("bad file pattern `{}`", clip(glob)));
                draft.label(problem).maybe_help(advice);
            }
        }
    }
    good
}

/// Why a pattern is refused, with advice; `below` says what it is relative to.
pub(super) fn glob_problem(glob: &str, below: &str) -> Option<(String, Option<String>)> {
    let say = |problem: &str, advice: &str| Some((problem.to_owned(), Some(advice.to_owned())));
    if glob.trim().is_empty() {
        return Some(("it is empty".to_owned(), None));
    }
    if glob.len() > MAX_GLOB {
        return Some((format!("it has {} bytes, at most {MAX_GLOB} are allowed", glob.len()), None));
    }
    if glob.contains('\\') {
        return say("`\\` is not allowed", "separate folders with `/`, and put a special character in brackets: `[*]`");
    }
    if glob.starts_with('/') || glob.as_bytes().get(1) == Some(&b':') {
        return say("it is absolute", below);
    }
    let mut parts = glob.split(['/', '{', '}', ',']);
    if parts.clone().any(|part| part == "..") {
        return say("`..` is not allowed", below);
    }
    let dotted = parts.any(|part| part == ".");
    if dotted || glob.contains("//") || glob.ends_with('/') {
        let fixed: Vec<&str> = glob.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let advice = if glob.ends_with('/') {
            format!("write `{}/**` for all below a folder", fixed.join("/"))
        } else {
            format!("did you mean `{}`?", fixed.join("/"))
        };
        return Some(("it would match nothing".to_owned(), Some(advice)));
    }
    let compiled =
        GlobBuilder::new(glob).literal_separator(true).build().and_then(|glob| GlobSet::builder().add(glob).build());
    compiled.err().map(|error| (error.kind().to_string(), None))
}

/// A table of limits; what is wrong with it is recorded.
pub(crate) fn read_limits(reader: &mut Reader, field: &Field<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(table) = reader.table(field, "a table such as `{ time = \"5s\" }`") else { return limits };
    let keys = TABLE.map(|spec| spec.key);
    reader.refuse_unknown(table, "`limits`", &keys);
    for field in table.fields() {
        let Some(limit) = Limit::from_key(field.name) else { continue };
        let value = match limit.spec().unit {
            Unit::Time => reader.any_duration(&field).map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
            Unit::Bytes => reader.size(&field),
            Unit::Count => reader.count(&field),
        };
        let Some(value) = value else { continue };
        if let Err(refused) = limits.set(limit, value) {
            let spec = limit.spec();
            let range = format!("{} to {} are allowed", spec.unit.show(spec.min), spec.unit.show(spec.max));
            reader.mistakes.error(field.at, refused.to_string()).label(range);
        }
    }
    limits
}

fn read_on_failure(reader: &mut Reader, field: &Field<'_>) -> Option<OnFailure> {
    match reader.string(field, "\"degrade\" or \"fail\"")? {
        "degrade" => Some(OnFailure::Degrade),
        "fail" => Some(OnFailure::Fail),
        other => {
            let meant = reader.suggester.nearest(other, ["degrade", "fail"]);
            reader.bad_value(field, "expected \"degrade\" or \"fail\"").did_you_mean(meant);
            None
        }
    }
}
