//! Builds report plugins from Rust source into WebAssembly components, for build scripts.
//!
//! A guest is compiled for `wasm32-unknown-unknown` by a cargo of its own, in a target folder of its own (two
//! cargos in one folder would wait for each other for ever), and the core module is made a component.

mod toolchain;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use wit_component::ComponentEncoder;

use crate::toolchain::Toolchain;

/// The one target of guests.
const TARGET: &str = "wasm32-unknown-unknown";

/// Compiles the workspace packages `packages` as guests and returns one component each, in that order.
///
/// `workspace` is the workspace's root folder; core modules land in `target_folder`.
///
/// # Errors
/// A text that says what to do: no toolchain for guests, code that does not compile, a module that is not a
/// plugin.
pub fn build_guests(workspace: &Path, target_folder: &Path, packages: &[&str]) -> Result<Vec<Vec<u8>>, String> {
    let toolchain = Toolchain::find()?;
    let mut cargo = toolchain.cargo();
    cargo
        .current_dir(workspace)
        .args(["build", "--profile", "guest", "--target", TARGET, "--lib", "--target-dir"])
        .arg(target_folder)
        .args(packages.iter().flat_map(|package| ["--package", package]));
    // Panics carry the path of their source file: keep this machine's folders out of it, so that the same
    // source gives the same component in any folder.
    let mut flags = OsString::new();
    for (path, name) in [(Some(workspace.to_owned()), "."), (cargo_home(), "cargo"), (toolchain.sysroot(), "rust")] {
        if let Some(path) = path {
            if !flags.is_empty() {
                flags.push("\u{1f}");
            }
            flags.push("--remap-path-prefix=");
            flags.push(&path);
            flags.push(format!("={name}"));
        }
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags);
    let output = cargo.output().map_err(|error| format!("can't start cargo for the guests: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "the guests {packages:?} do not compile ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    packages
        .iter()
        .map(|package| {
            let module =
                target_folder.join(TARGET).join("guest").join(package.replace('-', "_")).with_extension("wasm");
            let bytes = std::fs::read(&module).map_err(|error| format!("can't read {}: {error}", module.display()))?;
            componentize(&bytes).map_err(|why| format!("{package} does not make a component: {why}"))
        })
        .collect()
}

/// Makes a component of a core module that carries the WIT of its world.
///
/// # Errors
/// Where the module is none, or has imports that its world does not name.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, String> {
    ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|error| format!("{error:#}"))
}

fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))
}

/// A cargo that inherits nothing of the cargo, clippy or rustdoc that called this build script.
fn clean_command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let keep = ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_TERM_COLOR"].contains(&&*text)
            || text.starts_with("CARGO_REGISTR")
            || text.starts_with("CARGO_SOURCE")
            || text.starts_with("CARGO_HTTP");
        if !keep && (text.starts_with("CARGO") || text.starts_with("RUSTC") || text.starts_with("RUSTDOC"))
            || ["RUSTFLAGS", "TARGET", "HOST", "PROFILE", "OUT_DIR", "OPT_LEVEL", "DEBUG", "CLIPPY_ARGS"]
                .contains(&&*text)
        {
            command.env_remove(name);
        }
    }
    command
}
