//! `plugin push`: a component to an OCI registry, with its signature where there is one.

use std::collections::BTreeMap;

use super::super::args::{Common, PluginPushCommand};
use super::super::progress::say;
use super::super::{Exit, Failure, Outcome, print};
use crate::limits::Limits;
use crate::plugin::inspect;
use crate::registry::{Access, Reference, Upload, docker_config, push};

pub(super) fn run(command: &PluginPushCommand, common: &Common) -> Outcome {
    let reference = Reference::parse(&command.reference).map_err(Failure::usage)?;
    let unreadable = |path: &std::path::Path, error: std::io::Error| {
        Failure::usage(anyhow::anyhow!("can't read {}: {error}", path.display()))
    };
    let component = std::fs::read(&command.component).map_err(|error| unreadable(&command.component, error))?;
    let inspection = inspect(&component, &Limits::default()).map_err(Failure::usage)?;
    inspection.check().map_err(Failure::usage)?;
    let signature = match &command.signature {
        Some(path) => Some(std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?),
        None => None,
    };
    let access = Access { docker_config: docker_config(|name| std::env::var_os(name)), ..Access::default() };
    let upload = Upload {
        component: &component,
        imports: &inspection.imports,
        exports: &inspection.exports,
        signature: signature.as_deref(),
        annotations: &BTreeMap::new(),
    };
    let digest = push(&reference, &upload, &access).map_err(Failure::usage)?;
    let pinned = reference.pinned(&digest);
    if !common.quiet {
        let signed = if signature.is_some() { ", signed" } else { "" };
        say(format_args!("pushed {} ({} bytes{signed})", command.component.display(), component.len()));
    }
    print(&format!("{pinned}\n"))?;
    Ok(Exit::Success)
}
