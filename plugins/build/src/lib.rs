//! Builds report plugins into WebAssembly components: the first-party ones from build scripts, those of other
//! projects for `forensic-host plugin build`.
//!
//! A guest in Rust is compiled for `wasm32-unknown-unknown` by a cargo of its own, in a target folder of its own (two
//! cargos in one folder would wait for each other for ever), and the core module is made a component.

mod component;
mod toolchain;

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

pub use crate::component::{componentize, componentize_for};
use crate::toolchain::{CHOICE, Toolchain};

/// The one target of guests.
const TARGET: &str = "wasm32-unknown-unknown";
/// Its name in a configuration of cargo.
const RUSTFLAGS: &str = "target.wasm32-unknown-unknown.rustflags";

/// Compiles the workspace packages `packages` as guests and returns one component each, in that order. For build
/// scripts: it tells cargo which variables matter.
///
/// `workspace` is the workspace's root folder; core modules land in `target_folder`.
///
/// # Errors
/// A text that says what to do: no toolchain for guests, code that does not compile, a module that is not a
/// plugin.
pub fn build_guests(workspace: &Path, target_folder: &Path, packages: &[&str]) -> Result<Vec<Vec<u8>>, String> {
    println!("cargo::rerun-if-env-changed={CHOICE}");
    let toolchain = Toolchain::find(workspace)?;
    let mut cargo = toolchain.cargo();
    cargo
        .current_dir(workspace)
        .args(["build", "--profile", "guest", "--target", TARGET, "--lib", "--target-dir"])
        .arg(target_folder)
        .args(packages.iter().flat_map(|package| ["--package", package]));
    let flags = remaps(&toolchain, workspace);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join(OsStr::new("\u{1f}")));
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
            let module = module_path(target_folder, "guest", &package.replace('-', "_"));
            let bytes = std::fs::read(&module).map_err(|error| format!("can't read {}: {error}", module.display()))?;
            componentize(&bytes).map_err(|why| format!("{package} does not make a component: {why}"))
        })
        .collect()
}

/// The command that compiles the package in `folder` as a guest, with its release profile, into `target` in there. A
/// person can run it by hand as it is printed. [`module_path()`] says where the module is then.
///
/// # Errors
/// A text that says what to install, where no toolchain can build guests.
pub fn guest_command(folder: &Path) -> Result<Command, String> {
    let toolchain = Toolchain::find(folder)?;
    let mut cargo = toolchain.cargo();
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let flags: Vec<String> = remaps(&toolchain, &absolute)
        .iter()
        .filter_map(|flag| flag.to_str())
        .map(|flag| format!("\"{}\"", flag.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    cargo
        .current_dir(folder)
        .args(["build", "--release", "--lib", "--target", TARGET, "--target-dir", "target", "--config"])
        .arg(format!("{RUSTFLAGS}=[{}]", flags.join(", ")));
    Ok(cargo)
}

/// Where a build with this profile puts the core module of the library `name`.
pub fn module_path(target_folder: &Path, profile: &str, name: &str) -> PathBuf {
    target_folder.join(TARGET).join(profile).join(name).with_extension("wasm")
}

/// Panics carry the path of their source file: these flags keep this machine's folders out of it, so that the same
/// source gives the same component in any folder.
fn remaps(toolchain: &Toolchain, folder: &Path) -> Vec<OsString> {
    [(Some(folder.to_owned()), "."), (cargo_home(), "cargo"), (toolchain.sysroot(), "rust")]
        .into_iter()
        .filter_map(|(path, name)| {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(path?);
            flag.push(format!("={name}"));
            Some(flag)
        })
        .collect()
}

fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))
}

/// A cargo that inherits nothing of the cargo, clippy or rustdoc that called this build script.
fn clean_command(program: impl AsRef<OsStr>) -> Command {
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
