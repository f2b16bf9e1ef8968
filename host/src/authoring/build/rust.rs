//! Rust: cargo makes a core module, which carries its WIT; we make the component.

use std::path::Path;

use forensic_guest_build::{componentize, guest_command, module_path};
use toml::de::DeTable;

use super::{BuildError, file, read, tools};

pub(super) fn missing(folder: &Path) -> Option<BuildError> {
    // The folder of a new project may not be there yet.
    let folder = if folder.is_dir() { folder } else { Path::new(".") };
    guest_command(folder).err().map(no_toolchain)
}

pub(super) fn build(folder: &Path, say: &mut dyn FnMut(&str)) -> Result<Vec<u8>, BuildError> {
    let name = library(folder)?;
    let command = guest_command(folder).map_err(no_toolchain)?;
    tools::run(folder, command, say)?;
    let module = module_path(Path::new("target"), "release", &name);
    say(&format!("wasm-tools component new {} # here forensic-host does that itself", module.display()));
    let module = folder.join(module);
    let bytes = read(&module, "does Cargo.toml have `[lib] crate-type = [\"cdylib\", \"lib\"]`?")?;
    componentize(&bytes).map_err(|why| {
        let hint =
            if why.contains("component-type") || why.contains("decod") { "" } else { ": is `export_plugin!` called?" };
        BuildError::NoPlugin(format!("{why}{hint}"))
    })
}

fn no_toolchain(what: String) -> BuildError {
    let what = what.trim_end_matches('.').to_owned();
    BuildError::Missing { what, cure: String::new() }
}

/// The name of the library that cargo makes.
fn library(folder: &Path) -> Result<String, BuildError> {
    let path = folder.join("Cargo.toml");
    let text = read(&path, "a plugin in Rust is a package of cargo")?;
    let text = String::from_utf8_lossy(&text);
    let root = DeTable::parse(&text).map_err(|error| file(&path, error.message().to_owned()))?;
    let name = |table: &str| {
        let table = root.get_ref().get(table)?.get_ref().as_table()?;
        table.get("name")?.get_ref().as_str().map(str::to_owned)
    };
    let name = name("lib").or_else(|| Some(name("package")?.replace('-', "_")));
    name.ok_or_else(|| file(&path, "it has no `[package]` with a `name`".into()))
}
