//! The lock's text into data, with [`crate::config`]: every mistake with line, column and cure. Strict, because what
//! isn't understood isn't locked.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use super::model::{Lock, Locked, Source};
use super::{KeyId, LOCK_VERSION};
use crate::config::read::{Field, Reader, Table};
use crate::config::words::clip;
use crate::config::{self, Diagnostics};
use crate::pipeline::OnFailure;
use crate::registry::Digest;

const ROOT_KEYS: [&str; 2] = ["version", "plugin"];
const KEYS: [&str; 12] = [
    "report",
    "name",
    "version",
    "source",
    "manifest",
    "sha256",
    "api",
    "interfaces",
    "artifacts",
    "limits",
    "on_failure",
    "signed_by",
];
const AGAIN: &str = "make it anew with `forensic-host plugin lock` and review what changed";
/// Longest API version.
const MAX_API: usize = 32;

impl Lock {
    /// Reads the text of a lock file; `path` is its name in messages.
    ///
    /// # Errors
    /// [`Diagnostics`]: every mistake in the text.
    pub fn parse(text: String, path: &Path) -> Result<Self, Diagnostics> {
        config::parse(path, text, root).map(|(lock, _)| lock)
    }
}

fn root(reader: &mut Reader, document: Table<'_>) -> Option<Lock> {
    // Of a file of another version nothing else is said: its keys mean something else.
    match document.get("version") {
        None => {
            reader.mistakes.error(0..0, "this is no lock file: `version` is missing").help(AGAIN);
            return None;
        }
        Some(version) => match reader.count(&version)? {
            LOCK_VERSION => {}
            0 => {
                reader.bad_value(&version, format!("expected {LOCK_VERSION}")).help(AGAIN);
                return None;
            }
            newer => {
                let why = format!("this host knows version {LOCK_VERSION} of lock files");
                let help = format!("use the forensic-host that made it, or {AGAIN}");
                let message = format!("the lock file has version {newer}");
                reader.mistakes.error(version.at, message).label(why).help(help);
                return None;
            }
        },
    }
    reader.refuse_unknown(document, "the lock file", &ROOT_KEYS);
    let plugins = match document.get("plugin") {
        Some(plugins) => reader.array(&plugins, "a list of tables, `[[plugin]]`")?,
        None => Vec::new(),
    };
    let mut seen: HashMap<&str, Range<usize>> = HashMap::new();
    let mut locked = Vec::with_capacity(plugins.len());
    for plugin in &plugins {
        let Some(table) = reader.table(plugin, "a table") else { continue };
        if let Some(report) = table.get("report")
            && let toml::de::DeValue::String(id) = report.value
            && let Some(first) = seen.insert(id, report.at.clone())
        {
            let message = format!("the report stage `{}` is locked twice", clip(id));
            reader.mistakes.error(report.at, message).also(first, "here first").help(AGAIN);
        }
        locked.extend(read_plugin(reader, plugin, table));
    }
    Some(Lock::new(locked))
}

fn read_plugin(reader: &mut Reader, plugin: &Field<'_>, table: Table<'_>) -> Option<Locked> {
    let mistyped = reader.refuse_unknown(table, "`[[plugin]]`", &KEYS);
    let required = |reader: &mut Reader, key| {
        let field = table.get(key);
        if field.is_none() && !mistyped.contains(&key) {
            let draft = reader.mistakes.error(plugin.at.clone(), format!("`{key}` is missing in `[[plugin]]`"));
            draft.help(AGAIN).may_follow_from_syntax();
        }
        field
    };
    let report = required(reader, "report").and_then(|field| line(reader, &field));
    let name = required(reader, "name").and_then(|field| line(reader, &field));
    let version = required(reader, "version").and_then(|field| line(reader, &field));
    let source_field = required(reader, "source");
    let sha256 = required(reader, "sha256").and_then(|field| read_hex(reader, &field));
    let api = required(reader, "api").and_then(|field| read_api(reader, &field));
    let interfaces = required(reader, "interfaces").and_then(|field| lines(reader, &field));
    let artifacts = required(reader, "artifacts").and_then(|field| lines(reader, &field));
    let on_failure = required(reader, "on_failure").and_then(|field| read_on_failure(reader, &field));
    let source = source_field.as_ref().and_then(|field| parsed::<Source>(reader, field));
    let manifest = read_manifest(reader, table, source_field.as_ref(), source.as_ref());
    let limits = match table.get("limits") {
        Some(limits) => read_limits(reader, &limits),
        None => Some(BTreeMap::new()),
    };
    let signed_by = match table.get("signed_by") {
        Some(key) => Some(parsed::<KeyId>(reader, &key)?),
        None => None,
    };
    Some(Locked {
        report: report?,
        name: name?,
        version: version?,
        source: source?,
        manifest: manifest?,
        sha256: sha256?,
        api: api?,
        interfaces: interfaces?,
        artifacts: artifacts?,
        limits: limits?,
        on_failure: on_failure?,
        signed_by,
    })
}

/// Must be there with a registry and nowhere else, and must be the digest that the source names, where it names one.
fn read_manifest(
    reader: &mut Reader,
    table: Table<'_>,
    at: Option<&Field<'_>>,
    source: Option<&Source>,
) -> Option<Option<Digest>> {
    let field = table.get("manifest");
    let manifest = match &field {
        Some(field) => Some(parsed::<Digest>(reader, field)?),
        None => None,
    };
    match (source, &field, &manifest) {
        (Some(Source::Oci(_)), None, _) => {
            let at = at.map_or(0..0, |field| field.at.clone());
            let draft = reader.mistakes.error(at, "`manifest` is missing, which a source in a registry needs");
            draft.help(AGAIN);
            None
        }
        (Some(Source::Oci(reference)), Some(field), Some(manifest)) => match reference.digest() {
            Some(pinned) if pinned != manifest => {
                reader.bad_value(field, "the source names another digest").help(AGAIN);
                None
            }
            _ => Some(Some(manifest.clone())),
        },
        (Some(_), Some(field), _) => {
            reader.bad_value(field, "only a source in a registry has a manifest").help(AGAIN);
            None
        }
        _ => Some(None),
    }
}

fn line(reader: &mut Reader, field: &Field<'_>) -> Option<String> {
    reader.line(field, "a string").map(str::to_owned)
}

fn lines(reader: &mut Reader, field: &Field<'_>) -> Option<Vec<String>> {
    let elements = reader.array(field, "a list of strings")?;
    elements.iter().map(|element| line(reader, element)).collect()
}

fn parsed<T: FromStr<Err: Display>>(reader: &mut Reader, field: &Field<'_>) -> Option<T> {
    let text = reader.line(field, "a string")?;
    match text.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            reader.bad_value(field, format!("{error}")).help(AGAIN);
            None
        }
    }
}

fn read_hex(reader: &mut Reader, field: &Field<'_>) -> Option<Digest> {
    let text = reader.line(field, "a string")?;
    let digest = Digest::from_hex(text);
    if digest.is_none() {
        reader.bad_value(field, "expected 64 digits 0-9 a-f").help(AGAIN);
    }
    digest
}

fn read_api(reader: &mut Reader, field: &Field<'_>) -> Option<String> {
    let text = reader.line(field, "a string")?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if text.len() > MAX_API || !text.split('.').all(is_number) {
        reader.bad_value(field, "expected a version such as 0.1.0").help(AGAIN);
        return None;
    }
    Some(text.to_owned())
}

fn read_on_failure(reader: &mut Reader, field: &Field<'_>) -> Option<OnFailure> {
    match reader.line(field, "\"degrade\" or \"fail\"")? {
        "degrade" => Some(OnFailure::Degrade),
        "fail" => Some(OnFailure::Fail),
        _ => {
            reader.bad_value(field, "expected \"degrade\" or \"fail\"").help(AGAIN);
            None
        }
    }
}

fn read_limits(reader: &mut Reader, field: &Field<'_>) -> Option<BTreeMap<String, String>> {
    let table = reader.table(field, "a table of limits")?;
    let mut limits = BTreeMap::new();
    for field in table.fields() {
        if field.name.is_empty() || !field.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            reader.mistakes.error(field.key_at, format!("`{}` is no limit", clip(field.name))).help(AGAIN);
            return None;
        }
        limits.insert(field.name.to_owned(), line(reader, &field)?);
    }
    Some(limits)
}
