//! `plugin inspect`: what a component says of itself. Nothing of it is compiled or run.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::args::{Format, InspectCommand};
use super::super::{Exit, Failure, Outcome, print};
use super::visible;
use crate::authoring::{Project, World, has_function_names};
use crate::limits::{Limit, Limits};
use crate::plugin::{API_VERSION, Inspection, Producer, inspect as inspect_component};
use crate::units::bytes;

pub(super) fn inspect(command: &InspectCommand) -> Outcome {
    let Project { file, component, .. } = super::find(&command.plugin)?;
    let mut limits = Limits::default();
    // A component that is too large for the default is still worth a look.
    limits.set(Limit::Component, Limit::Component.spec().max).map_err(Failure::internal)?;
    let inspection = inspect_component(&component, &limits).map_err(Failure::usage)?;
    let file = file.display().to_string();
    let seen = Seen::of(&file, &component, &inspection);
    print(&match command.format {
        Format::Json => serde_json::to_string_pretty(&seen).map_err(Failure::internal)? + "\n",
        Format::Text => seen.text(&World::of(&inspection)),
    })?;
    Ok(Exit::Success)
}

#[derive(Serialize)]
struct Seen<'a> {
    file: &'a str,
    sha256: &'a str,
    size: u64,
    world: &'static str,
    pure: bool,
    api: Option<&'a str>,
    host_api: &'static str,
    imports: &'a [String],
    exports: &'a [String],
    refused: Vec<Refused<'a>>,
    languages: &'a [String],
    producers: &'a [Producer],
    function_names: bool,
    /// Why this host does not run it, as far as can be told without compiling it.
    refusal: Option<String>,
}

#[derive(Serialize)]
struct Refused<'a> {
    import: &'a str,
    why: &'a str,
}

impl<'a> Seen<'a> {
    fn of(file: &'a str, component: &[u8], inspection: &'a Inspection) -> Self {
        Self {
            file,
            sha256: &inspection.digest,
            size: inspection.size,
            world: World::of(inspection).word(),
            pure: inspection.pure,
            api: inspection.api.as_deref(),
            host_api: API_VERSION,
            imports: &inspection.imports,
            exports: &inspection.exports,
            refused: inspection.refused.iter().map(|r| Refused { import: &r.import, why: &r.why }).collect(),
            languages: &inspection.languages,
            producers: &inspection.producers,
            function_names: has_function_names(component),
            refusal: inspection.check().err().map(|error| error.to_string()),
        }
    }

    fn text(&self, world: &World) -> String {
        let mut out = String::new();
        // Names come from a stranger's file, and go to a terminal.
        let mut line = |key: &str, value: &str| _ = writeln!(out, "{key:<15} {}", visible(value));
        line("file", self.file);
        line("size", &format!("{} ({} bytes)", bytes(self.size), self.size));
        line("sha256", self.sha256);
        line("world", &world.to_string());
        line("pure", if self.pure { "yes: it imports nothing but the report API" } else { "no" });
        line("report API", &format!("{}; this host has {}", self.api.unwrap_or("none"), self.host_api));
        for (key, names) in [("imports", self.imports), ("exports", self.exports)] {
            let first = names.first().map_or("nothing", String::as_str);
            line(key, first);
            names.iter().skip(1).for_each(|name| line("", name));
        }
        for refused in &self.refused {
            line("not granted", &format!("{}: {}", refused.import, refused.why));
        }
        let languages = if self.languages.is_empty() { "not told".into() } else { self.languages.join(", ") };
        line("languages", &languages);
        for tool in self.producers.iter().filter(|tool| tool.field != "language") {
            line("made with", format!("{} {}", tool.name, tool.version).trim());
        }
        line("function names", if self.function_names { "kept" } else { "stripped" });
        line("runs here", self.refusal.as_deref().unwrap_or("as far as can be seen; `plugin check` tries it"));
        out
    }
}
