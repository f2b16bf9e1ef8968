//! Python: componentize-py puts the interpreter and the modules into a component.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{BuildError, OUT, WIT, WORLD, file, read, tools};

/// The module with the class `Plugin`.
const MODULE: &str = "plugin";
const CURE: &str =
    "Install it into the project: python3 -m venv .venv && .venv/bin/pip install --requirement requirements.txt";

pub(super) fn find(folder: &Path) -> Result<PathBuf, BuildError> {
    tools::find(folder, ".venv/bin", "componentize-py").ok_or_else(|| BuildError::Missing {
        what: "componentize-py is neither in .venv nor in PATH".into(),
        cure: CURE.into(),
    })
}

pub(super) fn build(folder: &Path, say: &mut dyn FnMut(&str)) -> Result<Vec<u8>, BuildError> {
    let tool = find(folder)?;
    let out = Path::new(OUT).join("plugin.wasm");
    let made = folder.join(OUT);
    std::fs::create_dir_all(&made).map_err(|error| file(&made, format!("it can't be made: {error}")))?;
    let mut command = Command::new(tool);
    command.args(["--wit-path", WIT, "--world", WORLD, "componentize", MODULE, "--output"]).arg(&out);
    // Tools that a virtual environment leaves behind are no modules of the plugin.
    command.env_remove("PYTHONPATH").env_remove("PYTHONHOME");
    tools::run(folder, command, say)?;
    read(&folder.join(out), "componentize-py has not written it")
}
