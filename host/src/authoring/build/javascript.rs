//! JavaScript and TypeScript: esbuild makes one file of all modules, jco puts it into a component with StarlingMonkey.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{BuildError, OUT, WIT, WORLD, read, tools};

/// Where npm puts a project's tools.
const LOCAL: &str = "node_modules/.bin";

pub(super) struct Tools {
    esbuild: PathBuf,
    jco: PathBuf,
}

pub(super) fn find(folder: &Path) -> Result<Tools, BuildError> {
    if tools::in_path("node").is_none() {
        return Err(BuildError::Missing {
            what: "Node.js is not in PATH".into(),
            cure: "Install Node.js 20 or newer with npm (https://nodejs.org; on Debian: apt-get install nodejs npm)"
                .into(),
        });
    }
    let tool = |name: &str| {
        tools::find(folder, LOCAL, name).ok_or_else(|| BuildError::Missing {
            what: format!("{name} is neither in node_modules nor in PATH"),
            cure: "Install the tools into the project: npm ci".into(),
        })
    };
    Ok(Tools { esbuild: tool("esbuild")?, jco: tool("jco")? })
}

pub(super) fn build(folder: &Path, say: &mut dyn FnMut(&str)) -> Result<Vec<u8>, BuildError> {
    let Tools { esbuild, jco } = find(folder)?;
    let entry = if folder.join("plugin.ts").exists() { "plugin.ts" } else { "plugin.js" };
    let bundle = Path::new(OUT).join("plugin.js");
    let out = Path::new(OUT).join("plugin.wasm");
    let mut command = Command::new(esbuild);
    command
        .args([entry, "--bundle", "--format=esm", "--target=es2023", "--external:forensic:*", "--log-level=warning"])
        .arg(format!("--outfile={}", bundle.display()));
    tools::run(folder, command, say)?;
    let mut command = Command::new(jco);
    // HTTP is not to be had; standard error is kept, because that is where an engine tells what went wrong.
    command.arg("componentize").arg(&bundle).args(["--wit", WIT, "--world-name", WORLD]);
    command.args(["--disable", "http", "--disable", "fetch-event", "--out"]).arg(&out);
    tools::run(folder, command, say)?;
    read(&folder.join(out), "jco has not written it")
}
