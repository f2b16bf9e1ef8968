//! Writes the folder of a new plugin: a template of its language with what all languages share, the WIT of this very
//! binary, and for Rust the SDK's source, because it is in no registry.
//!
//! The templates are whole projects of a plugin `acme.slowest`; the new name is put in its place.

use std::io;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::manifest::{Language, MANIFEST};
use super::name::PluginName;

include!(concat!(env!("OUT_DIR"), "/templates.rs"));

/// The name of the plugin in the templates, and what is called after it.
const NAME: &str = "acme.slowest";
const FILE_STEM: &str = "acme_slowest";
/// What the recorded run renders to.
const GOLDEN_PAGE: &str = "tests/golden/example.md";
/// Stands for the word of the language in the shared manifest.
const LANGUAGE: &str = "LANGUAGE";

/// Why there is no new folder.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// There is something already.
    #[error("{} is there already and not empty: name another folder with `--out`", .0.display())]
    NotEmpty(PathBuf),
    /// The folder or a file can't be written.
    #[error("can't write {}: {source}", path.display())]
    Io {
        /// What could not be written.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

/// Makes the folder of a new plugin.
///
/// # Errors
/// Where something is there already, or nothing can be written.
pub fn create(language: Language, name: &PluginName, folder: &Path) -> Result<(), TemplateError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| TemplateError::Io { path, source }
    };
    match folder.read_dir() {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(TemplateError::NotEmpty(folder.to_owned()));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(folder)(error)),
    }
    for (path, content) in project(language, name) {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        std::fs::write(&path, content).map_err(failed(&path))?;
    }
    Ok(())
}

/// All files of a new project.
pub(super) fn project(language: Language, name: &PluginName) -> Vec<(String, Vec<u8>)> {
    let own = format!("guest-sdk/templates/{}/", language.word());
    let mut files = Vec::new();
    for (path, content) in FILES {
        if let Some(path) = path.strip_prefix("guest-sdk/templates/common/").or_else(|| path.strip_prefix(&*own)) {
            // A file `.gitignore` would hide the template's own files.
            let path = if path == "gitignore" { ".gitignore" } else { path };
            let mut content = named(content, name);
            if path == MANIFEST {
                content = replace(&content, LANGUAGE, language.word());
            } else if path == GOLDEN_PAGE {
                content = realigned(&content, name);
            }
            files.push((path.to_owned(), content));
        } else if path.starts_with("wit/") {
            files.push(((*path).to_owned(), content.to_vec()));
        } else if language == Language::Rust && path.starts_with("guest-sdk/src/") {
            // The SDK expects the WIT beside its folder, as here.
            files.push((path.replacen("guest-sdk/", "sdk/", 1), content.to_vec()));
        }
    }
    if language == Language::Rust {
        files.push(("sdk/Cargo.toml".into(), sdk_manifest().into_bytes()));
    }
    files
}

fn named(content: &[u8], name: &PluginName) -> Vec<u8> {
    replace(&replace(content, NAME, name.as_str()), FILE_STEM, &name.file_stem())
}

/// The table that the host draws above a page is as wide as the plugin's name.
fn realigned(page: &[u8], name: &PluginName) -> Vec<u8> {
    const TITLE: &str = "Plugin";
    let (old, new) = (NAME.len(), name.as_str().len().max(TITLE.len()));
    let page = replace(page, &format!("| {TITLE:<old$} |"), &format!("| {TITLE:<new$} |"));
    let page = replace(&page, &format!("| {:-<old$} |", ""), &format!("| {:-<new$} |", ""));
    let cell = format!("| {:<new$} |", name.as_str());
    replace(&page, &format!("| {name} |"), &cell)
}

fn replace(content: &[u8], what: &str, by: &str) -> Vec<u8> {
    match std::str::from_utf8(content) {
        Ok(text) => text.replace(what, by).into_bytes(),
        Err(_) => content.to_vec(),
    }
}

fn embedded(path: &str) -> &'static str {
    let found = FILES.iter().find(|(name, _)| *name == path);
    found.and_then(|(_, content)| std::str::from_utf8(content).ok()).unwrap_or_default()
}

/// The SDK's own manifest, with what it takes from this workspace written out.
pub(super) fn sdk_manifest() -> String {
    let (own, workspace) = (embedded("guest-sdk/Cargo.toml"), embedded("Cargo.toml"));
    // Both are ours and embedded: a test reads what comes out.
    let (Ok(own), Ok(workspace)) = (DeTable::parse(own), DeTable::parse(workspace)) else { return String::new() };
    let (own, workspace) = (own.get_ref(), workspace.get_ref());
    let Some(workspace) = child(workspace, "workspace") else { return String::new() };
    let package = child(workspace, "package");
    let mut text =
        "# The SDK as it came with forensic-host: replace the folder to take a newer one.\n[package]\n".to_owned();
    text += "name = \"forensic-guest-sdk\"\n";
    for key in ["version", "edition", "rust-version", "license"] {
        let value = package.and_then(|package| package.get(key)).and_then(|value| value.get_ref().as_str());
        text += &format!("{key} = {:?}\n", value.unwrap_or_default());
    }
    text += "publish = false\n";
    let shared = child(workspace, "dependencies");
    let mut section = |title: &str, table: Option<&DeTable<'_>>| {
        let Some(table) = table else { return };
        text += &format!("\n[{title}]\n");
        for (name, spec) in table {
            let name = name.get_ref();
            let shared = shared.and_then(|shared| shared.get(&**name));
            text += &format!("{name} = {}\n", dependency(spec.get_ref(), shared.map(|shared| shared.get_ref())));
        }
    };
    section("dependencies", child(own, "dependencies"));
    for (target, tables) in child(own, "target").into_iter().flatten() {
        let tables = tables.get_ref().as_table();
        section(&format!("target.'{}'.dependencies", target.get_ref()), tables.and_then(|t| child(t, "dependencies")));
    }
    text
}

/// A dependency as a package outside the workspace writes it.
fn dependency(own: &DeValue<'_>, shared: Option<&DeValue<'_>>) -> String {
    let both = [shared, Some(own)].into_iter().flatten();
    let tables: Vec<&DeTable<'_>> = both.clone().filter_map(DeValue::as_table).collect();
    let version = both
        .filter_map(|spec| spec.as_str().or_else(|| spec.as_table()?.get("version")?.get_ref().as_str()))
        .next()
        .unwrap_or("*");
    let bare = tables
        .iter()
        .any(|table| table.get("default-features").is_some_and(|value| value.get_ref().as_bool() == Some(false)));
    let mut features: Vec<String> = tables
        .iter()
        .filter_map(|table| table.get("features")?.get_ref().as_array())
        .flatten()
        .filter_map(|feature| Some(format!("{:?}", feature.get_ref().as_str()?)))
        .collect();
    features.dedup();
    let bare = if bare { ", default-features = false" } else { "" };
    format!("{{ version = {version:?}{bare}, features = [{}] }}", features.join(", "))
}

fn child<'a, 'd>(table: &'a DeTable<'d>, key: &str) -> Option<&'a DeTable<'d>> {
    table.get(key)?.get_ref().as_table()
}
