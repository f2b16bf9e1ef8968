//! `plugin precompile`: fills the cache of compiled plugins, so that no run has to wait for a compiler.

use serde::Serialize;

use super::super::args::{Format, PrecompileCommand};
use super::super::progress::say;
use super::super::{Exit, Failure, Outcome, plugin_settings, print};
use crate::authoring::Project;
use crate::plugin::{Compiled, LoadError, Plugin};
use crate::units::{bytes, duration};

pub(super) fn precompile(command: &PrecompileCommand) -> Outcome {
    if plugin_settings()?.cache.is_none() {
        return Err(Failure::usage(anyhow::anyhow!(
            "there is no folder to keep compiled plugins in: set XDG_CACHE_HOME, or HOME"
        )));
    }
    let engine = super::engine()?;
    if engine.warning().is_some() {
        // It was told; what is compiled now would be lost.
        return Ok(Exit::Usage);
    }
    let mut done = Vec::new();
    let mut failed = false;
    for named in &command.plugins {
        let Project { file, component, manifest } = super::find(named)?;
        let limits = manifest.map(|manifest| manifest.grants.limits).unwrap_or_default();
        let loaded = engine.load("precompile", &component, &limits);
        failed |= loaded.is_err();
        let row = Row::of(&file.display().to_string(), component.len() as u64, &loaded);
        if let Err(error) = &loaded {
            say(format_args!("error: {}: {error}", row.file));
        } else if command.format == Format::Text {
            print(&row.text())?;
        }
        done.push(row);
    }
    if command.format == Format::Json {
        print(&(serde_json::to_string_pretty(&done).map_err(Failure::internal)? + "\n"))?;
    }
    Ok(if failed { Exit::Usage } else { Exit::Success })
}

#[derive(Serialize)]
struct Row {
    file: String,
    sha256: Option<String>,
    /// The component, in bytes.
    size: u64,
    /// Its machine code, in bytes.
    code_size: Option<u64>,
    /// How long compiling took; 0 where it was in the cache already.
    compile_ns: Option<u64>,
    error: Option<String>,
}

impl Row {
    fn of(file: &str, size: u64, loaded: &Result<Plugin, LoadError>) -> Self {
        let plugin = loaded.as_ref().ok();
        Self {
            file: file.to_owned(),
            sha256: plugin.map(|plugin| plugin.inspection().digest.clone()),
            size,
            code_size: plugin.map(Plugin::code_size),
            compile_ns: plugin.map(|plugin| match plugin.compiled() {
                Compiled::Cached => 0,
                Compiled::Fresh(time) => u64::try_from(time.as_nanos()).unwrap_or(u64::MAX),
            }),
            error: loaded.as_ref().err().map(ToString::to_string),
        }
    }

    fn text(&self) -> String {
        let how = match self.compile_ns {
            Some(0) | None => "was in the cache already".to_owned(),
            Some(ns) => format!("compiled in {}", duration(ns)),
        };
        let code = bytes(self.code_size.unwrap_or_default());
        format!("{}: {} → {code} of machine code, {how}\n", self.file, bytes(self.size))
    }
}
