//! The lock as TOML: one list element a line, so that a change of one thing is a change of one line.

use std::fmt;

use toml_writer::TomlWrite as _;

use super::model::{Lock, Locked, failure_text};
use super::{LOCK_VERSION, Source};

const HEADER: &str = "\
# Made by `forensic-host plugin lock`. Commit it; do not edit it: make it anew and review what changed.
# `forensic-host run --locked` refuses to run a pipeline that differs from it.
";

impl Lock {
    /// The text of the lock file.
    pub fn to_toml(&self) -> String {
        let mut text = String::from(HEADER);
        // Writing to a string can't fail.
        let _ = write(&mut text, self);
        text
    }
}

fn write(text: &mut String, lock: &Lock) -> fmt::Result {
    pair(text, "version", LOCK_VERSION)?;
    for locked in lock.plugins() {
        text.newline()?;
        text.open_array_of_tables_header()?;
        text.key("plugin")?;
        text.close_array_of_tables_header()?;
        text.newline()?;
        write_plugin(text, locked)?;
    }
    Ok(())
}

fn write_plugin(text: &mut String, locked: &Locked) -> fmt::Result {
    let Locked { report, name, version, source, manifest, sha256, .. } = locked;
    string(text, "report", report)?;
    string(text, "name", name)?;
    string(text, "version", version)?;
    string(text, "source", &source.to_string())?;
    if let (Source::Oci(_), Some(manifest)) = (source, manifest) {
        string(text, "manifest", &manifest.to_string())?;
    }
    string(text, "sha256", sha256.hex())?;
    string(text, "api", &locked.api)?;
    list(text, "interfaces", &locked.interfaces)?;
    list(text, "artifacts", &locked.artifacts)?;
    if !locked.limits.is_empty() {
        text.key("limits")?;
        text.push_str(" = { ");
        for (at, (key, value)) in locked.limits.iter().enumerate() {
            text.push_str(if at == 0 { "" } else { ", " });
            text.key(key.as_str())?;
            text.push_str(" = ");
            text.value(value.as_str())?;
        }
        text.push_str(" }\n");
    }
    string(text, "on_failure", failure_text(locked.on_failure))?;
    if let Some(key) = &locked.signed_by {
        string(text, "signed_by", key.as_str())?;
    }
    Ok(())
}

fn pair(text: &mut String, key: &str, value: impl toml_writer::WriteTomlValue) -> fmt::Result {
    text.key(key)?;
    text.push_str(" = ");
    text.value(value)?;
    text.newline()
}

fn string(text: &mut String, key: &str, value: &str) -> fmt::Result {
    pair(text, key, toml_writer::TomlStringBuilder::new(value).as_basic())
}

fn list(text: &mut String, key: &str, values: &[String]) -> fmt::Result {
    text.key(key)?;
    text.push_str(" = [");
    for value in values {
        text.push_str("\n  ");
        text.value(toml_writer::TomlStringBuilder::new(value).as_basic())?;
        text.push(',');
    }
    text.push_str(if values.is_empty() { "]\n" } else { "\n]\n" });
    Ok(())
}
