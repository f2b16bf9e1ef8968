//! `plugin new`: a folder that builds and passes its test at once. Prints the commands to go on, and only those, to
//! standard output.

use std::path::{Path, PathBuf};

use super::super::args::NewCommand;
use super::super::progress::say;
use super::super::{Exit, Failure, Outcome, print};
use crate::authoring::{Language, PluginName, create, missing_tools};

pub(in crate::cli) fn new(command: &NewCommand) -> Outcome {
    let name = PluginName::parse(&command.name).map_err(Failure::usage)?;
    let language = command.lang.language();
    let folder = command.out.clone().unwrap_or_else(|| PathBuf::from(name.file_stem()));
    create(language, &name, &folder).map_err(Failure::usage)?;
    say(format_args!("{} holds the new plugin {name}: its README.md says what to edit. Go on with:", folder.display()));
    print(&next(language, &folder)).map(|()| Exit::Success)
}

/// The commands to go on: what is missing is installed first.
fn next(language: Language, folder: &Path) -> String {
    let host = this_program();
    let mut lines = vec![format!("cd {}", quoted(&folder.to_string_lossy()))];
    if missing_tools(language, folder).is_some() {
        lines.extend(install(language).iter().map(|line| (*line).to_owned()));
    }
    lines.extend(["plugin build", "plugin test", "run"].map(|command| format!("{host} {command}")));
    lines.push(String::new());
    lines.join("\n")
}

fn install(language: Language) -> &'static [&'static str] {
    match language {
        Language::Rust => &["rustup target add wasm32-unknown-unknown"],
        Language::Python => &["python3 -m venv .venv", ".venv/bin/pip install --requirement requirements.txt"],
        Language::JavaScript => &["npm ci"],
        Language::C => &["sudo apt-get install clang lld wasi-libc libclang-rt-dev-wasm32"],
    }
}

/// How to call this program again: by its name where that was enough now, else by its path.
fn this_program() -> String {
    let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    if called.components().count() > 1
        && let Ok(path) = std::env::current_exe()
    {
        return quoted(&path.to_string_lossy());
    }
    "forensic-host".into()
}

/// A word for the shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
